"""What to do with documents that may be known already. Pure: frames in, frames out."""

from hashlib import blake2b

import polars as pl

from regulars.facts.commerce.outcome import Outcome

#: What `sort_out` says of each incoming document.
VERDICT = pl.Enum(["new", "same", "newer", "stale", "conflict"])

KNOWN = pl.Schema(
    {
        "ref": pl.String(),
        "id": pl.Int64(),
        "known_fingerprint": pl.Binary(),
        "known_updated_at": pl.Datetime("us", "UTC"),
    }
)


def fingerprints(headers: pl.DataFrame, lines: pl.DataFrame, *, header: list[str], line: list[str]) -> pl.DataFrame:
    """`headers` with a `fingerprint`: 16 bytes that tell whether two documents say the same.

    `header` and `line` name the columns that count; lines count in the order of their numbers. `lines` names its
    document in `ref`.
    """
    nothing, field, end = "\x00", "\x1f", "\x1e"
    told = (
        lines.sort(["ref", "number"])
        .select(
            "ref",
            content=pl.concat_str([pl.col(name).cast(pl.String).fill_null(nothing) for name in line], separator=field),
        )
        .group_by("ref")
        .agg(pl.col("content").str.join(end))
    )
    whole = headers.join(told, on="ref", how="left").select(
        pl.concat_str(
            [_text(headers.schema[name], name).fill_null(nothing) for name in header]
            + [pl.col("content").fill_null("")],
            separator=field,
        )
    )
    digests = [blake2b(text.encode(), digest_size=16).digest() for text in whole.to_series()]
    return headers.with_columns(pl.Series("fingerprint", digests, dtype=pl.Binary))


def sort_out(incoming: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`incoming` (ref, fingerprint, source_updated_at …) with `id` of the known document and a `verdict`.

    The source's update time decides between versions. Without one on either side, or with the same, other content is a
    conflict and what is known stays.
    """
    later = pl.col("source_updated_at") > pl.col("known_updated_at")
    return incoming.join(known, on="ref", how="left").with_columns(
        pl.when(pl.col("id").is_null())
        .then(pl.lit("new"))
        .when(pl.col("fingerprint") == pl.col("known_fingerprint"))
        .then(pl.lit("same"))
        .when(pl.col("source_updated_at").is_null())
        .then(pl.lit("conflict"))
        .when(pl.col("known_updated_at").is_null() | later)
        .then(pl.lit("newer"))
        .when(pl.col("source_updated_at") < pl.col("known_updated_at"))
        .then(pl.lit("stale"))
        .otherwise(pl.lit("conflict"))
        .cast(VERDICT)
        .alias("verdict")
    )


def outcome(sorted_out: pl.DataFrame, fresh: pl.DataFrame) -> Outcome:
    """What came of a batch that `sort_out` sorted; `fresh` has the new ones with the numbers they got."""
    of = {
        verdict: some["ref"].to_list()
        for (verdict,), some in sorted_out.partition_by("verdict", as_dict=True, maintain_order=True).items()
    }
    known = sorted_out.filter(pl.col("id").is_not_null()).select("ref", "id")
    return Outcome(
        ids=dict(pl.concat([known, fresh.select("ref", "id")]).iter_rows()),
        new=fresh.height,
        changed=len(of.get("newer", [])),
        same=len(of.get("same", [])),
        stale=of.get("stale", []),
        conflicts=of.get("conflict", []),
    )


def _text(kind: pl.DataType, name: str) -> pl.Expr:
    column = pl.col(name)
    return column.dt.epoch("us").cast(pl.String) if isinstance(kind, pl.Datetime) else column.cast(pl.String)
