"""A programme tried on real history before anybody is promised anything: who would have got what, and what it costs.

The same rules look at the same orders as when points are posted, and nothing is written. What people would have done
otherwise because of the programme, nobody knows: this says what their orders as they were would have earned.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from itertools import islice

from regulars.facts.commerce import kept
from regulars.facts.commerce.kept import Kept
from regulars.kit import civil
from regulars.kit.money import Money, to_minor
from regulars.levers.loyalty import programmes, tier_flow
from regulars.levers.loyalty._earning import happened, seeing
from regulars.levers.loyalty._earning.capping import Counters, most_of_an_order, places
from regulars.levers.loyalty._earning.happened import Happened
from regulars.levers.loyalty._missions import trials as mission_trials
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty._tiers.costs import BenefitCost
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import deciding
from regulars.levers.loyalty.rules.event import Event
from regulars.levers.loyalty.rules.rule import Rule
from regulars.levers.loyalty.rules.views import Context
from regulars.runtime.database import clock

#: Members with the most points who are listed.
MOST_LISTED = 20
#: As long after the beginning events may be on record first.
NEAR = timedelta(days=31)
#: Orders and events that are looked at together.
AT_ONCE = 1_000
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class OfRule:
    """What one rule would have given: for how many orders, and why not for the others, by code."""

    rule: str
    parts: int
    orders: int
    missed: Mapping[str, int]
    #: What the rule of that id gives by the version in force, for the same orders; None where there is none.
    parts_now: int | None = None


@dataclass(frozen=True)
class OfEvents:
    """What one rule for events would have given: of so many that are on record `found` of people who are known, for so
    many `times` to so many `people`, and why not for the others, by code.

    `is_tried`: what it costs can be said, for it would have been in force all the time, some of what is on record is
    what it is for, and such events are on record from about the time's beginning on.
    """

    rule: str
    parts: int
    found: int
    times: int
    people: int
    missed: Mapping[str, int]
    is_tried: bool
    #: What the rule of that id gives by the version in force, for the same events; None where there is none.
    parts_now: int | None = None


@dataclass(frozen=True)
class Trial:
    """What a programme would have given for the orders and events of a time. `cost` in minor units of `currency`, None
    where the file does not say what a point is worth; `pledged` by cause. `months`: first of the month to parts.

    `parts_now` and `cost_now`: what the version in force would have given for the same by its rules, its levels taken
    as if they had always been in force, as the draft's are; None where none is, or it says the same.

    `customers`: of whom there are orders, or events that a rule is for.
    `members`: the customers' numbers with the most, and how much; `middle` is what half of those who got something got
    at most.
    """

    programme: str
    orders: int
    customers: int
    earning_customers: int
    parts: int
    shown: str
    cost: Money | None
    rules: Sequence[OfRule]
    months: Mapping[str, int]
    members: Sequence[tuple[int, int]]
    middle: int
    pledged: Mapping[str, Money]
    #: Who would stand elsewhere if it were in force today, by set of tiers.
    tiers: Sequence[tier_flow.Trial] = ()
    #: What missions would have given in the same time.
    missions: Sequence[mission_trials.Trial] = ()
    parts_now: int | None = None
    cost_now: Money | None = None
    #: Benefits that another number of people would have by their levels, and what that costs.
    benefits: Sequence[BenefitCost] = ()
    #: Rules and missions of which it does not say what they cost: those that begin later, and those for events that
    #: are not `is_tried`.
    untried: Sequence[str] = ()
    events: Sequence[OfEvents] = ()
    #: Orders, events and birthdays.
    looked_at: int = 0

    @property
    def tried_events(self) -> list[str]:
        """The rules for events of which it says what they cost."""
        return [one.rule for one in self.events if one.is_tried]

    @property
    def all_parts(self) -> int:
        """What rules and missions would have given."""
        return self.parts + sum(one.parts for one in self.missions)


def simulate(
    programme: Programme,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Trial:
    """What it would have given for every purchase of these times, with what is kept of them now, and for what else
    people did and is on record; and what the version in force would have. Reads all of it once, in the order in which
    it happened; caps, and what is given once, are counted in memory."""
    run, now = _Run(programme), _in_force(programme)
    runs = (run,) if now is None else (run, now)
    looked_at = 0
    for some in _all(programme, runs, since, until):
        for each in runs:
            each.look_at(some)
        looked_at += len(some)
        progress(looked_at)
    last_on = civil.day_of(until or clock.now(), run.zone)
    events = [run.of_event(rule, now, since) for rule in programme.of_events]
    parts, coin = sum(run.by_rule.values()), programme.currency
    parts_now = None if now is None else sum(now.by_rule.values())
    amounts = sorted(run.members.values())
    moved = tier_flow.tried(programme, at=clock.now())
    return Trial(
        programme=programme.code,
        orders=run.orders,
        customers=len(run.people),
        earning_customers=len(run.members),
        parts=parts,
        shown=f"{Decimal(parts).scaleb(-coin.scale):f}",
        cost=_cost(parts, programme),
        rules=[
            OfRule(
                rule.id,
                run.by_rule[rule.id],
                run.times[rule.id],
                run.missed[rule.id],
                None if now is None or rule.id not in now.programme.by_id else now.by_rule[rule.id],
            )
            for rule in programme.of_orders
        ],
        months=dict(sorted(run.months.items())),
        members=run.members.most_common(MOST_LISTED),
        middle=amounts[(len(amounts) - 1) // 2] if amounts else 0,
        pledged={cause: Money(minor, programme.money) for cause, minor in run.pledged.items()},
        tiers=moved.sets,
        missions=mission_trials.tried(programme, since=since, until=until, at=clock.now()),
        parts_now=parts_now,
        cost_now=None if now is None or parts_now is None else _cost(parts_now, now.programme),
        benefits=moved.benefits,
        untried=list(programme.untried(last_on, tried=[one.rule for one in events if one.is_tried])),
        events=events,
        looked_at=looked_at,
    )


def asks_of_events(programme: Programme) -> bool:
    """Whether a trial of it reads events: its own rules are for some, or those of the version in force."""
    now = _in_force(programme)
    return bool(programme.of_events) or (now is not None and bool(now.programme.of_events))


def expected(programme: Programme, *, since: datetime, until: datetime) -> int:
    """How many orders and events a trial looks at, without birthdays. Two queries, three where it reads events."""
    now = _in_force(programme)
    names = {rule.event for one in (programme, now and now.programme) if one for rule in one.of_events}
    orders = kept.count(since=since, until=until)
    return orders + (happened.count(names, since=since, until=until) if names else 0)


def _all(
    programme: Programme, runs: Sequence["_Run"], since: datetime | None, until: datetime | None
) -> Iterator[list[Kept | Happened]]:
    """All orders and events that any of them asks for, in the order in which they were, so many at a time."""
    orders = (
        one for page in kept.pages(since=since, until=until) for one in page if one.counts and one.customer is not None
    )
    did = happened.on_record(
        {name for one in runs for name in one.by_event},
        since=since,
        until=until or clock.now(),
        zone=civil.zone(programme.zone),
        leap_day=programme.leap_day,
    )
    sources: tuple[Iterator[Kept | Happened], ...] = (orders, did)
    both = heapq.merge(*sources, key=_moment)
    while some := list(islice(both, AT_ONCE)):
        yield some


def _moment(one: Kept | Happened) -> datetime:
    return one.placed_at if isinstance(one, Kept) else one.event.at


class _Run:
    """One programme, and what it gave for the orders so far."""

    def __init__(self, programme: Programme) -> None:
        self.programme, self.zone = programme, civil.zone(programme.zone)
        self.counters = Counters(None)
        # Nobody stands on the levels of a draft: what they multiply is seen as if they had always been in force.
        self.ladder = tier_facts.drafted(None, 0, programme, _FIRST)
        self.by_rule: Counter[str] = Counter()
        self.times: Counter[str] = Counter()
        self.missed: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.members: Counter[int] = Counter()
        self.months: Counter[str] = Counter()
        self.pledged: Counter[str] = Counter()
        self.people: set[int] = set()
        self.orders = 0
        self.by_event: defaultdict[str, list[Event]] = defaultdict(list)
        for rule in programme.of_events:
            self.by_event[rule.event].append(rule)
        #: The first day of anything that was looked at, and of what each rule for events is for.
        self.began_on: date | None = None
        self.fits_from: dict[str, date] = {}
        self.found: Counter[str] = Counter()
        self.given_to: defaultdict[str, set[int]] = defaultdict(set)
        #: What was decided, which is decided once, and whether it gave; a digest of each, for there may be many.
        self.given: dict[bytes, bool] = {}

    def look_at(self, some: Sequence[Kept | Happened]) -> None:
        """What came next."""
        if self.began_on is None and some:
            self.began_on = civil.day_of(_moment(some[0]), self.zone)
        orders = [one for one in some if isinstance(one, Kept)]
        mine = [one for one in some if isinstance(one, Happened) and one.event.name in self.by_event]
        contexts = seeing.contexts(orders, self.programme, self.programme.of_orders, self.zone, ladder=self.ladder)
        asks = seeing.of_people({one.person for one in mine}, self.programme.of_events)
        for one in some:
            if isinstance(one, Kept):
                self._bought(one, contexts[one.order])
            else:
                for rule in self.by_event.get(one.event.name, ()):
                    self._did(rule, one, asks)
        self.orders += len(orders)

    def of_event(self, rule: Event, now: "_Run | None", since: datetime | None) -> OfEvents:
        """What became of a rule for events, and of the same in another run."""
        fits_from, began_on = self.fits_from.get(rule.id), self.began_on
        is_on_record = fits_from is not None and began_on is not None and fits_from <= began_on + NEAR
        begins = None if since is None else civil.day_of(since, self.zone)
        is_whole = rule.starts_on is None or (begins is not None and rule.starts_on <= begins)
        return OfEvents(
            rule.id,
            self.by_rule[rule.id],
            self.found[rule.id],
            self.times[rule.id],
            len(self.given_to[rule.id]),
            self.missed[rule.id],
            is_on_record and is_whole,
            None if now is None or rule.id not in now.programme.by_id else now.by_rule[rule.id],
        )

    def _bought(self, one: Kept, context: Context) -> None:
        assert one.customer is not None
        view = seeing.order(one, self.programme, civil.day_of(one.placed_at, self.zone))
        limit = _limit(self.programme, self.counters, one.customer, view.placed_on)
        answers = deciding.of_order(self.programme.of_orders, view, context, self.programme.terms, limit)
        self.people.add(one.customer)
        self._count(one.customer, view.placed_on, answers)
        for pledge in answers.pledges:
            self.pledged[pledge.cause] += pledge.minor

    def _did(self, rule: Event, one: Happened, asks: seeing.OfPeople) -> None:
        day = civil.day_of(one.event.at, self.zone)
        event, terms = replace(one.event, on=day), self.programme.terms
        self.found[rule.id] += 1
        self.people.add(one.person)
        context = asks.context(rule, one.person, event)
        answers = deciding.of_event([rule], event, context, terms)
        if answers.grants or any(no.why.code == "not_for_them" for no in answers.missed):
            self.fits_from.setdefault(rule.id, day)
        if answers.grants:
            what = blake2b(f"{rule.subject(event, str(one.person))}/{rule.id}".encode(), digest_size=16).digest()
            if what in self.given:
                answers = deciding.Decision([rule.missed("given_before" if self.given[what] else "cap_reached")])
            else:
                limit = _limit(self.programme, self.counters, one.person, day)
                answers = deciding.of_event([rule], event, context, terms, limit)
                self.given[what] = bool(answers.grants)
        self._count(one.person, day, answers)
        if answers.grants:
            self.given_to[rule.id].add(one.person)

    def _count(self, person: int, day: date, answers: deciding.Decision) -> None:
        for grant in answers.grants:
            self.by_rule[grant.rule] += grant.parts
            self.times[grant.rule] += 1
            self.members[person] += grant.parts
            self.months[day.replace(day=1).isoformat()] += grant.parts
        for no in answers.missed:
            self.missed[no.rule][no.why.code] += 1


def _in_force(programme: Programme) -> _Run | None:
    """The version in force, where it is another one."""
    active = next((one for one in programmes.active(clock.now()) if one.programme.code == programme.code), None)
    return None if active is None or active.programme.text == programme.text else _Run(active.programme)


def _cost(parts: int, programme: Programme) -> Money | None:
    worth = programme.currency.worth
    if worth is None:
        return None
    amount = Decimal(parts).scaleb(-programme.currency.scale) * worth
    return Money(to_minor(amount, programme.money), programme.money)


def _limit(programme: Programme, counters: Counters, member: int, day: date) -> deciding.Limit:
    taken = 0

    def limit(rule: Rule, parts: int) -> int:
        nonlocal taken
        per_order = most_of_an_order(programme, rule, taken)
        wanted = parts if per_order is None else max(min(parts, per_order), 0)
        rows = places(programme, rule, member, day)
        granted = min(wanted, counters.left(rows, wanted))
        counters.take(rows, granted)
        taken += granted
        return granted

    return limit
