"""Orders of the past decided by columns: what `_earning/cases` says of each, of very many at once.

A programme can be if all its rules can, and of its customers those who have nothing of it yet and bought plainly: in
its money, and nothing of it for less than nothing. The others are decided one by one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from regulars.facts.commerce.kept_columns import NONE, Flags, KeptColumns, Numbers
from regulars.kit import civil
from regulars.levers.loyalty._earning.capping import ALWAYS, is_common, starts_on
from regulars.levers.loyalty._past.capping import Capped, Room
from regulars.levers.loyalty._past.customers import Customers
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import basis, deciding, streak
from regulars.levers.loyalty.rules.columns import Answers, OrderColumns, Seen, TooLarge
from regulars.levers.loyalty.rules.rule import Cap
from regulars.levers.loyalty.rules.streak import Streak

#: Means of payment that are no money.
_NO_MONEY = {"points", "gift_card"}
_EPOCH = date(1970, 1, 1).toordinal()
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000


def is_of_columns(programme: Programme) -> bool:
    """Whether all that it says can be decided of many orders at once."""
    return (
        all(rule.is_of_columns for rule in programme.of_orders)
        and not is_common(programme)
        and not any(cap.period == "order" for caps in _all_caps(programme) for cap in caps)
    )


def _all_caps(programme: Programme) -> list[tuple[Cap, ...]]:
    return [programme.caps, *(rule.caps for rule in programme.of_orders)]


def is_plain(orders: KeptColumns, programme: Programme) -> Flags:
    """Which orders can be decided so: all of a customer's or none."""
    odd = (orders.currency != programme.money) | (orders.tax_minor < 0) | (orders.shipping_minor < 0)
    odd[[n for n, paid in orders.tenders.items() if min(paid.values()) < 0]] = True
    lines = orders.lines
    bad = (lines.amount_minor < 0) | (lines.quantity <= 0) | ((lines.tax_minor < 0) & (lines.tax_minor != NONE))
    odd |= np.add.reduceat(np.append(bad, False), orders.begins[:-1]).astype(bool) & (np.diff(orders.begins) > 0)
    return ~np.isin(orders.customer, orders.customer[odd])


@dataclass(frozen=True)
class Place:
    """What is used of a cap: rows of counters. `most` is the cap."""

    rule: str
    period: str
    most: int
    member: Numbers
    starts_on: Numbers
    used: Numbers


