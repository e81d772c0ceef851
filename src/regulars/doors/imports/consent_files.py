"""A file of consents, read without a database: who agreed to what or refused it, and what is wrong with the rest."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import polars as pl
from django.utils.translation import gettext, gettext_noop

from regulars.doors.imports import checking, mapping, reading, walking
from regulars.doors.imports.checking import Problems
from regulars.doors.imports.customer_files import CustomerColumns
from regulars.doors.imports.documents import CONFLICTS
from regulars.doors.imports.left_out import HELD, LeftOut
from regulars.doors.imports.mapping import CONTACTS, BadMapping, Column, FileMapping
from regulars.doors.imports.settling import Reads
from regulars.doors.imports.spilling import Spill
from regulars.doors.imports.walking import Progress
from regulars.facts.customers.purposes import ANY, Channel, Place, Purpose
from regulars.kit import civil

SHIPPED = mapping.SHIPPED / "consents"
#: What a column may mean, in the order in which a guess claims columns.
FIELDS = (
    *("customer", "email", "phone", "country", "purpose", "channel", "decision", "answered_at"),
    *("brand", "place", "proof"),
)
#: One answer as the file tells it; `answered_at` is null for a no that tells no time.
ROWS = pl.Schema(
    {
        "row": pl.Int64(),
        "line_in_file": pl.Int64(),
        "ref": pl.String(),
        "customer": pl.String(),
        "email": pl.String(),
        "phone": pl.String(),
        "purpose": pl.String(),
        "channel": pl.String(),
        "is_granted": pl.Boolean(),
        "answered_at": pl.Datetime("us", "UTC"),
        "brand": pl.Int64(),
        "place": pl.String(),
        "proof": pl.String(),
    }
)
_YES = ("yes", "y", "true", "1", "on", "granted", "given", "subscribed", "opted_in", "opted in", "opt-in", "opt_in")
_NO = ("no", "n", "false", "0", "off", "withdrawn", "refused", "unsubscribed", "opted_out", "opted out", "opt-out")
_DECISIONS = {
    **dict.fromkeys((*_YES, "是", "同意", "订阅", "已订阅", "允许"), "yes"),
    **dict.fromkeys((*_NO, "opt_out", "否", "不同意", "拒绝", "退订", "已退订", "不允许"), "no"),
}
_PURPOSES = {
    **{purpose.value: purpose.value for purpose in Purpose},
    **dict.fromkeys((ANY, "all", "everything", "全部", "所有"), ANY),
    "营销": "marketing",
    "newsletter": "marketing",
    "服务": "service",
    "问卷": "surveys",
    "个性化": "personalisation",
    "personalization": "personalisation",
    "数据分析": "analytics",
    "profiling": "analytics",
    "共享": "sharing",
}
_CHANNELS = {
    **{channel.value: channel.value for channel in Channel},
    **dict.fromkeys((ANY, "all", "any", "全部", "所有"), ANY),
    "e-mail": "email",
    "mail": "email",
    "邮件": "email",
    "邮箱": "email",
    "短信": "sms",
    "text": "sms",
    "微信": "wechat",
    "推送": "push",
    "电话": "phone",
    "call": "phone",
    "信件": "post",
    "app": "in_app",
}
_PLACES = {place.value: place.value for place in Place} | {"门店": "store", "web": "web_form", "网页": "web_form"}
_PERSONAL_PROOF = r"@|\+\d[\d\s().-]{6,}|\b1[3-9]\d{9}\b"


def load(name_or_file: str) -> FileMapping:
    """A shipped mapping for consents by its name, or one of your own by its path."""
    file = mapping.find(name_or_file, SHIPPED)
    return FileMapping(**mapping.shared(file, mapping.content(file, FIELDS, mapping.KEYS)))


def bind(wanted: FileMapping, columns: Sequence[str], told: Mapping[str, str]) -> FileMapping:
    """`wanted` with every field tied to a column that is there; `told` are constants for those the file has not.

    Refused where nothing tells who a row is about, or whether it is a yes or a no.
    """
    found = mapping.tie_to_somebody(wanted, FIELDS, columns)
    constants = {name: Column(constant=value) for name, value in ({"purpose": "marketing"} | dict(told)).items()}
    found = replace(found, columns=constants | dict(found.columns))
    if "decision" not in found.columns:
        raise BadMapping(
            gettext(
                "decision: the file has no column that says yes or no; say `--decision yes` or `--decision no`"
                " for all of it, or name the column in a mapping"
            ),
            field="decision",
            value="",
        )
    return found


@dataclass(kw_only=True)
class ConsentColumns(CustomerColumns):
    """Reads the chunks of one file of consents. `brands` are the company's, by code."""

    brands: Mapping[str, int] = field(default_factory=dict)

    reads: ClassVar[Reads] = Reads(instants=("answered_at",), ids=("customer", "phone"))
    texts: ClassVar[tuple[str, ...]] = (
        *("customer", "email", "phone", "country", "purpose", "channel", "decision", "brand", "place", "proof"),
    )
    longest: ClassVar[dict[str, int]] = {
        **dict.fromkeys(("customer", "email", "phone", "proof"), 200),
        **dict.fromkeys(("purpose", "channel", "decision", "brand", "place"), 64),
    }

    def chunk(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The chunk's good rows (ROWS) and problems (PROBLEMS)."""
        told, faults = self._told(raw)
        found = self._problems()
        read = self._check(told.with_columns(*self._texts()).with_columns(*self._instants(told)), found)
        bad = found.found(read, faults)
        rows = read.with_columns(
            row="@row",
            line_in_file="@line",
            customer="customer_key",
            email="email_key",
            phone="phone_key",
            purpose="purpose_code",
            channel=pl.coalesce("channel_code", pl.lit(ANY)),
            is_granted=pl.col("decision_code") == "yes",
            answered_at="answered_at_read",
            brand="brand_number",
            place=pl.coalesce("place_code", pl.lit(Place.IMPORT.value)),
            proof=pl.col("proof").fill_null(""),
        ).select(pl.col(name).cast(kind) for name, kind in ROWS.items())
        return rows.join(bad.select("row").unique(), on="row", how="anti"), bad

    def _check(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        self._check_texts(found)
        read = self._contacts(self._countries(self._key("customer", read, found)), found)
        read = read.with_columns(
            *(_word(name, known) for name, known in _WORDS.items()),
            brand_number=_looked_up("brand", self.brands, pl.Int64()),
            ref=pl.coalesce("customer_key", "email_key", "phone_key"),
        )
        self._check_whom(found)
        self._check_words(found)
        self._check_answered(read, found)
        return read

    def _check_words(self, found: Problems) -> None:
        code, channel = pl.col("decision_code"), pl.col("channel")
        found.where(code.is_null(), "decision", "says neither yes nor no", "write yes or no")
        found.where(
            pl.col("purpose_code").is_null(),
            "purpose",
            "is no purpose",
            "write service, marketing, surveys, personalisation, analytics, sharing or *",
        )
        found.where(
            channel.is_not_null() & pl.col("channel_code").is_null(),
            "channel",
            "is no channel",
            "write email, sms, wechat, push, phone, post, in_app or *",
        )
        found.where(
            channel.is_null() & (code == "yes"),
            "channel",
            "is not told, and a yes to one channel is none to another",
            "write it, or say --channel for the whole file",
        )
        found.where(
            pl.col("brand").is_not_null() & pl.col("brand_number").is_null(),
            "brand",
            "is none of the company's brands",
            "write the code of one of them, or leave it empty for all",
        )
        found.where(
            pl.col("place").is_not_null() & pl.col("place_code").is_null(),
            "place",
            "is no place",
            "write web_form, store, app or another of the list in the documentation, or leave it empty",
        )
        found.where(
            pl.col("proof").str.contains(_PERSONAL_PROOF),
            "proof",
            "holds an address or a telephone number",
            "name what shows it, such as a form and its number",
        )

    def _check_answered(self, read: pl.DataFrame, found: Problems) -> None:
        at, is_yes = pl.col("answered_at_read"), pl.col("decision_code") == "yes"
        if "answered_at" not in self.mapping.columns:
            found.where(is_yes, "answered_at", _NO_TIME, _TELL_TIME)
            return
        told = pl.col("answered_at").is_not_null()
        if "answered_at" in self._settled.orders and read.schema["answered_at"] == pl.String:
            self._check_order("answered_at", told & at.is_null(), found)
        found.where(
            told & at.is_null(),
            "answered_at",
            "is no date this file's other dates are written like",
            "write it like 2024-05-31 14:05",
        )
        found.where(~told & is_yes, "answered_at", _NO_TIME, _TELL_TIME)
        found.where(at > self.now, "answered_at", "is in the future", "write when it was")
        earliest = civil.start_of_day(self.mapping.earliest, self.zone)
        found.where(at < earliest, "answered_at", "is earlier than any date that is imported", "write when it was")


#: A yes of nobody knows when could undo a no of yesterday.
_NO_TIME = gettext_noop("is empty, and a yes counts from when it was given")
_TELL_TIME = gettext_noop("write when they agreed; a no may go without")
_WORDS: Mapping[str, Mapping[str, str]] = {
    "decision": _DECISIONS,
    "purpose": _PURPOSES,
    "channel": _CHANNELS,
    "place": _PLACES,
}


def _word(name: str, known: Mapping[str, str]) -> pl.Expr:
    plain = pl.col(name).str.strip_chars().str.to_lowercase()
    return plain.replace_strict(known, default=None, return_dtype=pl.String).alias(f"{name}_code")


def _looked_up(column: str, known: Mapping[str, int], kind: pl.DataType) -> pl.Expr:
    return pl.col(column).replace_strict(known, default=None, return_dtype=kind) if known else pl.lit(None, dtype=kind)


class Walk(walking.Walk):
    """One file of consents on its way in, given back part by part; every row is an answer of its own."""

    def __init__(
        self, source: reading.Source, columns: ConsentColumns, spill: Spill, left_out: LeftOut, progress: Progress
    ) -> None:
        super().__init__(source, columns, left_out, progress)
        self.counts = {"yes": 0, "no": 0}
        self._told = columns
        self._spill = spill

    def _take(self, raw: pl.DataFrame) -> pl.DataFrame:
        rows, bad = self._told.chunk(raw)
        self._spill.add(rows)
        return bad

    def parts(self) -> Iterator[pl.DataFrame]:
        """ROWS, some 50,000 at once."""
        yield from self._spill.read()

    def taken(self, rows: pl.DataFrame, strangers: pl.DataFrame) -> None:
        """`rows` found their customers; `strangers` are of nobody we know, and stay out."""
        yes = int(rows["is_granted"].sum())
        self.counts["yes"] += yes
        self.counts["no"] += rows.height - yes
        problems = strangers.select(
            row="row",
            line_in_file="line_in_file",
            column=pl.lit(self._told.spoken(next(name for name in ("customer", *CONTACTS) if name in self._here))),
            value=checking.masked(pl.col("ref")),
            problem=pl.lit(gettext_noop("is nobody we know")),
            mend=pl.lit(gettext_noop("import the customers first, then this file again")),
        ).cast(checking.PROBLEMS)
        self.left_out.add_late(problems, pl.DataFrame(schema=HELD), pl.DataFrame(schema=CONFLICTS))
        self._recorded(rows.height)

    @property
    def _here(self) -> Mapping[str, Column]:
        return self._told.mapping.columns

    def totals(self) -> dict[str, object]:
        """The control totals; whole after `parts`."""
        return {
            "rows": self.rows_read,
            **{f"rows_{answer}": count for answer, count in self.counts.items()},
            "rejected_rows": self.left_out.rows_bad + self.left_out.rows_held,
        }


@contextmanager
def walk(
    path: Path,
    wanted: FileMapping | None,
    *,
    zone: str,
    region: str,
    now: datetime,
    brands: Mapping[str, int],
    told: Mapping[str, str],
    progress: Progress = lambda *_: None,
    zone_told: str | None = None,
) -> Iterator[Walk]:
    """Open `path`, tie the mapping to its columns, and walk. `zone` and `region` are the shop's; `zone_told`
    is instead of the mapping's, `told` is for columns the file has not."""
    hints = wanted or load("generic")
    source, chosen = walking.opened(path, hints, lambda columns: bind(hints, columns, told))
    chosen = replace(chosen, zone=zone_told or chosen.zone)
    columns = ConsentColumns(
        source=source,
        mapping=chosen,
        zone=civil.zone(zone),
        now=now.astimezone(UTC),
        region=region,
        brands=brands,
        notes=walking.how_it_is_read(wanted, chosen, source.columns),
    )
    with walking.spilled(source, ROWS) as (spill, left_out):
        yield Walk(source, columns, spill, left_out, progress)
