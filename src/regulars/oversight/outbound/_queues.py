"""The queues on the tables: planned by the listener, claimed and settled by the sender.

A lane is one subject at one endpoint. Only its first message is ever sent, by whoever holds the lane's claim; planners
and settlers meet at the lane's row lock, so a lane that empties while something is put into it is never lost.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from regulars.kit import ids
from regulars.oversight.outbound import _schedule
from regulars.oversight.outbound._calling import Answer
from regulars.runtime.notices.notice import Told

#: A claim lasts so long; a sender that died gives its lanes back this way. Longer than any exchange can take.
LEASE = timedelta(seconds=90)
#: Of the public ids of endpoints and messages.
PREFIX, MESSAGE = "whe", "msg"
#: What went wrong on our side says nothing about the endpoint.
OUR_FAULTS = frozenset({"ours", "unreadable"})
#: Messages on their way to one endpoint at once; to one that failed last or was slow, one.
AT_ONCE = 4
SLOW_MS = 3_000


@dataclass(frozen=True)
class Claimed:
    """A message to send, with the claim that lets its outcome be written. `attempts` counts the coming try."""

    lane: int
    claim: UUID
    endpoint: int
    delivery: int
    notice: int | None
    message_id: str
    attempts: int
    wanted_at: datetime
    url: str
    public_id: str


def message_id(endpoint: UUID, told: Told) -> str:
    """The same for the same notice at the same endpoint always; another one after a restore has reused its number."""
    seed = f"{endpoint}|{told.number}|{told.told_at.isoformat()}".encode()
    return ids.public(MESSAGE, UUID(bytes=hashlib.sha256(seed).digest()[:16]))


def plan(told: Sequence[Told], endpoint: int, public_id: UUID, *, at: datetime, again: bool = False) -> None:
    """Put messages into an endpoint's lanes, in the caller's transaction. `again`: also those it has had before."""
    subjects = [one.notice.subject for one in told]
    with connection.cursor() as cursor:
        _lock_lanes(cursor, endpoint, subjects, at)
        cursor.execute(
            "INSERT INTO outbound_delivery (endpoint_id, notice, message_id, kind, subject, wanted_at, state,"
            " attempts, error, tries)"
            " SELECT %s, notice, message_id, kind, subject, %s, 'waiting', 0, '', '[]'"
            " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS t(notice, message_id, kind, subject)"
            " ORDER BY notice ON CONFLICT (endpoint_id, notice) DO UPDATE SET state = 'waiting', attempts = 0,"
            " wanted_at = EXCLUDED.wanted_at, ended_at = NULL WHERE outbound_delivery.state <> 'waiting' AND %s",
            [
                endpoint,
                at,
                [one.number for one in told],
                [message_id(public_id, one) for one in told],
                [one.notice.kind for one in told],
                subjects,
                again,
            ],
        )


def hold(endpoint: int, subject: str, *, at: datetime) -> None:
    """Make sure the subject has a lane, as it was or due at `at`, and hold it until the transaction ends."""
    with connection.cursor() as cursor:
        _lock_lanes(cursor, endpoint, [subject], at)


def put(endpoint: int, subject: str, *, at: datetime) -> None:
    """Make sure the subject has a lane that is due at `at` at the latest, and hold it until the transaction ends."""
    with connection.cursor() as cursor:
        _lock_lanes(cursor, endpoint, [subject], at)
        cursor.execute(
            "UPDATE outbound_lane SET due_at = least(due_at, %s) WHERE endpoint_id = %s AND subject = %s",
            [at, endpoint, subject],
        )


def start_afresh(endpoint: int, *, at: datetime) -> None:
    """Everything that waits has all its tries and is due now."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbound_lane SET due_at = %s WHERE endpoint_id = %s", [at, endpoint])
        cursor.execute(
            "UPDATE outbound_delivery SET attempts = 0, wanted_at = %s WHERE endpoint_id = %s AND state = 'waiting'",
            [at, endpoint],
        )


