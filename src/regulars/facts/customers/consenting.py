"""What somebody's consents and wishes come to, and whether a message may go. Pure: no database, no clock.

The state of a purpose on a channel is a fold over what was answered, whatever the order it arrived in: the latest
answer counts, and of two at the same time the no. Of several records of one person each is folded alone and the
strictest counts, until somebody who was asked again after the records were joined said yes later than every no: a yes
said before the join is none of these, whenever it was told.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from regulars.facts.customers.purposes import ANY, DISTURBING, Purpose
from regulars.facts.customers.wishing import Quiet, Wishes
from regulars.kit import civil

#: Clocks of machines differ by less: a no counts so much before its own time.
SKEW: Final = timedelta(minutes=1)
WEEK: Final = timedelta(days=7)
#: How often the search for a free moment goes round before it gives up: each round ends one reason to wait.
_MOST_ROUNDS: Final = 32
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Entry:
    """One answer as it stands in the ledger. `record` is whom it came with, `number` the row's."""

    number: int
    record: int
    purpose: str
    channel: str
    brand: int | None
    is_granted: bool
    at: datetime
    recorded_at: datetime
    is_by_guardian: bool = False

    def covers(self, purpose: str, channel: str, brand: int | None) -> bool:
        """Whether it answers for that purpose, channel and brand. One without a brand is for all of them."""
        return self.purpose in {purpose, ANY} and self.channel in {channel, ANY} and self.brand in {brand, None}


class Decision(StrEnum):
    """What the answers come to."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class State:
    """What the answers come to, and the one it rests on. `needs_guardian`: a child's own yes stands there alone."""

    decision: Decision
    entry: Entry | None = None
    needs_guardian: bool = False


UNASKED: Final = State(Decision.UNKNOWN)


def state(
    entries: Collection[Entry],
    *,
    purpose: str,
    channel: str,
    brand: int | None = None,
    at: datetime,
    joined_at: datetime | None = None,
    grown_at: datetime | None = None,
) -> State:
    """What the answers of a person's records come to at `at`.

    `joined_at` is when the last of the records joined. Until `grown_at` the person was a child by law, and only a
    guardian's yes counts. Without a brand it is asked for all: the no to one of them counts.
    """
    brands: set[int | None] = {None} if brand is None else {brand}
    if brand is None:
        brands |= {entry.brand for entry in entries}
    states = {one: _of_brand(entries, purpose, channel, one, at, joined_at, grown_at) for one in brands}
    asked = states[brand]
    refused = [one for one in states.values() if one.decision is Decision.WITHDRAWN]
    if asked.decision is Decision.WITHDRAWN or not refused:
        return asked
    return max(refused, key=_when)


def _of_brand(
    entries: Iterable[Entry],
    purpose: str,
    channel: str,
    brand: int | None,
    at: datetime,
    joined_at: datetime | None,
    grown_at: datetime | None,
) -> State:
    told = [entry for entry in entries if entry.covers(purpose, channel, brand)]
    noes = [entry for entry in told if not entry.is_granted and entry.at <= at + SKEW]
    said = [entry for entry in told if entry.is_granted and entry.at <= at]
    yeses = [entry for entry in said if entry.is_by_guardian or grown_at is None or entry.at >= grown_at]
    childs = len(yeses) < len(said)
    last_no = max(noes, key=_order, default=None)
    asked_again = [yes for yes in yeses if joined_at is None or min(yes.at, yes.recorded_at) > joined_at]
    last_yes = max(asked_again, key=_order, default=None)
    if last_yes is not None and (last_no is None or last_yes.at > last_no.at):
        return State(Decision.GRANTED, last_yes)
    alone = [_of_record(record, noes, yeses) for record in {entry.record for entry in (*noes, *yeses)}]
    for decision in (Decision.WITHDRAWN, Decision.GRANTED):
        found = [one for one in alone if one.decision is decision]
        if found:
            return max(found, key=_when)
    return State(Decision.UNKNOWN, None, childs)


def _of_record(record: int, noes: Iterable[Entry], yeses: Iterable[Entry]) -> State:
    no = max((one for one in noes if one.record == record), key=_order, default=None)
    yes = max((one for one in yeses if one.record == record), key=_order, default=None)
    if yes is not None and (no is None or yes.at > no.at):
        return State(Decision.GRANTED, yes)
    return State(Decision.WITHDRAWN, no)


def _order(entry: Entry) -> tuple[datetime, int]:
    return entry.at, entry.number


def _when(one: State) -> tuple[datetime, int]:
    assert one.entry is not None
    return _order(one.entry)


@dataclass(frozen=True)
class Asked:
    """May a message for `purpose` go by `channel` (None: a use of data that is no message) at `at`?"""

    purpose: str
    channel: str | None
    at: datetime
    brand: int | None = None
    topic: str | None = None


@dataclass(frozen=True)
class Known:
    """What is known of one person: answers, wishes, when the records joined, and the law's age in their country.

    `zone` is the shop's, whose clock counts where the person wished none. `sent` are the messages they got lately.
    """

    zone: ZoneInfo
    entries: Sequence[Entry] = ()
    wishes: Wishes = field(default_factory=Wishes)
    joined_at: datetime | None = None
    birthday: date | None = None
    age_of_consent: int = 0
    sent: Sequence[datetime] = ()

    @property
    def grown_at(self) -> datetime | None:
        """When the person may decide alone; None where no birthday is known."""
        if self.birthday is None:
            return None
        return civil.start_of_day(civil.add_months(self.birthday, 12 * self.age_of_consent), self.zone)


