"""Paid plans on the member's card: what they have, what it saved and how to leave, and what else there is to have."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from regulars.doors.portal import members
from regulars.doors.portal.members import Visitor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import benefit_words, benefits, membership_words, memberships
from regulars.levers.loyalty.memberships import Change, MembershipView, PlanView
from regulars.oversight.reporting import formats
from regulars.runtime.database import clock
from regulars.runtime.staff.policy import open_to_everyone


@dataclass(frozen=True)
class PlanShown:
    """A plan: what it gives, what it costs, the text they agree to, and how it begins. `days` are free; `sold_at`: the
    page that sells it; `act`: what a tap does here, empty where nothing does."""

    key: str
    title: str
    days: int
    price: str
    gives: tuple[str, ...]
    terms: str
    version: str
    begins: str
    sold_at: str
    act: str


def shown(visitor: Visitor, brand: str, now: datetime) -> dict[str, Any]:
    """Their memberships, the latest first, and the plans of programmes in which they have none."""
    mine = memberships.of(customer=visitor.customer.id, at=now)
    plans = memberships.plans(at=now)
    called = {one.key: benefit_words.title(one.benefit.titles) for one in benefits.every(at=now)} if plans else {}
    living = {one.programme for one in mine if one.state != "ended"}
    had = {one.programme for one in mine}
    return {
        "memberships": [_membership(one, visitor, called, plans, brand, now) for one in mine[:2]],
        "plans": [
            _offered(one, called, brand, may_try=one.programme not in had, may_join=visitor.may_join)
            for one in plans
            if one.programme not in living
        ],
    }


@require_POST
@open_to_everyone(because="changes nothing but the membership of whose browser it is, which a member's link opened")
def membership(request: HttpRequest) -> HttpResponse:
    """They leave, stay after all, let it rest or go on, choose another plan, or try one: one tap, as they see it."""
    visitor = members.who_acts(request)
    if visitor is not None:
        told = request.POST.get("membership", "") or request.POST.get("plan", "")
        act = request.POST.get("act", "")
        key = f"portal:{request.POST.get('key', '')[:40] or uuid4().hex}:{act[:10]}:{told[:40]}"
        now = clock.now()
        every = memberships.of(customer=visitor.customer.id, at=now)
        mine = next((one for one in every if one.public_id == told), None)
        # What became impossible meanwhile the card says itself.
        with suppress(Refusal):
            if mine is not None:
                _change(request, visitor, mine, act, key, now)
            elif act == "try":
                _begin(request, visitor, every, told, key, now)
    return members.to_card(request, "#membership")


def _change(request: HttpRequest, visitor: Visitor, mine: MembershipView, act: str, key: str, now: datetime) -> None:
    by = visitor.by
    if act in ("cancel", "end") and _may_leave(mine, act == "end", visitor.with_money, now):
        memberships.cancel(membership=mine.id, at_once=act == "end", key=key, at=now, by=by)
    elif act == "keep":
        memberships.keep(membership=mine.id, key=key, at=now, by=by)
    elif act == "pause":
        memberships.pause(membership=mine.id, key=key, at=now, by=by)
    elif act == "resume":
        memberships.resume(membership=mine.id, key=key, at=now, by=by)
    elif act == "stay":
        memberships.stay(membership=mine.id, key=key, at=now, by=by)
    elif act == "switch" and visitor.may_join and request.POST.get("agreed"):
        wanted, consent = request.POST.get("plan", ""), _agreed(request, request.POST.get("terms", ""))
        memberships.switch(membership=mine.id, plan=wanted, consent=consent, key=f"{key}:{wanted[:90]}", at=now, by=by)


def _begin(
    request: HttpRequest, visitor: Visitor, every: Sequence[MembershipView], plan: str, key: str, now: datetime
) -> None:
    tried = _named(plan, now)
    # What has to be paid for at once is not joined here, though it was free when they looked.
    if (
        tried is not None
        and tried.plan.trial_days
        and tried.programme not in {one.programme for one in every}
        and visitor.may_join
        and request.POST.get("agreed")
    ):
        consent = _agreed(request, request.POST.get("terms", ""))
        memberships.join(customer=visitor.customer.id, plan=plan, consent=consent, key=key, at=now, by=visitor.by)


def _named(key: str, now: datetime) -> PlanView | None:
    return next((one for one in memberships.plans(at=now) if one.key == key), None)


def _agreed(request: HttpRequest, version: str) -> memberships.Consent:
    language = "zh" if members.language(request).startswith("zh") else "en"
    return memberships.Consent(version, language, "card")


def _may_leave(one: MembershipView, at_once: bool, with_money: bool, now: datetime) -> bool:
    """Whether this link can: what is neither tried nor paid for ends at once whatever was asked for, and no money goes
    back by a link whose maker may give none."""
    if with_money or (one.state in ("trial", "active", "paused") and not at_once):
        return True
    return one.state not in ("trial", "active", "ended") and not memberships.refundable(membership=one.id, at=now)


def _membership(
    one: MembershipView,
    visitor: Visitor,
    called: dict[str, str],
    plans: Sequence[PlanView],
    brand: str,
    now: datetime,
) -> dict[str, Any]:
    back = memberships.refundable(membership=one.id, at=now) if one.state != "ended" else None
    own = next((each for each in plans if each.key == f"{one.programme}.{one.plan}"), None)
    others = (
        memberships.changes(membership=one.id, at=now)
        if any(each.programme == one.programme and each is not own for each in plans) and one.state != "ended"
        else []
    )
    return {
        "one": one,
        "title": benefit_words.title(one.titles),
        "state": membership_words.state(one.state),
        "comes": membership_words.comes(one, formats.money, formats.day),
        "paid": formats.money(one.meter.paid.minor, one.currency),
        "saved": formats.money(one.meter.saved.minor, one.currency),
        "credit": formats.money(one.credit.minor, one.currency) if one.credit else "",
        "owed": formats.money(one.owed.minor, one.currency) if one.owed else "",
        "back": formats.money(back.minor, back.currency) if back else "",
        "may_end": _may_leave(one, True, visitor.with_money, now),
        "pay_at": _pay_at(one, plans, brand),
        "others": [_other(each, called, brand, visitor.may_join) for each in others],
    }


def _pay_at(one: MembershipView, plans: Sequence[PlanView], brand: str) -> str:
    """The page of the shop that sells what they have to pay now; empty where nothing is due or nobody says where."""
    due = one.plan if one.state in ("waiting", "past_due") else one.wants if one.quote else ""
    found = next((each for each in plans if each.key == f"{one.programme}.{due}"), None)
    return "" if found is None else found.plan.sold_at(brand)


def _offered(one: PlanView, called: dict[str, str], brand: str, *, may_try: bool, may_join: bool) -> PlanShown:
    days = one.plan.trial_days if may_try else 0
    return _plan(one, called, brand, days=days, act="try" if days and may_join else "")


def _other(one: Change, called: dict[str, str], brand: str, may_join: bool) -> PlanShown:
    begins = membership_words.begins(one, formats.money, formats.day)
    return _plan(one.to, called, brand, begins=begins, act="switch" if may_join else "")


def _plan(
    one: PlanView, called: dict[str, str], brand: str, *, days: int = 0, begins: str = "", act: str = ""
) -> PlanShown:
    return PlanShown(
        key=one.key,
        title=benefit_words.title(one.plan.titles),
        days=days,
        price=membership_words.price_of(one, formats.money),
        gives=tuple(
            _given(called.get(f"{one.programme}.{each.benefit}", each.benefit), each.most) for each in one.plan.benefits
        ),
        terms=benefit_words.title(one.plan.terms),
        version=one.plan.version,
        begins=begins,
        sold_at=one.plan.sold_at(brand),
        act=act,
    )


def _given(title: str, most: int | None) -> str:
    return title if most is None else f"{title} ({formats.number(most)}×)"