def set_all_aside(endpoint: int, *, at: datetime) -> None:
    """Nothing waits there any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbound_delivery SET state = 'set_aside', ended_at = %s WHERE endpoint_id = %s"
            " AND state = 'waiting'",
            [at, endpoint],
        )


def _lock_lanes(cursor: Any, endpoint: int, subjects: Sequence[str], at: datetime) -> None:
    # The update that changes nothing takes the lock of a lane that is there; in one order, so that two do not cross.
    cursor.execute(
        "INSERT INTO outbound_lane (endpoint_id, subject, due_at)"
        " SELECT %s, subject, %s FROM (SELECT DISTINCT unnest(%s::text[]) AS subject ORDER BY 1) wanted"
        " ON CONFLICT (endpoint_id, subject) DO UPDATE SET due_at = outbound_lane.due_at",
        [endpoint, at, list(subjects)],
    )


def claim(most: int, *, at: datetime) -> list[Claimed]:
    """Take at most `most` lanes that are due, fairly over the endpoints, and the first message of each.

    The try is counted and committed here: a message that kills its sender runs out of tries like any other.
    """
    found: list[Claimed] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, public_id, url, (failures_in_a_row > 0 OR coalesce(last_took_ms, 0) > %s)"
            " FROM outbound_endpoint e WHERE state = 'on' AND (rest_until IS NULL OR rest_until <= %s) AND EXISTS ("
            "   SELECT 1 FROM outbound_lane l WHERE l.endpoint_id = e.id AND l.due_at <= %s"
            "   AND (l.claimed_until IS NULL OR l.claimed_until <= %s))"
            " ORDER BY random() FOR NO KEY UPDATE SKIP LOCKED",
            [SLOW_MS, at, at, at],
        )
        for endpoint, public_id, url, is_on_trial in cursor.fetchall():
            if len(found) >= most:
                break
            cursor.execute(
                "SELECT count(*) FROM outbound_lane WHERE endpoint_id = %s AND claimed_until > %s", [endpoint, at]
            )
            room = (1 if is_on_trial else AT_ONCE) - cursor.fetchone()[0]
            if room > 0:
                named = ids.public(PREFIX, public_id)
                found += _claim(cursor, endpoint, named, url, min(room, most - len(found)), at)
    return found


def _claim(cursor: Any, endpoint: int, public_id: str, url: str, most: int, at: datetime) -> list[Claimed]:
    token = uuid4()
    cursor.execute(
        "WITH taken AS (SELECT id FROM outbound_lane WHERE endpoint_id = %(endpoint)s AND due_at <= %(at)s"
        "   AND (claimed_until IS NULL OR claimed_until <= %(at)s) ORDER BY due_at, id LIMIT %(most)s"
        "   FOR UPDATE SKIP LOCKED)"
        " UPDATE outbound_lane l SET claimed_until = %(until)s, claim = %(token)s FROM taken"
        " WHERE l.id = taken.id RETURNING l.id, l.subject",
        {"endpoint": endpoint, "most": most, "at": at, "until": at + LEASE, "token": token},
    )
    lanes = cursor.fetchall()
    found = []
    for lane, subject in lanes:
        cursor.execute(
            "UPDATE outbound_delivery SET attempts = attempts + 1, tried_at = %s WHERE id = ("
            "  SELECT id FROM outbound_delivery WHERE endpoint_id = %s AND subject = %s AND state = 'waiting'"
            "  ORDER BY notice, id LIMIT 1) RETURNING id, notice, message_id, attempts, wanted_at",
            [at, endpoint, subject],
        )
        first = cursor.fetchone()
        if first is None:
            cursor.execute("DELETE FROM outbound_lane WHERE id = %s", [lane])
            continue
        delivery, notice, message, attempts, wanted_at = first
        if attempts > _schedule.MOST_TRIES:
            # Each time its sender died before it could say what came of it.
            cursor.execute(
                "UPDATE outbound_delivery SET state = 'given_up', error = 'ours', ended_at = %s WHERE id = %s",
                [at, delivery],
            )
            _next(cursor, lane, endpoint, subject, at)
            continue
        found.append(Claimed(lane, token, endpoint, delivery, notice, message, attempts, wanted_at, url, public_id))
    return found


@dataclass(frozen=True)
class Settled:
    """What settling changed beyond the message: the endpoint's failures in a row before and after, and since when."""

    failures_before: int
    failures: int
    failing_since: datetime | None


