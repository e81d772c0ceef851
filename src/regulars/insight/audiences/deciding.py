"""Whether customers are in audiences, decided one by one from what is known now; whoever comes and goes is told.

The lock of each customer is held from before the facts are read until the end, so that of two who decide at once the
later one has seen all that the earlier one saw. Who looks at everybody for an audience waits for those who decide about
it, and they for that.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from django.db import connection, transaction

from regulars.facts.customers import persons
from regulars.insight.audiences import _knowing
from regulars.insight.audiences.asking import Asked, Asking, Kept
from regulars.insight.audiences.models import Member
from regulars.insight.audiences.notices import AudienceEntered, AudienceLeft
from regulars.kit.actors import SYSTEM
from regulars.kit.conditions import changing
from regulars.kit.conditions.holding import Known, Verdict
from regulars.runtime.notices.outbox import announce_many

Because = Literal["facts", "time", "joined", "refreshed", "proof"]
#: Whoever may change within so long is looked at again then; each night looks so far ahead for everybody.
AHEAD = timedelta(hours=36)
#: How many one transaction decides about, and so keeps in memory.
LOT = 500
_LOCK_CLASS = 7264


@dataclass(frozen=True)
class Decided:
    """How many came in and how many left, all audiences together."""

    entered: int = 0
    left: int = 0


@dataclass(frozen=True)
class _Outcome:
    asked: Asked
    customer: int
    verdict: Verdict
    again_at: datetime | None


def decide_all(
    customers: Iterable[int] | Mapping[int, Collection[int]],
    *,
    because: Because,
    kept: Kept,
    only: Collection[int] | None = None,
) -> Decided:
    """`decide` in lots, each in a transaction of its own where the caller has none. A mapping says of each customer
    which audiences alone are looked at."""
    wanted = sorted(set(customers))
    lots = [wanted[start : start + LOT] for start in range(0, len(wanted), LOT)]
    done = [
        decide(
            {customer: customers[customer] for customer in lot} if isinstance(customers, Mapping) else lot,
            because=because,
            kept=kept,
            only=only,
        )
        for lot in lots
    ]
    return Decided(sum(one.entered for one in done), sum(one.left for one in done))


def decide(
    customers: Sequence[int] | Mapping[int, Collection[int]],
    *,
    because: Because,
    kept: Kept,
    only: Collection[int] | None = None,
) -> Decided:
    """Look at these customers now, at most `LOT`; with `only` for these audiences, as a mapping for each one's own; and
    for those that ask who is in one that changed.

    Harmless to repeat. Of a joined record the person is looked at, and the record itself is in no audience.
    """
    if not customers:
        return Decided()
    with transaction.atomic():
        of = persons.of_many(customers)
        people = sorted(set(of.values()))
        _lock(sorted({*people, *of}))
        asking = kept.look()
        chosen = _chosen(asking, _named(customers, only))
        _hold([one.audience.number for one in chosen])
        at = _touch(people)
        inside = _inside(sorted({*people, *of}))
        looked = _Looked(people, chosen, asking, inside, at)
        if isinstance(customers, Mapping):
            looked.keep_to((of[customer], audiences) for customer, audiences in customers.items())
        outcomes = looked.outcomes()
        changes = [
            _Changed(one.asked.audience.number, one.asked.audience.definition, one.customer, one.verdict, because)
            for one in outcomes
            if one.verdict.holds != (one.asked.audience.number in inside[one.customer])
        ]
        changes += [
            _Changed(audience, 0, record, None, "joined")
            for record, person in of.items()
            if record != person
            for audience in sorted(inside[record])
        ]
        _look_again(outcomes)
        return _write(changes, at)


@dataclass(frozen=True)
class _Changed:
    """Somebody is in from now on if the verdict holds, and else no more."""

    audience: int
    definition: int
    customer: int
    verdict: Verdict | None
    because: Because

    @property
    def entered(self) -> bool:
        return self.verdict is not None and self.verdict.holds

    @property
    def evidence(self) -> str | None:
        return None if self.verdict is None else json.dumps(evidence_of(self.verdict), ensure_ascii=False)


def evidence_of(verdict: Verdict) -> dict[str, Any]:
    """What was found of each node, by its id: whether it held, and the value, number or sum seen, as text."""
    found: dict[str, Any] = {}
    waiting = [verdict]
    while waiting:
        one = waiting.pop()
        found[one.node] = [one.holds, _said(one.seen)]
        waiting.extend(one.of)
    return found


def _said(seen: object) -> object:
    if isinstance(seen, datetime | date):
        return seen.isoformat()
    if isinstance(seen, tuple):
        return list(seen)
    return str(seen) if isinstance(seen, Decimal) else seen


def _named(
    customers: Sequence[int] | Mapping[int, Collection[int]], only: Collection[int] | None
) -> Collection[int] | None:
    if isinstance(customers, Mapping):
        return frozenset[int]().union(*customers.values())
    return only


def _chosen(asking: Asking, only: Collection[int] | None) -> list[Asked]:
    if only is None:
        return list(asking.audiences)
    chosen: list[Asked] = []
    names: set[str] = set()
    for one in asking.audiences:
        if one.audience.number in only or names & one.condition.audiences:
            chosen.append(one)
            names.add(one.audience.id)
    return chosen


class _Looked:
    """A look at some people, audience by audience, each after those whose members it asks."""

    def __init__(
        self,
        people: Sequence[int],
        chosen: Sequence[Asked],
        asking: Asking,
        inside: Mapping[int, set[int]],
        at: datetime,
    ) -> None:
        self._people, self._chosen, self._at = people, chosen, at
        self._facts = _knowing.facts(
            people, [one.condition for one in chosen], fields=asking.fields, collections=asking.collections, at=at
        )
        names = {one.audience.number: one.audience.id for one in asking.audiences}
        self._inside = {person: {names[number] for number in inside[person] if number in names} for person in people}
        self._only: dict[int, set[int]] | None = None

    def keep_to(self, only: Iterable[tuple[int, Collection[int]]]) -> None:
        """Of each person these audiences alone are looked at, and those that ask who is in one that changed."""
        self._only = defaultdict(set)
        for person, audiences in only:
            self._only[person].update(audiences)

    def outcomes(self) -> list[_Outcome]:
        """What became of each."""
        found = []
        changed: dict[int, set[str]] = {person: set() for person in self._people}
        for one in self._chosen:
            number, name = one.audience.number, one.audience.id
            for person in self._people:
                is_asked = self._only is None or number in self._only[person]
                if not is_asked and not changed[person] & one.condition.audiences:
                    continue
                mine = self._inside[person]
                known = Known(self._facts.fields[person], self._facts.rows[person], frozenset(mine), one.cuts)
                verdict, again_at = changing.look(one.condition, known, at=self._at)
                if verdict.holds != (name in mine):
                    changed[person].add(name)
                    # Later ones may ask who is in this one.
                    mine ^= {name}
                is_soon = again_at is not None and again_at < self._at + AHEAD
                found.append(_Outcome(one, person, verdict, again_at if is_soon else None))
        return found


def _lock(customers: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, stripe) FROM (SELECT DISTINCT hashint8(customer) & 4095 AS stripe"
            " FROM unnest(%s::bigint[]) AS customer ORDER BY 1) AS stripes",
            [_LOCK_CLASS, list(customers)],
        )


def _hold(audiences: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM audiences_audience WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [list(audiences)]
        )


def _touch(people: Sequence[int]) -> datetime:
    """Notes that they were looked at; this instant."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audiences_touched (customer, at) SELECT customer, clock_timestamp()"
            " FROM unnest(%s::bigint[]) AS customer",
            [list(people)],
        )
        cursor.execute("SELECT clock_timestamp()")
        [(at,)] = cursor.fetchall()
    assert isinstance(at, datetime)
    return at


