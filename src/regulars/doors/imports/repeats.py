"""Rows of a file that tell of one thing: which of them repeat what is kept, are older, or say otherwise. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
from django.utils.translation import gettext

from regulars.doors.imports.documents import CONFLICTS


@dataclass(frozen=True)
class Repeats:
    """`conflicts` is CONFLICTS, in the order of rows; `held` has each of its rows once, with `why` and `mend`."""

    outdated: int
    repeated: int
    conflicts: pl.DataFrame
    held: pl.DataFrame


def beside(
    others: pl.DataFrame,
    kept: pl.DataFrame,
    *,
    key: str,
    names: Sequence[str],
    ref: pl.Expr,
    column: Callable[[str], str],
    shown: Callable[[str, str], pl.Expr],
    says: str,
) -> Repeats:
    """What is to be said of `others`, beside the row of `kept` with the same `key`.

    Compared are `names`. In what is said `column` gives a name as the file has it, `shown(column, name)` a value, `ref`
    whom or what the row tells of; `says` is a sentence with places for that, the column, and the value on either side.
    """
    both = others.join(kept, on=key, how="left", suffix="_kept", maintain_order="left")
    differs = {name: pl.col(name).ne_missing(pl.col(f"{name}_kept")) for name in names}
    both = both.with_columns(
        differs=pl.any_horizontal(differs.values()),
        is_older=(pl.col("updated_at") < pl.col("updated_at_kept")).fill_null(value=False),
    )
    outdated = int(both["is_older"].sum())
    repeated = int((~both["is_older"] & ~both["differs"]).sum())
    other = both.filter(~pl.col("is_older") & pl.col("differs"))
    conflicts = pl.concat(
        other.filter(differs[name])
        .select(
            ref=ref,
            row="row",
            line_in_file="line_in_file",
            column=pl.lit(column(name)),
            kept=shown(f"{name}_kept", name),
            left_out=shown(name, name),
        )
        .cast(CONFLICTS)
        for name in names
    ).sort("row", maintain_order=True)
    nothing = gettext("(nothing)")
    held = conflicts.group_by("row", maintain_order=True).agg(
        why=pl.format(
            says, "ref", "column", pl.col("left_out").fill_null(nothing), pl.col("kept").fill_null(nothing)
        ).str.join("; "),
        mend=pl.lit(gettext("take the row out if it is the wrong one: imported from here, it replaces what was kept")),
    )
    return Repeats(outdated, repeated, conflicts, held)
