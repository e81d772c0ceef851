"""Orders around a birthday, of people who have a benefit that multiplies points then. What is kept of it is the benefit
and how many times it gives: never the day."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from django.db import connection

from regulars.facts.customers import kept_birthdays, persons
from regulars.kit import civil
from regulars.levers.loyalty import programmes, tiers
from regulars.levers.loyalty._benefits.rows import BenefitGift
from regulars.levers.loyalty._memberships import state as membership_state
from regulars.levers.loyalty._tiers.facts import Ladder
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules.benefit_terms import Benefit
from regulars.levers.loyalty.rules.birthday_bonus import BirthdayBonus

#: No two birthdays of anybody are nearer, in either calendar.
LEAST_YEAR = timedelta(days=353)
_ANOTHER = """
SELECT EXISTS (SELECT FROM loyalty_earning AS earning
                 JOIN loyalty_programme AS programme ON programme.id = earning.programme_id AND programme.code = %s
                WHERE earning.record_id = ANY(%s) AND earning.context -> 'birthdays' ? %s
                  AND (earning.effective_at BETWEEN %s AND %s OR earning.effective_at BETWEEN %s AND %s))
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
    """Order to benefit to how many times it gives. Nothing is asked where no rule wants it.

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
    found: dict[int, dict[str, str]] = {}
    for order, some in near.items():
        one = whose[order]
        records = persons.records_of(one.customer or 0)
        has = _by_levels(some, programme, levels.get(order, {}))
        if not of_the_past:
            has += _by_plans(some, programme, records, one.placed_at) + _by_gifts(some, programme, records, days[order])
        for benefit, times in has:
            if times is not None and not _is_another(programme, benefit, records, one.placed_at):
                mine = found.setdefault(order, {})
                mine[benefit.id] = f"{max(times, Decimal(mine.get(benefit.id, '0'))):f}"
    return found


_Has = list[tuple[Benefit, Decimal | None]]


def _by_levels(some: Collection[Benefit], programme: Programme, levels: Mapping[str, str]) -> _Has:
    ranks = {one.id: one.rank(levels[one.id]) for one in programme.tiers if levels.get(one.id)}
    return [(one, one.times) for one in some if one.on(ranks) is not None]


def _by_plans(some: Collection[Benefit], programme: Programme, records: Sequence[int], at: datetime) -> _Has:
    found: _Has = []
    for row in membership_state.living(records):
        member = membership_state.at(row, at)
        if row.programme.code == programme.code and member.gives:
            gives = {told.benefit for told in member.plan.benefits}
            terms = {one.id: one.times for one in membership_state.says(row).benefits}
            found += [(one, terms.get(one.id)) for one in some if one.id in gives]
    return found


def _by_gifts(some: Collection[Benefit], programme: Programme, records: Sequence[int], on: date) -> _Has:
    """A gift keeps the terms it was given with."""
    names = {one.id: one for one in some}
    rows = BenefitGift.objects.filter(
        record_id__in=records, programme__code=programme.code, benefit__in=list(names), withdrawn_at__isnull=True
    )
    return [
        (names[row.benefit], each.times)
        for row in rows.order_by("id")
        if row.since_on <= on and (row.until_on is None or on < row.until_on)
        for each in programmes.read_plainly(row.version_id).benefits
        if each.id == row.benefit
    ]


def _is_another(programme: Programme, benefit: Benefit, records: Sequence[int], at: datetime) -> bool:
    """Whether an order around another birthday of the same year was multiplied: then the day was changed."""
    near, far = timedelta(days=2 * benefit.days + 1), LEAST_YEAR - timedelta(days=2 * benefit.days)
    spans = [at - far, at - near, at + near, at + far]
    with connection.cursor() as cursor:
        cursor.execute(_ANOTHER, [programme.code, list(records), benefit.id, *spans])
        [(is_there,)] = cursor.fetchall()
    return bool(is_there)
