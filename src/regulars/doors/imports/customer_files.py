"""A file of customers, read without a database: who they are, each once, and what is wrong with the rest."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import polars as pl
from django.utils.translation import gettext, gettext_noop

from regulars.doors.imports import checking, mapping, reading, repeats, walking
from regulars.doors.imports.checking import Problems
from regulars.doors.imports.columns import Columns
from regulars.doors.imports.left_out import LeftOut
from regulars.doors.imports.mapping import CONTACTS, FileMapping
from regulars.doors.imports.row_frames import shown
from regulars.doors.imports.settling import Reads, veiled
from regulars.doors.imports.spilling import Spill
from regulars.doors.imports.walking import Progress
from regulars.facts.customers import contacts, profiles, tags, traits
from regulars.facts.customers.identifiers import why_unusable
from regulars.facts.customers.traits import Trait
from regulars.kit import civil, languages

SHIPPED = mapping.SHIPPED / "customers"
#: What a column may mean, in the order in which a guess claims columns.
FIELDS = (
    *("customer", "name", "given_name", "family_name", "email", "phone", "birthday", "address", "country", "language"),
    *("note", "first_seen", "updated_at", "tags"),
)
#: What tells who somebody is: no message shows it.
PERSONAL = ("name", "given_name", "family_name", "birthday", "address", "note")
#: One customer as the file tells it; texts in the form they are kept in, null where nothing is told.
ROWS = pl.Schema(
    {
        "row": pl.Int64(),
        "line_in_file": pl.Int64(),
        "ref": pl.String(),
        "name": pl.String(),
        "given_name": pl.String(),
        "family_name": pl.String(),
        "email": pl.String(),
        "phone": pl.String(),
        "birthday": pl.String(),
        "address": pl.String(),
        "note": pl.String(),
        "country": pl.String(),
        "language": pl.String(),
        "first_seen_at": pl.Datetime("us", "UTC"),
        "updated_at": pl.Datetime("us", "UTC"),
        "tags": pl.String(),
        "traits": pl.String(),
    }
)
_TOLD = tuple(name for name in ROWS if name not in {"row", "line_in_file", "ref", "updated_at"})
_CHARACTERS = {
    "name": profiles.LONGEST["display_name"],
    **{name: profiles.LONGEST[name] for name in ("given_name", "family_name", "address", "note")},
}
_EARLIEST_BIRTH = date(1900, 1, 1)
#: What systems write for a birthday nobody knows; the first of 1970 is somebody's.
_NO_DAY = r"^(0{2,4}[-/.]0{1,2}[-/.]0{1,4}|0{8}|0001[-/.]0?1[-/.]0?1|1899[-/.]12[-/.]30|1900[-/.]0?1[-/.]0?[01])$"
_CLOCK = r"[T ]\d{1,2}:\d{2}.*$"
_LANGUAGES = {
    **dict.fromkeys(("中文", "简体中文", "汉语", "chinese", "zh-cn"), "zh-hans"),
    **dict.fromkeys(("繁体中文", "繁體中文", "zh-tw", "zh-hk"), "zh-hant"),
    **dict.fromkeys(("英文", "英语", "english"), "en"),
}
_TOTALS = ("name", "email", "phone", "birthday", "address", "country", "language")
_LANGUAGES_TOLD = 8


def load(name_or_file: str) -> FileMapping:
    """A shipped mapping for customers by its name, or one of your own by its path."""
    file = mapping.find(name_or_file, SHIPPED)
    return FileMapping(**mapping.shared(file, mapping.content(file, FIELDS, mapping.KEYS, open_prefix=traits.PREFIX)))


def bind(wanted: FileMapping, columns: Sequence[str]) -> FileMapping:
    """`wanted` with every field tied to a column that is there; refused where nothing tells who a row is about."""
    found = mapping.tie(wanted, (*FIELDS, *_own(wanted)), columns)
    if not {"customer", *CONTACTS} & set(found.columns):
        needed = gettext("the customer's number, e-mail address or phone number")
        raise mapping.missing(wanted, "customer", needed, columns)
    return found


def _own(wanted: FileMapping) -> list[str]:
    """Fields that are traits of the shop's own, `trait.<code>`."""
    return [name for name in wanted.columns if name.startswith(traits.PREFIX)]


