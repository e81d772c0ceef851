"""Products, prices and stock from a file into the database: what is new, what changed, and what stays out and why."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from regulars.doors.imports import outcomes, rejects, ware_files
from regulars.doors.imports.mapping import FileMapping
from regulars.doors.imports.walking import Progress
from regulars.doors.imports.ware_files import What
from regulars.facts.commerce import catalogue, prices, stock
from regulars.facts.company import company
from regulars.facts.sources import import_runs
from regulars.kit.actors import Actor

#: Rows in one transaction: others who meet the same products wait for its end.
BATCH = 5_000


@dataclass(frozen=True, kw_only=True)
class Imported(outcomes.Imported):
    """What an import of products, prices or stock came to, by kind of thing."""

    what: What
    rows_outdated: int
    things: Mapping[str, outcomes.Came]

    @property
    def came(self) -> Mapping[str, int]:
        """All things, by what became of them."""
        names = ("new", "changed", "same", "stale", "conflicts")
        return {name: sum(getattr(came, name) for came in self.things.values()) for name in names}

    def recorded(self) -> Mapping[str, object]:
        """What became of each kind of thing."""
        return {name: asdict(came) for name, came in self.things.items()}


def import_wares(
    what: What,
    path: Path,
    wanted: FileMapping | None,
    *,
    at: datetime,
    by: Actor,
    dry_run: bool = False,
    reject_file: Path | None = None,
    source: str | None = None,
    zone: str | None = None,
    currency: str | None = None,
    progress: Progress = lambda *_: None,
) -> Imported:
    """Bring in what a file tells of products, prices or stock, with origin `history`.

    The same file again changes nothing, so an import that was interrupted is simply started anew. What another file
    tells counts from its update time on, or from `at` where it tells none; what was told after that stays. Each batch
    of some thousands is a transaction. With `dry_run` nothing is written but a reject file that was asked for.
    """
    began = time.monotonic()
    rejects_go = None if dry_run and reject_file is None else rejects.place(path, reject_file)
    shop = company.shop()
    things = {name: outcomes.Came() for name in (("products", "variants") if what == "products" else (what,))}
    with ware_files.walk(
        what,
        path,
        wanted,
        zone=shop.zone,
        zone_told=zone,
        currency=shop.currency,
        currency_told=currency,
        now=at,
        progress=progress,
    ) as file:
        namespace = source or file.columns.mapping.source

        def bring_in(run: int | None) -> Imported:
            file.read()
            for part in file.parts():
                if run is None:
                    continue
                for rows in _slices(part):
                    _RECORD[what](namespace, rows, things, at, by)
                import_runs.progress(
                    run=run, rows_read=file.rows_read, rows_good=file.rows_good, rejects=file.left_out.rows_bad
                )
            return Imported(
                **outcomes.ended(file, run, file.totals(), rejects_go),
                what=what,
                rows_outdated=file.outdated,
                things=things,
                seconds=round(time.monotonic() - began, 3),
            )

        return bring_in(None) if dry_run else outcomes.on_record(what, namespace, path, file, bring_in, at=at, by=by)


def _slices(part: pl.DataFrame) -> list[pl.DataFrame]:
    """Parts of a part, with the rows of one `ref` in one of them."""
    ranks = part.select(place=pl.col("ref").rank("dense") // BATCH).to_series()
    return part.with_columns(ranks).sort("place", "row").drop("row").partition_by("place", include_key=False)


def _products(namespace: str, rows: pl.DataFrame, things: Mapping[str, outcomes.Came], at: datetime, by: Actor) -> None:
    # Each form's row tells of the product too: the newest word counts, and what it leaves out another may tell.
    newest = rows.sort("updated_at", descending=True, nulls_last=True, maintain_order=True)
    told = newest.group_by("product", maintain_order=True).agg(
        *(pl.col(name).drop_nulls().first() for name in ("title", "titles", "category", "brand")),
        # Of a product with forms the state is that of what is sold of it yet.
        status=pl.col("status").sort_by(pl.col("status").replace_strict(_ORDER, default=9)).drop_nulls().first(),
        source_updated_at=pl.col("updated_at").max(),
    )
    forms = rows.filter(pl.col("variant").is_not_null() | pl.any_horizontal(pl.col(*_OF_FORMS).is_not_null()))
    done = catalogue.record_many(
        namespace=namespace,
        told=told.rename({"product": "ref"}).select(list(catalogue.PRODUCTS)).cast(catalogue.PRODUCTS),
        forms=forms.select(
            ref=pl.coalesce("variant", "product"),
            product_ref="product",
            title="variant_title",
            sku="sku",
            barcode="barcode",
            options="options",
            status="status",
            source_updated_at="updated_at",
        )
        .unique("ref", keep="first", maintain_order=True)
        .cast(catalogue.VARIANTS),
        at=at,
        by=by,
        origin="history",
    )
    things["products"].add(done.products)
    things["variants"].add(done.variants)


def _prices(namespace: str, rows: pl.DataFrame, things: Mapping[str, outcomes.Came], at: datetime, by: Actor) -> None:
    told = rows.select(
        ref=pl.coalesce("variant", "product"),
        product_ref="product",
        variant_ref="variant",
        store="store",
        channel="channel",
        currency="currency",
        list_minor="list_minor",
        sale_minor="sale_minor",
        valid_from="valid_from",
        valid_until="valid_until",
        is_withdrawn=pl.lit(value=False),
        source_updated_at="updated_at",
    ).cast(prices.PRICES)
    things["prices"].add(prices.record_many(namespace=namespace, told=told, at=at, by=by, origin="history"))


def _stock(namespace: str, rows: pl.DataFrame, things: Mapping[str, outcomes.Came], at: datetime, by: Actor) -> None:
    told = rows.select(
        ref=pl.coalesce("variant", "product"),
        variant_ref="variant",
        product_ref="product",
        store="store",
        on_hand="quantity",
        may_oversell="may_oversell",
        version="version",
        source_updated_at="updated_at",
    ).cast(stock.STOCK)
    things["stock"].add(stock.record_many(namespace=namespace, told=told, at=at, by=by, origin="history"))


_OF_FORMS = ("sku", "barcode", "options", "variant_title")
_ORDER = {status: place for place, status in enumerate(catalogue.STATUSES)}
_RECORD = {"products": _products, "prices": _prices, "stock": _stock}
