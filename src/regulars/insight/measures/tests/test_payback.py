"""Months until what was spent to win customers has come back: against a plain reckoning, and by hand at the edges."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime
from statistics import stdev
from typing import Any

import pytest

from regulars.facts.company import channels
from regulars.insight.measures import costs, spanning
from regulars.insight.measures.costs import BadCost
from regulars.insight.measures.library import payback
from regulars.insight.measures.scope import Cost, Told
from regulars.insight.measures.tests.builders import INES, LI, PRIYA, TOMAS, bought, gave_back
from regulars.insight.measures.tests.shops import LONDON, Shop, a_random_shop, session_of
from regulars.kit.actors import SYSTEM
from regulars.runtime.trail import trail

NOW = datetime(2026, 6, 15, tzinfo=UTC)
MAY = date(2026, 5, 1)


def cohorts(shop: Shop, *told: Cost, margin: float | None = 0.5, as_of: date | None = None) -> dict[Any, Any]:
    with session_of(shop, as_of) as (session, scope):
        spanning.facts(session, scope, LONDON)
        scope = replace(scope, told=Told(margin, told))
        found = payback.MEASURE.value(session.rows(payback.MEASURE.expression(scope)), scope)["cohorts"]
    return {(date.fromisoformat(one["month"]), one["channel"]): one["payback"] for one in found}


def _months(of: date, until: date) -> int:
    return (until.year - of.year) * 12 + until.month - of.month


@pytest.mark.parametrize("seed", [1, 2])
def test_every_cohort_is_what_a_ledger_says(seed: int):
    shop = a_random_shop(seed)
    sold = [
        one | {"number": number}
        for number, one in enumerate(shop.orders, 1)
        if one["kind"] == "purchase" and not one["is_cancelled"] and one["customer_id"] is not None
    ]
    first = {}
    for one in sorted(sold, key=lambda one: (one["placed_on"], one["number"])):
        first.setdefault(one["customer_id"], one)
    came: dict[tuple[date, str | None], dict[int, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    facts = [(one["customer_id"], one["placed_on"], one["goods_minor"] * (one["currency"] == "GBP")) for one in sold]
    facts += [(one["customer_id"], one["returned_on"], -one["matched_minor"]) for one in shop.returns]
    for who, on, minor in facts:
        month = first[who]["placed_on"].replace(day=1) if who in first else None
        if month is None or on < month:
            continue
        for channel in (None, first[who]["channel"]):
            each = came[month, channel][who]
            each[_months(month, on)] = each.get(_months(month, on), 0) + minor
    as_of = max(one["placed_on"] for one in sold)
    cost_of = {"web": 700, "app": 9_000, "till": 90_000}
    told = [Cost(month, channel, cost_of[channel]) for month, channel in came if channel is not None]
    found = cohorts(shop, *told)
    assert found.keys() == came.keys()
    for (month, channel), buyers in came.items():
        cost = sum(one.minor for one in told if one.month == month and channel in (None, one.channel))
        estimate = found[month, channel]
        assert estimate.n == len(buyers)
        if len(buyers) < 2:
            assert estimate.lack == "too_few"
            continue
        watched = _months(month, as_of) + 1
        shares, lows, highs = [], [], []
        for after in range(watched):
            each = [sum(minor for later, minor in one.items() if later <= after) for one in buyers.values()]
            half = 1.959964 * stdev(each) * len(each) ** 0.5
            for into, value in ((shares, sum(each)), (lows, sum(each) - half), (highs, sum(each) + half)):
                into.append(value * 0.5 / cost)

        def since(values: list[float]) -> int | None:
            under = [place for place, value in enumerate(values, 1) if value < 1]
            return 1 if not under else under[-1] + 1 if under[-1] < len(values) else None

        assert estimate.factors["recovered"].value == pytest.approx(shares[-1])
        assert estimate.factors["recovered"].low == pytest.approx(lows[-1])
        if since(shares) is None:
            assert estimate.lack == "not_paid_back"
        else:
            ends = since(highs), since(shares), since(lows) or watched
            assert (estimate.low, estimate.value, estimate.high) == ends
            assert estimate.is_open == (since(lows) is None)
    assert {one.lack for one in found.values()} >= {None, "not_paid_back"}


def test_a_cohort_pays_back_in_the_month_from_which_on_it_stays_so():
    orders = [bought(who, "2026-01-10", 1000, channel="web") for who in (INES, TOMAS, PRIYA)]
    orders += [bought(who, "2026-03-10", 1000, channel="till") for who in (INES, TOMAS, PRIYA)]
    orders += [bought(LI, "2026-01-20", 50, channel="till"), bought(LI, "2026-04-30", 50)]
    january = date(2026, 1, 1)
    back = [gave_back(INES, "2026-02-10", 10)]
    found = cohorts(Shop(orders, back), Cost(january, "web", 1500), Cost(january, "", 20_000))
    # 1500 came back in January, if only just; in February 5 went away again.
    web = found[january, "web"]
    assert (web.value, web.low, web.high, web.n, web.unit) == (3, 1, 3, 3, "months")
    assert web.factors["recovered"].value == pytest.approx(2995 / 1500)
    assert (web.factors["cost"].value, web.factors["watched"].value) == (1500, 4)
    whole = found[january, None]
    assert (whole.lack, whole.n, whole.factors["cost"].value) == ("not_paid_back", 4, 21_500)
    assert (january, "till") not in found


def test_without_margin_buyers_or_spread_nothing_is_made_up():
    orders = [bought(INES, "2026-01-10", 1000, channel="web"), bought(TOMAS, "2026-02-10", 1000)]
    web = Cost(date(2026, 1, 1), "web", 100)
    assert cohorts(Shop(orders), web, margin=None)[web.month, "web"].lack == "no_margin_told"
    assert cohorts(Shop(orders), web)[web.month, "web"].lack == "too_few"
    assert cohorts(Shop(orders), replace(web, channel="till"))[web.month, "till"].lack == "nobody"
    assert cohorts(Shop(orders)) == {}
    # Of months to come, and of those before all that is told one by one.
    assert cohorts(Shop(orders), replace(web, month=date(2026, 3, 1)), replace(web, month=date(2023, 1, 1))) == {}


@pytest.mark.django_db
def test_what_was_told_of_a_month_counts_until_it_is_told_anew():
    channels.resolve_many(codes=["web"], at=NOW, by=SYSTEM)
    told = [Cost(MAY, "web", 5000), Cost(MAY, "", 100)]
    assert costs.tell(costs=told, at=NOW, by=SYSTEM) == costs.Noted(new=2, changed=0, same=0)
    again = [Cost(MAY, "web", 6000), Cost(MAY, "", 0)]
    assert costs.tell(costs=again, at=NOW, by=SYSTEM) == costs.Noted(new=0, changed=2, same=0)
    assert costs.tell(costs=again, at=NOW, by=SYSTEM) == costs.Noted(new=0, changed=0, same=2)
    assert costs.told() == (Cost(MAY, "web", 6000),)
    line = trail.of("insight:costs")[0]
    assert (line.before, line.after) == ({"2026-05 web": 5000, "2026-05": 100}, {"2026-05 web": 6000, "2026-05": 0})
    for wrong, field in (
        (Cost(MAY, "wbe", 1), "channel"),
        (Cost(MAY, "web", -1), "amount"),
        (Cost(date(2026, 7, 1), "web", 1), "month"),
        (Cost(date(2026, 5, 2), "web", 1), "month"),
    ):
        with pytest.raises(BadCost) as refused:
            costs.tell(costs=[*told, wrong] if field != "month" else [wrong], at=NOW, by=SYSTEM)
        assert refused.value.facts["field"] == field
    assert costs.told() == (Cost(MAY, "web", 6000),)
