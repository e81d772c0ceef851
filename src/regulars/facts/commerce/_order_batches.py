"""Writing many orders at once: decide what is new, turn references into numbers, COPY, and tell."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache

import polars as pl

from regulars.facts.commerce import _changes, _copying, _deciding, _documents, _paying, _rematching, _waiting, deriving
from regulars.facts.commerce.notices import OrderCancelled, OrderChanged, OrderPaid, OrderRecorded, OrdersImported
from regulars.facts.commerce.order_reports import LINES, MORE_OF_LINES, MORE_OF_ORDERS, ORDER_STATES, ORDERS, OrderBatch
from regulars.facts.commerce.outcome import Outcome
from regulars.facts.customers import customers
from regulars.kit.actors import Actor, Origin
from regulars.runtime.database import bulk
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.outbox import announce, announce_many
from regulars.runtime.trail import trail
from regulars.runtime.trail.trail import Act

_HEADER = ["customer_ref", "channel", "store", "placed_at", "currency", "is_adjustment"]
_AMOUNTS = ["discount_minor", "shipping_minor", "tax_minor", "total_minor"]
_LINE = ["number", "product_ref", "quantity", "unit_price", "amount_minor", "discount_minor"]
#: What counts in the fingerprint where it is told: neither the version nor who delivered it is a part of the order.
_MORE = ("tenders", *(name for name in MORE_OF_ORDERS if name not in {"version", "delivery"}))
#: Of two that were told at one moment, the one further along counts, in this order.
_FURTHER = ("back", "stage", "paid")
#: Columns of the table that only some sources tell of, with what stands there otherwise.
_TOLD: dict[str, object] = {
    **dict.fromkeys(("number", "state", "exchange_of", "till", "taken_by", "fulfilment"), ""),
    **dict.fromkeys(("paid_minor", "refunded_minor", "shop_currency", "rate", "version", "cancelled_at")),
    "fees_minor": 0,
    "prices_include_tax": False,
    "over_refunded_minor": 0,
    "lines_differ_minor": 0,
    "tenders_differ_minor": 0,
}

_NOT_TOLD = {name: pl.lit(None, dtype=kind).alias(name) for name, kind in MORE_OF_ORDERS.items()}
_KNOWN = pl.Schema(
    {
        **_deciding.KNOWN,
        "known_back": pl.Int64(),
        "known_stage": pl.Int64(),
        "known_paid": pl.Int64(),
        "was_kind": pl.String(),
        "was_total": pl.Int64(),
        "was_paid": pl.Int64(),
        "was_refunded": pl.Int64(),
        "was_state": pl.String(),
        "was_cancelled_at": pl.Datetime("us", "UTC"),
        "called_off_at": pl.Datetime("us", "UTC"),
    }
)
#: How far along an order is: a draft, one of which nothing is told, placed, completed, cancelled.
_STAGES = {"draft": -1, "": 0, **{state: n for n, state in enumerate(ORDER_STATES) if n}}
_STAGE = "CASE state " + " ".join(f"WHEN '{state}' THEN {n}" for state, n in _STAGES.items()) + " END"


def write(batch: OrderBatch, *, is_further: bool, at: datetime, by: Actor) -> Outcome:
    """`orders.record_many` without its transaction."""
    namespace, origin = batch.namespace, batch.origin
    bulk.expect_many_rows(batch.lines.height)
    incoming = _complete(batch)
    refs = incoming["ref"].to_list()
    before = _documents.customers_by_ref("commerce_order", namespace, refs)
    who = _documents.buyers(namespace, incoming, also=before, at=at, by=by, origin=origin)
    known = _copying.rows(
        f"SELECT ref, id, fingerprint, source_updated_at, version, COALESCE(refunded_minor, 0), {_STAGE},"
        " COALESCE(paid_minor, 0), kind, total_minor, paid_minor, refunded_minor, state, cancelled_at, called_off_at"
        " FROM commerce_order WHERE namespace = %s AND ref = ANY(%s) ORDER BY id FOR UPDATE",
        [namespace, refs],
        _KNOWN,
    )
    sorted_out = _deciding.sort_out(incoming, known, further=_FURTHER if is_further else ())
    fresh = _deciding.those(sorted_out, "new")
    newer = _still_double(_deciding.those(sorted_out, "newer"))
    again = _deciding.those(sorted_out, "again")
    fresh = _deciding.numbered(fresh, _copying.reserve_ids("commerce_order_id_seq", fresh.height))
    writing = fresh if newer.is_empty() else pl.concat([fresh, newer])
    if writing.is_empty():
        if not again.is_empty():
            _documents.overwrite("commerce_order", again.select("id", "source_updated_at", "version"))
        return _deciding.outcome(sorted_out, fresh)
    rows = _numbered(namespace, writing, who, at, by, origin)
    line_rows = _lines(namespace, batch.lines, writing, at, by)
    untold = [name for name in _TOLD if incoming[name].null_count() == incoming.height]
    added, added_lines = rows, line_rows
    if not newer.is_empty():
        added = rows.filter(pl.col("id").is_in(fresh["id"].implode()))
        added_lines = line_rows.filter(pl.col("order_id").is_in(fresh["id"].implode()))
    _copying.copy("commerce_order", added.drop(untold))
    _copying.copy("commerce_line", added_lines)
    _paying.write(batch.tenders, fresh=fresh, newer=newer)
    if not newer.is_empty():
        _replace(rows.filter(pl.col("id").is_in(newer["id"].implode())), line_rows)
    _waiting.take(fresh["id"].to_list(), by=by)
    if not again.is_empty():
        _documents.overwrite("commerce_order", again.select("id", "source_updated_at", "version"))
    if origin == "live":
        _rematching.rematch_waiting(_documents.distinct(rows["customer_id"]))
    _tell_customers(writing, rows, at, by)
    changes = _changes.of_orders(fresh, newer, at=at) if is_further or origin == "live" else None
    if changes is not None:
        _changes.write(changes, by=by)
    _announce(namespace, origin, fresh, newer, rows, at, by)
    return _deciding.outcome(sorted_out, fresh)


def _still_double(newer: pl.DataFrame) -> pl.DataFrame:
    """Of an order that was found to be told twice, nothing its source says makes a sale of its own."""
    if deriving.DOUBLE not in newer["was_kind"].to_list():
        return newer
    is_double = pl.col("was_kind") == deriving.DOUBLE
    return newer.with_columns(kind=pl.when(is_double).then(pl.lit(deriving.DOUBLE)).otherwise("kind"))


def _complete(batch: OrderBatch) -> pl.DataFrame:
    """The batch's orders with what follows from their lines, and their fingerprints."""
    orders = batch.orders
    if orders["ref"].is_duplicated().any():
        raise ValueError("a reference stands twice in one batch of orders; keep one")
    # What nobody tells of is left out of the plan: with one order, that is most of what there is.
    told = _deciding.told(orders, MORE_OF_ORDERS)
    whole = _tidy(orders.lazy().select(*ORDERS, *told), told)
    if "cancelled_at" in told:
        told = list({*told, "state"})
    whole = deriving.orders_with_sums(whole, batch.lines.lazy(), columns=told)
    captured = pl.lit(None, dtype=pl.Int64)
    if batch.tenders is not None:
        whole = whole.join(_paying.told(batch.tenders), on="ref", how="left", maintain_order="left")
        whole = whole.join(_captured(batch.tenders), on="ref", how="left", maintain_order="left")
        told, captured = [*told, "tenders"], pl.col("captured")
    whole = _deciding.contents(
        whole,
        batch.lines,
        kinds={**orders.schema, **MORE_OF_ORDERS, "tenders": pl.String()},
        header=_HEADER + _AMOUNTS,
        line=_LINE,
        more=[name for name in _MORE if name in told],
        more_of_lines=MORE_OF_LINES,
    )
    whole = whole.with_columns(*(_NOT_TOLD[name] for name in MORE_OF_ORDERS if name not in told), captured=captured)
    whole = whole.join(deriving.lines_that_differ(orders, batch.lines), on="ref", how="left", maintain_order="left")
    whole = whole.with_columns(*_follows())
    return _deciding.fingerprinted(_copying.collected(whole))


