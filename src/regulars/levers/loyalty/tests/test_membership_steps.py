"""What becomes of a membership, day by day: tables over month ends and 29 February, and every way out of it."""

from dataclasses import replace
from datetime import date

import pytest

from regulars.levers.loyalty import programme_files
from regulars.levers.loyalty.programme_files import BadProgramme
from regulars.levers.loyalty.rules import membership_steps as steps
from regulars.levers.loyalty.rules.membership_steps import BadPayment, NotPossible
from regulars.levers.loyalty.rules.plan_terms import Plan

D = date
PLUS = Plan(
    id="plus",
    titles={"en": "Plus", "zh": "Plus"},
    price_minor=1000,
    months=1,
    trial_days=0,
    remind_days=3,
    grace_days=7,
    retries=(1, 3),
    pause_days=30,
    refund="unused",
    switch="at_once",
    sku="",
    benefits=(),
    version="1",
    terms={"en": "Terms", "zh": "条款"},
)
TRIED = replace(PLUS, trial_days=30)
YEAR = replace(PLUS, id="year", price_minor=9000, months=12)


def paid(plan=PLUS, on=D(2026, 1, 31), payment="p1"):
    return steps.pay(steps.join(plan, on), on, plan.price_minor, payment)


def did(one, *, after=0):
    return [(step.kind, step.on) for step in one.steps[after:]]


@pytest.mark.parametrize(
    ("months", "begun", "ends"),
    [
        (1, D(2026, 1, 31), [D(2026, 2, 28), D(2026, 3, 31), D(2026, 4, 30), D(2026, 5, 31)]),
        (1, D(2028, 1, 31), [D(2028, 2, 29), D(2028, 3, 31)]),
        (3, D(2026, 11, 30), [D(2027, 2, 28), D(2027, 5, 30)]),
        (12, D(2028, 2, 29), [D(2029, 2, 28), D(2030, 2, 28), D(2031, 2, 28), D(2032, 2, 29)]),
        (1, D(2026, 3, 29), [D(2026, 4, 29)]),  # clocks are put forward in Europe: days are days
    ],
)
def test_periods_are_counted_from_the_first(months, begun, ends):
    one = paid(replace(PLUS, months=months), begun)
    for end in ends:
        assert one.until == end
        one = steps.pay(one, one.since, one.next_minor, str(end))
        one = steps.advance(one, end)
        assert (one.since, one.state) == (end, "active")


def test_it_waits_for_the_first_money_and_is_over_without_it():
    one = steps.join(PLUS, D(2026, 1, 31))
    assert (one.state, one.gives, one.due_minor) == ("waiting", False, 1000)
    with pytest.raises(BadPayment):
        steps.pay(one, D(2026, 2, 1), 999, "p2")
    begun = steps.pay(one, D(2026, 2, 3), 1000, "p2")
    assert (begun.state, begun.gives, begun.since, begun.until) == ("active", True, D(2026, 2, 3), D(2026, 3, 3))
    over = steps.advance(one, D(2026, 2, 7))
    assert (over.state, over.why_ended, over.ended_on) == ("ended", "never_paid", D(2026, 2, 7))


def test_a_trial_reminds_goes_on_and_is_had_once():
    one = steps.advance(steps.join(TRIED, D(2026, 2, 1)), D(2026, 2, 27))
    assert (one.state, one.gives, one.until) == ("trial", True, D(2026, 3, 3))
    one = steps.advance(one, D(2026, 2, 28))
    assert did(one, after=1) == [("reminded", D(2026, 2, 28))]
    assert one.steps[-1].minor == 1000
    due = steps.advance(one, D(2026, 3, 3))
    assert (due.state, due.gives, due.due_minor, due.until) == ("past_due", True, 1000, D(2026, 4, 3))
    early = steps.advance(steps.pay(one, D(2026, 3, 1), 1000, "p2"), D(2026, 3, 3))
    assert (early.state, early.is_paid, early.ahead) == ("active", True, 0)
    out = steps.advance(steps.cancel(one, D(2026, 3, 1), at_once=False, is_used=True), D(2026, 3, 3))
    assert (out.state, out.why_ended, out.due_minor) == ("ended", "cancelled", 0)
    assert steps.join(TRIED, D(2026, 5, 1), has_had_trial=True).state == "waiting"


