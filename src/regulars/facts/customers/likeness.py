"""How likely two records are one person, from what they tell alone: Fellegi and Sunter's weights, learned unaided.

Pure. Candidates are pairs that share a *block*; each pair gets a level for each field (`_comparing`), and each level a
weight: how much more often it is met among pairs that are one person (m) than among those that are two (u). u is
counted over pairs drawn blindly, m and the share of true pairs are found by expectation maximisation within each block,
never for the fields the block was made of. Agreement on a rare name weighs more than on a common one.

Sources: Fellegi and Sunter, A Theory for Record Linkage, JASA 64 (1969); Winkler, Frequency-Based Matching in
Fellegi-Sunter (2000) and Improved Decision Rules (1993); Linacre and others, Splink, IJPDS 7:1 (2022). What parts from
them and why: docs/algorithms/likeness.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from regulars.facts.customers import _candidates
from regulars.facts.customers._candidates import Keys
from regulars.facts.customers._comparing import (
    COLUMNS,
    FIELDS,
    NAMES,
    UNKNOWN,
    Column,
    Floats,
    Ints,
    Levels,
    columns,
    compare,
    tidied,
)

__all__ = [
    "BLOCKS",
    "COLUMNS",
    "FIELDS",
    "LOT",
    "Levels",
    "Records",
    "Sign",
    "Weights",
    "block_keys",
    "hashed_keys",
    "learn",
    "likely",
    "pairs",
    "score",
    "signs",
]

#: Pairs compared at a time; what bounds memory.
LOT = 500_000
#: Pairs drawn blindly to see how often two strangers agree.
_DRAWN = 400_000
#: Pairs of a block, and of all blocks, that are looked at to learn.
_LEARNED_FROM = 200_000
#: What is believed before looking counts like so many pairs.
_BELIEF_M, _BELIEF_U = 20.0, 500.0
_ROUNDS = 25
#: Pairs of one home beside each pair that is one person twice: enough to keep out a family in which one field tells the
#: members apart, too few to lose everybody of whom little is told.
_HOMES = 0.1
#: How often the levels are met among two people of one home. Their other fields are those of strangers.
_AT_HOME = {
    "family_name": (0.75, 0.03, 0.03, 0.19),
    "address": (0.85, 0.08, 0.04, 0.03),
    "place": (0.9, 0.05, 0.02, 0.02, 0.01),
    "phone": (0.4, 0.02, 0.58),
    "email": (0.15, 0.01, 0.01, 0.01, 0.82),
}
_NAMES_WITH_FREQUENCY = ("given_name", "family_name")


class Block(NamedTuple):
    """Records that share `key` are compared; of `fields` nothing can be learned from such pairs."""

    name: str
    key: pl.Expr
    fields: tuple[str, ...]
    #: More records than these under one key make no pairs: the key says little, and pairs grow with the square.
    most: int = 100


def _joined(*parts: pl.Expr) -> pl.Expr:
    return pl.concat_str(parts, separator="|", ignore_nulls=False)


_GIVEN, _FAMILY, _DAY = pl.col("given_name"), pl.col("family_name"), pl.col("birthday")

#: Under a key that says as little as a day or a postcode.
COARSE = 30
#: Either name may be the first: people and files swap them. Where a shop is large, the coarse ones (a day, a postcode,
#: a suburb alone) have too many records to make pairs, and the fine ones beside them do the work.
BLOCKS = (
    Block("national_id", pl.col("national_id"), ("national_id",)),
    Block("email", pl.col("mailbox"), ("email",)),
    Block("phone", pl.col("phone"), ("phone",)),
    Block(
        "names",
        _joined(pl.min_horizontal(_GIVEN, _FAMILY), pl.max_horizontal(_GIVEN, _FAMILY)),
        ("given_name", "family_name"),
    ),
    Block(
        "name_starts",
        _joined(
            pl.min_horizontal(_GIVEN.str.head(3), _FAMILY.str.head(3)),
            pl.max_horizontal(_GIVEN.str.head(3), _FAMILY.str.head(3)),
        ),
        ("given_name", "family_name"),
    ),
    Block("birthday", _DAY, ("birthday",), COARSE),
    Block("birthday_given", _joined(_DAY, _GIVEN.str.head(1)), ("birthday", "given_name")),
    Block("birthday_family", _joined(_DAY, _FAMILY.str.head(1)), ("birthday", "family_name")),
    Block("place_given", _joined(pl.col("postcode"), _GIVEN.str.head(3)), ("place", "given_name")),
    Block("place_family", _joined(pl.col("postcode"), _FAMILY.str.head(3)), ("place", "family_name")),
    Block("place_birthday", _joined(pl.col("postcode"), _DAY.str.tail(4)), ("place", "birthday")),
    Block("postcode", pl.col("postcode"), ("place",), COARSE),
    Block("suburb", pl.col("suburb"), ("place",), COARSE),
    Block("address", pl.col("address"), ("address",)),
)


@dataclass(frozen=True)
class Records:
    """Records made ready: `tidy` in the forms they are compared in, `columns` as numbers."""

    tidy: pl.DataFrame
    columns: Mapping[str, Column]

    @staticmethod
    def of(records: pl.DataFrame) -> "Records":
        """From a frame with any of COLUMNS, texts, one row a record; other columns are left out."""
        tidy = tidied(records)
        return Records(tidy, columns(tidy))

    def __len__(self) -> int:
        return len(self.tidy)


@dataclass(frozen=True)
class Weights:
    """What was learned: `prior`, the share of true pairs among all pairs; m and u of each field's levels.

    `common` has the share of records for each name that is met more than once; `rarest` is the share of any other.
    """

    prior: float
    m: tuple[Floats, ...]
    u: tuple[Floats, ...]
    common: Mapping[str, Mapping[str, float]]
    rarest: float


class Sign(NamedTuple):
    """How a field agreed. Names only, never what it says."""

    field: str
    level: str


def block_keys(records: Records) -> dict[str, pl.Series]:
    """Of each block the key of each record, missing where it tells too little."""
    keys = records.tidy.select(block.key.alias(block.name) for block in BLOCKS)
    return {block.name: keys[block.name] for block in BLOCKS}


def hashed_keys(records: Records) -> list[Keys]:
    """The same as numbers: what is kept of records whose texts are not at hand."""
    return [_candidates.hashed(key) for key in block_keys(records).values()]


def pairs(keys: Sequence[Keys], size: int) -> Iterator[tuple[Ints, Ints]]:
    """The pairs of records (places) that share one of `hashed_keys`, each once, the earlier first, `size` at a time."""
    return _candidates.lots(keys, [block.most for block in BLOCKS], size)


def _pairs_by_block(records: Records) -> list[Ints]:
    keys = block_keys(records)
    return [_pairs_of(keys[block.name], block.most) for block in BLOCKS]


def _apart(coded: Ints, number: int) -> tuple[Ints, Ints]:
    return coded // max(number, 1), coded % max(number, 1)


def _pairs_of(key: pl.Series, most: int) -> Ints:
    """Pairs that share the key, as first * number of records + second."""
    told = pl.DataFrame({"key": key, "place": pl.arange(0, len(key), eager=True, dtype=pl.Int64)}).drop_nulls()
    several = told.filter(pl.len().over("key").is_between(2, most))
    joined = several.join(several, on="key", suffix="_other").filter(pl.col("place") < pl.col("place_other"))
    return joined.select(pl.col("place") * len(key) + pl.col("place_other")).to_series().to_numpy()


def learn(records: Records, *, possible: float | None = None) -> Weights:
    """The weights that fit these records best; with few or no true pairs among them, what common sense says.

    `possible` is how many pairs could be asked about where the records are a sample of those; else all pairs of them.
    """
    number = len(records)
    blind = _patterns(compare(records.columns, *_drawn(number)))
    found = _pairs_by_block(records)
    by_block = [
        ([NAMES.index(field) for field in block.fields], _thinned(records, coded))
        for block, coded in zip(BLOCKS, found, strict=True)
    ]
    everything = _thinned(records, np.unique(np.concatenate(found)))
    beliefs = [field.u for field in FIELDS]
    m = tuple(np.array(field.m) for field in FIELDS)
    u = _shares(blind, np.ones(len(blind.counts)), beliefs)
    here = max(number * (number - 1) / 2, 1.0)
    prior = min(1.0 / max(number, 2), 0.1)
    for _ in range(2):
        m = _maximised(by_block, m, u)
        prior = _share(everything, m, u, prior, here)
        # Two strangers drawn blindly are now and then one person; that much less they count.
        u = _shares(blind, 1 - _chance(blind.levels, m, u, prior), beliefs)
    if possible is not None:
        prior *= min(here / max(possible, 1.0), 1.0)
    return Weights(prior, m, u, _common(records), 1.0 / max(number, 1000))


def score(records: Records, one: Ints, other: Ints, weights: Weights) -> tuple[Floats, Levels]:
    """How likely each pair (places in the frame) is one person, and the level of each field."""
    levels = compare(records.columns, one, other)
    person = np.log(weights.prior) + _told(levels, weights.m)
    home = np.log(_HOMES * weights.prior) + _told(
        levels, [np.array(_AT_HOME.get(name, u)) for name, u in zip(NAMES, weights.u, strict=True)]
    )
    strangers = np.log(1 - weights.prior) + _told(levels, weights.u)
    for name in _NAMES_WITH_FREQUENCY:
        place, column = NAMES.index(name), records.columns[name]
        common = weights.common[name]
        shares = np.array([common.get(text, weights.rarest) for text in column.texts], dtype=np.float64)
        same = np.flatnonzero(levels[:, place] == 0)
        if len(same):
            rare = np.log(shares[column.codes[one[same]]] / weights.u[place][0])
            strangers[same] += rare
            if name not in _AT_HOME:
                home[same] += rare
    return 1 / (1 + np.exp(np.logaddexp(strangers, home) - person)), levels


def likely(records: pl.DataFrame, *, at_least: float = 0.9) -> pl.DataFrame:
    """The pairs of a frame that are one person at least so likely: `one`, `other` (rows), `score`, and each level."""
    ready = Records.of(records)
    weights = learn(ready)
    none = np.zeros(0, dtype=np.int64)
    parts = [_alike(ready, none, none, weights, at_least)]
    parts += [_alike(ready, one, other, weights, at_least) for one, other in pairs(hashed_keys(ready), LOT)]
    return pl.concat(parts)


def _alike(records: Records, one: Ints, other: Ints, weights: Weights, at_least: float) -> pl.DataFrame:
    chance, levels = score(records, one, other, weights)
    good = chance >= at_least
    return pl.DataFrame({"one": one[good], "other": other[good], "score": chance[good]}).with_columns(
        pl.Series(name, levels[good, place]) for place, name in enumerate(NAMES)
    )


def signs(levels: npt.NDArray[np.int8]) -> tuple[Sign, ...]:
    """One pair's levels by name; what is not told of both is left out."""
    return tuple(
        Sign(field.name, field.levels[level])
        for field, level in zip(FIELDS, levels.tolist(), strict=True)
        if level != UNKNOWN
    )


