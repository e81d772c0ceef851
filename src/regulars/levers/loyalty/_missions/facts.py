"""What missions are decided by, read for many people at once: the rules in force until a moment, what was done, who
joined, and what conditions ask."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from zoneinfo import ZoneInfo

from django.db import connection

from regulars.facts.commerce import bought
from regulars.facts.customers import persons
from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit import civil
from regulars.kit.conditions import holding
from regulars.kit.conditions.holding import Known, Row
from regulars.kit.conditions.nodes import Condition
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._earning import seeing
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules.mission_walk import Deed, Done, Stand, Turn, is_in, stands
from regulars.levers.loyalty.rules.missions import Goal, Mission, Round
from regulars.levers.loyalty.rules.tier_sets import Need
from regulars.runtime.database import arrays

ORDERS = "commerce.orders"
_MICROSECOND = timedelta(microseconds=1)
_JOINED = f"""
SELECT joined.mission, COALESCE(record.person_id, record.id), joined.joined_at, joined.left_at
  FROM loyalty_mission_join AS joined JOIN {CUSTOMERS} AS record ON record.id = joined.record_id
 WHERE joined.programme_id = %(programme)s
   AND (record.id = ANY(%(people)s::bigint[]) OR record.person_id = ANY(%(people)s::bigint[]))
 ORDER BY joined.joined_at, joined.id
"""  # noqa: S608 - of a constant


@dataclass(frozen=True)
class Board:
    """A programme's missions at a moment, each with all that its file said of it until then."""

    programme: int
    says: Programme
    turns: Mapping[str, tuple[Turn, ...]]

    @cached_property
    def zone(self) -> ZoneInfo:
        return civil.zone(self.says.zone)

    @cached_property
    def basis(self) -> str:
        """The same for the same rules, whatever else changed in the programme."""
        return blake2b(repr(sorted(self.turns.items())).encode(), digest_size=16).hexdigest()

    @cached_property
    def every(self) -> tuple[Mission, ...]:
        """All that was ever said of any."""
        return tuple(one.mission for some in self.turns.values() for one in some if one.mission is not None)

    @cached_property
    def counters(self) -> dict[str, Need]:
        """What has to be counted for any of them."""
        return {need.counter: need for one in self.every for need in one.needs}

    @property
    def asks_when_joined(self) -> bool:
        return False

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """What they ask in the one language."""
        return tuple(condition for one in self.every for condition in one.conditions)

    @cached_property
    def asks_for_orders(self) -> bool:
        return any(ORDERS in one.collections for one in self.conditions)

    @cached_property
    def draws(self) -> bool:
        """Whether any is for some by chance."""
        return any(one.one_in > 1 for one in self.every)

    @property
    def now(self) -> Mapping[str, Mission]:
        """Those in force."""
        return {name: some[-1].mission for name, some in self.turns.items() if some[-1].mission is not None}

    def today(self, at: datetime) -> int:
        """The civil day of a moment."""
        return civil.day_of(at, self.zone).toordinal()


#: When conditions that have no past to look at were seen to hold: by mission, round and place, in microseconds.
Kept = Mapping[tuple[str, str, int], int]


@dataclass
class Far:
    """How far somebody is: `stands` by mission. `held`: what of `Kept` was seen just now for the first time. `fits`:
    the missions that are for them."""

    stands: dict[str, list[Stand]]
    held: dict[tuple[str, str, int], int]
    fits: Set[str]


def boards(at: datetime | None = None) -> list[Board]:
    """Of every programme that had missions by then. One query, more where a version is read first."""
    found = []
    for programme, turns in tier_facts.activations(at).items():
        plain = [(version, from_at, version and programmes.read_plainly(version)) for version, from_at in turns]
        if any(says and says.missions for _version, _from_at, says in plain):
            found.append(_board(programme, turns))
    return found


