"""An order file, read whole without a database: what `regulars report` stands on."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl
from django.utils.translation import gettext, gettext_noop

from regulars.doors.imports import documents, mapping, walking
from regulars.doors.imports.checking import PROBLEMS
from regulars.doors.imports.documents import Documents
from regulars.doors.imports.left_out import LeftOut
from regulars.doors.imports.mapping import OrderMapping
from regulars.doors.imports.normalising import ROWS, Normaliser
from regulars.doors.imports.reading import Source
from regulars.doors.imports.spilling import Spill
from regulars.doors.imports.totals import Control, Tally, thousandths
from regulars.doors.imports.walking import Progress
from regulars.facts.commerce import on_paper
from regulars.facts.commerce.on_paper import OnPaper
from regulars.kit import civil
from regulars.kit.money import Money


@dataclass(frozen=True)
class OrderFile:
    """Everything in one order file, in a shop of `zone` and `currency`.

    `paper` has the tables as the warehouse would get them once imported, numbered from 1 in this file. `totals` are
    the control totals. `problems` (checking.PROBLEMS) and `conflicts` (documents.CONFLICTS) say what is left out.
    """

    mapping: OrderMapping
    zone: str
    currency: str
    is_currency_assumed: bool
    paper: OnPaper
    totals: Mapping[str, object]
    problems: pl.DataFrame
    conflicts: pl.DataFrame
    rows_read: int
    rows_held: int
    notes: Sequence[str]

    @property
    def tables(self) -> Mapping[str, pl.DataFrame]:
        """`paper`, by the names of the published tables; customers have their `ref` besides."""
        paper = self.paper
        return {
            "customers": paper.customers.join(paper.refs, on="customer_id"),
            "orders": paper.orders,
            "lines": paper.lines,
            "returns": paper.returns,
            "products": paper.products,
        }


class Walk(walking.Walk):
    """One order file on its way in: laid aside by order, given back part by part as documents."""

    def __init__(
        self, source: Source, normaliser: Normaliser, spill: Spill, left_out: LeftOut, progress: Progress
    ) -> None:
        super().__init__(source, normaliser, left_out, progress)
        self.normaliser = normaliser
        self.outdated = 0
        self.tally = Tally(normaliser.zone)
        self.control = Control(normaliser.mapping.control)
        self._currencies: Counter[str] = Counter()
        self._spill = spill

    @property
    def main_currency(self) -> str:
        """The mapping's or the caller's, else that of most good rows (known after `read`), else the house's."""
        most = next((currency for currency, _ in self._currencies.most_common(1)), self.normaliser.currency)
        return self.normaliser.mapping.currency or most

    def _take(self, raw: pl.DataFrame) -> pl.DataFrame:
        rows, bad = self.normaliser.chunk(raw)
        self._spill.add(rows)
        self.control.add(raw, self.normaliser.decimal_mark)
        self._currencies.update(dict(rows.filter(~pl.col("is_bad"))["currency"].value_counts().iter_rows()))
        return bad

    def parts(self) -> Iterator[Documents]:
        """What came in, some 50,000 rows at once, each order whole."""
        for rows in self._spill.read():
            made = documents.assemble(rows)
            self.outdated += made.outdated
            self.repeated += made.repeated
            overdrawn = made.overdrawn.unique("ref", keep="first", maintain_order=True)
            others = made.overdrawn.join(overdrawn, on="row", how="anti")
            waiting = pl.concat([made.held, others.select(made.held.columns)])
            self.left_out.add_late(
                self._too_much_off(overdrawn),
                pl.concat([_why_held(waiting), _why_left_out(made.conflicts)]),
                made.conflicts,
            )
            adjustments = int(made.orders["is_adjustment"].sum())
            self.tally.add(made.rows, orders=made.orders.height, returns=made.returns.height, adjustments=adjustments)
            yield made
            self._recorded(made.rows.height)

    def totals(self) -> dict[str, object]:
        """The control totals; whole after `parts`."""
        return self.tally.facts() | self.control.facts()

    def said(self) -> list[str]:
        """What was found out about the file, for the person who imports it; whole after `parts`."""
        notes = super().said()
        if self.repeated:
            notes.append(
                gettext("%(n)s rows repeat an order or a numbered line word by word and count once.")
                % {"n": f"{self.repeated:,}"}
            )
        if self.outdated:
            notes.append(
                gettext("%(n)s rows are of orders that stand in the file in a newer version.")
                % {"n": f"{self.outdated:,}"}
            )
        return notes

    def _too_much_off(self, rows: pl.DataFrame) -> pl.DataFrame:
        """PROBLEMS: one row of each order that takes off more than it is worth."""
        off = rows.select(pl.col("order_discount_minor").fill_null(0), "currency").iter_rows()
        return rows.select(
            "row",
            "line_in_file",
            column=pl.lit(self.normaliser.spoken("order_discount")),
            value=pl.Series([str(Money(minor, currency).decimal) for minor, currency in off], dtype=pl.String),
            problem=pl.lit(gettext_noop("is more than the order is worth")),
            mend=pl.lit(
                gettext_noop("write what was taken off the whole order, once; the total cannot be below nothing")
            ),
        ).cast(PROBLEMS)


