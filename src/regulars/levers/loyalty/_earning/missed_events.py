"""Events that a rule was for and gave nothing for: kept for a while, so that somebody can say why not."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection

from regulars.levers.loyalty._earning.rows import MissedEvent
from regulars.levers.loyalty.rules.grants import Missed
from regulars.levers.loyalty.rules.views import EventView

#: As long as somebody asks.
KEPT = timedelta(days=180)
_KEEP = """
INSERT INTO loyalty_missed_event (version_id, record_id, event, about, "on", effective_at, rule, reason, arguments)
SELECT %s, %s, %s, %s, %s, %s, told.* FROM unnest(%s::text[], %s::text[], %s::jsonb[]) AS told ON CONFLICT DO NOTHING
"""


def keep(missed: Sequence[Missed], event: EventView, *, about: str, version: int, record: int) -> None:
    """What these rules of a version answered to an event, whose day is that of the programme's zone. One statement,
    none where there are none; again it changes nothing."""
    if not missed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            [
                *(version, record, event.name, about, event.on, event.at),
                [one.rule for one in missed],
                [one.why.code for one in missed],
                [json.dumps(dict(one.why.facts)) for one in missed],
            ],
        )


def drop_old(*, at: datetime) -> int:
    """Forget what happened longer ago than `KEPT`. How many."""
    gone, _of = MissedEvent.objects.filter(effective_at__lt=at - KEPT).delete()
    return gone
