"""Goods that come back: refunds of an order, and returns that name none. Matched to purchases first in, first out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Sum
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import _changes, _documents, _recording, _rematching, _return_batches, return_reports
from regulars.facts.commerce.models import GoodsReturn, Line, Order, ReturnLine
from regulars.facts.commerce.notices import GoodsReturned
from regulars.facts.commerce.orders import OnTie, UnknownOrder
from regulars.facts.commerce.outcome import Outcome
from regulars.facts.commerce.return_reports import (
    LINES,
    RETURNS,
    BadReturn,
    ReturnBatch,
    ReturnLineReport,
    ReturnReport,
)
from regulars.facts.company import company
from regulars.kit import civil, ids
from regulars.kit.actors import Actor, Origin
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal

__all__ = (
    "LINES",
    "RETURNS",
    "BadReturn",
    "ConflictingReturn",
    "KeyUsedElsewhere",
    "NothingLeft",
    "OrderIsCancelled",
    "OverRefund",
    "ReturnBatch",
    "ReturnLineReport",
    "ReturnLineView",
    "ReturnReport",
    "ReturnView",
    "StaleReturn",
    "UnknownReturn",
    "by_public_id",
    "get",
    "match_namespace",
    "of_customer",
    "of_order",
    "public_ids",
    "quantities",
    "record",
    "record_all",
    "record_many",
    "refund",
)

PREFIX = "ret"


@dataclass(frozen=True)
class ReturnLineView:
    """One product that came back. `matched_quantity` of it is known to have been bought."""

    number: int
    product_id: int
    product_ref: str
    title: str
    quantity: Decimal
    amount_minor: int
    matched_quantity: Decimal
    of_line: int | None
    restock: bool | None


@dataclass(frozen=True)
class ReturnView:
    """One return, as people read it. Amounts in minor units of `currency`.

    `amount_minor` is what it takes off the sale, `paid_back_minor` the money that went out with it: less where goods
    came back in exchange. In `amount_minor` are `shipping_minor`, `tax_minor` where the lines' amounts have none in
    them, and `money_minor`, for no goods. `order_ref` is the order it names, also while that is not on record. `store`
    is where it came back to.
    `differs_minor`: so much more went back than its parts were told to be. `is_void`: it came to nothing.
    """

    id: int
    public_id: str
    ref: str
    customer_id: int | None
    order_id: int | None
    returned_at: datetime
    returned_on: date
    currency: str
    amount_minor: int
    matched_minor: int
    order_ref: str
    shipping_minor: int
    tax_minor: int
    money_minor: int
    differs_minor: int
    paid_back_minor: int
    is_void: bool
    store: str
    reason: str
    version: int | None
    source_updated_at: datetime | None
    recorded_at: datetime
    namespace: str
    lines: Sequence[ReturnLineView]


class OverRefund(Refusal):
    """More than the order has left."""

    code = "returns.over_refund"


class OrderIsCancelled(Refusal):
    """Its order does not count any more."""

    code = "returns.order_is_cancelled"


class KeyUsedElsewhere(Refusal):
    """The key belongs to a refund of something else."""

    code = "returns.key_used_elsewhere"


class UnknownReturn(Refusal):
    """No such return."""

    code = "returns.unknown"


class StaleReturn(Refusal):
    """Its source has told us something newer already."""

    code = "returns.stale"


class ConflictingReturn(Refusal):
    """The same reference with other content, and no update time that decides."""

    code = "returns.conflict"


class NothingLeft(Refusal):
    """All of it has come back already."""

    code = "returns.nothing_left"


def refund(
    *,
    order: int,
    lines: Mapping[int, Decimal] | None = None,
    key: str,
    at: datetime,
    by: Actor,
    why: str = "",
    origin: Origin = "live",
) -> ReturnView:
    """Goods of an order came back: `lines` maps line numbers to quantities; without it, all that is left.

    Pays back each line's price less its share of the order's discount, in proportion to the quantity; shipping is not
    paid back. The same `key` again gives the first answer, and is refused with other lines or for another order.
    Raises `OverRefund` for more than the line or the order has left, `NothingLeft` and `OrderIsCancelled`.
    """
    with transaction.atomic():
        _documents.hold_buyer(order)
        sale = Order.objects.select_for_update().filter(id=order).first()
        if sale is None:
            raise UnknownOrder(
                _("order: there is no number %(order)s; look it up again") % {"order": order},
                field="order",
                value=order,
            )
        ref, asked = f"refund:{key}", _asked(lines)
        if earlier := GoodsReturn.objects.filter(namespace=sale.namespace, ref=ref).first():
            if earlier.order_id != order or bytes(earlier.fingerprint) != asked:
                raise KeyUsedElsewhere(
                    _("key: %(key)r refunds something else; choose a new key") % {"key": key}, field="key", value=key
                )
            return _view(earlier.id)
        if sale.cancelled_at is not None:
            raise OrderIsCancelled(
                _("order: it is cancelled, so nothing of it is left to refund; look at its refunds"), field="order"
            )
        rows = list(Line.objects.filter(order_id=order, quantity__gt=0).order_by("number"))
        wanted = _wanted(rows, lines)
        paid = _paid(sale, rows)
        shares = {row.number: _share(row, paid[row.number], wanted[row.number]) for row in rows if row.number in wanted}
        _refuse_more_than_paid(order, sum(shares.values()), sum(paid.values()))
        document = GoodsReturn.objects.create(
            namespace=sale.namespace,
            ref=ref,
            customer_id=sale.customer_id,
            came_with_id=sale.came_with_id,
            order_id=order,
            order_ref=sale.ref,
            goes_with_order=True,
            returned_at=at,
            returned_on=civil.day_of(at, civil.zone(company.shop().zone)),
            currency=sale.currency,
            amount_minor=sum(shares.values()),
            origin=origin,
            fingerprint=asked,
        )
        ReturnLine.objects.bulk_create(
            ReturnLine(
                goods_return=document,
                number=row.number,
                of_line=row.number,
                product_id=row.product_id,
                quantity=wanted[row.number],
                unit_price=row.unit_price,
                amount_minor=shares[row.number],
            )
            for row in rows
            if row.number in wanted
        )
        _rematching.rematch_orders([order])
        if sale.customer_id is not None:
            _rematching.rematch_customers([sale.customer_id])
        _changes.add(order=order, what="refunded", at=at, by=by, after=document.amount_minor)
        notice = GoodsReturned(goods_return=document.id, order=order, customer=sale.customer_id, at=at, origin=origin)
        _return_batches.announce_live(notice, document.amount_minor, by, why)
    return _view(document.id)


def record(
    *, report: ReturnReport, at: datetime, by: Actor, origin: Origin = "live", on_tie: OnTie = "further"
) -> ReturnView:
    """Put one refund on record as its source tells it, before its order or after. Its reference is its key.

    Of several versions the one its source told last counts, as of `orders.record`: with `on_tie` "listed" what is
    earlier is refused with `StaleReturn` and what nothing decides with `ConflictingReturn`. Raises `BadReturn`.
    """
    return_reports.check(report)
    batch = return_reports.batch_of([report], zone=company.shop().zone, origin=origin)
    done = record_many(batch=batch, at=at, by=by, on_tie=on_tie)
    if done.stale and on_tie == "listed":
        raise StaleReturn(
            _("source_updated_at: a newer version of return %(ref)r is on record; send the latest")
            % {"ref": report.ref},
            field="source_updated_at",
            value=report.ref,
        )
    if done.conflicts:
        raise ConflictingReturn(
            _("ref: return %(ref)r is on record with other content; send its update time with the change")
            % {"ref": report.ref},
            field="ref",
            value=report.ref,
        )
    return _view(done.ids[report.ref])


def record_all(
    *, reports: Sequence[ReturnReport], at: datetime, by: Actor, origin: Origin, on_tie: OnTie = "further"
) -> Outcome:
    """`record` for many of one source, in as many statements as for one; a refund may stand among them repeatedly.

    What cannot be taken is listed in `refused`, and the rest goes in.
    """
    zone = company.shop().zone
    return _recording.in_rounds(
        reports,
        check=return_reports.check,
        write=lambda some: record_many(
            batch=return_reports.batch_of(some, zone=zone, origin=origin), at=at, by=by, on_tie=on_tie
        ),
    )


def record_many(
    *, batch: ReturnBatch, at: datetime, by: Actor, match: bool = True, on_tie: OnTie = "listed"
) -> Outcome:
    """Put many returns on record; stale reports and conflicts are listed, not raised, and the rest goes in.

    One transaction. With `match=False` the caller says `match_namespace` once after its last batch: a return may stand
    in a file before its purchase.
    """
    return _recording.beside_others(
        lambda: _return_batches.write(batch, is_further=on_tie == "further", match=match, at=at, by=by),
        key="commerce_return_ref",
    )


def match_namespace(*, namespace: str) -> None:
    """Match every return of one source, some thousand customers a transaction. Again changes nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT customer_id FROM commerce_return WHERE namespace = %s AND customer_id IS NOT NULL"
            " AND order_id IS NULL ORDER BY customer_id",
            [namespace],
        )
        customer_numbers = [number for (number,) in cursor.fetchall()]
        cursor.execute(
            "SELECT DISTINCT order_id FROM commerce_return WHERE namespace = %s AND order_id IS NOT NULL"
            " ORDER BY order_id",
            [namespace],
        )
        orders = [number for (number,) in cursor.fetchall()]
    for some in _chunks(orders):
        with transaction.atomic():
            _rematching.rematch_orders(some)
    for some in _chunks(customer_numbers):
        with transaction.atomic():
            _rematching.rematch_customers(some)


