"""What customers kept, as `kept` has it, in columns: for who settles very many orders at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from django.db import connection
from numpy.typing import NDArray

from regulars.facts.commerce.kept import EVERYBODY, Kept, KeptLine, Stretch
from regulars.runtime.database import arrays, copying

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.object_]

#: Orders of a block.
BLOCK = 20_000
#: Stands for an instant or amount that is None.
NONE = np.iinfo(np.int64).min
_EPOCH = date(1970, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class LineColumns:
    """The lines of many orders, one order after the other, of each by their number. Quantities in thousandths."""

    number: Numbers
    quantity: Numbers
    kept: Numbers
    amount_minor: Numbers
    tax_minor: Numbers
    is_gift_card: Flags
    goods: Texts
    """Product, category, brand and SKU, for a fingerprint."""


@dataclass(frozen=True)
class KeptColumns:
    """`kept.Kept` of many orders, all of some customers', one customer after the other, of each in the order of their
    placing. Instants are microseconds since 1970 in UTC, days are days since then, `NONE` what is not known.

    Lines of order n stand in `lines` from `begins[n]` until before `begins[n + 1]`. `tenders`: those of orders that
    have any, by n.
    """

    order: Numbers
    customer: Numbers
    record: Numbers
    placed_at: Numbers
    placed_on: Numbers
    currency: Texts
    origin: Texts
    counts: Flags
    channel: Texts
    store: Texts
    fulfilment: Texts
    total_minor: Numbers
    due_minor: Numbers
    kept_minor: Numbers
    discount_minor: Numbers
    shipping_minor: Numbers
    tax_minor: Numbers
    prices_include_tax: Flags
    money_back_minor: Numbers
    shop_currency: Texts
    rate: Texts
    arrived_at: Numbers
    paid_at: Numbers
    back_at: Numbers
    tenders: Mapping[int, Mapping[str, int]]
    begins: Numbers
    lines: LineColumns

    def __len__(self) -> int:
        return len(self.order)

    def only(self, wanted: Flags) -> "KeptColumns":
        """Those of the orders that are wanted."""
        if wanted.all():
            return self
        many = np.diff(self.begins)
        lines, place = np.repeat(wanted, many), np.cumsum(wanted) - 1
        return replace(
            self,
            **{one.name: getattr(self, one.name)[wanted] for one in fields(self) if one.name not in _APART},
            tenders={int(place[n]): paid for n, paid in self.tenders.items() if wanted[n]},
            begins=np.concatenate(([0], np.cumsum(many[wanted]))),
            lines=LineColumns(*(getattr(self.lines, one.name)[lines] for one in fields(LineColumns))),
        )

    def fingerprints(self) -> list[bytes]:
        """`fingerprint` of each."""
        heads = _joined(
            *(self.order, self.customer, self.record, self.placed_at, self.placed_on, self.currency, self.origin),
            *(self.counts, self.channel, self.store, self.fulfilment, self.total_minor, self.due_minor),
            *(self.kept_minor, self.discount_minor, self.shipping_minor, self.tax_minor, self.prices_include_tax),
            *(self.money_back_minor, self.shop_currency, self.rate, self.arrived_at, self.paid_at, self.back_at),
        )
        one = self.lines
        each = _joined(one.number, one.quantity, one.kept, one.amount_minor, one.goods, one.tax_minor, one.is_gift_card)
        lines = pc.binary_join(pa.ListArray.from_arrays(pa.array(self.begins, pa.int32()), each), "\x1e")
        told = pc.binary_join_element_wise(heads, lines, "\x1d")
        _, begins, text = told.buffers()
        # As they lie there: as a text of its own each costs as much again.
        begins, text = np.frombuffer(begins, np.int32)[: len(told) + 1].tolist(), memoryview(text)
        found = [blake2b(text[start:end], digest_size=16).digest() for start, end in pairwise(begins)]
        for n, paid in self.tenders.items():
            whole = bytes(text[begins[n] : begins[n + 1]]) + _paid(paid).encode()
            found[n] = blake2b(whole, digest_size=16).digest()
        return found


_APART = ("tenders", "begins", "lines")


def fingerprint(one: Kept) -> bytes:
    """16 bytes that change with whatever it says."""
    head = (
        *(one.order, one.customer, one.record, _instant(one.placed_at), one.placed_on.toordinal() - _EPOCH),
        *(one.currency, one.origin, int(one.counts), one.channel, one.store, one.fulfilment, one.total_minor),
        *(one.due_minor, one.kept_minor, one.discount_minor, one.shipping_minor, one.tax_minor),
        *(int(one.prices_include_tax), one.money_back_minor, one.shop_currency or ""),
        *("" if one.rate is None else f"{one.rate:f}", _instant(one.arrived_at), _instant(one.paid_at)),
        _instant(one.back_at),
    )
    lines = "\x1e".join(map(_line, one.lines))
    text = "\x1f".join(map(str, head)) + "\x1d" + lines + (_paid(one.tenders) if one.tenders else "")
    return blake2b(text.encode(), digest_size=16).digest()


def _line(one: KeptLine) -> str:
    told = (
        *(one.number, int(one.quantity.scaleb(3)), int(one.kept.scaleb(3)), one.amount_minor, _goods(one)),
        *(NONE if one.tax_minor is None else one.tax_minor, int(one.is_gift_card)),
    )
    return "\x1f".join(map(str, told))


def _goods(one: KeptLine) -> str:
    return "\x1c".join((one.product, one.category, one.brand, one.sku))


def _paid(tenders: Mapping[str, int]) -> str:
    return "\x1d" + ",".join(f"{kind}={minor}" for kind, minor in sorted(tenders.items()))


def _instant(at: datetime | None) -> int:
    return NONE if at is None else (at - _BEGIN) // _MICROSECOND


_BEGIN = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _joined(*columns: NDArray[Any]) -> Any:
    texts = [
        pa.array(one, pa.string()) if one.dtype == object else pc.cast(pa.array(one.astype(np.int64)), pa.string())
        for one in columns
    ]
    return pc.binary_join_element_wise(*texts, "\x1f")


def blocks(*, size: int = BLOCK, within: Stretch = EVERYBODY) -> Iterator[KeptColumns]:
    """Every purchase of these customers', the cancelled ones too, which keep nothing; as `kept.pages_by_customer` has
    them, with all of a customer's on one block, which has about `size` of them. Eight queries a block, each by itself:
    what changes between them is seen in part, and its fingerprint is no order's.
    """
    after, last = within
    while after < last:
        until = stretch_end(after, size, last)
        heads = _read(_HEADS, _OF_HEADS, [after, until])
        if len(heads["order"]):
            yield _block(heads)
        after = until


def extent() -> tuple[int, int]:
    """How many orders customers have, and the last of those who have any: 0 where nobody has. Reads the whole index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(customer_id), COALESCE(max(customer_id), 0) FROM commerce_order")
        many, last = cursor.fetchone()
    return many, last


