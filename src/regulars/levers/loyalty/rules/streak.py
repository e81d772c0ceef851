"""Points for coming so many days, weeks or months in a row."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

from regulars.kit import civil
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
