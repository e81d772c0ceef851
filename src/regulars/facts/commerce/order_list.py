"""Looking through orders: newest first, narrowed by what people ask, without reading more than a page needs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from django.db import connection

from regulars.kit import ids, paging
from regulars.kit.ids import BadId
from regulars.kit.windows import Window

PREFIX = "ord"
#: So many orders are looked at for one page where no index knows which fit; the next page looks on from there.
LOOKED_AT = 20_000

#: `unpaid`: its source says that less was paid than it came to. `refunded`: money went back.
State = Literal["unpaid", "refunded", "cancelled", "draft", "test"]
STATES: tuple[State, ...] = ("unpaid", "refunded", "cancelled", "draft", "test")


@dataclass(frozen=True)
class OrderFilter:
    """What the list is narrowed by; None and empty mean all. `word` is a whole number, reference or public id.

    `kind` as an order's, `namespace` its source; `buyers` are customers' numbers, `is_guest` False means orders with a
    customer. Channels and stores by their codes.
    """

    word: str = ""
    placed: Window[datetime] | None = None
    channel: str = ""
    store: str = ""
    state: State | None = None
    buyers: Collection[int] | None = None
    is_guest: bool | None = None
    is_flagged: bool = False
    kind: str = ""
    namespace: str = ""


@dataclass(frozen=True)
class Listed:
    """One line of the list. Amounts in minor units of `currency`; `first` is the title of its first line;
    `is_flagged`: its sums do not add up."""

    id: int
    public_id: str
    number: str
    ref: str
    namespace: str
    customer_id: int | None
    channel: str
    store: str
    placed_at: datetime
    currency: str
    kind: str
    total_minor: int
    is_flagged: bool
    cancelled_at: datetime | None
    is_deleted: bool
    fulfilment: str
    lines: int
    first: str


@dataclass(frozen=True)
class Found:
    """A page of the list, and the cursor of the rest. `looked_back_to`: so far back was looked, and no further."""

    items: tuple[Listed, ...]
    next: str | None
    looked_back_to: datetime | None


def page(wanted: OrderFilter, *, cursor: str | None = None, size: int = 50, looked_at: int = LOOKED_AT) -> Found:
    """Orders, newest first. One query; one more where many were looked at and few fit. Raises `paging.BadCursor`."""
    limit = paging.check_size(size)
    inside, values = _inside(wanted)
    if cursor:
        inside.append("(sale.placed_at, sale.id) < (%s, %s)")
        values += paging.decode(cursor, "order_list", datetime, int)
    outside, outer_values = _outside(wanted)
    with connection.cursor() as asking:
        asking.execute(
            f"{_SELECT} FROM (SELECT * FROM commerce_order AS sale WHERE {' AND '.join(inside)}"
            " ORDER BY sale.placed_at DESC, sale.id DESC LIMIT %s) AS sale"
            " JOIN company_channel AS channel ON channel.id = sale.channel_id"
            " LEFT JOIN company_store AS store ON store.id = sale.store_id"
            f" WHERE {' AND '.join(outside)} ORDER BY sale.placed_at DESC, sale.id DESC LIMIT %s",
            [*values, looked_at, *outer_values, limit + 1],
        )
        rows = [Listed(row[0], ids.public(PREFIX, row[1]), *row[2:]) for row in asking.fetchall()]
        cut = paging.cut(rows, limit, of="order_list", key=lambda one: (one.placed_at, one.id))
        if cut.next is not None or len(outside) == 1:
            return Found(cut.items, cut.next, None)
        asking.execute(
            f"SELECT sale.placed_at, sale.id FROM commerce_order AS sale WHERE {' AND '.join(inside)}"
            " ORDER BY sale.placed_at DESC, sale.id DESC OFFSET %s LIMIT 1",
            [*values, looked_at - 1],
        )
        last = cast("tuple[datetime, int] | None", asking.fetchone())
    if last is None:
        return Found(cut.items, None, None)
    return Found(cut.items, paging.encode("order_list", last), last[0])


def _inside(wanted: OrderFilter) -> tuple[list[str], list[Any]]:
    """What an index answers."""
    wheres: list[str] = ["TRUE"]
    values: list[Any] = []
    if wanted.placed is not None:
        wheres.append("sale.placed_at >= %s AND sale.placed_at < %s")
        values += [wanted.placed.start, wanted.placed.end]
    if wanted.store:
        wheres.append("sale.store_id = (SELECT id FROM company_store WHERE code = %s)")
        values.append(wanted.store)
    for kind in (wanted.state, wanted.kind):
        if kind in {"draft", "test"}:
            # Both are said, for the index that has only these.
            wheres.append("sale.kind IN ('draft', 'test') AND sale.kind = %s")
            values.append(kind)
    if wanted.buyers is not None:
        wheres.append("sale.customer_id = ANY(%s)")
        values.append(list(wanted.buyers))
    if wanted.is_flagged:
        wheres.append(
            "(sale.differs_minor <> 0 OR sale.over_refunded_minor <> 0 OR sale.lines_differ_minor <> 0"
            " OR sale.tenders_differ_minor <> 0)"
        )
    if word := wanted.word.strip().replace("\x00", "")[:200]:
        bare = word.lstrip("#")
        wheres.append(
            "sale.id = ANY(ARRAY(SELECT id FROM commerce_order WHERE number = ANY(%s) AND number <> ''"
            f" UNION ALL SELECT id FROM commerce_order WHERE namespace IN ({_NAMESPACES}) AND ref = ANY(%s)"
            " UNION ALL SELECT id FROM commerce_order WHERE public_id = ANY(%s)))"
        )
        values += [[word, bare, f"#{bare}"], [word, bare, f"#{bare}"], _public(word)]
    return wheres, values


def _outside(wanted: OrderFilter) -> tuple[list[str], list[Any]]:
    """What has to be looked at order by order."""
    wheres: list[str] = ["TRUE"]
    values: list[Any] = []
    if wanted.kind and wanted.kind not in {"draft", "test"}:
        wheres.append("sale.kind = %s")
        values.append(wanted.kind.replace("\x00", ""))
    if wanted.namespace:
        wheres.append("sale.namespace = %s")
        values.append(wanted.namespace.replace("\x00", ""))
    if wanted.channel:
        wheres.append("channel.code = %s")
        values.append(wanted.channel)
    if wanted.is_guest is not None:
        wheres.append(f"sale.customer_id IS {'' if wanted.is_guest else 'NOT '}NULL")
    if wanted.state in _STATES:
        wheres.append(_STATES[wanted.state])
    return wheres, values


def _public(word: str) -> list[Any]:
    try:
        return [ids.parse(word, PREFIX)]
    except BadId:
        return []


_STATES = {
    "cancelled": "sale.cancelled_at IS NOT NULL",
    "unpaid": "sale.paid_minor < sale.total_minor - sale.set_off_minor AND sale.cancelled_at IS NULL"
    " AND sale.kind = 'purchase'",
    "refunded": (
        "(sale.refunded_minor > 0 OR EXISTS (SELECT 1 FROM commerce_return AS back WHERE back.order_id = sale.id"
        " AND NOT back.is_void AND back.paid_back_minor IS DISTINCT FROM 0))"
    ),
}
#: The namespaces that orders have, found by their index: a reference without one is looked up in each.
_NAMESPACES = (
    "WITH RECURSIVE known AS ((SELECT namespace FROM commerce_order ORDER BY namespace LIMIT 1) UNION ALL"
    " SELECT (SELECT next.namespace FROM commerce_order AS next WHERE next.namespace > known.namespace"
    " ORDER BY next.namespace LIMIT 1) FROM known WHERE known.namespace IS NOT NULL)"
    " SELECT namespace FROM known WHERE namespace IS NOT NULL"
)
_SELECT = (
    "SELECT sale.id, sale.public_id, sale.number, sale.ref, sale.namespace, sale.customer_id, channel.code,"
    " COALESCE(store.code, ''), sale.placed_at, sale.currency, sale.kind, sale.total_minor,"
    " sale.differs_minor <> 0 OR sale.over_refunded_minor <> 0 OR sale.lines_differ_minor <> 0"
    " OR sale.tenders_differ_minor <> 0, sale.cancelled_at, sale.deleted_at IS NOT NULL, sale.fulfilment,"
    " (SELECT count(*) FROM commerce_line AS line WHERE line.order_id = sale.id AND line.quantity <> 0),"
    " COALESCE((SELECT COALESCE(NULLIF(product.title, ''), product.ref) FROM commerce_line AS line"
    " JOIN commerce_product AS product ON product.id = line.product_id"
    " WHERE line.order_id = sale.id AND line.quantity <> 0 ORDER BY line.number LIMIT 1), '')"
)