def stretch_end(after: int, many: int, last: int) -> int:
    """The customer with whom those end that come after this one and have so many orders together, or `last`."""
    with connection.cursor() as cursor:
        cursor.execute(_UNTIL, [after, last, many - 1])
        found = cursor.fetchone()
    return last if found is None else int(found[0])


def _block(heads: Mapping[str, NDArray[Any]]) -> KeptColumns:
    order = heads["order"]
    asked = [arrays.of_numbers(order.tolist())]
    told = _read(_LINES, _OF_LINES, asked)
    sorted_by = np.argsort(order)
    of = sorted_by[np.searchsorted(order, told.pop("order"), sorter=sorted_by)]
    in_turn = np.lexsort((told["number"], of))
    told, of = {name: values[in_turn] for name, values in told.items()}, of[in_turn]
    lines = LineColumns(goods=_named(told.pop("product"), told.pop("sku")), **told)
    begins = np.searchsorted(of, np.arange(len(order) + 1))

    def placed(sql: str, columns: Mapping[str, Any], ask: Sequence[Any]) -> dict[str, NDArray[Any]]:
        found = _read(sql, columns, ask)
        found["n"] = sorted_by[np.searchsorted(order, found.pop("order"), sorter=sorted_by)]
        return found

    back = placed(_RETURNED, _OF_RETURNED, asked)
    off, money, for_nothing = (_spread(back["n"], back[name], len(order), 0) for name in ("off", "money", "nothing"))
    is_back = np.zeros(len(order), bool)
    is_back[of[lines.kept < lines.quantity]] = True
    came = placed(_CAME_BACK, _OF_CAME_BACK, [arrays.of_numbers(order[is_back].tolist())])
    sent = placed(_SENT, _OF_SENT, asked)
    tender = placed(_TENDERS, _OF_TENDERS, asked)
    arrived_at = _spread(sent["n"], sent["at"], len(order), NONE)
    paid_minor, refunded_minor = heads["paid_minor"], heads["refunded_minor"]
    total = heads["total_minor"]
    paid = np.where(paid_minor == NONE, total - np.maximum(off - money, 0), paid_minor)
    return KeptColumns(
        **{name: heads[name] for name in _AS_READ},
        channel=_codes(heads["channel"], "company_channel"),
        store=_codes(heads["store"], "company_store"),
        due_minor=total - off,
        kept_minor=paid - np.maximum(money, np.where(refunded_minor == NONE, 0, refunded_minor)),
        money_back_minor=for_nothing,
        arrived_at=np.where(heads["fulfilment"] == "carry_out", heads["placed_at"], arrived_at),
        paid_at=_spread(tender["n"], tender["at"], len(order), NONE),
        back_at=_spread(came["n"], came["at"], len(order), NONE),
        tenders={
            int(n): {kind: int(minor) for kind, minor in (one.split("=") for one in told.split(","))}
            for n, told in zip(tender["n"], tender["paid"], strict=True)
        },
        begins=begins,
        lines=lines,
    )


