"""What status is decided by, read for many people at once: the rules in force until a moment, and what was done."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from django.db import connection

from regulars.facts.commerce import bought
from regulars.facts.company import stores
from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit import civil
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._earning.event_names import VISIT, called
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules.tier_periods import FIRST
from regulars.levers.loyalty.rules.tier_sets import Need, TierSet
from regulars.levers.loyalty.rules.tier_standing import Facts, Frozen, Segment, Tally, counters_of
from regulars.runtime import rooms
from regulars.runtime.database import arrays
from regulars.runtime.database.offered import Wanted

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
#: One thing that was done: when, the counter it counts in, and how much, or which.
Row = tuple[int, str, int | str]
_ACTIVATIONS = """
SELECT programme.id, activation.version_id, activation.from_at FROM loyalty_activation AS activation
  JOIN loyalty_programme AS programme ON programme.id = activation.programme_id
 WHERE activation.from_at <= COALESCE(%s, now())
   AND NOT EXISTS (SELECT FROM loyalty_withdrawal AS gone WHERE gone.activation_id = activation.id)
 ORDER BY programme.code, activation.from_at, activation.id
"""
_POINTS = """
SELECT account.customer_id, (date_part('epoch', lot.earned_at) * 1000000)::bigint,
       lot.original - lot.taken_back - lot.short
  FROM loyalty_account AS account JOIN loyalty_lot AS lot ON lot.account_id = account.id
  JOIN loyalty_currency AS currency ON currency.id = account.currency_id AND currency.code = %s
 WHERE account.customer_id = ANY(%s::bigint[]) AND lot.funding IN ('issuance', 'partner')
   AND lot.earned_by_id IS NULL
"""
_JOINED = f"""
SELECT COALESCE(person_id, id), min(first_seen_at) FROM {CUSTOMERS}
 WHERE (id = ANY(%(people)s::bigint[]) AND person_id IS NULL) OR person_id = ANY(%(people)s::bigint[]) GROUP BY 1
"""  # noqa: S608 - of a constant
_FROZEN = f"""
SELECT frost.tiers, COALESCE(record.person_id, record.id), frost.since_on, frost.until_on
  FROM loyalty_tier_freeze AS frost JOIN {CUSTOMERS} AS record ON record.id = frost.record_id
 WHERE frost.programme_id = %s AND COALESCE(record.person_id, record.id) = ANY(%s::bigint[])
"""  # noqa: S608 - of a constant


class Asks(Protocol):
    """What has to be counted of people, in whose money, points and days."""

    @property
    def says(self) -> Programme: ...
    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def counters(self) -> Mapping[str, Need]: ...
    @property
    def asks_when_joined(self) -> bool: ...


@dataclass(frozen=True)
class Ladder:
    """A programme's sets of tiers at a moment, each with all rules that were in force until then."""

    programme: int
    says: Programme
    version: int | None
    segments: Mapping[str, tuple[Segment, ...]]

    @cached_property
    def zone(self) -> ZoneInfo:
        return civil.zone(self.says.zone)

    @cached_property
    def basis(self) -> str:
        """The same for the same rules, whatever else changed in the programme."""
        return blake2b(repr(sorted(self.segments.items())).encode(), digest_size=16).hexdigest()

    @cached_property
    def counters(self) -> dict[str, Need]:
        """What has to be counted for any of them."""
        return {name: need for some in self.segments.values() for name, need in counters_of(some).items()}

    @cached_property
    def asks_when_joined(self) -> bool:
        """Whether the day somebody joined on matters."""
        return any(need.what == "tenure" for need in self.counters.values()) or any(
            one.set is not None and one.set.period.kind == "anniversary"
            for some in self.segments.values()
            for one in some
        )

    def now(self, tiers: str) -> TierSet | None:
        """The set as it is in force; None where it is not any more."""
        return self.segments[tiers][-1].set

    def today(self, at: datetime) -> int:
        """The civil day of a moment."""
        return civil.day_of(at, self.zone).toordinal()


