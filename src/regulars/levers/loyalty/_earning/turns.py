"""Points for every so many orders: which of a person's orders is given them, so that news in any order gives as many.

An order's number moves when an older one is told of late, when one is cancelled, when records are joined. What is owed
is one award for every order that has such a number now and is worth one; to which of them it was given does not matter.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from regulars.facts.commerce import kept
from regulars.facts.customers import persons
from regulars.levers.loyalty.rules.nth_order import NthOrder

#: Why an order was given nothing though it has such a number, and the award is another's still.
_OF_OTHERS = ("nth_given", "not_nth_yet")
# Record by record: an index of subjects could answer all of them at once, and would be read whole.
_GIVEN = """
SELECT earning.record_id, earning.subject, earning.effective_at
  FROM unnest(%s::bigint[]) AS told(record) CROSS JOIN LATERAL (
       SELECT * FROM loyalty_earning AS one WHERE one.record_id = told.record OFFSET 0) AS earning
 WHERE earning.programme_id = %s AND starts_with(earning.subject, 'order:')
   AND (earning.lines ? %s OR earning.allowed ? %s)
"""
_DECIDED = """
SELECT subject, missed -> %s ->> 0 FROM loyalty_earning WHERE programme_id = %s AND subject = ANY(%s)
"""


@dataclass
class Turns:
    """Of one person under one rule. `due`: orders with such a number that are worth an award, to that number; `given`:
    those that have one, with when they were placed; `waiting`: those that are due and are still to be decided."""

    due: dict[int, int] = field(default_factory=dict)
    given: dict[int, datetime] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)

    @property
    def surplus(self) -> list[int]:
        """Orders to take an award back from, the latest first."""
        latest = sorted(self.given, key=lambda order: (self.given[order], order), reverse=True)
        return latest[: max(len(self.given) - len(self.due), 0)]

    def of(self, order: int, before: int) -> int:
        """The number for which this order is given an award, 0 for none; `before` is for which it has one."""
        if order in self.given:
            return 0 if order in self.surplus else before
        # What is due to one that is decided after it is no other's.
        if len(self.given) + len(self.waiting - {order}) >= len(self.due):
            return 0
        return self.due.get(order, sorted(self.due.values())[len(self.given)])

    def decided(self, order: int, placed_at: datetime, missed: str | None) -> None:
        """What became of it; `missed` says why it was given none."""
        self.waiting.discard(order)
        if missed is None or missed == "cap_reached":
            self.given[order] = placed_at
            return
        self.given.pop(order, None)
        if missed not in _OF_OTHERS:
            self.due.pop(order, None)


def read(programme: int, rule: NthOrder, people: Collection[int], deciding: Collection[int]) -> dict[int, Turns]:
    """How it stands with each of them, where all of `deciding` may still be given something. Four queries."""
    found = {person: Turns() for person in people}
    records = {record: one for one, all_of in persons.records_of_many(sorted(people)).items() for record in all_of}
    numbered = kept.every_nth(sorted(people), rule.every)
    subjects = [f"order:{order}" for orders in numbered.values() for order in orders]
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN, [list(records), programme, rule.id, rule.id])
        for record, subject, placed_at in cursor.fetchall():
            found[records[record]].given[_order(subject)] = placed_at
        cursor.execute(_DECIDED, [rule.id, programme, subjects])
        missed: Mapping[int, str | None] = {_order(subject): why for subject, why in cursor.fetchall()}
    for person, orders in numbered.items():
        mine = found[person]
        for order, number in orders.items():
            # What nobody decided under this programme it does not owe for: it was bought before its time.
            is_others = missed.get(order) in (None, *_OF_OTHERS)
            if order in deciding or (order in missed and (order in mine.given or is_others)):
                mine.due[order] = number
                if order in deciding and order not in mine.given:
                    mine.waiting.add(order)
    return found


def _order(subject: str) -> int:
    return int(subject.removeprefix("order:"))
