"""Prices: what one thing costs where and when, with all that was ever said of it, and the lowest of the days before."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl
from django.db import connection, transaction
from django.utils.translation import gettext_lazy

from regulars.facts.commerce import _copying, _telling, price_windows, products, variants
from regulars.facts.commerce.notices import PricesRecorded
from regulars.facts.commerce.outcome import Outcome, Word
from regulars.facts.commerce.price_windows import Asked, Lowest, Piece, Row
from regulars.facts.company import channels, company, stores
from regulars.kit import civil, money
from regulars.kit.actors import Actor, Origin
from regulars.kit.refusals import Refusal
from regulars.kit.windows import Window
from regulars.runtime.notices.outbox import announce

#: The days of Article 6a (2) of Directive 98/6/EC.
DAYS = 30
LARGEST_MINOR = 2**53 - 1

#: Columns of a batch. Everything but the product (or the variant), the currency and the list price may be null; without
#: a start a price holds from now on, and is no news where it does already. Amounts are whole minor units. `ref` names
#: the row to its teller, in the outcome.
PRICES = pl.Schema(
    {
        "ref": pl.String(),
        "product_ref": pl.String(),
        "variant_ref": pl.String(),
        "store": pl.String(),
        "channel": pl.String(),
        "currency": pl.String(),
        "list_minor": pl.Int64(),
        "sale_minor": pl.Int64(),
        "valid_from": pl.Datetime("us", "UTC"),
        "valid_until": pl.Datetime("us", "UTC"),
        "is_withdrawn": pl.Boolean(),
        "source_updated_at": pl.Datetime("us", "UTC"),
    }
)


@dataclass(frozen=True)
class PriceReport:
    """One price as its source tells it. Its scope and its start are its key.

    Without a variant it is the product's, without store and channel everybody's; it cannot have both. Minor units.
    `is_withdrawn`: there never was a price with that start.
    """

    namespace: str
    product_ref: str | None
    currency: str
    list_minor: int
    valid_from: datetime
    valid_until: datetime | None = None
    sale_minor: int | None = None
    variant_ref: str | None = None
    store: str | None = None
    channel: str | None = None
    is_withdrawn: bool = False
    source_updated_at: datetime | None = None


class BadPrice(Refusal):
    """A price that none is: below zero, ending before it starts, of nothing, or of two places at once."""

    code = "prices.bad"


class NoPrice(Refusal):
    """No price is on record for that."""

    code = "prices.none"


class StalePrice(Refusal):
    """Its source has told us something newer already."""

    code = "prices.stale"


class ConflictingPrice(Refusal):
    """Another price with the same start, and no update time that decides."""

    code = "prices.conflict"


def record(*, report: PriceReport, at: datetime, by: Actor, origin: Origin = "live") -> Outcome:
    """Put one price on record. The same again changes nothing; another with the same start replaces it when its
    source told it later. Raises `BadPrice`, `StalePrice` and `ConflictingPrice`.
    """
    check(report)
    fields = {name: getattr(report, name) for name in PRICES if name != "ref"}
    told = pl.DataFrame([{"ref": "1", **fields}], schema=PRICES)
    done = record_many(namespace=report.namespace, told=told, at=at, by=by, origin=origin)
    if done.stale:
        raise StalePrice(
            gettext_lazy("source_updated_at: a newer version of this price is on record; send the latest"),
            field="source_updated_at",
            value=str(report.source_updated_at),
        )
    if done.conflicts:
        raise ConflictingPrice(
            gettext_lazy(
                "valid_from: another price with this start is on record; send its update time with the change"
            ),
            field="valid_from",
            value=report.valid_from.isoformat(),
        )
    return done


def check(report: PriceReport) -> None:
    """Refuse what no price can be, by name."""
    money.exponent(report.currency)
    for name in ("list_minor", "sale_minor"):
        amount = getattr(report, name)
        if amount is not None and not 0 <= amount <= LARGEST_MINOR:
            raise BadPrice(
                gettext_lazy("%(name)s: %(amount)s is no price; give minor units of zero or more")
                % {"name": name, "amount": amount},
                field=name,
                value=amount,
            )
    if report.valid_until is not None and report.valid_until <= report.valid_from:
        raise BadPrice(
            gettext_lazy("valid_until: the price ends before it starts; leave it out for a price without an end"),
            field="valid_until",
            value=report.valid_until.isoformat(),
        )
    if report.store is not None and report.channel is not None:
        raise BadPrice(
            gettext_lazy("channel: a price is a store's or a channel's; send one for each"),
            field="channel",
            value=report.channel,
        )
    if not (report.product_ref or report.variant_ref):
        raise BadPrice(
            gettext_lazy("product_ref: of what is this the price? send product or variant"), field="product_ref"
        )


def record_many(*, namespace: str, told: pl.DataFrame, at: datetime, by: Actor, origin: Origin) -> Outcome:
    """The set-based twin of `record`, for PRICES that passed `check`: what is stale or in conflict is listed by `ref`.

    Products, variants, stores and channels that nobody knows are made: prices may come before them. Of several in one
    batch with the same scope and start the one told last counts. One transaction, one notice, whatever the number.
    """
    with transaction.atomic():
        placed = _placed(namespace, told, at, by)
        # Who else tells prices of these waits; the same order for everybody.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM commerce_product WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
                [placed["product_id"].unique().sort().to_list()],
            )
        known = {(*row.scope, row.valid_from): row for row in _newest(placed["product_id"].unique().to_list())}
        of_scope: dict[tuple[object, ...], list[Row]] = {}
        for one_known in known.values():
            of_scope.setdefault(one_known.scope, []).append(one_known)
        fresh: dict[tuple[object, ...], dict[str, object]] = {}
        words: list[tuple[str, Word]] = []
        numbers: dict[str, int] = {}
        order = [pl.col("source_updated_at").fill_null(at), "row"]
        for one in placed.with_row_index("row").sort(order).iter_rows(named=True):
            numbers[one["ref"]] = one["product_id"]
            scope = tuple(one[name] for name in ("product_id", "variant_id", "store_id", "channel_id", "currency"))
            starts = one["valid_from"]
            if starts is None:
                # From now on: no news where that is what applies in this scope.
                last = price_windows.newest(of_scope.get(scope, ()))
                now = price_windows.at(last, Asked(scope[0], scope[4], *scope[1:4]), at)
                if now is not None and (now.list_minor, now.sale_minor) == (one["list_minor"], one["sale_minor"]):
                    words.append((one["ref"], "same"))
                    continue
                starts = at
            key = (*scope, starts)
            row, told_at = known.get(key), one["source_updated_at"] or at
            content = tuple(one[name] for name in _CONTENT)
            decided = _telling.verdict(
                None if row is None else tuple(getattr(row, name) for name in _CONTENT),
                content,
                None if row is None else row.told_at,
                told_at,
                is_dated=one["source_updated_at"] is not None,
            )
            words.append((one["ref"], _telling.WORDS[decided]))
            if decided not in {"same", "stale", "conflict"}:
                known[key] = Row(
                    **dict(zip(_ROW_SCOPE, scope, strict=True)),
                    **dict(zip(_CONTENT, content, strict=True)),
                    id=0,
                    valid_from=starts,
                    told_at=told_at,
                )
                of_scope.setdefault(scope, []).append(known[key])
                fresh[key] = {
                    **dict(zip(_SCOPE, scope, strict=True)),
                    **dict(zip(_CONTENT, content, strict=True)),
                    "valid_from": starts,
                    "told_at": told_at,
                }
        written = pl.DataFrame(list(fresh.values()), schema=_WRITTEN).with_columns(
            source=pl.lit(namespace), origin=pl.lit(origin)
        )
        _copying.copy("commerce_price", written)
        if changed := sum(word in {"new", "changed"} for _, word in words):
            touched = written["product_id"]
            announce(
                PricesRecorded(
                    count=changed,
                    product=touched[0] if touched.n_unique() == 1 else None,
                    at=at,
                    origin=origin,
                ),
                by=by,
                verb="commerce.prices.record_many",
                after={"count": changed, "products": touched.n_unique(), "source": namespace},
            )
    return Outcome.of(numbers, words)


def at(
    *,
    product: int,
    currency: str,
    at: datetime,
    variant: int | None = None,
    store: int | None = None,
    channel: int | None = None,
) -> Row | None:
    """The price that applies at that moment; None where there is none. One query."""
    return at_many([Asked(product, currency, variant, store, channel)], at=at)[0]


def at_many(asked: Sequence[Asked], *, at: datetime) -> list[Row | None]:
    """The price of each at that moment. One query, however many."""
    return at_each([(one, at) for one in asked])


def at_each(asked: Sequence[tuple[Asked, datetime]]) -> list[Row | None]:
    """The price of each at its moment. One query, however many."""
    with connection.cursor() as cursor:
        cursor.execute(_AT, [*_arrays([one for one, _ in asked]), [at for _, at in asked]])
        return [None if row[0] is None else Row(*row) for row in cursor.fetchall()]


def lowest_before(
    *,
    product: int,
    currency: str,
    day: date,
    days: int = DAYS,
    variant: int | None = None,
    store: int | None = None,
    channel: int | None = None,
) -> Lowest | None:
    """The lowest price that applied on the `days` days before `day`, on which a reduction is announced.

    That is the prior price of Directive 98/6/EC, Article 6a (2), which asks for at least 30 days. `day` itself does not
    count. Of a reduction that grows step by step without a break (6a (5)) ask with the day of its first step. Where a
    price is known for part of the days only (6a (4), or a gap), `known_from` and `is_whole` say so; None where for
    none. What was told late or corrected since counts as it is known now. Days are the store's, else the shop's.
    """
    return lowest_many([Asked(product, currency, variant, store, channel)], day=day, days=days)[0]


def lowest_many(asked: Sequence[Asked], *, day: date, days: int = DAYS) -> list[Lowest | None]:
    """`lowest_before` of each. One query for all prices, two for the clocks."""
    zones = _zones({one.store for one in asked})
    windows = {
        store: civil.days_window(Window(day - timedelta(days=days), day), civil.zone(zone))
        for store, zone in zones.items()
    }
    by_product: dict[int, list[Row]] = {}
    for row in price_windows.newest(_newest([one.product for one in asked])):
        by_product.setdefault(row.product, []).append(row)
    return [price_windows.lowest(by_product.get(one.product, ()), one, windows[one.store]) for one in asked]


def history(asked: Asked, window: Window[datetime]) -> list[Piece]:
    """Which price applied when in the window, as known now. One query."""
    return list(price_windows.pieces(price_windows.newest(_newest([asked.product])), asked, window))


def told_of(product: int, limit: int = 200) -> list[Row]:
    """All that was said of a product's prices, latest first, what was corrected since and withdrawn too. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM commerce_price AS price WHERE product_id = %s"
            " ORDER BY valid_from DESC, told_at DESC, id DESC LIMIT %s",
            [product, limit],
        )
        return [Row(*row) for row in cursor.fetchall()]


