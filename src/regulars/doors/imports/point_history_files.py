"""A file of what became of points in another system, row by row, read without a database: what was earned, spent and
lost there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from zoneinfo import ZoneInfo

import polars as pl
from django.utils.translation import gettext

from regulars.doors.imports import mapping
from regulars.doors.imports.checking import Problems
from regulars.doors.imports.mapping import FileMapping
from regulars.doors.imports.point_files import Form, PointColumns, Walk
from regulars.doors.imports.settling import Reads
from regulars.levers.loyalty.earlier import KINDS

SHIPPED = mapping.SHIPPED / "point_history"
#: What a column may mean, in the order in which a guess claims columns.
FIELDS = ("customer", "email", "phone", "country", "ref", "points", "kind", "happened_at")
#: One row of the other system's own list. `told` is what that system calls it, and never anything else.
ROWS = pl.Schema(
    {
        "row": pl.Int64(),
        "line_in_file": pl.Int64(),
        "ref": pl.String(),
        "customer": pl.String(),
        "email": pl.String(),
        "phone": pl.String(),
        "told": pl.String(),
        "parts": pl.Int64(),
        "kind": pl.String(),
        "happened_at": pl.Datetime("us", "UTC"),
    }
)
_EARNED = ("earn", "earning", "accrual", "accrued", "award", "awarded", "credit", "credited", "add", "added", "bonus")
_SPENT = ("spend", "redeem", "redeemed", "redemption", "burn", "burned", "debit", "debited", "use", "used")
_ENDED = ("end", "expire", "expired", "expiry", "expiration", "lapse", "lapsed")
_CHANGED = ("change", "adjust", "adjusted", "adjustment", "correction", "refund", "return", "transfer", "other")
_WORDS = {
    **{kind: kind for kind in KINDS},
    **dict.fromkeys((*_EARNED, "获得", "增加", "发放", "赠送", "奖励", "收入"), "earned"),
    **dict.fromkeys((*_SPENT, "使用", "消费", "兑换", "抵扣", "扣减", "支出"), "spent"),
    **dict.fromkeys((*_ENDED, "过期", "失效", "到期"), "ended"),
    **dict.fromkeys((*_CHANGED, "调整", "更正", "退回", "退货", "转移", "其他"), "changed"),
}


def load(name_or_file: str) -> FileMapping:
    """A shipped mapping for these files by its name, or one of your own by its path."""
    file = mapping.find(name_or_file, SHIPPED)
    return FileMapping(**mapping.shared(file, mapping.content(file, FIELDS, mapping.KEYS)))


def bind(wanted: FileMapping, columns: Sequence[str]) -> FileMapping:
    """`wanted` with every field tied to a column that is there; refused where nothing tells whose, how many, when, or
    what a row is called: two rows alike may be two purchases of one day."""
    found = mapping.tie_to_somebody(wanted, FIELDS, columns)
    for name, needed in (
        ("points", gettext("how many points they were")),
        ("happened_at", gettext("when it was")),
        ("ref", gettext("the number that the other system gave each row")),
    ):
        if name not in found.columns:
            raise mapping.missing(wanted, name, needed, columns)
    return found


@dataclass(kw_only=True)
class HistoryColumns(PointColumns):
    """Reads the chunks of one such file."""

    reads: ClassVar[Reads] = Reads(instants=("happened_at",), ids=("customer", "phone", "ref"), numbers=("points",))
    texts: ClassVar[tuple[str, ...]] = ("customer", "email", "phone", "country", "ref", "kind")
    longest: ClassVar[dict[str, int]] = dict.fromkeys(("customer", "email", "phone", "ref", "kind"), 200)
    rows: ClassVar[pl.Schema] = ROWS

    def _zone_of(self, name: str) -> ZoneInfo:
        return self.zone

    def _check(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        word = pl.col("kind").str.strip_chars().str.to_lowercase()
        by_sign = pl.when(pl.col("points_read") < 0).then(pl.lit("spent")).otherwise(pl.lit("earned"))
        known = word.replace_strict(_WORDS, default=None, return_dtype=pl.String)
        kind = pl.when(word.is_null()).then(by_sign).otherwise(known)
        return super()._check(read.with_columns(kind_read=kind), found)

    def _check_own(self, read: pl.DataFrame, found: Problems) -> None:
        number, kind = pl.col("points_read"), pl.col("kind_read")
        found.where(number == 0, "points", "is zero", "leave the row out")
        if "kind" in self.mapping.columns:
            found.where(
                pl.col("kind").is_not_null() & kind.is_null(),
                "kind",
                "is nothing that becomes of points",
                "write earned, spent, ended or changed",
            )
        found.where(
            (number < 0) & (kind == "earned"),
            "points",
            "is below zero, of points that were earned",
            "write changed as its kind, or no sign",
        )
        found.where(pl.col("ref").is_null(), "ref", "is empty", "fill it in")
        found.where(pl.col("happened_at").is_null(), "happened_at", "is empty", "fill it in")
        self._check_past("happened_at", found)

    def _own(self) -> dict[str, pl.Expr]:
        number = pl.col("points_read") // 10 ** (6 - self.scale)
        # What was spent or ended some systems write with a sign and some without.
        goes = pl.col("kind_read").is_in(("spent", "ended"))
        return {
            "parts": pl.when(goes).then(-number.abs()).otherwise(number),
            "kind": pl.col("kind_read"),
            "happened_at": pl.col("happened_at_read"),
        }


class HistoryWalk(Walk):
    """One such file on its way in."""

    known_by: ClassVar[pl.Expr] = pl.col("told").hash(seed=0)

    def _add_up(self, rows: pl.DataFrame) -> None:
        for kind, parts in rows.group_by("kind").agg(pl.col("parts").sum()).iter_rows():
            self._sums[kind] += parts

    def _summed(self) -> dict[str, object]:
        self._sums["balance"] = sum(self._sums[kind] for kind in KINDS)
        return {name: self._whole(name) for name in (*KINDS, "balance")}


HISTORY = Form(HistoryColumns, HistoryWalk, load, bind)
