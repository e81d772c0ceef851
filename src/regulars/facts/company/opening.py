"""Opening hours: what a week and its exceptions say about one moment. Pure; days and clocks are the store's own.

A span is minutes after midnight of its day and may reach into the next: 18:00 to 02:00 is 1080 to 1560. Clock faces
that never were or were twice follow `kit.civil`: 02:30 in a gap of one hour is what became 03:30, and one that was
twice means the first time. A span that a gap leaves nothing of does not open.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from regulars.kit import civil
from regulars.kit.refusals import Refusal
from regulars.kit.windows import Window

#: Minutes of a day, and the latest minute a span may end at: midnight after the next day.
DAY = 24 * 60
LATEST = 2 * DAY
#: Spans that open on one day.
MOST_SPANS = 12
#: How far ahead an opening is looked for: a year, and one day of it may be the only one.
LOOK_AHEAD_DAYS = 367

_ONE_DAY = timedelta(days=1)


class BadHours(Refusal):
    """No span of a day, or two that overlap."""

    code = "company.bad_hours"


@dataclass(frozen=True, order=True)
class Span:
    """From `opens` up to but not including `closes`, in minutes after midnight of the day it opens on."""

    opens: int
    closes: int

    def __str__(self) -> str:
        return f"{clock_face(self.opens)}-{clock_face(self.closes)}"


@dataclass(frozen=True)
class Hours:
    """Spans by ISO weekday (Monday is 1), and by day where a day differs: no spans there means closed."""

    week: Mapping[int, Sequence[Span]] = field(default_factory=dict)
    exceptions: Mapping[date, Sequence[Span]] = field(default_factory=dict)

    @property
    def is_told(self) -> bool:
        """Whether anybody has said anything: a store nobody has described is not a closed one."""
        return bool(self.week or self.exceptions)

    def on(self, day: date) -> Sequence[Span]:
        """The spans that open on that day."""
        if day in self.exceptions:
            return self.exceptions[day]
        return self.week.get(day.isoweekday(), ())


def clock_face(minute: int) -> str:
    """`540` as 09:00; minutes of the next day as that day's clock shows them, and midnight as 24:00."""
    if minute == DAY:
        return "24:00"
    return f"{minute % DAY // 60:02}:{minute % 60:02}"


def read(text: str, field: str = "hours") -> tuple[Span, ...]:
    """Spans as people write them: `09:00-12:30, 14:00-18:00`, `18:00-02:00`, `00:00-24:00`; nothing means closed."""
    found = []
    for part in text.replace("，", ",").replace("–", "-").replace("—", "-").replace("：", ":").split(","):
        if not part.strip():
            continue
        opens, dash, closes = part.partition("-")
        begins, ends = _minute(opens), _minute(closes)
        if not dash or begins is None or ends is None or begins == DAY:
            raise BadHours(
                _("%(field)s: %(part)r is no span of hours; write 09:00-18:00")
                % {"field": field, "part": part.strip()[:40]},
                field=field,
                value=part.strip()[:40],
            )
        found.append(Span(begins, ends if ends > begins else ends + DAY))
    return check(found, field)


def check(spans: Sequence[Span], field: str = "hours") -> tuple[Span, ...]:
    """The spans in order; refused where one is none or two overlap."""
    ordered = tuple(sorted(spans))
    if len(ordered) > MOST_SPANS:
        raise BadHours(
            _("%(field)s: %(ordered)s spans are more than a day has; give at most %(most_spans)s")
            % {"field": field, "ordered": len(ordered), "most_spans": MOST_SPANS},
            field=field,
            value=len(ordered),
        )
    for span in ordered:
        if not (0 <= span.opens < DAY and span.opens < span.closes <= LATEST and span.closes - span.opens <= DAY):
            raise BadHours(
                _("%(field)s: %(opens)s to %(closes)s are no hours; give minutes after midnight, up to a day")
                % {"field": field, "opens": span.opens, "closes": span.closes},
                field=field,
                value=f"{span.opens}-{span.closes}",
            )
    for earlier, later in pairwise(ordered):
        if later.opens < earlier.closes:
            raise BadHours(
                _("%(field)s: %(earlier)s and %(later)s overlap; join them or let one end before the other")
                % {"field": field, "earlier": earlier, "later": later},
                field=field,
                value=f"{earlier}, {later}",
            )
    return ordered


def openings(hours: Hours, first: date, zone: ZoneInfo, days: int) -> Iterator[Window[datetime]]:
    """When the store is open, from spans that open on `first` and the `days` after it, in order of days."""
    for after in range(days + 1):
        if date.max - first < timedelta(days=after + 2):
            return
        day = first + timedelta(days=after)
        for span in hours.on(day):
            begins, ends = _instant(day, span.opens, zone), _instant(day, span.closes, zone)
            if begins < ends:
                yield Window(begins, ends)


def is_open(hours: Hours, at: datetime, zone: ZoneInfo) -> bool:
    """Whether `at` is in one of its spans, also one that opened the day before."""
    # Two days back: a clock put back across midnight leaves a span of the day before that one open.
    today = civil.day_of(at, zone)
    first = today - 2 * _ONE_DAY if today - date.min > 2 * _ONE_DAY else today
    return any(at in window for window in openings(hours, first, zone, 3))


def next_opening(hours: Hours, at: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant from `at` on at which it is open: `at` itself where it is. None: not within a year."""
    if is_open(hours, at, zone):
        return at
    starts = (one.start for one in openings(hours, civil.day_of(at, zone), zone, LOOK_AHEAD_DAYS) if one.start > at)
    return next(starts, None)


def _minute(text: str) -> int | None:
    hour, colon, minute = text.strip().partition(":")
    if not (colon and hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit()):
        return None
    if len(hour) > 2 or len(minute) != 2 or int(minute) > 59 or int(hour) * 60 + int(minute) > DAY:
        return None
    return int(hour) * 60 + int(minute)


def _instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    on = day + timedelta(days=minute // DAY)
    return civil.instant_of(on, time(minute % DAY // 60, minute % 60), zone)
