"""What becomes of a paid membership: a function of what it was, of the day, and of what somebody did. Pure.

Periods are counted from the day the first began (`anchor`), so one that began on 31 January goes on on 28 February and
on 31 March. Days are civil days of the programme's zone, a period ends before its second. Somebody pays what they
agreed to: changed prices reach who agrees anew.
"""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal

from regulars.kit import civil
from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.plan_terms import Plan

State = Literal["waiting", "trial", "active", "past_due", "paused", "ended"]
STATES: tuple[State, ...] = ("waiting", "trial", "active", "past_due", "paused", "ended")
WHY_ENDED = ("cancelled", "unpaid", "never_paid", "refunded")
KINDS = (
    "joined",
    "began",
    "renewed",
    "reminded",
    "due",
    "paid",
    "failed",
    "refunded",
    "paused",
    "resumed",
    "cancelled",
    "kept",
    "switch_asked",
    "switch_lapsed",
    "switched",
    "ended",
)
#: A change of plan that costs money waits so long for it: longer, and what is credited would have been used.
QUOTE_DAYS = 2
MOST_AHEAD = 3


class NotPossible(Refusal):
    """A membership in this state does not allow it."""

    code = "memberships.not_possible"


class BadPayment(Refusal):
    """Less than what is due, or another currency."""

    code = "memberships.bad_payment"


@dataclass(frozen=True)
class Step:
    """What happened on a day. `minor` is money that became due, was paid, or is to be given back; `nth`, which time."""

    kind: str
    on: date
    minor: int = 0
    nth: int = 0
    why: str = ""


@dataclass(frozen=True)
class Membership:
    """How it stands. The present period is from `since` to before `until`, the `nth` since `anchor`; `is_paid`, with
    `paid_minor`, or `due_minor` is due until `grace_until`. `ahead`: periods that were paid before they began, with
    what for them. `ends`: nothing comes after the period. `wants`: another plan from its end on, or as soon as
    `quote_minor` is paid, until before `quote_until`, which credits `quote_credit`.
    """

    plan: Plan
    state: State
    joined_on: date
    anchor: date
    nth: int
    since: date
    until: date
    is_paid: bool = False
    paid_minor: int = 0
    due_minor: int = 0
    credit_minor: int = 0
    ahead: int = 0
    ahead_minor: int = 0
    grace_until: date | None = None
    tries: int = 0
    is_reminded: bool = False
    ends: bool = False
    wants: Plan | None = None
    quote_minor: int = 0
    quote_credit: int = 0
    quote_until: date | None = None
    paused_on: date | None = None
    resumes_on: date | None = None
    ended_on: date | None = None
    why_ended: str = ""
    steps: tuple[Step, ...] = field(default=(), compare=False)

    @property
    def gives(self) -> bool:
        """Whether its benefits are to be had: also in the trial, and while money is due."""
        return self.state in ("trial", "active", "past_due")

    @property
    def until_known(self) -> date | None:
        """The first day without it, if nothing else happens; None: no end in sight."""
        if self.state == "past_due":
            return self.grace_until
        return self.until if self.ends and self.state in ("trial", "active") else None

    @property
    def next_minor(self) -> int:
        """What the next period costs, less what is credited."""
        plan = self.wants if self.wants is not None and self.quote_until is None else self.plan
        return max(plan.price_minor - self.credit_minor, 0)

    def done(self, kind: str, on: date, minor: int = 0, nth: int = 0, why: str = "") -> "Membership":
        return replace(self, steps=(*self.steps, Step(kind, on, minor, nth, why)))


def join(plan: Plan, day: date, *, has_had_trial: bool = False) -> Membership:
    """Somebody joins: the trial begins, once in a life, or it waits for the first money."""
    if plan.trial_days and not has_had_trial:
        until = day + timedelta(days=plan.trial_days)
        return Membership(plan, "trial", day, until, 0, day, until, is_paid=True).done("joined", day)
    grace = day + timedelta(days=plan.grace_days)
    made = Membership(plan, "waiting", day, day, 0, day, grace, due_minor=plan.price_minor, grace_until=grace)
    return made.done("joined", day).done("due", day, plan.price_minor, 1)


def next_on(one: Membership) -> date | None:
    """The next day on which something happens by itself."""
    days: list[date | None] = []
    if one.state == "waiting":
        days = [one.grace_until]
    elif one.state in ("trial", "active"):
        days = [one.until, _reminds_on(one), one.quote_until]
    elif one.state == "past_due":
        days = [one.grace_until, _tries_on(one)]
    elif one.state == "paused":
        days = [one.resumes_on]
    return min((day for day in days if day is not None), default=None)


def advance(one: Membership, today: date) -> Membership:
    """All that happens by itself until the end of today, in order."""
    while (day := next_on(one)) is not None and day <= today:
        one = _happens(one, day)
    return one


def _reminds_on(one: Membership) -> date | None:
    if one.is_reminded or one.ends or one.ahead or not one.next_minor:
        return None
    return max(one.until - timedelta(days=one.plan.remind_days), one.since)


