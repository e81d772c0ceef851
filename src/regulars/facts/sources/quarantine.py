"""Messages that were not taken: kept sealed for a while, to be found, mended and sent again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast, get_args

from django.db import connection, transaction
from django.utils.translation import gettext_lazy

from regulars.facts.sources.models import Quarantined as Row
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.secrets import vault
from regulars.runtime.trail import trail

State = Literal["waiting", "replayed", "discarded"]
#: What nobody looked at goes.
KEPT_FOR = timedelta(days=60)
_TABLE, _COLUMN = "sources_quarantined", "sealed"


@dataclass(frozen=True)
class ToKeep:
    """One message for the quarantine; `raw` is what came, as text."""

    source: int
    code: str
    field: str
    why: str
    message_id: str
    kind: str
    name: str
    raw: str


@dataclass(frozen=True)
class Quarantined:
    """One message in quarantine, without what it said."""

    id: int
    source: int
    code: str
    field: str
    why: str
    message_id: str
    kind: str
    name: str
    arrived_at: datetime
    state: State
    settled_at: datetime | None


class NotInQuarantine(Refusal):
    """No such message, or its time is over."""

    code = "quarantine.unknown"


class AlreadySettled(Refusal):
    """It was sent again or thrown away before."""

    code = "quarantine.settled"


def keep_many(*, messages: Sequence[ToKeep], at: datetime) -> None:
    """Keep them in the caller's transaction. Two statements, and those of the month's key."""
    if not messages:
        return
    month = vault.nobody_yet(at)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [_TABLE, len(messages)]
        )
        numbers = [number for (number,) in cursor.fetchall()]
        sealed = vault.seal_many(
            [
                vault.Plain(month, _TABLE, _COLUMN, number, one.raw)
                for number, one in zip(numbers, messages, strict=True)
            ]
        )
        Row.objects.bulk_create(
            [
                Row(
                    id=number,
                    source_id=one.source,
                    code=one.code,
                    field=one.field[:60],
                    why=one.why[:300],
                    message_id=one.message_id[:200],
                    kind=one.kind[:200],
                    name=one.name[:200],
                    sealed_for=month,
                    sealed=hidden,
                    arrived_at=at,
                )
                for number, one, hidden in zip(numbers, messages, sealed, strict=True)
            ]
        )


def search(
    *,
    source: int | None = None,
    state: State | None = "waiting",
    code: str = "",
    text: str = "",
    before: int | None = None,
    limit: int = 50,
) -> list[Quarantined]:
    """Newest first, those numbered below `before`. `text` is the beginning of a message id or of an event's name."""
    rows = Row.objects.defer("sealed").order_by("-id")
    if source is not None:
        rows = rows.filter(source_id=source)
    if state is not None:
        rows = rows.filter(state=state)
    if code:
        rows = rows.filter(code=code)
    if text:
        rows = rows.filter(message_id__startswith=text) | rows.filter(name__istartswith=text)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return [_told(row) for row in rows[:limit]]


def get(number: int) -> Quarantined:
    """One of them; refused when there is none."""
    return _told(_row(number))


def opened(*, number: int, at: datetime, by: Actor) -> str:
    """What the message said. Leaves a line in the trail: it may hold somebody's name or address."""
    row = _row(number)
    plain = vault.open_(person=row.sealed_for, table=_TABLE, column=_COLUMN, row=row.id, sealed=bytes(row.sealed))
    trail.record(by=by, verb="quarantine.open", subject=f"quarantined:{number}", at=at)
    return plain


def settle(*, number: int, as_: State, at: datetime, by: Actor) -> Quarantined:
    """Mark it replayed or discarded. The same again changes nothing; the other is refused."""
    assert as_ in get_args(State)
    with transaction.atomic():
        row = Row.objects.select_for_update().filter(id=number).first() or _row(number)
        if row.state == as_:
            return _told(row)
        if row.state != "waiting":
            raise AlreadySettled(
                gettext_lazy("message: %(number)s was %(state)s before; nothing is left to do")
                % {"number": number, "state": row.state},
                field="message",
                value=number,
            )
        row.state, row.settled_at = as_, at
        row.save(update_fields=["state", "settled_at"])
        trail.record(by=by, verb="quarantine.settle", subject=f"quarantined:{number}", at=at, after={"state": as_})
    return _told(row)


