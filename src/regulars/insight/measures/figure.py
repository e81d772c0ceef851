"""A figure: one number of the shop, or of any group of customers, for any span of days."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import ibis.expr.types as ir

from regulars.insight.measures.estimates import Basis, Estimate, Unit
from regulars.insight.measures.measure import Words
from regulars.insight.measures.scope import Told

#: What a figure's statistics are sums over. `buying`: whoever did something in the span, one row each;
#: `standing`: everybody who bought by its end, one row each; `sales`: every purchase in the span, guests' too, which no
#: group of customers has.
Source = Literal["buying", "standing", "sales"]


@dataclass(frozen=True)
class Span:
    """Days from `start_on` to `end_on`, both included. `is_over`: nothing more can happen in it."""

    number: int
    start_on: date
    end_on: date
    is_over: bool
    kind: Literal["month", "year"]


@dataclass(frozen=True)
class Sums:
    """A figure's own sums for one span, by name; with how often each number of days lay between two visits."""

    sums: Mapping[str, int]
    gaps: Mapping[int, int]
    span: Span
    told: Told

    def __getitem__(self, name: str) -> int:
        return self.sums.get(name, 0)


@dataclass(frozen=True)
class Figure:
    """`sums` are aggregates over the rows of `source`, all of them whole numbers that add up over groups of customers;
    `estimate` makes the number of them. `owner` is the room that answers for it. `of_years`: of a year alone, a month
    says nothing.
    """

    name: str
    en: Words
    zh: Words
    unit: Unit
    of: Basis
    source: Source
    sums: Callable[[ir.Table], Mapping[str, ir.Value]]
    estimate: Callable[[Sums], Estimate]
    tables: tuple[str, ...] = ("orders",)
    owner: str = "measures"
    of_years: bool = False
    needs_gaps: bool = False


def count(condition: ir.Value) -> ir.Value:
    """How many rows it is true of."""
    return condition.cast("int64").sum().fill_null(0)


def total(value: ir.Value) -> ir.Value:
    """Their sum, nought of none."""
    return value.sum().fill_null(0)


def product(one: ir.Value, other: ir.Value) -> ir.Value:
    """The sum of products. Sums of money squared pass 64 bits in a wholesaler's books."""
    return (one.cast("decimal(18, 0)") * other.cast("decimal(18, 0)")).sum().fill_null(0)
