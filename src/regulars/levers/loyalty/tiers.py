"""Status: where people stand in a programme's tiers, why, and what comes next.

What is said is worked out anew from what was kept up to the moment asked for; what is written down of it serves lists,
audiences and what is announced.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.facts.customers import persons
from regulars.kit import civil
from regulars.kit.actors import Actor, Origin
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty._ledger import acts
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._tiers import before as tier_before
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty._tiers import settling as tier_settling
from regulars.levers.loyalty._tiers.facts import Ladder
from regulars.levers.loyalty._tiers.rows import FREEZES, Freeze, Move
from regulars.levers.loyalty._tiers.settling import Moved
from regulars.levers.loyalty.rules import tier_progress
from regulars.levers.loyalty.rules.tier_periods import Window
from regulars.levers.loyalty.rules.tier_progress import OfLevel, Part
from regulars.levers.loyalty.rules.tier_sets import TierSet
from regulars.levers.loyalty.rules.tier_standing import Facts, Walk, walk
from regulars.runtime.trail import trail

__all__ = (
    "FREEZES",
    "AlreadyFrozen",
    "BadFreeze",
    "Moved",
    "NotFrozen",
    "SetView",
    "Status",
    "ToKeep",
    "UnknownTiers",
    "before",
    "freeze",
    "history",
    "of",
    "on_levels",
    "requalify",
    "requalify_by_points",
    "requalify_record",
    "sets",
    "thaw",
)


class UnknownTiers(Refusal):
    """No programme that is active has such a set of tiers."""

    code = "tiers.unknown"


class AlreadyFrozen(Refusal):
    """Their status is frozen then."""

    code = "tiers.already_frozen"


class NotFrozen(Refusal):
    """Their status is not frozen."""

    code = "tiers.not_frozen"


class BadFreeze(Refusal):
    """A reason nobody knows, or days that end before they begin."""

    code = "tiers.bad_freeze"


@dataclass(frozen=True)
class SetView:
    """A set of tiers in force."""

    programme: str
    tiers: TierSet
    money: str
    zone: str
    scale: int
    points: Mapping[str, str]

    @property
    def key(self) -> str:
        """Its name among all sets of the shop."""
        return f"{self.programme}.{self.tiers.id}"

    def of_brand(self, brand: str) -> "SetView":
        """As one of the company's brands shows it; as everywhere where that says nothing of it."""
        return replace(self, tiers=self.tiers.of_brand(brand))


@dataclass(frozen=True)
class ToKeep:
    """What somebody lacks of their own level for it to stay, to be done before `until`: of the cheapest way, the one of
    which least is missing. `share`: how far that way is gone."""

    missing: tuple[Part, ...]
    share: Fraction
    until: date


@dataclass(frozen=True)
class Status:
    """Where somebody stands in a set, as of a day.

    `level` is empty for none, `since` the day it was reached. `supported`: the level that what they did holds up; where
    it is lower, `falls_on` is the day on which theirs goes, None while it is frozen. `next_on`: on that day they are at
    `next_level` if they do nothing else. `progress` of each level is of the present time, from `period_from` to before
    `period_until`; both None of what counts ever, and of the last months the day on which they begin and None.
    `to_keep`: what is missing for their level to stay when it would go; None while it is frozen, does not go, or would
    stay by what was done in the present time already.
    """

    set: SetView
    day: date
    level: str
    since: date | None
    supported: str
    falls_on: date | None
    next_on: date | None
    next_level: str | None
    period_from: date | None
    period_until: date | None
    progress: tuple[OfLevel, ...]
    to_keep: ToKeep | None
    is_frozen: bool

    def of_brand(self, brand: str) -> "Status":
        """As one of the company's brands shows it."""
        return replace(self, set=self.set.of_brand(brand))

    @property
    def rank(self) -> int:
        return self.set.tiers.rank(self.level)

    @property
    def upward(self) -> OfLevel | None:
        """The next level up; None at the top."""
        return self.progress[self.rank] if self.rank < len(self.progress) else None

    @property
    def keeping(self) -> OfLevel | None:
        """Their own level, as far as it is reached anew in the present time."""
        return self.progress[self.rank - 1] if self.rank else None

    @property
    def days_left(self) -> int | None:
        """Of the present time, today included."""
        return None if self.period_until is None else (self.period_until - self.day).days


@dataclass(frozen=True)
class MoveView:
    """A move from level to level, with what had been counted then."""

    programme: str
    tiers: str
    before: str
    after: str
    because: str
    on: date
    at: datetime
    by: str
    origin: str
    evidence: Mapping[str, Any]


def sets(*, at: datetime | None = None) -> list[SetView]:
    """The sets in force, in the order of programmes and of their files. One query."""
    return [view for ladder in tier_facts.ladders(at) for view in _views(ladder)]


