"""What a programme decides of an order or event: by its rules, with what was so of its customer when it was decided
first, within the caps. Nothing is posted here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from regulars.facts.commerce import kept
from regulars.facts.commerce.kept import Kept
from regulars.facts.commerce.kept_columns import fingerprint
from regulars.kit import civil
from regulars.kit.actors import Origin
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._earning import seeing, turns
from regulars.levers.loyalty._earning.capping import ALWAYS, Counters, Place, most_of_an_order, places
from regulars.levers.loyalty._earning.earned import Claimed, claim
from regulars.levers.loyalty._earning.turns import Turns
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.rules import deciding
from regulars.levers.loyalty.rules.deciding import Decision
from regulars.levers.loyalty.rules.nth_order import NthOrder
from regulars.levers.loyalty.rules.rule import Rule
from regulars.levers.loyalty.rules.views import Context


@dataclass
class Case:
    """One order or event under one programme. `steps`: what was decided, each with when it took effect; more than one
    where history tells of what was bought and came back."""

    claimed: Claimed
    programme: Programme
    number: int
    order: Kept | None
    zone: ZoneInfo
    context: Context = field(default_factory=Context)
    #: Rule to what caps let it have, and of how much that it would have given.
    allowed: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: Days after it on which its customer bought again, for points that activity keeps.
    active_on: Sequence[date] = ()
    steps: list[tuple[datetime, Decision]] = field(default_factory=list)
    stamp: bytes = b""
    #: Whose record it is, asked only where a rule gives for every so many orders.
    person: int = 0
    #: Nothing of it changed, but of another order that it was given something for.
    is_for_others: bool = False
    #: Of a batch: the decision that this one takes the place of, why, the day from which its points last where it is
    #: not the day it was bought, and what caps let it have when it was in force before.
    before: "Case | None" = None
    reason: Reason | None = None
    earned_on: date | None = None
    owned: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def record(self) -> int:
        return self.claimed.record

    @property
    def member(self) -> int:
        """Whose caps it counts in: the person's when it was decided first, however many records they have."""
        return int(self.context.member) if self.context.member else self.record

    def __post_init__(self) -> None:
        self.on = civil.day_of(self.claimed.effective_at, self.zone)

    @property
    def of_every(self) -> Sequence[NthOrder]:
        """The rules that give for every so many orders; of a batch none, for there each has what it has."""
        return () if self.before is not None else self.programme.of_every


def cases_of(found: Sequence[Claimed], told: Mapping[int, Kept]) -> list[Case]:
    """Those of which something is other than it was when they were decided last."""
    cases = []
    for one in found:
        order = told.get(one.order)
        if order is None:
            continue
        programme = programmes.read(one.version)
        case = Case(one, programme, one.number, order, civil.zone(programme.zone))
        case.stamp = fingerprint(order)
        if case.stamp != one.stamp:
            cases.append(case)
    return cases


def cases_for_others(orders: Collection[int], at: datetime) -> list[Case]:
    """Of orders that are given less because another one does not count any more."""
    told = kept.of(orders)
    cases = []
    for one in claim([], [f"order:{order}" for order in orders], at):
        programme = programmes.read(one.version)
        zone = civil.zone(programme.zone)
        cases.append(Case(one, programme, one.number, told[one.order], zone, stamp=one.stamp, is_for_others=True))
    return cases


TurnsOf = Mapping[tuple[str, str, int], Turns]


def turns_of(cases: Sequence[Case]) -> TurnsOf:
    """By programme, rule and person, of what gives for every so many orders."""
    found: dict[tuple[str, str, int], Turns] = {}
    for code, rule in sorted({(case.programme.code, rule.id) for case in cases for rule in case.of_every}):
        mine = [case for case in cases if case.programme.code == code]
        kind = next(one for case in mine for one in case.of_every if one.id == rule)
        people = {case.person for case in mine}
        deciding = {case.claimed.order for case in mine}
        for person, some in turns.read(mine[0].claimed.programme, kind, people, deciding).items():
            found[code, rule, person] = some
    return found


