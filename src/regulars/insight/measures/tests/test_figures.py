"""Every figure against a plain reckoning over each order of random shops, and by hand where that says more."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from statistics import mean
from typing import Any

import pytest

from regulars.insight.measures import exploring, spanning, tables
from regulars.insight.measures.estimates import Estimate
from regulars.insight.measures.exploring import EVERYBODY, Explored
from regulars.insight.measures.figure import Figure, Span
from regulars.insight.measures.figures import FIGURES
from regulars.insight.measures.scope import Scope, Told
from regulars.insight.measures.tests.builders import INES, LI, PRIYA, TOMAS, bought, gave_back
from regulars.insight.measures.tests.shops import LONDON, Shop, a_random_shop, session_of


def explored(shop: Shop, told: Told = Told()) -> Explored:
    with session_of(shop) as (session, scope):
        spanning.facts(session, scope, LONDON)
        return exploring.of_groups(session, replace(scope, told=told))


def of_year(shop: Shop, name: str, told: Told = Told()) -> Estimate:
    return explored(shop, told).year.groups[EVERYBODY][name]


@dataclass
class Reckoning:
    """What a shop came to in a span, order by order."""

    shop: Shop
    span: Span

    def __post_init__(self) -> None:
        self.sold = [
            {"channel": "web", "store": None, "number": number, **order}
            for number, order in enumerate(self.shop.orders, 1)
            if order["kind"] == "purchase" and not order["is_cancelled"]
        ]
        self.days: dict[int, set[date]] = defaultdict(set)
        for order in self.sold:
            if order["customer_id"] is not None and order["placed_on"] <= self.span.end_on:
                self.days[order["customer_id"]].add(order["placed_on"])

    def within(self, day: date) -> bool:
        return self.span.start_on <= day <= self.span.end_on

    def told(self) -> dict[str, Any]:
        """The values of the figures, each said as a shopkeeper with a ledger would."""
        mine = [o for o in self.sold if o["customer_id"] is not None and self.within(o["placed_on"])]
        home = [o for o in mine if o["currency"] == "GBP"]
        everyone = [o for o in self.sold if self.within(o["placed_on"]) and o["currency"] == "GBP"]
        by = defaultdict(list)
        for order in mine:
            by[order["customer_id"]].append(order)
        gross = sum(o["goods_minor"] for o in home)
        back = [r for r in self.shop.returns if r["customer_id"] in self.days and self.within(r["returned_on"])]
        returned = sum(r["matched_minor"] for r in back)
        spent = {
            who: sum(o["goods_minor"] for o in theirs if o["currency"] == "GBP")
            - sum(r["matched_minor"] for r in back if r["customer_id"] == who)
            for who, theirs in by.items()
        }
        numbers = {o["number"]: o["customer_id"] for o in mine}
        wares = defaultdict(set)
        for line in self.shop.lines:
            if line["order_id"] in numbers:
                wares[numbers[line["order_id"]]].add(line["product_id"])
        gaps = sorted(
            (after - one).days
            for days in self.days.values()
            for one, after in zip(sorted(days), sorted(days)[1:], strict=False)
            if self.within(after)
        )
        old = [
            who for who, days in self.days.items() if any((self.span.start_on - d).days in range(1, 366) for d in days)
        ]
        live = [who for who, days in self.days.items() if any((self.span.end_on - d).days < 365 for d in days)]
        new = [who for who in live if min(self.days[who]) >= self.span.start_on]
        seen = {who for who, at, _ in self.shop.came if self.within(at.astimezone(LONDON).date())}
        return {
            "engagement": mean(who in seen or who in by for who in live) if live else None,
            "buyers": len(by),
            "orders": len(mine),
            "spend": gross - returned,
            "average_order": gross / len(home),
            "monetary": mean(spent.values()),
            "frequency": mean(len({o["placed_on"] for o in theirs}) for theirs in by.values()),
            "new_buyers": mean(min(self.days[who]) >= self.span.start_on for who in by),
            "rhythm": gaps[-(-len(gaps) // 2) - 1] if len(gaps) > 1 else None,
            "recency": mean((self.span.end_on - max(days)).days for days in self.days.values()),
            "repurchase": mean(len(days) >= 2 for days in self.days.values()),
            "retention": (len(live) - len(new)) / len(old) if old else None,
            "returns": returned / gross,
            "diversity": mean(len(some) for some in wares.values()),
            "several_channels": mean(len({o["channel"] for o in theirs}) > 1 for theirs in by.values()),
            "in_store": mean(any(o["store"] for o in theirs) for theirs in by.values()),
            "store_visits": len({(o["customer_id"], o["placed_on"]) for o in mine if o["store"]}),
            "member_share": gross / sum(o["goods_minor"] for o in everyone),
        }


@pytest.mark.parametrize("seed", [1, 2])
def test_every_figure_is_what_a_ledger_says(seed: int):
    shop = a_random_shop(seed)
    found = explored(shop)
    assert len(found.months) == 21
    reckoned = {"lifetime_value", "margin"}
    for at in (found.year, *found.months):
        told = Reckoning(shop, at.span).told()
        reckoned |= told.keys()
        for name, value in told.items():
            estimate = at.groups[EVERYBODY][name]
            if estimate.unit == "money" and value is not None:
                assert abs(estimate.value - value) <= 0.5, (name, at.span)
            else:
                assert estimate.value == pytest.approx(value), (name, at.span)
    assert reckoned == {one.name for one in FIGURES}


def test_groups_that_have_nobody_in_common_add_up_to_everybody():
    found = explored(a_random_shop(3)).year.groups
    for name in ("buyers", "orders", "spend", "store_visits"):
        parts = [estimates[name].value for group, estimates in found.items() if group != EVERYBODY]
        assert len(parts) > 3
        assert sum(parts) == found[EVERYBODY][name].value
    assert all("member_share" not in estimates for group, estimates in found.items() if group != EVERYBODY)


def test_of_an_audience_is_told_what_a_shop_of_them_alone_would_tell():
    shop = a_random_shop(4)
    some = set(range(1, 60, 3))
    with session_of(shop) as (session, scope):
        people = session.table("customers").filter(lambda c: c.customer_id % 3 == 1)
        found = exploring.of_some(session, scope, LONDON, people)
    kept = [order | ({} if order["customer_id"] in some else {"is_cancelled": True}) for order in shop.orders]
    alone = Shop(kept, [r for r in shop.returns if r["customer_id"] in some], shop.lines, shop.came)
    with session_of(alone) as (session, scope):
        there = Scope(session.table, found.as_of, "GBP")
        spanning.facts(session, there, LONDON)
        expected = exploring.of_groups(session, there)
    here, there = found.year.groups[EVERYBODY], dict(expected.year.groups[EVERYBODY])
    del there["member_share"]
    assert here == there


def test_whoever_looked_around_came_by_on_the_day_that_clocks_showed_there():
    """Half past eleven at night in UTC is the next day in London in summer; a stranger on a shared tablet is nobody."""
    orders = [bought(who, "2025-09-01", 1000) for who in (INES, TOMAS, PRIYA)]
    came = [(INES, datetime(2026, 6, 30, 23, 30, tzinfo=UTC), "Product Viewed")]
    shop = Shop([*orders, bought(LI, "2026-07-31", 100)], came=came)
    june, july = explored(shop).months[-2:]
    assert (june.groups[EVERYBODY]["engagement"].value, july.groups[EVERYBODY]["engagement"].value) == (0.0, 0.5)
    shop.shared = {INES}
    assert explored(shop).months[-1].groups[EVERYBODY]["engagement"].value == 0.25


def test_a_small_shop_by_hand():
    orders = [bought(who, "2026-01-05", 1000) for who in (INES, TOMAS, PRIYA)]
    shop = Shop([*orders, bought(INES, "2026-02-05", 1000)], [gave_back(INES, "2026-02-05", 500)])
    found = explored(shop).year.groups[EVERYBODY]
    expected = {"buyers": 3, "orders": 4, "spend": 3500, "returns": 0.125, "average_order": 1000, "repurchase": 1 / 3}
    assert {name: found[name].value for name in expected} == expected
    assert {found[name].n for name in expected} == {3}


def test_the_textbook_retention_rate():
    """Four at the start, of whom three bought again; one was lost, one came new: (4 - 1) / 4."""
    orders = [bought(who, "2024-06-01", 100) for who in (INES, TOMAS, PRIYA, LI)]
    orders += [bought(who, "2025-06-15", 100) for who in (INES, TOMAS, PRIYA)]
    found = of_year(Shop([*orders, bought(6, "2025-06-30", 100)]), "retention")
    assert (found.value, found.n) == (0.75, 4)
    assert {name: one.value for name, one in found.factors.items()} == {"start": 4, "end": 4, "new": 1}


def test_the_textbook_lifetime_value_shows_every_factor():
    """Of ten customers of last year five bought in this, two orders of 1,000 each: 1000 * 2 * 1 / (1 - 0.5) * 0.25."""
    orders = [bought(who, "2024-06-01", 700) for who in range(1, 11)]
    orders += [bought(who, on, 1000) for who in range(1, 6) for on in ("2025-03-01", "2025-06-15")]
    found = of_year(Shop(orders), "lifetime_value", Told(margin=0.25))
    assert found.value == 1000
    told = {name: one.value for name, one in found.factors.items()}
    assert told == {"average_order": 1000, "orders_a_year": 2.0, "years": 2.0, "margin": 0.25}
    kept = found.factors["years"].factors["kept"]
    assert (kept.value, kept.n) == (0.5, 10)
    assert found.low < 1000 < found.high


def test_what_cannot_be_known_yet_says_why():
    shop = Shop([bought(INES, "2026-01-05", 1000)])
    found = explored(shop).year.groups[EVERYBODY]
    assert found["lifetime_value"].factors["years"].lack == "too_short"
    lacks = {name: found[name].lack for name in ("margin", "retention", "average_order", "lifetime_value")}
    assert lacks == {
        "margin": "no_margin_told",
        "retention": "nobody",
        "average_order": "too_few",
        "lifetime_value": "too_few",
    }
    assert of_year(shop, "margin", Told(margin=0.4)).value == 400


def test_a_shop_without_customers_is_told_of_too():
    found = explored(Shop([bought(None, "2026-01-05", 1000), bought(None, "2026-01-06", 500)]))
    assert found.year.groups[EVERYBODY]["buyers"].value == 0
    assert found.year.groups[EVERYBODY]["member_share"].value == 0.0


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_every_figure_says_what_it_means_in_both_languages(figure: Figure):
    assert all((figure.en.name, figure.en.meaning, figure.owner))
    assert all(any("一" <= letter <= "鿿" for letter in text) for text in (figure.zh.name, figure.zh.meaning))
    published = tables.NEEDED.keys() | tables.FIGURES_NEED.keys()
    assert set(figure.tables) <= published