def of(*, customer: int, at: datetime) -> list[Status]:
    """Where a person stands in every set in force, as of a moment; a joined record's person. A query for each kind of
    thing that levels ask, and four."""
    person, found = persons.of(customer), []
    for ladder in tier_facts.ladders(at):
        done = tier_facts.done(ladder, [person]).get(person)
        facts = None if done is None else done.facts(ladder.zone, tier_facts.micros(at) + 1)
        held = tier_facts.frozen(ladder, [person])
        today = ladder.today(at)
        for view in _views(ladder):
            frozen = held.get((person, view.tiers.id), [])
            here = walk(ladder.segments[view.tiers.id], facts or Facts(today, {}), frozen, today)
            is_frozen = any(one.since <= today and (one.until is None or today < one.until) for one in frozen)
            found.append(_status(view, here, facts or Facts(today, {}), today, is_frozen=is_frozen))
    return found


def requalify(*, customer: int, at: datetime, by: Actor, origin: Origin = "live") -> list[Moved]:
    """Bring what is kept of a person's status to what is so, in one transaction with its notice; what moved.

    Harmless to repeat. One query where no programme has tiers.
    """
    moved: list[Moved] = []
    ladders = tier_facts.ladders(at)
    if not ladders:
        return moved
    with transaction.atomic():
        person = persons.of(customer)
        for ladder in ladders:
            moved += tier_settling.settle(ladder, [person], at=at, by=by, origin=origin, is_locked=True)
    return moved


def requalify_by_points(*, customers: Collection[int], at: datetime, by: Actor) -> list[Moved]:
    """`requalify` for these people's status where points count for it. One query where they do nowhere."""
    moved: list[Moved] = []
    with transaction.atomic():
        for ladder in tier_facts.ladders(at):
            if any(need.what == "points" for need in ladder.counters.values()):
                people = sorted(set(persons.of_many(customers).values()))
                moved += tier_settling.settle(ladder, people, at=at, by=by, origin="live", is_locked=True)
    return moved


def requalify_record(*, customer: int, at: datetime, by: Actor) -> None:
    """What is kept of a record, whose person it may not be any more: of one that is joined nothing stands. Greets
    nobody: who somebody is changed, not what they did."""
    with transaction.atomic():
        for ladder in tier_facts.ladders(at):
            tier_settling.settle(
                ladder, [customer], at=at, by=by, origin="history", is_locked=True, because="corrected"
            )


def history(*, customer: int, limit: int = 50) -> list[MoveView]:
    """How somebody came to where they stand, the latest first. Two queries."""
    # By their days: rules that are made active later tell of earlier ones.
    rows = Move.objects.filter(customer=persons.of(customer)).order_by("-on", "-id")
    told = ("programme__code", "tiers", "before", "after", "because", "on", "at", "by", "origin", "evidence")
    return [MoveView(*row) for row in rows.values_list(*told)[:limit]]


def freeze(
    *,
    customer: int,
    programme: str,
    tiers: str,
    reason: str,
    key: str,
    at: datetime,
    by: Actor,
    until: date | None = None,
) -> list[Moved]:
    """From today on somebody's status does not fall, before `until` or until it is thawed. Told again under its key it
    changes nothing. Raises UnknownTiers, AlreadyFrozen, BadFreeze, KeyUsedOtherwise."""
    what = {"customer": customer, "programme": programme, "tiers": tiers, "reason": reason, "until": until}
    with transaction.atomic():
        if not acts.is_new(Told("tiers.freeze", key, at, by, what)):
            return []
        ladder = _ladder(programme, tiers, at)
        today = civil.day_of(at, ladder.zone)
        if reason not in FREEZES:
            raise BadFreeze(
                _("reason: use one of %(names)s") % {"names": ", ".join(FREEZES)}, field="reason", value=reason
            )
        if until is not None and until <= today:
            raise BadFreeze(
                _("until: %(day)s has come already; choose a later day") % {"day": until.isoformat()},
                field="until",
                value=until.isoformat(),
            )
        records = persons.records_of(_one_at_a_time(customer))
        if _open(ladder, tiers, records, today):
            raise AlreadyFrozen(_("customer: their status is frozen already"), field="customer", value=customer)
        Freeze.objects.create(
            programme_id=ladder.programme,
            tiers=tiers,
            record_id=customer,
            since_on=today,
            until_on=until,
            reason=reason,
            key=key,
            at=at,
            by=str(by),
        )
        after = {"tiers": f"{programme}.{tiers}", "until": None if until is None else until.isoformat()}
        trail.record(by=by, verb="loyalty.tiers.freeze", subject=f"customer:{customer}", at=at, after=after, why=reason)
        return requalify(customer=customer, at=at, by=by)


