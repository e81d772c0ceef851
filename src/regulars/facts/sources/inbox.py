"""The inbox: what shops sent, kept as it came until it is taken, and those that nobody could make sense of."""

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast, get_args

from django.db import connection as database
from django.db import transaction
from django.db.models import F, Min, Q
from django.utils.translation import gettext_lazy

from regulars.facts.sources.models import Delivery as Row
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.secrets import vault
from regulars.runtime.trail import trail

State = Literal["waiting", "done", "repeated", "not_understood", "set_aside"]
#: How long the bodies of deliveries are kept that were taken or set aside, and how long all others.
KEPT_FOR, KEPT_AT_MOST = timedelta(days=30), timedelta(days=90)
#: The code of what a look found to be in the shop no more.
GONE = "gone"
_TABLE, _COLUMN = "sources_delivery", "sealed"


@dataclass(frozen=True)
class Delivery:
    """One delivery without what it said. `came` counts what became of what it told; `told_at` is its sender's time.

    `repeats` counts how often the very same came again. `has_body` is False when it was kept long enough.
    """

    id: int
    connection: int
    topic: str
    headers: Mapping[str, str]
    size: int
    told_at: datetime | None
    arrived_at: datetime
    repeats: int
    state: State
    code: str
    why: str
    tries: int
    came: Mapping[str, int]
    settled_at: datetime | None
    has_body: bool


@dataclass(frozen=True)
class Kept:
    """Under which number it is kept, and whether it is the first with its key."""

    id: int
    is_new: bool


@dataclass(frozen=True)
class Counts:
    """How many deliveries of a connection are in which state but taken, and since when the oldest of them waits."""

    by_state: Mapping[str, int]
    waiting_since: datetime | None = None


class UnknownDelivery(Refusal):
    """No such delivery, or it was too long ago."""

    code = "inbox.unknown"


class NothingToReplay(Refusal):
    """Its body is not kept any more."""

    code = "inbox.nothing_to_replay"


class NotInTheWay(Refusal):
    """It was taken; there is nothing to set aside."""

    code = "inbox.not_in_the_way"


def keep(
    *,
    connection: int,
    key: str,
    topic: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    told_at: datetime | None = None,
    at: datetime,
) -> Kept:
    """Keep one delivery in the caller's transaction. The same body with the same `key` again is counted, not kept.

    `key` is what its sender says makes it the same; another body under the same key is another delivery, for some
    senders' keys are not as unique as they say. `headers` must hold nothing personal. Three statements.
    """
    digest = _digest(key, body)
    with transaction.atomic(), database.cursor() as cursor:
        if (number := _repeated(connection, digest, at)) is not None:
            return Kept(number, is_new=False)
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [_TABLE])
        (number,) = cursor.fetchone()
        month = vault.nobody_yet(at)
        row = Row(
            id=number,
            connection_id=connection,
            key=digest,
            topic=_keepable(topic)[:120],
            headers={_keepable(name): _keepable(value) for name, value in (headers or {}).items()},
            sealed_for=month,
            sealed=vault.seal(person=month, table=_TABLE, column=_COLUMN, row=number, plain=_as_text(body)),
            size=len(body),
            told_at=told_at,
            arrived_at=at,
        )
        Row.objects.bulk_create([row], ignore_conflicts=True)
        # Who comes second to the very same waits above for the first one's transaction, and is counted there.
        if not Row.objects.filter(id=number).exists():
            return Kept(_repeated(connection, digest, at) or number, is_new=False)
    return Kept(number, is_new=True)


def waiting(*, connection: int, after: int = 0, before: datetime | None = None, limit: int = 100) -> list[int]:
    """The numbers of those that wait, oldest first; those numbered above `after`, those that came before. One query."""
    rows = Row.objects.filter(state="waiting", connection_id=connection, id__gt=after).order_by("id")
    if before is not None:
        rows = rows.filter(arrived_at__lt=before)
    return list(rows.values_list("id", flat=True)[:limit])


def who_waits(*, before: datetime | None = None) -> list[int]:
    """The connections of which something waits, whose oldest waits longest first. One query over what waits."""
    rows = Row.objects.filter(state="waiting")
    if before is not None:
        rows = rows.filter(arrived_at__lt=before)
    return list(
        rows.values("connection_id").annotate(first=Min("id")).order_by("first").values_list("connection_id", flat=True)
    )


def sent_to(number: int) -> int | None:
    """The connection it was sent to; None where there is none of that number. One query."""
    return Row.objects.filter(id=number).values_list("connection_id", flat=True).first()


def hold_many(
    *, connection: int, only: int | None = None, after: int = 0, before: datetime | None = None, limit: int
) -> list[tuple[Delivery, bytes | None]]:
    """Those of a connection that wait, oldest first, with their bodies, for the caller alone until its transaction
    ends; None where a body cannot be opened. What somebody else holds is left to them. Two queries.

    `only` that one; those numbered above `after`; with `before` those that came before.
    """
    rows = Row.objects.select_for_update(skip_locked=True).filter(connection_id=connection, state="waiting")
    rows = rows.filter(id=only) if only is not None else rows.filter(id__gt=after)
    if before is not None:
        rows = rows.filter(arrived_at__lt=before)
    held = list(rows.order_by("id")[:limit])
    sealed = [vault.Sealed(row.sealed_for, _TABLE, _COLUMN, row.id, bytes(row.sealed or b"")) for row in held]
    return [
        (_told(row), None if plain is None else zlib.decompress(plain.encode("latin-1")))
        for row, plain in zip(held, _opened(sealed), strict=True)
    ]


