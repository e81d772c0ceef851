"""How somebody wants to be talked to: wishes, in what form they are kept, and what those of one person come to. Pure.

Each wish is a fold of its own: the latest counts, of two at the same time the stricter. Of several records of one
person the strictest counts, until the person wished anew after the records were joined.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

from regulars.facts.customers.purposes import Channel
from regulars.kit import civil, languages
from regulars.kit.refusals import Refusal

TOPIC: Final = "topic:"
NAMES: Final = ("paused_until", "most_per_week", "quiet", "zone", "is_personalised", "language", "channel")
MOST_PER_WEEK: Final = 100
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
#: No clock is farther from UTC: a pause must be a day of the calendar on every one of them.
_FARTHEST_ZONE: Final = timedelta(hours=16)


@dataclass(frozen=True)
class Quiet:
    """From `start` to `end` on the person's clock, the end not included; over midnight where it ends before."""

    start: time
    end: time

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


@dataclass(frozen=True)
class Wish:
    """One wish as it stands in the ledger, in its JSON form; None takes an earlier one back."""

    number: int
    record: int
    name: str
    value: Any
    at: datetime
    recorded_at: datetime


@dataclass(frozen=True)
class Wishes:
    """What a person's wishes come to. `rows` has the row each rests on, by name."""

    topics: Mapping[str, bool] = field(default_factory=dict)
    most_per_week: int | None = None
    quiet: tuple[Quiet, ...] = ()
    zone: str | None = None
    paused_until: datetime | None = None
    is_personalised: bool = True
    language: str | None = None
    channel: str | None = None
    rows: Mapping[str, int] = field(default_factory=dict)


#: Of who wished nothing.
NONE: Final = Wishes()


class BadWish(Refusal):
    """Not a wish, or not in its form."""

    code = "consent.bad_wish"


def checked(name: str, value: object) -> Any:
    """The wish in the JSON form it is kept in; None takes it back."""
    if value is None:
        return None
    if name.startswith(TOPIC) or name == "is_personalised":
        if not isinstance(value, bool):
            raise _bad(name, value, _("say true or false"))
        return value
    if name not in NAMES:
        raise BadWish(
            _("%(name)r is no wish; choose from %(choices)s, %(topic)s<code>")
            % {"name": name[:60], "choices": ", ".join(NAMES), "topic": TOPIC},
            field=name[:60],
            value=None,
        )
    kept = _FORMS[name](value)
    if kept is None:
        raise _bad(name, value, _mend(name))
    return kept


def _bad(name: str, value: object, mend: str) -> BadWish:
    return BadWish(
        _("%(name)s: %(value)r will not do; %(mend)s") % {"name": name, "value": str(value)[:40], "mend": mend},
        field=name,
        value=str(value)[:40],
    )


def _hours(value: object) -> str | None:
    if not isinstance(value, str) or not (found := _HOURS.fullmatch(value.strip())):
        return None
    return None if found[1] == found[3] and found[2] == found[4] else value.strip()


def _pause(value: object) -> str | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    try:
        is_a_day = value.astimezone(UTC) - _FARTHEST_ZONE < value.astimezone(UTC) + _FARTHEST_ZONE
    except OverflowError:
        return None
    return value.isoformat() if is_a_day else None


def _most(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_PER_WEEK else None


def _zone(value: object) -> str | None:
    return civil.zone(value).key if isinstance(value, str) else None


def _tongue(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= 10 and languages.is_language(value) else None


def _channel(value: object) -> str | None:
    return str(value) if value in set(Channel) else None


_FORMS: Mapping[str, Callable[[object], Any]] = {
    "paused_until": _pause,
    "most_per_week": _most,
    "quiet": _hours,
    "zone": _zone,
    "language": _tongue,
    "channel": _channel,
}


def _mend(name: str) -> str:
    return {
        "paused_until": _("give a date, a time and an offset"),
        "most_per_week": _("give a number from 1 to %(most)s, or nothing") % {"most": MOST_PER_WEEK},
        "quiet": _("give hours like 22:00-08:00"),
        "zone": _("give a time zone like Asia/Shanghai"),
        "language": _("write it like zh-Hans or en"),
        "channel": _("choose from %(choices)s") % {"choices": ", ".join(Channel)},
    }[name]


def read_hours(text: str) -> Quiet:
    """`22:00-08:00` as kept."""
    start, _dash, end = text.partition("-")
    return Quiet(time.fromisoformat(start), time.fromisoformat(end))


def strictness(name: str, value: Any) -> tuple[int, float]:
    """How much a wish keeps from the person: more is stricter. Of languages, channels and zones none is."""
    if value is None:
        return 0, 0.0
    if name.startswith(TOPIC) or name == "is_personalised":
        return (0, 0.0) if value else (1, 0.0)
    if name == "paused_until":
        return 1, datetime.fromisoformat(value).timestamp()
    if name == "most_per_week":
        return 1, -float(value)
    return (1, 0.0) if name == "quiet" else (0, 0.0)


def fold(wishes: Iterable[Wish], *, at: datetime, joined_at: datetime | None = None) -> Wishes:
    """What the wishes of a person's records come to at `at`; `joined_at` is when the last of them joined."""
    by_name: dict[str, list[Wish]] = {}
    for wish in wishes:
        if wish.at <= at:
            by_name.setdefault(wish.name, []).append(_possible(wish))
    told = {name: _of(name, found, joined_at) for name, found in sorted(by_name.items())}
    found = {name: rows[0] for name, rows in told.items() if rows}
    plain = {name: wish.value for name, wish in found.items()}
    paused = plain.get("paused_until")
    is_personalised = plain.get("is_personalised")
    return Wishes(
        topics={
            name.removeprefix(TOPIC): value
            for name, value in plain.items()
            if name.startswith(TOPIC) and value is not None
        },
        most_per_week=plain.get("most_per_week"),
        quiet=tuple(dict.fromkeys(read_hours(wish.value) for wish in told.get("quiet", ()) if wish.value)),
        zone=plain.get("zone"),
        paused_until=datetime.fromisoformat(paused).astimezone(UTC) if paused else None,
        is_personalised=True if is_personalised is None else is_personalised,
        language=plain.get("language"),
        channel=plain.get("channel"),
        rows={name: wish.number for name, wish in found.items()},
    )


def _possible(wish: Wish) -> Wish:
    """The wish; a pause until a day that no clock reaches, which the ledger took in once, is none."""
    if wish.name == "paused_until" and wish.value is not None and _pause(wish.value) is None:
        return replace(wish, value=None)
    return wish


def _of(name: str, wishes: list[Wish], joined_at: datetime | None) -> list[Wish]:
    """The wishes that hold, the strictest first; several only of records that nobody was asked for anew."""

    def order(wish: Wish) -> tuple[datetime, tuple[int, float], str, int]:
        return wish.at, strictness(name, wish.value), str(wish.value), wish.number

    last = max(wishes, key=order)
    if joined_at is None or min(last.at, last.recorded_at) > joined_at:
        return [last]
    alone = [
        max((wish for wish in wishes if wish.record == record), key=order) for record in {one.record for one in wishes}
    ]
    return sorted(alone, key=lambda wish: (strictness(name, wish.value), *order(wish)), reverse=True)
