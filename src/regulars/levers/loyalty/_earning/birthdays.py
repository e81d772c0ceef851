"""Orders around a birthday, of people who have a benefit that multiplies points then. What is kept of it is the benefit
and how many times it gives: never the day."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet

from regulars.facts.customers import kept_birthdays, persons
from regulars.kit import civil
from regulars.levers.loyalty import programmes, tiers
from regulars.levers.loyalty._benefits.rows import BenefitGift
from regulars.levers.loyalty._memberships import state as membership_state
from regulars.levers.loyalty._memberships.rows import Membership
from regulars.levers.loyalty._tiers.facts import Ladder
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules.benefit_terms import Benefit
from regulars.levers.loyalty.rules.birthday_bonus import BirthdayBonus

#: No two birthdays of anybody are nearer, in either calendar.
LEAST_YEAR = timedelta(days=353)
_OTHERS = """
SELECT DISTINCT asked.number, asked.benefit
  FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
              %s::timestamptz[]) AS asked(number, benefit, record, far_before, near_before, near_after, far_after)
  JOIN loyalty_earning AS earning ON earning.record_id = asked.record
   AND earning.context -> 'birthdays' ? asked.benefit
   AND (earning.effective_at BETWEEN asked.far_before AND asked.near_before
        OR earning.effective_at BETWEEN asked.near_after AND asked.far_after)
  JOIN loyalty_programme AS programme ON programme.id = earning.programme_id AND programme.code = %s
"""


class Bought(Protocol):
    """What has to be known of an order."""

    @property
    def order(self) -> int: ...
    @property
    def customer(self) -> int | None: ...
    @property
    def placed_at(self) -> datetime: ...


def multiplied(
    orders: Sequence[Bought],
    programme: Programme,
    zone: ZoneInfo,
    levels: Mapping[int, Mapping[str, str]],
    *,
    of_the_past: bool,
    ladder: Ladder | None,
) -> dict[int, dict[str, str]]:
    """Order to benefit to how many times it gives. Nothing is asked where no rule wants it; else a query for each kind
    of thing, however many orders.

    By the level right before the order; plans and gifts as they are when it is decided first, so not of the past.
    """
    asked = {rule.benefit for rule in programme.of_orders if isinstance(rule, BirthdayBonus)}
    benefits = [one for one in programme.benefits if one.id in asked]
    whose = {one.order: one for one in orders if one.customer is not None}
    if not benefits or not whose:
        return {}
    days = {order: civil.day_of(one.placed_at, zone) for order, one in whose.items()}
    near: dict[int, list[Benefit]] = {}
    for width in sorted({one.days for one in benefits}):
        told = {(one.customer or 0, days[order]) for order, one in whose.items()}
        kept = kept_birthdays.near(told, days=width, leap_day=programme.leap_day)
        for order, one in whose.items():
            if (one.customer, days[order]) in kept:
                near.setdefault(order, []).extend(each for each in benefits if each.days == width)
    if not near:
        return {}
    if not levels:
        wanted = {order: (whose[order].customer or 0, whose[order].placed_at) for order in near}
        levels = tiers.before(wanted, programme=programme.code, ladder=ladder)
    records = persons.records_of_many(sorted({whose[order].customer or 0 for order in near}))
    every = [] if of_the_past else [record for some in records.values() for record in some]
    plans = _of_records(membership_state.living(every) if every else ())
    gifts = _of_records(_gifts(benefits, programme, every) if every else ())
    has: list[tuple[Bought, Benefit, Decimal]] = []
    for order, some in near.items():
        one = whose[order]
        mine = records[one.customer or 0]
        theirs = _by_levels(some, programme, levels.get(order, {}))
        theirs += _by_plans(some, programme, [row for record in mine for row in plans.get(record, ())], one.placed_at)
        theirs += _by_gifts(some, [row for record in mine for row in gifts.get(record, ())], days[order])
        has += [(one, benefit, times) for benefit, times in theirs if times is not None]
    others = _others(programme, [(one, benefit, records[one.customer or 0]) for one, benefit, _ in has])
    found: dict[int, dict[str, str]] = {}
    for one, benefit, times in has:
        if (one.order, benefit.id) not in others:
            gives = found.setdefault(one.order, {})
            gives[benefit.id] = f"{max(times, Decimal(gives.get(benefit.id, '0'))):f}"
    return found


_Has = list[tuple[Benefit, Decimal | None]]
_Row = TypeVar("_Row", Membership, BenefitGift)


def _of_records(rows: Iterable[_Row]) -> dict[int, list[_Row]]:
    found: dict[int, list[_Row]] = {}
    for row in rows:
        found.setdefault(row.record_id, []).append(row)
    return found


def _by_levels(some: Collection[Benefit], programme: Programme, levels: Mapping[str, str]) -> _Has:
    ranks = {one.id: one.rank(levels[one.id]) for one in programme.tiers if levels.get(one.id)}
    return [(one, one.times) for one in some if one.on(ranks) is not None]


def _by_plans(some: Collection[Benefit], programme: Programme, rows: Sequence[Membership], at: datetime) -> _Has:
    found: _Has = []
    for row in rows:
        member = membership_state.at(row, at)
        if row.programme.code == programme.code and member.gives:
            gives = {told.benefit for told in member.plan.benefits}
            terms = {one.id: one.times for one in membership_state.says(row).benefits}
            found += [(one, terms.get(one.id)) for one in some if one.id in gives]
    return found


def _gifts(benefits: Collection[Benefit], programme: Programme, records: Sequence[int]) -> QuerySet[BenefitGift]:
    return BenefitGift.objects.filter(
        record_id__in=records,
        programme__code=programme.code,
        benefit__in=[one.id for one in benefits],
        withdrawn_at__isnull=True,
    ).order_by("id")


def _by_gifts(some: Collection[Benefit], rows: Sequence[BenefitGift], on: date) -> _Has:
    """A gift keeps the terms it was given with."""
    names = {one.id: one for one in some}
    return [
        (names[row.benefit], each.times)
        for row in rows
        if row.benefit in names and row.since_on <= on and (row.until_on is None or on < row.until_on)
        for each in programmes.read_plainly(row.version_id).benefits
        if each.id == row.benefit
    ]


def _others(programme: Programme, asked: Sequence[tuple[Bought, Benefit, Sequence[int]]]) -> set[tuple[int, str]]:
    """For which of these, each with the records of its customer, an order around another birthday of the same year was
    multiplied: then the day was changed."""
    rows = []
    for one, benefit, records in asked:
        at, width = one.placed_at, timedelta(days=2 * benefit.days)
        near, far = width + timedelta(days=1), LEAST_YEAR - width
        rows += [(one.order, benefit.id, record, at - far, at - near, at + near, at + far) for record in records]
    if not rows:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS, [*map(list, zip(*rows, strict=True)), programme.code])
        return set(cursor.fetchall())