def _spread(places: Numbers, values: Numbers, length: int, default: int) -> Numbers:
    found = np.full(length, default, np.int64)
    found[places] = values
    return found


def _named(products: Numbers, skus: Texts) -> Texts:
    distinct, place = np.unique(products, return_inverse=True)
    with connection.cursor() as cursor:
        cursor.execute(_PRODUCTS, [arrays.of_numbers(distinct.tolist())])
        names = {number: "\x1c".join(told) for number, *told in cursor.fetchall()}
    of_products = np.array([names[number] for number in distinct.tolist()], object)[place]
    return np.array([f"{name}\x1c{sku}" for name, sku in zip(of_products, skus, strict=True)], object)


def _codes(numbers: Numbers, table: str) -> Texts:
    distinct, place = np.unique(numbers, return_inverse=True)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, code FROM {table} WHERE id = ANY(%s)", [distinct.tolist()])
        codes = dict(cursor.fetchall())
    found: Texts = np.array([codes.get(number, "") for number in distinct.tolist()], object)[place]
    return found


def _read(sql: str, columns: Mapping[str, Any], asked: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """What a query answers, by columns: read as text in one piece."""
    text = copying.text(sql, asked)
    if not text:
        return {name: np.array([], object if kind == pa.string() else _numpy(kind)) for name, kind in columns.items()}
    table = pa.csv.read_csv(
        pa.BufferReader(text),
        pa.csv.ReadOptions(use_threads=False, column_names=list(columns), block_size=len(text) + 1),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict(columns), true_values=["t"], false_values=["f"], null_values=[""]
        ),
    )
    return {name: _values(table.column(name), kind) for name, kind in columns.items()}


def _numpy(kind: Any) -> Any:
    return np.bool_ if kind == pa.bool_() else np.int64


def _values(column: Any, kind: Any) -> NDArray[Any]:
    if kind == pa.string():
        return np.asarray(column.to_numpy(), dtype=object)
    if kind == pa.bool_():
        return np.asarray(column.to_numpy(), dtype=np.bool_)
    if kind == _MILLI:
        # A decimal of three places is its thousandths, in sixteen bytes; of quantities the first eight say all.
        one = column.combine_chunks()
        return np.frombuffer(one.buffers()[1], np.int64)[::2][one.offset : one.offset + len(one)].copy()
    if kind != pa.int64():
        column = pc.cast(column, pa.int64())
    return np.asarray(pc.fill_null(column, NONE).to_numpy(), dtype=np.int64)


_INSTANT = pa.timestamp("us", tz="UTC")
_MILLI = pa.decimal128(21, 3)
_NUMBER, _TEXT, _FLAG = pa.int64(), pa.string(), pa.bool_()

