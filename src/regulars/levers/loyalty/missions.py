"""Missions: what is asked for a prize, how far somebody is, who joined, and the badges they have.

How far is worked out anew from what was kept up to the moment asked for; what was given is written down. What comes
back takes what rested on it with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b
from time import monotonic

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from regulars.facts.customers import persons
from regulars.kit.actors import Actor, Origin
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import programmes, redemptions
from regulars.levers.loyalty._ledger import acts
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._missions import facts as mission_facts
from regulars.levers.loyalty._missions import settling as mission_settling
from regulars.levers.loyalty._missions.facts import Board
from regulars.levers.loyalty._missions.rows import MissionJoin, MissionRun
from regulars.levers.loyalty._missions.settling import Changed
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty.rules.mission_walk import Seen, Stand
from regulars.levers.loyalty.rules.missions import Badge, Goal, Mission
from regulars.runtime.trail import trail

__all__ = (
    "BadgeView",
    "Changed",
    "Counted",
    "MissionView",
    "NotForThem",
    "NothingToJoin",
    "Progress",
    "StepCount",
    "UnknownMission",
    "all_badges",
    "at_steps",
    "badges",
    "every",
    "hand_out",
    "join",
    "leave",
    "of",
    "settle",
    "settle_record",
)

_LATER = timedelta(hours=1)
#: What took longer to count, in seconds, is not counted again for so long.
_LONG, _COUNTED_FOR = 0.2, timedelta(minutes=10)


class UnknownMission(Refusal):
    """No programme that is active has such a mission."""

    code = "missions.unknown"


class NothingToJoin(Refusal):
    """Everybody is in it, without joining."""

    code = "missions.nothing_to_join"


class NotForThem(Refusal):
    """It is for others, or over."""

    code = "missions.not_for_them"


@dataclass(frozen=True)
class MissionView:
    """A mission in force."""

    programme: str
    mission: Mission
    badge: Badge | None
    currency: str
    money: str
    zone: str
    scale: int
    points: Mapping[str, str]

    @property
    def key(self) -> str:
        """Its name among all missions of the shop."""
        return f"{self.programme}.{self.mission.id}"


@dataclass(frozen=True)
class Progress:
    """How far somebody is in the round of a day. `until` is its last day, None of one without end. `has_joined` is
    None where nobody has to; `times` is how often they did it in all its rounds."""

    view: MissionView
    day: date
    round: str
    since: date
    until: date | None
    steps: tuple[tuple[Goal, Seen], ...]
    share: int
    is_done: bool
    done_at: datetime | None
    has_joined: bool | None
    times: int

    @property
    def days_left(self) -> int | None:
        """Today included."""
        return None if self.until is None else (self.until - self.day).days + 1

    @property
    def step(self) -> int:
        """How many steps are reached."""
        return sum(seen.met_us is not None for _goal, seen in self.steps)

    @property
    def next(self) -> tuple[Goal, Seen] | None:
        """The first step that is not reached; None where all are."""
        return next((one for one in self.steps if one[1].met_us is None), None)


@dataclass(frozen=True)
class BadgeView:
    """A badge that somebody has, since a day, and how often what it is for was done; or has not, with neither."""

    programme: str
    badge: Badge
    since: date | None
    times: int


@dataclass(frozen=True)
class StepCount:
    """Of the present round: so many people are at each step, and so many are done. `at` is by reached steps, from 0 of
    who began; `joined` None where nobody has to."""

    at: tuple[int, ...]
    done: int
    done_ever: int
    joined: int | None


@dataclass(frozen=True)
class Counted:
    """By each mission's key, as they were at `as_of`."""

    as_of: datetime
    by_mission: Mapping[str, StepCount]


def every(*, at: datetime | None = None) -> list[MissionView]:
    """The missions in force, in the order of programmes and their files. One query."""
    return [_view(board, mission) for board in mission_facts.boards(at) for mission in _listed(board)]


