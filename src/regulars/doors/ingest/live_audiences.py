"""Audiences for `regulars bench profile-stream`: of the kinds that shops have, asking for what its client sends."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from regulars.insight.audiences import audiences, filling, members
from regulars.kit.actors import Actor

_NAMES = ("Product Viewed", "Product List Viewed", "Product Added", "Products Searched")


def make(many: int, *, by: Actor) -> None:
    """So many of them: counts, sums and different products of events over windows, one after another, never, orders,
    and all of these together with what is known of the customer."""
    at = datetime.now(UTC)
    made = [
        audiences.define(
            name=f"Bench {number}",
            condition={"version": 1, "zone": "Europe/London", "if": _asked(number)},
            key=f"bench {number}",
            at=at,
            by=by,
        ).number
        for number in range(many)
    ]
    # Before that everybody is asked for each, wherever they stand.
    filling.fill_all(made)


def facts() -> Mapping[str, Any]:
    """How many audiences there are, and how many people they hold, all together."""
    every = audiences.every()
    return {"audiences": len(every), "members": sum(one.members for one in every)}


def moved() -> int:
    """How often somebody came into one or left it, since there are any."""
    return sum(entered + left for entered, left in members.lately(since=datetime.min.replace(tzinfo=UTC)).values())


def _asked(number: int) -> dict[str, Any]:
    name, many = _NAMES[number // 10 % len(_NAMES)], number // 10 % 4 + 1
    done = {"did": "events.events", "where": [{"column": "name", "is": name}]}
    lately = {**done, "during": {"last": {"days": 7 * many}}}
    return (
        {**lately, "count": {"at_least": many}},
        {**lately, "count": {"is": 0}},
        {**done, "during": {"last": {"hours": many}}, "count": {"at_least": 2}},
        {**lately, "distinct": "product", "amount": {"at_least": many}},
        {**lately, "sum": "value", "amount": {"more_than": "10.00"}},
        {"sequence": [done, {**_added(), "within": {"days": many}}]},
        {"sequence": [_added(), {**_ordered(), "within": {"hours": 24 * many}, "missing": True}]},
        {"all": [lately, {"not": {"did": "commerce.orders", "during": {"last": {"days": 30}}}}]},
        {"all": [{"field": "customers.country", "is": "GB"}, lately]},
        {"all": [{"did": "commerce.orders", "count": {"at_least": many}}, {"not": lately}]},
    )[number % 10]


def _added() -> dict[str, Any]:
    return {"did": "events.events", "where": [{"column": "name", "is": "Product Added"}]}


def _ordered() -> dict[str, Any]:
    return {"did": "commerce.orders"}
