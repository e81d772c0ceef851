"""Orders from a file into the database: everything that is right goes in once, the rest is listed with its mend."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from django.utils import translation

from regulars.doors.imports import outcomes, rejects, spilling
from regulars.doors.imports.documents import Documents
from regulars.doors.imports.mapping import OrderMapping
from regulars.doors.imports.order_files import Walk, walk
from regulars.doors.imports.totals import thousandths
from regulars.doors.imports.walking import Progress
from regulars.facts.commerce import goods_returns, orders
from regulars.facts.commerce.goods_returns import ReturnBatch
from regulars.facts.commerce.orders import OrderBatch
from regulars.facts.company import company
from regulars.facts.company.company import Shop
from regulars.facts.sources import import_runs
from regulars.kit.actors import Actor


@dataclass(frozen=True, kw_only=True)
class Imported(outcomes.Imported):
    """What an import of orders came to. `settled` is the shop, where this first import said whose house it is."""

    mapping: OrderMapping
    rows_outdated: int
    orders: outcomes.Came
    returns: outcomes.Came
    settled: Shop | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every row of the file is on record now."""
        return super().is_whole and not (self.orders.conflicts or self.returns.conflicts)

    @property
    def came(self) -> Mapping[str, int]:
        """Orders and returns together, by what became of them."""
        both = (self.orders, self.returns)
        return {
            "new": sum(one.new for one in both),
            "changed": sum(one.changed for one in both),
            "same": sum(one.same for one in both),
            "older": sum(one.stale for one in both),
            "conflicts": sum(one.conflicts for one in both),
        }

    def recorded(self) -> Mapping[str, object]:
        """What became of orders and of returns."""
        return {"orders": self.orders.facts(), "returns": self.returns.facts()}


def import_orders(
    path: Path,
    wanted: OrderMapping | None,
    *,
    at: datetime,
    by: Actor,
    dry_run: bool = False,
    reject_file: Path | None = None,
    source: str | None = None,
    zone: str | None = None,
    currency: str | None = None,
    sheet: str | None = None,
    progress: Progress = lambda *_: None,
) -> Imported:
    """Bring the orders and returns of a file in, with origin `history`.

    Doing it again changes nothing, so an import that was interrupted is simply started anew: what came in before is
    found on record. Each batch of some 50,000 lines is a transaction. With `dry_run` nothing is written but a reject
    file that was asked for. `source`, `zone` and `currency` override the mapping's. Refuses files, mappings and values
    that can be read in two ways before anything has come in.
    """
    began = time.monotonic()
    rejects_go = None if dry_run and reject_file is None else rejects.place(path, reject_file)
    shop = company.shop()
    shop_zone = shop.zone if shop.name else None
    with walk(
        path,
        wanted,
        zone=shop.zone,
        currency=shop.currency,
        zone_told=zone,
        currency_told=currency,
        sheet=sheet,
        now=at,
        progress=progress,
        shop_zone=shop_zone,
        country=shop.country,
    ) as file:
        namespace = source or file.normaliser.mapping.source
        if dry_run:
            file.read()
            for _ in file.parts():
                pass
            return _end(file, None, outcomes.Came(), outcomes.Came(), file.totals(), rejects_go, began)
        return outcomes.on_record(
            "orders",
            namespace,
            path,
            file,
            lambda run: _bring_in(file, namespace, run, rejects_go, began, progress, at, by),
            at=at,
            by=by,
        )