def settle(one: Claimed, answer: Answer, *, at: datetime) -> Settled | None:
    """Write what came of a try, in the caller's transaction. None when the claim had run out: then it is another's."""
    is_good = not answer.error
    with connection.cursor() as cursor:
        # The endpoint before the lane, like everybody who locks both.
        cursor.execute("SELECT 1 FROM outbound_endpoint WHERE id = %s FOR NO KEY UPDATE", [one.endpoint])
        cursor.execute(
            "SELECT subject FROM outbound_lane WHERE id = %s AND claim = %s FOR UPDATE", [one.lane, one.claim]
        )
        if (lane := cursor.fetchone()) is None:
            return None
        asked = None if answer.asked is None else timedelta(seconds=answer.asked)
        wait = None if is_good else _schedule.wait_after(one.attempts, age=at - one.wanted_at, asked=asked)
        state = "delivered" if is_good else "waiting" if wait is not None else "given_up"
        cursor.execute(
            "UPDATE outbound_delivery SET state = %(state)s, ended_at = %(ended)s, status = %(status)s,"
            " error = %(error)s, tries = jsonb_path_query_array(tries || jsonb_build_array(%(tried)s::jsonb),"
            " '$[last - 11 to last]') WHERE id = %(id)s AND state = 'waiting'",
            {
                "state": state,
                "ended": None if state == "waiting" else at,
                "status": answer.status,
                "error": answer.error,
                "tried": _tried(at, answer),
                "id": one.delivery,
            },
        )
        _next(cursor, one.lane, one.endpoint, lane[0], at if wait is None else at + wait)
        if answer.error in OUR_FAULTS:
            return Settled(0, 0, None)
        cursor.execute(
            "WITH old AS (SELECT id, failures_in_a_row FROM outbound_endpoint WHERE id = %(id)s)"
            " UPDATE outbound_endpoint e SET last_try_at = %(at)s, last_status = %(status)s, last_error = %(error)s,"
            " last_took_ms = %(took)s,"
            " last_success_at = CASE WHEN %(good)s THEN %(at)s ELSE e.last_success_at END,"
            " failing_since = CASE WHEN %(good)s THEN NULL ELSE coalesce(e.failing_since, %(at)s) END,"
            " failures_in_a_row = CASE WHEN %(good)s THEN 0 ELSE e.failures_in_a_row + 1 END,"
            " rest_until = CASE WHEN %(asked)s::interval IS NOT NULL THEN %(at)s + %(asked)s::interval"
            "   WHEN NOT %(good)s AND e.failures_in_a_row + 1 >= %(many)s THEN %(at)s + %(rest)s::interval END"
            " FROM old WHERE e.id = old.id RETURNING old.failures_in_a_row, e.failures_in_a_row, e.failing_since",
            {
                "id": one.endpoint,
                "at": at,
                "status": answer.status,
                "error": answer.error,
                "took": answer.took_ms,
                "good": is_good,
                "asked": str(min(asked, _schedule.LONGEST_ASKED)) if asked and answer.status in {429, 503} else None,
                "many": _schedule.FAILURES_BEFORE_REST,
                "rest": str(_schedule.REST),
            },
        )
        settled = Settled(*cursor.fetchone())
        if is_good and settled.failures_before >= _schedule.FAILURES_BEFORE_WAKING:
            # It is back: what waits for hours need not.
            cursor.execute(
                "UPDATE outbound_lane SET due_at = %s + random() * %s::interval WHERE endpoint_id = %s AND due_at > %s",
                [at, str(_schedule.WOKEN_WITHIN), one.endpoint, at + _schedule.WOKEN_WITHIN],
            )
        return settled


def _next(cursor: Any, lane: int, endpoint: int, subject: str, due_at: datetime) -> None:
    cursor.execute(
        "UPDATE outbound_lane SET due_at = %s, claimed_until = NULL, claim = NULL WHERE id = %s AND EXISTS ("
        "  SELECT 1 FROM outbound_delivery WHERE endpoint_id = %s AND subject = %s AND state = 'waiting')",
        [due_at, lane, endpoint, subject],
    )
    if cursor.rowcount == 0:
        cursor.execute("DELETE FROM outbound_lane WHERE id = %s", [lane])


def _tried(at: datetime, answer: Answer) -> str:
    status = "null" if answer.status is None else str(answer.status)
    return f'["{at.isoformat()}", {answer.took_ms}, {status}, "{answer.error}"]'