def currencies_of(product: int) -> list[str]:
    """The currencies it has prices in, by code. One query."""
    return currencies_of_many([product])[product]


def currencies_of_many(products: Collection[int]) -> dict[int, list[str]]:
    """`currencies_of` each. One query."""
    found: dict[int, list[str]] = {product: [] for product in products}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT product_id, currency FROM commerce_price WHERE product_id = ANY(%s) ORDER BY 1, 2",
            [list(found)],
        )
        for product, currency in cursor.fetchall():
            found[product].append(currency)
    return found


_SCOPE = ("product_id", "variant_id", "store_id", "channel_id", "currency")
_ROW_SCOPE = ("product", "variant", "store", "channel", "currency")
_CONTENT = ("list_minor", "sale_minor", "valid_until", "is_withdrawn")
_WRITTEN = pl.Schema(
    {
        **dict.fromkeys(_SCOPE[:4], pl.Int64()),
        "currency": pl.String(),
        "list_minor": pl.Int64(),
        "sale_minor": pl.Int64(),
        "valid_until": pl.Datetime("us", "UTC"),
        "is_withdrawn": pl.Boolean(),
        "valid_from": pl.Datetime("us", "UTC"),
        "told_at": pl.Datetime("us", "UTC"),
    }
)
_COLUMNS = (
    "price.id, price.product_id, price.variant_id, price.store_id, price.channel_id, price.currency, price.list_minor,"
    " price.sale_minor, price.valid_from, price.valid_until, price.is_withdrawn, price.told_at"
)
_SAME_SCOPE = (
    "later.product_id = price.product_id AND later.currency = price.currency AND later.valid_from = price.valid_from"
    " AND later.variant_id IS NOT DISTINCT FROM price.variant_id"
    " AND later.store_id IS NOT DISTINCT FROM price.store_id"
    " AND later.channel_id IS NOT DISTINCT FROM price.channel_id AND later.told_at > price.told_at"
)
#: The rules of `price_windows`, said in SQL: the tests hold one against the other.
_AT = (
    f"SELECT {_COLUMNS} FROM"
    " unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[]) WITH ORDINALITY"
    " AS asked(product, currency, variant, store, channel, at, place) LEFT JOIN LATERAL ("
    " SELECT * FROM commerce_price AS price WHERE price.product_id = asked.product AND price.currency = asked.currency"
    " AND price.valid_from <= asked.at AND (price.valid_until IS NULL OR price.valid_until > asked.at)"
    " AND NOT price.is_withdrawn"
    " AND (price.variant_id IS NULL OR price.variant_id = asked.variant)"
    " AND (price.store_id IS NULL OR price.store_id = asked.store)"
    " AND (price.channel_id IS NULL OR price.channel_id = asked.channel)"
    f" AND NOT EXISTS (SELECT 1 FROM commerce_price AS later WHERE {_SAME_SCOPE})"
    " ORDER BY price.store_id IS NULL, price.channel_id IS NULL, price.variant_id IS NULL, price.valid_from DESC"
    " LIMIT 1) AS price ON TRUE ORDER BY asked.place"
)