@dataclass
class Done:
    """What somebody did, in any order, and when they were seen first."""

    rows: list[Row] = field(default_factory=list)
    first_seen_at: datetime | None = None

    def facts(self, zone: ZoneInfo, until_us: int) -> Facts:
        """As rules see it, of what was before that moment."""
        by_counter: dict[str, list[tuple[int, int | str]]] = {}
        first: int | None = None
        last_us, day = -1, 0
        for at_us, counter, amount in self.rows:
            if at_us < until_us:
                # Of one purchase several things are counted, one after the other.
                if at_us != last_us:
                    last_us, day = at_us, datetime.fromtimestamp(at_us / 1_000_000, zone).toordinal()
                by_counter.setdefault(counter, []).append((day, amount))
                first = day if first is None or day < first else first
        if self.first_seen_at is not None:
            seen = civil.day_of(self.first_seen_at, zone).toordinal()
            first = seen if first is None or seen < first else first
        joined = _EPOCH.toordinal() if first is None else first
        return Facts(joined, {counter: Tally(rows) for counter, rows in by_counter.items()})


def micros(at: datetime) -> int:
    """A moment as rows have it."""
    return (at - _EPOCH) // _MICROSECOND


def moment(at_us: int) -> datetime:
    """The moment that a row has."""
    return _EPOCH + at_us * _MICROSECOND


def ladders(at: datetime | None = None) -> list[Ladder]:
    """Those of every programme with tiers that was active by then. One query, more where a version is read first."""
    found = [_ladder(programme, some) for programme, some in activations(at).items()]
    return [one for one in found if one is not None]


