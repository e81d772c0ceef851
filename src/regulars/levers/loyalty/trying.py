"""A programme tried on real history before anybody is promised anything: who would have got what, and what it costs.

The same rules look at the same orders as when points are posted, and nothing is written. What people would have done
otherwise because of the programme, nobody knows: this says what their orders as they were would have earned.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from regulars.facts.commerce import kept
from regulars.facts.commerce.kept import Kept
from regulars.kit import civil
from regulars.kit.money import Money, to_minor
from regulars.levers.loyalty import programmes, tier_flow
from regulars.levers.loyalty._earning import seeing
from regulars.levers.loyalty._earning.capping import Counters, most_of_an_order, places
from regulars.levers.loyalty._missions import trials as mission_trials
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty._tiers.costs import BenefitCost
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import deciding
from regulars.levers.loyalty.rules.rule import Rule
from regulars.runtime.database import clock

#: Members with the most points who are listed.
MOST_LISTED = 20
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
class Trial:
    """What a programme would have given for the orders of a time. `cost` in minor units of `currency`, None where the
    file does not say what a point is worth; `pledged` by cause. `months`: first of the month to parts.

    `parts_now` and `cost_now`: what the version in force would have given for the same orders by its rules, its levels
    taken as if they had always been in force, as the draft's are; None where none is, or it says the same.

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
    #: Rules and missions of which it says nothing: for events, or from a later day on.
    untried: Sequence[str] = ()

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
    """What it would have given for every purchase of these times, with what is kept of them now; and what the version
    in force would have. Reads all of them once, page by page; caps are counted in memory."""
    run, now = _Run(programme), _in_force(programme)
    for page in kept.pages(since=since, until=until):
        standing = [one for one in page if one.counts and one.customer is not None]
        for each in (run,) if now is None else (run, now):
            each.look_at(standing)
        progress(run.orders)
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
                run.orders_of[rule.id],
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
        untried=list(programme.untried(civil.day_of(until or clock.now(), run.zone))),
    )


class _Run:
    """One programme, and what it gave for the orders so far."""

    def __init__(self, programme: Programme) -> None:
        self.programme, self.zone = programme, civil.zone(programme.zone)
        self.counters = Counters(None)
        # Nobody stands on the levels of a draft: what they multiply is seen as if they had always been in force.
        self.ladder = tier_facts.drafted(None, 0, programme, _FIRST)
        self.by_rule: Counter[str] = Counter()
        self.orders_of: Counter[str] = Counter()
        self.missed: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.members: Counter[int] = Counter()
        self.months: Counter[str] = Counter()
        self.pledged: Counter[str] = Counter()
        self.people: set[int] = set()
        self.orders = 0

    def look_at(self, standing: Sequence[Kept]) -> None:
        """The next orders."""
        programme = self.programme
        contexts = seeing.contexts(standing, programme, programme.of_orders, self.zone, ladder=self.ladder)
        for one in standing:
            assert one.customer is not None
            view = seeing.order(one, programme, civil.day_of(one.placed_at, self.zone))
            limit = _limit(programme, self.counters, one.customer, view.placed_on)
            answers = deciding.of_order(programme.of_orders, view, contexts[one.order], programme.terms, limit)
            self.people.add(one.customer)
            for grant in answers.grants:
                self.by_rule[grant.rule] += grant.parts
                self.orders_of[grant.rule] += 1
                self.members[one.customer] += grant.parts
                self.months[view.placed_on.replace(day=1).isoformat()] += grant.parts
            for no in answers.missed:
                self.missed[no.rule][no.why.code] += 1
            for pledge in answers.pledges:
                self.pledged[pledge.cause] += pledge.minor
        self.orders += len(standing)


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