# To put them together costs about as much as to have them computed for one order.
@cache
def _follows() -> tuple[pl.Expr, ...]:
    """What follows from what is told of an order, and where one stands among its versions."""
    is_cancelled = pl.col("state").eq_missing(pl.lit("cancelled"))
    first = pl.coalesce("cancelled_at", "source_updated_at", "placed_at")
    return (
        pl.when(is_cancelled).then(first).alias("cancelled_at"),
        pl.col("refunded_minor").fill_null(0).alias("back"),
        pl.col("state").fill_null("").replace_strict(_STAGES, return_dtype=pl.Int64).alias("stage"),
        pl.col("paid_minor").fill_null(0).alias("paid"),
        _over_refunded().alias("over_refunded_minor"),
        _tenders_differ().alias("tenders_differ_minor"),
        # Nobody is a customer by a test, and nothing of it reaches a person.
        pl.when(pl.col("kind") != "test").then("customer_ref").alias("customer_ref"),
    )


def _over_refunded() -> pl.Expr:
    """How much more went back than was paid, by the order's own word; null where it does not say both or nothing did.
    Its refunds, where any are on record, are counted with them as they are matched."""
    back, is_off = pl.col("refunded_minor").fill_null(0), pl.col("state").eq_missing(pl.lit("cancelled"))
    untold = pl.when(is_off | pl.col("kind").is_in(deriving.UNCOUNTED)).then(back).otherwise("total_minor")
    more = back - pl.coalesce("paid_minor", untold)
    return pl.when((more > 0) & (pl.col("kind") != "adjustment")).then(more)


