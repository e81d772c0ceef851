"""Each membership says where its money is. What was told before is laid out from its sums, the latest payment first."""

import json
from typing import Any

from django.db import migrations, models

_TOLD = """
SELECT member.id, member.state, member.paid_minor, member.ahead, member.ahead_minor, member.credit_minor,
       (SELECT coalesce(sum(step.minor), 0)::bigint FROM loyalty_membership_step AS step
         WHERE step.membership_id = member.id AND step.kind = 'refunded' AND step.why <> 'told'),
       (SELECT json_agg(json_build_array(paid.payment, paid.minor,
                 (SELECT coalesce(sum(back.minor), 0) FROM loyalty_membership_payment AS back
                   WHERE back.membership_id = member.id AND back.state = 'refunded'
                     AND paid.payment IN (back.payment, back.of))) ORDER BY paid.id DESC)
          FROM loyalty_membership_payment AS paid WHERE paid.membership_id = member.id AND paid.state = 'paid')::text
  FROM loyalty_membership AS member
"""
# Quotes credited what was credited and paid ahead, which they now do by themselves. Days of a rest that is going on are
# counted when it is over.
_KEPT = """
UPDATE loyalty_membership AS member
   SET quote_credit = greatest(quote_credit - credit_minor - ahead_minor, 0), rested = coalesce((
       SELECT sum(CASE step.kind WHEN 'resumed' THEN step.on - member.since ELSE member.since - step.on END)
         FROM loyalty_membership_step AS step
        WHERE step.membership_id = member.id AND step.kind IN ('paused', 'resumed') AND step.on >= member.since
   ), 0) + CASE member.state WHEN 'paused' THEN member.paused_on - member.since ELSE 0 END
 WHERE member.state <> 'ended'
"""
_WRITTEN = """
UPDATE loyalty_membership SET books = %s, paid_minor = %s, ahead_minor = %s, credit_minor = %s WHERE id = %s
"""


def fill(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_KEPT)
        cursor.execute(_TOLD)
        for number, state, period, ahead, ahead_minor, credit, asked, told in cursor.fetchall():
            books = _laid_out(state, period, ahead, ahead_minor, credit, asked, json.loads(told or "[]"))
            sums = [sum(minor for _payment, at, minor, _slot in books if at == place) for place in _PLACES]
            cursor.execute(_WRITTEN, [json.dumps(books), *sums, number])


_PLACES = ("period", "ahead", "credit")


def _laid_out(
    state: str, period: int, ahead: int, ahead_minor: int, credit: int, asked: int, told: list[tuple[str, int, int]]
) -> list[list[Any]]:
    gone = sum(back for _payment, _minor, back in told)
    wanted: list[list[Any]] = [["back", max(asked - gone, 0), 0]]
    if state != "ended":
        for slot in range(ahead, 0, -1):
            wanted.append(["ahead", ahead_minor * slot // ahead - ahead_minor * (slot - 1) // ahead, slot])
        wanted += [["period", period, 0], ["credit", credit, 0]]
    books: list[list[Any]] = []
    for payment, minor, back in told:
        if back:
            books.append([payment, "gone", min(back, minor), 0])
        left = max(minor - back, 0)
        for one in wanted:
            if much := min(left, one[1]):
                books.append([payment, one[0], much, one[2]])
                left, one[1] = left - much, one[1] - much
        if left:
            books.append([payment, "taken", left, 0])
    return books[::-1]


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0023_what_costs_a_backfill")]

    operations = [
        migrations.AddField("membership", "books", models.JSONField(db_default=[], default=list)),
        migrations.AddField("membership", "rested", models.IntegerField(db_default=0, default=0)),
        migrations.AddField("membership", "uses_from", models.DateField(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
