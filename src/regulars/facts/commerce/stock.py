"""Stock: how much of a variant is in which store, as its source told it last, and how much of it can be had."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

import polars as pl
from django.db import connection
from django.utils.translation import gettext_lazy

from regulars.facts.commerce import _copying, _recording, _telling, bundles, variants
from regulars.facts.commerce.models import StockMovement
from regulars.facts.commerce.notices import StockRecorded
from regulars.facts.commerce.outcome import Outcome, Word
from regulars.facts.company import stores
from regulars.kit.actors import Actor, Origin
from regulars.kit.refusals import Refusal
from regulars.runtime.notices.outbox import announce

MOST = Decimal(10) ** 12

#: Columns of a batch. `product_ref` may be null: a variant nobody knows is then the only one of a product called so.
#: `may_oversell` null leaves it as it is. `ref` names the row to its teller, in the outcome.
STOCK = pl.Schema(
    {
        "ref": pl.String(),
        "variant_ref": pl.String(),
        "product_ref": pl.String(),
        "store": pl.String(),
        "on_hand": pl.Decimal(18, 3),
        "may_oversell": pl.Boolean(),
        "version": pl.Int64(),
        "source_updated_at": pl.Datetime("us", "UTC"),
    }
)
#: What a batch may have besides; null is none.
MORE_OF_STOCK = pl.Schema({"reserved": pl.Decimal(18, 3)})


@dataclass(frozen=True)
class StockReport:
    """One level as its source tells it: of one variant in one store. Below zero where the source has sold too much.
    `reserved` of it are sold there or kept for somebody, and still on the shelf.

    Where it has a version, and what is on record has one too, that decides which is newer; else the update time.
    """

    namespace: str
    variant_ref: str
    store: str
    on_hand: Decimal
    product_ref: str | None = None
    may_oversell: bool | None = None
    version: int | None = None
    source_updated_at: datetime | None = None
    reserved: Decimal = Decimal(0)


@dataclass(frozen=True)
class Level:
    """A variant's stock in one store. `reserved` by its source, `held` by us; `available` is the rest, below zero where
    more is kept than is there."""

    variant: int
    store: int
    on_hand: Decimal
    held: Decimal
    may_oversell: bool
    told_at: datetime
    reserved: Decimal

    @property
    def available(self) -> Decimal:
        """What is there and kept for nobody."""
        return self.on_hand - self.reserved - self.held


@dataclass(frozen=True)
class Movement:
    """One change of a level, and what it came to. `why`: `told` by its source, or a hold was `captured`."""

    why: str
    change: Decimal
    on_hand: Decimal
    at: datetime
    source: str
    recorded_at: datetime


class BadQuantity(Refusal):
    """No quantity of goods."""

    code = "stock.bad_quantity"


class StaleStock(Refusal):
    """Its source has told us something newer already."""

    code = "stock.stale"


class ConflictingStock(Refusal):
    """Another level of the same version or moment."""

    code = "stock.conflict"


def record(*, report: StockReport, at: datetime, by: Actor, origin: Origin = "live") -> Outcome:
    """Put one level on record. The same again changes nothing; another replaces it when its source told it later.

    Raises `BadQuantity`, `StaleStock` and `ConflictingStock`.
    """
    if not report.on_hand.is_finite() or abs(report.on_hand) >= MOST:
        raise BadQuantity(
            gettext_lazy("on_hand: %(on_hand)s is no quantity; give a decimal number") % {"on_hand": report.on_hand},
            field="on_hand",
            value=str(report.on_hand),
        )
    if not report.reserved.is_finite() or not 0 <= report.reserved < MOST:
        raise BadQuantity(
            gettext_lazy("reserved: %(reserved)s is no quantity; give zero or more") % {"reserved": report.reserved},
            field="reserved",
            value=str(report.reserved),
        )
    schema = pl.Schema({**STOCK, **MORE_OF_STOCK})
    fields = {name: getattr(report, name) for name in schema if name != "ref"}
    told = pl.DataFrame([{"ref": "1", **fields}], schema=schema)
    done = record_many(namespace=report.namespace, told=told, at=at, by=by, origin=origin)
    if done.stale:
        raise StaleStock(
            gettext_lazy("source_updated_at: a newer level is on record; send the latest"),
            field="source_updated_at",
            value=str(report.source_updated_at),
        )
    if done.conflicts:
        raise ConflictingStock(
            gettext_lazy(
                "on_hand: another level of this moment is on record; send its update time or version with the change"
            ),
            field="on_hand",
            value=str(report.on_hand),
        )
    return done


def record_many(*, namespace: str, told: pl.DataFrame, at: datetime, by: Actor, origin: Origin) -> Outcome:
    """The set-based twin of `record`, for STOCK and any of MORE_OF_STOCK: what is stale or in conflict is listed by
    `ref`, the rest goes in.

    Variants and stores that nobody knows are made. What was captured from the moment a level was told for is
    taken off it: its source did not know. Of several in one batch the one told last counts. One notice for all.
    """
    return _recording.beside_others(
        lambda: _record_many(namespace, told, at, by, origin),
        key="commerce_stock_once",
    )


def available(*, variant: int, store: int, at: datetime) -> Decimal:
    """How much can be had there now: what is there, less what its source has reserved and what is held here; nothing
    where nobody told of any.

    Of a bundle as many as its parts make. Two queries.
    """
    return available_many([(variant, store)], at=at)[variant, store]


def available_many(wanted: Collection[tuple[int, int]], *, at: datetime) -> dict[tuple[int, int], Decimal]:
    """`available` of each (variant, store). Two queries, however many."""
    parts = bundles.parts_of_many({variant for variant, _ in wanted})
    single = {(one, store) for variant, store in wanted for one in parts.get(variant, {variant: 0})}
    there = {(level.variant, level.store): level.available for level in _levels(single, at)}
    found = {}
    for variant, store in wanted:
        if variant in parts:
            each = (there.get((part, store), Decimal(0)) / many for part, many in parts[variant].items())
            found[variant, store] = min(each).to_integral_value(rounding=ROUND_FLOOR)
        else:
            found[variant, store] = there.get((variant, store), Decimal(0))
    return found


def levels_of(wanted: Sequence[int], *, at: datetime) -> dict[int, list[Level]]:
    """Each variant's levels by store, as far as any are told. One query."""
    found: dict[int, list[Level]] = {variant: [] for variant in wanted}
    with connection.cursor() as cursor:
        cursor.execute(_LEVELS + " WHERE stock.variant_id = ANY(%s) ORDER BY 1, 2", [at, list(wanted)])
        for row in cursor.fetchall():
            found[row[0]].append(Level(*row))
    return found


