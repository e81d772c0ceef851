"""Caps, exact whoever else earns at the moment: what is left of each is taken from a row that is locked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from django.db import connection

from regulars.facts.customers import persons
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules.rule import Cap, Rule
from regulars.levers.loyalty.rules.streak import beginning


@dataclass(frozen=True, slots=True)
class Place:
    """One row: of a rule ("" for the programme's own), a member (0 for everyone), in the period that starts then."""

    rule: str
    member: int
    period: str
    starts_on: date


#: The first day of what has no end.
ALWAYS = date(1900, 1, 1)


def starts_on(day: date, cap: Cap) -> date:
    """The first day of the cap's period."""
    if cap.period == "year":
        return date(day.year, 1, 1)
    if cap.period == "ever":
        return ALWAYS
    return beginning(day, cap.period)


def is_common(programme: Programme) -> bool:
    """Whether any cap is everyone's together: then it matters whose order comes first."""
    return any(
        cap.per == "everyone" for caps in (programme.caps, *(rule.caps for rule in programme.rules)) for cap in caps
    )


def places(programme: Programme, rule: Rule, member: int, day: date) -> list[tuple[Place, int]]:
    """The rows that a rule's grant on that day counts in, and the most of each; caps per order have none."""
    found = []
    for name, caps in ((rule.id, rule.caps), ("", programme.caps)):
        for cap in caps:
            if cap.period != "order":
                who = member if cap.per == "member" else 0
                found.append((Place(name, who, cap.period, starts_on(day, cap)), cap.most))
    return found


def most_of_an_order(programme: Programme, rule: Rule, before: int) -> int | None:
    """What the caps per order leave for a rule where others took `before` of the programme's."""
    own = [cap.most for cap in rule.caps if cap.period == "order"]
    all_of_it = [cap.most - before for cap in programme.caps if cap.period == "order"]
    return min((*own, *all_of_it), default=None)


class Counters:
    """What is used of caps, changed in memory and written back. Without a programme's number, for a trial, nothing is
    read or written."""

    def __init__(self, programme: int | None) -> None:
        self._programme = programme
        self._used: dict[Place, int] = {}
        self._changed: dict[Place, int] = {}
        #: The records of who has several: what each had before they were known to be one counts for all of them.
        self._records: dict[int, tuple[int, ...]] = {}

    def lock(self, wanted: Iterable[tuple[Place, int]]) -> None:
        """Take these rows for as long as the transaction lasts, in one order for everybody, with those of each member's
        other records. Two statements; three where a cap is a member's."""
        rows = {place: most for place, most in wanted if place not in self._used}
        if not rows or self._programme is None:
            return
        if members := {place.member for place in rows if place.member}:
            together = persons.records_of_many(sorted(members))
            self._records |= {member: records for member, records in together.items() if len(records) > 1}
        others = {other: most for place, most in rows.items() for other in self._each(place)}
        rows = {place: most for place, most in others.items() if place not in self._used} | rows
        ordered = sorted(rows, key=lambda one: (one.rule, one.member, one.period, one.starts_on))
        columns = _columns(ordered)
        with connection.cursor() as cursor:
            cursor.execute(_OPEN, [self._programme, *columns, [rows[one] for one in ordered]])
            cursor.execute(_LOCK, [*columns, self._programme])
            for *place, used in cursor.fetchall():
                self._used[Place(*place)] = used

    def left(self, wanted: Sequence[tuple[Place, int]], parts: int) -> int:
        """How many of `parts` the caps still let through."""
        return max(min((most - self._taken(place) for place, most in wanted), default=parts), 0)

    def _taken(self, place: Place) -> int:
        if place.member not in self._records:
            return self._used.get(place, 0)
        return sum(self._used.get(one, 0) for one in self._each(place))

    def _each(self, place: Place) -> Sequence[Place]:
        """The same row of every record of its member's person."""
        return [replace(place, member=record) for record in self._records.get(place.member, ())]

    def take(self, wanted: Sequence[tuple[Place, int]], parts: int) -> None:
        """So many more are used, or with fewer than none, are free again."""
        for place, most in wanted:
            self._used[place] = max(self._used.get(place, 0) + parts, 0)
            self._changed[place] = max(most, self._changed.get(place, most))

    def restore(self, wanted: Sequence[tuple[Place, int]], parts: int) -> None:
        """So many are used again, whatever is left."""
        for place, most in wanted:
            self.take([(place, max(most, self._used.get(place, 0) + parts))], parts)

    def write(self) -> None:
        """Write back what changed. One statement."""
        if not self._changed or self._programme is None:
            return
        ordered = list(self._changed)
        with connection.cursor() as cursor:
            cursor.execute(
                _WRITE,
                [
                    *_columns(ordered),
                    [self._used[one] for one in ordered],
                    [self._changed[one] for one in ordered],
                    self._programme,
                ],
            )
        self._changed.clear()


def _columns(of: Sequence[Place]) -> list[list[object]]:
    return [
        [one.rule for one in of],
        [one.member for one in of],
        [one.period for one in of],
        [one.starts_on for one in of],
    ]


_OPEN = """
INSERT INTO loyalty_counter (programme_id, rule, member, period, starts_on, most)
SELECT %s, told.* FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::date[], %s::bigint[]) AS told
ON CONFLICT DO NOTHING
"""
_LOCK = """
SELECT counter.rule, counter.member, counter.period, counter.starts_on, counter.used
  FROM loyalty_counter AS counter
  JOIN unnest(%s::text[], %s::bigint[], %s::text[], %s::date[]) AS told(rule, member, period, starts_on)
    ON (counter.rule, counter.member, counter.period, counter.starts_on)
     = (told.rule, told.member, told.period, told.starts_on)
 WHERE counter.programme_id = %s
 ORDER BY counter.rule, counter.member, counter.period, counter.starts_on FOR UPDATE OF counter
"""
_WRITE = """
UPDATE loyalty_counter AS counter SET used = told.used, most = GREATEST(told.most, LEAST(counter.used, told.used))
  FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::date[], %s::bigint[], %s::bigint[])
       AS told(rule, member, period, starts_on, used, most)
 WHERE counter.programme_id = %s
   AND (counter.rule, counter.member, counter.period, counter.starts_on)
     = (told.rule, told.member, told.period, told.starts_on)
"""
