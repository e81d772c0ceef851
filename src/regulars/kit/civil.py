"""Civil time: which day it was on the shop's clock, and when that day began.

Instants are aware datetimes and come back in UTC. Gaps (clocks put forward) and folds (put back) have one rule each:
a clock face that never was is read with the offset before the gap, so 02:30 in a one-hour gap is what became 03:30
(RFC 5545, 3.3.5); one that was twice means the first time.
"""

import difflib
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _
from regulars.kit.windows import Window, in_utc

_ONE_DAY = timedelta(days=1)
_ONE_SECOND = timedelta(seconds=1)


class UnknownZone(Refusal):
    """Not a name of the IANA time zone database."""

    code = "civil.unknown_zone"


class OutOfCalendar(Refusal):
    """Before the year 1 or after 9999."""

    code = "civil.out_of_calendar"


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The zone called `name`, such as Asia/Shanghai or Europe/London."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError, TypeError):
        shown = str(name)[:60]
        near = difflib.get_close_matches(shown, available_timezones(), n=1, cutoff=0.7)
        mend = (
            _("did you mean %(near)s?") % {"near": near[0]}
            if near
            else _("use an IANA name such as Asia/Shanghai or Europe/London")
        )
        raise UnknownZone(
            _("zone: %(value)r is unknown; %(mend)s") % {"value": shown, "mend": mend}, field="zone", value=shown
        ) from None


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The date on the clocks of `zone` at that instant."""
    return in_utc(instant, "instant").astimezone(zone).date()


def instant_of(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """When clocks in `zone` showed `clock` on that day, in UTC; gaps and folds as this module says."""
    return datetime.combine(day, clock.replace(tzinfo=None, fold=0), zone).astimezone(UTC)


@lru_cache(maxsize=8192)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, at which clocks in `zone` had reached `day`.

    Where midnight is in a gap, that is the moment the gap ends. A day the zone skipped altogether (Apia, 2011-12-30)
    starts when the next one does and is empty. Where clocks were put back across midnight (St John's until 2011), the
    first of the two midnights counts, so the last minutes of the day before fall into this day's window; `day_of` is
    the one that says which day an instant belongs to.
    """
    midnight = datetime.combine(day, time(), zone)
    after, before = midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)
    # In a gap the offset before it gives the later instant, in a fold the earlier one; elsewhere both agree.
    if before >= after:
        return after
    while after - before > _ONE_SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).date() < day:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def days_window(days: Window[date], zone: ZoneInfo) -> Window[datetime]:
    """A window of days as instants of `zone`."""
    return Window(start_of_day(days.start, zone), start_of_day(days.end, zone))


def offsets(days: Window[date], zone: ZoneInfo) -> list[tuple[Window[datetime], timedelta]]:
    """How far the clocks of `zone` were ahead of UTC in those days: one after the other, each while it held."""
    end = start_of_day(days.end, zone)
    since = instant = start_of_day(days.start, zone)
    found: list[tuple[Window[datetime], timedelta]] = []
    while instant < end:
        after = min(instant + timedelta(days=1), end)
        offset = _ahead(instant, zone)
        if _ahead(after, zone) != offset:
            low, high = instant, after
            while high - low > _ONE_SECOND:
                middle = low + (high - low) // 2
                low, high = (middle, high) if _ahead(middle, zone) == offset else (low, middle)
            after = high.replace(microsecond=0)
            found.append((Window(since, after), offset))
            since = after
        instant = after
    if since < end:
        found.append((Window(since, end), _ahead(since, zone)))
    return found


def _ahead(instant: datetime, zone: ZoneInfo) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None, "a zone always says"
    return offset


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def add_months(day: date, months: int) -> date:
    """The same day of a later (or earlier) month, or that month's last day when it is shorter.

    31 January and one month is 28 or 29 February; 29 February and twelve months is 28 February. Clamping does not
    undo itself, so count from the first date (`add_months(start, 2)`), not step by step.
    """
    count = day.year * 12 + day.month - 1 + months
    year, month = count // 12, count % 12 + 1
    if not date.min.year <= year <= date.max.year:
        raise OutOfCalendar(
            _("months: %(day)s and %(months)s months is outside the years 1 to 9999; use fewer months")
            % {"day": day.isoformat(), "months": months},
            field="months",
            value=months,
        )
    return date(year, month, min(day.day, monthrange(year, month)[1]))