def _bring_in(
    file: Walk,
    namespace: str,
    run: int,
    reject_file: Path | None,
    began: float,
    progress: Progress,
    at: datetime,
    by: Actor,
) -> Imported:
    sold, back = outcomes.Came(), outcomes.Came()
    file.read()
    settled = _settle(file, at, by)
    with TemporaryDirectory(prefix="regulars-returns-") as folder:
        returns = _LaidAside(Path(folder), namespace)
        for part in _ahead(file.parts()):
            for order_rows, line_rows in _batches(part.orders, part.lines):
                batch = OrderBatch(namespace, order_rows, line_rows, "history")
                sold.add(orders.record_many(batch=batch, at=at, by=by))
            returns.add(part.returns, part.return_lines)
            import_runs.progress(
                run=run, rows_read=file.rows_read, rows_good=file.rows_good, rejects=file.left_out.rows_bad
            )
        # After all orders: a return may name one that stands anywhere in the file.
        for later in returns.read():
            back.add(goods_returns.record_many(batch=later, at=at, by=by, match=False))
    progress("matching", 0, None)
    # Also when the file has no returns: an older file may bring the purchase an earlier one lacked.
    goods_returns.match_namespace(namespace=namespace)
    came, matched = goods_returns.quantities(namespace=namespace)
    quantities = {
        "matched_quantity": thousandths(int(matched * 1000)),
        "unmatched_quantity": thousandths(int((came - matched) * 1000)),
    }
    return replace(_end(file, run, sold, back, file.totals() | quantities, reject_file, began), settled=settled)


class _LaidAside:
    """Batches of returns in files of a folder of the caller's, so that memory does not grow with them."""

    def __init__(self, folder: Path, namespace: str) -> None:
        self._folder = folder
        self._namespace = namespace
        self._count = 0

    def add(self, returns: pl.DataFrame, lines: pl.DataFrame) -> None:
        """Lay one batch aside, if there is anything in it."""
        if not returns.is_empty():
            returns.write_parquet(self._folder / f"{self._count}.returns.parquet")
            lines.write_parquet(self._folder / f"{self._count}.lines.parquet")
            self._count += 1

    def read(self) -> Iterator[ReturnBatch]:
        """The batches, one by one."""
        for number in range(self._count):
            yield ReturnBatch(
                self._namespace,
                pl.read_parquet(self._folder / f"{number}.returns.parquet"),
                pl.read_parquet(self._folder / f"{number}.lines.parquet"),
                "history",
            )


def _settle(file: Walk, at: datetime, by: Actor) -> Shop | None:
    """Whose house this is, as far as the first file tells; nothing where somebody has said so already.

    Without it days would be those of a zone, and sums in a currency, that nobody chose.
    """
    before = company.shop()
    if before.name:
        return None
    mapping = file.normaliser.mapping
    told = mapping.shop
    chosen = {"currency": mapping.currency, "zone": mapping.zone} | dict.fromkeys(("name", "language", "country"), told)
    stem = rejects.stem(file.source.path).replace("_", " ").strip()
    return company.settle(
        name=told.name if told else stem,
        currency=file.main_currency,
        zone=file.normaliser.zone.key,
        language=told.language if told else before.language,
        country=told.country if told else before.country,
        guessed=[name for name, chose in chosen.items() if chose is None],
        at=at,
        by=by,
    )


def _ahead(parts: Iterator[Documents]) -> Iterator[Documents]:
    """The same parts; the next is put together while the database works on the last. One part more in memory."""
    # A thread has a language of its own, and reasons are put into words there.
    language = translation.get_language()

    def part() -> Documents | None:
        with translation.override(language):
            return next(parts, None)

    with ThreadPoolExecutor(max_workers=1) as beside:
        coming = beside.submit(part)
        while (made := coming.result()) is not None:
            coming = beside.submit(part)
            yield made


def _batches(order_rows: pl.DataFrame, line_rows: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Orders with their lines, some 50,000 lines at once."""
    if order_rows.is_empty():
        return
    if line_rows.height <= 2 * spilling.PART:
        yield order_rows, line_rows
        return
    counts = line_rows.group_by("ref").len()
    placed = order_rows.join(counts, on="ref", how="left", maintain_order="left").with_columns(
        batch=pl.col("len").fill_null(0).cum_sum() // spilling.PART
    )
    for some in placed.partition_by("batch", maintain_order=True):
        chosen = some.drop("batch", "len")
        yield chosen, line_rows.join(chosen.select("ref"), on="ref", how="semi", maintain_order="left")


def _end(
    file: Walk,
    run: int | None,
    sold: outcomes.Came,
    back: outcomes.Came,
    totals: Mapping[str, object],
    reject_file: Path | None,
    began: float,
) -> Imported:
    return Imported(
        **outcomes.ended(file, run, totals, reject_file),
        rows_outdated=file.outdated,
        orders=sold,
        returns=back,
        seconds=round(time.monotonic() - began, 3),
    )
