"""What may be wrong with rows: every check's problem with its file line, column, value and mend. Pure."""

import re
from dataclasses import dataclass, field

import polars as pl
from django.utils.translation import gettext

from regulars.doors.imports.mapping import CONTACTS, FileMapping
from regulars.doors.imports.settling import veiled
from regulars.facts.customers import contacts
from regulars.facts.customers.identifiers import is_contact

PROBLEMS = pl.Schema(
    {
        "row": pl.Int64(),
        "line_in_file": pl.Int64(),
        "column": pl.String(),
        "value": pl.String(),
        "problem": pl.String(),
        "mend": pl.String(),
    }
)


#: Fields that may hold an address or a number somebody can be reached by.
_MAYBE_CONTACTS = ("customer", "user", "anonymous", "message_id", "event")
_NUMBER = re.compile(r"[0-9][0-9,-]*", re.ASCII)
_NAME = re.compile(r"'[^']+'")
#: Problems that say themselves that there is nothing.
_OF_NOTHING = ("is empty", "is not there")


def told(problems: pl.DataFrame) -> pl.DataFrame:
    """PROBLEMS for a person, in the language that is spoken: row, line_in_file, `sentence` (what is wrong, with column
    and value: `quantity: 'two' is no number`), mend."""
    value = pl.col("value").str.replace_all(r"\s+", " ").fill_null("")
    says_so = pl.any_horizontal(pl.col("problem").str.starts_with(words) for words in _OF_NOTHING)
    problem = pl.col("problem").replace(_spoken(problems["problem"]))
    return problems.select(
        "row",
        "line_in_file",
        sentence=pl.when((value == "") & says_so)
        .then(pl.format("{} {}", "column", problem))
        .when(value == "")
        .then(pl.format("{}: {} {}", "column", pl.lit(gettext("(nothing)")), problem))
        .otherwise(pl.format("{}: '{}' {}", "column", value, problem)),
        mend=pl.col("mend").replace(_spoken(problems["mend"])),
    )


def spoken(text: str) -> str:
    """What is wrong, or its mend, in the language that is spoken; a number, a day or a name in quotes as it is."""
    said = gettext(text)
    if said == text and (name := _NAME.search(text)):
        return gettext(f"{text[: name.start()]}%(name)s{text[name.end() :]}").replace("%(name)s", name[0])
    if said == text and (number := _NUMBER.search(text)):
        return gettext(f"{text[: number.start()]}%(n)s{text[number.end() :]}").replace("%(n)s", number[0])
    return said


def _spoken(texts: pl.Series) -> dict[str, str]:
    # Here and not within an expression: those are worked out in threads, which speak no language.
    return {text: spoken(text) for text in texts.drop_nulls().unique() if text}


@dataclass(frozen=True)
class _Check:
    wrong: pl.Expr
    name: str
    problem: str
    mend: str


@dataclass
class Problems:
    """Collects what may be wrong with the rows of one chunk, and looks at all of it in one pass.

    Of `hidden` fields the form of a value is told, not what it says.
    """

    mapping: FileMapping
    spoken: dict[str, str]
    hidden: frozenset[str] = frozenset()
    checks: list[_Check] = field(default_factory=list)

    def where(self, wrong: pl.Expr, name: str, problem: str, mend: str) -> None:
        """Every row for which `wrong` holds has this problem in the field `name`."""
        self.checks.append(_Check(wrong.fill_null(value=False), name, problem, mend))

    def found(self, read: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
        """PROBLEMS, by row. Of a row that cannot be read at all, in `faults`, nothing else is said."""
        found = self._looked(read)
        if faults.is_empty():
            return found
        others = found.join(faults, on="row", how="anti")
        return pl.concat([others, faults]).sort("row", maintain_order=True)

    def _looked(self, read: pl.DataFrame) -> pl.DataFrame:
        if read.is_empty():
            return pl.DataFrame(schema=PROBLEMS)
        seen = read.select(check.wrong.any().alias(str(place)) for place, check in enumerate(self.checks)).row(0)
        frames = [self._rows(read, check) for check, any_row in zip(self.checks, seen, strict=True) if any_row]
        if not frames:
            return pl.DataFrame(schema=PROBLEMS)
        return pl.concat(frame.cast(PROBLEMS) for frame in frames).sort("row", maintain_order=True)

    def _rows(self, read: pl.DataFrame, check: _Check) -> pl.DataFrame:
        value = pl.lit("")
        if check.name in self.mapping.columns:
            value = pl.col(check.name).cast(pl.String).str.slice(0, 200)
        rows = read.filter(check.wrong).select(
            row="@row",
            line_in_file="@line",
            column=pl.lit(self.spoken.get(check.name, check.name)),
            value=value,
            problem=pl.lit(check.problem),
            mend=pl.lit(check.mend),
        )
        if check.name in CONTACTS or (check.name in _MAYBE_CONTACTS and check.name in self.mapping.columns):
            return rows.with_columns(masked(pl.col("value"), is_all=check.name in CONTACTS))
        if check.name in self.hidden:
            return rows.with_columns(pl.col("value").map_elements(veiled, return_dtype=pl.String))
        return rows


def masked(column: pl.Expr, *, is_all: bool = False) -> pl.Expr:
    """Texts that may be contacts, as they may be shown. `is_all`: they are contacts, whatever they look like."""

    def shown(text: str) -> str:
        return contacts.masked(text) if is_all or "@" in text or is_contact(text) else text

    return column.map_elements(shown, return_dtype=pl.String)
