"""Orders: recording them one by one or by the million, cancelling them, and asking for them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import (
    _changes,
    _documents,
    _order_batches,
    _recording,
    _rematching,
    order_list,
    order_reports,
)
from regulars.facts.commerce import standing as standing_
from regulars.facts.commerce.deriving import DOUBLE
from regulars.facts.commerce.models import Order
from regulars.facts.commerce.notices import OrderCancelled
from regulars.facts.commerce.order_history import Change, history
from regulars.facts.commerce.order_list import OrderFilter
from regulars.facts.commerce.order_reports import (
    LINES,
    ORDERS,
    BadAmount,
    BadOrder,
    LineReport,
    NoLines,
    OrderBatch,
    OrderReport,
    TenderReport,
)
from regulars.facts.commerce.outcome import Outcome
from regulars.facts.commerce.standing import Standing
from regulars.facts.company import company
from regulars.kit import ids
from regulars.kit.actors import Actor, Origin
from regulars.kit.paging import Page
from regulars.kit.refusals import Refusal
from regulars.runtime.notices.outbox import announce
from regulars.runtime.trail import trail

__all__ = (
    "LINES",
    "ORDERS",
    "BadAmount",
    "BadOrder",
    "Change",
    "ConflictingReport",
    "Exchange",
    "LineReport",
    "LineView",
    "NoLines",
    "OnTie",
    "OrderBatch",
    "OrderReport",
    "OrderView",
    "StaleReport",
    "Standing",
    "TenderReport",
    "TenderView",
    "UnknownOrder",
    "by_public_id",
    "by_ref",
    "cancel",
    "count_since",
    "exchanged_for",
    "get",
    "history",
    "of_customer",
    "page",
    "public_ids",
    "record",
    "record_all",
    "record_many",
    "refs",
    "standing",
    "standings",
)

PREFIX = "ord"

#: What becomes of other content told at the very moment of what is on record, or without any: it is "listed" as a
#: conflict, for people; or the one "further" along counts, by a rule that does not ask which came first.
OnTie = Literal["listed", "further"]


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
    variant_ref: str
    sku: str
    tax_minor: int | None
    is_gift_card: bool
    personalisation: tuple[str, ...]


@dataclass(frozen=True)
class TenderView:
    """One means by which an order is paid, as people read it."""

    ref: str
    kind: str
    state: str
    amount_minor: int
    at: datetime | None


@dataclass(frozen=True)
class OrderView:
    """One order, as people read it. Amounts in minor units of `currency`.

    `kind`: purchase, giveaway or adjustment; draft, test or double, which count nowhere. `state` is empty,
    `paid_minor` and `refunded_minor` are None, where its source does not tell. `differs_minor`: so much is the total
    more than `expected_minor`, what its parts come to. `over_refunded_minor`: so much more went back than was paid.
    `lines_differ_minor`: so much its lines are apart from quantity times unit price, less discount.
    `tenders_differ_minor`: so much more was captured than was paid, or than there was to pay. `deleted_at`: since when
    its source has it no more; its `state` is then "deleted". `rate`: of
    `shop_currency` for one of `currency`, as captured.
    """

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
    number: str
    state: str
    paid_minor: int | None
    refunded_minor: int | None
    fees_minor: int
    prices_include_tax: bool
    differs_minor: int
    shop_currency: str | None
    rate: Decimal | None
    exchange_of: str
    till: str
    taken_by: str
    fulfilment: str
    version: int | None
    source_updated_at: datetime | None
    recorded_at: datetime
    namespace: str
    over_refunded_minor: int
    lines_differ_minor: int
    tenders_differ_minor: int
    deleted_at: datetime | None
    lines: Sequence[LineView]
    tenders: Sequence[TenderView]

    @property
    def expected_minor(self) -> int:
        """What goods, discount, shipping, tax and fees come to."""
        return self.total_minor - self.differs_minor

    @property
    def is_flagged(self) -> bool:
        """Whether its sums do not add up, in whatever way."""
        return any((self.differs_minor, self.over_refunded_minor, self.lines_differ_minor, self.tenders_differ_minor))


@dataclass(frozen=True)
class Exchange:
    """An order that came in exchange for another. `name` is its number or what its source calls it."""

    public_id: str
    name: str
    currency: str
    total_minor: int


class UnknownOrder(Refusal):
    """No such order."""

    code = "orders.unknown"


class StaleReport(Refusal):
    """Its source has told us something newer already."""

    code = "orders.stale"


class ConflictingReport(Refusal):
    """The same reference with other content, and no update time that decides."""

    code = "orders.conflict"


def record(
    *, report: OrderReport, at: datetime, by: Actor, origin: Origin = "live", on_tie: OnTie = "listed"
) -> OrderView:
    """Put one order on record. Its reference is its key: the same content again gives the same order.

    Other content under the same reference replaces it when its source's update time, or at the same moment its
    version, is later. Else it is refused: with `StaleReport` when earlier, with `ConflictingReport` when undecided.
    With `on_tie` "further" nothing of that is raised: what counts is on record, whatever came first, and the answer is
    what is on record now; sums that do not add up are flagged. Raises `NoLines`, `BadAmount` and `BadOrder`.
    """
    order_reports.check(report, sums=on_tie == "listed")
    batch = order_reports.batch_of([report], zone=company.shop().zone, origin=origin)
    done = record_many(batch=batch, at=at, by=by, on_tie=on_tie)
    if done.stale and on_tie == "listed":
        raise StaleReport(
            _("source_updated_at: a newer version of order %(ref)r is on record; send the latest")
            % {"ref": report.ref},
            field="source_updated_at",
            value=report.ref,
        )
    if done.conflicts:
        raise ConflictingReport(
            _("ref: order %(ref)r is on record with other content; send its update time with the change")
            % {"ref": report.ref},
            field="ref",
            value=report.ref,
        )
    return _view(done.ids[report.ref])


def record_all(
    *, reports: Sequence[OrderReport], at: datetime, by: Actor, origin: Origin, on_tie: OnTie = "further"
) -> Outcome:
    """`record` for many of one source, in as many statements as for one; an order may stand among them repeatedly.

    What cannot be taken is listed in `refused`, and the rest goes in.
    """
    zone = company.shop().zone
    return _recording.in_rounds(
        reports,
        check=lambda report: order_reports.check(report, sums=on_tie == "listed"),
        write=lambda some: record_many(
            batch=order_reports.batch_of(some, zone=zone, origin=origin), at=at, by=by, on_tie=on_tie
        ),
    )


def record_many(*, batch: OrderBatch, at: datetime, by: Actor, on_tie: OnTie = "listed") -> Outcome:
    """The set-based twin of `record`: stale reports and conflicts are listed, not raised, and the rest goes in.

    One transaction, about twenty statements whatever the number; some 50,000 lines a batch keep memory small. History
    announces one notice for the batch, live orders one each. Safe beside others who record the same orders.
    """
    return _recording.beside_others(
        lambda: _order_batches.write(batch, is_further=on_tie == "further", at=at, by=by),
        key="commerce_order_ref",
    )


def cancel(
    *,
    order: int,
    at: datetime,
    by: Actor,
    why: str = "",
    origin: Origin = "live",
    is_deleted: bool = False,
) -> OrderView:
    """The order does not count any more, from `at` on, and neither do its refunds. Again changes nothing.

    `is_deleted`: its source has it no more, which is shown of it, also where it was cancelled before.
    """
    with transaction.atomic():
        _documents.hold_buyer(order)
        row = Order.objects.select_for_update().filter(id=order).first()
        if row is None:
            raise UnknownOrder(
                _("order: there is no number %(order)s; look it up again") % {"order": order},
                field="order",
                value=order,
            )
        if is_deleted and row.deleted_at is None:
            Order.objects.filter(id=order).update(deleted_at=at)
            _changes.add(order=order, what="deleted", at=at, by=by)
        if row.called_off_at is None:
            first = at if row.cancelled_at is None else min(row.cancelled_at, at)
            Order.objects.filter(id=order).update(called_off_at=at, cancelled_at=first)
            before = {"total_minor": row.total_minor}
            verb = "commerce.orders.cancel"
            # Of a sale that was told twice nobody hears that it is off: it is not.
            if row.cancelled_at is not None or row.kind == DOUBLE:
                trail.record(by=by, verb=verb, subject=f"order:{order}", at=at, before=before, why=why)
                return _view(order)
            _rematching.rematch_orders([order])
            _rematching.rematch_customers([row.customer_id] if row.customer_id else [])
            _changes.add(order=order, what="cancelled", at=at, by=by, before=row.total_minor, after=row.total_minor)
            announce(
                OrderCancelled(order=order, customer=row.customer_id, at=at, origin=origin),
                by=by,
                verb=verb,
                before=before,
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


def called(of: Iterable[int]) -> dict[int, tuple[str, str]]:
    """The public id of each order, and what people call it: its number, or what its source calls it. One query."""
    rows = Order.objects.filter(id__in=set(of)).values_list("id", "public_id", "number", "ref")
    return {order: (ids.public(PREFIX, uuid), number or ref) for order, uuid, number, ref in rows}


def by_public_id(text: str) -> OrderView:
    """One order by `ord_…` as people type it. One query; refused when there is none."""
    return _one(_SELECT + " WHERE sale.public_id = %s", ids.parse(text, PREFIX), text.strip()[:40])


def told_at_many(*, namespace: str, refs: Sequence[str]) -> dict[str, datetime | None]:
    """Those of the refs that are on record, and of when their source's last word on each is. One query."""
    rows = Order.objects.filter(namespace=namespace, ref__in=refs).values_list("ref", "source_updated_at")
    return dict(rows)


