"""Orders and returns as conditions ask for them: of some people from the database, and of everyone from what is
published.

An order here is a purchase that counts: not cancelled, with something paid for. Amounts are in whole minor units of the
shop's currency; of what was paid in another they are unknown. Lines with nothing bought on them are left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection

from regulars.facts.company import company
from regulars.kit.conditions.holding import Row, Values
from regulars.runtime.database.offered import Wanted

_PARTS: Final = "lines"
_ORDERS: Final = {
    "placed_on": "sale.placed_on",
    "channel": "channel.code",
    "store": "store.code",
    "currency": "sale.currency",
    "fulfilment": "NULLIF(sale.fulfilment, '')",
    "origin": "sale.origin",
}
_ORDERS_MONEY: Final = ("total", "goods", "discount", "shipping", "tax")
_RETURNS: Final = {
    "returned_on": "back.returned_on",
    "channel": "channel.code",
    "store": "store.code",
    "currency": "back.currency",
    "reason": "NULLIF(back.reason, '')",
}
_PRODUCT: Final = {
    "product": "product.ref",
    "title": "NULLIF(product.title, '')",
    "category": "NULLIF(product.category, '')",
    "brand": "NULLIF(product.brand, '')",
}
_LINES: Final = {
    **_PRODUCT,
    "sku": "NULLIF(line.sku, '')",
    "quantity": "line.quantity",
    "is_gift_card": "line.is_gift_card",
}
_RETURN_LINES: Final = {**_PRODUCT, "quantity": "line.quantity"}


def _ours(of: str, amount: str) -> str:
    return f"CASE WHEN {of}.currency = %(currency)s THEN {amount} END"


_READ_ORDERS: Final = (
    f"SELECT sale.customer_id, sale.id, sale.placed_at, {', '.join(_ORDERS.values())},"
    f" {', '.join(_ours('sale', f'sale.{name}_minor') for name in _ORDERS_MONEY)} FROM commerce_order AS sale"
    " JOIN company_channel AS channel ON channel.id = sale.channel_id"
    " LEFT JOIN company_store AS store ON store.id = sale.store_id"
    " WHERE sale.customer_id = ANY(%(people)s) AND sale.kind = 'purchase' AND sale.cancelled_at IS NULL"
)
_READ_RETURNS: Final = (
    f"SELECT back.customer_id, back.id, back.returned_at, {', '.join(_RETURNS.values())},"
    f" {_ours('back', 'back.amount_minor')} FROM commerce_return AS back"
    " LEFT JOIN commerce_order AS sale ON sale.id = back.order_id"
    " LEFT JOIN company_channel AS channel ON channel.id = sale.channel_id"
    " LEFT JOIN company_store AS store ON store.id = back.store_id"
    " WHERE back.customer_id = ANY(%(people)s) AND NOT back.is_void"
)
_READ_LINES: Final = (
    f"SELECT line.order_id, {', '.join(_LINES.values())}, {_ours('sale', 'line.amount_minor')}"
    " FROM commerce_line AS line JOIN commerce_order AS sale ON sale.id = line.order_id"
    " JOIN commerce_product AS product ON product.id = line.product_id"
    " WHERE line.order_id = ANY(%(of)s) AND line.quantity > 0"
)
_READ_RETURN_LINES: Final = (
    f"SELECT line.goods_return_id, {', '.join(_RETURN_LINES.values())}, {_ours('back', 'line.amount_minor')}"
    " FROM commerce_return_line AS line JOIN commerce_return AS back ON back.id = line.goods_return_id"
    " JOIN commerce_product AS product ON product.id = line.product_id"
    " WHERE line.goods_return_id = ANY(%(of)s) AND line.quantity > 0"
)


def _everyones(of: str, amount: str, name: str) -> str:
    return f"CASE WHEN {of}.currency = shop.currency THEN {amount} END AS {name}"


_WARE: Final = (
    "product.ref AS product, NULLIF(product.title, '') AS title, NULLIF(product.category, '') AS category,"
    " NULLIF(product.brand, '') AS brand"
)
ORDERS_OF_EVERYONE: Final = (
    "SELECT sale.customer_id AS person, sale.order_id AS row, sale.placed_at AS at, sale.placed_on, sale.channel,"
    " sale.store, sale.currency, sale.fulfilment, sale.origin,"
    f" {', '.join(_everyones('sale', f'sale.{name}_minor', name) for name in _ORDERS_MONEY)}"
    " FROM orders AS sale CROSS JOIN shop"
    " WHERE sale.customer_id IS NOT NULL AND sale.kind = 'purchase' AND NOT sale.is_cancelled"
)
LINES_OF_EVERYONE: Final = (
    f"SELECT line.order_id AS row, {_WARE}, line.sku, line.quantity, line.is_gift_card,"
    f" {_everyones('sale', 'line.amount_minor', 'amount')} FROM lines AS line"
    " JOIN orders AS sale ON sale.order_id = line.order_id"
    " JOIN products AS product ON product.product_id = line.product_id CROSS JOIN shop WHERE line.quantity > 0"
)
RETURNS_OF_EVERYONE: Final = (
    "SELECT back.customer_id AS person, back.return_id AS row, back.returned_at AS at, back.returned_on,"
    f" sale.channel, back.store, back.currency, back.reason, {_everyones('back', 'back.amount_minor', 'amount')}"
    " FROM returns AS back LEFT JOIN orders AS sale ON sale.order_id = back.order_id CROSS JOIN shop"
    " WHERE back.customer_id IS NOT NULL AND NOT back.is_void"
)
RETURN_LINES_OF_EVERYONE: Final = (
    f"SELECT line.return_id AS row, {_WARE}, line.quantity, {_everyones('back', 'line.amount_minor', 'amount')}"
    " FROM return_lines AS line JOIN returns AS back ON back.return_id = line.return_id"
    " JOIN products AS product ON product.product_id = line.product_id CROSS JOIN shop WHERE line.quantity > 0"
)


def orders(people: Sequence[int], wanted: Wanted) -> Mapping[int, Sequence[Row]]:
    """What these people ordered, with its lines: a `Collection`'s reader. Three queries, two where no lines are asked
    for."""
    names = (*_ORDERS, *_ORDERS_MONEY)
    return _read(people, wanted, _READ_ORDERS, "sale.placed_at", _ORDERS, names, _READ_LINES, tuple(_LINES))


def returns(people: Sequence[int], wanted: Wanted) -> Mapping[int, Sequence[Row]]:
    """What these people brought back, with its lines: a `Collection`'s reader. Three queries."""
    names = (*_RETURNS, "amount")
    return _read(
        people, wanted, _READ_RETURNS, "back.returned_at", _RETURNS, names, _READ_RETURN_LINES, tuple(_RETURN_LINES)
    )