def activations(at: datetime | None = None) -> dict[int, list[tuple[int | None, datetime]]]:
    """Each programme's versions with the moment from which each was in force, one after the other. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVATIONS, [at])
        rows = cursor.fetchall()
    turns: dict[int, list[tuple[int | None, datetime]]] = {}
    for programme, version, from_at in rows:
        turns.setdefault(programme, []).append((version, from_at))
    return turns


def drafted(ladder: Ladder | None, programme: int, says: Programme, at: datetime) -> Ladder:
    """As it would be if a draft were in force from `at` on."""
    day = civil.day_of(at, civil.zone(says.zone)).toordinal()
    before = {} if ladder is None else dict(ladder.segments)
    after = {one.id: one for one in says.tiers}
    segments = {
        name: tuple(_appended(list(before.get(name, ())), day if before.get(name) else FIRST, after.get(name)))
        for name in sorted({*before, *after})
    }
    return Ladder(programme, says, None, segments)


def _ladder(programme: int, turns: Sequence[tuple[int | None, datetime]]) -> Ladder | None:
    says = [(None if version is None else programmes.read_plainly(version), from_at) for version, from_at in turns]
    told = [one for one, _ in says if one is not None]
    names = sorted({tiers.id for one in told for tiers in one.tiers})
    if not names:
        return None
    zone = civil.zone(told[-1].zone)
    segments: dict[str, tuple[Segment, ...]] = {}
    for name in names:
        some: list[Segment] = []
        for one, from_at in says:
            tiers = None if one is None else next((each for each in one.tiers if each.id == name), None)
            # What was done before there were any tiers counts from the first of them on.
            day = civil.day_of(from_at, zone).toordinal() if some else FIRST
            if some or tiers is not None:
                some = _appended(some, day, tiers)
        segments[name] = tuple(some)
    return Ladder(programme, told[-1], turns[-1][0], segments)


def _appended(segments: list[Segment], day: int, tiers: TierSet | None) -> list[Segment]:
    if segments and segments[-1].since == day:
        segments = segments[:-1]
    if segments and segments[-1].set == tiers:
        return segments
    return [*segments, Segment(day if segments else FIRST, tiers)]


def done(ladder: Asks, people: Collection[int]) -> dict[int, Done]:
    """What these people did of what is asked; those who did nothing of it are left out. A query for each kind of it."""
    found: dict[int, Done] = {}
    counters = ladder.counters
    asked = {need.what for need in counters.values()}
    if asked & {"spend", "orders", "categories", "visits", "stores"}:
        _bought(ladder, people, counters, found)
    if "points" in asked:
        with connection.cursor() as cursor:
            cursor.execute(_POINTS, [ladder.says.currency.code, arrays.of_numbers(people)])
            for person, at_us, parts in cursor.fetchall():
                if parts > 0:
                    found.setdefault(person, Done()).rows.append((at_us, "points:", parts))
    if asked & {"events", "visits", "stores"}:
        _happened(ladder, people, counters, found)
    if ladder.asks_when_joined:
        with connection.cursor() as cursor:
            cursor.execute(_JOINED, {"people": arrays.of_numbers(people)})
            for person, seen_at in cursor.fetchall():
                if seen_at is not None:
                    found.setdefault(person, Done()).first_seen_at = seen_at
    return found


def _bought(ladder: Asks, people: Collection[int], counters: Mapping[str, Need], found: dict[int, Done]) -> None:
    of_categories = [need.of for need in counters.values() if need.what == "spend" and need.of]
    has = {need.counter for need in counters.values()}
    wants = bool(of_categories) or "categories:" in has
    told = bought.of(people, currency=ladder.says.money, with_categories=wants)
    codes = {store.id: store.code for store in stores.every()} if "stores:" in has else {}
    for person, purchases in told.items():
        rows: list[Row] = []
        for one in purchases:
            if not one.minor:
                continue
            if "spend:" in has:
                rows.append((one.at_us, "spend:", one.minor))
            if "orders:" in has:
                rows.append((one.at_us, "orders:", 1))
            if one.is_in_store and "visits:" in has:
                rows.append((one.at_us, "visits:", _day_text(one.at_us, ladder.zone)))
            if one.is_in_store and one.store in codes:
                rows.append((one.at_us, "stores:", codes[one.store]))
            for category, minor in one.categories:
                if "categories:" in has:
                    rows.append((one.at_us, "categories:", category))
                rows += [
                    (one.at_us, f"spend:{of}", min(minor, one.minor))
                    for of in of_categories
                    if minor > 0 and (category == of or category.startswith(f"{of} > "))
                ]
        if rows:
            found.setdefault(person, Done()).rows += rows


def _happened(ladder: Asks, people: Collection[int], counters: Mapping[str, Need], found: dict[int, Done]) -> None:
    wanted = {need.of: need.counter for need in counters.values() if need.what == "events"}
    if "visits:" in counters or "stores:" in counters:
        wanted.setdefault(VISIT, "")
    told = rooms.collections()["events.events"].read(
        sorted(people), Wanted(columns=frozenset({"name", "store"}), parts=frozenset())
    )
    for person, rows in told.items():
        mine = found.setdefault(person, Done()).rows
        for row in rows:
            name = called(str(row.values.get("name", "")))
            if name not in wanted:
                continue
            at_us = micros(row.at)
            if counter := wanted[name]:
                mine.append((at_us, counter, 1))
            if name == VISIT and "visits:" in counters:
                mine.append((at_us, "visits:", _day_text(at_us, ladder.zone)))
            if name == VISIT and "stores:" in counters and (store := row.values.get("store")):
                mine.append((at_us, "stores:", str(store)))


def _day_text(at_us: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, zone).date().isoformat()


def frozen(ladder: Ladder, people: Iterable[int]) -> dict[tuple[int, str], list[Frozen]]:
    """Whose status does not fall, by person and set. One query."""
    found: dict[tuple[int, str], list[Frozen]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_FROZEN, [ladder.programme, arrays.of_numbers(people)])
        for tiers, person, since, until in cursor.fetchall():
            one = Frozen(since.toordinal(), None if until is None else until.toordinal())
            found.setdefault((person, tiers), []).append(one)
    return found


def on(day: int | None) -> date | None:
    """The day of a number; None for none, and for one beyond the calendar."""
    return None if day is None or day >= date.max.toordinal() else date.fromordinal(day)