def movements(*, variant: int, store: int, before: int | None = None, limit: int = 50) -> list[Movement]:
    """How the level changed, latest first. One query."""
    rows = StockMovement.objects.filter(stock__variant_id=variant, stock__store_id=store)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return [
        Movement(row.why, row.change, row.on_hand, row.at, row.source, row.recorded_at)
        for row in rows.order_by("-id")[:limit]
    ]


#: What ran out is not held any more, whether or not its hold was swept.
_LEVELS = (
    "SELECT stock.variant_id, stock.store_id, stock.on_hand, stock.held - COALESCE((SELECT sum(line.quantity)"
    " FROM commerce_hold_line AS line JOIN commerce_hold AS hold ON hold.id = line.hold_id"
    " WHERE line.stock_id = stock.id AND hold.state = 'held' AND hold.expires_at <= %s), 0),"
    " stock.may_oversell, stock.told_at, stock.reserved FROM commerce_stock AS stock"
)


def _levels(wanted: Collection[tuple[int, int]], at: datetime) -> list[Level]:
    pairs = sorted(wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            _LEVELS + " JOIN unnest(%s::bigint[], %s::bigint[]) AS asked(variant, store)"
            " ON stock.variant_id = asked.variant AND stock.store_id = asked.store",
            [at, [variant for variant, _ in pairs], [store for _, store in pairs]],
        )
        return [Level(*row) for row in cursor.fetchall()]