def test_unpaid_it_is_asked_for_again_goes_on_for_the_grace_and_ends():
    one = steps.advance(paid(), D(2026, 3, 7))
    assert did(one, after=4) == [
        ("reminded", D(2026, 2, 25)),
        ("renewed", D(2026, 2, 28)),
        ("due", D(2026, 2, 28)),
        ("due", D(2026, 3, 1)),
        ("due", D(2026, 3, 3)),
        ("ended", D(2026, 3, 7)),
    ]
    late = steps.pay(steps.advance(paid(), D(2026, 3, 6)), D(2026, 3, 6), 1000, "p2")
    assert (late.state, late.since, late.until) == ("active", D(2026, 2, 28), D(2026, 3, 31)), "it began when it did"
    after = steps.pay(one, D(2026, 3, 8), 1000, "p2")
    assert [(step.kind, step.minor, step.why) for step in after.steps[-2:]] == [
        ("paid", 1000, ""),
        ("refunded", 1000, "after_its_end"),
    ]


def test_it_rests_with_the_days_that_were_left():
    one = steps.pause(paid(on=D(2026, 1, 1)), D(2026, 1, 21))
    assert (one.state, one.gives, one.resumes_on) == ("paused", False, D(2026, 2, 20))
    again = steps.resume(one, D(2026, 2, 10))
    assert (again.state, again.until) == ("active", D(2026, 2, 21)), "eleven days were left"
    by_itself = steps.advance(one, D(2026, 2, 20))
    assert (by_itself.state, by_itself.until) == ("active", D(2026, 3, 3))
    on = steps.advance(steps.pay(again, D(2026, 2, 20), 1000, "p2"), D(2026, 2, 21))
    assert (on.since, on.until) == (D(2026, 2, 21), D(2026, 3, 21))
    for bad in (31, 0):
        with pytest.raises(NotPossible):
            steps.pause(paid(), D(2026, 2, 1), bad)


@pytest.mark.parametrize(
    ("refund", "is_used", "expected"),
    [
        ("unused", False, 1000),
        ("unused", True, 0),
        ("prorated", True, 354),
        ("prorated", False, 354),
        ("none", False, 0),
    ],
)
def test_ended_at_once_it_gives_back_what_the_plan_says(refund, is_used, expected):
    one = paid(replace(PLUS, refund=refund), D(2026, 1, 1))
    out = steps.cancel(one, D(2026, 1, 21), at_once=True, is_used=is_used)
    assert (out.state, out.ended_on, out.why_ended) == ("ended", D(2026, 1, 21), "cancelled")
    assert [step.minor for step in out.steps if step.kind == "refunded"] == ([expected] if expected else [])


def test_cancelled_it_goes_on_to_the_end_and_can_be_kept():
    one = steps.pay(paid(on=D(2026, 1, 1)), D(2026, 1, 5), 1000, "p2")
    asked = steps.cancel(one, D(2026, 1, 10), at_once=False, is_used=True)
    assert (asked.state, asked.gives, asked.until_known, asked.ahead) == ("active", True, D(2026, 2, 1), 0)
    assert asked.steps[-1].minor == 1000, "what was paid ahead goes back"
    assert steps.cancel(asked, D(2026, 1, 11), at_once=False, is_used=True) == asked
    assert steps.advance(asked, D(2026, 2, 1)).why_ended == "cancelled"
    assert steps.keep(asked, D(2026, 1, 31)).until_known is None
    with pytest.raises(NotPossible):
        steps.keep(one, D(2026, 1, 31))
    with pytest.raises(NotPossible):
        steps.cancel(steps.advance(asked, D(2026, 2, 1)), D(2026, 2, 2), at_once=False, is_used=False)


