"""Tell the rest of the house what was done. Notice and trail line are written together, so neither can be forgotten."""

import json
from collections.abc import Iterable, Mapping, Sequence

from django.db import connection

from regulars.kit.actors import Actor
from regulars.runtime.database import arrays
from regulars.runtime.database.prepared import Statement
from regulars.runtime.notices.models import Recorded
from regulars.runtime.notices.notice import Notice, body_of
from regulars.runtime.trail import only_ids, trail
from regulars.runtime.trail.requests import request_id
from regulars.runtime.trail.trail import Act


def lock_subjects(subjects: Iterable[str]) -> None:
    """Take the locks of many subjects before announcing notices of them one by one.

    All at once and in one order for everybody: two transactions that announce the same subjects the other way round
    would otherwise wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(7263, stripe) FROM (SELECT DISTINCT hashtext(subject) & 4095 AS stripe"
            " FROM unnest(%s::text[]) AS subject ORDER BY 1) AS stripes",
            [sorted(set(subjects))],
        )


def announce(
    notice: Notice,
    *,
    by: Actor,
    verb: str,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    why: str = "",
) -> int:
    """Write the notice and the trail line of one act, in the caller's transaction. The notice's number.

    Takes the lock of the notice's subject until the transaction ends, so two acts on one subject are told in the
    order in which they commit. Announce last in a verb: whoever else acts on the subject waits from here on.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{verb} announces outside a transaction: the notice could survive what it tells of")
    trail.record(by=by, verb=verb, subject=notice.subject, at=notice.at, before=before, after=after, why=why)
    with connection.cursor() as cursor:
        # The trigger on the table takes the subject's lock and only then draws the number.
        cursor.execute(
            "INSERT INTO notices_notice (kind, version, subject, body, origin, at, request_id)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
            [
                notice.kind,
                notice.version,
                only_ids.text("subject", notice.subject),
                Recorded._meta.get_field("body").get_db_prep_save(body_of(notice), connection),
                notice.origin,
                notice.at,
                request_id.get()[:64],
            ],
        )
        return int(cursor.fetchone()[0])


_ANNOUNCEMENT = """
WITH line AS (
  INSERT INTO trail_line (by_kind, by_id, verb, subject, before, after, why, request_id, at)
  VALUES (%s, %s, %s, %s, NULL, %s::jsonb, '', %s, %s::timestamptz)
)
INSERT INTO notices_notice (kind, version, subject, body, origin, at, request_id)
VALUES (%s, %s::smallint, %s, %s::jsonb, %s, %s::timestamptz, %s)
"""


def announcement(notice: Notice, *, by: Actor, verb: str, after: Mapping[str, object]) -> Statement:
    """What `announce` writes, in one statement, for a verb that has others to send with it. Last in the verb."""
    subject, asked = only_ids.text("subject", notice.subject), request_id.get()[:64]
    line = trail.values(by=by, verb=verb, subject=subject, at=notice.at, after=after)
    return _ANNOUNCEMENT, [
        *line,
        notice.kind,
        notice.version,
        subject,
        json.dumps(body_of(notice)),
        notice.origin,
        notice.at,
        asked,
    ]


def announce_many(told: Sequence[tuple[Notice, Mapping[str, object]]], *, by: Actor, verb: str) -> None:
    """`announce` for many acts of one verb, each with what is so after it; told in order. Three statements.

    Takes the locks of all subjects first, in one order for everybody. Announce last in a verb.
    """
    if not told:
        return
    if not connection.in_atomic_block:
        raise RuntimeError(f"{verb} announces outside a transaction: the notices could survive what they tell of")
    lock_subjects(notice.subject for notice, _ in told)
    trail.record_many(by=by, verb=verb, acts=[Act(notice.subject, notice.at, after) for notice, after in told])
    notices = [notice for notice, _ in told]
    with connection.cursor() as cursor:
        # In this order the trigger draws the numbers.
        cursor.execute(
            "INSERT INTO notices_notice (request_id, kind, version, origin, subject, body, at)"
            " SELECT %s, told.kind, told.version, told.origin, told.subject, told.body, told.at"
            " FROM ROWS FROM (jsonb_array_elements_text(%s::jsonb), unnest(%s::smallint[]),"
            " jsonb_array_elements_text(%s::jsonb), jsonb_array_elements_text(%s::jsonb),"
            " jsonb_array_elements(%s::jsonb), unnest(%s::timestamptz[])) WITH ORDINALITY"
            " AS told (kind, version, origin, subject, body, at, place) ORDER BY told.place",
            [
                request_id.get()[:64],
                arrays.of_json(notice.kind for notice in notices),
                arrays.of_numbers(notice.version for notice in notices),
                arrays.of_json(notice.origin for notice in notices),
                arrays.of_json(only_ids.text("subject", notice.subject) for notice in notices),
                arrays.of_json(body_of(notice) for notice in notices),
                arrays.of_instants(notice.at for notice in notices),
            ],
        )