def in_turn(cases: Sequence[Case], turns: TurnsOf) -> Sequence[Case]:
    """First who has an award already and may lose it, then whose number it is, then the others, by when they bought."""
    if not turns:
        return cases

    def rank(case: Case) -> tuple[int, datetime, int]:
        order = case.claimed.order
        mine = [turns[case.programme.code, rule.id, case.person] for rule in case.of_every]
        has, is_due = any(order in one.given for one in mine), any(order in one.due for one in mine)
        return (0 if has else 1 if is_due else 2), case.claimed.effective_at, order

    return sorted(cases, key=rank)


def decide(case: Case, counters: Counters, turns: TurnsOf, at: datetime, origin: Origin) -> None:
    order, rules = case.order, case.programme.of_orders
    assert order is not None
    mine = {rule.id: turns[case.programme.code, rule.id, case.person] for rule in case.of_every}
    if mine:
        number = case.context.order_number or 0
        before = {rule: case.context.turns.get(rule, number) for rule in mine}
        case.context = replace(
            case.context, turns={rule: one.of(order.order, before[rule]) for rule, one in mine.items()}
        )
    stages = [(at if not case.claimed.is_new else order.placed_at, order)]
    if origin == "history" and case.claimed.is_new and order.back_at is not None:
        stages = [(order.placed_at, _as_sold(order)), (max(order.back_at, order.placed_at), order)]
    for when, stage in stages:
        view = seeing.order(stage, case.programme, case.on)
        asked: set[str] = set()
        limit = limit_of(case, counters, asked)
        case.steps.append((when, deciding.of_order(rules, view, case.context, case.programme.terms, limit)))
        _free(case, counters, asked)
    why_not = {one.rule: one.why.code for one in case.steps[-1][1].missed}
    for rule, one in mine.items():
        one.decided(order.order, order.placed_at, why_not.get(rule))


def _as_sold(order: Kept) -> Kept:
    """As it was before anything came back."""
    lines = tuple(replace(line, kept=line.quantity) for line in order.lines)
    return replace(order, lines=lines, due_minor=0, money_back_minor=0)


def limit_of(case: Case, counters: Counters, asked: set[str]) -> deciding.Limit:
    """What caps let through: of what was allowed before as much as then, of more as much as is left. `asked`: the rules
    that would have given something."""
    taken = 0

    def limit(rule: Rule, parts: int) -> int:
        nonlocal taken
        if rule.id not in case.programme.capped:
            return parts
        per_order = most_of_an_order(case.programme, rule, taken)
        wanted = parts if per_order is None else max(min(parts, per_order), 0)
        rows = places(case.programme, rule, case.member, case.on)
        asked.add(rule.id)
        before, of = case.allowed.get(rule.id, (0, 0))
        granted = min(wanted, before)
        if wanted > of:
            # What it has is its own; only of more than that is anything taken from the caps. What the caps kept from
            # it stays kept where nothing was added: else who returns something gets what others gave back.
            granted = min(wanted, before + counters.left(rows, max(wanted - before, 0)))
        counters.take(rows, granted - before)
        case.allowed[rule.id] = (granted, wanted)
        taken += granted
        return granted

    return limit


def _free(case: Case, counters: Counters, asked: set[str]) -> None:
    """What rules that would give nothing any more had of the caps is free again."""
    for name in case.allowed.keys() - asked:
        rule = case.programme.by_id.get(name)
        if rule is not None:
            counters.take(places(case.programme, rule, case.member, case.on), -case.allowed.pop(name)[0])


def counters_of(cases: Sequence[Case], at: datetime) -> dict[str, Counters]:
    """The caps of all of them, locked, by programme."""
    found: dict[str, Counters] = {}
    for code in sorted({case.programme.code for case in cases}):
        some = [case for case in cases if case.programme.code == code]
        found[code] = Counters(some[0].claimed.programme)
        wanted: list[tuple[Place, int]] = []
        for case in some:
            # Two orders of one person at once would both be given what one of them is.
            wanted += [(Place(rule.id, case.person, "turn", ALWAYS), 0) for rule in case.of_every if case.order]
            for rule in case.programme.of_events if case.order is None else case.programme.of_orders:
                if rule.id in case.programme.capped and rule.may_give(case.context):
                    wanted += places(case.programme, rule, case.member, case.on)
        found[code].lock(wanted)
    return found
