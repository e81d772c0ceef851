"""Whether who is who, as it is stored, is what the evidence says."""

import random
from collections.abc import Iterator

from django.db import connection

from regulars.facts.customers import _settling, persons
from regulars.runtime.checkups import Checkup, Finding

#: Records looked at: of a large shop a sample, another one each time.
LOOKED_AT = 300
_MEND = "Look again in a minute: what was told just now is still being weighed. Else `regulars identity settle`."

_PLACES = "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM customers_link"
#: The link at or after each place, so that gaps do not matter.
_SAMPLE = """
SELECT DISTINCT link.record_id FROM unnest(%s::bigint[]) AS told(place)
 CROSS JOIN LATERAL (SELECT record_id FROM customers_link WHERE id >= told.place ORDER BY id LIMIT 1) AS link
"""


def strays(*, most: int = LOOKED_AT) -> tuple[int, tuple[int, ...]]:
    """How many records were looked at, and those whose person is another one than evidence and decisions give.

    With records that share evidence with the ones drawn. A few queries for each step of evidence away.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PLACES)
        [(first, last)] = cursor.fetchall()
        # S311: which ones are looked at is no secret.
        places = {random.randint(first, last) for _ in range(most)}  # noqa: S311
        cursor.execute(_SAMPLE, [sorted(places)])
        drawn = {record for (record,) in cursor.fetchall()}
    scene = _settling.scene(drawn)
    stored = persons.of_many(scene.records)
    told = scene.people(_settling.current_rules()).person
    return len(stored), tuple(sorted(record for record, person in stored.items() if told[record] != person))


def _people() -> Iterator[Finding]:
    looked_at, odd = strays()
    if odd:
        named = ", ".join(map(str, odd[:5]))
        words = f"{len(odd)} of {looked_at} records looked at belong to others than the evidence says: {named}"
        yield Finding("Identity", "wrong", words, _MEND)
    else:
        yield Finding("Identity", "fine", f"{looked_at} records looked at, each is whom the evidence says")


CHECKUPS: tuple[Checkup, ...] = (_people,)