def _board(programme: int, turns: Sequence[tuple[int | None, datetime]]) -> Board:
    told = [(version, None if version is None else programmes.read(version), from_at) for version, from_at in turns]
    last = next(says for _version, says, _from_at in reversed(told) if says is not None)
    zone = civil.zone(last.zone)
    names = sorted({one.id for _version, says, _from_at in told if says is not None for one in says.missions})
    found: dict[str, tuple[Turn, ...]] = {}
    for name in names:
        some: list[Turn] = []
        for version, says, from_at in told:
            mission = next((one for one in says.missions if one.id == name), None) if says is not None else None
            if (mission is None and not some) or (some and some[-1].mission == mission):
                continue
            day = civil.day_of(from_at, zone).toordinal()
            some.append(Turn(tier_facts.micros(from_at), day, mission, version or 0))
        found[name] = tuple(some)
    return Board(programme, last, found)


def far(
    board: Board,
    people: Collection[int],
    at: datetime,
    kept: Mapping[int, Kept],
    began: Mapping[int, Set[tuple[str, str]]],
) -> dict[int, Far]:
    """How far each of these people is. `kept` is what was seen of them before, `began` the rounds in which something is
    on record of them: whom a mission was for once, it is for until its round is over. A query for each kind of thing
    that missions ask, and one."""
    counted = tier_facts.done(board, people)
    joined = _joined(board, people)
    records = persons.records_of_many(sorted(people)) if board.draws else {}
    known: dict[int, Known] = {}
    if board.conditions:
        asked = {audience for one in board.conditions for audience in one.audiences}
        inside = seeing.memberships(people, asked)
        known = seeing.known(sorted(people), board.conditions, inside)
        if board.asks_for_orders:
            known = _without_what_came_back(board, people, known)
    now_us, today = tier_facts.micros(at), board.today(at)
    found = {}
    for person in people:
        mine = counted.get(person)
        rows = [] if mine is None else mine.rows
        knows = known.get(person, Known({}))
        looker = _Looker(board, knows, kept.get(person, {}), joined.get(person, {}), at)
        done = Done(_deeds(rows, board.zone, now_us), looker.days, joined.get(person, {}), records.get(person, ()))
        fits = {
            name
            for name, mission in board.now.items()
            if mission.only_if is None or holding.holds(mission.only_if, knows, at=at).holds
        }
        here: dict[str, list[Stand]] = {}
        for name, turns in board.turns.items():
            each = stands(turns, done, looker, now_us=now_us, today=today)
            here[name] = [
                one
                for one in each
                if one.mission.only_if is None or name in fits or (name, one.round.name) in began.get(person, ())
            ]
        found[person] = Far(here, looker.held, fits)
    return found


def _deeds(rows: Iterable[tier_facts.Row], zone: ZoneInfo, now_us: int) -> dict[str, list[Deed]]:
    found: dict[str, list[Deed]] = {}
    last_us, day = -1, 0
    for at_us, counter, amount in sorted(rows, key=lambda one: one[0]):
        if at_us > now_us:
            break
        if at_us != last_us:
            last_us, day = at_us, datetime.fromtimestamp(at_us / 1_000_000, zone).toordinal()
        found.setdefault(counter, []).append(Deed(at_us, day, amount))
    return found


def _joined(board: Board, people: Collection[int]) -> dict[int, dict[str, list[tuple[int, int | None]]]]:
    found: dict[int, dict[str, list[tuple[int, int | None]]]] = {}
    if any(one.asks_to_join for one in board.every):
        with connection.cursor() as cursor:
            cursor.execute(_JOINED, {"programme": board.programme, "people": arrays.of_numbers(people)})
            for mission, person, since, until in cursor.fetchall():
                told = (tier_facts.micros(since), None if until is None else tier_facts.micros(until))
                found.setdefault(person, {}).setdefault(mission, []).append(told)
    return found