@dataclass(frozen=True)
class Decided:
    """What rules answered: to each order as it stands and, after all of them, as it was sold to those of which
    something came back since (`sold`). `number`: which of its customer's it is; `on`: its day in the programme's zone.
    """

    programme: Programme
    orders: KeptColumns
    number: Numbers
    on: Numbers
    sold: Numbers
    lines: OrderColumns
    customers: Customers
    answers: Mapping[str, Answers]
    #: Customers who would be given more of something after it came back.
    odd: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))

    def last(self, rule: str) -> Numbers:
        """What a rule gives for each order as it stands."""
        return self.answers[rule].parts[: len(self.orders)]

    def first(self, rule: str) -> Numbers:
        """What it gave when it was sold."""
        found = self.last(rule).copy()
        found[self.sold] = self.answers[rule].parts[len(self.orders) :]
        return found

    @cached_property
    def places(self) -> list[Place]:
        """What is used of each cap."""
        found = []
        for name, cap, rules in _caps(self.programme):
            may = np.zeros(len(self.orders), bool)
            for rule in rules:
                may |= self.programme.by_id[rule].may_give_columns(self.lines)[: len(self.orders)]
            if may.any():
                member, starts = self.orders.customer[may], self._starts(cap)[may]
                first, _ = _stretches(member, starts)
                used = np.add.reduceat(self._of(rules, self.last)[may], first)
                found.append(Place(name, cap.period, cap.most, member[first], starts[first], used))
        return found

    def within_caps(self) -> "Decided":
        """The same less what caps keep, of whose orders they may keep anything."""
        more_later = self.is_odd
        rooms, comes = [], np.zeros(len(self.orders), bool)
        for _, cap, rules in _caps(self.programme):
            first, place = _stretches(self.orders.customer, self._starts(cap))
            most = self._of(rules, self.first)
            is_full = np.add.reduceat(most, first)[place] > cap.most if len(first) else comes
            if (mine := is_full & (most > 0) & ~more_later).any():
                comes |= mine
                rooms.append(Room(rules, cap.most, place, np.zeros(len(first), np.int64)))
        if not rooms:
            return replace(self, odd=self.orders.customer[more_later])
        row = np.arange(len(self.orders))
        row[self.sold] = len(self.orders) + np.arange(len(self.sold))
        # As `in_turn` of one by one has them: first those that are given something for every so many.
        is_due = np.zeros(len(self.orders), bool)
        for one in self.programme.of_every:
            is_due |= one.may_give_columns(self.lines)[: len(self.orders)]
        some = np.flatnonzero(comes)
        some = some[np.lexsort((some, ~is_due[some], self.orders.customer[some]))]
        first, place = _stretches(self.orders.customer[some])
        capped = Capped(self.programme, self.lines, row, rooms, some, np.arange(len(some)) - first[place])
        odd = capped.into(self.answers)
        return replace(self, odd=np.append(self.orders.customer[more_later], self.orders.customer[odd]))

    def _starts(self, cap: Cap) -> Numbers:
        days, place = np.unique(self.on, return_inverse=True)
        return np.array([number_of(starts_on(date_of(day), cap)) for day in days.tolist()], np.int64)[place]

    def _of(self, rules: Sequence[str], parts: Callable[[str], Numbers]) -> Numbers:
        return sum(map(parts, rules), np.zeros(len(self.orders), np.int64))

    @cached_property
    def turns(self) -> list[Place]:
        """Rows for who is given something for every so many orders: whoever decides one more of theirs waits there."""
        member = np.unique(self.orders.customer)
        since, none = np.full(len(member), number_of(ALWAYS), np.int64), np.zeros(len(member), np.int64)
        return [Place(rule.id, "turn", 0, member, since, none) for rule in self.programme.of_every]

    @property
    def is_odd(self) -> Flags:
        """Who is given more of something after it came back: what came of it is no longer said by a part of it."""
        more = [self.orders.customer[self.first(rule) < self.last(rule)] for rule in self.answers]
        return np.isin(self.orders.customer, np.concatenate([self.odd, *more]))