def reasons() -> Sequence[str]:
    """The codes of reasons for which anything came back. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT reason FROM commerce_return WHERE reason <> '' ORDER BY reason")
        return [reason for (reason,) in cursor.fetchall()]


def _read(
    people: Sequence[int],
    wanted: Wanted,
    sql: str,
    at: str,
    columns: Mapping[str, str],
    names: Sequence[str],
    lines: str,
    names_of_lines: Sequence[str],
) -> Mapping[int, Sequence[Row]]:
    if not people:
        return {}
    values: dict[str, Any] = {"people": list(people), "currency": company.shop().currency}
    if wanted.since is not None:
        sql += f" AND {at} >= %(since)s"
        values["since"] = wanted.since
    for number, (column, among) in enumerate(wanted.only.items()):
        if column in columns:
            sql += f" AND {columns[column]} = ANY(%(only{number})s)"
            values[f"only{number}"] = list(among)
    found: dict[int, list[Row]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        heads = cursor.fetchall()
        parts: dict[int, list[Values]] = {head[1]: [] for head in heads}
        if heads and (wanted.parts is None or _PARTS in wanted.parts):
            cursor.execute(lines, values | {"of": list(parts)})
            for of, *told in cursor.fetchall():
                parts[of].append(_known((*names_of_lines, "amount"), told))
    for person, number, moment, *told in heads:
        found.setdefault(person, []).append(Row(moment, _known(names, told), {_PARTS: parts[number]}))
    return found


def _known(names: Sequence[str], told: Sequence[Any]) -> Values:
    return {name: value for name, value in zip(names, told, strict=True) if value is not None}
