"""Points for coming so many days, weeks or months in a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

import numpy as np

from regulars.kit import civil
from regulars.levers.loyalty.rules.columns import Answers, Flags, Numbers, OrderColumns, split
from regulars.levers.loyalty.rules.grants import Answer, Missed
from regulars.levers.loyalty.rules.rule import Given, Rule, Terms, once_a, read_points, shared
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Context, OrderView

PERIODS = ("day", "week", "month")


@dataclass(frozen=True, kw_only=True)
class Streak(Rule):
    """`points` parts for the first order of the period that makes `length` in a row, and of every `length`th."""

    kind: ClassVar[str] = "streak"

    points: int
    length: int
    period: str

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: Given) -> Answer:
        """All of it or nothing."""
        found = self.reach(order, context, terms)
        if isinstance(found, Missed):
            return found
        run = context.streaks.get(self.id, 0)
        if run and run % self.length == 0:
            return self.granted(self.points, found, f"streak_{self.period}", length=run)
        if run == 0:
            return self.missed("came_already")
        return self.missed(f"streak_{self.period}", more=self.length - run % self.length)

    def may_give(self, context: Context) -> bool:
        """When a row is full."""
        run = context.streaks.get(self.id, 0)
        return run > 0 and run % self.length == 0

    @property
    def is_of_columns(self) -> bool:
        """Where no means of payment or customer is asked for."""
        return self.is_plain

    def of_columns(self, orders: OrderColumns, terms: Terms, given: Mapping[str, Answers]) -> Answers:
        """`of_order` for many."""
        found, run = self.reach_columns(orders, terms), orders.runs[self.period]
        parts = np.where(found.is_open & self.may_give_columns(orders), self.points, 0)
        found.grant(parts, f"streak_{self.period}", length=lambda which: run[which].tolist())
        found.shares = split(parts, orders.weights, orders.begins)
        found.miss(run == 0, "came_already")
        found.miss(
            found.is_open,
            f"streak_{self.period}",
            more=lambda which: (self.length - run[which] % self.length).tolist(),
        )
        return found

    def may_give_columns(self, orders: OrderColumns) -> Flags:
        """`may_give` for many."""
        run = orders.runs[self.period]
        found: Flags = (run > 0) & (run % self.length == 0)
        return found


def runs(days: Numbers, customers: Numbers, period: str) -> Numbers:
    """`run_until` of each of very many purchases, one customer after the other, of each in order; days since 1970."""
    if period == "week":
        # The first of 1970 was a Thursday.
        here = (days + 3) // 7
    elif period == "month":
        here = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    else:
        here = days
    found = np.zeros(len(days), np.int64)
    is_other = np.append(True, customers[1:] != customers[:-1])[: len(days)]
    first = np.flatnonzero(is_other | np.append(True, here[1:] != here[:-1])[: len(days)])
    begins = is_other[first] | np.append(True, np.diff(here[first]) != 1)[: len(first)]
    place = np.arange(len(first))
    found[first] = place - np.maximum.accumulate(np.where(begins, place, 0)) + 1
    return found


def run_until(day: date, before: list[date], period: str) -> int:
    """How many periods in a row had a day, those of `day` and `before` it; 0 where its own had one already."""
    came = {beginning(one, period) for one in before if one <= day}
    here = beginning(day, period)
    if here in came:
        return 0
    run = 1
    while (here := _previous(here, period)) in came:
        run += 1
    return run


def beginning(day: date, period: str) -> date:
    """The first day of the period it is in; weeks begin on Mondays."""
    if period == "week":
        return day - timedelta(days=day.weekday())
    return civil.month_of(day) if period == "month" else day


def beginnings(days: Numbers, period: str) -> Numbers:
    """`beginning` of many, in days since 1970."""
    if period == "week":
        return days - (days + 3) % 7
    if period == "month":
        return days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return days


def _previous(first: date, period: str) -> date:
    return civil.add_months(first, -1) if period == "month" else first - timedelta(days=7 if period == "week" else 1)


def read(told: Told, terms: Terms) -> Streak:
    """From the file: `points` for `length` of a `period` in a row; once a period for each member."""
    made = Streak(
        **shared(told, terms, Streak),
        points=read_points(told, "points", terms),
        length=told.number("length", least=2, most=1000),
        period=told.one_of("period", PERIODS),
    )
    return once_a(made, made.period, made.points)