def _stretches(*keys: Numbers) -> tuple[Numbers, Numbers]:
    """Where keys in a row are the same: the first place of each stretch, and the stretch of each place."""
    begins = np.zeros(len(keys[0]), bool)
    begins[:1] = True
    for key in keys:
        begins[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(begins), np.cumsum(begins) - 1


def _caps(programme: Programme) -> list[tuple[str, Cap, list[str]]]:
    own = [(rule.id, cap, [rule.id]) for rule in programme.of_orders for cap in rule.caps]
    return own + [("", cap, [rule.id for rule in programme.of_orders]) for cap in programme.caps]


def decide(orders: KeptColumns, number: Numbers, programme: Programme, customers: Customers) -> Decided:
    """What the rules say of these, all of which count. Raises `TooLarge`."""
    on = days_of(orders.placed_at, civil.zone(programme.zone))
    came_back = orders.back_at != NONE
    before, sold = orders.only(came_back), np.flatnonzero(came_back)
    weights, whole, over, under = (
        np.concatenate(pair)
        for pair in zip(
            basis.of_columns(_paid(orders, orders.lines.kept)),
            basis.of_columns(_as_sold(_paid(before, before.lines.quantity))),
            strict=True,
        )
    )
    goods = [orders.lines, before.lines]
    runs = {period: streak.runs(on, orders.customer, period) for period in _periods(programme)}
    lines = OrderColumns(
        placed_on=np.append(on, on[sold]),
        number=np.append(number, number[sold]),
        begins=np.append(orders.begins, before.begins[1:] + len(orders.lines.number)),
        line=np.append(orders.lines.number, before.lines.number),
        items=np.append(orders.lines.kept, before.lines.quantity),
        weights=weights,
        whole=whole,
        over=over,
        under=under,
        seen=Seen(
            goods=np.concatenate([one.goods for one in goods]),
            quantity=np.concatenate([one.quantity for one in goods]),
            amount_minor=np.concatenate([one.amount_minor for one in goods]),
            placed_at=np.append(orders.placed_at, before.placed_at),
            channel=np.append(orders.channel, before.channel),
            store=np.append(orders.store, before.store),
            fulfilment=np.append(orders.fulfilment, before.fulfilment),
            currency=programme.money,
        ),
        runs={period: np.append(run, run[sold]) for period, run in runs.items()},
        member=np.append(orders.customer, orders.customer[sold]),
        seed=programme.seed,
        tiers={name: np.append(told, told[sold]) for name, told in customers.tiers.items()},
        birthdays={name: np.append(told, told[sold]) for name, told in customers.birthdays.items()},
    )

    answers = deciding.of_columns(programme.of_orders, lines, programme.terms)
    found = Decided(programme, orders, number, on, sold, lines, customers, answers)
    return found.within_caps()


def _periods(programme: Programme) -> set[str]:
    return {rule.period for rule in programme.of_orders if isinstance(rule, Streak)}


def _paid(orders: KeptColumns, kept: Numbers) -> basis.Paid:
    lines, is_taxed = orders.lines, orders.lines.tax_minor != NONE
    money, paid = np.zeros((2, len(orders)), np.int64)
    for n, tenders in orders.tenders.items():
        paid[n] = max(sum(tenders.values()), int(orders.total_minor[n]))
        money[n] = paid[n] - sum(minor for kind, minor in tenders.items() if kind in _NO_MONEY)
    return basis.Paid(
        begins=orders.begins,
        quantity=lines.quantity,
        kept=kept,
        amount_minor=lines.amount_minor,
        is_gift_card=lines.is_gift_card,
        is_taxed=is_taxed,
        line_tax_minor=np.where(is_taxed, lines.tax_minor, 0),
        discount_minor=orders.discount_minor,
        shipping_minor=orders.shipping_minor,
        tax_minor=orders.tax_minor,
        prices_include_tax=orders.prices_include_tax,
        due_minor=orders.due_minor,
        kept_minor=orders.kept_minor,
        money_back_minor=orders.money_back_minor,
        money_minor=money,
        paid_minor=paid,
    )


def _as_sold(paid: basis.Paid) -> basis.Paid:
    """As it was before anything came back; all of its lines are kept."""
    nothing = np.zeros(len(paid.due_minor), np.int64)
    return replace(paid, due_minor=nothing, money_back_minor=nothing)


def numbers(orders: KeptColumns) -> Numbers:
    """`kept.numbers` of each, where all of a customer's are there."""
    so_far = np.cumsum(orders.counts)
    first = np.flatnonzero(np.append(True, orders.customer[1:] != orders.customer[:-1])[: len(orders)])
    before: Numbers = np.repeat(so_far[first] - orders.counts[first], np.diff(np.append(first, len(orders))))
    found: Numbers = so_far - before
    return found


def days_of(instants: Numbers, zone: ZoneInfo) -> Numbers:
    """`civil.day_of` of each, as days since 1970; instants in microseconds. Raises `TooLarge` where clocks were put
    back across midnight, so that a day was begun twice."""
    if not len(instants):
        return instants
    first, last = int(instants.min()) // _DAY_US - 1, int(instants.max()) // _DAY_US + 2
    starts = np.array([_start_us(day, zone) for day in range(first, last + 1)], np.int64)
    return first + np.searchsorted(starts, instants, side="right") - 1


def starts_of(days: Numbers, zone: ZoneInfo) -> Numbers:
    """When each of these days begins, in microseconds."""
    distinct, place = np.unique(days, return_inverse=True)
    return np.array([_start_us(day, zone) for day in distinct.tolist()], np.int64)[place]


@lru_cache(maxsize=16_384)
def _start_us(day: int, zone: ZoneInfo) -> int:
    midnight = datetime.combine(date_of(day), time(), zone)
    if midnight.replace(fold=1).astimezone(UTC) > midnight.astimezone(UTC):
        raise TooLarge
    return us_of(civil.start_of_day(date_of(day), zone))


def date_of(day: int) -> date:
    """The day that is so many after the first of 1970."""
    return date.fromordinal(day + _EPOCH)


def number_of(day: date) -> int:
    """How many days it is after the first of 1970."""
    return day.toordinal() - _EPOCH


def us_of(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _BEGIN) // timedelta(microseconds=1)
