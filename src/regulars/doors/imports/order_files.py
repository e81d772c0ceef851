"""An order file, read whole without a database: what `regulars report` stands on."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import polars as pl

from regulars.doors.imports import documents, mapping, reading
from regulars.doors.imports.documents import Documents
from regulars.doors.imports.mapping import OrderMapping
from regulars.doors.imports.normalising import PROBLEMS, Normaliser
from regulars.doors.imports.reading import Source
from regulars.doors.imports.spilling import Spill
from regulars.doors.imports.totals import Tally, thousandths
from regulars.facts.commerce import matching
from regulars.kit import civil
from regulars.kit.refusals import Refusal

#: Called with what is being done, and how many rows of how many (None: not known).
Progress = Callable[[Literal["reading", "recording", "matching"], int, int | None], None]

_MOST_PROBLEMS = 1_000_000
#: Rough bytes of one row of CSV, and how much gzip makes of them: for how many parts to lay rows aside in.
_ROW_BYTES = 60
_PACKED = 6


class TooManyProblems(Refusal):
    """So many bad rows that the mapping must be wrong."""

    code = "imports.too_many_problems"


@dataclass(frozen=True)
class OrderFile:
    """Everything in one order file.

    `tables` are shaped like the published tables `customers`, `orders`, `lines`, `returns` and `products` (same
    columns, money in minor units, instants in UTC), numbered from 1 in this file; `customers` and `products` have
    their `ref` besides. Returns are matched first in, first out, as the import does. `totals` are the control totals.
    `problems` (normalising.PROBLEMS) and `conflicts` (documents.CONFLICTS) say what is left out.
    """

    mapping: OrderMapping
    zone: str
    currencies: Sequence[str]
    tables: Mapping[str, pl.DataFrame]
    totals: Mapping[str, object]
    problems: pl.DataFrame
    conflicts: pl.DataFrame
    rows_read: int
    rows_held: int
    notes: Sequence[str]


class Walk:
    """One file on its way in: read in chunks, laid aside by order, given back part by part as documents."""

    def __init__(self, source: Source, normaliser: Normaliser, spill: Spill, progress: Progress) -> None:
        self.source = source
        self.normaliser = normaliser
        self.rows_read = 0
        self.rows_good = 0
        self.outdated = 0
        self.repeated = 0
        self.problems = pl.DataFrame(schema=PROBLEMS)
        self.held = pl.DataFrame(schema={"row": pl.Int64, "why": pl.String, "mend": pl.String})
        self.conflicts = pl.DataFrame(schema=documents.CONFLICTS)
        self.tally = Tally(normaliser.zone)
        self._spill = spill
        self._progress = progress

    @property
    def rows_bad(self) -> int:
        """Rows with a problem of their own."""
        return self.problems["row"].n_unique()

    def read(self) -> None:
        """To the end of the file. Nothing has come in anywhere when this raises."""
        problems: list[pl.DataFrame] = []
        count = 0
        for raw in self.source.chunks():
            rows, bad = self.normaliser.chunk(raw)
            self._spill.add(rows)
            problems.append(bad)
            count += bad.height
            self.rows_read += raw.height
            if count > _MOST_PROBLEMS:
                first = bad.row(0, named=True)
                raise TooManyProblems(
                    f"{self.source.path.name}: more than {_MOST_PROBLEMS} problems, such as line"
                    f" {first['line_in_file']}, {first['column']}: {first['value']!r} {first['problem']};"
                    " the mapping is probably wrong",
                    field=first["column"],
                    value=first["value"],
                )
            self._progress("reading", self.rows_read, self.source.rows_expected)
        if problems:
            self.problems = pl.concat(problems)

    def parts(self) -> Iterator[Documents]:
        """What came in, some 50,000 rows at once, each order whole."""
        for rows in self._spill.read():
            made = documents.assemble(rows)
            self.outdated += made.outdated
            self.repeated += made.repeated
            self.rows_good += made.rows.height
            self.conflicts = self.conflicts.vstack(made.conflicts)
            self.held = pl.concat([self.held, _why_held(made.held), _why_left_out(made.conflicts)])
            adjustments = int(made.orders["is_adjustment"].sum())
            self.tally.add(made.rows, orders=made.orders.height, returns=made.returns.height, adjustments=adjustments)
            yield made
            self._progress("recording", self.rows_good, self.rows_read)


@contextmanager
def walk(
    path: Path, wanted: OrderMapping | None, *, zone: str, currency: str, now: datetime, progress: Progress
) -> Iterator[Walk]:
    """Open `path`, tie the mapping to its columns, and walk. `zone`, `currency`: for what the mapping leaves open."""
    hints = wanted or mapping.load("generic")
    source = reading.open_file(path, encoding=hints.encoding, delimiter=hints.delimiter, sheet=hints.sheet)
    chosen = mapping.bind(wanted or mapping.fitting(source.columns), source.columns)
    normaliser = Normaliser(source, chosen, civil.zone(zone), currency, now)
    if wanted is None:
        spoken = ", ".join(f"{name} = {' + '.join(one.names)}" for name, one in chosen.columns.items() if one.names)
        normaliser.notes.append(
            f"Read by guessing what columns mean: {spoken}."
            if chosen.is_guess
            else f"Read with the mapping {chosen.name}."
        )
    expected = source.rows_expected
    if expected is None:
        size = path.stat().st_size * (_PACKED if path.suffix == ".gz" else 1)
        expected = size // _ROW_BYTES
    with (
        tempfile.TemporaryDirectory(prefix="regulars-import-") as folder,
        Spill(Path(folder), rows_expected=expected) as spill,
    ):
        yield Walk(source, normaliser, spill, progress)


def normalise(
    path: Path,
    wanted: OrderMapping | None = None,
    *,
    now: datetime,
    zone: str = "Asia/Shanghai",
    currency: str = "CNY",
    progress: Progress = lambda *_: None,
) -> OrderFile:
    """Read the file without a database. `wanted` None: a shipped mapping that fits its columns, or a guess.

    `zone` and `currency` hold where neither mapping nor file tells; `now` is an aware instant, after which orders lie
    in the future. The file must fit in memory. Refuses what `reading`, `mapping` and `parsing` refuse.
    """
    with walk(path, wanted, zone=zone, currency=currency, now=now, progress=progress) as file:
        file.read()
        parts = list(file.parts())
        tables, quantities = _tables(parts)
        return OrderFile(
            mapping=file.normaliser.mapping,
            zone=file.normaliser.zone.key,
            currencies=tables["orders"]["currency"].value_counts(sort=True)["currency"].to_list(),
            tables=tables,
            totals=file.tally.facts() | quantities,
            problems=file.problems,
            conflicts=file.conflicts,
            rows_read=file.rows_read,
            rows_held=file.held.height,
            notes=file.normaliser.said(),
        )


def _why_held(held: pl.DataFrame) -> pl.DataFrame:
    return held.select(
        "row",
        why=pl.format("another row of order {} cannot come in, so all of the order waits", "ref"),
        mend=pl.lit("mend the other row; import both again, together"),
    )


def _why_left_out(conflicts: pl.DataFrame) -> pl.DataFrame:
    return conflicts.group_by("row", maintain_order=True).agg(
        why=pl.format(
            "order {} stands twice: {} {} here, {} before; the first is kept",
            "ref",
            "column",
            pl.col("left_out").fill_null("(none)"),
            pl.col("kept").fill_null("(none)"),
        ).str.join("; "),
        mend=pl.lit("give it an order number of its own, or map when orders were updated, so that the newest counts"),
    )


def _number(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return frame.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(name))


def _tables(parts: Sequence[Documents]) -> tuple[dict[str, pl.DataFrame], dict[str, object]]:
    """The documents of a whole file in the shape of the published tables, and the quantities returned and matched."""
    orders = _number(pl.concat([part.orders for part in parts]), "order_id")
    lines = _number(pl.concat([part.lines for part in parts]), "line_id")
    returns = _number(pl.concat([part.returns for part in parts]), "return_id")
    back = _number(pl.concat([part.return_lines for part in parts]), "return_line_id")
    seen = pl.concat(
        [
            orders.select("customer_ref", "country", at="placed_at"),
            returns.select("customer_ref", pl.lit(None, dtype=pl.String).alias("country"), at="returned_at"),
        ]
    ).drop_nulls("customer_ref")
    customers = _number(
        seen.sort("at")
        .group_by("customer_ref", maintain_order=True)
        .agg(pl.col("country").drop_nulls().first(), first_seen_at=pl.col("at").min()),
        "customer_id",
    ).with_columns(origin=pl.lit("history"))
    products = _number(
        pl.concat([lines.select("product_ref", "title", "category"), back.select("product_ref", "title", "category")])
        .group_by("product_ref", maintain_order=True)
        .agg(pl.col("title").drop_nulls().first().fill_null(""), pl.col("category").drop_nulls().first().fill_null("")),
        "product_id",
    )
    customer = customers.select("customer_ref", "customer_id")
    product = products.select("product_ref", "product_id")
    lines = lines.join(orders.select("ref", "order_id"), on="ref").join(product, on="product_ref").sort("line_id")
    goods = lines.group_by("order_id").agg(
        goods_minor=pl.col("amount_minor").sum(),
        is_paid=((pl.col("quantity") > 0) & (pl.col("unit_price") > 0)).any(),
    )
    zero = [pl.col(name).fill_null(0) for name in ("discount_minor", "shipping_minor", "tax_minor")]
    orders = (
        orders.join(customer, on="customer_ref", how="left")
        .join(goods, on="order_id", how="left")
        .sort("order_id")
        .with_columns(*zero)
        .with_columns(
            # As facts.commerce decides: an order is a purchase when something on it was paid for.
            kind=pl.when("is_adjustment")
            .then(pl.lit("adjustment"))
            .when("is_paid")
            .then(pl.lit("purchase"))
            .otherwise(pl.lit("giveaway")),
            channel=pl.col("channel").fill_null(
                pl.when(pl.col("store").is_null()).then(pl.lit("web")).otherwise(pl.lit("store"))
            ),
            total_minor=pl.col("goods_minor")
            - pl.col("discount_minor")
            + pl.col("shipping_minor")
            + pl.col("tax_minor"),
            is_cancelled=pl.lit(value=False),
            origin=pl.lit("history"),
        )
    )
    returns = (
        returns.join(customer, on="customer_ref", how="left")
        .join(orders.select(order_ref="ref", order_id="order_id", sold_at="placed_at"), on="order_ref", how="left")
        .sort("return_id")
    )
    back = (
        back.join(returns.select("ref", "return_id", "customer_id", "order_id", "returned_at", "sold_at"), on="ref")
        .join(product, on="product_ref")
        .with_columns(e3=(pl.col("quantity") * 1000).cast(pl.Int64))
    )
    matches = _matches(orders, lines, back)
    returned = back.group_by("return_id").agg(pl.col("amount_minor").sum())
    matched = (
        matches.join(back.select("return_line_id", "return_id"), left_on="return_id", right_on="return_line_id")
        .group_by(return_id="return_id_right")
        .agg(matched_minor=pl.col("amount_minor").sum())
    )
    returns = (
        returns.join(returned, on="return_id", how="left")
        .join(matched, on="return_id", how="left")
        .with_columns(pl.col("amount_minor").fill_null(0), pl.col("matched_minor").fill_null(0))
    )
    came, found = int(back["e3"].sum()), int(matches["quantity"].sum())
    tables = {
        "customers": customers.select("customer_id", "country", "first_seen_at", "origin", ref="customer_ref"),
        "orders": orders.select(
            *("order_id", "customer_id", "kind", "placed_at", "placed_on", "channel", "store", "currency"),
            *("goods_minor", "discount_minor", "total_minor", "is_cancelled", "origin"),
        ),
        "lines": lines.select(
            "line_id",
            "order_id",
            pl.col("number").cast(pl.Int64),
            "product_id",
            "quantity",
            "unit_price",
            "amount_minor",
        ),
        "returns": returns.select(
            *("return_id", "customer_id", "order_id", "returned_at", "returned_on", "currency"),
            *("amount_minor", "matched_minor"),
        ),
        "products": products.select("product_id", "title", "category", ref="product_ref"),
    }
    return tables, {"matched_quantity": thousandths(found), "unmatched_quantity": thousandths(came - found)}


def _matches(orders: pl.DataFrame, lines: pl.DataFrame, back: pl.DataFrame) -> pl.DataFrame:
    """First returns that name their order, then the others, to what those left; as facts.commerce keeps them."""
    sold = (
        lines.join(orders.select("order_id", "customer_id", "kind", "placed_at"), on="order_id")
        .with_columns(e3=(pl.col("quantity") * 1000).cast(pl.Int64))
        .filter(pl.col("e3") > 0)
    )
    named = matching.match(
        purchases=sold.select(id="line_id", customer="order_id", product="product_id", at="placed_at", quantity="e3"),
        returns=back.filter(pl.col("order_id").is_not_null()).select(
            "amount_minor",
            id="return_line_id",
            customer="order_id",
            product="product_id",
            at=pl.max_horizontal("returned_at", "sold_at"),
            quantity="e3",
        ),
    )
    gone = named.group_by("purchase_id").agg(gone=pl.col("quantity").sum())
    left = (
        sold.filter((pl.col("kind") != "adjustment") & pl.col("customer_id").is_not_null())
        .join(gone, left_on="line_id", right_on="purchase_id", how="left")
        .with_columns(left=pl.col("e3") - pl.col("gone").fill_null(0))
    )
    nameless = matching.match(
        purchases=left.select(
            id="line_id", customer="customer_id", product="product_id", at="placed_at", quantity="left"
        ),
        returns=back.filter(pl.col("order_id").is_null() & pl.col("customer_id").is_not_null()).select(
            "amount_minor",
            id="return_line_id",
            customer="customer_id",
            product="product_id",
            at="returned_at",
            quantity="e3",
        ),
    )
    return pl.concat([named, nameless])
