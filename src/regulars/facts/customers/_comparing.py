"""How alike two records are, field by field: levels instead of yes and no. Pure; arrays, never loops over pairs.

Each column stands as its distinct texts and a number for each record: two texts are compared once, however often met.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from rapidfuzz import process
from rapidfuzz.distance import OSA, Indel, JaroWinkler

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int8]

_Texts = npt.NDArray[np.object_]
#: How alike the texts of two arrays are, one by one: the more the more alike.
_Measure = Callable[[_Texts, _Texts], Floats]

UNKNOWN = -1

#: What a record may tell; all texts, every one may be missing. Days are ISO dates or eight digits.
COLUMNS = (
    "given_name",
    "family_name",
    "birthday",
    "address",
    "suburb",
    "postcode",
    "state",
    "phone",
    "email",
    "national_id",
)


class Field(NamedTuple):
    """What is compared as one, its levels from the most alike on, and how often each is met before anything is learned.

    `m` is among pairs that are one person, `u` among pairs that are two.
    """

    name: str
    levels: tuple[str, ...]
    m: tuple[float, ...]
    u: tuple[float, ...]


#: Beginnings from common sense; `likeness.learn` replaces them as far as there is something to learn from.
FIELDS = (
    Field(
        "given_name",
        ("same", "close", "loose", "swapped", "different"),
        (0.82, 0.08, 0.03, 0.01, 0.06),
        (0.008, 0.01, 0.05, 0.002, 0.93),
    ),
    Field("family_name", ("same", "close", "loose", "different"), (0.84, 0.08, 0.03, 0.05), (0.01, 0.01, 0.05, 0.93)),
    Field("birthday", ("same", "typo", "near", "different"), (0.87, 0.08, 0.02, 0.03), (0.0001, 0.003, 0.03, 0.9669)),
    Field("address", ("same", "close", "loose", "different"), (0.6, 0.13, 0.07, 0.2), (0.0005, 0.001, 0.02, 0.9785)),
    Field(
        "place",
        ("same", "one", "close", "state", "different"),
        (0.75, 0.12, 0.03, 0.05, 0.05),
        (0.002, 0.005, 0.01, 0.2, 0.783),
    ),
    Field("phone", ("same", "typo", "different"), (0.75, 0.05, 0.2), (0.0001, 0.0001, 0.9998)),
    Field(
        "email",
        ("same", "mailbox", "typo", "name", "different"),
        (0.64, 0.04, 0.04, 0.03, 0.25),
        (0.0001, 0.0001, 0.0001, 0.0007, 0.999),
    ),
    Field("national_id", ("same", "typo", "near", "different"), (0.9, 0.07, 0.01, 0.02), (1e-6, 1e-5, 1e-4, 0.999889)),
)
NAMES = tuple(field.name for field in FIELDS)
_GIVEN, _FAMILY = NAMES.index("given_name"), NAMES.index("family_name")

_DIGITS = r"[^0-9]"
_NO_WORD = r"[^\p{L}\p{N}]+"
_ACCENTS = r"[\u0300-\u036f]"


@dataclass(frozen=True)
class Column:
    """The distinct texts of a column, and of each record which one it has; UNKNOWN where it has none."""

    texts: npt.NDArray[np.object_]
    codes: Ints

    def counts(self) -> Ints:
        """How many records have each text."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts)).astype(np.int64)


def tidied(records: pl.DataFrame) -> pl.DataFrame:
    """`records` with all COLUMNS in the forms they are compared in, and `mailbox`, an address without its tricks."""
    there = [
        (pl.col(name) if name in records.columns else pl.lit(None)).cast(pl.String).alias(name) for name in COLUMNS
    ]
    words = [
        pl.col(name)
        .str.normalize("NFKD")
        .str.replace_all(_ACCENTS, "")
        .str.normalize("NFC")
        .str.to_lowercase()
        .str.replace_all(_NO_WORD, " ")
        .str.strip_chars()
        for name in ("given_name", "family_name", "address", "suburb", "state")
    ]
    email = pl.col("email").str.to_lowercase().str.strip_chars()
    local, domain = email.str.split("@").list.first(), email.str.split("@").list.last()
    plain = local.str.split("+").list.first()
    at_google = domain.is_in(["gmail.com", "googlemail.com"])
    mailbox = (
        pl.when(at_google)
        .then(plain.str.replace_all(".", "", literal=True) + "@gmail.com")
        .otherwise(plain + "@" + domain)
    )
    day = pl.col("birthday").str.replace_all(_DIGITS, "")
    code = [pl.col(name).str.to_lowercase().str.replace_all(_NO_WORD, "") for name in ("postcode", "national_id")]
    return (
        records.select(there)
        .with_columns(
            *words,
            *code,
            pl.when(day.str.len_chars() == 8).then(day).alias("birthday"),
            # The last digits are the same with a country code and without.
            pl.col("phone").str.replace_all(_DIGITS, "").str.tail(9).alias("phone"),
            pl.when(email.str.contains("@", literal=True)).then(email).alias("email"),
            pl.when(email.str.contains("@", literal=True)).then(mailbox).alias("mailbox"),
        )
        # Words of an address in another order are the same address.
        .with_columns(pl.col("address").str.split(" ").list.sort().list.join(" "))
        .with_columns(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in (*COLUMNS, "mailbox"))
    )


