"""In which days uses count together, across months that end early, 29 February and clocks that change; what a file may
say of benefits."""

from datetime import date

import pytest

from regulars.levers.loyalty import programme_files
from regulars.levers.loyalty.programme_files import BadProgramme
from regulars.levers.loyalty.rules import benefit_terms
from regulars.levers.loyalty.rules.benefit_terms import ALWAYS, Span, frees_on, span

D = date
HEAD = """
programme: tried
money: GBP
tiers:
  - id: status
    levels:
      - {id: silver, any: [{what: spend, at_least: 100}]}
      - {id: gold, any: [{what: spend, at_least: 300}]}
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""


@pytest.mark.parametrize(
    ("per", "months", "today", "joined", "expected"),
    [
        ("ever", 0, D(2027, 2, 28), D(2020, 2, 29), ALWAYS),
        ("month", 0, D(2027, 2, 28), D(2020, 2, 29), Span(D(2027, 2, 1), D(2027, 3, 1))),
        ("month", 0, D(2026, 12, 31), D(2020, 2, 29), Span(D(2026, 12, 1), D(2027, 1, 1))),
        ("quarter", 0, D(2028, 2, 29), D(2020, 2, 29), Span(D(2028, 1, 1), D(2028, 4, 1))),
        ("year", 0, D(2028, 2, 29), D(2020, 2, 29), Span(D(2028, 1, 1), D(2029, 1, 1))),
        ("anniversary", 0, D(2027, 2, 27), D(2020, 2, 29), Span(D(2026, 2, 28), D(2027, 2, 28))),
        ("anniversary", 0, D(2027, 2, 28), D(2020, 2, 29), Span(D(2027, 2, 28), D(2028, 2, 29))),
        ("anniversary", 0, D(2028, 2, 28), D(2020, 2, 29), Span(D(2027, 2, 28), D(2028, 2, 29))),
        ("anniversary", 0, D(2028, 2, 29), D(2020, 2, 29), Span(D(2028, 2, 29), D(2029, 2, 28))),
        ("rolling", 1, D(2027, 3, 31), D(2020, 1, 1), Span(D(2027, 3, 1), None)),
        ("rolling", 1, D(2027, 2, 27), D(2020, 1, 1), Span(D(2027, 1, 28), None)),
        ("rolling", 1, D(2027, 2, 28), D(2020, 1, 1), Span(D(2027, 2, 1), None)),
    ],
)
def test_in_which_days_uses_count_together(per, months, today, joined, expected):
    assert span(per, months, today, joined=joined) == expected


def test_a_paid_period_is_the_plans_and_what_rolls_is_free_when_the_oldest_leaves():
    paid = Span(D(2026, 1, 31), D(2026, 2, 28))
    assert span("membership", 0, D(2026, 2, 3), joined=D(2020, 1, 1), paid=paid) == paid
    used = [D(2026, 5, 31), D(2026, 6, 2)]
    assert frees_on("rolling", 1, used, 2, Span(D(2026, 5, 31), None)) == D(2026, 6, 30)
    assert frees_on("rolling", 1, used, 1, Span(D(2026, 5, 31), None)) == D(2026, 7, 2), "a quota that shrank"
    assert frees_on("month", 0, used, 1, Span(D(2026, 6, 1), D(2026, 7, 1))) == D(2026, 7, 1)
    assert frees_on("ever", 0, used, 1, ALWAYS) is None


def _read(benefits):
    text = f"{HEAD}benefits:\n" + "\n".join(f"  - {one}" for one in benefits)
    return programme_files.read(text, currency="GBP", zone="Europe/London").benefits


def test_a_level_has_what_the_highest_entry_it_reached_says():
    [one] = _read(
        [
            "{id: ship, kind: free_shipping, per: month, at_least: 20,"
            " for: [{tiers: status, from: silver, most: 1}, {tiers: status, from: gold}]}"
        ]
    )
    assert one.on({}) is None
    assert one.on({"status": 0}) is None
    assert one.on({"status": 1}).most == 1
    assert one.on({"status": 2}).most is None
    assert (one.at_least_minor, one.back, one.months) == (2000, "cancelled", 0)


@pytest.mark.parametrize(
    ("benefit", "field"),
    [
        ("{id: a, kind: free_shiping}", "benefits[0].kind"),
        ("{id: A, kind: free_shipping}", "benefits[0].id"),
        ("{id: a, kind: free_shipping, per: fortnight}", "benefits[0].per"),
        ("{id: a, kind: free_shipping, per: rolling}", "benefits[0].months"),
        ("{id: a, kind: free_shipping, hours: 3}", "benefits[0].hours"),
        ("{id: a, kind: member_price}", "benefits[0].percent"),
        ("{id: a, kind: member_price, percent: 10, amount_off: 5}", "benefits[0].percent"),
        ("{id: a, kind: birthday_multiplier, times: 1}", "benefits[0].times"),
        ("{id: a, kind: early_access}", "benefits[0].hours"),
        ("{id: a, kind: free_order}", "benefits[0].worth"),
        ("{id: a, kind: service}", "benefits[0].service"),
        ("{id: a, kind: free_returns, for: [{tiers: other, from: gold}]}", "benefits[0].for[0].tiers"),
        ("{id: a, kind: free_returns, for: [{tiers: status, from: bronze}]}", "benefits[0].for[0].from"),
        ("{id: a, kind: free_returns, for: [{tiers: status, from: gold, most: 0}]}", "benefits[0].for[0].most"),
        ("{id: a, kind: free_returns, per: membership, for: [{tiers: status, from: gold}]}", "benefits[0].per"),
    ],
)
def test_what_means_nothing_is_refused_with_its_place(benefit, field):
    with pytest.raises(BadProgramme) as refused:
        _read([benefit])
    assert refused.value.facts["field"] == field


def test_every_kind_can_be_written():
    told = {
        "free_shipping": "",
        "member_price": ", percent: 10, where: {field: category, is: tea}",
        "birthday_multiplier": ', times: "2", days: 3',
        "early_access": ", hours: 24",
        "dedicated_agent": "",
        "free_returns": "",
        "free_pick_up": "",
        "free_order": ", worth: 30",
        "service": ", service: cleaning, back: never",
    }
    found = _read([f"{{id: b{nth}, kind: {kind}{more}}}" for nth, (kind, more) in enumerate(told.items())])
    assert [one.kind for one in found] == list(benefit_terms.KINDS)
