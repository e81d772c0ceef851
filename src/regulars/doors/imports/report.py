"""From an order file straight to the page for the shop's owner: no server, no database.

Reads the file as the import does, and computes as a refresh does, so the page agrees with the console to the digit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from django.utils import translation

from regulars.doors.imports import checking, order_files
from regulars.doors.imports.mapping import OrderMapping
from regulars.doors.imports.order_files import OrderFile
from regulars.doors.imports.walking import Progress
from regulars.facts.customers import contacts
from regulars.facts.customers.identifiers import is_contact
from regulars.insight.measures import computing, estimates, tables
from regulars.insight.warehouse.session import Session
from regulars.kit import civil
from regulars.kit.languages import Language
from regulars.oversight.reporting import report_page
from regulars.oversight.reporting.shop_report import LAPSING_SHOWN, Assumed, FileNotes, LapsingRegular, ShopReport

DJANGO_CODES: Mapping[Language, str] = {"zh": "zh-hans", "en": "en"}
#: Reasons named on the page; the reject file has them all.
_REASONS = 8


@dataclass(frozen=True)
class Made:
    """The page, and what is on it: `shop` as `insight.measures` tells it, and who is slipping away as plain values."""

    html: str
    headline: list[str]
    as_of: date
    shop: Mapping[str, Mapping[str, Any]]
    lapsing: list[dict[str, Any]]
    totals: Mapping[str, Any]
    rejected: int
    language: Language
    assumed: list[Assumed]
    to_mind: list[str]

    @property
    def is_usable(self) -> bool:
        """Whether any purchase came of the file."""
        return bool(self.shop["overview"]["all_orders"])

    def facts(self) -> dict[str, Any]:
        """What is on the page, and the control totals."""
        return {
            "as_of": self.as_of.isoformat(),
            "currency": self.shop["overview"]["currency"],
            "language": self.language,
            "assumed": self.assumed,
            "to_mind": self.to_mind,
            "rows_left_out": self.rejected,
            "totals": self.totals,
            "shop": estimates.kept(self.shop),
            "lapsing": self.lapsing,
        }


def make(
    path: Path,
    mapping: OrderMapping | None,
    *,
    language: Language | None,
    readers: Language = "en",
    now: datetime,
    as_of: date | None = None,
    currency: str | None = None,
    zone: str | None = None,
    sheet: str | None = None,
    progress: Progress = lambda *_: None,
) -> Made:
    """Read, compute, render. The whole file is in memory: some 2 GB for ten million lines.

    Without `language` the page is in the mapping's, in Chinese where the file's columns are, else in `readers`. What
    was neither told nor found is listed in `assumed`, and said on top of the page. The shop's zone
    and currency are those a first import would settle: `zone` and `currency`, else the mapping's, else the currency of
    most rows. Refused as an import would refuse it.
    """
    file = order_files.normalise(
        path, mapping, now=now, zone_told=zone, currency_told=currency, sheet=sheet, progress=progress
    )
    home = file.currency
    frames = {name: getattr(file.paper, name).to_arrow() for name in tables.NEEDED}
    today = civil.day_of(now, civil.zone(file.zone))
    with Session.from_frames(tables.shaped(frames)) as session:
        computed = computing.compute(session, currency=home, today=today, as_of=as_of)
        rows = computed.lapsing(LAPSING_SHOWN)
    refs = dict(file.paper.refs.iter_rows())
    lapsing = [
        LapsingRegular(
            ref=contacts.masked(ref) if is_contact(ref := refs[row["customer_id"]]) else ref,
            last_on=row["last_on"],
            typical_gap_days=row["typical_gap_days"],
            recency_days=row["recency_days"],
            at_stake_minor=row["at_stake_minor"],
        )
        for row in rows
    ]
    spoken = language or _language(file.mapping) or readers
    assumed = _assumed(file, language)
    rejected = file.problems["row"].n_unique() + file.rows_held
    told = ShopReport(
        file=FileNotes(
            name=path.name,
            rows=file.rows_read,
            rejected=rejected,
            reasons=_reasons(file, spoken),
            conflicts=file.conflicts["ref"].n_unique(),
        ),
        language=spoken,
        zone=file.zone,
        shop=computed.shop,
        lapsing=lapsing,
        made_on=today,
        is_as_of_asked=as_of is not None,
        assumed=assumed,
    )
    listed = [{**vars(regular), "last_on": regular.last_on.isoformat()} for regular in lapsing]
    return Made(
        html=report_page.page(told),
        headline=report_page.headline(told),
        as_of=computed.as_of,
        shop=computed.shop,
        lapsing=listed,
        totals=file.totals,
        rejected=rejected,
        language=spoken,
        assumed=assumed,
        to_mind=report_page.to_mind(told),
    )


def _language(mapping: OrderMapping) -> Language | None:
    """What the mapping says, or the file's columns: Chinese names are read by whoever reads Chinese."""
    if mapping.shop:
        return "zh" if mapping.shop.language.startswith("zh") else "en"
    named = "".join(name for column in mapping.columns.values() for name in (*column.names, *column.join, *column.sum))
    return "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in named) else None


def _assumed(file: OrderFile, language: Language | None) -> list[Assumed]:
    mapping = file.mapping
    found: list[Assumed] = []
    if file.is_currency_assumed:
        found.append("currency")
    if mapping.zone is None:
        found.append("zone")
    if language is None and not mapping.shop:
        found.append("language")
    return found


def _reasons(file: OrderFile, language: Language) -> list[tuple[str, int]]:
    """What was wrong with the rows that stayed out, most first: the column, and what about it."""
    counted = (
        file.problems.group_by("column", "problem")
        .agg(rows=pl.col("row").n_unique())
        .sort("rows", "column", "problem", descending=[True, False, False])
    )
    with translation.override(DJANGO_CODES[language]):
        return [
            (f"{column}: {checking.spoken(problem)}" if column else checking.spoken(problem), rows)
            for column, problem, rows in counted.head(_REASONS).iter_rows()
        ]