def refs(*, namespace: str, since: datetime, part: int, parts: int, limit: int) -> list[str]:
    """Refs of a source's orders placed since then that stand, and of `parts` that they fall into by their refs the one
    numbered `part`: over as many askings each comes once. One query over what was placed since then."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ref FROM commerce_order WHERE namespace = %s AND placed_at >= %s AND cancelled_at IS NULL"
            " AND deleted_at IS NULL AND mod(hashtext(ref)::bigint + 2147483648, %s) = %s ORDER BY ref LIMIT %s",
            [namespace, since, parts, part, limit],
        )
        return [ref for (ref,) in cursor.fetchall()]


def count_since(*, namespace: str, since: datetime) -> int:
    """How many orders of a source that stand were placed since then. One query over what was placed since then."""
    standing_ones = Order.objects.filter(namespace=namespace, cancelled_at=None, deleted_at=None)
    return standing_ones.filter(placed_at__gte=since).count()


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


_SELECT = (
    "SELECT sale.id, sale.public_id, sale.ref, sale.customer_id, channel.code, COALESCE(store.code, ''),"
    " sale.placed_at, sale.placed_on, sale.currency, sale.kind, sale.goods_minor, sale.discount_minor,"
    " sale.shipping_minor, sale.tax_minor, sale.total_minor, sale.cancelled_at, sale.number,"
    " CASE WHEN sale.deleted_at IS NULL THEN sale.state ELSE 'deleted' END,"
    " sale.paid_minor, sale.refunded_minor, sale.fees_minor, sale.prices_include_tax, sale.differs_minor,"
    " sale.shop_currency, sale.rate, sale.exchange_of, sale.till, sale.taken_by, sale.fulfilment, sale.version,"
    " sale.source_updated_at, sale.recorded_at, sale.namespace, sale.over_refunded_minor,"
    " sale.lines_differ_minor, sale.tenders_differ_minor, sale.deleted_at,"
    # Texts of decimals: JSON has floats only. In the list of columns, it is asked for the orders of the page alone.
    " (SELECT json_agg(json_build_array(line.number, line.product_id, product.ref, product.title,"
    " line.quantity::text, line.unit_price::text, line.amount_minor, line.discount_minor, line.returned_quantity::text,"
    " line.variant_ref, line.sku, line.tax_minor, line.is_gift_card, line.personalisation)"
    " ORDER BY line.number) FROM commerce_line AS line JOIN commerce_product AS product"
    " ON product.id = line.product_id WHERE line.order_id = sale.id),"
    " (SELECT json_agg(json_build_array(tender.ref, tender.kind, tender.state, tender.amount_minor, tender.at)"
    " ORDER BY tender.ref) FROM commerce_tender AS tender WHERE tender.order_id = sale.id"
    " AND tender.state <> 'dropped') FROM commerce_order AS sale"
    " JOIN company_channel AS channel ON channel.id = sale.channel_id"
    " LEFT JOIN company_store AS store ON store.id = sale.store_id"
)


def page(
    *,
    ref: str = "",
    namespace: str = "",
    kind: str = "",
    channel: str = "",
    store: str = "",
    differs: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[OrderView]:
    """Orders, the one placed last first: those called `ref` by their source or by people, of a source, a `kind`, a
    channel or a store, and with `differs` those whose sums do not add up. Up to three queries.

    Where no index knows which fit, so many orders are looked at for one page as `order_list` says: a page may then have
    few items or none, and a cursor to look on from.
    """
    wanted = OrderFilter(word=ref, namespace=namespace, kind=kind, channel=channel, store=store, is_flagged=differs)
    found = order_list.page(wanted, cursor=cursor, size=limit)
    views = {view.id: view for view in _views(f"{_SELECT} WHERE sale.id = ANY(%s)", [[one.id for one in found.items]])}
    return Page(tuple(views[one.id] for one in found.items if one.id in views), found.next)


def exchanged_for(of: Collection[OrderView]) -> dict[int, list[Exchange]]:
    """The orders that came in exchange for each of these, in the order of their placing. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_EXCHANGES, [[one.namespace for one in of], [one.ref for one in of], [one.id for one in of]])
        found: dict[int, list[Exchange]] = {one.id: [] for one in of}
        for number, uuid, name, currency, total in cursor.fetchall():
            found[number].append(Exchange(ids.public(PREFIX, uuid), name, currency, total))
    return found


