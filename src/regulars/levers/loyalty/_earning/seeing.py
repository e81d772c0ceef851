"""What rules look at, read from the facts: orders as they stand, and what is so of their customers. Of many at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec

from regulars.facts.commerce import kept
from regulars.facts.commerce.kept import Kept
from regulars.insight.audiences import audiences, members
from regulars.kit import civil, money
from regulars.kit.conditions import holding
from regulars.kit.conditions.holding import Known, Row
from regulars.kit.conditions.nodes import Condition, Value
from regulars.levers.loyalty import tiers
from regulars.levers.loyalty._earning import birthdays
from regulars.levers.loyalty._tiers.facts import Ladder
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules.audience_bonus import AudienceBonus
from regulars.levers.loyalty.rules.event import Event
from regulars.levers.loyalty.rules.first_order import FirstOrder
from regulars.levers.loyalty.rules.nth_order import NthOrder
from regulars.levers.loyalty.rules.rule import Rule
from regulars.levers.loyalty.rules.streak import Streak, run_until
from regulars.levers.loyalty.rules.surprise import Surprise
from regulars.levers.loyalty.rules.tier_bonus import TierBonus
from regulars.levers.loyalty.rules.views import Context, EventView, LineView, OrderView
from regulars.runtime import rooms
from regulars.runtime.database.offered import Wanted

#: What is kept of what an event was about.
LONGEST_ABOUT = 160


def order(one: Kept, programme: Programme, day: date) -> OrderView:
    """An order as rules see it, in the programme's money; `day` is when it was placed in its zone."""
    return OrderView(
        placed_at=one.placed_at,
        placed_on=day,
        currency=one.currency,
        lines=tuple(
            LineView(
                line.number,
                line.quantity,
                line.kept,
                line.amount_minor,
                line.product,
                line.category,
                line.brand,
                line.sku,
                line.tax_minor,
                line.is_gift_card,
            )
            for line in one.lines
        ),
        total_minor=one.total_minor,
        due_minor=one.due_minor,
        kept_minor=one.kept_minor,
        counts=one.counts,
        discount_minor=one.discount_minor,
        shipping_minor=one.shipping_minor,
        tax_minor=one.tax_minor,
        prices_include_tax=one.prices_include_tax,
        money_back_minor=one.money_back_minor,
        channel=one.channel,
        store=one.store,
        fulfilment=one.fulfilment,
        tenders=one.tenders,
        rate=_rate(one, programme.money),
    )


def _rate(one: Kept, currency: str) -> Fraction | None:
    """Of the programme's money for one minor unit of the order's, as it was captured with the order."""
    if one.currency == currency:
        return _ONE
    if one.rate is None or one.shop_currency != currency:
        return None
    return Fraction(one.rate) * Fraction(10) ** (money.exponent(currency) - money.exponent(one.currency))


_ONE = Fraction(1)


def contexts(
    orders: Sequence[Kept],
    programme: Programme,
    rules: Sequence[Rule],
    zone: ZoneInfo,
    *,
    of_the_past: bool = False,
    counted: Mapping[int, int] = MappingProxyType({}),
    ladder: Ladder | None = None,
) -> dict[int, Context]:
    """What is so of the customer of each order, as far as the rules ask. A query for each kind of thing they ask.

    `counted`: what is known of `kept.numbers` already. Of orders `of_the_past` audiences count that somebody was in by
    then; who has left one since is not known to have been in. `ladder`: rules of levels other than those in force.
    """
    if not orders:
        return {}
    numbers = [one.order for one in orders]
    if any(isinstance(rule, FirstOrder | NthOrder) for rule in rules):
        uncounted = [number for number in numbers if number not in counted]
        counted = {**counted, **(kept.numbers(uncounted) if uncounted else {})}
    streaks = [rule for rule in rules if isinstance(rule, Streak)]
    moments = kept.moments_before(numbers) if streaks else {}
    surprised = any(isinstance(rule, Surprise) for rule in rules)
    people = sorted({one.customer for one in orders if one.customer is not None})
    conditions = {rule.id: rule.only_if for rule in rules if rule.only_if is not None}
    asked = {rule.audience for rule in rules if isinstance(rule, AudienceBonus)}
    for condition in conditions.values():
        asked |= condition.audiences
    inside = memberships(people, asked)
    knowns = known(people, conditions.values(), inside)
    levels: Mapping[int, Mapping[str, str]] = {}
    if any(isinstance(rule, TierBonus) for rule in rules):
        asked_of = {one.order: (one.customer, one.placed_at) for one in orders if one.customer is not None}
        levels = tiers.before(asked_of, programme=programme.code, ladder=ladder)
    multiplied = birthdays.multiplied(orders, programme, zone, levels, of_the_past=of_the_past, ladder=ladder)
    found = {}
    for one in orders:
        person = one.customer or 0
        mine = {
            audience: since
            for audience, since in inside.get(person, {}).items()
            if not of_the_past or datetime.fromisoformat(since) <= one.placed_at
        }
        what = replace(knowns[person], audiences=frozenset(mine)) if conditions else None
        found[one.order] = Context(
            member=str(person),
            seed=programme.seed if surprised else "",
            order_number=counted.get(one.order),
            fits={
                rule: holding.holds(condition, what, at=one.placed_at).holds
                for rule, condition in conditions.items()
                if what is not None
            },
            audiences={audience: since for audience, since in mine.items() if audience in asked},
            tiers=levels.get(one.order, {}),
            birthdays=multiplied.get(one.order, {}),
            streaks=_streaks(streaks, one.placed_at, moments.get(one.order, ()), zone) if streaks else {},
        )
    return found


