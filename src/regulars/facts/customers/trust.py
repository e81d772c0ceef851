"""Which sources count more than others when they say different things of somebody."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from regulars.facts.customers import jobs, persons, survivorship
from regulars.facts.customers._statements import SURER_SOURCES, Statements
from regulars.kit.actors import Actor
from regulars.runtime.preferences import preferences

#: How many of those of whom several sources said something a preview looks at.
MOST_LOOKED_AT: Final = 2_000
_LOT: Final = 500
_SEVERAL = """
WITH person AS (
  SELECT coalesce(record.person_id, record.id) AS id FROM customers_statement AS told
    JOIN customers_customer AS record ON record.id = told.customer_id GROUP BY 1 HAVING count(DISTINCT told.source) > 1
)
SELECT (SELECT count(*) FROM person), ARRAY(SELECT id FROM person ORDER BY hashint8(id), id LIMIT %s)
"""


@dataclass(frozen=True)
class Preview:
    """Of `told` several sources said something, of whom `looked_at` were looked at; of `people` among these something
    else would be shown, of `fields` of so many."""

    told: int
    looked_at: int
    people: int
    fields: Mapping[str, int]


def surer_sources() -> tuple[str, ...]:
    """The sources that count more whatever the time, the surest first; all others are equally sure. One query."""
    return preferences.read(SURER_SOURCES)


def set_surer_sources(*, sources: Sequence[str], at: datetime, by: Actor, why: str = "") -> None:
    """Say which sources count more, the surest first. What is shown of people follows in the background.

    Refuses with `preferences.BadValue`.
    """
    with transaction.atomic():
        before = preferences.read(SURER_SOURCES)
        preferences.write(SURER_SOURCES, tuple(sources), at=at, by=by, why=why)
        if preferences.read(SURER_SOURCES) != before:
            jobs.show_anew.defer()


def what_if(sources: Sequence[str]) -> Preview:
    """Of how many something else would be shown if these counted more, the surest first. Writes nothing.

    Looks at up to `MOST_LOOKED_AT`. Three queries for five hundred of them. Refuses with `preferences.BadValue`.
    """
    told_first = tuple(sources)
    if complaint := SURER_SOURCES.check(told_first):
        raise preferences.BadValue(SURER_SOURCES.name, complaint)
    now, then = (survivorship.ranks(order) for order in (surer_sources(), told_first))
    with connection.cursor() as cursor:
        cursor.execute(_SEVERAL, [MOST_LOOKED_AT])
        [(told, some)] = cursor.fetchall()
    people, fields = 0, Counter[str]()
    for start in range(0, len(some), _LOT):
        records = persons.records_of_many(some[start : start + _LOT])
        said = Statements(records, {}, {}, (), sealed=())
        for person in records:
            different = [
                field
                for field in said.fields(person)
                if _shown(said, person, field, now) != _shown(said, person, field, then)
            ]
            people += bool(different)
            fields.update(different)
    return Preview(told, len(some), people, dict(sorted(fields.items())))


def _shown(said: Statements, person: int, field: str, rank: Mapping[str, int]) -> str:
    best = survivorship.chosen(said.words(person, field), rank)
    return best.text if best else ""