@dataclass
class _Known:
    """A row of `commerce_stock` while a batch goes over it."""

    id: int | None
    on_hand: Decimal
    told: Decimal
    may_oversell: bool
    told_at: datetime
    version: int | None
    reserved: Decimal = Decimal(0)
    is_touched: bool = False


def _record_many(namespace: str, told: pl.DataFrame, at: datetime, by: Actor, origin: Origin) -> Outcome:
    if "reserved" not in told.columns:
        told = told.with_columns(reserved=pl.lit(None, dtype=MORE_OF_STOCK["reserved"]))
    told = told.with_columns(pl.col("reserved").fill_null(Decimal(0)))
    pairs: dict[str, str | None] = dict(told.select("variant_ref", "product_ref").iter_rows())
    forms = variants.resolve_many(namespace=namespace, told=pairs, at=at, by=by)
    places = stores.resolve_many(codes=told["store"].unique().to_list(), at=at, by=by)
    known = _held({number for number, _ in forms.values()}, set(places.values()))
    since = min((when for when in told["source_updated_at"] if when is not None), default=at)
    taken = _captured([row.id for row in known.values() if row.id is not None], min(since, at))
    words: list[tuple[str, Word]] = []
    order = [pl.col("version").fill_null(0), pl.col("source_updated_at").fill_null(at), "row"]
    before = {key: row.on_hand for key, row in known.items()}
    for one in told.with_row_index("row").sort(order).iter_rows(named=True):
        key = forms[one["variant_ref"]][0], places[one["store"]]
        row, told_at = known.get(key), one["source_updated_at"] or at
        decided = _verdict(row, one, told_at)
        if decided in {"stale", "conflict"}:
            words.append((one["ref"], _telling.WORDS[decided]))
            continue
        if row is None:
            row = known[key] = _Known(None, Decimal(0), Decimal(0), False, told_at, None)
        if decided != "same":
            row.is_touched = True
            row.told, row.told_at, row.version = one["on_hand"], told_at, one["version"]
            row.reserved = one["reserved"]
            row.may_oversell = row.may_oversell if one["may_oversell"] is None else one["may_oversell"]
            was = row.on_hand
            row.on_hand = row.told - sum(quantity for when, quantity in taken.get(row.id, ()) if when >= told_at)
            decided = "newer" if decided == "again" and was != row.on_hand else decided
        words.append((one["ref"], _telling.WORDS[decided]))
    _write(namespace, {key: row for key, row in known.items() if row.is_touched}, before, at)
    if changed := sum(word in {"new", "changed"} for _, word in words):
        touched = {variant for (variant, _), row in known.items() if row.is_touched}
        announce(
            StockRecorded(
                count=changed, variant=next(iter(touched)) if len(touched) == 1 else None, at=at, origin=origin
            ),
            by=by,
            verb="commerce.stock.record_many",
            after={"count": changed, "variants": len(touched), "source": namespace},
        )
    numbers = {ref: forms[form][0] for ref, form in told.select("ref", "variant_ref").iter_rows()}
    return Outcome.of(numbers, words)


def _verdict(row: _Known | None, one: Mapping[str, object], told_at: datetime) -> _telling.Verdict:
    if row is None:
        return "new"
    told_oversell = row.may_oversell if one["may_oversell"] is None else one["may_oversell"]
    known, content = (row.told, row.may_oversell, row.reserved), (one["on_hand"], told_oversell, one["reserved"])
    if row.version is not None and one["version"] is not None:
        return _telling.verdict(known, content, row.version, one["version"], is_dated=True)
    is_dated = one["source_updated_at"] is not None
    return _telling.verdict(known, content, row.told_at, told_at, is_dated=is_dated)


