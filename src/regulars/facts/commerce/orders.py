"""Orders: recording them one by one or by the million, cancelling them, and asking for them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import polars as pl
from django.db import connection, transaction

from regulars.facts.commerce import _documents, _order_batches, _recording, _rematching
from regulars.facts.commerce.models import Order
from regulars.facts.commerce.notices import OrderCancelled
from regulars.facts.commerce.outcome import Outcome
from regulars.facts.company import company
from regulars.kit import civil, ids
from regulars.kit.actors import Actor, Origin
from regulars.kit.money import to_minor
from regulars.kit.refusals import Refusal
from regulars.runtime.notices.outbox import announce

PREFIX = "ord"

#: Columns of a batch's two frames. Amounts are whole minor units of the order's currency. `total_minor` may be null:
#: goods less discount plus shipping and tax. `country` is the customer's. Everything but refs, instants and currency
#: may be null where the source does not tell.
#: A line's `amount_minor` is what the line costs after its own discount; `discount_minor` tells how much that was.
ORDERS = pl.Schema(
    {
        "ref": pl.String(),
        "customer_ref": pl.String(),
        "country": pl.String(),
        "channel": pl.String(),
        "store": pl.String(),
        "placed_at": pl.Datetime("us", "UTC"),
        "placed_on": pl.Date(),
        "currency": pl.String(),
        "is_adjustment": pl.Boolean(),
        "discount_minor": pl.Int64(),
        "shipping_minor": pl.Int64(),
        "tax_minor": pl.Int64(),
        "total_minor": pl.Int64(),
        "source_updated_at": pl.Datetime("us", "UTC"),
    }
)
LINES = pl.Schema(
    {
        "ref": pl.String(),
        "number": pl.Int32(),
        "product_ref": pl.String(),
        "title": pl.String(),
        "category": pl.String(),
        "quantity": pl.Decimal(18, 3),
        "unit_price": pl.Decimal(18, 6),
        "amount_minor": pl.Int64(),
        "discount_minor": pl.Int64(),
    }
)


@dataclass(frozen=True)
class LineReport:
    """One line as its source tells it. `discount_minor` is the line's own.

    `amount_minor` is what the line costs after it, and may be left out: quantity times unit price, rounded half up,
    less the discount.
    """

    number: int
    product_ref: str
    quantity: Decimal
    unit_price: Decimal
    amount_minor: int | None = None
    discount_minor: int = 0
    title: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class OrderReport:
    """One order as its source tells it. `ref` is its key: the same in the same namespace is the same order."""

    namespace: str
    ref: str
    placed_at: datetime
    currency: str
    lines: Sequence[LineReport]
    customer_ref: str | None = None
    country: str | None = None
    channel: str = "web"
    store: str | None = None
    discount_minor: int = 0
    shipping_minor: int = 0
    tax_minor: int = 0
    total_minor: int | None = None
    is_adjustment: bool = False
    source_updated_at: datetime | None = None


@dataclass(frozen=True)
class OrderBatch:
    """Many orders of one source: frames with the columns ORDERS and LINES; no reference stands twice in `orders`."""

    namespace: str
    orders: pl.DataFrame
    lines: pl.DataFrame
    origin: Origin


@dataclass(frozen=True)
class LineView:
    """One line, as people read it."""

    number: int
    product_id: int
    product_ref: str
    title: str
    quantity: Decimal
    unit_price: Decimal
    amount_minor: int
    discount_minor: int
    returned_quantity: Decimal


@dataclass(frozen=True)
class OrderView:
    """One order, as people read it. Amounts in minor units of `currency`. `kind`: purchase, giveaway or adjustment."""

    id: int
    public_id: str
    ref: str
    customer_id: int | None
    channel: str
    store: str
    placed_at: datetime
    placed_on: date
    currency: str
    kind: str
    goods_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    cancelled_at: datetime | None
    lines: Sequence[LineView]


class UnknownOrder(Refusal):
    """No such order."""

    code = "orders.unknown"


class NoLines(Refusal):
    """An order with nothing on it."""

    code = "orders.no_lines"


class StaleReport(Refusal):
    """Its source has told us something newer already."""

    code = "orders.stale"


class ConflictingReport(Refusal):
    """The same reference with other content, and no update time that decides."""

    code = "orders.conflict"


class BadAmount(Refusal):
    """An amount that no purchase has: below zero, or a discount of more than there is."""

    code = "orders.bad_amount"


def record(*, report: OrderReport, at: datetime, by: Actor) -> OrderView:
    """Put one live order on record. Its reference is its key: the same content again gives the same order.

    Other content under the same reference replaces it when its source's update time is later; refused with
    `StaleReport` when earlier and with `ConflictingReport` when no update time decides.
    Raises `NoLines` and `BadAmount`.
    """
    if not report.lines:
        raise NoLines(f"lines: order {report.ref!r} has none; send at least one", field="lines", value=report.ref)
    done = record_many(batch=_batch_of(report), at=at, by=by)
    if done.stale:
        raise StaleReport(
            f"source_updated_at: a newer version of order {report.ref!r} is on record; send the latest",
            field="source_updated_at",
            value=report.ref,
        )
    if done.conflicts:
        raise ConflictingReport(
            f"ref: order {report.ref!r} is on record with other content; send its update time with the change",
            field="ref",
            value=report.ref,
        )
    return _view(done.ids[report.ref])


def record_many(*, batch: OrderBatch, at: datetime, by: Actor) -> Outcome:
    """The set-based twin of `record`: stale reports and conflicts are listed, not raised, and the rest goes in.

    One transaction, about twenty statements whatever the number; some 50,000 lines a batch keep memory small. History
    announces one notice for the batch, live orders one each. Safe beside others who record the same orders.
    """
    return _recording.beside_others(
        lambda: _order_batches.write(
            namespace=batch.namespace, orders=batch.orders, lines=batch.lines, origin=batch.origin, at=at, by=by
        ),
        key="commerce_order_ref",
    )


def cancel(*, order: int, at: datetime, by: Actor, why: str = "", origin: Origin = "live") -> OrderView:
    """The order does not count any more, from `at` on, and neither do its refunds. Again changes nothing."""
    with transaction.atomic():
        _documents.hold_buyer(order)
        row = Order.objects.select_for_update().filter(id=order).first()
        if row is None:
            raise UnknownOrder(f"order: there is no number {order}; look it up again", field="order", value=order)
        if row.cancelled_at is None:
            Order.objects.filter(id=order).update(cancelled_at=at)
            _rematching.rematch_orders([order])
            _rematching.rematch_customers([row.customer_id] if row.customer_id else [])
            announce(
                OrderCancelled(order=order, customer=row.customer_id, at=at, origin=origin),
                by=by,
                verb="commerce.orders.cancel",
                before={"total_minor": row.total_minor},
                why=why,
            )
    return _view(order)


def get(order: int) -> OrderView:
    """One order with its lines. One query; refused when there is none."""
    return _view(order)


def public_ids(of: Iterable[int]) -> dict[int, str]:
    """The public id of each order. One query."""
    rows = Order.objects.filter(id__in=set(of)).values_list("id", "public_id")
    return {number: ids.public(PREFIX, uuid) for number, uuid in rows}


def by_public_id(text: str) -> OrderView:
    """One order by `ord_…` as people type it. One query; refused when there is none."""
    return _one(_SELECT + " WHERE sale.public_id = %s", ids.parse(text, PREFIX), text.strip()[:40])


def by_ref(*, namespace: str, ref: str) -> OrderView | None:
    """One order by what its source calls it. One query."""
    found = _views(_SELECT + " WHERE sale.namespace = %s AND sale.ref = %s", [namespace, ref])
    return found[0] if found else None


def of_customer(customer: int, *, before: tuple[datetime, int] | None = None, limit: int = 50) -> list[OrderView]:
    """A customer's orders, newest first, those before (placed_at, id). One query."""
    page = "" if before is None else " AND (sale.placed_at, sale.id) < (%s, %s)"
    return _views(
        f"{_SELECT} WHERE sale.customer_id = %s{page} ORDER BY sale.placed_at DESC, sale.id DESC LIMIT %s",
        [customer, *(before or ()), limit],
    )


