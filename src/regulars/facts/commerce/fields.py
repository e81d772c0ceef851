"""What this room offers of a customer to conditions, templates and lists: what they bought and brought back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import asking
from regulars.facts.company import channels, stores
from regulars.runtime.database.offered import Collection, Column, Field, Part, Value

#: A purchase is an order with something paid for; gifts and corrections of the books are none.
_BOUGHT = "sale.kind = 'purchase' AND sale.cancelled_at IS NULL"
_LAST = (
    "SELECT DISTINCT ON (sale.customer_id) sale.customer_id, {what} FROM commerce_order AS sale {join}"
    " WHERE sale.customer_id = ANY(%s) AND " + _BOUGHT + " AND {what} IS NOT NULL"
    " ORDER BY sale.customer_id, sale.placed_at DESC, sale.id DESC"
)
_EACH = (
    "SELECT sale.customer_id, {what} FROM commerce_order AS sale WHERE sale.customer_id = ANY(%s)"
    " AND " + _BOUGHT + " GROUP BY 1"
)
_CATEGORIES = (
    "SELECT DISTINCT sale.customer_id, product.category FROM commerce_order AS sale"
    " JOIN commerce_line AS line ON line.order_id = sale.id JOIN commerce_product AS product"
    " ON product.id = line.product_id WHERE sale.customer_id = ANY(%s) AND " + _BOUGHT + ""
    " AND line.quantity > 0 AND product.category <> '' ORDER BY 1, 2"
)


def _asked(sql: str) -> Callable[[Sequence[int]], Mapping[int, Value]]:
    def read(wanted: Sequence[int]) -> Mapping[int, Value]:
        return dict(_rows(sql, wanted))

    return read


def _orders(wanted: Sequence[int]) -> Mapping[int, Value]:
    return dict.fromkeys(wanted, 0) | dict(_rows(_EACH.format(what="count(*)"), wanted))


def _categories(wanted: Sequence[int]) -> Mapping[int, Value]:
    found: dict[int, tuple[str, ...]] = {}
    for number, category in _rows(_CATEGORIES, wanted):
        found[number] = (*found.get(number, ()), category)
    return found


def _rows(sql: str, wanted: Sequence[int]) -> list[tuple[int, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(wanted)])
        return [(number, value) for number, value in cursor.fetchall()]


_COUNTS = "FROM orders WHERE customer_id IS NOT NULL AND kind = 'purchase' AND NOT is_cancelled"
_ORDERS_OF_EVERYONE = (
    "SELECT customer.customer_id AS person, COALESCE(bought.orders, 0) AS value FROM customers AS customer"
    f" LEFT JOIN (SELECT customer_id, CAST(count(*) AS BIGINT) AS orders {_COUNTS} GROUP BY customer_id) AS bought"
    " ON bought.customer_id = customer.customer_id WHERE customer.person_id = customer.customer_id"
)
_CATEGORIES_OF_EVERYONE = (
    "SELECT DISTINCT sale.customer_id AS person, product.category AS value FROM orders AS sale"
    " JOIN lines AS line ON line.order_id = sale.order_id"
    " JOIN products AS product ON product.product_id = line.product_id WHERE sale.customer_id IS NOT NULL"
    " AND sale.kind = 'purchase' AND NOT sale.is_cancelled AND line.quantity > 0 AND product.category <> ''"
)


def _each_of_everyone(what: str) -> str:
    return f"SELECT customer_id AS person, {what} AS value {_COUNTS} GROUP BY customer_id"


def _last_of_everyone(what: str) -> str:
    return (
        f"SELECT person, value FROM (SELECT customer_id AS person, {what} AS value,"
        " row_number() OVER (PARTITION BY customer_id ORDER BY placed_at DESC, order_id DESC) AS place"
        f" {_COUNTS} AND {what} IS NOT NULL) AS sale WHERE place = 1"
    )


_CHANNEL = "JOIN company_channel AS channel ON channel.id = sale.channel_id"
_STORE = "JOIN company_store AS store ON store.id = sale.store_id"

FIELDS: tuple[Field, ...] = (
    Field(
        name="commerce.orders",
        type="int64",
        kind="fact",
        label=_("Orders"),
        meaning=_("How many orders they paid for, the cancelled ones left out."),
        read=_orders,
        everyone=_ORDERS_OF_EVERYONE,
    ),
    Field(
        name="commerce.first_order_on",
        type="date",
        kind="fact",
        label=_("First order"),
        meaning=_("The day of their first order, in the shop's zone."),
        read=_asked(_EACH.format(what="min(sale.placed_on)")),
        everyone=_each_of_everyone("min(placed_on)"),
    ),
    Field(
        name="commerce.last_order_on",
        type="date",
        kind="fact",
        label=_("Last order"),
        meaning=_("The day of their last order, in the shop's zone."),
        read=_asked(_EACH.format(what="max(sale.placed_on)")),
        everyone=_each_of_everyone("max(placed_on)"),
    ),
    Field(
        name="commerce.last_channel",
        type="text",
        kind="fact",
        label=_("Last channel"),
        meaning=_("Where their last order came from."),
        read=_asked(_LAST.format(what="channel.code", join=_CHANNEL)),
        everyone=_last_of_everyone("channel"),
    ),
    Field(
        name="commerce.last_store",
        type="text",
        kind="fact",
        label=_("Last store"),
        meaning=_("The store of their last order in a store."),
        read=_asked(_LAST.format(what="store.code", join=_STORE)),
        everyone=_last_of_everyone("store"),
    ),
    Field(
        name="commerce.categories",
        type="texts",
        kind="fact",
        label=_("Categories bought"),
        meaning=_("The categories of all products they bought."),
        read=_categories,
        everyone=_CATEGORIES_OF_EVERYONE,
    ),
    Field(
        name="commerce.last_return_on",
        type="date",
        kind="fact",
        label=_("Last return"),
        meaning=_("The day they last brought goods back, in the shop's zone."),
        read=_asked(
            "SELECT customer_id, max(returned_on) FROM commerce_return"
            " WHERE customer_id = ANY(%s) AND NOT is_void GROUP BY 1"
        ),
        everyone="SELECT customer_id AS person, max(returned_on) AS value FROM returns"
        " WHERE customer_id IS NOT NULL AND NOT is_void GROUP BY customer_id",
    ),
)

_WAYS = {
    "ship": _("By parcel"),
    "collect": _("Collected from a store"),
    "same_city": _("Brought within the city"),
    "carry_out": _("Carried out of a store"),
}
_ORIGINS = {"live": _("As it happened"), "history": _("From history")}


def _channels() -> Sequence[tuple[str, str | Promise]]:
    return [(channel.code, channel.name) for channel in channels.every()]


def _stores() -> Sequence[tuple[str, str | Promise]]:
    return [(store.code, store.name) for store in stores.every()]


_OF_WARES = (
    Column("product", "text", _("Product")),
    Column("title", "text", _("Title")),
    Column("category", "text", _("Category")),
    Column("brand", "text", _("Brand")),
)

COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        name="commerce.orders",
        label=_("Orders"),
        did=_("ordered"),
        columns=(
            Column("placed_on", "date", _("Day")),
            Column("channel", "text", _("Channel"), _channels),
            Column("store", "text", _("Store"), _stores),
            Column("currency", "text", _("Currency")),
            Column("fulfilment", "text", _("How it gets to them"), lambda: list(_WAYS.items())),
            Column("origin", "text", _("How it came on record"), lambda: list(_ORIGINS.items())),
            Column("total", "money", _("Total")),
            Column("goods", "money", _("Goods")),
            Column("discount", "money", _("Discount")),
            Column("shipping", "money", _("Shipping")),
            Column("tax", "money", _("Tax")),
        ),
        read=asking.orders,
        everyone=asking.ORDERS_OF_EVERYONE,
        parts=(
            Part(
                "lines",
                _("Lines"),
                (
                    *_OF_WARES,
                    Column("sku", "text", _("SKU")),
                    Column("quantity", "decimal", _("Quantity")),
                    Column("is_gift_card", "bool", _("Is a gift card")),
                    Column("amount", "money", _("Amount")),
                ),
                asking.LINES_OF_EVERYONE,
            ),
        ),
    ),
    Collection(
        name="commerce.returns",
        label=_("Returns"),
        did=_("brought something back"),
        columns=(
            Column("returned_on", "date", _("Day")),
            Column("channel", "text", _("Channel of the order"), _channels),
            Column("store", "text", _("Store"), _stores),
            Column("currency", "text", _("Currency")),
            Column("reason", "text", _("Reason"), lambda: [(reason, reason) for reason in asking.reasons()]),
            Column("amount", "money", _("Amount")),
        ),
        read=asking.returns,
        everyone=asking.RETURNS_OF_EVERYONE,
        parts=(
            Part(
                "lines",
                _("Lines"),
                (*_OF_WARES, Column("quantity", "decimal", _("Quantity")), Column("amount", "money", _("Amount"))),
                asking.RETURN_LINES_OF_EVERYONE,
            ),
        ),
    ),
)
