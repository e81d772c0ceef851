"""A programme tried on real history before anybody is promised anything: who would have got what, and what it costs.

The same rules look at the same orders as when points are posted, and nothing is written. What people would have done
otherwise because of the programme, nobody knows: this says what their orders as they were would have earned.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from regulars.facts.commerce import kept
from regulars.kit import civil
from regulars.kit.money import Money, to_minor
from regulars.levers.loyalty import tier_flow
from regulars.levers.loyalty._earning import seeing
from regulars.levers.loyalty._earning.capping import Counters, most_of_an_order, places
from regulars.levers.loyalty._missions import trials as mission_trials
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import deciding
from regulars.levers.loyalty.rules.rule import Rule
from regulars.runtime.database import clock

#: Members with the most points who are listed.
MOST_LISTED = 20


@dataclass(frozen=True)
class OfRule:
    """What one rule would have given: for how many orders, and why not for the others, by code."""

    rule: str
    parts: int
    orders: int
    missed: Mapping[str, int]


@dataclass(frozen=True)
class Trial:
    """What a programme would have given for the orders of a time. `cost` in minor units of `currency`, None where the
    file does not say what a point is worth; `pledged` by cause. `months`: first of the month to parts.

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
    """What it would have given for every purchase of these times, with what is kept of them now. Reads all of them
    once, page by page; caps are counted in memory."""
    zone, counters = civil.zone(programme.zone), Counters(None)
    by_rule: Counter[str] = Counter()
    orders_of: Counter[str] = Counter()
    missed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    members: Counter[int] = Counter()
    months: Counter[str] = Counter()
    pledged: Counter[str] = Counter()
    people: set[int] = set()
    count = 0
    for page in kept.pages(since=since, until=until):
        standing = [one for one in page if one.counts and one.customer is not None]
        contexts = seeing.contexts(standing, programme, programme.of_orders, zone)
        for one in standing:
            assert one.customer is not None
            view = seeing.order(one, programme, civil.day_of(one.placed_at, zone))
            limit = _limit(programme, counters, one.customer, view.placed_on)
            answers = deciding.of_order(programme.of_orders, view, contexts[one.order], programme.terms, limit)
            people.add(one.customer)
            for grant in answers.grants:
                by_rule[grant.rule] += grant.parts
                orders_of[grant.rule] += 1
                members[one.customer] += grant.parts
                months[view.placed_on.replace(day=1).isoformat()] += grant.parts
            for no in answers.missed:
                missed[no.rule][no.why.code] += 1
            for pledge in answers.pledges:
                pledged[pledge.cause] += pledge.minor
        count += len(standing)
        progress(count)
    parts, coin = sum(by_rule.values()), programme.currency
    amounts = sorted(members.values())
    points = Decimal(parts).scaleb(-coin.scale)
    return Trial(
        programme=programme.code,
        orders=count,
        customers=len(people),
        earning_customers=len(members),
        parts=parts,
        shown=f"{points:f}",
        cost=None if coin.worth is None else _cost(points * coin.worth, programme.money),
        rules=[OfRule(rule.id, by_rule[rule.id], orders_of[rule.id], missed[rule.id]) for rule in programme.of_orders],
        months=dict(sorted(months.items())),
        members=members.most_common(MOST_LISTED),
        middle=amounts[(len(amounts) - 1) // 2] if amounts else 0,
        pledged={cause: Money(minor, programme.money) for cause, minor in pledged.items()},
        tiers=tier_flow.tried(programme, at=clock.now()),
        missions=mission_trials.tried(programme, since=since, until=until, at=clock.now()),
    )


def _cost(amount: Decimal, currency: str) -> Money:
    return Money(to_minor(amount, currency), currency)


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
