"""Conditions decided for one customer: tables for tests of values and for windows, stories for what people did."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from regulars.kit.conditions import holding, reading
from regulars.kit.conditions.holding import Known, Row
from regulars.kit.conditions.tests.builders import SHOP

#: A Sunday; 20:00 in Shanghai.
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def verdict(node, *, at=NOW, zone="Asia/Shanghai", rows=None, **fields):
    condition = reading.read({"version": 1, "zone": zone, "if": node}, SHOP)
    return holding.holds(condition, Known(fields, rows or {}, frozenset({"aud_1"}), {"n1": Decimal(500)}), at=at)


@pytest.mark.parametrize(
    ("fields", "node", "expected"),
    [
        ({"country": "CN"}, {"field": "country", "is": "CN"}, True),
        ({}, {"field": "country", "is": "CN"}, False),
        ({}, {"field": "country", "is_not": "CN"}, True),
        ({"country": "GB"}, {"field": "country", "not_in": ["CN"]}, True),
        ({}, {"field": "country", "not_in": ["CN"]}, True),
        ({}, {"field": "country", "is_known": False}, True),
        ({"tags": ()}, {"field": "tags", "is_known": True}, False),
        ({"city": "上海"}, {"field": "city", "starts_with": "上"}, True),
        ({"city": "上海"}, {"field": "city", "contains": "北"}, False),
        ({"tags": ("vip", "tea")}, {"field": "tags", "has_all": ["tea", "vip"]}, True),
        ({"tags": ("vip",)}, {"field": "tags", "has_any": ["tea", "vip"]}, True),
        ({"tags": ("vip",)}, {"field": "tags", "has_all": ["tea", "vip"]}, False),
        ({"spend": 10000}, {"field": "spend", "at_least": "100", "less_than": "200"}, True),
        ({"spend": 20000}, {"field": "spend", "at_least": "100", "less_than": "200"}, False),
        ({}, {"field": "spend", "less_than": "200"}, False),
        ({"weight": Decimal("0.10")}, {"field": "weight", "is": "0.1"}, True),
        ({"is_member": False}, {"field": "is_member", "is": False}, True),
        ({}, {"field": "is_member", "is": False}, False),
        ({"spend": 500}, {"field": "spend", "highest": {"percent": 10}}, True),
        ({"spend": 499}, {"field": "spend", "highest": {"percent": 10}}, False),
        ({}, {"field": "spend", "lowest": {"percent": 10}}, False),
        # In Shanghai it is 1 March; born on 29 February they have had their day on the 28th.
        ({"birthday": date(1990, 3, 7)}, {"field": "birthday", "anniversary_within_days": 7}, True),
        ({"birthday": date(1990, 3, 8)}, {"field": "birthday", "anniversary_within_days": 7}, False),
        ({"birthday": date(1992, 2, 29)}, {"field": "birthday", "anniversary_within_days": 364}, False),
        ({"birthday": date(1992, 2, 29)}, {"field": "birthday", "anniversary_within_days": 365}, True),
        ({"birthday": date(2026, 1, 31)}, {"field": "birthday", "during": {"last": {"days": 30}}}, True),
        ({"birthday": date(2026, 1, 30)}, {"field": "birthday", "during": {"last": {"days": 30}}}, False),
        ({"last_seen": NOW}, {"field": "last_seen", "from": "2026-03-01T20:00:00+08:00"}, True),
        ({"last_seen": NOW}, {"field": "last_seen", "before": "2026-03-01T20:00:00+08:00"}, False),
        ({}, {"audience": "aud_1"}, True),
        ({}, {"not": {"audience": "aud_1"}}, False),
        ({"orders": 3}, {"any": [{"field": "orders", "is": 3}, {"field": "country", "is": "CN"}]}, True),
        ({"orders": 3}, {"all": [{"field": "orders", "is": 3}, {"field": "country", "is": "CN"}]}, False),
    ],
)
def test_values(fields, node, expected):
    assert verdict(node, **fields).holds is expected


def an_order(at, *lines, channel="web", total=0):
    return Row(at, {"channel": channel, "total": total}, {"lines": lines})


@pytest.mark.parametrize(
    ("during", "zone", "first", "last"),
    [
        # What is the first instant inside, and the last one before which all is inside?
        ({"last": {"days": 30}}, "Asia/Shanghai", NOW - timedelta(days=30), NOW),
        ({"last": {"hours": 5}}, "Asia/Shanghai", NOW - timedelta(hours=5), NOW),
        ({"last": {"weeks": 1}}, "Asia/Shanghai", NOW - timedelta(days=7), NOW),
        ({"last": {"months": 1}}, "Asia/Shanghai", datetime(2026, 2, 1, 12, tzinfo=UTC), NOW),
        ({"calendar": "month"}, "Asia/Shanghai", datetime(2026, 2, 28, 16, tzinfo=UTC), NOW),
        (
            {"calendar": "month", "ago": 1},
            "Asia/Shanghai",
            datetime(2026, 1, 31, 16, tzinfo=UTC),
            datetime(2026, 2, 28, 16, tzinfo=UTC),
        ),
        ({"calendar": "week"}, "Asia/Shanghai", datetime(2026, 2, 22, 16, tzinfo=UTC), NOW),
        ({"calendar": "quarter"}, "Asia/Shanghai", datetime(2025, 12, 31, 16, tzinfo=UTC), NOW),
        ({"calendar": "year"}, "Asia/Shanghai", datetime(2025, 12, 31, 16, tzinfo=UTC), NOW),
        ({"since": "birthday"}, "Asia/Shanghai", datetime(2025, 3, 6, 16, tzinfo=UTC), NOW),
        (
            {"between": ["2026-02-01", "2026-02-02"]},
            "Asia/Shanghai",
            datetime(2026, 1, 31, 16, tzinfo=UTC),
            datetime(2026, 2, 1, 16, tzinfo=UTC),
        ),
    ],
)
def test_windows_begin_with_their_first_instant_and_end_before_their_last(during, zone, first, last):
    node = {"did": "orders", "during": during}
    tick = timedelta(microseconds=1)

    def is_in(moment):
        return verdict(node, zone=zone, rows={"orders": [an_order(moment)]}, birthday=date(1990, 3, 7)).holds

    assert is_in(first)
    assert is_in(last - tick)
    assert not is_in(first - tick)
    assert not is_in(last)


def test_the_last_days_keep_their_clock_face_when_clocks_change():
    # London put its clocks forward on 29 March 2026: noon there was 12:00 UTC on the 28th and 11:00 on the 30th.
    noon = datetime(2026, 3, 30, 11, tzinfo=UTC)
    node = {"did": "orders", "during": {"last": {"days": 2}}}

    def is_in(moment):
        return verdict(node, at=noon, zone="Europe/London", rows={"orders": [an_order(moment)]}).holds

    assert is_in(datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert not is_in(datetime(2026, 3, 28, 11, 59, tzinfo=UTC))


def test_without_a_birthday_nothing_was_since_it():
    assert not verdict({"did": "orders", "during": {"since": "birthday"}}, rows={"orders": [an_order(NOW)]}).holds


TEA = {"product": "tea", "category": "drinks", "quantity": Decimal(2), "amount": 3000}
CUP = {"product": "cup", "category": "ware", "quantity": Decimal(1), "amount": 9000}


def test_a_match_is_inside_one_line_never_spread_over_two():
    li = {"orders": [an_order(NOW - timedelta(days=1), TEA, CUP)]}
    dear = {"column": "amount", "at_least": "80"}

    assert verdict(
        {"did": "orders", "some": [{"of": "lines", "where": [{"column": "product", "is": "cup"}, dear]}]}, rows=li
    ).holds
    assert not verdict(
        {"did": "orders", "some": [{"of": "lines", "where": [{"column": "product", "is": "tea"}, dear]}]}, rows=li
    ).holds


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ({"count": {"at_least": 0}}, 2),
        ({"sum": "total", "amount": {"at_least": "0"}}, 15000),
        ({"distinct": "channel", "amount": {"at_least": 0}}, 2),
        ({"each": "lines", "count": {"at_least": 0}}, 3),
        ({"each": "lines", "sum": "quantity", "amount": {"at_least": "0"}}, Decimal(5)),
        ({"each": "lines", "distinct": "product", "amount": {"at_least": 0}}, 2),
        ({"each": "lines", "of_each": [{"column": "category", "is": "ware"}], "count": {"at_least": 0}}, 1),
        ({"where": [{"column": "channel", "is": "store"}], "sum": "total", "amount": {"at_least": "0"}}, 3000),
        ({"where": [{"column": "total", "more_than": "1000"}], "sum": "total", "amount": {"is": "0"}}, 0),
    ],
)
def test_what_is_counted_is_told(asked, seen):
    rows = {
        "orders": [
            an_order(NOW - timedelta(days=2), TEA, CUP, total=12000),
            an_order(NOW - timedelta(days=1), TEA, channel="store", total=3000),
        ]
    }
    found = verdict({"did": "orders"} | asked, rows=rows)

    assert found.holds
    assert found.seen == seen


CART = {"did": "events", "where": [{"column": "name", "is": "Cart Viewed"}]}


def cart(at):
    return Row(at, {"name": "Cart Viewed"})


@pytest.mark.parametrize(
    ("carts", "orders", "bought", "left"),
    [
        # Days before now on which there was a cart, and an order; bought within two days? left for two days?
        ([10], [9], True, False),
        ([10], [7.9], False, True),
        ([10], [8], True, False),
        ([10], [], False, True),
        ([1], [], False, False),
        ([10], [10], False, True),
        ([10], [11], False, True),
        ([10, 5], [9], True, True),
        ([10, 9], [8], True, False),
        ([], [9], False, False),
    ],
)
def test_one_after_the_other_in_time_or_missing_once_the_time_is_over(carts, orders, bought, left):
    rows = {
        "events": [cart(NOW - timedelta(days=ago)) for ago in carts],
        "orders": [an_order(NOW - timedelta(days=ago)) for ago in orders],
    }
    ordered = {"did": "orders", "within": {"days": 2}}

    assert verdict({"sequence": [CART, ordered]}, rows=rows).holds is bought
    assert verdict({"sequence": [CART, ordered | {"missing": True}]}, rows=rows).holds is left


def test_three_steps_may_wait_for_a_later_first_one():
    seen = {"did": "events", "where": [{"column": "name", "is": "Product Viewed"}]}
    rows = {
        "events": [
            Row(NOW - timedelta(days=9), {"name": "Product Viewed"}),
            cart(NOW - timedelta(days=8, hours=1)),
            Row(NOW - timedelta(days=5), {"name": "Product Viewed"}),
            cart(NOW - timedelta(days=4)),
        ],
        "orders": [an_order(NOW - timedelta(days=3))],
    }
    steps = [seen, CART | {"within": {"days": 1}}, {"did": "orders", "within": {"days": 1}}]

    assert verdict({"sequence": steps}, rows=rows).holds


def test_every_node_says_what_became_of_it():
    found = verdict(
        {
            "all": [
                {"id": "where", "field": "country", "is": "CN"},
                {"id": "often", "did": "orders", "count": {"at_least": 2}},
            ]
        },
        rows={"orders": [an_order(NOW - timedelta(days=1))]},
        country="CN",
    )

    assert not found.holds
    assert [(part.node, part.holds, part.seen) for part in found.of] == [("where", True, "CN"), ("often", False, 1)]