def columns(tidy: pl.DataFrame) -> dict[str, Column]:
    """Each column of what `tidied` made, with one vocabulary for both names, so that they can be compared crosswise."""
    both = pl.concat([tidy["given_name"], tidy["family_name"]])
    names = _column(both)
    half = len(tidy)
    found = {
        "given_name": Column(names.texts, names.codes[:half]),
        "family_name": Column(names.texts, names.codes[half:]),
    }
    return found | {name: _column(tidy[name]) for name in tidy.columns if name not in found}


def _column(texts: pl.Series) -> Column:
    distinct = texts.drop_nulls().unique().sort()
    numbers = pl.DataFrame({"text": distinct, "code": pl.arange(0, len(distinct), eager=True, dtype=pl.Int64)})
    codes = texts.to_frame("text").join(numbers, on="text", how="left", maintain_order="left")["code"]
    return Column(distinct.to_numpy().astype(object), codes.fill_null(UNKNOWN).to_numpy().astype(np.int64))


def compare(of: Mapping[str, Column], one: Ints, other: Ints) -> Levels:
    """A row for each pair of records `one[i]`, `other[i]`, a level for each of FIELDS; UNKNOWN where not told."""
    levels = np.full((len(one), len(FIELDS)), UNKNOWN, dtype=np.int8)
    if not len(one):
        return levels
    pairs = {name: _Pairs(column, one, other) for name, column in of.items()}
    for name, place in (("given_name", _GIVEN), ("family_name", _FAMILY)):
        last = len(FIELDS[place].levels) - 1
        levels[:, place] = pairs[name].graded(_winkler, (0.92, 0.8), (1, 2), last)
    _find_swapped(of, one, other, levels)
    levels[:, NAMES.index("birthday")] = _birthdays(pairs["birthday"])
    levels[:, NAMES.index("address")] = pairs["address"].graded(_indel, (0.85, 0.65), (1, 2), 3)
    levels[:, NAMES.index("place")] = _places(pairs["postcode"], pairs["suburb"], pairs["state"])
    levels[:, NAMES.index("phone")] = pairs["phone"].graded(_few_slips, (-1.0,), (1,), 2)
    levels[:, NAMES.index("email")] = _emails(pairs["email"], pairs["mailbox"])
    levels[:, NAMES.index("national_id")] = pairs["national_id"].graded(_few_slips, (-1.0, -2.0), (1, 2), 3)
    return levels


