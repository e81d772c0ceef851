"""Suggestions against known truth: how many of the suggested pairs are right, and how many right ones are suggested."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Marks:
    """`precision`: suggested pairs that are right. `recall`: right pairs that are suggested."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        return self.right / max(self.right + self.missed, 1)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(2 * self.right + self.wrong + self.missed, 1)


def mark(truth: pl.Series, suggested: pl.DataFrame) -> Marks:
    """Marks for pairs `one`, `other` (rows); two rows with the same `truth` are one person."""
    sizes = truth.value_counts()["count"]
    there = int((sizes * (sizes - 1) // 2).sum())
    right = int((truth.gather(suggested["one"]) == truth.gather(suggested["other"])).sum())
    return Marks(right, len(suggested) - right, there - right)