def _inside(customers: Sequence[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {customer: set() for customer in customers}
    for audience, customer in Member.objects.filter(customer__in=customers).values_list("audience_id", "customer_id"):
        found[customer].add(audience)
    return found


def _look_again(outcomes: Sequence[_Outcome]) -> None:
    due = [one for one in outcomes if one.again_at is not None]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM audiences_due AS due USING unnest(%s::bigint[], %s::bigint[]) AS looked(audience, customer)"
            " WHERE due.audience_id = looked.audience AND due.customer_id = looked.customer",
            [[one.asked.audience.number for one in outcomes], [one.customer for one in outcomes]],
        )
        cursor.execute(
            "INSERT INTO audiences_due (audience_id, customer_id, due_at)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])",
            [
                [one.asked.audience.number for one in due],
                [one.customer for one in due],
                [one.again_at for one in due],
            ],
        )


_ENTER = """
INSERT INTO audiences_member (audience_id, customer_id, since_at, evidence)
SELECT audience, customer, %s, evidence::jsonb
  FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS told(audience, customer, evidence)
"""
_LEAVE = """
DELETE FROM audiences_member AS member USING unnest(%s::bigint[], %s::bigint[]) AS told(audience, customer)
 WHERE member.audience_id = told.audience AND member.customer_id = told.customer
"""
_CHANGE = """
INSERT INTO audiences_change (audience_id, customer_id, entered, because, definition, evidence, at)
SELECT audience, customer, entered, because, definition, evidence::jsonb, %s
  FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[], %s::text[], %s::integer[], %s::text[])
       WITH ORDINALITY AS told(audience, customer, entered, because, definition, evidence, place)
 ORDER BY place
RETURNING id
"""


def _write(changes: Sequence[_Changed], at: datetime) -> Decided:
    if not changes:
        return Decided()
    entered = [one for one in changes if one.entered]
    left = [one for one in changes if not one.entered]
    with connection.cursor() as cursor:
        cursor.execute(
            _ENTER,
            [
                at,
                [one.audience for one in entered],
                [one.customer for one in entered],
                [one.evidence for one in entered],
            ],
        )
        cursor.execute(_LEAVE, [[one.audience for one in left], [one.customer for one in left]])
        cursor.execute(
            _CHANGE,
            [
                at,
                [one.audience for one in changes],
                [one.customer for one in changes],
                [one.entered for one in changes],
                [one.because for one in changes],
                [one.definition for one in changes],
                [one.evidence for one in changes],
            ],
        )
        numbers = sorted(number for (number,) in cursor.fetchall())
    count(_by_audience(changes))
    told = list(zip(numbers, changes, strict=True))
    announce_many(
        [
            (AudienceEntered(customer=one.customer, audience=one.audience, change=number, at=at), {"change": number})
            for number, one in told
            if one.entered
        ],
        by=SYSTEM,
        verb="audiences.enter",
    )
    announce_many(
        [
            (AudienceLeft(customer=one.customer, audience=one.audience, change=number, at=at), {"change": number})
            for number, one in told
            if not one.entered
        ],
        by=SYSTEM,
        verb="audiences.leave",
    )
    return Decided(len(entered), len(left))


def _by_audience(changes: Sequence[_Changed]) -> Counter[int]:
    found: Counter[int] = Counter()
    for one in changes:
        found[one.audience] += 1 if one.entered else -1
    return found


def count(more: Mapping[int, int]) -> None:
    """Add to how many are in each audience; in one order for everybody, in the caller's transaction."""
    with connection.cursor() as cursor:
        for audience, many in sorted(more.items()):
            if many:
                cursor.execute("UPDATE audiences_audience SET members = members + %s WHERE id = %s", [many, audience])
