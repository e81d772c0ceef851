"""When it happened, from what the sender's clock said and when it arrived here. Pure.

The formula is the one Segment documents: arrival - (sent - original), which takes the error of a wrong clock out
because both stamps carry it. It is applied only where the clock is visibly wrong; all stamps and the reason are kept.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import IntEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

#: A clock this near to ours is right: the difference is the way here.
NEAR = timedelta(seconds=5)
#: Nothing in retail that a device can have seen is older; 1970 is a clock that was never set.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: No device waits longer before it sends what it has seen. A time further back is a fact that somebody tells of the
#: past, not a reading of the clock that stamped the sending, and a wrong clock takes nothing from it.
LONGEST_QUEUE = timedelta(days=60)
_LONGEST_TEXT = 40
_MILLISECONDS_FROM = 100_000_000_000
#: Seconds or milliseconds since 1970 written as text. Fewer digits are a date without dashes.
_COUNTED = re.compile(r"[0-9]{10}|[0-9]{13}", re.ASCII)


class Why(IntEnum):
    """Why the event has the time it has."""

    TOLD = 0
    CLOCK_CORRECTED = 1
    NOTHING_TOLD = 2
    WAS_IN_THE_FUTURE = 3
    WAS_BEFORE_2000 = 4
    UNREADABLE = 5
    WITHOUT_ZONE = 6


#: Looked up once: asking an enumeration for a member costs as much as comparing two instants.
_TOLD, _WITHOUT_ZONE, UNREADABLE = Why.TOLD, Why.WITHOUT_ZONE, Why.UNREADABLE


class Settled(msgspec.Struct, frozen=True, gc=False):
    """`occurred_at` is the time that counts; the two others are what was told, None where nothing readable was."""

    occurred_at: datetime
    original_at: datetime | None
    sent_at: datetime | None
    why: Why


class Clock:
    """Settles the times of messages that arrived together, at `received_at` (aware, UTC). Text without an offset is
    read in `zone`."""

    def __init__(self, *, received_at: datetime, zone: ZoneInfo) -> None:
        self._received_at, self._zone = received_at, zone
        self._sent: object = None
        self._sent_at: datetime | None = None
        self._is_right = True

    def settle(self, original: object, sent: object) -> Settled:
        """The time that counts, never after the arrival and never before 2000.

        Both are what the message said: ISO 8601 text, or seconds or milliseconds since 1970, or nothing.
        """
        if sent is not self._sent and (sent != self._sent or type(sent) is not type(self._sent)):
            self._send(sent)
        if self._is_right and type(original) is str and len(original) <= _LONGEST_TEXT:
            # What nearly all are: a time in UTC, of a clock that is right.
            try:
                at = datetime.fromisoformat(original)
            except ValueError:
                pass
            else:
                if at.tzinfo is UTC and EARLIEST <= at <= self._received_at:
                    return Settled(at, at, self._sent_at, _TOLD)
        return self._settle(original)

    def _send(self, sent: object) -> None:
        """The same for all messages of a batch."""
        self._sent = sent
        self._sent_at, _ = read(sent, self._zone)
        self._is_right = self._sent_at is None or abs(self._received_at - self._sent_at) <= NEAR

    def _settle(self, original: object) -> Settled:
        received_at, sent_at = self._received_at, self._sent_at
        original_at, is_naive = read(original, self._zone)
        if original_at is None:
            return Settled(received_at, None, sent_at, Why.NOTHING_TOLD if original in (None, "") else UNREADABLE)
        why, occurred_at = _WITHOUT_ZONE if is_naive else _TOLD, original_at
        if sent_at is not None and not self._is_right and sent_at - original_at < LONGEST_QUEUE:
            why, occurred_at = Why.CLOCK_CORRECTED, _earlier(received_at, sent_at - original_at)
        if occurred_at > received_at:
            # A fraction of a second is two clocks' disagreement, not worth a remark.
            why = why if occurred_at - received_at <= NEAR else Why.WAS_IN_THE_FUTURE
            occurred_at = received_at
        elif occurred_at < EARLIEST:
            why, occurred_at = Why.WAS_BEFORE_2000, received_at
        return Settled(occurred_at, original_at, sent_at, why)


def read(told: object, zone: ZoneInfo) -> tuple[datetime | None, bool]:
    """The instant in UTC and whether it came without an offset; None for nothing and for what is no time."""
    try:
        if isinstance(told, str):
            return _read_text(told, zone) if len(told) <= _LONGEST_TEXT else (None, False)
        if isinstance(told, int | float | Decimal) and not isinstance(told, bool):
            return _counted(told), False
    except (ValueError, OverflowError, OSError, ArithmeticError):
        pass
    return None, False


@lru_cache(maxsize=1_000)
def _read_text(told: str, zone: ZoneInfo) -> tuple[datetime | None, bool]:
    """A batch's messages were sent at the same moment, and told so in the same words."""
    if told.isdigit() and _COUNTED.fullmatch(told):
        return _counted(int(told)), False
    try:
        found = datetime.fromisoformat(told.removesuffix(" UTC") + "Z" if told.endswith(" UTC") else told)
    except ValueError:
        # As HTTP and mail write it: Sun, 22 Nov 2026 01:00:00 GMT.
        found = parsedate_to_datetime(told)
    if found.tzinfo is UTC:
        return found, False
    if found.tzinfo is None:
        return found.replace(tzinfo=zone).astimezone(UTC), True
    return found.astimezone(UTC), False


def _counted(since_1970: int | float | Decimal) -> datetime:
    """The instant that many seconds, or milliseconds, after 1970; in whole microseconds."""
    exact = Decimal(since_1970)
    seconds = exact / 1000 if abs(exact) >= _MILLISECONDS_FROM else exact
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(seconds * 1_000_000))


def _earlier(instant: datetime, by: timedelta) -> datetime:
    try:
        return instant - by
    except OverflowError:
        # Only a sending before 1970 years of happening comes here: it lies far in the future.
        return instant + 2 * NEAR