def standing(order: int) -> Standing:
    """What one order comes to: paid less refunded. One query; refused when there is none."""
    found = standings([order])
    if not found:
        raise UnknownOrder(
            _("order: there is no number %(order)s; look it up again") % {"order": order}, field="order", value=order
        )
    return found[order]


def standings(of: Collection[int]) -> dict[int, Standing]:
    """`standing` of each; unknown numbers are left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDINGS, [list(of)])
        return {row[0]: standing_.standing(standing_.Told(*row)) for row in cursor.fetchall()}


_EXCHANGES = """
SELECT asked.id, sale.public_id, COALESCE(NULLIF(sale.number, ''), sale.ref), sale.currency, sale.total_minor
  FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS asked(namespace, ref, id)
  JOIN commerce_order AS sale ON sale.namespace = asked.namespace AND sale.exchange_of = asked.ref
       AND sale.exchange_of <> ''
 ORDER BY asked.id, sale.placed_at, sale.id
"""
_STANDINGS = """
SELECT sale.id, sale.currency, sale.kind, sale.cancelled_at IS NOT NULL, sale.total_minor, sale.goods_minor,
       sale.discount_minor, sale.paid_minor, sale.refunded_minor, back.off_minor, back.money_minor, back.goods_minor,
       (SELECT COALESCE(sum(line.amount_minor), 0)::bigint FROM commerce_line AS line
         WHERE line.order_id = sale.id AND line.is_gift_card),
       (SELECT COALESCE(json_object_agg(paid.kind, paid.minor), '{}') FROM (SELECT tender.kind, sum(tender.amount_minor)
           AS minor FROM commerce_tender AS tender WHERE tender.order_id = sale.id AND tender.state = 'captured'
         GROUP BY 1) AS paid)
  FROM commerce_order AS sale
  LEFT JOIN LATERAL (SELECT COALESCE(sum(came.amount_minor), 0)::bigint AS off_minor,
              COALESCE(sum(COALESCE(came.paid_back_minor, came.amount_minor)), 0)::bigint AS money_minor,
              COALESCE(sum(came.matched_minor), 0)::bigint AS goods_minor FROM commerce_return AS came
         WHERE came.order_id = sale.id AND came.currency = sale.currency) AS back ON true
 WHERE sale.id = ANY(%s)