def _column_of(trait: Trait) -> mapping.Column:
    """Where a guess looks for a trait: under its code, or what the shop calls it."""
    return mapping.Column(names=(traits.PREFIX + trait.code, trait.code, *trait.names.values()))


@dataclass(kw_only=True)
class CustomerColumns(Columns[FileMapping]):
    """Reads the chunks of one file of customers."""

    unknown_languages: set[str] = field(default_factory=set)
    unknown_days: int = 0
    #: The shop's own traits by code; a column of another is refused.
    defined: Mapping[str, Trait] = field(default_factory=dict)

    reads: ClassVar[Reads] = Reads(
        instants=("birthday", "first_seen", "updated_at"),
        ids=("customer", "phone"),
        hidden=frozenset(PERSONAL),
    )
    texts: ClassVar[tuple[str, ...]] = (
        *("customer", "name", "given_name", "family_name", "email", "phone", "address", "country", "language"),
        *("note", "tags"),
    )
    longest: ClassVar[dict[str, int]] = {"customer": 200, "email": 200, "phone": 200}

    def chunk(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The chunk's good rows (ROWS) and problems (PROBLEMS)."""
        told, faults = self._told(raw)
        if "birthday" in told.columns:
            before = int(told["birthday"].count())
            told = told.with_columns(self._day(told.schema["birthday"]))
            self.unknown_days += before - int(told["birthday"].count())
        found = self._problems()
        read = self._check(told.with_columns(*self._texts()).with_columns(*self._instants(told)), found)
        bad = found.found(read, faults)
        rows = read.with_columns(
            row="@row",
            line_in_file="@line",
            country="country_code",
            language="language_tag",
            email="email_shown",
            phone="phone_key",
            birthday=pl.col("birthday_read").dt.date().cast(pl.String),
            first_seen_at="first_seen_read",
            updated_at="updated_at_read",
            traits=self._traits(),
        ).select(pl.col(name).cast(kind) for name, kind in ROWS.items())
        return rows.join(bad, on="row", how="anti", maintain_order="left"), bad

    def said(self) -> list[str]:
        """What was found out about the file, for the person who imports it."""
        notes = super().said()
        if self.unknown_days:
            notes.append(
                gettext("%(n)s birthdays are what systems write for none: nothing is kept.")
                % {"n": f"{self.unknown_days:,}"}
            )
        if self.guests_by_name:
            notes.append(
                gettext("%(n)s numbers, addresses or phones mean nobody (such as 0): left out.")
                % {"n": f"{self.guests_by_name:,}"}
            )
        if self.unknown_languages:
            names = ", ".join(sorted(self.unknown_languages)[:_LANGUAGES_TOLD])
            notes.append(gettext("No language is kept where the file says: %(names)s.") % {"names": names})
        return notes

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in _own(self.mapping):
            if (code := name.removeprefix(traits.PREFIX)) not in self.defined:
                raise traits.unknown(code)

    def _problems(self) -> Problems:
        secret = {trait.field for trait in self.defined.values() if trait.is_personal}
        return Problems(self.mapping, self._spoken(), self.reads.hidden | secret)

    def _check_tags(self, read: pl.DataFrame, found: Problems) -> None:
        bad = [text for text in read["tags"].drop_nulls().unique().to_list() if not _are_tags(text)]
        found.where(
            pl.col("tags").is_in(bad),
            "tags",
            "holds what is no tag",
            "write tags of up to 40 characters, with commas or semicolons between them",
        )

    def _check_traits(self, read: pl.DataFrame, found: Problems) -> None:
        for name in _own(self.mapping):
            trait = self.defined[name.removeprefix(traits.PREFIX)]
            texts = read[name].cast(pl.String).drop_nulls().unique().to_list()
            bad = [text for text in texts if not _takes(trait, text)]
            found.where(
                pl.col(name).cast(pl.String).is_in(bad),
                name,
                "is not what the trait takes",
                "write what the trait is defined to take, or leave it empty",
            )

    def _traits(self) -> pl.Expr:
        """The told traits as one JSON text, null where none is told."""
        own = _own(self.mapping)
        if not own:
            return pl.lit(None, dtype=pl.String)
        texts = [pl.col(name).cast(pl.String).alias(name.removeprefix(traits.PREFIX)) for name in own]
        told = pl.struct(texts).struct.json_encode()
        return pl.when(pl.any_horizontal(pl.col(name).is_not_null() for name in own)).then(told).otherwise(None)

    def _joined(self, name: str, parts: Sequence[pl.Expr]) -> pl.Expr:
        # An address or a name of several columns reads as it is written, whichever of them are empty.
        if name in PERSONAL:
            text = pl.concat_str(parts, separator=" ", ignore_nulls=True)
            return pl.when(text == "").then(None).otherwise(text)
        return super()._joined(name, parts)

    def _zone_of(self, name: str) -> ZoneInfo:
        return ZoneInfo("UTC") if name == "birthday" else self.zone

    def _day(self, kind: pl.DataType) -> pl.Expr:
        """The birthday without its time of day, and without days that mean none."""
        column = pl.col("birthday")
        if isinstance(kind, pl.Datetime):
            local = column.dt.convert_time_zone(self.zone.key) if kind.time_zone else column
            return local.dt.date().alias("birthday")
        if kind != pl.String:
            return column
        plain = column.str.replace(_CLOCK, "")
        return pl.when(plain.str.contains(_NO_DAY)).then(None).otherwise(plain).alias("birthday")

    def _check(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        self._check_texts(found)
        for name, most in _CHARACTERS.items():
            if name in self.mapping.columns:
                found.where(
                    pl.col(name).str.len_chars() > most,
                    name,
                    gettext_noop("is longer than %(n)s characters") % {"n": most},
                    "shorten it",
                )
        for name in ("name", "given_name", "family_name"):
            unseen = pl.col(name).str.contains(r"[\p{Cc}\p{Zl}\p{Zp}]")
            found.where(unseen, name, "has characters nobody can see", "type it anew, without line breaks")
        if "tags" in self.mapping.columns:
            self._check_tags(read, found)
        self._check_traits(read, found)
        read = self._contacts(self._countries(self._key("customer", read, found)), found)
        read = self._languages(read).with_columns(ref=pl.coalesce("customer_key", "email_key", "phone_key"))
        self._check_whom(found)
        self._check_birthday(read, found)
        if "first_seen" in self.mapping.columns:
            self._check_first_seen(read, found)
        self._check_updated(read, found)
        return read

    def _check_whom(self, found: Problems) -> None:
        here = [name for name in ("customer", *CONTACTS) if name in self.mapping.columns]
        most = self.longest["customer"]
        found.where(
            pl.col("ref").is_null() & pl.all_horizontal(pl.col(name).is_null() for name in here),
            here[0],
            "is empty, and nothing else tells who it is",
            "fill in the customer's number, e-mail address or phone number",
        )
        found.where(
            pl.col("ref").is_null()
            & pl.any_horizontal(pl.col(name).is_not_null() & (pl.col(name).str.len_bytes() <= most) for name in here),
            here[0],
            "means nobody",
            "fill in the customer's number, e-mail address or phone number, or leave the row out",
        )

    def _contacts(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        """With `email_shown`, `email_key` and `phone_key`; a phone number is read in its row's country."""
        emails: dict[str, contacts.Email | None] = {}
        for text in read["email"].drop_nulls().unique().to_list():
            if not why_unusable(text):
                try:
                    emails[text] = contacts.email(text)
                except contacts.BadEmail:
                    emails[text] = None
        phones: dict[str, dict[str, str | None]] = {}
        regions = read.select(pl.col("phone"), region=pl.col("country_code").fill_null(self.region))
        for text, region in regions.drop_nulls().unique().iter_rows():
            if not why_unusable(text):
                phones.setdefault(region, {})[text] = _phone(text, region)
        nothing = [
            pl.when(pl.col(name).map_elements(lambda text: not why_unusable(text), return_dtype=pl.Boolean))
            .then(pl.col(name))
            .otherwise(None)
            .alias(name)
            for name in CONTACTS
        ]
        before = read.select(pl.col(*CONTACTS).count()).row(0)
        read = read.with_columns(nothing)
        self.guests_by_name += sum(before) - sum(read.select(pl.col(*CONTACTS).count()).row(0))
        key = pl.lit(None, dtype=pl.String)
        for region, numbers in phones.items():
            is_here = pl.col("country_code").fill_null(self.region) == region
            key = pl.when(is_here).then(_looked_up("phone", numbers)).otherwise(key)
        good = {text: one for text, one in emails.items() if one is not None}
        read = read.with_columns(
            email_shown=_looked_up("email", {text: one.shown for text, one in good.items()}),
            email_key=_looked_up("email", {text: one.key for text, one in good.items()}),
            phone_key=key,
        )
        found.where(
            pl.col("email").is_not_null() & pl.col("email_shown").is_null(),
            "email",
            "is no e-mail address",
            "write it like name@example.com, or leave it empty",
        )
        found.where(
            pl.col("phone").is_not_null() & pl.col("phone_key").is_null(),
            "phone",
            "is no phone number",
            "write it with its country's code, like +86 138 0013 8000, or leave it empty",
        )
        return read

    def _languages(self, read: pl.DataFrame) -> pl.DataFrame:
        told = pl.col("language").str.replace_all("_", "-", literal=True)
        lower = told.str.to_lowercase()
        tag = lower.replace(_LANGUAGES)
        spoken = [text for text in read.select(tag)["language"].drop_nulls().unique() if languages.is_language(text)]
        known = pl.when(tag.is_in(spoken)).then(tag).otherwise(None)
        unknown = read.filter(pl.col("language").is_not_null() & known.is_null())["language"].unique().to_list()
        if len(self.unknown_languages) < _LANGUAGES_TOLD:
            self.unknown_languages.update(shown(text) for text in unknown)
        return read.with_columns(language_tag=known)

    def _check_birthday(self, read: pl.DataFrame, found: Problems) -> None:
        if "birthday" not in self.mapping.columns:
            return
        day = pl.col("birthday_read").dt.date()
        unread = pl.col("birthday").is_not_null() & day.is_null()
        if "birthday" in self._settled.orders and read.schema["birthday"] == pl.String:
            self._check_order("birthday", unread, found)
        mend = gettext_noop("write it like 1990-12-31, or leave it empty")
        found.where(unread, "birthday", "is no day this file's other birthdays are written like", mend)
        found.where(day < _EARLIEST_BIRTH, "birthday", gettext_noop("is before %(n)s") % {"n": _EARLIEST_BIRTH}, mend)
        found.where(day > self.now.date(), "birthday", "is in the future", mend)

    def _check_first_seen(self, read: pl.DataFrame, found: Problems) -> None:
        at = pl.col("first_seen_read")
        if "first_seen" in self._settled.orders and read.schema["first_seen"] == pl.String:
            self._check_order("first_seen", pl.col("first_seen").is_not_null() & at.is_null(), found)
        mend = "write it like 2024-05-31 14:05, or leave it empty"
        unread = pl.col("first_seen").is_not_null() & at.is_null()
        found.where(unread, "first_seen", "is no date this file's other dates are written like", mend)
        earliest = civil.start_of_day(self.mapping.earliest, self.zone)
        told = gettext_noop("is before %(n)s") % {"n": self.mapping.earliest}
        found.where(at < earliest, "first_seen", told, "correct it, or say `earliest:` in the mapping if it is right")
        found.where(at > self.now, "first_seen", "is in the future", mend)


def _looked_up(column: str, known: Mapping[str, str | None]) -> pl.Expr:
    if not known:
        return pl.lit(None, dtype=pl.String)
    return pl.col(column).replace_strict(known, default=None, return_dtype=pl.String)


def _are_tags(text: str) -> bool:
    try:
        for part in traits.split(text):
            tags.check_code(part)
    except tags.BadTag:
        return False
    return True


def _takes(trait: Trait, text: str) -> bool:
    try:
        traits.check(trait, text)
    except traits.BadValue:
        return False
    return True


def _phone(text: str, region: str) -> str | None:
    if "@" in text:
        return None
    try:
        return contacts.as_compared(text, region)
    except (contacts.BadEmail, contacts.BadPhone):
        return None


class Walk(walking.Walk):
    """One file of customers on its way in: laid aside by who they are, given back part by part, each customer once."""

    def __init__(
        self, source: reading.Source, columns: CustomerColumns, spill: Spill, left_out: LeftOut, progress: Progress
    ) -> None:
        super().__init__(source, columns, left_out, progress)
        self.outdated = 0
        self.counts = dict.fromkeys(_TOTALS, 0)
        self._told = columns
        self._spill = spill

    def _take(self, raw: pl.DataFrame) -> pl.DataFrame:
        rows, bad = self._told.chunk(raw)
        self._spill.add(rows)
        return bad

    def parts(self) -> Iterator[pl.DataFrame]:
        """ROWS, some 50,000 at once. Of several of one customer the newest counts, else the first; what differs and is
        not older by its own update time is a conflict."""
        for rows in self._spill.read():
            ranked = rows.sort("ref", "updated_at", "row", descending=[False, True, False], nulls_last=True)
            chosen = ranked.unique("ref", keep="first", maintain_order=True)
            others = ranked.join(chosen.select("row"), on="row", how="anti")
            if not others.is_empty():
                self._set_aside(others, chosen)
            for name in self.counts:
                self.counts[name] += int(
                    chosen.select(_has_name() if name == "name" else pl.col(name).is_not_null()).sum().item()
                )
            yield chosen.sort("row")
            self._recorded(chosen.height)

    def totals(self) -> dict[str, object]:
        """The control totals; whole after `parts`."""
        return {
            "rows": self.rows_read,
            "customers": self.rows_good,
            **{f"with_{name}": count for name, count in self.counts.items()},
            "repeated_rows": self.repeated,
            "outdated_rows": self.outdated,
            "rejected_rows": self.left_out.rows_bad + self.left_out.rows_held,
        }

    def said(self) -> list[str]:
        """What was found out about the file, for the person who imports it; whole after `parts`."""
        notes = super().said()
        if self.repeated:
            notes.append(
                gettext("%(n)s rows repeat a customer word by word and count once.") % {"n": f"{self.repeated:,}"}
            )
        if self.outdated:
            notes.append(
                gettext("%(n)s rows are of customers that stand in the file in a newer version.")
                % {"n": f"{self.outdated:,}"}
            )
        return notes

    def _set_aside(self, others: pl.DataFrame, chosen: pl.DataFrame) -> None:
        spoken = {"first_seen_at": "first_seen"}
        found = repeats.beside(
            others,
            chosen,
            key="ref",
            names=_TOLD,
            ref=checking.masked(pl.col("ref")),
            column=lambda name: self._told.spoken(spoken.get(name, name)),
            shown=_shown,
            says=gettext("customer {} stands twice: {} {} here, {} where it is kept"),
        )
        self.outdated += found.outdated
        self.repeated += found.repeated
        self.left_out.add_late(pl.DataFrame(schema=checking.PROBLEMS), found.held, found.conflicts)


def _has_name() -> pl.Expr:
    return pl.any_horizontal(pl.col("name", "given_name", "family_name").is_not_null())


def _shown(column: str, name: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String)
    if name in CONTACTS:
        return checking.masked(text, is_all=True)
    return text.map_elements(veiled, return_dtype=pl.String) if name in PERSONAL else text


@contextmanager
def walk(
    path: Path,
    wanted: FileMapping | None,
    *,
    zone: str,
    region: str,
    now: datetime,
    progress: Progress = lambda *_: None,
    zone_told: str | None = None,
    defined: Mapping[str, Trait] | None = None,
) -> Iterator[Walk]:
    """Open `path`, tie the mapping to its columns, and walk. `zone` and `region` are the shop's; `zone_told`
    is instead of the mapping's. `defined` are the shop's own traits: the mapping may have columns of them."""
    hints = wanted or load("generic")
    if wanted is None:
        own = {traits.PREFIX + code: _column_of(trait) for code, trait in (defined or {}).items()}
        hints = replace(hints, columns={**hints.columns, **own})
    source, chosen = walking.opened(path, hints, lambda columns: bind(hints, columns))
    chosen = replace(chosen, zone=zone_told or chosen.zone)
    columns = CustomerColumns(
        source=source,
        mapping=chosen,
        zone=civil.zone(zone),
        now=now.astimezone(UTC),
        region=region,
        defined=defined or {},
        notes=[
            *walking.how_it_is_read(wanted, chosen, source.columns),
            *walking.what_is_left(wanted, chosen, source.columns),
        ],
    )
    with walking.spilled(source, ROWS) as (spill, left_out):
        yield Walk(source, columns, spill, left_out, progress)
