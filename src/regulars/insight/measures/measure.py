"""What a measure is: a named computation with words for the owner of a shop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import ibis.expr.types as ir

from regulars.insight.measures.scope import Scope

Grain = Literal["customer", "shop", "cohort"]


@dataclass(frozen=True)
class Words:
    """A measure's name and what it means, as one would say it to the owner of a shop."""

    name: str
    meaning: str


@dataclass(frozen=True)
class CustomerMeasure:
    """One value for each customer who bought.

    Exactly one of the four ways to compute it is given:
    `of_days` aggregates the customer's days (`Scope.days`: one row for each day with a purchase or a return; `ago` says
    how many days before the as-of day);
    `of_customer` is a column over the measures that stand before it in the catalogue;
    `joined` is a table of `customer_id` and the measure's own name, for some customers; the others get 0, or null where
    it `is_null_else`; further columns come along for the measures that follow;
    `of_all` makes a small table of everybody and the measures until then, which goes to each by the columns that both
    have, and as a whole to all where they have none in common.
    A `stored` measure is a column of the reading, under the measure's name.
    """

    name: str
    en: Words
    zh: Words
    tables: tuple[str, ...]
    of_days: Callable[[ir.Table], ir.Value] | None = None
    of_customer: Callable[[ir.Table, Scope], ir.Value] | None = None
    joined: Callable[[Scope], ir.Table] | None = None
    of_all: Callable[[ir.Table], ir.Table] | None = None
    stored: bool = True
    is_null_else: bool = False
    grain: Grain = field(default="customer", init=False)

    def __post_init__(self) -> None:
        if sum(way is not None for way in (self.of_days, self.of_customer, self.joined, self.of_all)) != 1:
            raise ValueError(f"{self.name}: give one of of_days, of_customer, joined and of_all")


@dataclass(frozen=True)
class ShopMeasure:
    """A small table about the whole shop, kept as plain JSON.

    `expression` computes the rows, `value` turns them into what is told: what was counted as whole numbers, every rate
    and mean as an `Estimate`, texts, ISO days. A fraction alone is refused (`estimates.kept`).
    """

    name: str
    en: Words
    zh: Words
    grain: Grain
    tables: tuple[str, ...]
    expression: Callable[[Scope], ir.Table]
    value: Callable[[list[dict[str, Any]], Scope], Mapping[str, Any]]


Measure = CustomerMeasure | ShopMeasure