def _without_what_came_back(board: Board, people: Collection[int], known: Mapping[int, Known]) -> dict[int, Known]:
    """Orders of which nothing was kept were none."""
    found = dict(known)
    for person, purchases in bought.of(people, currency=board.says.money).items():
        gone = {one.at_us for one in purchases if one.minor == 0} - {one.at_us for one in purchases if one.minor != 0}
        if gone and person in found:
            rows = [row for row in found[person].rows.get(ORDERS, ()) if tier_facts.micros(row.at) not in gone]
            found[person] = replace(found[person], rows={**found[person].rows, ORDERS: rows})
    return found


def _first_that_holds(condition: Condition, known: Known, moments: Sequence[datetime]) -> Sequence[datetime]:
    """Of a condition that once it held goes on holding: the moment it held first; where it never did, the last one. Of
    whom very much is known it is asked a few times instead of after each thing they did."""
    if not moments or not holding.holds(condition, known, at=moments[-1] + _MICROSECOND).holds:
        return moments[-1:]
    nth = bisect_left(moments, True, key=lambda at: holding.holds(condition, known, at=at + _MICROSECOND).holds)
    return moments[nth : nth + 1]


@dataclass
class _Looker:
    """When conditions of somebody's held first."""

    board: Board
    known: Known
    kept: Kept
    joined: Mapping[str, Sequence[tuple[int, int | None]]]
    at: datetime
    held: dict[tuple[str, str, int], int] = field(default_factory=dict)

    @cached_property
    def days(self) -> Set[int]:
        """On which anything happened that they may ask for, and today."""
        zone = self.board.zone
        found = {civil.day_of(row.at, zone).toordinal() for rows in self.known.rows.values() for row in rows}
        return found | {self.board.today(self.at)}

    def __call__(
        self, mission: str, place: int, goal: Goal, *, round_: Round, after_us: int, now_us: int
    ) -> tuple[int, int, int | None]:
        """As `Look` says. What has a past is asked right after each thing they did, what has none is asked now."""
        many = goal.many
        if goal.asks is None:
            return 0, many, None
        name = (mission, round_.name, place)
        if goal.is_kept and (before := self.kept.get(name)) is not None and before <= now_us:
            return many, many, before
        known = replace(self.known, rows=self._rows(mission, goal.asks, round_, after_us, now_us))
        if goal.is_kept:
            at_us = tier_facts.micros(self.at)
            # Whether it held when other rules were in force nobody knows any more.
            is_now = now_us == at_us and round_.since <= self.board.today(self.at) < round_.until
            if is_now and holding.holds(goal.asks, known, at=self.at).holds:
                self.held[name] = at_us
                return many, many, at_us
            return 0, many, None
        has = 0
        moments: Sequence[datetime] = sorted({row.at for rows in known.rows.values() for row in rows})
        if goal.only_grows:
            moments = _first_that_holds(goal.asks, known, moments)
        for at in moments:
            verdict = holding.holds(goal.asks, known, at=at + _MICROSECOND)
            if verdict.holds:
                return many, many, tier_facts.micros(at)
            if isinstance(verdict.seen, int) and not isinstance(verdict.seen, bool):
                has = min(verdict.seen, many - 1)
        return has if many > 1 else 0, many, None

    def _rows(
        self, mission: str, condition: Condition, round_: Round, after_us: int, now_us: int
    ) -> dict[str, list[Row]]:
        zone, joins = self.board.zone, self._asks_to_join(mission)
        found: dict[str, list[Row]] = {}
        for name in condition.collections:
            for row in self.known.rows.get(name, ()):
                at_us = tier_facts.micros(row.at)
                if not after_us < at_us <= now_us:
                    continue
                if joins and not is_in(self.joined.get(mission, ()), at_us):
                    continue
                if round_.since <= civil.day_of(row.at.astimezone(UTC), zone).toordinal() < round_.until:
                    found.setdefault(name, []).append(row)
        return found

    def _asks_to_join(self, mission: str) -> bool:
        return any(one.mission is not None and one.mission.asks_to_join for one in self.board.turns[mission])
