"""What this room offers of a customer: the levels they are on. A fact: it follows from what they kept, and can be
promised by."""

from collections.abc import Mapping, Sequence

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from regulars.levers.loyalty import tiers
from regulars.runtime.database.offered import Field, Value

_READ = """
SELECT standing.customer_id, programme.code || '.' || standing.tiers || '.' || standing.level
  FROM loyalty_standing AS standing JOIN loyalty_programme AS programme ON programme.id = standing.programme_id
 WHERE standing.customer_id = ANY(%s) AND standing.level <> '' ORDER BY 1, 2
"""


def in_words(titles: Mapping[str, str]) -> str:
    """In the reader's language."""
    return titles["zh" if (get_language() or "").startswith("zh") else "en"]


def _levels(wanted: Sequence[int]) -> Mapping[int, Value]:
    found: dict[int, tuple[str, ...]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_READ, [list(wanted)])
        for customer, level in cursor.fetchall():
            found[customer] = (*found.get(customer, ()), level)
    return found


def _choices() -> Sequence[tuple[str, str | Promise]]:
    return [
        (f"{one.key}.{level.id}", f"{in_words(level.titles)} ({in_words(one.tiers.titles)})")
        for one in tiers.sets()
        for level in one.tiers.levels
    ]


FIELDS: tuple[Field, ...] = (
    Field(
        name="loyalty.levels",
        type="texts",
        kind="fact",
        label=_("Levels"),
        meaning=_("The levels they are on, in each set of tiers."),
        read=_levels,
        everyone="SELECT customer_id AS person, name AS value FROM tier_standings WHERE name IS NOT NULL",
        choices=_choices,
    ),
)