def _arrays(asked: Sequence[Asked]) -> list[list[object]]:
    names = ("product", "currency", "variant", "store", "channel")
    return [[getattr(one, name) for one in asked] for name in names]


def _newest(wanted: Collection[int]) -> list[Row]:
    """Of each scope and start of these products what was told last, also where it was withdrawn. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM commerce_price AS price WHERE product_id = ANY(%s)"
            f" AND NOT EXISTS (SELECT 1 FROM commerce_price AS later WHERE {_SAME_SCOPE})",
            [list(set(wanted))],
        )
        return [Row(*row) for row in cursor.fetchall()]


def _zones(wanted: Collection[int | None]) -> dict[int | None, str]:
    shop = company.shop().zone
    own = {store.id: store.zone for store in stores.every()} if any(wanted) else {}
    return {store: (own.get(store, "") if store is not None else "") or shop for store in wanted}


def _placed(namespace: str, told: pl.DataFrame, at: datetime, by: Actor) -> pl.DataFrame:
    """`told` with the numbers of what it names."""
    with_variant = told.filter(pl.col("variant_ref").is_not_null())
    pairs: dict[str, str | None] = dict(with_variant.select("variant_ref", "product_ref").iter_rows())
    forms = variants.resolve_many(namespace=namespace, told=pairs, at=at, by=by) if pairs else {}
    refs = told["product_ref"].drop_nulls().unique().sort().to_list()
    described = pl.DataFrame({"ref": refs}).with_columns(
        title=pl.lit(None, pl.String()), category=pl.lit(None, pl.String())
    )
    wares = products.resolve_many(namespace=namespace, described=described, at=at, by=by) if refs else {}
    places = stores.resolve_many(codes=told["store"].drop_nulls().unique().to_list(), at=at, by=by)
    ways = channels.resolve_many(codes=told["channel"].drop_nulls().unique().to_list(), at=at, by=by)
    return told.with_columns(
        variant_id=_numbers("variant_ref", {ref: form for ref, (form, _) in forms.items()}),
        product_id=pl.coalesce(
            _numbers("product_ref", wares), _numbers("variant_ref", {ref: ware for ref, (_, ware) in forms.items()})
        ),
        store_id=_numbers("store", places),
        channel_id=_numbers("channel", ways),
        is_withdrawn=pl.col("is_withdrawn").fill_null(value=False),
    )


def _numbers(column: str, known: dict[str, int]) -> pl.Expr:
    if not known:
        return pl.lit(None, dtype=pl.Int64)
    return pl.col(column).replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.Int64)