def _held(forms: Collection[int], places: Collection[int]) -> dict[tuple[int, int], _Known]:
    """The rows of these variants in these stores, locked in the order in which everybody locks them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT variant_id, store_id, id, on_hand, told, may_oversell, told_at, version, reserved"
            " FROM commerce_stock WHERE variant_id = ANY(%s) AND store_id = ANY(%s) ORDER BY id FOR UPDATE",
            [list(forms), list(places)],
        )
        return {(variant, store): _Known(*rest) for variant, store, *rest in cursor.fetchall()}


def _captured(rows: Sequence[int], since: datetime) -> dict[int | None, list[tuple[datetime, Decimal]]]:
    """What was taken from each since `since`, and when."""
    found: dict[int | None, list[tuple[datetime, Decimal]]] = {}
    taken = StockMovement.objects.filter(stock_id__in=rows, why="captured", at__gte=since).values_list(
        "stock_id", "at", "change"
    )
    for number, when, change in taken:
        found.setdefault(number, []).append((when, -change))
    return found


def _write(
    namespace: str, touched: Mapping[tuple[int, int], _Known], before: Mapping[tuple[int, int], Decimal], at: datetime
) -> None:
    if not touched:
        return
    old = {key: row for key, row in touched.items() if row.id is not None}
    new = {key: row for key, row in touched.items() if row.id is None}
    for number, row in zip(_copying.reserve_ids("commerce_stock_id_seq", len(new)), new.values(), strict=True):
        row.id = number
    _copying.copy(
        "commerce_stock",
        pl.DataFrame(
            [
                {
                    "id": row.id,
                    "variant_id": variant,
                    "store_id": store,
                    "on_hand": row.on_hand,
                    "told": row.told,
                    "may_oversell": row.may_oversell,
                    "told_at": row.told_at,
                    "version": row.version,
                    "source": namespace,
                    "reserved": row.reserved,
                }
                for (variant, store), row in new.items()
            ],
            schema=_ROWS,
        ),
    )
    if old:
        rows = [old[key] for key in sorted(old)]
        columns = ("id", "on_hand", "told", "may_oversell", "told_at", "version", "reserved")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE commerce_stock AS stock SET on_hand = told.on_hand, told = told.told,"
                " may_oversell = told.may_oversell, told_at = told.told_at, version = told.version,"
                " reserved = told.reserved, source = %s, recorded_at = now()"
                " FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::boolean[], %s::timestamptz[],"
                " %s::bigint[], %s::numeric[])"
                " AS told(id, on_hand, told, may_oversell, told_at, version, reserved)"
                " WHERE stock.id = told.id",
                [namespace, *([getattr(row, name) for row in rows] for name in columns)],
            )
    moved = [
        {
            "stock_id": row.id,
            "why": "told",
            "change": row.on_hand - before.get(key, Decimal(0)),
            "on_hand": row.on_hand,
            "at": row.told_at,
            "source": namespace,
        }
        for key, row in touched.items()
        if key not in before or before[key] != row.on_hand
    ]
    _copying.copy("commerce_stock_movement", pl.DataFrame(moved, schema=_MOVED))


_ROWS = pl.Schema(
    {
        **dict.fromkeys(("id", "variant_id", "store_id"), pl.Int64()),
        **dict.fromkeys(("on_hand", "told", "reserved"), pl.Decimal(18, 3)),
        "may_oversell": pl.Boolean(),
        "told_at": pl.Datetime("us", "UTC"),
        "version": pl.Int64(),
        "source": pl.String(),
    }
)
_MOVED = pl.Schema(
    {
        "stock_id": pl.Int64(),
        "why": pl.String(),
        "change": pl.Decimal(18, 3),
        "on_hand": pl.Decimal(18, 3),
        "at": pl.Datetime("us", "UTC"),
        "source": pl.String(),
    }
)