def _streaks(
    rules: Sequence[Streak], placed_at: datetime, moments: Sequence[datetime], zone: ZoneInfo
) -> dict[str, int]:
    day, before = civil.day_of(placed_at, zone), [civil.day_of(moment, zone) for moment in moments]
    return {rule.id: run_until(day, before, rule.period) for rule in rules}


def memberships(people: Collection[int], asked: Collection[str]) -> dict[int, dict[str, str]]:
    """Which of these audiences each is in, and since when: what is kept as evidence."""
    if not asked:
        return {}
    by_number = {one.number: one.id for one in audiences.every(with_archived=True) if one.id in asked}
    found: dict[int, dict[str, str]] = {person: {} for person in people}
    for (person, audience), since in members.since(people, by_number).items():
        found[person][by_number[audience]] = since.isoformat()
    return found


def known(
    people: Sequence[int], conditions: Collection[Condition], inside: Mapping[int, Mapping[str, str]]
) -> dict[int, Known]:
    """All that conditions ask of these customers, now."""
    fields, collections = frozenset[str](), frozenset[str]()
    for condition in conditions:
        fields, collections = fields | condition.fields, collections | condition.collections
    offered, happened = (rooms.fields(), rooms.collections()) if fields or collections else ({}, {})
    values: dict[int, dict[str, Value]] = {person: {} for person in people}
    for name in sorted(fields):
        for person, value in offered[name].read(people).items():
            if person in values:
                values[person][name] = value
    rows: dict[int, dict[str, Sequence[Row]]] = {person: {} for person in people}
    for name in sorted(collections):
        for person, told in happened[name].read(people, Wanted()).items():
            if person in rows:
                rows[person][name] = told
    return {person: Known(values[person], rows[person], frozenset(inside.get(person, ())), {}) for person in people}


@dataclass(frozen=True)
class OfPeople:
    """What rules for events ask of people: the audiences each is in, and all that conditions want to know."""

    inside: Mapping[int, Mapping[str, str]]
    known: Mapping[int, Known]

    def context(self, rule: Event, person: int, event: EventView) -> Context:
        """What is so of a person for a rule when they did that."""
        fits = (
            {}
            if rule.only_if is None
            else {rule.id: holding.holds(rule.only_if, self.known[person], at=event.at).holds}
        )
        inside = dict(self.inside.get(person, {}))
        return Context(member=str(person), fits=fits, audiences=inside, about=event.about[:LONGEST_ABOUT])


def of_people(people: Collection[int], rules: Collection[Event]) -> OfPeople:
    """What these rules ask of these people, now. A query for each kind of thing they ask."""
    conditions = [rule.only_if for rule in rules if rule.only_if is not None]
    inside = memberships(people, {audience for one in conditions for audience in one.audiences})
    return OfPeople(inside, known(sorted(people), conditions, inside))


def kept_context(context: Context) -> dict[str, object]:
    """A context as JSON keeps it, without what was not asked."""
    found: dict[str, object] = {
        "member": context.member,
        "seed": context.seed,
        "order_number": context.order_number,
        "fits": dict(context.fits),
        "audiences": dict(context.audiences),
        "streaks": dict(context.streaks),
        "tiers": dict(context.tiers),
        "birthdays": dict(context.birthdays),
        "turns": {rule: number for rule, number in context.turns.items() if number},
        "about": context.about,
    }
    return {name: value for name, value in found.items() if value not in ("", None, {})}


def read_context(told: Mapping[str, object]) -> Context:
    """A context as it was kept."""
    return msgspec.convert(told, Context)
