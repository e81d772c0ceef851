"""Which way more of what happens can move a condition."""

from typing import Any

import pytest

from regulars.kit.conditions import leaning, reading
from regulars.kit.conditions.leaning import EITHER, IN, OUT
from regulars.kit.conditions.nodes import Which
from regulars.kit.conditions.tests.builders import SHOP

CARTED: dict[str, Any] = {"did": "events", "where": [{"column": "name", "is": "Carted"}]}
BOUGHT: dict[str, Any] = {"did": "orders"}
WEEK: dict[str, Any] = {"during": {"last": {"days": 7}}}


def is_of_events(which: Which) -> bool:
    return which.collection == "events"


@pytest.mark.parametrize(
    ("node", "ways"),
    [
        ({**CARTED, **WEEK, "count": {"at_least": 3}}, IN),
        ({**CARTED, **WEEK, "count": {"is": 0}}, OUT),
        ({**CARTED, "count": {"is": 2}}, EITHER),
        ({**CARTED, "count": {"at_least": 2, "at_most": 4}}, EITHER),
        ({**CARTED, "distinct": "product", "amount": {"more_than": 1}}, IN),
        (BOUGHT, 0),
        ({"not": CARTED}, OUT),
        ({"all": [BOUGHT, {"not": {**CARTED, **WEEK}}]}, OUT),
        ({"any": [CARTED, {"not": {**CARTED, **WEEK}}]}, EITHER),
        ({"sequence": [CARTED, {**BOUGHT, "within": {"days": 1}, "missing": True}]}, IN),
        ({"sequence": [BOUGHT, {**CARTED, "within": {"days": 1}, "missing": True}]}, OUT),
        ({"sequence": [CARTED, {**CARTED, "within": {"days": 1}, "missing": True}]}, EITHER),
        ({"sequence": [CARTED, BOUGHT]}, IN),
    ],
)
def test_more_events_go(node: dict[str, Any], ways: int) -> None:
    condition = reading.read({"version": 1, "zone": "Asia/Shanghai", "if": node}, SHOP)
    assert leaning.ways(condition, is_of_events) == ways


def test_more_of_a_sum_may_be_less() -> None:
    spent = {"did": "orders", "sum": "total", "amount": {"at_least": "10.00"}}
    condition = reading.read({"version": 1, "zone": "Asia/Shanghai", "if": spent}, SHOP)
    assert leaning.ways(condition, lambda which: which.collection == "orders") == EITHER
