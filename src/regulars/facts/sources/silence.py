"""Whether a source that says nothing should be saying something. Pure.

Each hour of the week has its own custom: what came in the same hours of the last eight weeks, on the clocks of the
source. What comes is taken as negative binomial: Poisson, with a rate that varies from week to week as the past weeks
did. So a till that always rings on Saturday is missed within the hour, a shop that is shut on Sundays is not, and a
source that was always rare or erratic has to be silent for long. See docs/algorithms/silence.md.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean, variance
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)
#: The past that is compared with.
WEEKS = 8
FEWEST_WEEKS = 2
#: Complete hours that are looked at together, back from now.
LENGTHS = (1, 2, 3, 6, 12, 24, 48, 96, 168)
#: An alarm is raised below this chance: with a look at every hour, about one false alarm in a hundred years a source,
#: if weeks differed as the model says.
ALARM_BELOW = 1e-6
#: And only where at most this share of the expected came.
MOST_SHARE = 0.2
#: What came makes an open alarm end from this chance on.
ENDS_FROM = 0.01
#: How weeks are taken to vary before any were seen (a coefficient of variation of one half), and for how many weeks
#: that counts.
PRIOR_SHAPE, PRIOR_WEEKS = 4.0, 2
_MOST_TERMS = 10_000


@dataclass(frozen=True)
class Silence:
    """So few came in the `hours` before `until` that it is no accident; `expected` of them did in past weeks."""

    since_at: datetime
    until: datetime
    hours: int
    got: int
    expected: float
    chance: float
    weeks: int


@dataclass(frozen=True)
class Heard:
    """What came of one source: messages by the hour (UTC), from `WEEKS` and a week ago on, and when it last spoke.

    `first_at` is the beginning of what may be compared with. `unusual` are times that say nothing about the custom.
    """

    hours: Mapping[datetime, int]
    first_at: datetime
    last_at: datetime
    zone: ZoneInfo
    unusual: Sequence[tuple[datetime, datetime]] = ()


def judge(heard: Heard, *, at: datetime, listens_from: datetime) -> Silence | None:
    """The least likely silence up to `at`, beginning no earlier than `listens_from`; None where all is as usual."""
    until = hour_of(at)
    found: Silence | None = None
    for length in LENGTHS:
        start = until - length * HOUR
        if start < listens_from:
            break
        past = _past(heard, start, length)
        if len(past) < FEWEST_WEEKS:
            continue
        got = _sum(heard, start, length)
        expected = fmean(past)
        if got > MOST_SHARE * expected:
            continue
        chance = at_most(got, expected, shape(past))
        if chance < ALARM_BELOW and (found is None or chance < found.chance):
            since = heard.last_at if got == 0 else start
            found = Silence(since, until, length, got, expected, chance, len(past))
    return found


def speaks(heard: Heard, *, at: datetime) -> bool:
    """Whether what came in the last complete hour and since is no longer too little."""
    start = hour_of(at) - HOUR
    got = _sum(heard, start, 2)
    past = _past(heard, start, 1)
    return got > 0 and (not past or at_most(got, fmean(past), shape(past)) >= ENDS_FROM)


def at_most(got: int, expected: float, shape: float) -> float:
    """The chance of `got` or fewer where `expected` come on average: negative binomial of that shape (its variance is
    `expected + expected² / shape`)."""
    if expected <= 0:
        return 1.0
    if got > _MOST_TERMS:
        # So many that only the rate's own variation matters, and that does not know how large they are.
        expected *= _MOST_TERMS / got
        got = _MOST_TERMS
    term = math.exp(-shape * math.log1p(expected / shape))
    total, ratio = term, expected / (expected + shape)
    for count in range(got):
        term *= (count + shape) / (count + 1) * ratio
        total += term
    return min(1.0, total)


def shape(past: Sequence[int]) -> float:
    """How steady the weeks were (moments), drawn towards `PRIOR_SHAPE` while they are few. Larger is steadier."""
    mean = fmean(past)
    if mean <= 0:
        return PRIOR_SHAPE
    excess = max(0.0, variance(past) - mean) / mean**2 if len(past) > 1 else 0.0
    weeks = len(past)
    return (weeks + PRIOR_WEEKS) / (weeks * excess + PRIOR_WEEKS / PRIOR_SHAPE)


def hour_of(at: datetime) -> datetime:
    """The beginning of its hour (UTC)."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _past(heard: Heard, start: datetime, length: int) -> list[int]:
    """What came in the same hours of each past week, on the source's clocks."""
    told = []
    for week in range(1, WEEKS + 1):
        then = _weeks_before(start, week, heard.zone)
        if then < heard.first_at:
            break
        if any(begin < then + length * HOUR and end > then for begin, end in heard.unusual):
            continue
        told.append(_sum(heard, then, length))
    return told


def _weeks_before(hour: datetime, weeks: int, zone: ZoneInfo) -> datetime:
    """The same clock face so many weeks before; summer time may have come between."""
    local = hour.astimezone(zone)
    then = (local.replace(tzinfo=None) - weeks * WEEK).replace(tzinfo=zone, fold=local.fold)
    return hour_of(then)


def _sum(heard: Heard, start: datetime, length: int) -> int:
    return sum(heard.hours.get(start + step * HOUR, 0) for step in range(length))