def _captured(tenders: pl.DataFrame) -> pl.LazyFrame:
    """What was captured of each order of which tenders are told."""
    captured = pl.when(pl.col("state") == "captured").then("amount_minor").otherwise(0)
    return tenders.lazy().group_by("ref").agg(captured=captured.sum())


def _tenders_differ() -> pl.Expr:
    """How much more was captured than was paid by the order's own word, else how much more than it comes to and went
    back; null where they agree. Its refunds are counted with them as they are matched."""
    is_off = pl.col("state").eq_missing(pl.lit("cancelled")) | pl.col("kind").is_in((*deriving.UNCOUNTED, "adjustment"))
    apart = pl.col("captured") - pl.coalesce("paid_minor", "captured")
    above = pl.col("captured") - pl.col("total_minor") - pl.col("refunded_minor").fill_null(0)
    return pl.when(apart != 0).then(apart).when((above > 0) & ~is_off).then(above)


def _tidy(orders: pl.LazyFrame, told: Sequence[str]) -> pl.LazyFrame:
    """`orders` where what is empty, no or nought is not told, so that both ways to say it are one."""
    tidy = []
    for name in told:
        if MORE_OF_ORDERS[name] == pl.Boolean():
            tidy.append(pl.when(pl.col(name)).then(name))
        elif MORE_OF_ORDERS[name] == pl.String() or name == "fees_minor":
            tidy.append(pl.when(pl.col(name) != (0 if name == "fees_minor" else "")).then(name))
    orders = orders.with_columns(tidy)
    if "cancelled_at" in told:
        state = pl.col("state") if "state" in told else pl.lit(None, dtype=pl.String)
        is_cancelled = state.is_null() & pl.col("cancelled_at").is_not_null()
        orders = orders.with_columns(state=pl.when(is_cancelled).then(pl.lit("cancelled")).otherwise(state))
    return orders


def _numbered(
    namespace: str, orders: pl.DataFrame, who: pl.DataFrame, at: datetime, by: Actor, origin: Origin
) -> pl.DataFrame:
    """Rows for the table: references turned into numbers."""
    channel, store = _documents.places(orders, at=at, by=by)
    numbered = orders.lazy().join(who.lazy(), on="customer_ref", how="left", maintain_order="left")
    plan = numbered.select(
        "id",
        pl.lit(namespace).alias("namespace"),
        "ref",
        "customer_id",
        "came_with_id",
        _documents.number(pl.col("channel"), channel).alias("channel_id"),
        _documents.number(pl.col("store"), store).alias("store_id"),
        "placed_at",
        "placed_on",
        "currency",
        "kind",
        "goods_minor",
        "discount_minor",
        "shipping_minor",
        "tax_minor",
        "total_minor",
        "differs_minor",
        pl.lit(origin).alias("origin"),
        "source_updated_at",
        _documents.bytea(pl.col("fingerprint")),
        *_or_untold(),
    )
    return _copying.collected(plan)


@cache
def _or_untold() -> tuple[pl.Expr, ...]:
    return tuple(
        pl.col(name) if default is None else pl.col(name).fill_null(default) for name, default in _TOLD.items()
    )


def _lines(namespace: str, lines: pl.DataFrame, orders: pl.DataFrame, at: datetime, by: Actor) -> pl.DataFrame:
    """Rows for the table of these orders' lines, with what only some sources tell of where any of these tells it."""
    told = _deciding.told(lines, MORE_OF_LINES)
    kept = lines.lazy().select(*LINES, *told).join(orders.lazy().select("ref", order_id="id"), on="ref")
    kept = kept.with_columns(
        pl.col("discount_minor").fill_null(0),
        *(pl.col(name).fill_null("") for name in told if MORE_OF_LINES[name] == pl.String()),
        *(pl.col(name).fill_null(value=False) for name in told if name == "is_gift_card"),
    )
    return _documents.numbered_lines(namespace, _copying.collected(kept), "order_id", at=at, by=by)


