"""How many messages ended how in each of the last hours, drawn as bars: the page's own SVG, in the page's colours."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from regulars.facts.sources.traffic import Hour

HOURS = 24
#: From the bottom of a bar upwards.
VERDICTS: dict[str, Any] = {
    "accepted": _("taken"),
    "duplicate": _("known already"),
    "conflict": _("same id, other content"),
    "rejected": _("rejected"),
}
#: Units of a drawing's height; a bar of few messages is still seen.
HEIGHT, LEAST = 100.0, 2.0


@dataclass(frozen=True)
class Part:
    """A verdict's share of a bar. `top` and `height` in units of HEIGHT, as SVG writes numbers."""

    verdict: str
    words: Any
    count: int
    top: str
    height: str


@dataclass(frozen=True)
class Bar:
    """An hour (UTC); `x` is its left edge, ten units after the one before."""

    hour: datetime
    x: int
    total: int
    parts: Sequence[Part]


@dataclass(frozen=True)
class Drawing:
    """The last hours, the one that runs at the right end. `most` is what a full bar stands for."""

    bars: Sequence[Bar]
    most: int
    totals: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.totals.values())

    @property
    def not_taken(self) -> int:
        return self.totals["rejected"] + self.totals["conflict"]


def begin(now: datetime) -> datetime:
    """When the first hour of a drawing begins."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)


def drawing(hours: Iterable[Hour], now: datetime) -> Drawing:
    """Bars for the hours from `begin(now)` on; those before are left out."""
    first = begin(now)
    counts: dict[datetime, dict[str, int]] = {first + timedelta(hours=n): {} for n in range(HOURS)}
    for one in hours:
        if one.hour in counts:
            counts[one.hour][one.verdict] = counts[one.hour].get(one.verdict, 0) + one.count
    most = max((sum(told.values()) for told in counts.values()), default=0)
    bars = [Bar(hour, 10 * n, sum(told.values()), _parts(told, most)) for n, (hour, told) in enumerate(counts.items())]
    return Drawing(bars, most, {name: sum(told.get(name, 0) for told in counts.values()) for name in VERDICTS})


def _parts(told: Mapping[str, int], most: int) -> list[Part]:
    parts: list[Part] = []
    top = HEIGHT
    for verdict, words in VERDICTS.items():
        if count := told.get(verdict, 0):
            height = max(LEAST, HEIGHT * count / most)
            top = max(0.0, top - height)
            parts.append(Part(verdict, words, count, f"{top:.2f}", f"{height:.2f}"))
    return parts