def _tries_on(one: Membership) -> date | None:
    retries = one.plan.retries
    return one.since + timedelta(days=retries[one.tries - 1]) if 0 < one.tries <= len(retries) else None


def _happens(one: Membership, day: date) -> Membership:
    if one.state == "waiting":
        return _end(one, day, "never_paid")
    if one.state == "paused":
        return _resume(one, day)
    if one.state == "past_due":
        if day == one.grace_until:
            return _end(one, day, "unpaid")
        return replace(one, tries=one.tries + 1).done("due", day, one.due_minor, one.tries + 1)
    if day == one.until:
        return _end(one, day, "cancelled") if one.ends else _renew(one, day)
    if day == one.quote_until:
        return _unquoted(one).done("switch_lapsed", day)
    return replace(one, is_reminded=True).done("reminded", day, one.next_minor)


def _renew(one: Membership, day: date) -> Membership:
    first = one.state == "trial"
    if one.wants is not None and one.quote_until is None:
        one = replace(one, plan=one.wants, wants=None, anchor=day, nth=0).done("switched", day)
    one = _unquoted(one)
    nth = one.nth + 1
    price, used = one.plan.price_minor, min(one.credit_minor, one.plan.price_minor)
    one = replace(
        one,
        nth=nth,
        since=day,
        until=civil.add_months(one.anchor, one.plan.months * nth),
        is_reminded=False,
        tries=0,
        credit_minor=one.credit_minor - used,
    )
    due, kind = price - used, "began" if first else "renewed"
    if one.ahead:
        share = one.ahead_minor // one.ahead
        one = replace(one, ahead=one.ahead - 1, ahead_minor=one.ahead_minor - share)
        return replace(one, state="active", is_paid=True, paid_minor=share + used, due_minor=0).done(kind, day)
    if not due:
        return replace(one, state="active", is_paid=True, paid_minor=used, due_minor=0).done(kind, day)
    grace = day + timedelta(days=one.plan.grace_days)
    one = replace(one, state="past_due", is_paid=False, paid_minor=used, due_minor=due, grace_until=grace, tries=1)
    return one.done(kind, day).done("due", day, due, 1)


def pay(one: Membership, day: date, minor: int, *, is_whole: bool = False) -> Membership:
    """Money came. Of who has paid the present period it is for the next one. `is_whole`: less is enough, too."""
    if one.state == "ended":
        # It is theirs: whoever pays out sees by the step what to give back.
        return one.done("paid", day, minor).done("refunded", day, minor, why="after_its_end")
    if one.ends:
        return one.done("paid", day, minor).done("refunded", day, minor, why="cancelled")
    if one.quote_until is not None and one.wants is not None and minor == one.quote_minor:
        return _switched(one.done("paid", day, minor), one.wants, day, one.quote_credit, minor)
    asked = one.due_minor if one.state in ("waiting", "past_due") else one.next_minor
    if not is_whole and (minor < asked or (one.ahead >= MOST_AHEAD and not one.due_minor)):
        raise BadPayment(_("amount: it is less than what is due"), field="amount", value=minor, asked=asked)
    one = one.done("paid", day, minor)
    if one.state == "waiting":
        until = civil.add_months(day, one.plan.months)
        one = replace(one, state="active", anchor=day, nth=1, since=day, until=until)
        return replace(one, is_paid=True, paid_minor=minor, due_minor=0, grace_until=None).done("began", day)
    if one.state == "past_due":
        return replace(
            one,
            state="active",
            is_paid=True,
            paid_minor=one.paid_minor + minor,
            due_minor=0,
            grace_until=None,
            tries=0,
        )
    return replace(one, ahead=one.ahead + 1, ahead_minor=one.ahead_minor + minor)


def buy(one: Membership, plan: Plan, day: date, minor: int) -> Membership:
    """They bought a plan's product, whatever it cost: who had cancelled stays. Of who has another plan it is the one
    that comes next, or theirs from now on where nothing is paid."""
    if one.ends:
        one = keep(one, day)
    if plan.id != one.plan.id:
        if one.state == "past_due":
            return _switched(one.done("paid", day, minor), plan, day, 0, plan.price_minor)
        if one.state in ("active", "paused"):
            one = replace(_unquoted(one), wants=plan).done("switch_asked", day)
        elif one.state != "ended":
            one = switch(one, plan, day)
    return pay(one, day, minor, is_whole=True)


def fail(one: Membership, day: date, minor: int) -> Membership:
    """Money did not come. What is due is asked for again by the clock, whoever says so."""
    return one.done("failed", day, minor)


def refund(one: Membership, day: date, minor: int, *, is_part: bool = False) -> Membership:
    """Money went back: what was paid ahead first; without it the membership is over. `is_part` of a payment
    that goes back, to make up for something, ends nothing."""
    one = one.done("refunded", day, minor, why="told")
    if one.state == "ended":
        return one
    if is_part:
        return replace(one, paid_minor=max(one.paid_minor - minor, 0))
    if one.ahead:
        share = one.ahead_minor // one.ahead
        return replace(one, ahead=one.ahead - 1, ahead_minor=one.ahead_minor - share)
    return _end(one, day, "refunded") if one.state != "trial" else one


