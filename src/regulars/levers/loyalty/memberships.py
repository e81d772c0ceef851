"""Paid memberships: joined with consent, tried, paid, rested, changed, and left as easily as they were joined.

What becomes of one day by day is `rules/membership_steps`, pure. A verb brings the row to today first, so nobody has
or lacks anything for a job that was late; the sweep writes down what the clock did to the others. Money is moved by the
shop or its provider, who tells of it; what is due or to be given back is announced.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Literal

from django.db import connection, transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from regulars.facts.commerce import kept
from regulars.facts.commerce.kept import KeptLine
from regulars.facts.company import company
from regulars.facts.customers import persons
from regulars.kit import civil, ids
from regulars.kit.actors import Actor
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._benefits.turns import one_at_a_time
from regulars.levers.loyalty._earning.rows import Programme as ProgrammeRow
from regulars.levers.loyalty._ledger import acts
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._memberships import state as membership_state
from regulars.levers.loyalty._memberships.rows import PAYMENT_STATES, MembershipPayment, MembershipStep
from regulars.levers.loyalty._memberships.rows import Membership as Row
from regulars.levers.loyalty._memberships.shown import PREFIX, ROWS, is_used, view_of, views_of
from regulars.levers.loyalty._memberships.values import (
    Agreed,
    Change,
    Consent,
    MembershipView,
    Meter,
    PlanView,
    StepView,
)
from regulars.levers.loyalty._memberships.writing import agreed, tell, written
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty.rules import membership_steps
from regulars.levers.loyalty.rules.membership_steps import BadPayment, Membership, NotPossible
from regulars.levers.loyalty.rules.plan_terms import Plan

__all__ = (
    "PLACES",
    "Agreed",
    "AlreadyMember",
    "BadConsent",
    "BadPayment",
    "Change",
    "Consent",
    "MembershipView",
    "Meter",
    "NotPossible",
    "PlanView",
    "StepView",
    "UnknownMembership",
    "UnknownPlan",
    "bought",
    "by_public_id",
    "cancel",
    "changes",
    "counts",
    "every",
    "get",
    "history",
    "join",
    "keep",
    "of",
    "paid_with",
    "pause",
    "plans",
    "refundable",
    "resume",
    "stay",
    "switch",
    "tell_payment",
    "unbought",
    "was_told",
    "write_due",
)

PaymentState = Literal["paid", "failed", "refunded"]
#: Of a plan's product in one line: more are paid as so many, each for more.
MOST_PIECES = 100
#: Where somebody can have seen a plan's text and agreed: on a page, in an app, on their card, in a store, in a call, in
#: writing, by an order.
PLACES = ("web", "app", "card", "store", "call", "mail", "order")
_WHERE = re.compile(rf"(?:{'|'.join(PLACES)})(?::[A-Za-z0-9._:/-]{{1,60}})?")


class UnknownPlan(Refusal):
    """No programme that is active has such a plan."""

    code = "memberships.unknown_plan"


class UnknownMembership(Refusal):
    """There is no such membership."""

    code = "memberships.unknown"


class AlreadyMember(Refusal):
    """They have a membership of this programme already."""

    code = "memberships.already_member"


class BadConsent(Refusal):
    """What they agreed to is not the text in force, or nobody says where they did."""

    code = "memberships.bad_consent"


def plans(*, at: datetime | None = None) -> list[PlanView]:
    """The plans in force, in the order of programmes and of their files. One query."""
    # Conditions may ask for plans: what they may ask cannot rest on reading conditions.
    told = [turns[-1][0] for turns in tier_facts.activations(at).values()]
    return [
        PlanView(says.code, plan, says.money, says.zone, version)
        for version in told
        if version is not None
        for says in [programmes.read_plainly(version)]
        for plan in says.plans
    ]


def join(*, customer: int, plan: str, consent: Consent, key: str, at: datetime, by: Actor) -> MembershipView:
    """Somebody joins a plan ("programme.plan"): its trial begins, once in a life, or it waits for the first payment.

    The same key again is the same membership. Raises `UnknownPlan`, `BadConsent`, `AlreadyMember`, `KeyUsedOtherwise`.
    """
    return _joined(customer, plan, consent, key, at, by)


def _joined(
    customer: int, plan: str, consent: Consent, key: str, at: datetime, by: Actor, *, is_paid: bool = False
) -> MembershipView:
    """`is_paid`: money came with it, and none is asked for."""
    what = {"customer": customer, "plan": plan, "version": consent.version, "language": consent.language}
    told = Told("join", key, at, by, what | {"where": consent.where}).digest()
    with transaction.atomic():
        person = one_at_a_time(customer)
        if (known := ROWS.filter(key=key).first()) is not None:
            acts.check_same(key, bytes(known.told), told)
            return view_of(known, at)
        view = _plan(plan, at)
        _check(consent, view.plan)
        records = persons.records_of(person)
        for row in ROWS.filter(record_id__in=records, programme__code=view.programme).exclude(state="ended"):
            # One that is over by the clock makes way.
            was = membership_state.at(row, at)
            if written(row, replace(was, steps=()), at, by, clock=was.steps).state != "ended":
                raise AlreadyMember(
                    _("customer: they have a membership of this programme"), field="customer", value=customer
                )
        before = Row.objects.filter(record_id__in=records, programme__code=view.programme)
        today = civil.day_of(at, civil.zone(view.zone))
        one = membership_steps.join(view.plan, today, has_had_trial=before.exists())
        row = Row(
            key=key,
            told=told,
            record_id=customer,
            programme_id=ProgrammeRow.objects.values_list("id", flat=True).get(code=view.programme),
            version_id=view.version,
            plan=view.plan.id,
        )
        membership_state.put(row, one, {})
        row.save(force_insert=True)
        agreed(row, view, consent, at, by)
        tell(row, [step for step in one.steps if step.kind != "due" or not is_paid], view.money, at, by)
    return get(row.id, at=at)


def tell_payment(
    *,
    membership: int,
    payment: str,
    state: PaymentState,
    money: Money,
    at: datetime,
    by: Actor,
    of: str = "",
    is_part: bool = False,
) -> MembershipView:
    """What the shop or its provider says of money, under its own number: paid, failed or refunded. Each state of a
    payment counts once, however often it is told. What went back under a number of its own is `of` a payment that was
    told before, and ends nothing before all of that went back, nor while it is said to be a part. Raises
    `UnknownMembership`, `BadPayment`.
    """
    of = "" if of == payment else of
    return _told_payment(membership, payment, state, money, at, by, of=of, is_part=is_part)


def _told_payment(
    membership: int,
    payment: str,
    state: PaymentState,
    money: Money,
    at: datetime,
    by: Actor,
    *,
    bought: PlanView | None = None,
    of: str = "",
    is_part: bool = False,
    where: str = "",
) -> MembershipView:
    """`bought`: the plan whose product was sold for that, `where`."""
    with transaction.atomic():
        row = _held(membership)
        if state not in PAYMENT_STATES or money.minor < 0 or not 0 < len(payment) <= 80:
            raise BadPayment(_("payment: give its number, its state and its amount"), field="payment", value=state[:20])
        with connection.cursor() as cursor:
            # Told at once of two memberships, one of them finds it told otherwise.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('loyalty.payments'), hashtext(%s))", [payment])
        known = MembershipPayment.objects.filter(payment=payment, state=state).first()
        if known is not None:
            before = known.membership_id, known.minor, known.currency, known.of
            if before != (row.id, money.minor, money.currency, of):
                raise BadPayment(
                    _("payment: %(payment)s was told otherwise before; give each payment and refund its own number")
                    % {"payment": payment[:40]},
                    field="payment",
                    value=payment[:40],
                )
            return view_of(row, at)
        currency = membership_state.says(row).money
        if money.currency != currency:
            raise BadPayment(
                _("currency: it is paid in %(currency)s") % {"currency": currency},
                field="currency",
                value=money.currency,
            )
        today, was = membership_state.today(row, at), membership_state.at(row, at)
        one = replace(was, steps=())
        versions: dict[str, int] = {}
        if bought is not None:
            if bought.plan.id != one.plan.id:
                agreed(row, bought, Consent(bought.plan.version, _language(), where), at, by)
                versions = {bought.plan.id: bought.version}
            one = membership_steps.buy(one, bought.plan, today, money.minor, payment)
        elif state == "paid":
            dearest = max(plan.price_minor for plan in membership_state.says(row).plans)
            one = _paid(one, today, money, payment, dearest)
        elif state == "failed":
            one = membership_steps.fail(one, today, money.minor)
        else:
            if not MembershipPayment.objects.filter(membership=row, payment=of or payment, state="paid").exists():
                raise BadPayment(
                    _("payment: nothing was paid under %(payment)s yet; tell of that first")
                    % {"payment": (of or payment)[:40]},
                    field="payment",
                    value=(of or payment)[:40],
                )
            one = membership_steps.refund(one, today, money.minor, of or payment, is_part=is_part)
        _settle(row, was, one, at, by, payment=payment, versions=versions)
        MembershipPayment.objects.create(
            membership=row,
            payment=payment,
            state=state,
            minor=money.minor,
            currency=currency,
            of=of,
            at=at,
            by=str(by),
        )
    return get(membership, at=at)


def paid_with(payment: str) -> int | None:
    """The membership that was paid under this number; None where none was. One query."""
    return (
        MembershipPayment.objects.filter(payment=payment, state="paid").values_list("membership_id", flat=True).first()
    )


def was_told(*, payment: str, state: PaymentState) -> bool:
    """Whether this of a payment is on record. One query."""
    return MembershipPayment.objects.filter(payment=payment, state=state).exists()


def _settle(
    row: Row,
    was: Membership,
    one: Membership,
    at: datetime,
    by: Actor,
    *,
    versions: dict[str, int] | None = None,
    payment: str = "",
) -> None:
    """Keep what an act made of what the clock had brought it to."""
    one, clock = membership_steps.unsettled(was.steps, one)
    written(row, one, at, by, clock=clock, versions=versions, payment=payment)


def _paid(one: Membership, today: date, money: Money, payment: str, dearest: int) -> Membership:
    try:
        return membership_steps.pay(one, today, money.minor, payment, dearest=dearest)
    except BadPayment as wrong:
        if (most := wrong.facts.get("most")) is not None:
            told = {"most": Money(int(str(most)), money.currency)}
            said = _("amount: at most %(most)s can be used; tell of what is for this membership, give back the rest")
        else:
            told = {"asked": Money(int(str(wrong.facts["asked"])), money.currency)}
            said = _("amount: %(asked)s is due")
        raise BadPayment(said % told, field="amount", value=str(money)) from wrong


def pause(*, membership: int, at: datetime, by: Actor, days: int | None = None, key: str = "") -> MembershipView:
    """It rests with the days that are left, for so many or as many as the plan allows; then it goes on by itself. Told
    again under its key, it changes nothing. Raises `NotPossible`, `KeyUsedOtherwise`."""
    told = Told("memberships.pause", key, at, by, {"membership": membership, "days": days})
    return _do(told, membership, lambda one, today: membership_steps.pause(one, today, days))


def resume(*, membership: int, at: datetime, by: Actor, key: str = "") -> MembershipView:
    """It goes on before its rest is over. Told again under its key, it changes nothing. Raises `NotPossible`,
    `KeyUsedOtherwise`."""
    told = Told("memberships.resume", key, at, by, {"membership": membership})
    return _do(told, membership, membership_steps.resume)


def cancel(*, membership: int, at: datetime, by: Actor, at_once: bool = False, key: str = "") -> MembershipView:
    """They leave: when the paid period is over, of one that rests once it went on for the days that are left; or at
    once, with what the plan gives back. Told again under its key, it changes nothing, though they stayed after all.
    Raises `NotPossible` of one that has ended, `KeyUsedOtherwise`."""
    told = Told("memberships.cancel", key, at, by, {"membership": membership, "at_once": at_once})
    with transaction.atomic():
        if _was_told(told):
            return get(membership, at=at)
        row = _held(membership)
        was, today = membership_state.at(row, at), membership_state.today(row, at)
        used = is_used(row, was)
        _settle(row, was, membership_steps.cancel(replace(was, steps=()), today, at_once=at_once, is_used=used), at, by)
    return get(membership, at=at)


def keep(*, membership: int, at: datetime, by: Actor, key: str = "") -> MembershipView:
    """They stay after all. Told again under its key, it changes nothing. Raises `NotPossible` where nobody cancelled,
    `KeyUsedOtherwise`."""
    return _do(Told("memberships.keep", key, at, by, {"membership": membership}), membership, membership_steps.keep)


def stay(*, membership: int, at: datetime, by: Actor, key: str = "") -> MembershipView:
    """The other plan that they chose is not wanted any more. Told again under its key, it changes nothing. Raises
    `NotPossible` of one that does not go on, `KeyUsedOtherwise`."""
    told = Told("memberships.stay", key, at, by, {"membership": membership})
    return _do(told, membership, lambda one, today: membership_steps.switch(one, one.plan, today))


def switch(*, membership: int, plan: str, consent: Consent, at: datetime, by: Actor, key: str = "") -> MembershipView:
    """They want another plan of the programme, whose terms they agreed to.

    At once what is left of the period is credited; what it costs more is due within two days, and until it is paid
    nothing changes. Or at the period's end, as that plan says. Their own plan: the other one is not wanted any more.
    Told again under its key, it changes nothing. Raises `UnknownPlan`, `BadConsent`, `NotPossible`, `KeyUsedOtherwise`.
    """
    what = {"membership": membership, "plan": plan, "version": consent.version, "language": consent.language}
    told = Told("memberships.switch", key, at, by, what | {"where": consent.where})
    with transaction.atomic():
        if _was_told(told):
            return get(membership, at=at)
        row = _held(membership)
        view = _plan(plan, at)
        _check(consent, view.plan)
        was, today = membership_state.at(row, at), membership_state.today(row, at)
        stays = view.plan.id == was.plan.id
        if view.programme != row.programme.code or (stays and was.wants is None):
            raise UnknownPlan(_("plan: choose another plan of their programme"), field="plan", value=plan[:90])
        if not stays:
            agreed(row, view, consent, at, by)
        one = membership_steps.switch(replace(was, steps=()), view.plan, today)
        _settle(row, was, one, at, by, versions={} if stays else {view.plan.id: view.version})
    return get(membership, at=at)


def changes(*, membership: int, at: datetime) -> list[Change]:
    """The other plans of its programme that it can become now, with what that costs; none where it cannot change.
    Writes nothing. Two queries."""
    row = _row(membership)
    one, today = replace(membership_state.at(row, at), steps=()), membership_state.today(row, at)
    chosen = {one.plan.id} | ({one.wants.id} if one.wants is not None else set())
    found = []
    for view in plans(at=at):
        if view.programme != row.programme.code or view.plan.id in chosen:
            continue
        try:
            then = membership_steps.switch(one, view.plan, today)
        except NotPossible:
            # As it stands it changes to no plan, so to none of the others either.
            return []
        if then.state == "waiting":
            found.append(Change(view, None, Money(then.due_minor, view.money), then.grace_until))
        elif then.quote_until is not None:
            found.append(Change(view, None, Money(then.quote_minor, view.money), then.quote_until))
        else:
            found.append(Change(view, then.until if then.wants is not None else None, Money(0, view.money), None))
    return found


def refundable(*, membership: int, at: datetime) -> Money:
    """What would go back to who ended it at once, now. Writes nothing."""
    row = _row(membership)
    one, today = membership_state.at(row, at), membership_state.today(row, at)
    minor = membership_steps.refundable(one, today, is_used=is_used(row, one))
    return Money(minor, membership_state.says(row).money)


def write_due(*, at: datetime, by: Actor, most: int = 1_000) -> int:
    """Write down what the clock did: reminders, renewals, what is asked for again, ends. How many. Harmless to
    repeat."""
    # A zone's day may have begun where the earliest one's has not: too early is looked at and left.
    latest = civil.day_of(at, civil.zone("Pacific/Kiritimati"))
    numbers = list(Row.objects.filter(due_on__lte=latest).order_by("due_on", "id").values_list("id", flat=True)[:most])
    done = 0
    for number in numbers:
        with transaction.atomic():
            row = _held(number)
            one = membership_state.at(row, at)
            if one.steps:
                written(row, one, at, by)
                done += 1
    return done


def bought(*, order: int, at: datetime, by: Actor) -> list[MembershipView]:
    """An order is paid: where one of its lines is a plan's product, its customer joins, or pays the membership they
    have. The order is the evidence that they agreed. One query where no plan has a product; harmless to repeat."""
    sold = {view.plan.sku: view for view in plans(at=at) if view.plan.sku}
    if not sold:
        return []
    found: list[MembershipView] = []
    told = kept.of([order]).get(order)
    if told is None or told.record is None or told.customer is None or not told.counts or told.origin != "live":
        return []
    for line in told.lines:
        view = sold.get(line.sku)
        if view is None or not line.kept or told.currency != view.money:
            continue
        for payment, minor in _pieces(order, line):
            with transaction.atomic():
                person = one_at_a_time(told.record)
                if MembershipPayment.objects.filter(payment=payment, state="paid").exists():
                    continue
                number, where = _living_of(person, view, at), f"order:{order}"
                if number is None:
                    consent = Consent(view.plan.version, _language(), where)
                    number = _joined(told.record, view.key, consent, payment, at, by, is_paid=True).id
                money = Money(minor, told.currency)
                found.append(_told_payment(number, payment, "paid", money, at, by, bought=view, where=where))
    return found


def _pieces(order: int, line: KeptLine) -> Iterator[tuple[str, int]]:
    """A payment for each piece that is kept: its number, and what it cost."""
    many = _many(line)
    for nth in range(1, _kept(line) + 1):
        number = f"order:{order}:{line.number}" if nth == 1 else f"order:{order}:{line.number}:{nth}"
        yield number, line.amount_minor * nth // many - line.amount_minor * (nth - 1) // many


def _many(line: KeptLine) -> int:
    return max(min(int(line.quantity), MOST_PIECES), 1)


def _kept(line: KeptLine) -> int:
    return min(_many(line), int(line.kept) if line.quantity > 1 else int(line.kept > 0))


def unbought(*, orders: Sequence[int], at: datetime, by: Actor) -> int:
    """Orders that paid for memberships were cancelled, or what they bought came back. How many went back. One query
    where none did; harmless to repeat."""
    if not orders:
        return 0
    of_them = Q(*(("payment__startswith", f"order:{order}:") for order in orders), _connector=Q.OR)
    paid = list(MembershipPayment.objects.filter(of_them, state="paid").order_by("id"))
    if not paid:
        return 0
    stand = {
        (number, line.number): _kept(line) if one.counts else 0
        for number, one in kept.of(set(orders)).items()
        for line in one.lines
    }
    done = 0
    for row in paid:
        _start, number, line, *nth = row.payment.split(":")
        if int(nth[0] if nth else 1) <= stand.get((int(number), int(line)), MOST_PIECES):
            continue
        told = MembershipPayment.objects.filter(membership=row.membership_id, state="refunded").filter(
            Q(payment=row.payment) | Q(of=row.payment)
        )
        left = row.minor - (told.aggregate(Sum("minor"))["minor__sum"] or 0)
        if left:
            tell_payment(
                membership=row.membership_id,
                payment=f"{row.payment}:back",
                state="refunded",
                money=Money(left, row.currency),
                of=row.payment,
                at=at,
                by=by,
            )
            done += 1
    return done


def get(membership: int, *, at: datetime) -> MembershipView:
    """One membership as it stands at a moment. Raises `UnknownMembership`."""
    return view_of(_row(membership), at)


def by_public_id(text: str, *, at: datetime) -> MembershipView:
    """The membership `mbs_…`. Raises `UnknownMembership`."""
    row = ROWS.filter(public_id=ids.parse(text, PREFIX)).first()
    if row is None:
        raise _unknown(text[:40])
    return view_of(row, at)


def of(*, customer: int, at: datetime) -> list[MembershipView]:
    """A person's memberships, of all their records, the latest first. Two queries, three more where there are any."""
    return views_of(list(ROWS.filter(record_id__in=persons.asked([persons.of(customer)])).order_by("-id")), at)