def _replace(rows: pl.DataFrame, line_rows: pl.DataFrame) -> None:
    """Newer versions take the place of what is on record; what was matched to their lines is matched anew."""
    if rows.is_empty():
        return
    orders = rows["id"].to_list()
    before = _documents.customers_of("commerce_order", orders)
    _rematching.unmatch_orders(orders)
    first = {"cancelled_at": "LEAST(commerce_order.called_off_at, told.cancelled_at)"}
    _documents.overwrite("commerce_order", rows.drop("namespace", "ref", "origin"), unless=first)
    line_rows = line_rows.filter(pl.col("order_id").is_in(orders))
    missing = [name for name in MORE_OF_LINES if name not in line_rows.columns]
    bare = {pl.String(): "", pl.Boolean(): False}
    line_rows = line_rows.with_columns(
        pl.lit(bare.get(MORE_OF_LINES[name]), dtype=MORE_OF_LINES[name]).alias(name) for name in missing
    )
    _documents.overwrite_lines("commerce_line", "order_id", line_rows, orders)
    _waiting.follow(orders)
    _rematching.rematch_orders(orders)
    _rematching.rematch_customers(sorted({*before, *rows["customer_id"].drop_nulls().to_list()}))


def _tell_customers(writing: pl.DataFrame, rows: pl.DataFrame, at: datetime, by: Actor) -> None:
    # Told of the record, not of the person: what is joined can be parted again.
    told = (
        rows.lazy()
        .filter(~pl.col("kind").is_in(deriving.UNCOUNTED))
        .select("id", record=pl.coalesce("came_with_id", "customer_id"))
    )
    seen = _copying.collected(
        told.join(writing.lazy().select("id", "country", "placed_at"), on="id")
        .drop_nulls("record")
        .sort("placed_at", "id")
        .group_by("record")
        .agg(pl.col("placed_at").min(), pl.col("country").drop_nulls().first())
    ).rows()
    customers.note_many(
        at=at,
        by=by,
        first_seen={record: first for record, first, _ in seen},
        countries={record: country for record, _, country in seen if country is not None},
    )


def _announce(
    namespace: str,
    origin: Origin,
    fresh: pl.DataFrame,
    newer: pl.DataFrame,
    rows: pl.DataFrame,
    at: datetime,
    by: Actor,
) -> None:
    if rows.is_empty():
        return
    numbers = rows["id"].to_list()
    if origin == "history":
        announce(
            OrdersImported(
                first_order=min(numbers), last_order=max(numbers), count=rows.height, at=at, origin="history"
            ),
            by=by,
            verb="commerce.orders.record_many",
            after={"namespace": namespace, "new": fresh.height, "changed": newer.height},
        )
        return
    was = {row["id"]: row for row in newer.iter_rows(named=True)}
    told: list[tuple[Notice, dict[str, object]]] = []
    silent: list[Act] = []
    for row in rows.iter_rows(named=True):
        after: dict[str, object] = {"total_minor": row["total_minor"]}
        kinds = _heard(was.get(row["id"]), row)
        told += [(kind(order=row["id"], customer=row["customer_id"], at=at, origin="live"), after) for kind in kinds]
        if not kinds:
            silent.append(Act(f"order:{row['id']}", at, after))
    if silent:
        trail.record_many(by=by, verb="commerce.orders.record", acts=silent)
    announce_many(told, by=by, verb="commerce.orders.record")


def _heard(
    was: dict[str, object] | None, row: dict[str, object]
) -> list[type[OrderRecorded] | type[OrderChanged] | type[OrderCancelled] | type[OrderPaid]]:
    """What others hear of an order that stands as `row` now; nothing of tests and drafts until they count."""
    counts = row["kind"] not in deriving.UNCOUNTED
    counted = was is not None and was["was_kind"] not in deriving.UNCOUNTED
    if not counts and not counted:
        return []
    is_cancelled = row["cancelled_at"] is not None or (was is not None and was["called_off_at"] is not None)
    if not counted:
        first: type[OrderRecorded] | type[OrderChanged] | type[OrderCancelled] = OrderRecorded
    elif is_cancelled and was is not None and was["was_cancelled_at"] is None:
        first = OrderCancelled
    else:
        first = OrderChanged
    is_paid = counts and not is_cancelled and _all_paid(row["paid_minor"], row["total_minor"])
    was_paid = counted and was is not None and _all_paid(was["was_paid"], was["was_total"])
    return [first, OrderPaid] if is_paid and not was_paid else [first]


def _all_paid(paid: object, total: object) -> bool:
    return isinstance(paid, int) and isinstance(total, int) and paid >= total