def of(*, customer: int, at: datetime, untold: bool = False) -> list[Progress]:
    """How far a person is in every mission that is for them, nearest first, then what they may join, then what is done;
    a joined record's person. Surprises only once they are done; with `untold`, for nobody's eyes but the shop's, all
    that they drew. A query for each kind of thing that missions ask, and five; one more where something is drawn."""
    person, found = persons.of(customer), []
    for board in mission_facts.boards(at):
        far, _runs = mission_settling.read(board, [person], at)[person]
        joined = _joined(board, person)
        for mission in _listed(board):
            stands = far.stands.get(mission.id, [])
            now = next((one for one in stands if one.round.since <= board.today(at) < one.round.until), None)
            if now is not None and (untold or now.done_us is not None or not mission.is_surprise):
                times = sum(one.done_us is not None for one in stands)
                has_joined = mission.id in joined if mission.asks_to_join else None
                found.append(_progress(_view(board, mission), now, board, at, has_joined, times))
    return sorted(found, key=lambda one: (one.is_done, one.has_joined is False, -one.share))


def settle(*, customer: int, at: datetime, by: Actor, origin: Origin = "live") -> list[Changed]:
    """Bring what is kept of a person's missions to what is so, with what they give, in one transaction with its
    notices. Harmless to repeat. One query where no programme has missions."""
    changed: list[Changed] = []
    for board in mission_facts.boards(at):
        with transaction.atomic():
            changed += mission_settling.settle(board, [customer], at=at, by=by, origin=origin)
    return changed


def settle_record(*, customer: int, at: datetime, by: Actor) -> list[Changed]:
    """`settle` after records were joined or parted. Greets nobody: who somebody is changed, not what they did."""
    return settle(customer=customer, at=at, by=by, origin="history")


def join(*, customer: int, programme: str, mission: str, key: str, at: datetime, by: Actor) -> bool:
    """Somebody joins: from now on what they do counts. Whether that is new; told again under its key nothing is, though
    they left since. Raises `UnknownMission`, `NothingToJoin`, `NotForThem`, `KeyUsedOtherwise`."""
    with transaction.atomic():
        if not acts.is_new(_act("join", customer, programme, mission, key, at, by)):
            return False
        board, told = _mission(programme, mission, at)
        if not told.asks_to_join:
            raise NothingToJoin(
                _("mission: nobody has to join it; what they do counts by itself"), field="mission", value=mission
            )
        person = persons.held([customer])[customer]
        if mission in _joined(board, person):
            return False
        far, _runs = mission_settling.read(board, [person], at)[person]
        if mission not in far.fits or told.round_of(board.today(at), board.today(at)) is None:
            raise NotForThem(_("mission: it is for others, or not now"), field="mission", value=mission)
        made = MissionJoin(programme_id=board.programme, mission=mission, record_id=customer, joined_at=at, by=str(by))
        # Two taps at once: the second changes nothing.
        MissionJoin.objects.bulk_create([made], ignore_conflicts=True)
        _told("join", board, customer, mission, at, by)
        settle(customer=customer, at=at, by=by)
    return True


def leave(*, customer: int, programme: str, mission: str, key: str, at: datetime, by: Actor) -> bool:
    """Somebody leaves: what they do from now on does not count. What was given stays. Whether they were in it; told
    again under its key nothing changes. Raises `UnknownMission`, `KeyUsedOtherwise`."""
    with transaction.atomic():
        if not acts.is_new(_act("leave", customer, programme, mission, key, at, by)):
            return False
        board, _mission_told = _mission(programme, mission, at)
        records = persons.records_of(persons.held([customer])[customer])
        rows = MissionJoin.objects.filter(
            programme_id=board.programme, mission=mission, record_id__in=records, left_at__isnull=True
        )
        # Whoever waited for somebody who joined meanwhile read the clock before them.
        was_in = bool(rows.update(left_at=Greatest(at, F("joined_at"))))
        if was_in:
            _told("leave", board, customer, mission, at, by)
    return was_in


def badges(*, customer: int, at: datetime) -> list[BadgeView]:
    """Every badge of the programmes in force: those somebody has, the latest first, then those there are to have, but
    for those that only surprises give. Three queries."""
    records = persons.records_of(persons.of(customer))
    rows = MissionRun.objects.filter(record_id__in=records, is_done=True).exclude(badge="")
    had: dict[tuple[int, str], list[date]] = {}
    for programme, badge, on in rows.values_list("programme_id", "badge", "done_on"):
        if on is not None:
            had.setdefault((programme, badge), []).append(on)
    found = []
    for board in mission_facts.boards(at):
        surprising = _badges(board, is_surprise=True) - _badges(board, is_surprise=False)
        for one in board.says.badges:
            days = had.get((board.programme, one.id), [])
            if not days and one.id in surprising:
                continue
            found.append(BadgeView(board.says.code, one, min(days, default=None), len(days)))
    return sorted(found, key=lambda one: (one.since is None, -(one.since or date.max).toordinal()))