def settle_many(*, came: Mapping[int, tuple[State, Mapping[str, int]]], at: datetime) -> None:
    """Say of each that it was taken, in the caller's transaction: as what, and the counts. One statement."""
    if not came:
        return
    numbers = sorted(came)
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE sources_delivery AS row SET state = told.state, code = '', why = '', came = told.came::jsonb,"
            " tries = row.tries + 1, settled_at = %s FROM unnest(%s::bigint[], %s::text[], %s::text[])"
            " AS told(id, state, came) WHERE row.id = told.id",
            [
                at,
                numbers,
                [came[number][0] for number in numbers],
                [json.dumps(dict(came[number][1])) for number in numbers],
            ],
        )


def settle(
    *,
    number: int,
    as_: State,
    came: Mapping[str, int] | None = None,
    code: str = "",
    why: str = "",
    at: datetime,
    only_waiting: bool = False,
) -> None:
    """Say what became of it, in the caller's transaction. `why` must quote nothing personal. One statement.

    With `only_waiting`, nothing where somebody else settled it meanwhile.
    """
    assert as_ in get_args(State)
    rows = Row.objects.filter(id=number)
    if only_waiting:
        rows = rows.filter(state="waiting")
    rows.update(
        state=as_,
        code=_keepable(code)[:60],
        why=_keepable(why)[:300],
        came=dict(came or {}),
        tries=F("tries") + 1,
        settled_at=None if as_ == "waiting" else at,
    )


def replay(*, number: int, at: datetime, by: Actor) -> Delivery:
    """It waits again, to be taken as if it had just come. Refused when its body is not kept any more."""
    with transaction.atomic():
        row = _locked(number)
        if row.sealed is None:
            raise NothingToReplay(
                gettext_lazy(
                    "delivery: what %(number)s said is not kept any more; read the connection's history again instead"
                )
                % {"number": number},
                field="delivery",
                value=number,
            )
        if row.state != "waiting":
            _move(row, "waiting", "replay", at, by)
    return _told(row)


def replay_all(*, connection: int, at: datetime, by: Actor) -> int:
    """All that were not understood and whose bodies are kept wait again; how many. What is gone from the shop is left
    to whoever decides of each: to take that again is to let it go here too. Two statements."""
    with transaction.atomic():
        count = (
            Row.objects.filter(connection_id=connection, state="not_understood", sealed__isnull=False)
            .exclude(code=GONE)
            .update(state="waiting", settled_at=None)
        )
        if count:
            trail.record(
                by=by,
                verb="inbox.replay_all",
                subject=f"connection:{connection}",
                at=at,
                after={"count": count},
            )
    return count


def set_aside(*, number: int, why: str = "", at: datetime, by: Actor) -> Delivery:
    """Nothing is to be done about it. Again changes nothing; refused when it was taken."""
    with transaction.atomic():
        row = _locked(number)
        if row.state in {"done", "repeated"}:
            raise NotInTheWay(
                gettext_lazy("delivery: %(number)s was taken; nothing is left to do") % {"number": number},
                field="delivery",
                value=number,
            )
        if row.state != "set_aside":
            _move(row, "set_aside", "set_aside", at, by, why)
    return _told(row)


def get(number: int) -> Delivery:
    """One of them; refused when there is none. One query."""
    row = Row.objects.filter(id=number).first()
    if row is None:
        raise _unknown(number)
    return _told(row)


def find(*, connection: int, key: str, body: bytes) -> int | None:
    """The number under which the same body with the same key is kept; None where it is not. One query."""
    rows = Row.objects.filter(connection_id=connection, key=_digest(key, body))
    return rows.values_list("id", flat=True).first()


def opened(*, number: int, at: datetime, by: Actor) -> bytes:
    """What it said. Leaves a line in the trail: it may hold somebody's name or address."""
    row = Row.objects.filter(id=number).first()
    if row is None:
        raise _unknown(number)
    if row.sealed is None:
        raise NothingToReplay(
            gettext_lazy("delivery: what %(number)s said is not kept any more") % {"number": number},
            field="delivery",
            value=number,
        )
    body = _body(row)
    trail.record(by=by, verb="inbox.open", subject=f"delivery:{number}", at=at)
    return body


