"""Tell the rest of the house what was done. Notice and trail line are written together, so neither can be forgotten."""

from collections.abc import Iterable, Mapping

from django.db import connection

from regulars.kit.actors import Actor
from regulars.runtime.notices.models import Recorded
from regulars.runtime.notices.notice import Notice, body_of
from regulars.runtime.trail import only_ids, trail
from regulars.runtime.trail.requests import request_id


def lock_subjects(notices: Iterable[Notice]) -> None:
    """Take the locks of many notices' subjects before announcing them one by one.

    All at once and in one order for everybody: two transactions that announce the same subjects the other way round
    would otherwise wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(7263, stripe) FROM (SELECT DISTINCT hashtext(subject) & 4095 AS stripe"
            " FROM unnest(%s::text[]) AS subject ORDER BY 1) AS stripes",
            [[notice.subject for notice in notices]],
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