def hold(number: int) -> Quarantined:
    """One that waits, for the caller alone until its transaction ends. Refused when it was settled before."""
    row = Row.objects.select_for_update().filter(id=number).first() or _row(number)
    if row.state != "waiting":
        raise AlreadySettled(
            gettext_lazy("message: %(number)s was %(state)s before; nothing is left to do")
            % {"number": number, "state": row.state},
            field="message",
            value=number,
        )
    return _told(row)


def keep_waiting(*, number: int, code: str, field: str, why: str, at: datetime, by: Actor) -> Quarantined:
    """It was tried again and is still bad: it stays, with the reason it has now."""
    with transaction.atomic():
        held = hold(number)
        Row.objects.filter(id=number).update(code=code, field=field[:60], why=why[:300])
        trail.record(
            by=by,
            verb="quarantine.keep_waiting",
            subject=f"quarantined:{number}",
            at=at,
            before={"code": held.code},
            after={"code": code},
        )
    return get(number)


def numbers_waiting(*, source: int | None = None, code: str = "", limit: int = 1_000) -> list[int]:
    """Those that wait, oldest first, of a source or with a code or all. One query."""
    rows = Row.objects.filter(state="waiting").order_by("id")
    if source is not None:
        rows = rows.filter(source_id=source)
    if code:
        rows = rows.filter(code=code)
    return list(rows.values_list("id", flat=True)[:limit])


def restore(*, number: int, at: datetime, by: Actor) -> Quarantined:
    """What was thrown away waits again. One that waits stays as it is; one that was sent again is refused."""
    with transaction.atomic():
        row = Row.objects.select_for_update().filter(id=number).first() or _row(number)
        if row.state == "waiting":
            return _told(row)
        if row.state != "discarded":
            raise AlreadySettled(
                gettext_lazy("message: %(number)s was %(state)s before; nothing is left to do")
                % {"number": number, "state": row.state},
                field="message",
                value=number,
            )
        row.state, row.settled_at = "waiting", None
        row.save(update_fields=["state", "settled_at"])
        trail.record(by=by, verb="quarantine.restore", subject=f"quarantined:{number}", at=at)
    return _told(row)


def waiting_each() -> Mapping[int, int]:
    """How many messages of each source wait for somebody, at most 10,000 counted of each. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source.id, count(*) FROM sources_source AS source CROSS JOIN LATERAL (SELECT 1 FROM"
            " sources_quarantined WHERE source_id = source.id AND state = 'waiting' LIMIT 10000) AS waiting"
            " GROUP BY source.id"
        )
        return {int(source): int(count) for source, count in cursor.fetchall()}


def waiting(source: int | None = None) -> int:
    """How many wait for somebody, at most 10,000."""
    rows = Row.objects.filter(state="waiting")
    if source is not None:
        rows = rows.filter(source_id=source)
    return rows.order_by()[:10_000].count()


def clear(*, at: datetime) -> int:
    """Remove what arrived more than `KEPT_FOR` ago. How many."""
    removed, _ = Row.objects.filter(arrived_at__lt=at - KEPT_FOR).delete()
    return removed


def _row(number: int) -> Row:
    row = Row.objects.filter(id=number).first()
    if row is None:
        raise NotInQuarantine(
            gettext_lazy("message: %(number)s is not in quarantine; its time may be over") % {"number": number},
            field="message",
            value=number,
        )
    return row


def _told(row: Row) -> Quarantined:
    return Quarantined(
        row.id,
        row.source_id,
        row.code,
        row.field,
        row.why,
        row.message_id,
        row.kind,
        row.name,
        row.arrived_at,
        cast(State, row.state),
        row.settled_at,
    )