def test_another_plan_at_once_credits_what_is_left_and_waits_two_days_for_the_rest():
    one = paid(on=D(2026, 1, 1))
    asked = steps.switch(one, YEAR, D(2026, 1, 21))
    assert (asked.plan.id, asked.quote_minor) == ("plus", 9000 - 354)
    new = steps.pay(asked, D(2026, 1, 22), 9000 - 354, "p2")
    assert (new.plan.id, new.since, new.until, new.paid_minor) == ("year", D(2026, 1, 22), D(2027, 1, 22), 9000)
    lapsed = steps.advance(asked, D(2026, 1, 23))
    assert (lapsed.plan.id, lapsed.wants, lapsed.steps[-1].kind) == ("plus", None, "switch_lapsed")
    cheap = steps.switch(new, PLUS, D(2026, 1, 22))
    assert (cheap.plan.id, cheap.credit_minor, cheap.next_minor) == ("plus", 8000, 0)
    assert steps.advance(cheap, D(2026, 10, 21)).state == "active", "eight more are paid by what was credited"
    assert steps.advance(cheap, D(2026, 10, 22)).state == "past_due"
    later = steps.switch(one, replace(YEAR, switch="at_end"), D(2026, 1, 21))
    assert (later.plan.id, later.next_minor) == ("plus", 9000)
    assert steps.advance(later, D(2026, 2, 1)).due_minor == 9000
    assert steps.switch(steps.join(TRIED, D(2026, 1, 1)), YEAR, D(2026, 1, 5)).until == D(2026, 1, 31)


def test_what_is_bought_counts_whatever_it_cost_and_another_plan_comes_next():
    one = paid(on=D(2026, 1, 1))
    same = steps.advance(steps.buy(one, PLUS, D(2026, 1, 5), 700, "b2"), D(2026, 2, 1))
    assert (same.state, same.paid_minor) == ("active", 700)
    asked = steps.cancel(one, D(2026, 1, 10), at_once=False, is_used=True)
    charged = steps.pay(asked, D(2026, 1, 11), 1000, "p2")
    assert (charged.ends, charged.ahead, charged.steps[-1].why) == (True, 0, "cancelled"), "a charge goes back"
    stays = steps.buy(asked, YEAR, D(2026, 1, 11), 8000, "b2")
    assert (stays.ends, stays.plan.id, stays.wants) == (False, "plus", YEAR)
    year = steps.advance(stays, D(2026, 2, 1))
    assert (year.plan.id, year.state, year.until) == ("year", "active", D(2027, 2, 1))
    late = steps.buy(steps.advance(one, D(2026, 2, 3)), YEAR, D(2026, 2, 3), 9000, "b2")
    assert (late.plan.id, late.state, late.since, late.credit_minor) == ("year", "active", D(2026, 2, 3), 0)
    assert steps.buy(steps.join(PLUS, D(2026, 1, 1)), YEAR, D(2026, 1, 2), 9000, "b2").plan.id == "year"


PROGRAMME = """
programme: tried
money: GBP
benefits: [{id: ship, kind: free_shipping, per: membership}]
plans:
  - id: plus
    price: 10
    every: month
    terms: {version: "2026-11", en: You pay 10 a month., zh: 每月 10 英镑。}
    MORE
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""


def _read(more):
    return programme_files.read(PROGRAMME.replace("MORE", more), currency="GBP", zone="Europe/London").plans


def test_a_plan_is_read_with_what_people_agree_to():
    [plan] = _read("trial_days: 30\n    benefits: [{benefit: ship, most: 5}]\n    retries: [3, 1]")
    assert (plan.price_minor, plan.months, plan.retries, plan.refund) == (1000, 1, (1, 3), "unused")
    assert len(plan.digest("zh")) == 64
    assert plan.digest("zh") != plan.digest("en")


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ("benefits: [{benefit: shop}]", "plans[0].benefits[0].benefit"),
        ("retries: [9]", "plans[0].retries"),
        ("grace_days: 28", "plans[0].grace_days"),
        ("refund: maybe", "plans[0].refund"),
        ("colour: red", "plans[0].colour"),
    ],
)
def test_what_means_nothing_is_refused_with_its_place(more, where):
    with pytest.raises(BadProgramme) as refused:
        _read(more)
    assert refused.value.facts["field"] == where
