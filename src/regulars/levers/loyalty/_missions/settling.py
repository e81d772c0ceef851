"""What is kept of missions is brought to what is so, and what they give with it: points at once and in the same
transaction, rewards by `handing_out` soon after.

Locks, in this order: persons, accounts, missions of a person, the run's row. Whoever settles orders holds accounts
before.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from django.db import connection

from regulars.facts.customers import persons
from regulars.kit.actors import Actor, Origin
from regulars.levers.loyalty import points
from regulars.levers.loyalty._missions import facts as mission_facts
from regulars.levers.loyalty._missions.facts import Board, Far
from regulars.levers.loyalty._missions.rows import MissionRun
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty.expiring import lapses_at
from regulars.levers.loyalty.notices import BadgeEarned, MissionDone, MissionUndone
from regulars.levers.loyalty.points import NewLot, NothingToReverse
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.rules.mission_walk import Stand
from regulars.runtime.database import arrays
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.outbox import announce_many

_ACCOUNTS = "SELECT id FROM loyalty_account WHERE customer_id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE"
# What was passed on to an heir stays theirs.
_INHERITED = """
SELECT posting.entry_id FROM loyalty_posting AS posting JOIN loyalty_lot AS lot ON lot.id = posting.lot_id
 WHERE posting.entry_id = ANY(%s::bigint[]) AND lot.earned_by_id IS NOT NULL
"""
_ALONE = """
SELECT pg_advisory_xact_lock(hashtext('loyalty.missions'), told.number)
  FROM (SELECT DISTINCT (person %% 2147483648)::int AS number FROM unnest(%s::bigint[]) AS each(person)
         ORDER BY 1) AS told
