"""Points for what customers keep and do: decided by pure rules, posted by the difference to what was posted before.

An order is decided again whenever something of it changes, with what was so of its customer when it was decided first.
What it earns is a function of what stands now, so whatever came first, came twice or came late, the end is the same.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from hashlib import blake2b
from types import MappingProxyType

from django.db import DatabaseError, transaction

from regulars.facts.commerce import kept, kept_columns
from regulars.facts.commerce.kept import EVERYBODY, Kept, Stretch
from regulars.facts.customers import persons
from regulars.kit import civil
from regulars.kit.actors import Actor, Origin
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._earning import missed_events, seeing
from regulars.levers.loyalty._earning.capping import is_common
from regulars.levers.loyalty._earning.cases import (
    Case,
    cases_for_others,
    cases_of,
    counters_of,
    decide,
    in_turn,
    limit_of,
    turns_of,
)
from regulars.levers.loyalty._earning.earned import (
    Claimed,
    celebrated,
    claim,
    insert,
    is_taken,
    move,
    numbered,
    rows_of,
)
from regulars.levers.loyalty._earning.posting import Posted, post, saved
from regulars.levers.loyalty._ledger import account_rows
from regulars.levers.loyalty._ledger.account_rows import AccountFrozen
from regulars.levers.loyalty._past import posting as past
from regulars.levers.loyalty.rules import deciding
from regulars.levers.loyalty.rules.event import BIRTHDAY, Event
from regulars.levers.loyalty.rules.grants import Missed
from regulars.levers.loyalty.rules.views import EventView

__all__ = ("Posted", "award_for_event", "award_for_order", "award_for_orders", "backfill")

#: As long as a lot's may be.
LONGEST_SUBJECT = 120
#: Orders of one transaction where all of history is posted.
AT_ONCE = 5_000
#: So many pages of them where they are posted by columns.
PAGES = 4


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
        return done + _settle(cases_of(found, told), at=at, by=by, origin=origin)


def backfill(
    *,
    programme: str,
    at: datetime,
    by: Actor,
    since: datetime | None = None,
    until: datetime | None = None,
    size: int = AT_ONCE,
    within: Stretch = EVERYBODY,
) -> Iterator[Posted]:
    """Post the whole history of orders by the version of a programme that is active now, page by page; each page is a
    transaction of its own and is yielded when it is done. Greets nobody. Again, and after a crash, it goes on where
    something is missing. Orders of members whose points are frozen are left out and counted as `waiting`.

    `within`: only these customers', so that processes can do it side by side. Where a cap is everyone's together all
    orders go, whoever's they are, in the order of their placing. Raises `NotActive`.
    """
    version = programmes.active_one(programme, at)
    if since is None and until is None and not is_common(version.programme):
        for block in kept_columns.blocks(size=PAGES * size, within=within):
            done, left = past.post(block, version, at=at, by=by)
            yield done
            for start in range(0, len(left.orders), size):
                orders = left.orders[start : start + size]
                found = kept.of(orders)
                # What went since it was read is nobody's any more.
                page = [found[order] for order in orders if order in found]
                yield _post(page, version, left.counted, at=at, by=by)
        return
    if is_common(version.programme):
        pages = kept.pages(since=since, until=until, size=size)
    else:
        pages = kept.pages_by_customer(since=since, until=until, size=size, within=within)
    for page in pages:
        yield _post(page, version, {}, at=at, by=by)


def _post(
    page: Sequence[Kept], version: programmes.Active, counted: Mapping[int, int], *, at: datetime, by: Actor
) -> Posted:
    if not page:
        return Posted()
    try:
        return _post_all(page, version, counted, at=at, by=by)
    except AccountFrozen:
        whose = {one.record for one in page if one.record is not None}
        frozen = account_rows.frozen(whose, version.programme.currency.code)
    free = [one for one in page if one.record not in frozen]
    if len(free) < len(page):
        left_out = sum(one.counts for one in page if one.record in frozen)
        return Posted(waiting=left_out) + _post(free, version, counted, at=at, by=by)
    if len(page) == 1:
        return Posted(waiting=1)
    # It was told for somebody else before, who is frozen: which one it is shows where there is nothing beside it.
    half = len(page) // 2
    done = _post(page[:half], version, counted, at=at, by=by)
    return done + _post(page[half:], version, counted, at=at, by=by)


def _post_all(
    page: Sequence[Kept], version: programmes.Active, counted: Mapping[int, int], *, at: datetime, by: Actor
) -> Posted:
    try:
        with transaction.atomic():
            return _post_page(page, version, counted, at=at, by=by)
    except DatabaseError as problem:
        # Somebody decides one of them at this moment: again, in the order in which everybody else locks.
        if not is_taken(problem):
            raise
    with transaction.atomic():
        return _post_page(page, version, counted, at=at, by=by, claims_first=True)


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
    return done + _settle(cases_of(found, told), at=at, by=by, origin="history", counted=counted)


def award_for_event(
    *,
    customer: int,
    event: EventView,
    at: datetime,
    by: Actor,
    origin: Origin = "live",
    programme: str | None = None,
    waits: bool = False,
    lasts_from: date | None = None,
) -> Posted:
    """Points for something a customer did, by every rule for it of the programmes that are active, or of `programme`
    alone: for each thing a rule gives once for, once for all records of the person. Harmless to repeat.

    Raises `AccountFrozen`; with `waits` it is kept instead that this is to be decided once they go on: told again then,
    it is. `lasts_from`: the day from which the points last, where it is not that of the event.
    """
    done = Posted()
    with transaction.atomic():
        for version in programmes.active(event.at):
            if programme is None or version.programme.code == programme:
                done += _award_by(version, customer, event, at=at, by=by, origin=origin, waits=waits, since=lasts_from)
    return done


def _award_by(
    version: programmes.Active,
    customer: int,
    event: EventView,
    *,
    at: datetime,
    by: Actor,
    origin: Origin,
    waits: bool,
    since: date | None,
) -> Posted:
    zone = civil.zone(version.programme.zone)
    rules = [rule for rule in version.programme.of_events if rule.event == event.name]
    if not rules:
        return Posted()
    seen = replace(event, on=civil.day_of(event.at, zone))
    asks = seeing.of_people([customer], rules)
    person = persons.held([customer])[customer]
    records = persons.records_of(person)
    if len(records) > 1:
        # What another of their records does at this moment is seen after it, or waits for this.
        account_rows.hold([person], version.programme.currency.code)
    done, missed = Posted(), list[Missed]()
    for rule in rules:
        context = asks.context(rule, customer, event)
        answers = deciding.of_event([rule], seen, context, version.programme.terms)
        missed += answers.missed
        if not answers.grants:
            continue
        found = _claim_event(rule, seen, customer, records, version, about=context.about, at=at)
        if not isinstance(found, Claimed):
            missed += [found] if found is not None else []
            continue
        case = Case(found, version.programme, version.number, None, zone, context)
        case.earned_on = since
        with _unless_frozen(waits):
            counters = counters_of([case], at)[version.programme.code]
            limit = limit_of(case, counters, set())
            case.steps.append((event.at, deciding.of_event([rule], seen, context, version.programme.terms, limit)))
            counters.write()
            done += post([case], at=at, by=by, origin=origin)
    about = seen.about[: seeing.LONGEST_ABOUT]
    missed_events.keep(missed, seen, about=about, version=version.version, record=customer)
    return done


def _claim_event(
    rule: Event,
    event: EventView,
    customer: int,
    records: Sequence[int],
    version: programmes.Active,
    *,
    about: str,
    at: datetime,
) -> Claimed | Missed | None:
    """The row of what this is given for, to be decided; where that was decided, why this gives nothing, and nothing to
    say where it is the same event told again."""
    code, mine = version.programme.code, _event_subject(rule, event, customer)
    others = [_event_subject(rule, event, record) for record in records if record != customer]
    found = [one for one in rows_of(others, code) if one.revision] if others else []
    if not found:
        if event.name == BIRTHDAY and rule.once == "year" and celebrated(code, records, rule.id, mine, event.at):
            return rule.missed("given_before")
        rows = claim([Claimed(mine, version.version, code, customer, event.at)], [], at)
        # Another programme may have a rule of that name for the same.
        found = [one for one in rows if one.code == code]
        if found[0].is_new:
            return found[0]
    # A birthday is looked for by the hour, and is the same one.
    if event.name == BIRTHDAY or any((one.effective_at, one.about) == (event.at, about) for one in found):
        return None
    return rule.missed("given_before" if any(one.gave for one in found) else "cap_reached")


@contextmanager
def _unless_frozen(waits: bool) -> Iterator[None]:
    """Of somebody whose points are frozen nothing is posted, and what is claimed is left to be decided."""
    try:
        with transaction.atomic():
            yield
    except AccountFrozen:
        if not waits:
            raise


def _event_subject(rule: Event, event: EventView, record: int) -> str:
    return _short(f"{rule.subject(event, str(record))}/{rule.id}")


def _short(subject: str) -> str:
    """A subject that fits its column; of a longer one a hash of all of it, for it may differ in what is cut off."""
    if len(subject) <= LONGEST_SUBJECT:
        return subject
    return f"{subject[: LONGEST_SUBJECT - 33]}#{blake2b(subject.encode(), digest_size=16).hexdigest()}"


# --- deciding and posting


def _follow(
    found: list[Claimed], told: Mapping[int, Kept], *, at: datetime, by: Actor, origin: Origin
) -> tuple[list[Claimed], Posted]:
    """Orders that are another record's by now than when they were decided: what they earned is taken back there, and
    they are decided anew for whose they are. What is to be settled, and what came of it so far."""
    moved = [one for one in found if not one.is_new and one.order in told and told[one.order].record != one.record]
    if not moved:
        return found, Posted()
    gone = {one.order: replace(told[one.order], counts=False) for one in moved}
    done = _settle(cases_of(moved, gone), at=at, by=by, origin=origin)
    whose = {one.id: record for one in moved if (record := told[one.order].record) is not None}
    stay = [one for one in found if one not in moved]
    if whose:
        move(whose)
        again = claim([], [one.subject for one in moved], at)
        stay += [replace(one, is_new=True) for one in again if one.id in whose]
    return stay, done


def _settle(
    cases: Sequence[Case],
    *,
    at: datetime,
    by: Actor,
    origin: Origin,
    counted: Mapping[int, int] = MappingProxyType({}),
) -> Posted:
    """Decide all of them, then post what differs. `counted`: what is known of `kept.numbers`."""
    by_version: dict[int, list[Case]] = {}
    for case in cases:
        by_version.setdefault(case.claimed.version, []).append(case)
        if not case.claimed.is_new:
            case.context = seeing.read_context(case.claimed.context)
            case.allowed = {rule: (got, of) for rule, (got, of) in case.claimed.allowed.items()}
    for some in by_version.values():
        programme, fresh = some[0].programme, [case for case in some if case.claimed.is_new]
        contexts = seeing.contexts(
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
    counters = counters_of(cases, at)
    turns = turns_of(counting)
    for case in in_turn(cases, turns):
        decide(case, counters[case.programme.code], turns, at, origin)
    for one in counters.values():
        one.write()
    insert([(case.claimed, saved(case)) for case in cases if not case.claimed.is_kept], at)
    done = post(cases, at=at, by=by, origin=origin)
    surplus = {order for some in turns.values() for order in some.surplus}
    if surplus:
        done += _settle(cases_for_others(surplus, at), at=at, by=by, origin="live")
    return done
