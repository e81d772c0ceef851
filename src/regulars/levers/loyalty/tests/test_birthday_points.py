"""Orders around a birthday earn more for those who have the benefit, by what was so when they were decided first."""

from datetime import UTC, datetime

import pytest

from regulars.facts.commerce import kept
from regulars.kit import civil
from regulars.kit.actors import SHELL
from regulars.levers.loyalty import benefits, earning, points, programmes, tiers
from regulars.levers.loyalty._earning import birthdays
from regulars.levers.loyalty.models import Earning
from regulars.levers.loyalty.tests.builders import DAY, MAREK, THE_SHOP, a_member, key
from regulars.levers.loyalty.tests.test_birthdays import born
from regulars.levers.loyalty.tests.test_earning import an_order, comes_back
from regulars.runtime.notices.dispatch import react_to_everything

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
CLUB = """
programme: club
money: GBP
zone: Europe/London
pending: {until: placed, days: 0}
tiers:
  - id: status
    period: {kind: ever}
    levels: [{id: silver, any: [{what: spend, at_least: 100}]}, {id: gold, any: [{what: spend, at_least: 900}]}]
benefits:
  - {id: cake, kind: birthday_multiplier, times: 2, days: 3, for: [{tiers: status, from: silver}]}
rules:
  - {id: spend, kind: spend, points: 1, per: 1}
  - {id: birthday, kind: birthday_bonus, benefit: cake, multiplies: [spend]}
"""


def the_club(text=CLUB) -> None:
    at = NOON - 100 * DAY
    made = programmes.draft(text=text, at=at, by=MAREK)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL)
    programmes.activate(programme="club", version=made.number, at=at, by=MAREK, from_at=at)


def buys(who, amount, at) -> int:
    order = an_order(key(), customer=who, at=at, lines=(("coat", "1", amount),))
    earning.award_for_order(order=order, at=at, by=THE_SHOP)
    return order


def earned(order) -> dict[str, int]:
    return {rule: sum(lines.values()) for rule, lines in Earning.objects.get(subject=f"order:{order}").lines.items()}


@pytest.mark.django_db
def test_around_the_birthday_orders_of_who_has_the_benefit_earn_more_and_returns_give_it_back():
    the_club()
    priya = born("1990-03-10")
    first = buys("priya", "120.00", NOON - 3 * DAY)
    assert earned(first) == {"spend": 120}, "right before it she was on no level"
    coat = buys("priya", "50.00", NOON - 2 * DAY)
    assert earned(coat) == {"spend": 50, "birthday": 50}
    hat = buys("priya", "10.00", NOON + 3 * DAY)
    late = buys("priya", "10.00", NOON + 4 * DAY)
    assert (earned(hat), earned(late)) == ({"spend": 10, "birthday": 10}, {"spend": 10})
    kept = Earning.objects.get(subject=f"order:{coat}").context
    assert kept["birthdays"] == {"cake": "2"}
    assert "03-10" not in str(kept)
    # Whatever is so by now, the order is decided again by what was so then.
    comes_back(first, ["1"], key="rma-1")
    react_to_everything()
    [status] = tiers.of(customer=priya, at=NOON)
    assert status.level == ""
    assert earned(coat) == {"spend": 50, "birthday": 50}
    comes_back(coat, ["1"], key="rma-2")
    react_to_everything()
    assert earned(coat) in ({}, {"spend": 0, "birthday": 0})
    assert points.balance(customer=priya, at=NOON + 9 * DAY).spendable == 30


@pytest.mark.django_db
def test_who_changes_the_day_has_no_second_birthday_and_who_tells_it_later_none_for_what_was_bought(
    django_assert_num_queries,
):
    the_club()
    born("1990-03-10")
    buys("priya", "120.00", NOON - 50 * DAY)
    told = [buys("priya", "10.00", NOON)]
    assert earned(told[0]) == {"spend": 10, "birthday": 10}
    born("1990-06-20", at=NOON + 90 * DAY)
    assert earned(buys("priya", "10.00", NOON + 102 * DAY)) == {"spend": 10}
    # A year after her first one it is hers again.
    born("1990-03-11", at=NOON + 300 * DAY)
    assert earned(buys("priya", "10.00", NOON + 365 * DAY)) == {"spend": 10, "birthday": 10}
    a_member("li")
    buys("li", "120.00", NOON - 50 * DAY)
    order = buys("li", "10.00", NOON)
    li = born("--03-10", ref="li", at=NOON + DAY / 24)
    earning.award_for_order(order=order, at=NOON + DAY, by=THE_SHOP)
    assert earned(order) == {"spend": 10}
    # Given by hand somebody has it without any level, with the terms of then, as long as it is theirs.
    benefits.give(
        customer=born("--03-10", ref="sam"),
        benefit="club.cake",
        reason="goodwill",
        most=None,
        until=NOON.date(),
        key=key(),
        at=NOON - 5 * DAY,
        by=MAREK,
    )
    told.append(buys("sam", "10.00", NOON - DAY))
    assert earned(told[1]) == {"spend": 10, "birthday": 10}
    assert earned(buys("sam", "10.00", NOON)) == {"spend": 10}
    told.append(buys("li", "10.00", NOON + 2 * DAY))
    assert earned(told[2]) == {"spend": 10, "birthday": 10}, li

    club = programmes.active_one("club", NOON).programme
    sold = kept.of(told)
    for some in (told[:1], told):
        with django_assert_num_queries(8):
            found = birthdays.multiplied(
                [sold[order] for order in some],
                club,
                civil.zone(club.zone),
                {},
                of_the_past=False,
                ladder=None,
            )
        assert set(found) == set(some)


@pytest.mark.parametrize(
    ("was", "says", "field"),
    [
        (", kind: birthday_bonus, benefit: cake, multiplies: [spend]", ", kind: first_order, points: 5", "benefits[0]"),
        ("from: silver}", "from: silver, most: 2}", "benefits[0].for"),
        ("benefit: cake", "benefit: tea", "rules[1].benefit"),
        (", multiplies: [spend]", "", "rules[1].multiplies"),
    ],
)
@pytest.mark.django_db
def test_what_would_promise_points_that_no_rule_gives_is_refused(was, says, field):
    with pytest.raises(programmes.BadProgramme) as refused:
        programmes.draft(text=CLUB.replace(was, says), at=NOON, by=MAREK)
    assert refused.value.facts["field"].startswith(field)
