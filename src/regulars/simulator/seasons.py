"""When a shop is busy: day weights of the year, hours of the day, and the way from shop time to civil time and back."""

from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from regulars.kit.civil import instant_of, start_of_day
from regulars.simulator.chance import Floats, Ints

#: Permille of an ordinary day, Monday first.
_WEEKDAYS = (900, 880, 900, 940, 1060, 1230, 1160)
#: Permille of an ordinary day, January first: a quiet spring, a rising autumn.
_MONTHS = (930, 840, 900, 900, 940, 980, 920, 930, 1020, 1100, 1180, 1240)
#: (month, day) -> permille on top: the shopping festivals and the days before Christmas.
_PEAKS = {
    (6, 16): 1400, (6, 17): 1700, (6, 18): 2600,
    (11, 9): 1500, (11, 10): 2000, (11, 11): 4200, (11, 12): 1600,
    (12, 11): 1200, (12, 12): 1900,
    (12, 18): 1300, (12, 19): 1400, (12, 20): 1500, (12, 21): 1600, (12, 22): 1700, (12, 23): 1800, (12, 24): 1500,
    (12, 25): 600, (1, 1): 700,
}  # fmt: skip

#: Days with the shop's own sale, as (month, day).
SALE_DAYS = frozenset({(6, 17), (6, 18), (11, 10), (11, 11), (11, 12), (12, 12), (12, 21), (12, 22), (12, 23)})


@dataclass(frozen=True)
class Hours:
    """How busy each hour of the local day is, 0 to 23; an hour of weight 0 is closed."""

    weights: tuple[int, ...]

    def clock(self, fraction: Floats) -> Ints:
        """Seconds since local midnight for the given fraction (0 to 1) of the day's trade. Never in a closed hour."""
        ladder = np.concatenate([[0], np.cumsum(np.asarray(self.weights, dtype=np.int64))])
        x = fraction * float(ladder[-1])
        hour = np.searchsorted(ladder, x, side="right").astype(np.int64) - 1
        within = (x - ladder[hour]) / np.asarray(self.weights, dtype=np.float64)[hour]
        return np.asarray(hour * 3600 + np.minimum(np.floor(within * 3600.0).astype(np.int64), 3599))


WEB_HOURS = Hours((22, 10, 4, 2, 2, 3, 8, 18, 30, 40, 48, 52, 56, 48, 44, 46, 48, 52, 58, 70, 86, 92, 74, 44))
#: Doors open at 10 and close at 22.
STORE_HOURS = Hours((0,) * 10 + (40, 60, 74, 70, 66, 72, 82, 92, 98, 90, 72, 36) + (0, 0))


@dataclass(frozen=True)
class Warp:
    """Shop time over civil days [start, end) in `zone`. A day of weight 2,000 carries twice the shop time of one of
    1,000; over the whole window both are equally many. Weights are whole numbers, so that their sums are exact.
    """

    start: date
    ladder: Ints
    midnight_at: Ints
    """Unix seconds at which each civil day begins, one more than there are days."""
    noon_at: Ints

    @classmethod
    def over(cls, *, start: date, end: date, zone: ZoneInfo) -> Self:
        days = [start + timedelta(n) for n in range((end - start).days)]
        weights = [_weight(day) for day in days]
        return cls(
            start=start,
            ladder=np.concatenate([[0], np.cumsum(np.asarray(weights, dtype=np.int64))]),
            midnight_at=np.asarray([int(start_of_day(day, zone).timestamp()) for day in [*days, end]], dtype=np.int64),
            noon_at=np.asarray([int(instant_of(day, time(12), zone).timestamp()) for day in days], dtype=np.int64),
        )

    @property
    def days(self) -> int:
        return len(self.ladder) - 1

    def day_and_fraction(self, shop_days: Floats) -> tuple[Ints, Floats]:
        """The index of the civil day, and how much of its trade has passed (0 to 1)."""
        x = shop_days * (float(self.ladder[-1]) / self.days)
        day = np.minimum(np.searchsorted(self.ladder, x, side="right").astype(np.int64) - 1, self.days - 1)
        weight = (self.ladder[day + 1] - self.ladder[day]).astype(np.float64)
        return day, np.minimum((x - self.ladder[day]) / weight, 1.0 - 2.0**-53)

    def instant(self, day: Ints, clock: Ints) -> Ints:
        """Unix seconds of a local clock time. Reckoned from noon, so opening hours hold on days when clocks change;
        what would then fall outside the day is moved to its first second.
        """
        return np.asarray(np.maximum(self.noon_at[day] + (clock - 12 * 3600), self.midnight_at[day]))

    def sale(self) -> NDArray[np.bool_]:
        """For each day, whether the shop has its sale."""
        days = (self.start + timedelta(n) for n in range(self.days))
        return np.asarray([(day.month, day.day) in SALE_DAYS for day in days])


def _weight(day: date) -> int:
    return _WEEKDAYS[day.weekday()] * _MONTHS[day.month - 1] * _PEAKS.get((day.month, day.day), 1000) // 1_000_000