"""


@dataclass(frozen=True)
class Changed:
    """Somebody did a mission, or what it rested on is not so any more. `points` were given, or taken back."""

    customer: int
    programme: str
    mission: str
    round: str
    is_done: bool
    points: int
    badge: str


@dataclass
class _Todo:
    """What has to be written of one person. `rows` as they shall be; `lots` with the row that each is for."""

    insert: list[MissionRun] = field(default_factory=list)
    update: list[MissionRun] = field(default_factory=list)
    done: list[MissionRun] = field(default_factory=list)
    undone: list[MissionRun] = field(default_factory=list)
    badges: list[tuple[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.insert or self.update)


def differing(board: Board, people: Collection[int], *, at: datetime) -> list[int]:
    """Those of whom something else is kept than is so. Locks nothing: `settle` looks again."""
    return sorted(person for person, todo in _looked(board, people, at).items() if todo)


def alone(people: Collection[int]) -> list[int]:
    """Whoever settles these people's missions, or hands out what they give, is the only one until the transaction ends.
    The persons that they are."""
    held = sorted(set(persons.held(people).values()))
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, [arrays.of_numbers(held)])
        cursor.execute(_ALONE, [arrays.of_numbers(held)])
    return held


def settle(board: Board, people: Collection[int], *, at: datetime, by: Actor, origin: Origin) -> list[Changed]:
    """Bring these people's missions to what is so, in the caller's transaction; what changed. A few hundred at most."""
    held = alone(people)
    todos = {person: todo for person, todo in _looked(board, held, at).items() if todo}
    if not todos:
        return []
    fresh = [row for todo in todos.values() for row in todo.insert]
    _number(fresh)
    _give(board, [row for todo in todos.values() for row in todo.done], at, by, origin)
    MissionRun.objects.bulk_create(fresh)
    _take_back(board, [row for todo in todos.values() for row in todo.undone], at, by)
    columns = (
        *("version_id", "is_done", "done_at", "done_on", "until_on", "share", "step", "counted", "seen", "times"),
        *("points", "entry", "badge", "owes", "try_at", "decided_at"),
    )
    MissionRun.objects.bulk_update([row for todo in todos.values() for row in todo.update], columns)
    if origin == "live":
        told = [one for person, todo in todos.items() for one in _news(board, person, todo, at)]
        announce_many(told, by=by, verb="loyalty.missions.settle")
    return [
        Changed(person, board.says.code, row.mission, row.round, row.is_done, row.points, row.badge)
        for person, todo in todos.items()
        for row in (*todo.done, *todo.undone)
    ]


def _looked(board: Board, people: Collection[int], at: datetime) -> dict[int, _Todo]:
    return {person: _todo(person, *told, board, at) for person, told in read(board, people, at).items()}


def read(board: Board, people: Collection[int], at: datetime) -> dict[int, tuple[Far, list[MissionRun]]]:
    """How far each person is, and what is kept of it: of all their records. A joined record has none of its own."""
    records = persons.records_of_many(sorted(people))
    person_of = {record: person for person, some in records.items() for record in some}
    runs: dict[int, list[MissionRun]] = {person: [] for person in records}
    for row in MissionRun.objects.filter(programme_id=board.programme, record_id__in=person_of).order_by("id"):
        runs[person_of[row.record_id]].append(row)
    heads = [person for person in records if records[person][0] == person]
    kept = {
        person: {
            (row.mission, row.round, int(place)): int(at_us)
            for row in runs[person]
            for place, at_us in row.seen.items()
        }
        for person in heads
    }
    began = {person: {(row.mission, row.round) for row in runs[person]} for person in heads}
    found = mission_facts.far(board, heads, at, kept, began)
    return {person: (found[person], runs[person]) for person in heads}


def _todo(person: int, far: Far, runs: Sequence[MissionRun], board: Board, at: datetime) -> _Todo:
    todo = _Todo()
    had = {row.badge for row in runs if row.is_done and row.badge}
    mine: dict[tuple[str, str], list[MissionRun]] = {}
    for row in runs:
        mine.setdefault((row.mission, row.round), []).append(row)
    for some in far.stands.values():
        for one in some:
            rows = mine.pop((one.mission.id, one.round.name), [])
            here = (one.mission.id, one.round.name)
            seen = {str(place): at_us for (*which, place), at_us in far.held.items() if tuple(which) == here}
            # Of two records that both did it before they were one person, what the first had stays.
            rows.sort(key=lambda row: (not row.is_done, row.record_id != person, row.id))
            if rows:
                _to(todo, rows[0], one, seen, board, at)
                for other in rows[1:]:
                    _to_nothing(todo, other, at)
            elif one.done_us is not None or one.share or seen:
                row = MissionRun(
                    programme_id=board.programme,
                    version_id=one.version,
                    mission=one.mission.id,
                    round=one.round.name,
                    record_id=person,
                )
                todo.insert.append(row)
                _to(todo, row, one, seen, board, at)
    for rows in mine.values():
        for row in rows:
            _to_nothing(todo, row, at)
    has = {row.badge for row in (*runs, *todo.insert) if row.is_done and row.badge}
    todo.badges = [(row.badge, row.mission) for row in todo.done if row.badge in has - had]
    return todo


def _to(todo: _Todo, row: MissionRun, one: Stand, seen: Mapping[str, int], board: Board, at: datetime) -> None:
    """The row as it shall be."""
    before = (row.is_done, row.done_at, row.share, row.step, row.counted, row.version_id, row.until_on)
    was_done = row.is_done
    row.share, row.step = int(one.share * 100), one.step
    row.counted = [[each.has, each.at_least] for each in one.goals]
    row.until_on = tier_facts.on(one.round.until)
    if was_done and one.done_us is not None:
        # It stays what it was done by, and when it is said to have been done.
        row.share, row.step = 100, len(one.goals)
        row.version_id, row.done_at, row.until_on = before[5], before[1], before[6]
    elif one.done_us is not None:
        moment = tier_facts.moment(one.done_us)
        row.version_id, row.is_done, row.done_at = one.version, True, moment
        row.done_on = moment.astimezone(board.zone).date()
        row.times += 1
        row.points, row.badge, row.owes = one.mission.prize.points, one.mission.prize.badge, one.mission.prize.reward
        row.try_at = None
        if row.redemption is not None:
            # Theirs still from the time before: not taken back yet, or used by then and never to come back.
            row.owes = ""
        todo.done.append(row)
    elif was_done:
        row.version_id = one.version
        _undo(todo, row)
    else:
        row.version_id = one.version
    row.seen = {**row.seen, **seen}
    now = (row.is_done, row.done_at, row.share, row.step, row.counted, row.version_id, row.until_on)
    if row.id is not None and (now != before or seen):
        row.decided_at = at
        todo.update.append(row)


def _to_nothing(todo: _Todo, row: MissionRun, at: datetime) -> None:
    """Of a round that nothing is so of any more."""
    if row.is_done:
        row.share, row.step, row.counted = 0, 0, []
        _undo(todo, row)
    elif row.share and row.until_on is None:
        row.share, row.step, row.counted = 0, 0, []
    else:
        return
    row.decided_at = at
    todo.update.append(row)


def _undo(todo: _Todo, row: MissionRun) -> None:
    row.is_done, row.done_at, row.done_on, row.owes, row.try_at = False, None, None, "", None
    todo.undone.append(row)


def _number(rows: Sequence[MissionRun]) -> None:
    """Their numbers beforehand: what they give names them."""
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence('loyalty_mission_run', 'id')) FROM generate_series(1, %s)",
                [len(rows)],
            )
            for row, (number,) in zip(rows, cursor.fetchall(), strict=True):
                row.id = number


def _give(board: Board, rows: Sequence[MissionRun], at: datetime, by: Actor, origin: Origin) -> None:
    """Points, with the end that points of today have; what they owe is paid from them first."""
    wanted = [row for row in rows if row.points]
    if not wanted:
        return
    last_day: date | None = board.says.expiry.last_day(date.fromordinal(board.today(at)))
    lots = [
        NewLot(
            record=row.record_id,
            amount=row.points,
            reason=Reason("mission", _called(board, row)),
            expires_on=last_day,
            expires_at=lapses_at(last_day, board.zone),
            expiry_policy=str(board.says.expiry),
            subject=subject_of(row),
        )
        for row in wanted
    ]
    currency = board.says.currency.code
    done = points.award_many(lots=lots, key=f"missions:{uuid4()}", at=at, by=by, currency=currency, origin=origin)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT subject, record_id, origin_entry_id FROM loyalty_lot WHERE id = ANY(%s::bigint[])",
            [arrays.of_numbers(done.lots)],
        )
        entries = {(subject, record): entry for subject, record, entry in cursor.fetchall()}
    for row in wanted:
        row.entry = entries[subject_of(row), row.record_id]


def subject_of(row: MissionRun) -> str:
    """What its points were earned with."""
    return f"mission:{row.id}/{row.times}"


def _called(board: Board, row: MissionRun) -> dict[str, object]:
    """What its members call it, in both languages."""
    titles = next(one.titles for one in reversed(board.every) if one.id == row.mission)
    return {"mission": titles["en"], "mission_zh": titles["zh"]}


def _take_back(board: Board, rows: Sequence[MissionRun], at: datetime, by: Actor) -> None:
    """What is left of what each gave; what was spent of it is owed."""
    entries = [row.entry for row in rows if row.entry is not None]
    if not entries:
        return
    with connection.cursor() as cursor:
        cursor.execute(_INHERITED, [arrays.of_numbers(entries)])
        inherited = {entry for (entry,) in cursor.fetchall()}
    for row in rows:
        if row.entry in inherited:
            row.entry = None
        elif row.entry is not None:
            # Where somebody took it back by hand there is nothing left of it.
            with suppress(NothingToReverse):
                points.reverse(
                    entry=row.entry,
                    reason=Reason("mission_undone", _called(board, row)),
                    key=f"mission:{row.id}/{row.times}:back",
                    at=at,
                    by=by,
                )
            row.entry = None


def _news(board: Board, person: int, todo: _Todo, at: datetime) -> list[tuple[Notice, Mapping[str, object]]]:
    told: list[tuple[Notice, Mapping[str, object]]] = []
    for rows, kind in ((todo.undone, MissionUndone), (todo.done, MissionDone)):
        for row in rows:
            what: dict[str, Any] = {"mission": row.mission, "round": row.round, "points": row.points}
            notice = kind(customer=person, programme=board.says.code, badge=row.badge, at=at, **what)
            told.append((notice, {"mission": f"{board.says.code}.{row.mission}", "points": row.points}))
    seen: Counter[str] = Counter()
    for badge, mission in todo.badges:
        seen[badge] += 1
        if seen[badge] == 1:
            earned = BadgeEarned(customer=person, programme=board.says.code, badge=badge, mission=mission, at=at)
            told.append((earned, {"badge": f"{board.says.code}.{badge}"}))
    return told
