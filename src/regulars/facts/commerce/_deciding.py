"""What to do with documents that may be known already. Pure: frames in, frames out."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from hashlib import blake2b

import polars as pl

from regulars.facts.commerce import _copying
from regulars.facts.commerce._telling import Verdict
from regulars.facts.commerce.outcome import Outcome

_NOTHING, _FIELD, _END, _MORE = "\x00", "\x1f", "\x1e", "\x1d"
_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_NO_VERSION = -(2**63)

#: What `sort_out` says of each incoming document.
VERDICT = pl.Enum(["new", "same", "again", "newer", "stale", "conflict"])
_SAID = {"newer": "changed", "again": "same"}

KNOWN = pl.Schema(
    {
        "ref": pl.String(),
        "id": pl.Int64(),
        "known_fingerprint": pl.Binary(),
        "known_updated_at": pl.Datetime("us", "UTC"),
        "known_version": pl.Int64(),
    }
)


def contents(
    headers: pl.LazyFrame,
    lines: pl.DataFrame,
    *,
    kinds: Mapping[str, pl.DataType],
    header: list[str],
    line: list[str],
    more: Iterable[str] = (),
    more_of_lines: Iterable[str] = (),
) -> pl.LazyFrame:
    """`headers` with a `content`: a text that two documents have in common when they say the same.

    `header` and `line` name the columns that count; lines count in the order of their numbers. `lines` names its
    document in `ref`. `more` count where they are not null, so that a document which tells none of them has the content
    it had before there were any; `more_of_lines` need not be there. `kinds` are those of the columns of `headers`.
    """
    instants = frozenset(name for name, kind in kinds.items() if isinstance(kind, pl.Datetime))
    of_lines = (
        lines.lazy()
        .sort(["ref", "number"])
        .select("ref", content=_of_line(tuple(line), tuple(told(lines, more_of_lines))))
        .group_by("ref")
        .agg(pl.col("content").str.join(_END))
    )
    return headers.join(of_lines, on="ref", how="left", maintain_order="left").with_columns(
        content=_whole(tuple(header), tuple(more), instants)
    )


# To put an expression together costs about as much as to have it computed for one order.
@lru_cache(128)
def _of_line(line: tuple[str, ...], more: tuple[str, ...]) -> pl.Expr:
    of_line = [pl.col(name).cast(pl.String).fill_null(_NOTHING) for name in line]
    return pl.concat_str([pl.concat_str(of_line, separator=_FIELD), *_besides(more, frozenset())])


@lru_cache(128)
def _whole(header: tuple[str, ...], more: tuple[str, ...], instants: frozenset[str]) -> pl.Expr:
    fields = [_text(name, instants).fill_null(_NOTHING) for name in header] + [pl.col("content").fill_null("")]
    return pl.concat_str([pl.concat_str(fields, separator=_FIELD), *_besides(more, instants)])


def fingerprinted(documents: pl.DataFrame) -> pl.DataFrame:
    """`documents` with a `fingerprint` in the place of their `content`: 16 bytes."""
    digests = [blake2b(text.encode(), digest_size=16).digest() for text in documents["content"].to_list()]
    return documents.replace_column(
        documents.get_column_index("content"), pl.Series("fingerprint", digests, dtype=pl.Binary)
    )


def sort_out(incoming: pl.DataFrame, known: pl.DataFrame, *, further: Sequence[str] = ()) -> pl.DataFrame:
    """`incoming` (ref, fingerprint, source_updated_at, perhaps version …) with `id` of the known document and a
    `verdict`.

    The source's update time decides between versions of a document, and at one moment its version. Without either, or
    with the same, other content is a conflict and what is known stays. With `further`, columns without nulls that
    `known` has as `known_…`, the greater of them in their order counts then, and of those that are equal the greater
    fingerprint: a total order, so that what counts in the end never depends on what came first.
    """
    beside = incoming.lazy().join(known.lazy(), on="ref", how="left", maintain_order="left")
    if "version" not in incoming.columns:
        beside = beside.with_columns(version=pl.lit(None, dtype=pl.Int64))
    return _copying.collected(beside.with_columns(verdict=_verdict(tuple(further))))


def those(sorted_out: pl.DataFrame, verdict: Verdict) -> pl.DataFrame:
    """The documents of which it was decided so."""
    said = sorted_out["verdict"].to_list()
    many = said.count(verdict)
    if not many:
        return sorted_out.clear()
    return sorted_out.filter(pl.col("verdict") == verdict) if many < len(said) else sorted_out


@cache
def _verdict(further: tuple[str, ...]) -> pl.Expr:
    marks = [
        (pl.col(mark).fill_null(never), pl.col(f"known_{was}").fill_null(never))
        for mark, was, never in (("source_updated_at", "updated_at", _NEVER), ("version", "version", _NO_VERSION))
    ]
    ties = [
        *((pl.col(name), pl.col(f"known_{name}")) for name in further),
        (pl.col("fingerprint").bin.encode("hex"), pl.col("known_fingerprint").bin.encode("hex")),
    ]
    is_undated = pl.col("source_updated_at").is_null() & pl.col("version").is_null()
    is_later, is_earlier = _greater(marks), _greater([(was, now) for now, was in marks])
    is_same = pl.col("fingerprint") == pl.col("known_fingerprint")
    other = (
        pl.when(pl.col("id").is_null())
        .then(pl.lit("new"))
        .when(is_same & is_later)
        .then(pl.lit("again"))
        .when(is_same)
        .then(pl.lit("same"))
    )
    if further:
        verdict = other.when(_greater([*marks, *ties])).then(pl.lit("newer")).otherwise(pl.lit("stale"))
    else:
        verdict = (
            other.when(is_undated)
            .then(pl.lit("conflict"))
            .when(is_later)
            .then(pl.lit("newer"))
            .when(is_earlier)
            .then(pl.lit("stale"))
            .otherwise(pl.lit("conflict"))
        )
    return verdict.cast(VERDICT)


def _greater(pairs: Sequence[tuple[pl.Expr, pl.Expr]]) -> pl.Expr:
    """Whether the first of the pairs that differ has the greater one first."""
    found = pl.lit(value=False)
    for now, was in reversed(pairs):
        found = pl.when(now > was).then(pl.lit(value=True)).when(now < was).then(pl.lit(value=False)).otherwise(found)
    return found


def numbered(fresh: pl.DataFrame, ids: Sequence[int]) -> pl.DataFrame:
    """New documents with the numbers they get in the place of those they had not."""
    return fresh.clone().replace_column(fresh.get_column_index("id"), pl.Series("id", ids, dtype=pl.Int64))


def outcome(sorted_out: pl.DataFrame, fresh: pl.DataFrame) -> Outcome:
    """What came of a batch that `sort_out` sorted; `fresh` has the new ones with the numbers they got."""
    refs = sorted_out["ref"].to_list()
    ids = dict(zip(refs, sorted_out["id"].to_list(), strict=True))
    numbers = {ref: number for ref, number in ids.items() if number is not None}
    numbers |= zip(fresh["ref"].to_list(), fresh["id"].to_list(), strict=True)
    told = [(ref, _SAID.get(word, word)) for ref, word in zip(refs, sorted_out["verdict"].to_list(), strict=True)]
    return Outcome.of(numbers, told)


def _text(name: str, instants: Collection[str]) -> pl.Expr:
    column = pl.col(name)
    return column.dt.epoch("us").cast(pl.String) if name in instants else column.cast(pl.String)


def told(frame: pl.DataFrame, names: Iterable[str]) -> list[str]:
    """Those of the columns that are there and say something of a document."""
    return [name for name in names if name in frame.columns and frame[name].null_count() < frame.height]


def _besides(names: Iterable[str], instants: Collection[str]) -> list[pl.Expr]:
    """What is told of each of these columns, and nothing where nothing is."""
    return [
        pl.when(pl.col(name).is_not_null())
        .then(pl.concat_str([pl.lit(_MORE + name + "="), _text(name, instants)]))
        .otherwise(pl.lit(""))
        for name in names
    ]
