"""Whether customers are in audiences, decided one by one from what is known now; whoever comes and goes is told.

The lock of each customer is held from before the facts are read until the end, so that of two who decide at once the
later one has seen all that the earlier one saw. Who looks at everybody for an audience waits for those who decide about
it, and they for that.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from regulars.facts.customers import persons
from regulars.insight.audiences import _knowing, _writing
from regulars.insight.audiences._writing import Because, Changed, Decided, Stands
from regulars.insight.audiences.asking import Asked, Asking, Kept
from regulars.kit.conditions import leaning
from regulars.kit.conditions.together import Found

#: Whoever may change within so long is looked at again then; each night looks so far ahead for everybody.
AHEAD = timedelta(hours=36)
#: How many one transaction decides about, and so keeps in memory.
LOT = 500
#: Of each customer which audiences are looked at, and which ways each may go (`leaning`).
Ways = Mapping[int, Mapping[int, int]]


def decide_all(
    customers: Iterable[int] | Ways,
    *,
    because: Because,
    kept: Kept,
    only: Collection[int] | None = None,
) -> Decided:
    """`decide` in lots, each in a transaction of its own where the caller has none."""
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
    customers: Sequence[int] | Ways,
    *,
    because: Because,
    kept: Kept,
    only: Collection[int] | None = None,
) -> Decided:
    """Look at these customers now, at most `LOT`; with `only` for these audiences, as a mapping for each one's own, but
    for those that could only leave them where they are; and for those that ask who is in one that changed.

    Harmless to repeat. Of a joined record the person is looked at, and the record itself is in no audience.
    """
    if not customers:
        return Decided()
    with transaction.atomic():
        of = persons.of_many(customers)
        people = sorted(set(of.values()))
        everybody = sorted({*people, *of})
        _writing.lock(everybody)
        asking = kept.look()
        chosen = _chosen(asking, _named(customers, only))
        _writing.hold([one.asked.audience.number for one in chosen])
        at = _writing.touch(people)
        stands = _writing.stands(everybody)
        asked_of = None
        if isinstance(customers, Mapping):
            asked_of = _asked_of(customers, of, asking, stands)
            chosen = _chosen(asking, frozenset[int]().union(*asked_of.values()))
            people = sorted(person for person, audiences in asked_of.items() if audiences)
        changes, due = _looked(people, chosen, asking, stands, at, asked_of, because)
        changes += [
            Changed(audience, 0, record, entered=False, because="joined", evidence=None)
            for record, person in of.items()
            if record != person
            for audience in sorted(stands[record].inside)
        ]
        _writing.look_again(due, stands)
        return _writing.write(changes, at)


def evidence_of(found: Found) -> dict[str, Any]:
    """What was found of each node, by its id: whether it held, and the value, number or sum seen, as text."""
    told: dict[str, Any] = {}
    waiting = [found]
    while waiting:
        one = waiting.pop()
        told[one.node] = [one.holds, _said(one.seen)]
        waiting.extend(one.of)
    return told


def _said(seen: object) -> object:
    if isinstance(seen, datetime | date):
        return seen.isoformat()
    if isinstance(seen, tuple):
        return list(seen)
    return str(seen) if isinstance(seen, Decimal) else seen


def together(ways: Mapping[int, int], more: Mapping[int, int]) -> Mapping[int, int]:
    """Which ways audiences may go where both are so."""
    found = dict(ways)
    for audience, way in more.items():
        found[audience] = found.get(audience, 0) | way
    return found


def _asked_of(
    customers: Ways, of: Mapping[int, int], asking: Asking, stands: Mapping[int, Stands]
) -> dict[int, frozenset[int]]:
    """Of each person the audiences that they may come into, or leave: who is in where one more only confirms it is not
    asked about. Until everybody was looked at for what an audience asks now, who is in says nothing."""
    ways: dict[int, Mapping[int, int]] = {}
    for customer, mine in customers.items():
        person = of[customer]
        ways[person] = together(ways[person], mine) if person in ways else mine
    filling = {one.audience.number for one in asking.audiences if one.audience.is_filling}
    asked_of = {}
    for person, mine in ways.items():
        inside = stands[person].inside
        asked_of[person] = frozenset(
            [
                number
                for number, way in mine.items()
                if way & (leaning.OUT if number in inside else leaning.IN) or number in filling
            ]
        )
    return asked_of


def _named(customers: Sequence[int] | Ways, only: Collection[int] | None) -> Collection[int] | None:
    if isinstance(customers, Mapping):
        return frozenset[int]().union(*customers.values())
    return only


@dataclass(frozen=True)
class _Chosen:
    """An audience that is looked at, and its place among all that are asked together."""

    place: int
    asked: Asked


def _chosen(asking: Asking, only: Collection[int] | None) -> list[_Chosen]:
    chosen: list[_Chosen] = []
    names: set[str] = set()
    for place, one in enumerate(asking.audiences):
        if only is None or one.audience.number in only or names & one.condition.audiences:
            chosen.append(_Chosen(place, one))
            names.add(one.audience.id)
    return chosen


@dataclass(frozen=True)
class _Alike:
    """Who are looked at for the same audiences."""

    people: list[int]
    audiences: Sequence[_Chosen]


def _is_asked(one: _Chosen, only: frozenset[int] | None) -> bool:
    return only is None or one.asked.audience.number in only or bool(one.asked.condition.audiences)


def _looked(
    people: Sequence[int],
    chosen: Sequence[_Chosen],
    asking: Asking,
    stands: Mapping[int, Stands],
    at: datetime,
    asked_of: Mapping[int, frozenset[int]] | None,
    because: Because,
) -> tuple[list[Changed], dict[tuple[int, int], datetime | None]]:
    """Who comes and goes, and when each who was looked at is looked at again.

    Of each person the audiences alone that `asked_of` has for them, where there is one, and those that ask who is in
    one that changed: each audience comes after those whose members it asks.
    """
    asked_as = {person: None if asked_of is None else asked_of[person] for person in people}
    alike: dict[frozenset[int] | None, _Alike] = {}
    for person, only in asked_as.items():
        if only not in alike:
            alike[only] = _Alike([], [one for one in chosen if _is_asked(one, only)])
        alike[only].people.append(person)
    known = _knowing.facts(
        [(one.people, [chosen.asked.condition for chosen in one.audiences]) for one in alike.values()],
        fields=asking.fields,
        collections=asking.collections,
        at=at,
    )
    names = {one.audience.number: one.audience.id for one in asking.audiences}
    instant = asking.together.at(at, until=at + AHEAD)
    changes: list[Changed] = []
    due: dict[tuple[int, int], datetime | None] = {}
    for person in people:
        mine = {names[number] for number in stands[person].inside if number in names}
        one = instant.person(known.fields[person], known.rows[person], mine)
        only = asked_as[person]
        changed: set[str] = set()
        for audience in alike[only].audiences:
            asked = audience.asked
            number, name = asked.audience.number, asked.audience.id
            if only is not None and number not in only and not changed & asked.condition.audiences:
                continue
            found = one.look(audience.place, asked.cuts)
            again_at = found.changes
            due[number, person] = again_at if again_at is not None and again_at < at + AHEAD else None
            if found.holds == (name in mine):
                continue
            changed.add(name)
            # Later ones may ask who is in this one; what the evidence says of it is asked before.
            evidence = evidence_of(one.look(audience.place, asked.cuts, is_whole=True))
            mine ^= {name}
            changes.append(Changed(number, asked.audience.definition, person, found.holds, because, evidence))
    return changes, due