def get(goods_return: int) -> ReturnView:
    """One return with its lines. One query."""
    return _view(goods_return)


def by_public_id(text: str) -> ReturnView:
    """One return by `ret_…` as people type it. One query; refused when there is none."""
    found = _views("public_id = %s", [ids.parse(text, PREFIX)])
    if not found:
        shown = text.strip()[:40]
        raise UnknownReturn(
            _("return: there is no %(shown)s; look it up again") % {"shown": shown}, field="return", value=shown
        )
    return found[0]


def public_ids(of: Iterable[int]) -> dict[int, str]:
    """The public id of each return. One query."""
    rows = GoodsReturn.objects.filter(id__in=set(of)).values_list("id", "public_id")
    return {number: ids.public(PREFIX, uuid) for number, uuid in rows}


def of_customer(customer: int, *, before: tuple[datetime, int] | None = None, limit: int = 50) -> list[ReturnView]:
    """A customer's returns, newest first, those before (returned_at, id). One query."""
    page = "" if before is None else " AND (returned_at, id) < (%s, %s)"
    return _views(
        f"customer_id = %s{page} ORDER BY returned_at DESC, id DESC LIMIT %s", [customer, *(before or ()), limit]
    )


def of_order(order: int) -> list[ReturnView]:
    """The returns that name this order, oldest first. One query."""
    return _views("order_id = %s ORDER BY returned_at, id", [order])