def search(
    *,
    connection: int | None = None,
    state: State | None = None,
    code: str = "",
    topic: str = "",
    before: int | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """Newest first, those numbered below `before`. One query."""
    rows = Row.objects.order_by("-id")
    asked: dict[str, Any] = {"connection_id": connection, "state": state, "code": code, "topic": topic}
    rows = rows.filter(**{name: value for name, value in asked.items() if value})
    if before is not None:
        rows = rows.filter(id__lt=before)
    return [_told(row) for row in rows[:limit]]


def counts() -> dict[int, Counts]:
    """How many of each connection wait, were not understood or were set aside. One query over these alone: of what was
    taken there are as many as there ever were messages, and nobody has to look at them."""
    found: dict[int, tuple[dict[str, int], datetime | None]] = {}
    with database.cursor() as cursor:
        cursor.execute(_COUNTS, _COUNTS_OF)
        for connection, state, count, since in cursor.fetchall():
            states, oldest = found.get(connection, ({}, None))
            states[state] = count
            found[connection] = (states, since if state == "waiting" else oldest)
    return {connection: Counts(states, since) for connection, (states, since) in found.items()}


#: States that somebody may have to do something about.
_LOOKED_AT: tuple[State, ...] = ("waiting", "not_understood", "set_aside")
#: By the index of each connection's states: it never reads what was taken. Each state is asked for by itself, so that
#: the planner knows how few there are of it.
_COUNTED = """
SELECT connection.id, %s, counted.many, counted.since FROM sources_connection AS connection
 CROSS JOIN LATERAL (SELECT count(*) AS many, min(row.arrived_at) AS since FROM sources_delivery AS row
                      WHERE row.connection_id = connection.id AND row.state = %s) AS counted
 WHERE counted.many > 0
"""
_COUNTS = " UNION ALL ".join([_COUNTED] * len(_LOOKED_AT)) + " ORDER BY 1, 2"
_COUNTS_OF = [state for state in _LOOKED_AT for _ in range(2)]


def forget_old(*, at: datetime, most: int = 10_000) -> int:
    """Drop bodies and then rows that were kept long enough; returns how many changed. Harmless to repeat.

    A forgotten delivery that its sender repeats is taken again: what it tells is older than what is on record.
    """
    old = Row.objects.filter(arrived_at__lt=at - KEPT_AT_MOST).values("id")[:most]
    dropped, _ = Row.objects.filter(id__in=list(old.values_list("id", flat=True))).delete()
    taken = Q(state__in=("done", "repeated", "set_aside"), arrived_at__lt=at - KEPT_FOR, sealed__isnull=False)
    bodies = list(Row.objects.filter(taken).values_list("id", flat=True)[:most])
    return dropped + Row.objects.filter(id__in=bodies).update(sealed=None)


def _repeated(connection: int, digest: str, at: datetime) -> int | None:
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE sources_delivery SET repeats = repeats + 1, repeated_at = %s"
            " WHERE connection_id = %s AND key = %s RETURNING id",
            [at, connection, digest],
        )
        found = cursor.fetchone()
    return None if found is None else int(found[0])


def _digest(key: str, body: bytes) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass") + b"\0" + body).hexdigest()


def _keepable(told: str) -> str:
    """A text without what the database does not hold: halves of characters, and NUL."""
    return told.encode("utf-8", "replace").decode().replace("\x00", "?")


def _as_text(body: bytes) -> str:
    """Any bytes as a text that seals: squeezed first, for JSON shrinks to a fifth."""
    return zlib.compress(body, 1).decode("latin-1")


def _opened(sealed: Sequence[vault.Sealed]) -> list[str | None]:
    """What each says; None where that cannot be opened."""
    try:
        return vault.open_many(sealed)
    except vault.Damaged:
        # One of them: the others are opened one by one.
        return [_opened([one])[0] if len(sealed) > 1 else None for one in sealed]


def _body(row: Row) -> bytes:
    assert row.sealed is not None
    plain = vault.open_(person=row.sealed_for, table=_TABLE, column=_COLUMN, row=row.id, sealed=bytes(row.sealed))
    return zlib.decompress(plain.encode("latin-1"))


def _move(row: Row, state: State, verb: str, at: datetime, by: Actor, why: str = "") -> None:
    before, row.state = row.state, state
    row.settled_at = None if state == "waiting" else at
    row.save(update_fields=["state", "settled_at"])
    trail.record(
        by=by,
        verb=f"inbox.{verb}",
        subject=f"delivery:{row.id}",
        at=at,
        before={"state": before},
        after={"state": state},
        why=why,
    )


def _locked(number: int) -> Row:
    row = Row.objects.select_for_update().filter(id=number).first()
    if row is None:
        raise _unknown(number)
    return row


def _unknown(number: int) -> UnknownDelivery:
    return UnknownDelivery(
        gettext_lazy("delivery: there is no %(number)s; look at the list") % {"number": number},
        field="delivery",
        value=number,
    )


def _told(row: Row) -> Delivery:
    return Delivery(
        id=row.id,
        connection=row.connection_id,
        topic=row.topic,
        headers=row.headers,
        size=row.size,
        told_at=row.told_at,
        arrived_at=row.arrived_at,
        repeats=row.repeats,
        state=cast("State", row.state),
        code=row.code,
        why=row.why,
        tries=row.tries,
        came=row.came,
        settled_at=row.settled_at,
        has_body=row.sealed is not None,
    )
