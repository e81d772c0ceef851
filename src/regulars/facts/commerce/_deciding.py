"""What to do with documents that may be known already. Pure: frames in, frames out."""

from hashlib import blake2b

import polars as pl

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


def _text(kind: pl.DataType, name: str) -> pl.Expr:
    column = pl.col(name)
    return column.dt.epoch("us").cast(pl.String) if isinstance(kind, pl.Datetime) else column.cast(pl.String)