def quantities(*, namespace: str) -> tuple[Decimal, Decimal]:
    """How much came back to one source, and how much of it is matched to purchases. Reads all its returns."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(sum(line.quantity), 0), COALESCE(sum(line.matched_quantity), 0)"
            " FROM commerce_return AS back JOIN commerce_return_line AS line ON line.goods_return_id = back.id"
            " WHERE back.namespace = %s",
            [namespace],
        )
        came_back, matched = cursor.fetchone() or (Decimal(0), Decimal(0))
        return came_back, matched


def _asked(lines: Mapping[int, Decimal] | None) -> bytes:
    """16 bytes that tell whether two refunds ask for the same."""
    told = "all" if lines is None else ";".join(f"{number}:{lines[number].normalize()}" for number in sorted(lines))
    return blake2b(told.encode(), digest_size=16).digest()


def _wanted(rows: Sequence[Line], lines: Mapping[int, Decimal] | None) -> dict[int, Decimal]:
    """Line number to the quantity that comes back, refused where the line has less left."""
    left = {row.number: row.quantity - row.returned_quantity for row in rows}
    if lines is None:
        wanted = {number: quantity for number, quantity in left.items() if quantity > 0}
        if not wanted:
            raise NothingLeft(_("order: all of it has come back already; nothing is left to refund"), field="order")
        return wanted
    for number, quantity in lines.items():
        if number not in left:
            known = ", ".join(str(one) for one in left)
            raise OverRefund(
                _("lines: the order has no line %(number)s; name one of %(known)s")
                % {"number": number, "known": known},
                field="lines",
                value=str(number),
            )
        if not 0 < quantity <= left[number]:
            raise OverRefund(
                _("lines: %(quantity)s of line %(number)s cannot come back; refund at most %(left)s")
                % {"quantity": quantity, "number": number, "left": left[number]},
                field="lines",
                value=str(quantity),
            )
    return dict(lines)


def _refuse_more_than_paid(order: int, now_minor: int, paid_minor: int) -> None:
    """What went back earlier may have been for a fuller version of the order than the one on record."""
    for_goods = F("amount_minor") - F("shipping_minor") - F("tax_minor")
    earlier = GoodsReturn.objects.filter(order_id=order).aggregate(total=Sum(for_goods))["total"] or 0
    if earlier + now_minor > paid_minor:
        raise OverRefund(
            _("order: %(paid_minor)s was paid for its goods, %(earlier)s went back; refund at most the rest")
            % {"paid_minor": paid_minor, "earlier": earlier},
            field="order",
            value=now_minor,
        )


def _paid(sale: Order, rows: Sequence[Line]) -> dict[int, int]:
    """Line number to what was paid for it: its amount less its share of the order's discount."""
    amounts = [row.amount_minor for row in rows]
    if not any(amounts):
        return dict.fromkeys((row.number for row in rows), 0)
    discounts = Money(sale.discount_minor, sale.currency).allocate(amounts)
    return {row.number: max(row.amount_minor - off.minor, 0) for row, off in zip(rows, discounts, strict=True)}