def all_badges(*, at: datetime | None = None) -> list[BadgeView]:
    """The badges there are, as of nobody. One query."""
    # Conditions may ask for badges: what they may ask cannot rest on reading conditions.
    told = [turns[-1][0] for turns in tier_facts.activations(at).values()]
    says = [programmes.read_plainly(version) for version in told if version is not None]
    return [BadgeView(one.code, badge, None, 0) for one in says for badge in one.badges]


def at_steps(*, at: datetime) -> Counted:
    """How many people are at which step of the present round of each mission; as it is kept. Four queries. What took
    long to count, as of a million people, is counted once in ten minutes."""
    boards = mission_facts.boards(at)
    rounds = [
        (board, mission, mission.round_of(board.today(at), min(board.today(at), board.turns[mission.id][0].from_day)))
        for board in boards
        for mission in _listed(board)
    ]
    asked = [(board.programme, mission.id, "" if now is None else now.name) for board, mission, now in rounds]
    name = f"loyalty.missions.at_steps:{blake2b(repr(asked).encode(), digest_size=16).hexdigest()}"
    found: _Numbers | None = cache.get(name)
    if found is None:
        began = monotonic()
        found = _numbers(asked, at)
        if monotonic() - began > _LONG:
            cache.set(name, found, _COUNTED_FOR.total_seconds())
    return Counted(
        found.as_of,
        {
            f"{board.says.code}.{mission.id}": _step_count(board, mission, now is not None, found)
            for board, mission, now in rounds
        },
    )


def hand_out(*, at: datetime, by: Actor, most: int = 1_000) -> int:
    """Give the rewards that missions owe, and take back those of missions that are not done any more. How many. What
    cannot be given, or taken back, now is tried again in an hour. Harmless to repeat."""
    done = 0
    due = MissionRun.objects.exclude(owes="") | MissionRun.objects.filter(is_done=False, redemption__isnull=False)
    due = due.filter(Q(try_at__isnull=True) | Q(try_at__lte=at))
    for number, record in due.order_by("decided_at", "id").values_list("id", "record_id")[:most]:
        try:
            with transaction.atomic():
                mission_settling.alone([record])
                done += _hand_out(MissionRun.objects.get(id=number), at, by)
        except Refusal:
            # Sold out, closed, used already, or the account is frozen.
            MissionRun.objects.filter(id=number).update(try_at=at + _LATER)
    return done


def _hand_out(row: MissionRun, at: datetime, by: Actor) -> bool:
    mine = MissionRun.objects.filter(id=row.id)
    if row.is_done and row.owes:
        key = f"mission:{row.id}/{row.times}"
        given = redemptions.give(customer=row.record_id, reward=row.owes, key=key, at=at, by=by)
        return bool(mine.update(redemption=given.id, owes=""))
    if not row.is_done and row.redemption is not None:
        redemptions.cancel(redemption=row.redemption, why="correction", at=at, by=by)
        return bool(mine.update(redemption=None))
    return False


@dataclass(frozen=True)
class _Numbers:
    """What was counted at a moment: people by (programme, mission, step, whether it is done) of the present rounds, and
    by (programme, mission) how often it was done ever and how many are in it."""

    as_of: datetime
    at: Mapping[tuple[int, str, int, bool], int]
    done_ever: Mapping[tuple[int, str], int]
    joined: Mapping[tuple[int, str], int]


_STEPS = """
SELECT run.programme_id, run.mission, run.step, run.is_done, count(*)
  FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS now(programme, mission, round)
  JOIN loyalty_mission_run AS run ON run.programme_id = now.programme AND run.mission = now.mission
   AND run.round = now.round AND (run.is_done OR run.share > 0)
 GROUP BY 1, 2, 3, 4
"""
_DONE = """
SELECT programme_id, mission, count(*) FROM loyalty_mission_run
 WHERE programme_id = ANY(%s::bigint[]) AND is_done GROUP BY 1, 2
"""
_JOINED = """
SELECT programme_id, mission, count(*) FROM loyalty_mission_join
 WHERE programme_id = ANY(%s::bigint[]) AND left_at IS NULL GROUP BY 1, 2
"""