@contextmanager
def walk(
    path: Path,
    wanted: OrderMapping | None,
    *,
    zone: str,
    currency: str,
    now: datetime,
    progress: Progress,
    zone_told: str | None = None,
    currency_told: str | None = None,
    shop_zone: str | None = None,
    country: str = "CN",
    sheet: str | None = None,
) -> Iterator[Walk]:
    """Open `path`, tie the mapping to its columns, and walk. `zone`, `currency`: for what the mapping leaves open.

    `zone_told` and `currency_told` are instead of the mapping's, also of one that is found by its columns.
    Days are those of `shop_zone`, of the file's own zone without it. Phone numbers are those of `country`, of the
    mapping's if it names one. `sheet` of a workbook is instead of the mapping's.
    """
    hints = wanted or mapping.load("generic")
    days = None if shop_zone is None else civil.zone(shop_zone)

    hints = replace(hints, sheet=sheet or hints.sheet)
    source, chosen = walking.opened(
        path, hints, lambda columns: mapping.bind(wanted or mapping.fitting(columns), columns)
    )
    chosen = replace(chosen, zone=zone_told or chosen.zone, currency=currency_told or chosen.currency)
    region = chosen.shop.country if chosen.shop else country
    normaliser = Normaliser(
        source=source,
        mapping=chosen,
        zone=civil.zone(zone),
        currency=currency,
        now=now,
        shop_zone=days,
        region=region,
        notes=walking.how_it_is_read(wanted, chosen, source.columns),
    )
    with walking.spilled(source, ROWS) as (spill, left_out):
        yield Walk(source, normaliser, spill, left_out, progress)


def normalise(
    path: Path,
    wanted: OrderMapping | None = None,
    *,
    now: datetime,
    zone: str = "Asia/Shanghai",
    currency: str = "CNY",
    zone_told: str | None = None,
    currency_told: str | None = None,
    sheet: str | None = None,
    progress: Progress = lambda *_: None,
) -> OrderFile:
    """Read the file without a database. `wanted` None: a shipped mapping that fits its columns, or a guess.

    `zone` and `currency` hold where neither mapping nor file tells, `zone_told` and `currency_told` whatever the
    mapping says; `now` is an aware instant, after which orders lie in the future. The file must fit in memory. Refuses
    what `reading`, `mapping` and `settling` refuse.
    """
    with walk(
        path,
        wanted,
        zone=zone,
        currency=currency,
        zone_told=zone_told,
        currency_told=currency_told,
        sheet=sheet,
        now=now,
        progress=progress,
    ) as file:
        file.read()
        parts = list(file.parts())
        paper = on_paper.tables(
            orders=pl.concat([part.orders for part in parts]),
            lines=pl.concat([part.lines for part in parts]),
            returns=pl.concat([part.returns for part in parts]),
            return_lines=pl.concat([part.return_lines for part in parts]),
        )
        unmatched = {
            "matched_quantity": thousandths(paper.matched),
            "unmatched_quantity": thousandths(paper.returned - paper.matched),
        }
        return OrderFile(
            mapping=file.normaliser.mapping,
            zone=file.normaliser.zone.key,
            currency=file.main_currency,
            is_currency_assumed=file.normaliser.is_currency_assumed,
            paper=paper,
            totals=file.totals() | unmatched,
            problems=file.left_out.problems(),
            conflicts=file.left_out.conflicts(),
            rows_read=file.rows_read,
            rows_held=file.left_out.rows_held,
            notes=file.said(),
        )


def _why_held(held: pl.DataFrame) -> pl.DataFrame:
    return held.select(
        "row",
        why=pl.format(gettext("another row of order {} cannot come in, so all of the order waits"), "ref"),
        mend=pl.lit(gettext("mend the other row; import both again, together")),
    )


def _why_left_out(conflicts: pl.DataFrame) -> pl.DataFrame:
    return conflicts.group_by("row", maintain_order=True).agg(
        why=pl.format(
            gettext("order {} stands twice: {} {} here, {} before; the first is kept"),
            "ref",
            "column",
            pl.col("left_out").fill_null(gettext("(nothing)")),
            pl.col("kept").fill_null(gettext("(nothing)")),
        ).str.join("; "),
        mend=pl.lit(
            gettext("give it an order number of its own, or map when orders were updated, so that the newest counts")
        ),
    )