@dataclass(frozen=True)
class Answer:
    """`code` says why, for good; `until` is when it ends by itself; `consent` and `wish` are the rows it rests on."""

    is_allowed: bool
    code: str
    until: datetime | None = None
    consent: int | None = None
    wish: int | None = None


def decide(asked: Asked, known: Known, *, without_asking: Mapping[tuple[str, str], bool] | None = None) -> Answer:
    """Whether it may be, and why. `without_asking` are the (purpose, channel or `*`) that need no yes.

    Strict first: what the person refused, then what the law wants for children, then what they wished, then time.
    Messages of service wait for nothing but a no: who ordered something hears of it.
    """
    free = without_asking or {}
    channel = asked.channel or ANY
    grown_at = known.grown_at
    found = state(
        known.entries,
        purpose=asked.purpose,
        channel=channel,
        brand=asked.brand,
        at=asked.at,
        joined_at=known.joined_at,
        grown_at=grown_at,
    )
    row = found.entry.number if found.entry else None
    if found.decision is Decision.WITHDRAWN:
        return Answer(False, "consent.withdrawn", consent=row)
    if found.decision is Decision.UNKNOWN:
        is_child = grown_at is not None and asked.at < grown_at and asked.purpose != Purpose.SERVICE
        needs_no_yes = is_free(free, asked.purpose, channel)
        if is_child or (found.needs_guardian and not needs_no_yes):
            return Answer(False, "consent.needs_guardian", until=grown_at if needs_no_yes else None)
        if not needs_no_yes:
            return Answer(False, "consent.not_asked")
    wishes = known.wishes
    if asked.purpose == Purpose.PERSONALISATION and not wishes.is_personalised:
        return Answer(False, "consent.not_personalised", wish=wishes.rows.get("is_personalised"))
    if asked.channel is not None and asked.purpose != Purpose.SERVICE:
        if asked.topic is not None and not wishes.topics.get(asked.topic, True):
            return Answer(False, "consent.topic_declined", wish=wishes.rows.get(f"topic:{asked.topic}"))
        if waits := _waits(asked, known):
            return waits
    if found.decision is Decision.GRANTED:
        return Answer(True, "consent.granted", consent=row)
    return Answer(True, "consent.not_needed")


def is_free(free: Mapping[tuple[str, str], bool], purpose: str, channel: str) -> bool:
    """Whether it needs no yes; `channel` is `*` for a use that is no message."""
    return free.get((purpose, channel), free.get((purpose, ANY), False))


def _waits(asked: Asked, known: Known) -> Answer | None:
    """The first reason to wait, and the first moment without any."""
    first: Answer | None = None
    moment = asked.at
    for _ in range(_MOST_ROUNDS):
        reason = _wait_at(moment, asked, known)
        if reason is None:
            break
        first = first or reason
        assert reason.until is not None
        moment = reason.until
    if first is None:
        return None
    return Answer(False, first.code, until=moment, wish=first.wish)


def _wait_at(moment: datetime, asked: Asked, known: Known) -> Answer | None:
    wishes = known.wishes
    if wishes.paused_until is not None and moment < wishes.paused_until:
        return Answer(False, "consent.paused", until=wishes.paused_until, wish=wishes.rows.get("paused_until"))
    most = wishes.most_per_week
    if most is not None:
        lately = sorted(sent for sent in known.sent if moment - WEEK < sent <= moment)
        if len(lately) >= most:
            until = lately[-most] + WEEK
            return Answer(False, "consent.often_enough", until=until, wish=wishes.rows.get("most_per_week"))
    if asked.channel in DISTURBING:
        zone = civil.zone(wishes.zone) if wishes.zone else known.zone
        ends = [end for quiet in wishes.quiet if (end := quiet_until(quiet, moment, zone)) is not None]
        if ends:
            return Answer(False, "consent.quiet_hours", until=max(ends), wish=wishes.rows.get("quiet"))
    return None


def quiet_until(quiet: Quiet, at: datetime, zone: ZoneInfo) -> datetime | None:
    """When the quiet that holds at `at` on the clocks of `zone` ends; None where it does not hold.

    Hours may go over midnight. Where clocks are put back the same hours are quiet twice; an end that clocks jump over
    is the moment they do.
    """
    local = at.astimezone(zone)
    clock = local.time().replace(tzinfo=None, fold=0)
    if quiet.start <= quiet.end:
        if not quiet.start <= clock < quiet.end:
            return None
        day = local.date()
    else:
        if quiet.end <= clock < quiet.start:
            return None
        day = local.date() + timedelta(days=1) if clock >= quiet.start else local.date()
    return _reached(day, quiet.end, zone, at)


def _reached(day: date, clock: time, zone: ZoneInfo, at: datetime) -> datetime:
    """The first moment after `at` at which clocks in `zone` had come to `clock` on that day."""
    face = datetime.combine(day, clock)
    first, second = (face.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return first if first > at else second
    # Clocks jumped over it: the moment they did.
    while second.astimezone(zone).replace(tzinfo=None) < face:
        second += _MINUTE
    return second
