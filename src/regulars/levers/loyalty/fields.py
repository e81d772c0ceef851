"""What this room offers of a customer: the levels they are on, the badges and the paid plans they have. Facts: they
follow from what was kept and paid, and can be promised by."""

from collections.abc import Mapping, Sequence

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from regulars.facts.customers.relation import CUSTOMERS
from regulars.levers.loyalty import memberships, missions, tiers
from regulars.runtime.database.offered import Field, Value

_READ = """
SELECT standing.customer_id, programme.code || '.' || standing.tiers || '.' || standing.level
  FROM loyalty_standing AS standing JOIN loyalty_programme AS programme ON programme.id = standing.programme_id
 WHERE standing.customer_id = ANY(%s) AND standing.level <> '' ORDER BY 1, 2
"""

_BADGES = f"""
SELECT DISTINCT COALESCE(record.person_id, record.id), programme.code || '.' || run.badge
  FROM loyalty_mission_run AS run JOIN loyalty_programme AS programme ON programme.id = run.programme_id
  JOIN {CUSTOMERS} AS record ON record.id = run.record_id
 WHERE run.is_done AND run.badge <> '' AND (record.id = ANY(%(wanted)s) OR record.person_id = ANY(%(wanted)s))
 ORDER BY 1, 2
"""  # noqa: S608 - of a constant

_PLANS = f"""
SELECT DISTINCT COALESCE(record.person_id, record.id), programme.code || '.' || member.plan
  FROM loyalty_membership AS member JOIN loyalty_programme AS programme ON programme.id = member.programme_id
  JOIN {CUSTOMERS} AS record ON record.id = member.record_id
 WHERE member.state IN ('trial', 'active', 'past_due')
   AND (record.id = ANY(%(wanted)s) OR record.person_id = ANY(%(wanted)s))
 ORDER BY 1, 2
"""  # noqa: S608 - of a constant


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


def _badges(wanted: Sequence[int]) -> Mapping[int, Value]:
    found: dict[int, tuple[str, ...]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_BADGES, {"wanted": list(wanted)})
        for customer, badge in cursor.fetchall():
            found[customer] = (*found.get(customer, ()), badge)
    return found


def _plans(wanted: Sequence[int]) -> Mapping[int, Value]:
    found: dict[int, tuple[str, ...]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_PLANS, {"wanted": list(wanted)})
        for customer, plan in cursor.fetchall():
            found[customer] = (*found.get(customer, ()), plan)
    return found


def _every_plan() -> Sequence[tuple[str, str | Promise]]:
    return [(one.key, in_words(one.plan.titles)) for one in memberships.plans()]


def _every_badge() -> Sequence[tuple[str, str | Promise]]:
    return [(f"{one.programme}.{one.badge.id}", in_words(one.badge.titles)) for one in missions.all_badges()]


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
    Field(
        name="loyalty.badges",
        type="texts",
        kind="fact",
        label=_("Badges"),
        meaning=_("The badges they have from missions."),
        read=_badges,
        everyone=(
            "SELECT DISTINCT COALESCE(record.person_id, run.customer_id) AS person, run.badge AS value"
            " FROM mission_runs AS run JOIN customers AS record ON record.customer_id = run.customer_id"
            " WHERE run.is_done AND run.badge IS NOT NULL"
        ),
        choices=_every_badge,
    ),
    Field(
        name="loyalty.plans",
        type="texts",
        kind="fact",
        label=_("Paid plans"),
        meaning=_("The paid plans whose benefits they have, also on trial and while money is due."),
        read=_plans,
        everyone=(
            "SELECT DISTINCT COALESCE(record.person_id, member.customer_id) AS person, member.plan AS value"
            " FROM memberships AS member JOIN customers AS record ON record.customer_id = member.customer_id"
            " WHERE member.state IN ('trial', 'active', 'past_due')"
        ),
        choices=_every_plan,
    ),
)
