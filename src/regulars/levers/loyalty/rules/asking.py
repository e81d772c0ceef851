"""Conditions in rules: the one language. `where` asks of each line with its order, or of an event; `only_if` of the
customer. What a model guessed can be asked by neither: what somebody is owed does not rest on it."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regulars.kit.conditions import holding, reading
from regulars.kit.conditions.holding import Known
from regulars.kit.conditions.nodes import Among, Condition, Type, Value
from regulars.kit.conditions.vocabulary import Asked, Vocabulary
from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.columns import BETWEEN, Flags, OrderColumns
from regulars.levers.loyalty.rules.told import BadProgramme, Told
from regulars.levers.loyalty.rules.views import EventView, LineView, OrderView

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PROPERTY = "property."
_GOODS = ("product", "category", "brand", "sku")
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def of_lines(currency: str) -> Vocabulary:
    """What `where` asks of a line and the order it is on."""
    days = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
    asked = (
        Asked("product", "text", _("product")),
        Asked("category", "text", _("category")),
        Asked("brand", "text", _("brand")),
        Asked("sku", "text", _("SKU")),
        Asked("quantity", "decimal", _("quantity")),
        Asked("amount", "money", _("amount of the line")),
        Asked("channel", "text", _("channel")),
        Asked("store", "text", _("store")),
        Asked("fulfilment", "text", _("how it gets to them")),
        Asked("weekday", "text", _("day of the week"), choices=dict(zip(WEEKDAYS, days, strict=True))),
        Asked("placed_on", "date", _("day of the order")),
        Asked("currency", "text", _("currency")),
    )
    return Vocabulary({one.name: one for one in asked}, {}, currency)


def of_events(currency: str, condition: object) -> Vocabulary:
    """What `where` asks of an event: its properties have the type of what they are compared with."""
    asked = [Asked("about", "text", _("what it was about")), Asked("store", "text", _("store"))]
    asked += [Asked(name, type_, name.removeprefix(_PROPERTY)) for name, type_ in _properties(condition).items()]
    return Vocabulary({one.name: one for one in asked}, {}, currency)


def _properties(node: object) -> dict[str, Type]:
    if isinstance(node, list):
        return {name: type_ for one in node for name, type_ in _properties(one).items()}
    if not isinstance(node, Mapping):
        return {}
    name = node.get("field")
    if isinstance(name, str) and name.startswith(_PROPERTY):
        values = [value for key, value in node.items() if key not in ("field", "id", "is_known")]
        flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
        if any(isinstance(one, bool) for one in flat):
            return {name: "bool"}
        of_numbers = any(test in node for test in ("at_least", "at_most", "more_than", "less_than"))
        return {name: "decimal" if of_numbers or any(isinstance(one, int) for one in flat) else "text"}
    return {found: type_ for value in node.values() for found, type_ in _properties(value).items()}


def read(told: Told, key: str, vocabulary: Vocabulary, zone: str) -> Condition | None:
    """The condition at a key, None where there is none. Refuses predictions, and whatever else cannot be asked."""
    node = told.raw(key)
    if node is None:
        return None
    try:
        found = reading.read({"version": reading.VERSION, "zone": zone, "if": node}, vocabulary, predictions=False)
    except reading.BadCondition as refused:
        raise BadProgramme(
            _("%(field)s: %(message)s") % {"field": told.at(key), "message": refused.message},
            field=told.at(key),
            value=str(refused.facts.get("value", ""))[:80],
            mend=str(refused.facts.get("mend", "")),
        ) from refused
    if any(isinstance(one, Among) for one in found.nodes()):
        # What others do meanwhile decides it: what was promised would not be what is owed.
        mend = _("who is among the highest changes with what others do; make an audience of them")
        raise BadProgramme(
            _("%(field)s: %(message)s") % {"field": told.at(key), "message": mend},
            field=told.at(key),
            value="highest",
            mend=mend,
        )
    return found


def line_fits(condition: Condition, order: OrderView, line: LineView) -> bool:
    """Whether a line of an order passes `where`."""
    texts = {
        "product": line.product,
        "category": line.category,
        "brand": line.brand,
        "sku": line.sku,
        "channel": order.channel,
        "store": order.store,
        "fulfilment": order.fulfilment,
    }
    known = _line(texts, line.quantity, line.amount_minor, order.placed_on, order.currency)
    return holding.holds(condition, known, at=order.placed_at).holds


def _line(texts: Mapping[str, str], quantity: Decimal, amount_minor: int, placed_on: date, currency: str) -> Known:
    fields: dict[str, Value] = {
        "quantity": quantity,
        "amount": amount_minor,
        "weekday": WEEKDAYS[placed_on.weekday()],
        "placed_on": placed_on,
        "currency": currency,
    }
    return Known(fields | {name: text for name, text in texts.items() if text})


def lines_fit(condition: Condition, orders: OrderColumns) -> Flags:
    """`line_fits` for all lines of many orders: asked once of those that are alike in all that it asks."""
    seen, of, names = orders.seen, orders.of, condition.fields
    alike = np.zeros(len(of), np.int64)
    columns: list[NDArray[Any]] = [seen.goods] if names & {*_GOODS} else []
    columns += [
        values for name, values in (("quantity", seen.quantity), ("amount", seen.amount_minor)) if name in names
    ]
    of_orders = (("channel", seen.channel), ("store", seen.store), ("fulfilment", seen.fulfilment))
    columns += [values[of] for name, values in of_orders if name in names]
    if "weekday" in names:
        columns.append(orders.placed_on[of] % 7)
    if "placed_on" in names:
        # A test may be of how long before the order a day was.
        columns.append(seen.placed_at[of])
    for values in columns:
        places: dict[object, int] = {}
        codes = np.array([places.setdefault(one, len(places)) for one in values.tolist()], np.int64)
        alike = np.unique(alike * max(len(places), 1) + codes, return_inverse=True)[1]
    first, place = np.unique(alike, return_index=True, return_inverse=True)[1:]
    fit = [_fits_at(condition, orders, int(line), int(order)) for line, order in zip(first, of[first], strict=True)]
    found: Flags = np.array(fit, np.bool_)[place]
    return found


def _fits_at(condition: Condition, orders: OrderColumns, line: int, order: int) -> bool:
    seen = orders.seen
    texts = dict(zip(_GOODS, seen.goods[line].split(BETWEEN), strict=True))
    texts |= {"channel": seen.channel[order], "store": seen.store[order], "fulfilment": seen.fulfilment[order]}
    known = _line(
        texts,
        Decimal(int(seen.quantity[line])).scaleb(-3),
        int(seen.amount_minor[line]),
        _BEGIN.date() + timedelta(days=int(orders.placed_on[order])),
        seen.currency,
    )
    at = _BEGIN + timedelta(microseconds=int(seen.placed_at[order]))
    return holding.holds(condition, known, at=at).holds


def event_fits(condition: Condition, event: EventView) -> bool:
    """Whether an event passes `where`."""
    fields: dict[str, Value] = {name: text for name, text in (("about", event.about), ("store", event.store)) if text}
    for name, value in event.properties.items():
        is_number = isinstance(value, int) and not isinstance(value, bool)
        fields[_PROPERTY + name] = Decimal(value) if is_number else value
    return holding.holds(condition, Known(fields), at=event.at).holds