class _Pairs:
    """One column of the pairs: which are told, which are the same, and how alike the others are."""

    def __init__(self, column: Column, one: Ints, other: Ints) -> None:
        self._texts = column.texts
        self.left, self.right = column.codes[one], column.codes[other]
        self.is_told = (self.left >= 0) & (self.right >= 0)
        self.is_same = self.is_told & (self.left == self.right)

    def others(self) -> Ints:
        """Which pairs have two texts that are not the same."""
        return np.flatnonzero(self.is_told & ~self.is_same)

    def alike(self, measure: _Measure, which: Ints) -> Floats:
        """How alike the texts of these pairs are; each two texts are compared once."""
        low = np.minimum(self.left[which], self.right[which])
        high = np.maximum(self.left[which], self.right[which])
        distinct, back = np.unique(low * len(self._texts) + high, return_inverse=True)
        return measure(self._texts[distinct // len(self._texts)], self._texts[distinct % len(self._texts)])[back]

    def graded(self, measure: _Measure, least: Sequence[float], marks: Sequence[int], last: int) -> Levels:
        """Level 0 for the same, `marks` for at least so alike, `last` for less."""
        found = np.full(len(self.left), UNKNOWN, dtype=np.int8)
        found[self.is_same] = 0
        which = self.others()
        if len(which):
            likeness = self.alike(measure, which)
            marked = np.full(len(which), last, dtype=np.int8)
            for edge, mark in reversed(list(zip(least, marks, strict=True))):
                marked[likeness >= edge] = mark
            found[which] = marked
        return found


def _winkler(one: _Texts, other: _Texts) -> Floats:
    found = process.cpdist(one.tolist(), other.tolist(), scorer=JaroWinkler.normalized_similarity, workers=2)
    return np.asarray(found, dtype=np.float64)


def _indel(one: _Texts, other: _Texts) -> Floats:
    found = process.cpdist(one.tolist(), other.tolist(), scorer=Indel.normalized_similarity, workers=2)
    return np.asarray(found, dtype=np.float64)


def _few_slips(one: _Texts, other: _Texts) -> Floats:
    """Letters added, lost, changed or exchanged with their neighbour, negative: the fewer the more alike."""
    return -np.asarray(process.cpdist(one.tolist(), other.tolist(), scorer=OSA.distance, workers=2), dtype=np.float64)


def _find_swapped(of: Mapping[str, Column], one: Ints, other: Ints, levels: Levels) -> None:
    """Given and family name the wrong way round count once: in the given name, and the family name tells nothing."""
    given, family = of["given_name"], of["family_name"]
    which = np.flatnonzero((levels[:, _GIVEN] > 1) & (levels[:, _FAMILY] > 1))
    if not len(which):
        return
    crossed = np.stack([given.codes, family.codes]).T
    left, right = crossed[one[which]], crossed[other[which]][:, ::-1]
    fits = np.ones(len(which), dtype=bool)
    for column in (0, 1):
        vocabulary = Column(given.texts, np.concatenate([left[:, column], right[:, column]]))
        half = np.arange(len(which), dtype=np.int64)
        pairs = _Pairs(vocabulary, half, half + len(which))
        graded = pairs.graded(_winkler, (0.92,), (1,), 2)
        fits &= (graded >= 0) & (graded <= 1)
    swapped = which[fits]
    levels[swapped, _GIVEN] = FIELDS[_GIVEN].levels.index("swapped")
    levels[swapped, _FAMILY] = UNKNOWN


def _birthdays(pairs: _Pairs) -> Levels:
    found = pairs.graded(_few_slips, (-1.0, -2.0), (1, 2), 3)
    which = pairs.others()
    if len(which):
        left, right = pairs._texts[pairs.left[which]], pairs._texts[pairs.right[which]]
        turned = pl.Series(left, dtype=pl.String)
        turned = turned.str.slice(0, 4) + turned.str.slice(6, 2) + turned.str.slice(4, 2)
        found[which[(turned == pl.Series(right, dtype=pl.String)).to_numpy()]] = 1
    return found


def _places(postcode: _Pairs, suburb: _Pairs, state: _Pairs) -> Levels:
    """Postcode, suburb and state tell of one another, so they are one sign and not three."""
    found = np.full(len(postcode.left), UNKNOWN, dtype=np.int8)
    is_told = postcode.is_told | suburb.is_told | state.is_told
    found[is_told] = 4
    found[state.is_same] = 3
    close = (postcode.graded(_few_slips, (-1.0,), (1,), 2) == 1) | (suburb.graded(_winkler, (0.88,), (1,), 2) == 1)
    found[close] = 2
    found[postcode.is_same | suburb.is_same] = 1
    whole = (postcode.is_same | ~postcode.is_told) & (suburb.is_same | ~suburb.is_told)
    found[whole & (postcode.is_same | suburb.is_same)] = 0
    return found


def _emails(email: _Pairs, mailbox: _Pairs) -> Levels:
    found = email.graded(_few_slips, (-1.0,), (2,), 4)
    which = email.others()
    if len(which):
        left = pl.Series(email._texts[email.left[which]], dtype=pl.String).str.split("@").list.first()
        right = pl.Series(email._texts[email.right[which]], dtype=pl.String).str.split("@").list.first()
        same_name = ((left == right) & (left.str.len_chars() >= 5)).to_numpy()
        found[which[same_name & (found[which] == 4)]] = 3
        found[mailbox.is_same & (found > 0)] = 1
    return found