def pause(one: Membership, day: date, days: int | None = None) -> Membership:
    """It rests, and what is left of the period with it, for so many days or as many as its plan allows."""
    most = one.plan.pause_days
    if one.state != "active" or not one.is_paid or one.ends or one.quote_until is not None:
        raise _no(one, _("only one that is paid and goes on can rest"))
    if not most or (days is not None and not 1 <= days <= most):
        raise _no(one, _("this plan may rest for %(most)s days") % {"most": most})
    resumes = day + timedelta(days=days or most)
    return replace(one, state="paused", paused_on=day, resumes_on=resumes).done("paused", day)


def resume(one: Membership, day: date) -> Membership:
    """It goes on, with the days that were left."""
    if one.state != "paused":
        raise _no(one, _("it does not rest"))
    return _resume(one, day)


def _resume(one: Membership, day: date) -> Membership:
    assert one.paused_on is not None
    until = day + (one.until - one.paused_on)
    return replace(
        one, state="active", until=until, anchor=until, nth=0, paused_on=None, resumes_on=None, is_reminded=False
    ).done("resumed", day)


def cancel(one: Membership, day: date, *, at_once: bool, is_used: bool) -> Membership:
    """Somebody wants out: when the period is over, or at once with what their plan gives back. What is not paid, or
    rests, ends at once."""
    if one.state == "ended":
        raise _no(one, _("it has ended"))
    if not at_once and one.state in ("trial", "active"):
        if one.ends:
            return one
        asked = _unquoted(replace(one, ends=True, wants=None)).done("cancelled", day)
        if one.ahead_minor:
            asked = asked.done("refunded", day, one.ahead_minor, why="paid_ahead")
        return replace(asked, ahead=0, ahead_minor=0)
    back = refundable(one, day, is_used=is_used)
    one = one.done("cancelled", day)
    if back:
        one = one.done("refunded", day, back, why="by_the_plan")
    return _end(replace(one, ahead=0, ahead_minor=0), day, "cancelled")


def keep(one: Membership, day: date) -> Membership:
    """They stay after all."""
    if one.state not in ("trial", "active") or not one.ends:
        raise _no(one, _("nobody has cancelled it"))
    return replace(one, ends=False).done("kept", day)


def refundable(one: Membership, day: date, *, is_used: bool) -> int:
    """What goes back to who ends it at once: what was paid ahead, and of the period as the plan says."""
    if one.state not in ("active", "paused"):
        return one.ahead_minor
    if one.plan.refund == "unused":
        return one.ahead_minor + (0 if is_used else one.paid_minor)
    return one.ahead_minor + (_left_of(one, day) if one.plan.refund == "prorated" else 0)


def switch(one: Membership, plan: Plan, day: date) -> Membership:
    """They want another plan: at once, crediting what is left of the period, or from its end on, as that plan says.
    What it costs at once is due within two days; until it is paid nothing changes."""
    if one.state not in ("waiting", "trial", "active") or one.ends:
        raise _no(one, _("only one that goes on can become another"))
    if one.state == "waiting":
        return replace(one, plan=plan, due_minor=plan.price_minor).done("switched", day)
    if one.state == "trial":
        return replace(one, plan=plan).done("switched", day)
    if plan.switch == "at_end":
        return replace(_unquoted(one), wants=plan).done("switch_asked", day)
    credit = _left_of(one, day) + one.credit_minor + one.ahead_minor
    due = max(plan.price_minor - credit, 0)
    if not due:
        return _switched(one, plan, day, credit, 0)
    until = day + timedelta(days=QUOTE_DAYS)
    return replace(one, wants=plan, quote_minor=due, quote_credit=credit, quote_until=until).done(
        "switch_asked", day, due
    )


def _switched(one: Membership, plan: Plan, day: date, credit: int, paid: int) -> Membership:
    one = _unquoted(replace(one, wants=None))
    return replace(
        one,
        plan=plan,
        state="active",
        anchor=day,
        nth=1,
        since=day,
        until=civil.add_months(day, plan.months),
        is_paid=True,
        paid_minor=plan.price_minor,
        due_minor=0,
        credit_minor=max(credit + paid - plan.price_minor, 0),
        ahead=0,
        ahead_minor=0,
        is_reminded=False,
    ).done("switched", day)


def _left_of(one: Membership, day: date) -> int:
    """What is left of what was paid for the period, by days, rounded down. Resting, the days that were left then."""
    begun = one.paused_on or day
    left, whole = (one.until - max(begun, one.since)).days, (one.until - one.since).days
    return one.paid_minor * left // whole if one.is_paid and whole else 0


def _unquoted(one: Membership) -> Membership:
    wants = None if one.quote_until is not None else one.wants
    return replace(one, wants=wants, quote_minor=0, quote_credit=0, quote_until=None)


def _end(one: Membership, day: date, why: str) -> Membership:
    return replace(_unquoted(one), state="ended", ended_on=day, why_ended=why, wants=None, grace_until=None).done(
        "ended", day, why=why
    )


def _no(one: Membership, why: str) -> NotPossible:
    return NotPossible(f"membership: {why}", field="membership", value=one.state)