@dataclass(frozen=True)
class _Patterns:
    """Levels that occur, each once, and how many pairs have them: some thousands for any number of pairs."""

    levels: Levels
    counts: Floats


def _patterns(levels: Levels) -> _Patterns:
    if not len(levels):
        return _Patterns(levels, np.zeros(0))
    code = np.zeros(len(levels), dtype=np.int64)
    for place, field in enumerate(FIELDS):
        code = code * (len(field.levels) + 1) + (levels[:, place] + 1)
    _, first, counts = np.unique(code, return_index=True, return_counts=True)
    return _Patterns(levels[first], counts.astype(np.float64))


def _thinned(records: Records, coded: Ints) -> _Patterns:
    """The patterns of pairs; of very many pairs only every so many is compared and counts for those left out."""
    step = max(1, len(coded) // _LEARNED_FROM)
    patterns = _patterns(compare(records.columns, *_apart(coded[::step], len(records))))
    return _Patterns(patterns.levels, patterns.counts * step)


def _drawn(number: int) -> tuple[Ints, Ints]:
    """Pairs drawn blindly, the same each time; all of them where there are few."""
    if number * (number - 1) // 2 <= _DRAWN:
        one, other = np.triu_indices(number, 1)
        return one.astype(np.int64), other.astype(np.int64)
    chance = np.random.default_rng(1969)
    one, step = chance.integers(0, number, _DRAWN), chance.integers(1, number, _DRAWN)
    return one, (one + step) % number


def _shares(patterns: _Patterns, weight: Floats, beliefs: Sequence[Sequence[float]]) -> tuple[Floats, ...]:
    """How often each level of each field is met in the weighted pairs that tell it; belief is so many pairs more."""
    return tuple(
        _normal(_counted(patterns, weight, place) + _BELIEF_U * np.array(belief))
        for place, belief in enumerate(beliefs)
    )


def _counted(patterns: _Patterns, weight: Floats, place: int) -> Floats:
    level = patterns.levels[:, place]
    told = level != UNKNOWN
    return np.bincount(
        level[told], weights=(patterns.counts * weight)[told], minlength=len(FIELDS[place].levels)
    ).astype(np.float64)


def _normal(counts: Floats) -> Floats:
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _told(levels: Levels, shares: Sequence[Floats], without: Sequence[int] = ()) -> Floats:
    """The logarithm of how likely each row of levels is; what is not told says nothing."""
    total = np.zeros(len(levels))
    for place in range(len(FIELDS)):
        if place not in without:
            total += np.append(np.log(shares[place]), 0.0)[levels[:, place]]
    return total


def _chance(
    levels: Levels, m: Sequence[Floats], u: Sequence[Floats], prior: float, without: Sequence[int] = ()
) -> Floats:
    against = np.log((1 - prior) / prior) + _told(levels, u, without) - _told(levels, m, without)
    return np.asarray(1 / (1 + np.exp(against)), dtype=np.float64)


def _maximised(
    by_block: Sequence[tuple[list[int], _Patterns]], m: tuple[Floats, ...], u: tuple[Floats, ...]
) -> tuple[Floats, ...]:
    """m by expectation maximisation: each block with its own share of true pairs, m over all blocks together."""
    priors = [0.1] * len(by_block)
    for _ in range(_ROUNDS):
        counts = [_BELIEF_M * np.array(field.m) for field in FIELDS]
        for number, (own, patterns) in enumerate(by_block):
            if not len(patterns.counts):
                continue
            chance = _chance(patterns.levels, m, u, priors[number], own)
            true = float((chance * patterns.counts).sum())
            priors[number] = min(max((true + 0.1) / (patterns.counts.sum() + 1), 1e-9), 0.999)
            for place in range(len(FIELDS)):
                if place not in own:
                    counts[place] += _counted(patterns, chance, place)
        m = tuple(_normal(each) for each in counts)
    return m


def _share(patterns: _Patterns, m: Sequence[Floats], u: Sequence[Floats], prior: float, possible: float) -> float:
    """The share of true pairs among all: as many as the candidates are likely to hold, with that share as the prior."""
    for _ in range(_ROUNDS):
        true = float((_chance(patterns.levels, m, u, prior) * patterns.counts).sum())
        prior = min(max((true + 0.5) / possible, 1e-12), 0.5)
    return prior


def _common(records: Records) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name in _NAMES_WITH_FREQUENCY:
        column = records.columns[name]
        counts = column.counts()
        total = max(int(counts.sum()), 1)
        several = np.flatnonzero(counts > 1)
        found[name] = {str(column.texts[place]): float(counts[place]) / total for place in several}
    return found