_OF_HEADS = {
    "order": _NUMBER,
    "customer": _NUMBER,
    "record": _NUMBER,
    "placed_at": _INSTANT,
    "placed_on": _NUMBER,
    "currency": _TEXT,
    "origin": _TEXT,
    "counts": _FLAG,
    "channel": _NUMBER,
    "store": _NUMBER,
    "fulfilment": _TEXT,
    "total_minor": _NUMBER,
    "paid_minor": _NUMBER,
    "refunded_minor": _NUMBER,
    "discount_minor": _NUMBER,
    "shipping_minor": _NUMBER,
    "tax_minor": _NUMBER,
    "prices_include_tax": _FLAG,
    "shop_currency": _TEXT,
    "rate": _TEXT,
}
_AS_READ = tuple(name for name in _OF_HEADS if name not in ("channel", "store", "paid_minor", "refunded_minor"))
# What counts, what is due and what is kept: as in `kept`.
_HEADS = """
SELECT sale.id, sale.customer_id, COALESCE(sale.came_with_id, sale.customer_id), sale.placed_at,
       sale.placed_on - '1970-01-01'::date, sale.currency, sale.origin,
       sale.kind = 'purchase' AND sale.cancelled_at IS NULL AND sale.deleted_at IS NULL, sale.channel_id,
       sale.store_id, sale.fulfilment, sale.total_minor, sale.paid_minor, sale.refunded_minor, sale.discount_minor,
       sale.shipping_minor, sale.tax_minor, sale.prices_include_tax, sale.shop_currency, sale.rate
  FROM commerce_order AS sale
 WHERE sale.customer_id > %s AND sale.customer_id <= %s AND sale.kind = 'purchase'
 ORDER BY sale.customer_id, sale.placed_at, sale.id
"""
# By the index alone. Were it the other query's limit, all orders there are might be read and sorted for each block.
_UNTIL = """
SELECT customer_id FROM commerce_order WHERE customer_id > %s AND customer_id <= %s
 ORDER BY customer_id OFFSET %s LIMIT 1
"""
_OF_LINES = {
    "order": _NUMBER,
    "number": _NUMBER,
    "quantity": _MILLI,
    "kept": _MILLI,
    "amount_minor": _NUMBER,
    "product": _NUMBER,
    "sku": _TEXT,
    "tax_minor": _NUMBER,
    "is_gift_card": _FLAG,
}
_LINES = """
SELECT line.order_id, line.number, line.quantity, line.quantity - line.returned_quantity, line.amount_minor,
       line.product_id, line.sku, line.tax_minor, line.is_gift_card
  FROM commerce_line AS line WHERE line.order_id = ANY(%s::bigint[]) AND line.quantity > 0
"""
_PRODUCTS = "SELECT id, ref, category, brand FROM commerce_product WHERE id = ANY(%s::bigint[])"
_OF_RETURNED = {"order": _NUMBER, "off": _NUMBER, "money": _NUMBER, "nothing": _NUMBER}
_RETURNED = """
SELECT sale.id, sum(came.amount_minor)::bigint, sum(COALESCE(came.paid_back_minor, came.amount_minor))::bigint,
       sum(came.money_minor)::bigint
  FROM commerce_return AS came JOIN commerce_order AS sale ON sale.id = came.order_id
 WHERE came.order_id = ANY(%s::bigint[]) AND came.currency = sale.currency AND NOT came.is_void GROUP BY 1
"""
_OF_CAME_BACK = {"order": _NUMBER, "at": _INSTANT}
_CAME_BACK = """
SELECT back.order_id, max(came.returned_at) FROM commerce_line AS back
  JOIN commerce_return_match AS matched ON matched.line_id = back.id
  JOIN commerce_return_line AS one ON one.id = matched.return_line_id
  JOIN commerce_return AS came ON came.id = one.goods_return_id
 WHERE back.order_id = ANY(%s::bigint[]) GROUP BY 1
"""
_OF_SENT = {"order": _NUMBER, "at": _INSTANT}
_SENT = """
SELECT shipment.order_id, CASE WHEN bool_and(shipment.arrived_at IS NOT NULL) THEN max(shipment.arrived_at) END
  FROM commerce_shipment AS shipment
 WHERE shipment.order_id = ANY(%s::bigint[]) AND shipment.state NOT IN ('cancelled', 'went_back') GROUP BY 1
"""
_OF_TENDERS = {"order": _NUMBER, "at": _INSTANT, "paid": _TEXT}
_TENDERS = """
SELECT each.order_id, max(each.at), string_agg(each.kind || '=' || each.minor, ',' ORDER BY each.kind)
  FROM (SELECT tender.order_id, tender.kind, sum(tender.amount_minor)::bigint AS minor, max(tender.at) AS at
          FROM commerce_tender AS tender WHERE tender.order_id = ANY(%s::bigint[]) AND tender.state = 'captured'
         GROUP BY 1, 2) AS each GROUP BY 1
"""