def _batch_of(report: OrderReport) -> OrderBatch:
    zone = civil.zone(company.shop().zone)
    head = {
        "ref": report.ref,
        "customer_ref": report.customer_ref,
        "country": report.country,
        "channel": report.channel,
        "store": report.store,
        "placed_at": report.placed_at,
        "placed_on": civil.day_of(report.placed_at, zone),
        "currency": report.currency,
        "is_adjustment": report.is_adjustment,
        "discount_minor": report.discount_minor,
        "shipping_minor": report.shipping_minor,
        "tax_minor": report.tax_minor,
        "total_minor": report.total_minor,
        "source_updated_at": report.source_updated_at,
    }
    lines: list[dict[str, Any]] = [
        {
            "ref": report.ref,
            "number": line.number,
            "product_ref": line.product_ref,
            "title": line.title,
            "category": line.category,
            "quantity": line.quantity,
            "unit_price": line.unit_price,
            "amount_minor": _amount(line, report.currency),
            "discount_minor": line.discount_minor,
        }
        for line in report.lines
    ]
    if not report.is_adjustment:
        _check_amounts(report, [int(line["amount_minor"]) for line in lines])
    return OrderBatch(report.namespace, pl.DataFrame([head], schema=ORDERS), pl.DataFrame(lines, schema=LINES), "live")


