"""The money of memberships: where each payment is, whatever is done in whatever order."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from regulars.levers.loyalty.rules import membership_steps as steps
from regulars.levers.loyalty.rules.membership_books import PLACES, Books, Part
from regulars.levers.loyalty.rules.membership_steps import BadPayment, NotPossible
from regulars.levers.loyalty.tests.test_membership_steps import PLUS, D, paid

JANUARY = D(2026, 1, 1)
MONTH = replace(PLUS, id="month", pause_days=60, refund="prorated")
YEAR = replace(MONTH, id="year", price_minor=10_000, months=12)
LATER_YEAR = replace(YEAR, switch="at_end")


def jan(day):
    return D(2026, 1, day)


def a_month(**more):
    return replace(paid(MONTH, JANUARY), **more)


def a_year():
    return paid(YEAR, JANUARY)


def stands(one):
    """The plan, its state, and what is where."""
    return one.plan.id, one.state, {place: minor for place in PLACES if (minor := one.books.at(place))}


@pytest.mark.parametrize(
    ("said", "made", "on", "expected"),
    [
        (
            "a month is paid ahead, then the year is wanted at its end",
            lambda: steps.switch(steps.pay(a_month(), jan(29), 1000, "p2"), LATER_YEAR, jan(30)),
            D(2026, 2, 1),
            ("year", "past_due", {"period": 1000, "taken": 1000}),
        ),
        (
            "a month and then a year are bought in the shop",
            lambda: steps.buy(steps.buy(a_month(), MONTH, jan(10), 1000, "o1"), YEAR, jan(11), 10_000, "o2"),
            D(2027, 2, 1),
            ("year", "past_due", {"period": 1000, "taken": 11_000}),
        ),
        (
            "the year is wanted, the month is bought",
            lambda: steps.buy(steps.switch(a_month(), LATER_YEAR, jan(5)), MONTH, jan(6), 1000, "o1"),
            D(2026, 2, 1),
            ("month", "active", {"period": 1000, "taken": 1000}),
        ),
        (
            "the year is wanted and paid, the month is bought: what was for the year is credited",
            lambda: steps.buy(
                steps.pay(steps.switch(a_month(), LATER_YEAR, jan(5)), jan(6), 10_000, "p2"), MONTH, jan(7), 1000, "o1"
            ),
            D(2026, 2, 1),
            ("month", "active", {"period": 1000, "credit": 10_000, "taken": 1000}),
        ),
        (
            "paid in the trial, then another plan",
            lambda: steps.switch(
                steps.pay(steps.join(replace(MONTH, trial_days=14), JANUARY), jan(2), 1000, "p1"), YEAR, jan(3)
            ),
            jan(15),
            ("year", "past_due", {"period": 1000}),
        ),
        (
            "a year paid ahead, then the month is wanted at its end",
            lambda: steps.switch(
                steps.pay(a_year(), D(2026, 12, 18), 10_000, "p2"), replace(MONTH, switch="at_end"), D(2026, 12, 20)
            ),
            D(2027, 1, 1),
            ("month", "active", {"period": 1000, "credit": 9000, "taken": 10_000}),
        ),
        (
            "two that are ahead with credit: it is promised once",
            lambda: steps.pay(
                steps.pay(a_month(books=a_month().books.came("c", 300, "credit")), jan(5), 700, "p2"),
                jan(6),
                1000,
                "p3",
            ),
            D(2026, 3, 1),
            ("month", "active", {"period": 1000, "taken": 2000}),
        ),
        (
            "bought with credit there: what was bought pays",
            lambda: steps.buy(a_month(books=a_month().books.came("c", 3000, "credit")), MONTH, jan(5), 1000, "o1"),
            D(2026, 2, 1),
            ("month", "active", {"period": 1000, "credit": 3000, "taken": 1000}),
        ),
        (
            "a charge crosses the quote: both count",
            lambda: steps.pay(
                steps.pay(steps.switch(a_month(), YEAR, jan(16)), jan(16), 1000, "p2"),
                jan(17),
                9484,
                "p3",
                dearest=10_000,
            ),
            jan(17),
            ("year", "active", {"period": 10_000, "credit": 1000, "taken": 484}),
        ),
        (
            "what is still to pay for it after that charge is enough",
            lambda: steps.pay(
                steps.pay(steps.switch(a_month(), YEAR, jan(16)), jan(16), 1000, "p2"), jan(17), 8484, "p3"
            ),
            jan(17),
            ("year", "active", {"period": 10_000, "taken": 484}),
        ),
        (
            "the quote is paid a day late: a month ahead, the rest is credited",
            lambda: steps.pay(
                steps.advance(steps.switch(a_month(), YEAR, jan(16)), jan(19)), jan(19), 9484, "p2", dearest=10_000
            ),
            jan(19),
            ("month", "active", {"period": 1000, "ahead": 1000, "credit": 8484}),
        ),
        (
            "the period turned before it was paid",
            lambda: steps.pay(
                steps.advance(steps.switch(a_month(), YEAR, jan(31)), D(2026, 2, 1)),
                D(2026, 2, 1),
                9968,
                "p2",
                dearest=10_000,
            ),
            D(2026, 2, 1),
            ("month", "active", {"period": 1000, "credit": 8968, "taken": 1000}),
        ),
        (
            "the year becomes the month at once",
            lambda: steps.switch(a_year(), MONTH, jan(2)),
            jan(2),
            ("month", "active", {"period": 1000, "credit": 8972, "taken": 28}),
        ),
        (
            "credit that never came to pay a whole period goes back",
            lambda: steps.pay(steps.cancel(a_month(), jan(2), at_once=False, is_used=True), jan(3), 500, "p2"),
            D(2026, 2, 1),
            ("month", "ended", {"back": 500, "taken": 1000}),
        ),
        (
            "unpaid it ends, what was credited to the period goes back",
            lambda: a_month(books=a_month().books.came("c", 300, "credit")),
            D(2026, 2, 8),
            ("month", "ended", {"back": 300, "taken": 1000}),
        ),
    ],
    ids=lambda told: told if isinstance(told, str) else "",
)
def test_money_is_of_the_plan_it_was_paid_for(said, made, on, expected):
    assert stands(steps.advance(made(), on)) == expected, said


@pytest.mark.parametrize(
    ("made", "most"),
    [
        (lambda: steps.join(MONTH, JANUARY), 1000 + 3000),
        (a_month, 1000 + 3000),
        (lambda: steps.advance(a_month(), D(2026, 2, 1)), 1000 + 3000),
        (lambda: steps.cancel(a_month(), jan(2), at_once=False, is_used=True), 1000 + 3000),
        (lambda: steps.cancel(a_month(), jan(2), at_once=True, is_used=True), 1000 + 3000),
        (lambda: a_month(books=a_month().books.came("c", 2500, "credit")), 0 + 500),
        (lambda: a_month(books=a_month().books.came("c", 9000, "credit")), 0),
        (lambda: steps.switch(a_month(), YEAR, jan(16)), 10_000 - 516 + 30_000),
        (lambda: steps.switch(a_month(), LATER_YEAR, jan(16)), 10_000 + 30_000),
    ],
)
def test_no_more_is_taken_than_can_be_used(made, most):
    one = made()
    on = max(one.since, jan(17))
    with pytest.raises(BadPayment) as refused:
        steps.pay(one, on, most + 1, "p9")
    assert refused.value.facts["most"] == most
    if most:
        assert steps.pay(one, on, most, "p9").books.left_of("p9") == most


def test_what_a_product_cost_beyond_four_periods_is_its_orders_alone():
    dear = steps.buy(steps.join(MONTH, JANUARY), MONTH, JANUARY, 99_999, "o1")
    assert stands(dear) == ("month", "active", {"period": 4000, "taken": 95_999})
    assert steps.refundable(dear, JANUARY, is_used=False) == 4000
    year = steps.switch(dear, YEAR, JANUARY)
    assert year.quote_minor == 6000
    assert steps.switch(replace(dear, plan=replace(MONTH, id="m")), MONTH, JANUARY).credit_minor == 3000
    back = steps.refund(dear, jan(2), 99_999, "o1")
    assert stands(back) == ("month", "ended", {"gone": 99_999})


def test_what_rests_is_left_once_the_days_that_are_left_are_over():
    rests = steps.pay(steps.pause(a_month(), jan(11)), jan(12), 1000, "p2")
    left = steps.cancel(rests, jan(13), at_once=False, is_used=True)
    assert (left.state, left.ends, stands(left)[2]) == ("paused", True, {"period": 1000, "back": 1000})
    assert steps.cancel(left, jan(14), at_once=False, is_used=True) == left
    on = steps.advance(left, D(2026, 3, 12))
    assert (on.state, on.until, on.until_known, on.gives) == ("active", D(2026, 4, 2), D(2026, 4, 2), True)
    assert steps.advance(left, D(2026, 4, 2)).why_ended == "cancelled"
    stays = steps.advance(steps.keep(left, jan(15)), D(2026, 4, 2))
    assert (stays.state, stays.why_ended) == ("past_due", "")
    assert steps.resume(left, jan(21)).until == D(2026, 2, 11)
    assert steps.buy(left, MONTH, jan(15), 1000, "o1").ends is False


def test_what_we_asked_to_have_given_back_ends_nothing():
    ahead = steps.cancel(steps.pay(a_month(), jan(10), 1000, "p2"), jan(12), at_once=False, is_used=False)
    crossed = steps.pay(steps.cancel(a_month(), jan(12), at_once=False, is_used=False), jan(12), 1000, "p2")
    for one in (ahead, crossed):
        assert one.steps[-1].minor == 1000
        for payment in ("p1", "p2"):
            told = steps.refund(one, jan(13), 1000, payment)
            assert stands(told) == ("month", "active", {"period": 1000, "gone": 1000}), "whichever was chosen for it"
            with pytest.raises(BadPayment):
                steps.refund(told, jan(14), 1, payment)
            other = "p2" if payment == "p1" else "p1"
            assert steps.refund(told, jan(14), 1000, other).why_ended == "refunded", "nobody asked for that"


def test_a_refund_ends_what_it_paid_and_nothing_else():
    third = steps.pay(steps.advance(steps.pay(a_month(), jan(9), 1000, "p2"), D(2026, 2, 1)), D(2026, 2, 2), 1000, "p3")
    past = steps.refund(third, D(2026, 2, 3), 1000, "p1")
    assert stands(past) == ("month", "active", {"period": 1000, "ahead": 1000, "gone": 1000}), "of a period long over"
    coming = steps.refund(third, D(2026, 2, 3), 1000, "p3")
    assert (coming.state, coming.ahead) == ("active", 0)
    present = steps.refund(third, D(2026, 2, 3), 1000, "p2")
    assert stands(present) == ("month", "active", {"period": 1000, "taken": 1000, "gone": 1000}), "what was ahead pays"
    present = steps.refund(steps.switch(third, LATER_YEAR, D(2026, 2, 3)), D(2026, 2, 3), 1000, "p2")
    assert (present.why_ended, stands(present)[2]) == ("refunded", {"back": 1000, "taken": 1000, "gone": 1000})
    assert [(step.kind, step.minor, step.why) for step in present.steps[-2:]] == [
        ("refunded", 1000, "credit"),
        ("ended", 0, "refunded"),
    ]
    parts = a_month()
    for minor, state in ((300, "active"), (400, "active"), (300, "ended")):
        parts = steps.refund(parts, jan(5), minor, "p1")
        assert parts.state == state
    due = steps.advance(a_month(books=a_month().books.came("c", 300, "credit")), D(2026, 2, 1))
    assert (due.due_minor, steps.refund(due, D(2026, 2, 2), 300, "c").due_minor) == (700, 1000)
    promised = steps.pay(a_month(books=a_month().books.came("c", 300, "credit")), jan(5), 700, "p2")
    for payment, credit in (("p2", 300), ("c", 700)):
        less = steps.refund(promised, jan(6), promised.books.left_of(payment), payment)
        assert (less.state, less.ahead, less.credit_minor) == ("active", 0, credit)


def test_after_a_rest_as_much_is_left_as_before_and_it_rests_no_longer_than_its_plan_says():
    before = steps.refundable(a_month(), jan(11), is_used=False)
    rested = steps.advance(steps.pause(a_month(), jan(11), 60), D(2026, 3, 12))
    assert before == steps.refundable(rested, D(2026, 3, 12), is_used=False) == 677
    one, day = a_year(), JANUARY
    for days in (40, 19, 1):
        one = steps.advance(steps.pause(one, day, days), day + timedelta(days=days))
        day += timedelta(days=days)
    assert (one.until, one.rested) == (D(2027, 1, 1) + timedelta(days=60), 60)
    with pytest.raises(NotPossible):
        steps.pause(one, day)
    turned = steps.advance(steps.pay(one, day, 10_000, "p2"), one.until)
    assert steps.pause(turned, turned.since, 60).state == "paused", "a new period may rest again"


def test_credit_goes_back_to_who_leaves():
    month = steps.switch(a_year(), MONTH, jan(2))
    assert steps.refundable(month, jan(2), is_used=False) == 9972
    out = steps.cancel(month, jan(2), at_once=True, is_used=False)
    assert stands(out) == ("month", "ended", {"back": 9972, "taken": 28})
    at_end = steps.advance(steps.cancel(month, jan(2), at_once=False, is_used=False), D(2026, 2, 2))
    assert stands(at_end) == ("month", "ended", {"back": 8972, "taken": 1028})
    assert [(step.kind, step.minor) for step in at_end.steps[-2:]] == [("refunded", 8972), ("ended", 0)]


def test_bought_at_a_discount_what_was_paid_goes_back_and_no_debt_is_left():
    due = steps.advance(a_month(), D(2026, 2, 1))
    one = steps.buy(due, replace(YEAR, refund="unused"), D(2026, 2, 2), 5000, "o1")
    assert steps.refundable(one, D(2026, 2, 2), is_used=False) == 5000
    assert (one.state, one.due_minor, one.grace_until, one.tries) == ("active", 0, None, 0)


def test_what_is_asked_for_and_comes_in_the_same_act_is_not_asked_for():
    midnight = steps.advance(a_month(), D(2026, 2, 1))
    clock, act = midnight.steps[4:], steps.pay(replace(midnight, steps=()), D(2026, 2, 1), 1000, "p2")
    one, kept = steps.unsettled(clock, act)
    assert ([step.kind for step in clock], [step.kind for step in kept]) == (
        ["reminded", "renewed", "due"],
        ["renewed"],
    )
    _failed, kept = steps.unsettled(clock, steps.fail(replace(midnight, steps=()), D(2026, 2, 1), 1000))
    assert [step.kind for step in kept] == ["renewed", "due"]
    soon = steps.advance(a_month(), jan(29))
    ends, kept = steps.unsettled(soon.steps[4:], steps.cancel(soon, jan(29), at_once=False, is_used=False))
    assert ([step.kind for step in kept], ends.is_reminded) == ([], False), "who stays after all is reminded then"
    assert one.state == "active"


def test_a_wish_for_another_plan_is_taken_back_and_uses_count_on_from_plan_to_plan():
    wished = steps.pay(steps.switch(a_month(), LATER_YEAR, jan(5)), jan(6), 10_000, "p2")
    stays = steps.switch(wished, MONTH, jan(7))
    assert (stays.wants, stays.coming.id, stays.credit_minor, stays.steps[-1].kind) == (None, "month", 10_000, "kept")
    assert steps.switch(steps.switch(a_month(), YEAR, jan(5)), MONTH, jan(6)).quote_until is None
    other = steps.switch(steps.switch(a_year(), MONTH, jan(2)), replace(MONTH, id="other"), jan(3))
    assert (other.since, other.uses_from) == (jan(3), JANUARY)
    assert steps.advance(other, D(2026, 2, 3)).uses_from == D(2026, 2, 3), "a period that began by itself is new"


def test_what_goes_back_of_another_payment_changes_places_with_it():
    books = Books((Part("a", "period", 700), Part("b", "back", 300), Part("c", "back", 500), Part("a", "credit", 200)))
    swapped = books.exchanged("a", 800)
    assert {place: swapped.at(place) for place in ("period", "credit", "back")} == {
        "period": 700,
        "credit": 200,
        "back": 800,
    }
    assert [swapped.left_of(payment) for payment in "abc"] == [900, 300, 500]
    assert swapped.at("back", payment="a") == 800


ACTS = some.lists(
    some.tuples(
        some.sampled_from(
            [
                *("pay", "pay", "more", "buy", "bargain", "dear", "switch", "switch"),
                *("cancel", "keep", "once", "pause", "resume", "refund", "part"),
            ]
        ),
        some.integers(0, 40),
        some.integers(0, 5),
    ),
    max_size=25,
)
PLANS = [
    MONTH,
    YEAR,
    replace(YEAR, id="later", price_minor=8800, switch="at_end", refund="unused"),
    replace(MONTH, id="dear", price_minor=1700, switch="at_end", trial_days=14, refund="none"),
]


@settings(max_examples=250, deadline=None)
@given(some.integers(0, 3), ACTS, some.booleans())
def test_the_books_balance_nobody_has_a_period_for_less_and_nobody_gets_back_more_than_came(first, acts, is_plain):
    """`is_plain`: nothing is bought for less and nothing goes back unasked, so each paid period costs its price."""
    day, numbers = D(2028, 1, 31), count()
    one = often = steps.join(PLANS[first], day)
    came: dict[str, int] = {}
    back: dict[str, int] = {}
    given_up = 0
    for act, later, which in acts:
        for nth in range(1, later + 1):
            often = steps.advance(often, day + timedelta(days=nth))
        day += timedelta(days=later)
        one = steps.advance(one, day)
        assert often == one, "looking often is as looking once"
        plan, number = PLANS[which % 4], f"p{next(numbers)}"
        asked = one.due_minor or one.quote_minor or one.next_minor
        try:
            if act in ("pay", "more"):
                minor = asked + (377 * which if act == "more" else 0)
                one = steps.pay(one, day, minor, number, dearest=10_000)
                came[number] = minor
            elif act in ("buy", "bargain", "dear"):
                minor = plan.price_minor if act == "buy" or is_plain else plan.price_minor // 2
                minor *= 1000 if act == "dear" else 1
                given_up += max(plan.price_minor - minor, 0)
                one = steps.buy(one, plan, day, minor, number)
                came[number] = minor
            elif act in ("cancel", "once"):
                one = steps.cancel(one, day, at_once=act == "once", is_used=which % 2 == 0)
            elif act == "switch":
                one = steps.switch(one, plan, day)
            elif act in ("refund", "part") and came:
                payment = sorted(came)[which % len(came)]
                minor = one.books.left_of(payment) // (1 if act == "refund" else 2)
                minor = min(minor, one.books.at("back")) if is_plain else minor
                unasked = max(minor - one.books.at("back"), 0)
                given_up += unasked
                one = steps.refund(one, day, minor, payment)
                back[payment] = back.get(payment, 0) + minor
                with pytest.raises(BadPayment):
                    steps.refund(one, day, one.books.left_of(payment) + 1, payment)
            elif act in ("keep", "pause", "resume"):
                one = {"keep": steps.keep, "pause": steps.pause, "resume": steps.resume}[act](one, day)
        except (NotPossible, BadPayment):
            # An act that its state does not allow: it stays what it was, and the books are looked at all the same.
            pass
        often = one
        _holds(one, came, back, given_up)
    over = steps.advance(one, day + timedelta(days=800))
    _holds(over, came, back, given_up)


def _holds(one, came, back, given_up):
    books = one.books
    assert all(part.minor > 0 for part in books.parts)
    assert {part.payment for part in books.parts} <= set(came)
    for payment, minor in came.items():
        assert sum(part.minor for part in books.parts if part.payment == payment) == minor, "what came is somewhere"
        assert books.at("gone", payment=payment) == back.get(payment, 0) <= minor
    announced = sum(step.minor for step in one.steps if step.kind == "refunded" and step.why != "told")
    assert announced <= sum(came.values())
    assert books.at("back") <= announced
    assert {part.slot for part in books.parts if part.place == "ahead"} <= set(range(1, one.ahead + 1))
    assert one.since < one.until
    if one.state == "ended":
        assert [books.at(place) for place in ("period", "ahead", "credit")] == [0, 0, 0], "nothing of theirs is kept"
    if one.state in ("active", "paused") and one.is_paid:
        assert one.paid_minor >= one.plan.price_minor - given_up, "a period costs what it costs"
    if one.state == "past_due":
        assert one.paid_minor + one.due_minor >= one.plan.price_minor - given_up
    if one.quote_until is not None:
        assert one.quote_minor > 0
