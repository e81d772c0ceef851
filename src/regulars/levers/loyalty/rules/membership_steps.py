"""What becomes of a paid membership: a function of what it was, of the day, and of what somebody did. Pure.

Periods are counted from the day the first began (`anchor`), so one that began on 31 January goes on on 28 February and
on 31 March. Days are civil days of the programme's zone, a period ends before its second. Somebody pays what they
agreed to: changed prices reach who agrees anew. Money that came is in the membership's books and stays there: whatever
happens moves it, and money ahead belongs to the plan it was paid for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal

from regulars.kit import civil
from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.membership_books import EMPTY, Books
from regulars.levers.loyalty.rules.plan_terms import Plan

State = Literal["waiting", "trial", "active", "past_due", "paused", "ended"]
STATES: tuple[State, ...] = ("waiting", "trial", "active", "past_due", "paused", "ended")
#: Of these somebody leaves when the period is over.
GOES_ON: tuple[State, ...] = ("trial", "active", "paused")
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
    """Less than what is due, more than can be used, another currency, or more back than came."""

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
    """How it stands. The present period is from `since` to before `until`, the `nth` since `anchor`; `is_paid`, or
    `due_minor` is due until `grace_until`. `books`: where the money is. `ahead`: periods that were paid before they
    began. `ends`: nothing comes after the period. `wants`: another plan from its end on, or as soon as `quote_minor` is
    paid, until before `quote_until`, for which `quote_credit` of the period is credited. `rested`: days of the period.
    Uses count from `uses_from` on: another plan alone makes no quota new.
    """

    plan: Plan
    state: State
    joined_on: date
    anchor: date
    nth: int
    since: date
    until: date
    uses_from: date
    is_paid: bool = False
    due_minor: int = 0
    books: Books = EMPTY
    ahead: int = 0
    grace_until: date | None = None
    tries: int = 0
    is_reminded: bool = False
    ends: bool = False
    wants: Plan | None = None
    quote_credit: int = 0
    quote_until: date | None = None
    rested: int = 0
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
    def may_rest(self) -> int:
        """For how many days at most it can begin to rest now."""
        if self.state != "active" or not self.is_paid or self.ends or self.quote_until is not None:
            return 0
        return max(self.plan.pause_days - self.rested, 0)

    @property
    def paid_minor(self) -> int:
        """What the present period was paid with."""
        return self.books.at("period")

    @property
    def credit_minor(self) -> int:
        return self.books.at("credit")

    @property
    def ahead_minor(self) -> int:
        return self.books.at("ahead")

    @property
    def coming(self) -> Plan:
        """The plan of the next period, which what is paid ahead is for."""
        return self.wants if self.wants is not None and self.quote_until is None else self.plan

    @property
    def next_minor(self) -> int:
        """What the next period that is not paid costs, less what is credited."""
        return max(self.coming.price_minor - self.credit_minor, 0)

    @property
    def quote_minor(self) -> int:
        """What the other plan costs at once, with all that came meanwhile."""
        if self.wants is None or self.quote_until is None:
            return 0
        return max(self.wants.price_minor - self._credited(self.quote_credit), 0)

    def _credited(self, of_period: int) -> int:
        return min(of_period, self.paid_minor) + self.credit_minor + self.ahead_minor

    def done(self, kind: str, on: date, minor: int = 0, nth: int = 0, why: str = "") -> "Membership":
        return replace(self, steps=(*self.steps, Step(kind, on, minor, nth, why)))


def join(plan: Plan, day: date, *, has_had_trial: bool = False) -> Membership:
    """Somebody joins: the trial begins, once in a life, or it waits for the first money."""
    if plan.trial_days and not has_had_trial:
        until = day + timedelta(days=plan.trial_days)
        return Membership(plan, "trial", day, until, 0, day, until, day, is_paid=True).done("joined", day)
    grace = day + timedelta(days=plan.grace_days)
    made = Membership(plan, "waiting", day, day, 0, day, grace, day, due_minor=plan.price_minor, grace_until=grace)
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


def unsettled(clock: Sequence[Step], one: Membership) -> tuple[Membership, tuple[Step, ...]]:
    """What the clock did before an act that left it as `one`: without asking for money that needs not come any more,
    and without reminding of it."""
    asks = one.state in ("waiting", "past_due")
    reminds = one.is_reminded and _reminds(one) and one.state in ("trial", "active")
    kept = tuple(step for step in clock if (step.kind != "due" or asks) and (step.kind != "reminded" or reminds))
    if one.is_reminded and not reminds and any(step.kind == "reminded" for step in clock):
        one = replace(one, is_reminded=False)
    return one, kept


def _reminds(one: Membership) -> bool:
    return not (one.ends or one.ahead) and one.next_minor > 0


def _reminds_on(one: Membership) -> date | None:
    if one.is_reminded or not _reminds(one):
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
    # A quote is over before the period is: what it credited of that would be gone.
    if day == one.quote_until:
        return _unquoted(one).done("switch_lapsed", day)
    if day == one.until:
        return _end(one, day, "cancelled") if one.ends else _renew(one, day)
    return replace(one, is_reminded=True).done("reminded", day, one.next_minor)


def _renew(one: Membership, day: date) -> Membership:
    first = one.state == "trial"
    if one.quote_until is not None:
        one = _unquoted(one).done("switch_lapsed", day)
    if one.wants is not None:
        one = replace(one, plan=one.wants, wants=None, anchor=day, nth=0).done("switched", day)
    nth, books = one.nth + 1, one.books.moved("period", "taken")
    if one.ahead:
        books, due = books.moved("ahead", "period", slot=1).without_slot(1), 0
    else:
        used = min(one.credit_minor, one.plan.price_minor)
        books, due = books.moved("credit", "period", used), one.plan.price_minor - used
    one = replace(
        one,
        nth=nth,
        since=day,
        until=civil.add_months(one.anchor, one.plan.months * nth),
        uses_from=day,
        books=books,
        ahead=max(one.ahead - 1, 0),
        state="past_due" if due else "active",
        is_paid=not due,
        due_minor=due,
        grace_until=day + timedelta(days=one.plan.grace_days) if due else None,
        tries=1 if due else 0,
        is_reminded=False,
        rested=0,
    ).done("began" if first else "renewed", day)
    return one.done("due", day, due, 1) if due else one


def most_minor(one: Membership, *, dearest: int = 0) -> int:
    """The most that one payment can be of use: what is asked for, and as much credit as periods may be paid ahead, or
    as the `dearest` plan they could have been asked for costs: late money for that is credited."""
    wanted = one.wants.price_minor if one.wants is not None else 0
    credit = max(MOST_AHEAD * max(one.plan.price_minor, wanted), dearest) - one.credit_minor
    return max(one.due_minor, one.quote_minor, one.next_minor) + max(credit, 0)


def pay(one: Membership, day: date, minor: int, payment: str, *, dearest: int = 0) -> Membership:
    """Money came. Of who has paid the present period it is for the next one, or for the plan they want at once. What is
    over is credited, as far as it can be used."""
    if minor > (most := most_minor(one, dearest=dearest)):
        raise BadPayment(_("amount: it is more than can be used"), field="amount", value=minor, most=most)
    if one.state == "ended" or one.ends:
        # It is theirs: whoever pays out sees by the step what to give back.
        why = "after_its_end" if one.state == "ended" else "cancelled"
        one = replace(one, books=one.books.came(payment, minor, "back"))
        return one.done("paid", day, minor).done("refunded", day, minor, why=why)
    if one.quote_until is not None and (wanted := one.wants) is not None and minor >= one.quote_minor:
        one = replace(one, books=one.books.came(payment, minor, "credit"))
        return _switched(one.done("paid", day, minor), wanted, day, one.quote_credit)
    asked = one.due_minor if one.state in ("waiting", "past_due") else one.next_minor
    if minor < asked or (one.ahead >= MOST_AHEAD and not one.due_minor):
        raise BadPayment(_("amount: it is less than what is due"), field="amount", value=minor, asked=asked)
    one = replace(one, books=one.books.came(payment, minor, "credit")).done("paid", day, minor)
    if one.state == "waiting":
        return _begun(replace(one, books=one.books.moved("credit", "period", one.due_minor)), day)
    if one.state == "past_due":
        return _settled(replace(one, books=one.books.moved("credit", "period", one.due_minor)))
    ahead, price = one.ahead + 1, one.coming.price_minor
    own = min(minor, price)
    books = one.books.moved("credit", "ahead", own, payment=payment, to_slot=ahead)
    books = books.moved("credit", "ahead", price - own, to_slot=ahead)
    return replace(one, books=books, ahead=ahead)


def buy(one: Membership, plan: Plan, day: date, minor: int, payment: str) -> Membership:
    """They bought a plan's product, which pays a period whatever it cost: who had cancelled stays, who wanted another
    plan wants this one. Of who has another plan it is the one that comes next, or theirs from now on where nothing is
    paid.

    What it cost beyond so many periods' price is the order's own: it goes back with the order, and is neither
    credited nor given back by the plan.
    """
    if one.state == "ended":
        one = replace(one, books=one.books.came(payment, minor, "back")).done("paid", day, minor)
        return one.done("refunded", day, minor, why="after_its_end")
    if one.ends:
        one = keep(one, day)
    # Of a plan for nothing, too, something has to pay the period: what goes back whole ends it.
    own = min(minor, (1 + MOST_AHEAD) * max(plan.price_minor, 1))
    one = replace(one.done("paid", day, minor), books=one.books.came(payment, minor - own, "taken"))
    if one.state in ("waiting", "past_due"):
        books = one.books.moved("period", "credit").came(payment, own, "period")
        if one.state == "waiting":
            one = one if plan.id == one.plan.id else switch(one, plan, day)
            return _begun(replace(one, books=books), day)
        one = replace(one, books=books)
        return _settled(one) if plan.id == one.plan.id else _anew(one, plan, day)
    if plan.id == one.plan.id:
        one = one if one.wants is None else _stays(one, day)
    elif one.state == "trial":
        one = switch(one, plan, day)
    elif plan.id != one.coming.id:
        one = _wishing(one, plan, day)
    ahead = one.ahead + 1
    return replace(one, ahead=ahead, books=one.books.came(payment, own, "ahead", slot=ahead))


def _begun(one: Membership, day: date) -> Membership:
    until = civil.add_months(day, one.plan.months)
    one = replace(one, state="active", anchor=day, nth=1, since=day, until=until, uses_from=day)
    return replace(one, is_paid=True, due_minor=0, grace_until=None).done("began", day)


def _settled(one: Membership) -> Membership:
    return replace(one, state="active", is_paid=True, due_minor=0, grace_until=None, tries=0)


def fail(one: Membership, day: date, minor: int) -> Membership:
    """Money did not come. What is due is asked for again by the clock, whoever says so."""
    return one.done("failed", day, minor)


def refund(one: Membership, day: date, minor: int, payment: str, *, is_part: bool = False) -> Membership:
    """Money went back, of a payment. What was announced to go back is settled first, whichever payment was chosen for
    it. Of what is not: credit, periods to come, what is over, and the present period last; a payment of which nothing
    is left takes with it what it paid, or of their plan a period to come. A part that makes up for something ends
    nothing."""
    left = one.books.left_of(payment)
    if minor > left:
        raise BadPayment(_("amount: more than is left of that payment"), field="amount", value=minor, left=left)
    one = one.done("refunded", day, minor, why="told")
    books = one.books
    own = books.at("back", payment=payment)
    if minor > own:
        books = books.exchanged(payment, min(minor - own, books.at("back") - own))
    asked_back = min(minor, books.at("back", payment=payment))
    books, minor = books.moved("back", "gone", asked_back, payment=payment), minor - asked_back
    slots, period = books.slots_of(payment), books.at("period", payment=payment)
    for place in ("credit", "ahead", "taken", "period"):
        taken = min(minor, books.at(place, payment=payment))
        books, minor = books.moved(place, "gone", taken, payment=payment), minor - taken
    ahead = one.ahead
    for slot in sorted(slots - books.slots_of(payment), reverse=True):
        books, ahead = books.moved("ahead", "credit", slot=slot).without_slot(slot), ahead - 1
    unpaid = period - books.at("period", payment=payment)
    one = replace(one, books=books, ahead=ahead)
    if one.state == "past_due":
        return replace(one, due_minor=one.due_minor + unpaid)
    if one.state not in ("active", "paused") or not unpaid or unpaid < period or is_part:
        return one
    if one.ahead and one.coming.id == one.plan.id:
        return _ahead_pays(one)
    return _end(one, day, "refunded")


def _ahead_pays(one: Membership) -> Membership:
    """The period is paid with what was for the next one."""
    books = one.books.moved("period", "credit").moved("ahead", "period", slot=1).without_slot(1)
    return replace(one, ahead=one.ahead - 1, books=books)


def pause(one: Membership, day: date, days: int | None = None) -> Membership:
    """It rests, and what is left of the period with it, for so many days or as many as its plan allows a period."""
    if one.state != "active" or not one.is_paid or one.ends or one.quote_until is not None:
        raise _no(one, _("only one that is paid and goes on can rest"))
    most = one.may_rest
    if not most or (days is not None and not 1 <= days <= most):
        raise _no(one, _("it may rest for %(most)s more days in this period") % {"most": most})
    resumes = day + timedelta(days=days or most)
    return replace(one, state="paused", paused_on=day, resumes_on=resumes).done("paused", day)


def resume(one: Membership, day: date) -> Membership:
    """It goes on, with the days that were left."""
    if one.state != "paused":
        raise _no(one, _("it does not rest"))
    return _resume(one, day)


def _resume(one: Membership, day: date) -> Membership:
    assert one.paused_on is not None
    rested = (day - one.paused_on).days
    until = one.until + timedelta(days=rested)
    return replace(
        one,
        state="active",
        until=until,
        anchor=until,
        nth=0,
        rested=one.rested + rested,
        paused_on=None,
        resumes_on=None,
        is_reminded=False,
    ).done("resumed", day)


def cancel(one: Membership, day: date, *, at_once: bool, is_used: bool) -> Membership:
    """Somebody wants out: when the period is over, or at once with what their plan gives back. What rests goes on when
    it would have, for the days that are left; what is not paid ends at once."""
    if one.state == "ended":
        raise _no(one, _("it has ended"))
    if not at_once and one.state in GOES_ON:
        if one.ends:
            return one
        asked, ahead = _unquoted(replace(one, ends=True, wants=None)).done("cancelled", day), one.ahead_minor
        if ahead:
            asked = asked.done("refunded", day, ahead, why="paid_ahead")
        return replace(asked, ahead=0, books=one.books.moved("ahead", "back"))
    of_period, one = _back_of(one, day, is_used=is_used), one.done("cancelled", day)
    books = one.books.moved("period", "back", of_period).moved("ahead", "back").moved("credit", "back")
    if back := books.at("back") - one.books.at("back"):
        one = one.done("refunded", day, back, why="by_the_plan")
    return _end(replace(one, books=books), day, "cancelled")


def keep(one: Membership, day: date) -> Membership:
    """They stay after all."""
    if one.state not in GOES_ON or not one.ends:
        raise _no(one, _("nobody has cancelled it"))
    return replace(one, ends=False).done("kept", day)


def refundable(one: Membership, day: date, *, is_used: bool) -> int:
    """What goes back to who ends it at once: credit, what was paid ahead, and of the period as the plan says."""
    return one.credit_minor + one.ahead_minor + _back_of(one, day, is_used=is_used)


def _back_of(one: Membership, day: date, *, is_used: bool) -> int:
    # Grace is free: what is credited to a period that was never paid is theirs.
    if one.state == "past_due" or (one.plan.refund == "unused" and not is_used):
        return one.paid_minor
    return _left_of(one, day) if one.plan.refund == "prorated" else 0


def switch(one: Membership, plan: Plan, day: date) -> Membership:
    """They want another plan: at once, crediting what is left of the period, or from its end on, as that plan says.
    What it costs at once is due within two days; until it is paid nothing changes. Their own: they stay with it."""
    if one.state not in ("waiting", "trial", "active") or one.ends:
        raise _no(one, _("only one that goes on can become another"))
    if plan.id == one.plan.id:
        return one if one.wants is None else _stays(one, day)
    if one.state == "waiting":
        return replace(one, plan=plan, due_minor=plan.price_minor).done("switched", day)
    if one.state == "trial":
        return _coming(one, replace(one, plan=plan)).done("switched", day)
    if plan.switch == "at_end":
        return _wishing(one, plan, day)
    until, left = min(day + timedelta(days=QUOTE_DAYS), one.until), _left_of(one, day)
    asked = _coming(one, replace(one, wants=plan, quote_credit=left, quote_until=until))
    if not asked.quote_minor:
        return _switched(asked, plan, day, left)
    return asked.done("switch_asked", day, asked.quote_minor)


def _wishing(one: Membership, plan: Plan, day: date) -> Membership:
    return _coming(one, replace(_unquoted(one), wants=plan)).done("switch_asked", day)


def _stays(one: Membership, day: date) -> Membership:
    return _coming(one, replace(_unquoted(one), wants=None)).done("kept", day)


def _coming(was: Membership, one: Membership) -> Membership:
    """What was paid ahead for a plan that comes no more is credited."""
    if was.coming.id == one.coming.id:
        return one
    return replace(one, ahead=0, books=one.books.moved("ahead", "credit"))


def _switched(one: Membership, plan: Plan, day: date, left: int) -> Membership:
    """Theirs from today on, paid with what is `left` of the period, with all that is credited or was paid ahead."""
    books = one.books.moved("period", "credit", min(left, one.paid_minor)).moved("period", "taken")
    books = books.moved("ahead", "credit").moved("credit", "period", plan.price_minor)
    return _anew(replace(one, books=books, ahead=0), plan, day)


def _anew(one: Membership, plan: Plan, day: date) -> Membership:
    is_over = civil.add_months(one.uses_from, one.plan.months) + timedelta(days=one.rested) <= day
    return _settled(
        replace(
            _unquoted(one),
            plan=plan,
            wants=None,
            anchor=day,
            nth=1,
            since=day,
            until=civil.add_months(day, plan.months),
            uses_from=day if is_over else one.uses_from,
            is_reminded=False,
            rested=0,
        )
    ).done("switched", day)


def _left_of(one: Membership, day: date) -> int:
    """What is left of what was paid for the period, by days, rounded down. Resting, the days that were left then; days
    that it rested are none of it."""
    begun = one.paused_on or day
    left, whole = (one.until - max(begun, one.since)).days, (one.until - one.since).days - one.rested
    return one.paid_minor * left // whole if one.is_paid and whole else 0


def _unquoted(one: Membership) -> Membership:
    wants = None if one.quote_until is not None else one.wants
    return replace(one, wants=wants, quote_credit=0, quote_until=None)


def _end(one: Membership, day: date, why: str) -> Membership:
    books = one.books
    if one.state == "past_due":
        books = books.moved("period", "credit")
    books = books.moved("period", "taken").moved("ahead", "credit")
    if back := books.at("credit"):
        one = one.done("refunded", day, back, why="credit")
    return replace(
        _unquoted(one),
        state="ended",
        ended_on=day,
        why_ended=why,
        wants=None,
        grace_until=None,
        ahead=0,
        books=books.moved("credit", "back"),
    ).done("ended", day, why=why)


def _no(one: Membership, why: str) -> NotPossible:
    return NotPossible(f"membership: {why}", field="membership", value=one.state)