def _numbers(asked: Sequence[tuple[int, str, str]], at: datetime) -> _Numbers:
    programmes_asked = sorted({programme for programme, _mission_id, _round in asked})
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, [list(column) for column in zip(*asked, strict=True)] or [[], [], []])
        steps = {(programme, mission, step, done): many for programme, mission, step, done, many in cursor.fetchall()}
        cursor.execute(_DONE, [programmes_asked])
        done_ever = {(programme, mission): many for programme, mission, many in cursor.fetchall()}
        cursor.execute(_JOINED, [programmes_asked])
        joined = {(programme, mission): many for programme, mission, many in cursor.fetchall()}
    return _Numbers(at, steps, done_ever, joined)


def _step_count(board: Board, mission: Mission, is_now: bool, found: _Numbers) -> StepCount:
    last, here = len(mission.goals), (board.programme, mission.id)
    counts, done = [0] * (last + 1), 0
    for (programme, name, step, is_done), many in found.at.items() if is_now else ():
        if (programme, name) == here and is_done:
            done += many
        elif (programme, name) == here:
            counts[min(step, last)] += many
    joined = found.joined.get(here, 0) if mission.asks_to_join else None
    return StepCount(tuple(counts[:last]), done, found.done_ever.get(here, 0), joined)


def _listed(board: Board) -> list[Mission]:
    """In the order of the file."""
    now = board.now
    return [one for one in board.says.missions if one.id in now]


def _badges(board: Board, *, is_surprise: bool) -> set[str]:
    """What missions in force give."""
    return {one.prize.badge for one in board.now.values() if one.is_surprise is is_surprise}


def _view(board: Board, mission: Mission) -> MissionView:
    says = board.says
    badge = next((one for one in says.badges if one.id == mission.prize.badge), None)
    coin = says.currency
    return MissionView(says.code, mission, badge, coin.code, says.money, says.zone, coin.scale, coin.titles)


def _progress(
    view: MissionView, now: Stand, board: Board, at: datetime, has_joined: bool | None, times: int
) -> Progress:
    since, until = tier_facts.on(max(now.round.since, 1)), tier_facts.on(now.round.until - 1)
    assert since is not None
    return Progress(
        view=view,
        day=date.fromordinal(board.today(at)),
        round=now.round.name,
        since=since,
        until=None if now.round.until >= date.max.toordinal() else until,
        steps=tuple(zip(now.mission.goals, now.goals, strict=True)),
        share=100 if now.done_us is not None else min(int(now.share * 100), 99),
        is_done=now.done_us is not None,
        done_at=None if now.done_us is None else tier_facts.moment(now.done_us),
        has_joined=has_joined,
        times=times,
    )


def _mission(programme: str, mission: str, at: datetime) -> tuple[Board, Mission]:
    for board in mission_facts.boards(at):
        found = board.now.get(mission) if board.says.code == programme else None
        # That there is a surprise is told to nobody who asks for it by name.
        if found is not None and not found.is_surprise:
            return board, found
    named = f"{programme}.{mission}"[:80]
    raise UnknownMission(
        _("mission: no active programme has %(named)s; look at the list of missions") % {"named": named},
        field="mission",
        value=named,
    )


def _act(verb: str, customer: int, programme: str, mission: str, key: str, at: datetime, by: Actor) -> Told:
    what = {"customer": customer, "programme": programme, "mission": mission}
    return Told(f"missions.{verb}", key, at, by, what)


def _joined(board: Board, person: int) -> set[str]:
    rows = MissionJoin.objects.filter(
        programme_id=board.programme, record_id__in=persons.asked([person]), left_at__isnull=True
    )
    return set(rows.values_list("mission", flat=True))


def _told(verb: str, board: Board, customer: int, mission: str, at: datetime, by: Actor) -> None:
    after = {"mission": f"{board.says.code}.{mission}"}
    trail.record(by=by, verb=f"loyalty.missions.{verb}", subject=f"customer:{customer}", at=at, after=after)