"""


def _view(order: int) -> OrderView:
    return _one(_SELECT + " WHERE sale.id = %s", order, str(order))


def _one(sql: str, value: int | UUID, shown: str) -> OrderView:
    found = _views(sql, [value])
    if not found:
        raise UnknownOrder(
            _("order: there is no %(shown)s; look it up again") % {"shown": shown}, field="order", value=shown
        )
    return found[0]


def _views(sql: str, values: Sequence[Any]) -> list[OrderView]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = cursor.fetchall()
    return [
        OrderView(
            *[
                number,
                ids.public(PREFIX, uuid),
                *rest,
                [_line(*one) for one in lines or ()],
                [_tender(*one) for one in tenders or ()],
            ]
        )
        for number, uuid, *rest, lines, tenders in rows
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
    variant: str,
    sku: str,
    tax: int | None,
    is_gift_card: bool,
    personalisation: str,
) -> LineView:
    return LineView(
        number,
        product,
        ref,
        title,
        Decimal(quantity),
        Decimal(unit_price),
        amount,
        discount,
        Decimal(returned),
        variant,
        sku,
        tax,
        is_gift_card,
        tuple(personalisation.split(",")) if personalisation else (),
    )


def _tender(ref: str, kind: str, state: str, amount: int, at: str | None) -> TenderView:
    return TenderView(ref, kind, state, amount, None if at is None else datetime.fromisoformat(at))
