"""Who did what to which thing, before and after, and why. Lines are added, never changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from regulars.kit.actors import Actor
from regulars.runtime.database import arrays
from regulars.runtime.trail import only_ids
from regulars.runtime.trail.models import Line
from regulars.runtime.trail.requests import request_id


@dataclass(frozen=True)
class Entry:
    """One act as it was recorded. `number` grows with time and is the cursor for the page before it."""

    number: int
    by: str
    verb: str
    subject: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    why: str
    request_id: str
    at: datetime
    recorded_at: datetime


@dataclass(frozen=True)
class Act:
    """One of many acts that are recorded together."""

    subject: str
    at: datetime
    after: Mapping[str, object] | None = None


def record(
    *,
    by: Actor,
    verb: str,
    subject: str,
    at: datetime,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    why: str = "",
) -> None:
    """Add one line, in the caller's transaction: it stands or falls with the act it tells of.

    `subject` is `<kind>:<id>`; `before` and `after` hold ids, numbers and short codes (or flat lists of them).
    Raises `NotForTheTrail` (a bug in the verb) for anything that could be personal data or is not plain JSON.
    """
    _line(by, verb, subject, at, before, after, why).save(force_insert=True)


def values(*, by: Actor, verb: str, subject: str, at: datetime, after: Mapping[str, object]) -> list[object]:
    """What stands in a line, for a statement that writes it with others: actor, verb, subject, after, request, moment.

    Raises `NotForTheTrail`.
    """
    return [
        by.kind,
        only_ids.text("by", by.id),
        verb,
        only_ids.text("subject", subject),
        json.dumps(only_ids.mapping("after", after)),
        request_id.get()[:64],
        at,
    ]


def record_many(*, by: Actor, verb: str, acts: Sequence[Act]) -> None:
    """`record` for many acts of one verb, in order. One statement."""
    if not acts:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD_MANY,
            [
                by.kind,
                only_ids.text("by", by.id),
                verb,
                request_id.get()[:64],
                arrays.of_json(only_ids.text("subject", act.subject) for act in acts),
                arrays.of_json(only_ids.mapping("after", act.after) for act in acts),
                arrays.of_instants(act.at for act in acts),
            ],
        )


_RECORD_MANY = """
INSERT INTO trail_line (by_kind, by_id, verb, why, request_id, subject, after, at)
SELECT %s, %s, %s, '', %s, told.subject, NULLIF(told.after, 'null'), told.at
  FROM ROWS FROM (jsonb_array_elements_text(%s::jsonb), jsonb_array_elements(%s::jsonb), unnest(%s::timestamptz[]))
       WITH ORDINALITY AS told (subject, after, at, place)
 ORDER BY told.place
"""


def _line(
    by: Actor,
    verb: str,
    subject: str,
    at: datetime,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
    why: str,
) -> Line:
    return Line(
        by_kind=by.kind,
        by_id=only_ids.text("by", by.id),
        verb=verb,
        subject=only_ids.text("subject", subject),
        before=only_ids.mapping("before", before),
        after=only_ids.mapping("after", after),
        why=only_ids.text("why", why),
        request_id=request_id.get()[:64],
        at=at,
    )


def of(subject: str, *, before: int | None = None, limit: int = 50) -> list[Entry]:
    """What happened to `subject`, newest first; the page before entry number `before`. One indexed query."""
    lines = Line.objects.filter(subject=subject)
    if before is not None:
        lines = lines.filter(id__lt=before)
    return [_entry(line) for line in lines.order_by("-id")[:limit]]


def by_actor(actor: Actor, *, before: int | None = None, limit: int = 50) -> list[Entry]:
    """What `actor` did, newest first; the page before entry number `before`. One indexed query."""
    lines = Line.objects.filter(by_kind=actor.kind, by_id=actor.id)
    if before is not None:
        lines = lines.filter(id__lt=before)
    return [_entry(line) for line in lines.order_by("-id")[:limit]]


def _entry(line: Line) -> Entry:
    return Entry(
        number=line.id,
        by=f"{line.by_kind}:{line.by_id}",
        verb=line.verb,
        subject=line.subject,
        before=line.before,
        after=line.after,
        why=line.why,
        request_id=line.request_id,
        at=line.at,
        recorded_at=line.recorded_at,
    )