def every(*, at: datetime, state: str = "", is_owed: bool = False, limit: int = 100) -> list[MembershipView]:
    """Memberships, those on which something happens first first; of a state, or all that have not ended; or all of
    which money is still to be given back. Four queries."""
    if is_owed:
        # Every part of the books names its place.
        found = views_of(list(ROWS.filter(books__contains=[["back"]]).order_by("-id")[:limit]), at)
        return [one for one in found if one.owed]
    rows = ROWS.filter(state=state) if state else ROWS.exclude(state="ended")
    return views_of(list(rows.order_by("due_on", "id")[:limit]), at)


def counts() -> dict[tuple[str, str], int]:
    """How many there are, by plan ("programme.plan") and state, as written down last. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT programme.code || '.' || member.plan, member.state, count(*) FROM loyalty_membership AS member"
            " JOIN loyalty_programme AS programme ON programme.id = member.programme_id GROUP BY 1, 2"
        )
        return {(plan, state): int(count) for plan, state, count in cursor.fetchall()}


def history(membership: int) -> list[StepView]:
    """What happened to it, in order. Three queries."""
    currency = membership_state.says(_row(membership)).money
    rows = MembershipStep.objects.filter(membership_id=membership).order_by("id")
    return [StepView(r.kind, r.on, Money(r.minor, currency), r.nth, r.why, r.at, r.by) for r in rows]


def _was_told(told: Told) -> bool:
    """Whether its key, where it has one, told the same before. Else it is told now."""
    return bool(told.key) and not acts.is_new(told)


def _do(told: Told, membership: int, step: Callable[[Membership, date], Membership]) -> MembershipView:
    at, by = told.at, told.by
    with transaction.atomic():
        if _was_told(told):
            return get(membership, at=at)
        row = _held(membership)
        was = membership_state.at(row, at)
        _settle(row, was, step(replace(was, steps=()), membership_state.today(row, at)), at, by)
    return get(membership, at=at)


def _living_of(person: int, view: PlanView, at: datetime) -> int | None:
    """Their membership of that programme which has not ended by the clock."""
    for row in membership_state.living(persons.records_of(person)):
        if row.programme.code == view.programme and membership_state.at(row, at).state != "ended":
            return row.id
    return None


def _language() -> str:
    return "zh" if company.shop().language.startswith("zh") else "en"


def _check(consent: Consent, plan: Plan) -> None:
    if consent.version != plan.version:
        raise BadConsent(
            _("consent: the terms in force are %(version)s; show them these") % {"version": plan.version},
            field="consent",
            value=consent.version[:20],
        )
    if consent.language not in plan.terms:
        raise BadConsent(_("language: use en or zh"), field="language", value=consent.language[:10])
    if not _WHERE.fullmatch(consent.where):
        raise BadConsent(
            _("where: write one of %(places)s, and after a colon a number of yours, such as call:4711")
            % {"places": ", ".join(PLACES)},
            field="where",
            value=consent.where[:20],
        )


def _plan(plan: str, at: datetime) -> PlanView:
    view = next((one for one in plans(at=at) if one.key == plan), None)
    if view is None:
        raise UnknownPlan(
            _("plan: no active programme has %(named)s; look at the list of plans") % {"named": plan[:90]},
            field="plan",
            value=plan[:90],
        )
    return view


def _held(membership: int) -> Row:
    # The person before the row: whoever joins locks in that order.
    record = Row.objects.filter(id=membership).values_list("record_id", flat=True).first()
    if record is None:
        raise _unknown(str(membership))
    one_at_a_time(record)
    return ROWS.select_for_update(of=("self",)).get(id=membership)


def _row(membership: int) -> Row:
    row = ROWS.filter(id=membership).first()
    if row is None:
        raise _unknown(str(membership))
    return row


def _unknown(value: str) -> UnknownMembership:
    return UnknownMembership(_("membership: there is no %(value)s") % {"value": value}, field="membership", value=value)