def thaw(*, customer: int, programme: str, tiers: str, key: str, at: datetime, by: Actor) -> list[Moved]:
    """From today on it falls again as everybody's, after the grace. Told again under its key it changes nothing, though
    it was frozen anew since. Raises UnknownTiers, NotFrozen, KeyUsedOtherwise."""
    with transaction.atomic():
        if not acts.is_new(
            Told("tiers.thaw", key, at, by, {"customer": customer, "programme": programme, "tiers": tiers})
        ):
            return []
        ladder = _ladder(programme, tiers, at)
        today = civil.day_of(at, ladder.zone)
        rows = _open(ladder, tiers, persons.records_of(_one_at_a_time(customer)), today)
        if not rows:
            raise NotFrozen(_("customer: their status is not frozen"), field="customer", value=customer)
        Freeze.objects.filter(id__in=rows).update(until_on=today)
        trail.record(
            by=by,
            verb="loyalty.tiers.thaw",
            subject=f"customer:{customer}",
            at=at,
            after={"tiers": f"{programme}.{tiers}"},
        )
        return requalify(customer=customer, at=at, by=by)


def before(
    orders: Mapping[int, tuple[int, datetime]], *, programme: str, ladder: Ladder | None = None
) -> dict[int, dict[str, str]]:
    """The level in each set on which a person was right before an order of theirs; `orders`: order to person and when.

    By what was kept of what was before it, and the rules in force then, or those of a `ladder`. For promises: it rests
    on facts alone.
    """
    ladder = ladder or tier_before.ladder(programme)
    if ladder is None:
        return {}
    asked = {order: (person, tier_facts.micros(placed_at)) for order, (person, placed_at) in orders.items()}
    return tier_before.levels(ladder, asked)


def on_levels(*, at: datetime | None = None) -> dict[str, dict[str, int]]:
    """How many stand on each level, by set's key; as it is kept. Two queries."""
    found = {view.key: {level.id: 0 for level in view.tiers.levels} for view in sets(at=at)}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT programme.code || '.' || standing.tiers, standing.level, count(*) FROM loyalty_standing AS standing"
            " JOIN loyalty_programme AS programme ON programme.id = standing.programme_id WHERE standing.level <> ''"
            " GROUP BY 1, 2"
        )
        for key, level, count in cursor.fetchall():
            if level in found.get(key, {}):
                found[key][level] = count
    return found


def _views(ladder: Ladder) -> list[SetView]:
    says = ladder.says
    return [
        SetView(says.code, now, says.money, says.zone, says.currency.scale, says.currency.titles)
        for one in says.tiers
        if (now := ladder.now(one.id)) is not None
    ]


def _status(view: SetView, here: Walk, facts: Facts, today: int, *, is_frozen: bool) -> Status:
    window = view.tiers.period.window(today, facts.joined)
    kind = view.tiers.period.kind
    # As far as it has come: months with us that are still to come are nobody's yet.
    progress = tuple(tier_progress.of(view.tiers, facts, Window(window.since, min(window.until, today + 1))))
    return Status(
        set=view,
        day=date.fromordinal(today),
        level=here.level,
        since=tier_facts.on(here.since),
        supported=here.supported,
        falls_on=tier_facts.on(here.falls_on),
        next_on=None if here.next is None else tier_facts.on(here.next.day),
        next_level=None if here.next is None else here.next.after,
        period_from=None if kind == "ever" else date.fromordinal(max(window.since, 1)),
        period_until=None if kind in ("ever", "rolling") else date.fromordinal(window.until),
        progress=progress,
        to_keep=None if is_frozen else _to_keep(view.tiers, here, facts, progress, window),
        is_frozen=is_frozen,
    )


def _to_keep(tiers: TierSet, here: Walk, facts: Facts, progress: Sequence[OfLevel], window: Window) -> ToKeep | None:
    rank = tiers.rank(here.level)
    if not rank or here.next is None or tiers.rank(here.next.after) >= rank:
        return None
    own, until = progress[rank - 1], here.next.day
    if tiers.period.kind == "rolling":
        # What counts today may count no more on the day on which it would go.
        own = tier_progress.of(tiers, facts, tiers.period.window(until, facts.joined))[rank - 1]
    else:
        until = min(until, window.until)
    return None if own.is_met else ToKeep(own.nearest, own.share, date.fromordinal(until))


def _ladder(programme: str, tiers: str, at: datetime) -> Ladder:
    for ladder in tier_facts.ladders(at):
        if ladder.says.code == programme and tiers in ladder.segments and ladder.now(tiers) is not None:
            return ladder
    named = f"{programme}.{tiers}"[:80]
    raise UnknownTiers(
        _("tiers: no active programme has %(named)s; look at the list of sets") % {"named": named},
        field="tiers",
        value=named,
    )


def _one_at_a_time(customer: int) -> int:
    """The person, of whose status nobody else freezes any until the transaction ends."""
    person = persons.held([customer])[customer]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('loyalty.tiers'), %s::int)", [person % 2**31])
    return person


def _open(ladder: Ladder, tiers: str, records: Collection[int], today: date) -> Sequence[int]:
    rows = Freeze.objects.filter(programme_id=ladder.programme, tiers=tiers, record_id__in=records)
    return [row.id for row in rows.select_for_update() if row.until_on is None or row.until_on > today]