def _amount(line: LineReport, currency: str) -> int:
    if line.amount_minor is not None:
        return line.amount_minor
    return to_minor(line.quantity * line.unit_price, currency) - line.discount_minor


def _check_amounts(report: OrderReport, amounts: list[int]) -> None:
    """Refuse what the table's checks would, by name, and discounts of more than there is."""
    told: dict[str, int] = {name: getattr(report, name) for name in ("discount_minor", "shipping_minor", "tax_minor")}
    for line, amount in zip(report.lines, amounts, strict=True):
        told |= {f"lines[{line.number}].amount": amount, f"lines[{line.number}].discount": line.discount_minor}
    for name, value in told.items():
        if value < 0:
            raise BadAmount(f"{name}: {value} is below zero; send it as a positive amount", field=name, value=value)
    goods = sum(amounts)
    if report.discount_minor > goods:
        raise BadAmount(
            f"discount_minor: {report.discount_minor} is more than the goods' {goods}; send at most that",
            field="discount_minor",
            value=report.discount_minor,
        )
    if report.total_minor is not None and report.total_minor < 0:
        raise BadAmount(
            f"total_minor: {report.total_minor} is below zero; send a refund for money that goes back",
            field="total_minor",
            value=report.total_minor,
        )


_SELECT = (
    "SELECT sale.id, sale.public_id, sale.ref, sale.customer_id, channel.code, COALESCE(store.code, ''),"
    " sale.placed_at, sale.placed_on, sale.currency, sale.kind, sale.goods_minor, sale.discount_minor,"
    " sale.shipping_minor, sale.tax_minor, sale.total_minor, sale.cancelled_at,"
    # Texts of decimals: JSON has floats only. In the list of columns, it is asked for the orders of the page alone.
    " (SELECT json_agg(json_build_array(line.number, line.product_id, product.ref, product.title,"
    " line.quantity::text, line.unit_price::text, line.amount_minor, line.discount_minor, line.returned_quantity::text)"
    " ORDER BY line.number) FROM commerce_line AS line JOIN commerce_product AS product"
    " ON product.id = line.product_id WHERE line.order_id = sale.id) FROM commerce_order AS sale"
    " JOIN company_channel AS channel ON channel.id = sale.channel_id"
    " LEFT JOIN company_store AS store ON store.id = sale.store_id"
)


def _view(order: int) -> OrderView:
    return _one(_SELECT + " WHERE sale.id = %s", order, str(order))


def _one(sql: str, value: int | UUID, shown: str) -> OrderView:
    found = _views(sql, [value])
    if not found:
        raise UnknownOrder(f"order: there is no {shown}; look it up again", field="order", value=shown)
    return found[0]


def _views(sql: str, values: Sequence[Any]) -> list[OrderView]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = cursor.fetchall()
    return [
        OrderView(*[number, ids.public(PREFIX, uuid), *rest, [_line(*one) for one in lines or ()]])
        for number, uuid, *rest, lines in rows
    ]


def _line(
    number: int,
    product: int,
    ref: str,
    title: str,
    quantity: str,
    unit_price: str,
    amount: int,
    discount: int,
    returned: str,
) -> LineView:
    return LineView(
        number, product, ref, title, Decimal(quantity), Decimal(unit_price), amount, discount, Decimal(returned)
    )
