"""A membership as it stands at a moment, with what was agreed to and what it cost and saved."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Sum

from regulars.kit import ids
from regulars.kit.money import Money
from regulars.levers.loyalty._benefits.rows import BenefitUse
from regulars.levers.loyalty._memberships import state
from regulars.levers.loyalty._memberships.rows import Membership as Row
from regulars.levers.loyalty._memberships.rows import MembershipConsent, MembershipPayment
from regulars.levers.loyalty._memberships.values import Agreed, Consent, MembershipView, Meter
from regulars.levers.loyalty.rules.membership_steps import Membership

PREFIX = "mbs"
ROWS = Row.objects.select_related("programme")


def view_of(row: Row, at: datetime) -> MembershipView:
    """As it stands. Three queries."""
    return views_of([row], at)[0]


def views_of(rows: Sequence[Row], at: datetime) -> list[MembershipView]:
    """As they stand. Three queries however many."""
    if not rows:
        return []
    agreed, meters = _agreements(rows), _meters(rows)
    return [_seen(row, at, agreed[row.id], meters[row.id]) for row in rows]


def _seen(row: Row, at: datetime, agreed: Agreed, meter: Meter) -> MembershipView:
    says, one = state.says(row), state.at(row, at)
    currency = says.money
    return MembershipView(
        id=row.id,
        public_id=ids.public(PREFIX, row.public_id),
        customer=row.record_id,
        programme=row.programme.code,
        plan=one.plan.id,
        titles=one.plan.titles,
        version=row.version_id,
        state=one.state,
        currency=currency,
        price=Money(one.plan.price_minor, currency),
        joined_on=one.joined_on,
        since=one.since,
        until=one.until,
        is_paid=one.is_paid,
        due=Money(one.due_minor if one.state in ("waiting", "past_due") else 0, currency),
        next=Money(0 if one.ahead or one.ends or one.state == "ended" else one.next_minor, currency),
        credit=Money(one.credit_minor, currency),
        owed=Money(one.books.at("back"), currency),
        grace_until=one.grace_until,
        ends=one.ends,
        wants=one.wants.id if one.wants is not None else "",
        wants_titles=one.wants.titles if one.wants is not None else {},
        quote=Money(one.quote_minor, currency) if one.quote_until is not None else None,
        quote_until=one.quote_until,
        may_rest=one.may_rest,
        resumes_on=one.resumes_on,
        ended_on=one.ended_on,
        why_ended=one.why_ended,
        agreed=agreed,
        gives=one.gives,
        is_next_paid=bool(one.ahead),
        meter=meter,
    )


def _agreements(rows: Sequence[Row]) -> dict[int, Agreed]:
    last = MembershipConsent.objects.filter(membership_id__in=[row.id for row in rows])
    return {
        one.membership_id: Agreed(Consent(one.terms, one.language, one.where), one.plan, one.digest, one.at, one.by)
        for one in last.order_by("membership_id", "-id").distinct("membership_id")
    }


def _meters(rows: Sequence[Row]) -> dict[int, Meter]:
    numbers = [row.id for row in rows]
    told = MembershipPayment.objects.filter(membership_id__in=numbers).exclude(state="failed")
    sums = {
        (number, became): minor or 0
        for number, became, minor in told.values_list("membership_id", "state").annotate(Sum("minor"))
    }
    used = BenefitUse.objects.filter(membership_id__in=numbers, given_back_at__isnull=True)
    saved = {
        (number, currency): minor or 0
        for number, currency, minor in used.values_list("membership_id", "saved_currency").annotate(Sum("saved_minor"))
    }
    found = {}
    for row in rows:
        money = state.says(row).money
        paid = max(sums.get((row.id, "paid"), 0) - sums.get((row.id, "refunded"), 0), 0)
        found[row.id] = Meter(Money(paid, money), Money(saved.get((row.id, money), 0), money))
    return found


def is_used(row: Row, one: Membership) -> bool:
    """Whether any benefit of it was used since its uses count."""
    return BenefitUse.objects.filter(membership_id=row.id, given_back_at__isnull=True, on__gte=one.uses_from).exists()
