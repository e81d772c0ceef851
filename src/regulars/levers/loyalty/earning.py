"""Points for what customers keep and do: decided by pure rules, posted by the difference to what was posted before.

An order is decided again whenever something of it changes, with what was so of its customer when it was decided first.
What it earns is a function of what stands now, so whatever came first, came twice or came late, the end is the same.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec
from django.db import DatabaseError, transaction

from regulars.facts.commerce import kept
from regulars.facts.commerce.kept import Kept
from regulars.facts.customers import persons
from regulars.kit import civil, money
from regulars.kit.actors import Actor, Origin
from regulars.levers.loyalty import _ledger, _seeing, _turns, programmes
from regulars.levers.loyalty._acts import Told
from regulars.levers.loyalty._capping import ALWAYS, Counters, Place, is_common, most_of_an_order, places
from regulars.levers.loyalty._earned import (
    Claimed,
    EarnedLot,
    Saved,
    celebrated,
    claim,
    given_before,
    insert,
    is_taken,
    lots_of,
    move,
    numbered,
    pledge,
    rows_of,
    save,
    to_extend,
)
from regulars.levers.loyalty._turns import Turns
from regulars.levers.loyalty._wallet import NewLot, Wallet
from regulars.levers.loyalty.expiring import lapses_at, matures_at
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.rules import deciding
from regulars.levers.loyalty.rules.deciding import Decision
from regulars.levers.loyalty.rules.event import BIRTHDAY, Event
from regulars.levers.loyalty.rules.grants import Grant, Pledge
from regulars.levers.loyalty.rules.nth_order import NthOrder
from regulars.levers.loyalty.rules.rule import Rule
from regulars.levers.loyalty.rules.views import Context, EventView

__all__ = ("Posted", "award_for_event", "award_for_order", "award_for_orders", "backfill")

SHOP = "shop"
#: As long as a lot's may be.
LONGEST_SUBJECT = 120
#: Orders of one transaction where all of history is posted.
AT_ONCE = 5_000
_ENCODER = msgspec.msgpack.Encoder(order="deterministic")


@dataclass(frozen=True)
class Posted:
    """What came of it: how many subjects were decided, how many awards were posted, and how many parts came and went.

    Parts of several currencies are added up: of one programme they mean something.
    """

    decided: int = 0
    awards: int = 0
    awarded: int = 0
    taken_back: int = 0

    def __add__(self, other: "Posted") -> "Posted":
        return Posted(
            self.decided + other.decided,
            self.awards + other.awards,
            self.awarded + other.awarded,
            self.taken_back + other.taken_back,
        )


@dataclass
class _Case:
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
        """The rules that give for every so many orders."""
        return self.programme.of_every


def award_for_order(*, order: int, at: datetime, by: Actor, origin: Origin = "live") -> Posted:
    """Bring what an order earned to what it stands at now, under every programme that was active when it was placed.

    Harmless to repeat. Nothing for guests' orders.
    """
    return award_for_orders(orders=[order], at=at, by=by, origin=origin)


def award_for_orders(*, orders: Collection[int], at: datetime, by: Actor, origin: Origin = "live") -> Posted:
    """`award_for_order` for many, in one transaction."""
    with transaction.atomic():
        told = kept.of(orders)
        active = {moment: programmes.active(moment) for moment in {one.placed_at for one in told.values()}}
        claims = [
            Claimed.of_order(one, version.version, version.programme.code)
            for one in told.values()
            if one.record is not None and one.counts
            for version in active[one.placed_at]
        ]
        found = claim(claims, [f"order:{order}" for order in told], at)
        # Read again: whoever held the rows before may have seen something newer than what was read above.
        told = kept.of(orders)
        found, done = _follow(found, told, at=at, by=by, origin=origin)
        return done + _settle(_cases(found, told), at=at, by=by, origin=origin)


def backfill(
    *,
    programme: str,
    at: datetime,
    by: Actor,
    since: datetime | None = None,
    until: datetime | None = None,
    size: int = AT_ONCE,
    share: tuple[int, int] = (0, 1),
) -> Iterator[Posted]:
    """Post the whole history of orders by the version of a programme that is active now, page by page; each page is a
    transaction of its own and is yielded when it is done. Greets nobody. Again, and after a crash, it goes on where
    something is missing.

    `share` (n, of so many): only those customers' who are in it, so that processes can do it side by side. Where a cap
    is everyone's together all orders go in the order of their placing, in the first share. Raises `NotActive`.
    """
    version = programmes.active_one(programme, at)
    if is_common(version.programme):
        pages = kept.pages(since=since, until=until, size=size) if share[0] == 0 else iter(())
    else:
        pages = kept.pages_by_customer(since=since, until=until, size=size, share=share)
    for page in pages:
        counted = {} if since is not None or is_common(version.programme) else _counted(page)
        try:
            with transaction.atomic():
                done = _post_page(page, version, counted, at=at, by=by)
        except DatabaseError as problem:
            if not is_taken(problem):
                raise
            with transaction.atomic():
                done = _post_page(page, version, counted, at=at, by=by, claims_first=True)
        yield done


def _counted(page: Sequence[Kept]) -> dict[int, int]:
    """What `kept.numbers` says, of those customers of a page of whom all orders are on it."""
    in_part = {page[0].customer, page[-1].customer}
    number, customer = 0, None
    found = {}
    for one in page:
        if one.customer != customer:
            number, customer = 0, one.customer
        number += one.counts
        if customer not in in_part:
            found[one.order] = number
    return found


def _post_page(
    page: Sequence[Kept],
    version: programmes.Active,
    counted: Mapping[int, int],
    *,
    at: datetime,
    by: Actor,
    claims_first: bool = False,
) -> Posted:
    told, code = {one.order: one for one in page}, version.programme.code
    subjects = [f"order:{order}" for order in told]
    wanted = [Claimed.of_order(one, version.version, code) for one in page if one.record is not None and one.counts]
    if claims_first:
        found = [one for one in claim(wanted, subjects, at) if one.code == code]
    else:
        found = rows_of(subjects, code)
        there = {one.subject for one in found}
        found += numbered([one for one in wanted if one.subject not in there])
    # Rows that were there may stand for something newer than the page; of new ones nobody else knows yet.
    if old := [one.order for one in found if not one.is_new]:
        told |= kept.of(old)
    found.sort(key=lambda one: (one.effective_at, one.order))
    found, done = _follow(found, told, at=at, by=by, origin="history")
    return done + _settle(_cases(found, told), at=at, by=by, origin="history", counted=counted)


def award_for_event(
    *, customer: int, event: EventView, at: datetime, by: Actor, origin: Origin = "live", programme: str | None = None
) -> Posted:
    """Points for something a customer did, by every rule for it of the programmes that are active, or of `programme`
    alone: for each thing a rule gives once for, once for all records of the person. Harmless to repeat."""
    done = Posted()
    with transaction.atomic():
        for version in programmes.active(event.at):
            if programme is not None and version.programme.code != programme:
                continue
            zone = civil.zone(version.programme.zone)
            rules = [rule for rule in version.programme.of_events if rule.event == event.name]
            if not rules:
                continue
            inside = _seeing.memberships([customer], {a for r in rules if r.only_if for a in r.only_if.audiences})
            known = _seeing.known([customer], [r.only_if for r in rules if r.only_if is not None], inside)
            records = persons.records_of(persons.of(customer))
            for rule in rules:
                fits = {} if rule.only_if is None else {rule.id: _seeing.holds(rule.only_if, known[customer], event.at)}
                context = Context(member=str(customer), fits=fits, audiences=dict(inside.get(customer, {})))
                seen = replace(event, on=civil.day_of(event.at, zone))
                if not deciding.of_event([rule], seen, context, version.programme.terms).grants:
                    continue
                code, mine = version.programme.code, _event_subject(rule, seen, customer)
                others = [_event_subject(rule, seen, record) for record in records if record != customer]
                if given_before(code, others):
                    continue
                if (
                    event.name == BIRTHDAY
                    and rule.once == "year"
                    and celebrated(code, records, rule.id, mine, event.at)
                ):
                    continue
                for found in claim([Claimed(mine, version.version, code, customer, event.at)], [], at):
                    if found.is_new:
                        case = _Case(found, version.programme, version.number, None, zone, context)
                        counters = _counters([case], at)[code]
                        limit = _limit(case, counters, set())
                        answers = deciding.of_event([rule], seen, context, version.programme.terms, limit)
                        case.steps.append((event.at, answers))
                        counters.write()
                        done += _post([case], at=at, by=by, origin=origin)
    return done


def _event_subject(rule: Event, event: EventView, record: int) -> str:
    return _short(f"{rule.subject(event, str(record))}/{rule.id}")


def _short(subject: str) -> str:
    """A subject that fits its column; of a longer one a hash of all of it, for it may differ in what is cut off."""
    if len(subject) <= LONGEST_SUBJECT:
        return subject
    return f"{subject[: LONGEST_SUBJECT - 33]}#{blake2b(subject.encode(), digest_size=16).hexdigest()}"


# --- deciding


def _cases(found: Sequence[Claimed], told: Mapping[int, Kept]) -> list[_Case]:
    """Those of which something is other than it was when they were decided last."""
    cases = []
    for one in found:
        order = told.get(one.order)
        if order is None:
            continue
        programme = programmes.read(one.version)
        case = _Case(one, programme, one.number, order, civil.zone(programme.zone))
        case.stamp = blake2b(_ENCODER.encode(order), digest_size=16).digest()
        if case.stamp != one.stamp:
            cases.append(case)
    return cases


def _follow(
    found: list[Claimed], told: Mapping[int, Kept], *, at: datetime, by: Actor, origin: Origin
) -> tuple[list[Claimed], Posted]:
    """Orders that are another record's by now than when they were decided: what they earned is taken back there, and
    they are decided anew for whose they are. What is to be settled, and what came of it so far."""
    moved = [one for one in found if not one.is_new and one.order in told and told[one.order].record != one.record]
    if not moved:
        return found, Posted()
    gone = {one.order: replace(told[one.order], counts=False) for one in moved}
    done = _settle(_cases(moved, gone), at=at, by=by, origin=origin)
    whose = {one.id: record for one in moved if (record := told[one.order].record) is not None}
    stay = [one for one in found if one not in moved]
    if whose:
        move(whose)
        again = claim([], [one.subject for one in moved], at)
        stay += [replace(one, is_new=True) for one in again if one.id in whose]
    return stay, done


def _settle(
    cases: Sequence[_Case],
    *,
    at: datetime,
    by: Actor,
    origin: Origin,
    counted: Mapping[int, int] = MappingProxyType({}),
) -> Posted:
    """Decide all of them, then post what differs. `counted`: what is known of `kept.numbers`."""
    by_version: dict[int, list[_Case]] = {}
    for case in cases:
        by_version.setdefault(case.claimed.version, []).append(case)
        if not case.claimed.is_new:
            case.context = _seeing.read_context(case.claimed.context)
            case.allowed = {rule: (got, of) for rule, (got, of) in case.claimed.allowed.items()}
    for some in by_version.values():
        programme, fresh = some[0].programme, [case for case in some if case.claimed.is_new]
        contexts = _seeing.contexts(
            [case.order for case in fresh if case.order is not None],
            programme,
            programme.of_orders,
            some[0].zone,
            of_the_past=origin == "history",
            counted=counted,
        )
        later = {}
        if programme.expiry.kind == "activity":
            later = kept.moments_after([case.claimed.order for case in fresh])
        for case in fresh:
            case.context = contexts[case.claimed.order]
            case.active_on = [civil.day_of(moment, case.zone) for moment in later.get(case.claimed.order, ())]
    if counting := [case for case in cases if case.of_every]:
        person_of = persons.of_many({case.record for case in counting})
        for case in counting:
            case.person = person_of[case.record]
    counters = _counters(cases, at)
    turns = _turns_of(counting)
    for case in _in_turn(cases, turns):
        _decide(case, counters[case.programme.code], turns, at, origin)
    for one in counters.values():
        one.write()
    insert([(case.claimed, _saved(case)) for case in cases if not case.claimed.is_kept], at)
    done = _post(cases, at=at, by=by, origin=origin)
    surplus = {order for some in turns.values() for order in some.surplus}
    if surplus:
        done += _settle(_cases_for_others(surplus, at), at=at, by=by, origin="live")
    return done


_TurnsOf = Mapping[tuple[str, str, int], Turns]


def _turns_of(cases: Sequence[_Case]) -> _TurnsOf:
    """By programme, rule and person, of what gives for every so many orders."""
    found: dict[tuple[str, str, int], Turns] = {}
    for code, rule in sorted({(case.programme.code, rule.id) for case in cases for rule in case.of_every}):
        mine = [case for case in cases if case.programme.code == code]
        kind = next(one for case in mine for one in case.of_every if one.id == rule)
        people = {case.person for case in mine}
        deciding = {case.claimed.order for case in mine}
        for person, some in _turns.read(mine[0].claimed.programme, kind, people, deciding).items():
            found[code, rule, person] = some
    return found


def _in_turn(cases: Sequence[_Case], turns: _TurnsOf) -> Sequence[_Case]:
    """First who has an award already and may lose it, then whose number it is, then the others, by when they bought."""
    if not turns:
        return cases

    def rank(case: _Case) -> tuple[int, datetime, int]:
        order = case.claimed.order
        mine = [turns[case.programme.code, rule.id, case.person] for rule in case.of_every]
        has, is_due = any(order in one.given for one in mine), any(order in one.due for one in mine)
        return (0 if has else 1 if is_due else 2), case.claimed.effective_at, order

    return sorted(cases, key=rank)


def _cases_for_others(orders: Collection[int], at: datetime) -> list[_Case]:
    """Of orders that are given less because another one does not count any more."""
    told = kept.of(orders)
    cases = []
    for one in claim([], [f"order:{order}" for order in orders], at):
        programme = programmes.read(one.version)
        zone = civil.zone(programme.zone)
        cases.append(_Case(one, programme, one.number, told[one.order], zone, stamp=one.stamp, is_for_others=True))
    return cases


def _decide(case: _Case, counters: Counters, turns: _TurnsOf, at: datetime, origin: Origin) -> None:
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
        view = _seeing.order(stage, case.programme, case.on)
        asked: set[str] = set()
        limit = _limit(case, counters, asked)
        case.steps.append((when, deciding.of_order(rules, view, case.context, case.programme.terms, limit)))
        _free(case, counters, asked)
    why_not = {one.rule: one.why.code for one in case.steps[-1][1].missed}
    for rule, one in mine.items():
        one.decided(order.order, order.placed_at, why_not.get(rule))


def _as_sold(order: Kept) -> Kept:
    """As it was before anything came back."""
    lines = tuple(replace(line, kept=line.quantity) for line in order.lines)
    return replace(order, lines=lines, due_minor=0, money_back_minor=0)


def _limit(case: _Case, counters: Counters, asked: set[str]) -> deciding.Limit:
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


def _free(case: _Case, counters: Counters, asked: set[str]) -> None:
    """What rules that would give nothing any more had of the caps is free again."""
    for name in case.allowed.keys() - asked:
        rule = case.programme.by_id.get(name)
        if rule is not None:
            counters.take(places(case.programme, rule, case.member, case.on), -case.allowed.pop(name)[0])


def _counters(cases: Sequence[_Case], at: datetime) -> dict[str, Counters]:
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


# --- posting


def _post(cases: Sequence[_Case], *, at: datetime, by: Actor, origin: Origin) -> Posted:
    """Bring the ledger to what was decided: one act for each kind of points."""
    done = Posted(decided=len(cases))
    by_currency: dict[str, list[_Case]] = {}
    for case in cases:
        by_currency.setdefault(case.programme.currency.code, []).append(case)
    for currency, some in sorted(by_currency.items()):
        done += _post_in(currency, some, at=at, by=by, origin=origin)
    pledge(
        [
            (case.claimed, rule, cause, case.programme.money, minor)
            for case in cases
            for rule, cause, minor in _pledged(case)
        ],
        at=at,
        by=by,
    )
    save([_saved(case) for case in cases if case.claimed.is_kept])
    return done


def _pledged(case: _Case) -> Iterator[tuple[str, str, int]]:
    now = {one.rule: one for one in case.steps[-1][1].pledges}
    for rule, one in now.items():
        yield rule, one.cause, one.minor
    for rule, cause in case.claimed.causes.items():
        if rule not in now:
            yield rule, cause, 0


def _post_in(currency: str, cases: Sequence[_Case], *, at: datetime, by: Actor, origin: Origin) -> Posted:
    changing = [case for case in cases if _changes(case)]
    known = lots_of([case.claimed for case in cases if not case.claimed.is_new])
    maturing = _maturing(cases, known)
    extending = _extending(changing, currency) if origin == "live" else {}
    if not changing and not maturing and not extending:
        return Posted()
    revisions = sorted((case.claimed.id, case.claimed.revision + 1) for case in changing or cases)
    name = (
        f"{cases[0].programme.code}/{cases[0].claimed.subject}/{revisions[0][1]}"
        if len(cases) == 1
        else blake2b(repr(revisions).encode(), digest_size=16).hexdigest()
    )
    told = Told("earn", f"earn/{currency}/{name}"[:200], at, by, {"revisions": revisions}, origin)
    if not changing:
        told = replace(told, verb="mature")
    awards = awarded = taken = 0
    owe: dict[int, int] = {}
    for case in changing:
        owe[case.record] = owe.get(case.record, 0) + sum(_current(case).values())
    named = [lot.id for lots in known.values() for lot in lots] + [
        one.lot for some in extending.values() for one in some
    ]
    whose = {case.record for case in changing} | {case.record for case, _, _ in maturing}
    with _ledger.act(told, customers=whose, currency=currency, owe=owe, lots=named) as work:
        if not work.is_new:
            return Posted()
        for case, lot, moment in maturing:
            if lot.id in work.wallet(case.record).lots:
                work.wallet(case.record).mature(lot.id, moment)
        for record, dates in extending.items():
            for one in dates:
                _extend(work.wallet(record), one, at)
        for case in changing:
            wallet, before = work.wallet(case.record), _current(case)
            if origin == "history":
                # As it would have been told then: what lapsed or could be spent by then stands before it.
                wallet.catch_up(case.steps[0][0])
            of_rules = _by_rule(known, case) if case.claimed.id in known else {}
            lots = {rule: [(lot.id, lot.left) for lot in some] for rule, some in of_rules.items()}
            by_hand = {rule: sum(lot.by_hand for lot in some) for rule, some in of_rules.items()}
            for when, decision in case.steps:
                after = {grant.rule: grant for grant in decision.grants}
                for rule in sorted({*before, *after} if before else after):
                    parts = after[rule].parts if rule in after else 0
                    # What somebody took back by hand of this order's stays with the shop, whatever becomes of it.
                    kept_back = by_hand.get(rule, 0)
                    change = max(parts - kept_back, 0) - max(before.get(rule, 0) - kept_back, 0)
                    if change > 0:
                        new = _lot(case, decision, after[rule], change)
                        number = wallet.award(new, at=when)
                        lots.setdefault(rule, []).append((number, change))
                        awards, awarded = awards + 1, awarded + change
                    elif change < 0:
                        shares = _shares(lots.get(rule, []), -change)
                        if shares:
                            wallet.take_back(shares, at=when, reason=_because(case, decision))
                            taken += sum(shares.values())
                            lots[rule] = [(lot, left - shares.get(lot, 0)) for lot, left in lots[rule]]
                before = {rule: grant.parts for rule, grant in after.items()}
        if origin == "history":
            for wallet in work.wallets.values():
                wallet.catch_up(at)
    return Posted(0, awards, awarded, taken)


def _changes(case: _Case) -> bool:
    before = _current(case)
    for _, decision in case.steps:
        after = {grant.rule: grant.parts for grant in decision.grants}
        if after != before:
            return True
    return False


def _current(case: _Case) -> dict[str, int]:
    """What each rule has given, as it was kept."""
    if not case.claimed.lines:
        return {}
    return {rule: sum(lines.values()) for rule, lines in case.claimed.lines.items() if lines}


def _by_rule(known: Mapping[int, Sequence[EarnedLot]], case: _Case) -> dict[str, list[EarnedLot]]:
    found: dict[str, list[EarnedLot]] = {}
    for lot in known.get(case.claimed.id, ()):
        found.setdefault(lot.rule, []).append(lot)
    return found


def _shares(lots: Sequence[tuple[int, int]], parts: int) -> dict[int, int]:
    """From which lots: the last first."""
    shares: dict[int, int] = {}
    for lot, left in reversed(lots):
        if taken := min(left, parts):
            shares[lot] = taken
            parts -= taken
    return shares


def _because(case: _Case, decision: Decision) -> Reason:
    order = case.order
    assert order is not None
    code = "goods_returned"
    if order.record != case.record:
        code = "order_moved"
    elif case.is_for_others:
        code = "fewer_orders"
    elif not order.counts:
        code = "order_cancelled"
    elif all(line.kept == line.quantity for line in order.lines):
        code = "order_changed"
    return Reason(code, {"subject": case.claimed.subject})


def _lot(case: _Case, decision: Decision, grant: Grant, parts: int) -> NewLot:
    """The lot that a grant, or what it came to give more, is posted as."""
    programme = case.programme
    rule = programme.by_id[grant.rule]
    last_day = programme.expiry.last_day(case.on)
    for active_on in case.active_on:
        last_day = programme.expiry.extended(last_day, active_on)
    matures = _matures(case)
    share = programme.pending.at_once if rule.at_once is None else rule.at_once
    at_once = parts * share // 100
    if programme.debt_limit is not None:
        at_once = min(at_once, programme.debt_limit)
    is_partners = grant.funding != SHOP
    price = _price(case, decision, grant, parts)
    return NewLot(
        record=case.record,
        amount=parts,
        reason=Reason(grant.because.code, dict(grant.because.facts)),
        matures_at=matures,
        waits=matures is None,
        at_once=at_once,
        expires_on=last_day,
        expires_at=lapses_at(last_day, case.zone),
        expiry_policy=str(programme.expiry),
        funding="partner" if is_partners else "issuance",
        partner=grant.funding.removeprefix("partner:") if is_partners else "",
        allocated_price_minor=price,
        price_currency="" if price is None else programme.money,
        standalone_price=programme.currency.worth,
        estimate_version=None if programme.currency.worth is None else 1,
        rule=f"{programme.code}.{grant.rule}",
        rule_version=case.number,
        subject=case.claimed.subject,
    )


def _price(case: _Case, decision: Decision, grant: Grant, parts: int) -> int | None:
    """What of the price paid stands for the points, by what both are worth on their own (IFRS 15, B39 to B43)."""
    worth, order = case.programme.currency.worth, case.order
    if worth is None or order is None or order.currency != case.programme.money or grant.funding != SHOP:
        return None
    paid = max(order.kept_minor, 0)
    over, under = worth.as_integer_ratio()
    over, under = over * 10 ** money.exponent(case.programme.money), under * 10**case.programme.currency.scale
    others = sum(other.parts for other in decision.grants if other.funding == SHOP)
    return paid * parts * over // (paid * under + others * over) if paid else 0


def _matures(case: _Case) -> datetime | None:
    """When what an order earned can be spent; None: nobody can say yet."""
    order, pending = case.order, case.programme.pending
    if order is None:
        return case.claimed.effective_at
    if pending.until == "placed":
        since: datetime | None = order.placed_at
    elif pending.until == "paid":
        is_paid = order.kept_minor >= order.due_minor
        since = (order.paid_at or order.placed_at) if is_paid else None
    else:
        since = order.arrived_at or order.placed_at + timedelta(days=pending.at_latest_days)
    return None if since is None else matures_at(since, pending.days, case.zone)


def _maturing(
    cases: Sequence[_Case], known: Mapping[int, Sequence[EarnedLot]]
) -> list[tuple[_Case, EarnedLot, datetime]]:
    """Lots that are pending until another moment than is known now."""
    found = []
    for case in cases:
        lots = known.get(case.claimed.id)
        if not lots:
            continue
        moment = _matures(case)
        for lot in lots:
            if lot.pending and moment is not None and lot.matures_at != moment:
                found.append((case, lot, moment))
    return found


@dataclass(frozen=True)
class _Longer:
    """A lot that is kept to another day; `gone` of it had lapsed before what keeps it was done."""

    lot: int
    on: date
    until: datetime
    gone: int


def _extend(wallet: Wallet, longer: _Longer, at: datetime) -> None:
    """What lapsed only because news came late can be spent again."""
    lot = wallet.lots.get(longer.lot)
    if lot is None:
        return
    why, back = Reason("extended"), lot.lapsed - longer.gone
    if back > 0 and lot.is_over(at) and longer.until > at:
        wallet.reinstate(longer.lot, back, at=at, reason=why, expires_on=longer.on, expires_at=longer.until)
    else:
        wallet.change_dates(longer.lot, at=at, reason=why, expires_on=longer.on, expires_at=longer.until)


def _extending(cases: Sequence[_Case], currency: str) -> dict[int, list[_Longer]]:
    """Lots of a member that a new order keeps longer, by the record the order came with."""
    found: dict[int, list[_Longer]] = {}
    for case in cases:
        expiry = case.programme.expiry
        if expiry.kind != "activity" or not case.claimed.is_new or not case.steps[-1][1].grants:
            continue
        for lot, last_day, gone in to_extend(case.record, currency, str(expiry), case.on):
            later = expiry.extended(last_day, case.on)
            if later is not None and later != last_day:
                instant = lapses_at(later, case.zone)
                assert instant is not None
                found.setdefault(case.record, []).append(_Longer(lot, later, instant, gone))
    return found


def _saved(case: _Case) -> Saved:
    last = case.steps[-1][1]
    return Saved(
        id=case.claimed.id,
        context=_seeing.kept_context(case.context),
        allowed={rule: list(parts) for rule, parts in case.allowed.items()},
        lines={grant.rule: {str(line): parts for line, parts in grant.lines.items()} for grant in last.grants},
        why={
            one.rule: [one.because.code, dict(one.because.facts)]
            for one in last.answers
            if isinstance(one, Grant | Pledge)
        },
        missed={one.rule: [one.why.code, dict(one.why.facts)] for one in last.missed},
        stamp=case.stamp,
        revision=case.claimed.revision + 1,
    )