def _share(row: Line, paid: int, quantity: Decimal) -> int:
    """What `quantity` more of the line is worth after what has come back, so that the parts add up to the whole."""
    before, after = row.returned_quantity, row.returned_quantity + quantity
    return int(paid * after // row.quantity - paid * before // row.quantity)


def _chunks(numbers: list[int], size: int = 5000) -> list[list[int]]:
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


def _view(goods_return: int) -> ReturnView:
    return _views("id = %s", [goods_return])[0]


def _views(where: str, values: Sequence[Any]) -> list[ReturnView]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, public_id, ref, customer_id, order_id, returned_at, returned_on, currency, amount_minor,"
            " matched_minor, order_ref, shipping_minor, tax_minor, money_minor, differs_minor,"
            " COALESCE(paid_back_minor, amount_minor), is_void,"
            " COALESCE((SELECT code FROM company_store WHERE company_store.id = store_id), ''), reason, version,"
            " source_updated_at, recorded_at, namespace,"
            # Texts of decimals: JSON has floats only.
            " (SELECT json_agg(json_build_array(line.number, line.product_id, product.ref,"
            " product.title, line.quantity::text, line.amount_minor, line.matched_quantity::text,"
            " line.of_line, line.restock) ORDER BY line.number)"
            " FROM commerce_return_line AS line JOIN commerce_product AS product ON product.id = line.product_id"
            f" WHERE line.goods_return_id = goods_return.id) FROM commerce_return AS goods_return WHERE {where}",
            values,
        )
        rows = cursor.fetchall()
    return [
        ReturnView(*[number, ids.public(PREFIX, uuid), *rest, [_line(*one) for one in lines or ()]])
        for number, uuid, *rest, lines in rows
    ]


def _line(
    number: int,
    product: int,
    ref: str,
    title: str,
    quantity: str,
    amount: int,
    matched: str,
    of_line: int | None,
    restock: bool | None,
) -> ReturnLineView:
    return ReturnLineView(number, product, ref, title, Decimal(quantity), amount, Decimal(matched), of_line, restock)
