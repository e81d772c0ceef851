"""Taking messages in: each once, for good, whoever sends it again and however often."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from regulars.facts.events.messages import NAMES_OF_KINDS, Code, Message, Rejected
from regulars.facts.sources import quarantine
from regulars.kit import civil
from regulars.kit.actors import Origin
from regulars.runtime.secrets import vault

#: First half of the advisory lock that every writer of the stream holds, and where batches draw their numbers.
LOCK_CLASS = 7264
SEQUENCE = "events_batch_number"
#: Events of one batch are numbered `batch << BITS` upwards.
BITS = 14
MOST_IN_A_BATCH = 10_000
_MOST_TRIES = 5
_DEADLOCK = "40P01"
_TABLE, _COLUMN = "events_hidden", "sealed"

_EVENTS = (
    "COPY events_event (id, source, kind, name, visitor, device, user_ref, device_ref, message_id, occurred_at,"
    " original_at, sent_at, received_at, why_then, origin, data) FROM STDIN"
)
_NULL = "\\N"
_SEEN = "COPY events_seen (key, content, event) FROM STDIN"
_HIDDEN = "COPY events_hidden (event, visitor, sealed_for, sealed) FROM STDIN"

_OTHER = "messageId: another message came with this id and said something else; give each message an id of its own"

Said = Literal["accepted", "duplicate", "conflict", "rejected"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one message. `code`, `field` and `why` only where it was not taken; `event` where it is known."""

    message_id: str
    said: Said
    event: int | None = None
    code: str = ""
    field: str = ""
    why: str = ""


#: Months that have their partition, as far as this process knows.
_MONTHS: set[date] = set()


def take_many(
    *, told: Sequence[Message | Rejected], received_at: datetime, origin: Origin = "live", keep_rejected: bool = True
) -> list[Verdict]:
    """Record what is good, keep what is not in quarantine; one verdict for each, in order.

    A message is known by its source and id for ever: the same again is a duplicate, another one under the same id is a
    conflict and goes to quarantine. Everything is in one transaction, or, where the caller has none, in one for each
    10,000. `received_at` is when they arrived; aware, UTC.
    """
    verdicts: list[Verdict] = []
    for start in range(0, len(told), MOST_IN_A_BATCH):
        verdicts += _take(told[start : start + MOST_IN_A_BATCH], received_at, origin, keep_rejected)
    return verdicts


def _take(
    told: Sequence[Message | Rejected], received_at: datetime, origin: Origin, keep_rejected: bool
) -> list[Verdict]:
    for attempt in range(1, _MOST_TRIES + 1):
        try:
            with transaction.atomic():
                return _record(told, received_at, origin, keep_rejected)
        except DataError:
            return _halved(told, received_at, origin, keep_rejected)
        except IntegrityError:
            # Another process has just taken one of them, or retention has dropped a month: look again.
            _MONTHS.clear()
            if attempt == _MOST_TRIES:
                return _halved(told, received_at, origin, keep_rejected)
        except OperationalError as problem:
            if attempt == _MOST_TRIES or getattr(problem.__cause__, "sqlstate", None) != _DEADLOCK:
                raise
    raise AssertionError("the last try returns or raises")


def _halved(
    told: Sequence[Message | Rejected], received_at: datetime, origin: Origin, keep_rejected: bool
) -> list[Verdict]:
    """One of them holds what the database refuses. Halving finds it, and the others go in."""
    if len(told) > 1:
        middle = len(told) // 2
        halves = (told[:middle], told[middle:])
        return [verdict for half in halves for verdict in _take(half, received_at, origin, keep_rejected)]
    (one,) = told
    if isinstance(one, Rejected):
        raise AssertionError(f"the quarantine refused a message with code {one.code}")
    why = "it holds something no database keeps; look for odd characters and for numbers nobody pays"
    return _take([_rejected(one, "unstorable", "", why)], received_at, origin, keep_rejected)


def _record(
    told: Sequence[Message | Rejected], received_at: datetime, origin: Origin, keep_rejected: bool
) -> list[Verdict]:
    known = _known([one.key for one in told if isinstance(one, Message)])
    verdicts: list[Verdict | None] = [None] * len(told)
    fresh: list[tuple[int, Message]] = []
    to_keep: list[quarantine.ToKeep] = []
    # In this batch: the place in `fresh` is the event's number within the batch.
    here: dict[UUID, tuple[int, int]] = {}
    repeats: list[tuple[int, Message, int]] = []
    for place, one in enumerate(told):
        if isinstance(one, Rejected):
            verdicts[place] = Verdict(one.message_id, "rejected", None, one.code, one.field, one.why)
            if keep_rejected:
                to_keep.append(_kept(one))
        elif one.key in known or one.key in here:
            content, event = known[one.key] if one.key in known else here[one.key]
            if content != one.content:
                other = _rejected(one, "same_id_other_content", "messageId", _OTHER)
                verdicts[place] = Verdict(one.message_id, "conflict", None, other.code, other.field, other.why)
                if keep_rejected:
                    to_keep.append(_kept(other))
            elif one.key in known:
                verdicts[place] = Verdict(one.message_id, "duplicate", event)
            else:
                repeats.append((place, one, event))
        else:
            here[one.key] = (one.content, len(fresh))
            fresh.append((place, one))
    first = _number()
    for place, one, offset in repeats:
        verdicts[place] = Verdict(one.message_id, "duplicate", first + offset)
    for offset, (place, one) in enumerate(fresh):
        verdicts[place] = Verdict(one.message_id, "accepted", first + offset)
    if fresh:
        _write([one for _, one in fresh], first, received_at, origin)
    quarantine.keep_many(messages=to_keep, at=received_at)
    whole = [verdict for verdict in verdicts if verdict is not None]
    _write_batch(first >> BITS, [one for _, one in fresh], told, whole)
    return whole


def _known(keys: Sequence[UUID]) -> dict[UUID, tuple[int, int]]:
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, content, event FROM events_seen WHERE key = ANY(%s)", [list(keys)])
        return {key: (content, event) for key, content, event in cursor.fetchall()}


def _number() -> int:
    """The number of the batch's first event. The lock comes first, as the stream's horizon asks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", [LOCK_CLASS])
        cursor.execute("SELECT nextval(%s)", [SEQUENCE])
        return int(cursor.fetchone()[0]) << BITS


def _write(fresh: Sequence[Message], first: int, received_at: datetime, origin: Origin) -> None:
    _make_months(fresh)
    arrived = received_at.isoformat()
    events, seen, hidden = [], [], []
    for number, one in enumerate(fresh, first):
        events.append(_line(number, one, arrived, origin))
        seen.append((one.key.bytes, f"{one.key}\t{one.content}\t{number}\n"))
        if one.personal is not None:
            hidden.append((number, one))
    # Sorted, so that two batches with the same messages lock them in the same order and do not wait in a circle.
    seen.sort()
    with connection.wrap_database_errors, connection.cursor() as cursor:
        with cursor.copy(_SEEN) as sink:
            sink.write("".join([line for _, line in seen]).encode())
        with cursor.copy(_EVENTS) as sink:
            sink.write(b"".join(events))
        if hidden:
            month = vault.nobody_yet(received_at)
            sealed = vault.seal_many(
                [vault.Plain(month, _TABLE, _COLUMN, number, (one.personal or b"").decode()) for number, one in hidden]
            )
            with cursor.copy(_HIDDEN) as sink:
                sink.write(
                    "".join(
                        f"{number}\t{one.visitor}\t{month}\t\\\\x{text.hex()}\n"
                        for (number, one), text in zip(hidden, sealed, strict=True)
                    ).encode()
                )


def _line(number: int, one: Message, arrived: str, origin: Origin) -> bytes:
    """One line of COPY's text form. Ids and names have no tab or line break: `messages` refuses those."""
    told = (
        f"{number}\t{one.source}\t{one.kind}\t{_text(one.name)}\t{one.visitor}\t{one.device or _NULL}"
        f"\t{_text(one.user_ref)}\t{_text(one.device_ref)}\t{_text(one.message_id)}\t{one.occurred_at}"
        f"\t{one.original_at or _NULL}\t{one.sent_at or _NULL}\t{arrived}\t{one.why_then}\t{origin}\t"
    )
    return told.encode() + one.data.replace(b"\\", b"\\\\") + b"\n"


def _text(value: str | None) -> str:
    return _NULL if value is None else value.replace("\\", "\\\\")


def _rejected(one: Message, code: Code, field: str, why: str) -> Rejected:
    kind = NAMES_OF_KINDS[one.kind]
    return Rejected(one.source, code, field, why, one.message_id, kind, one.name, one.raw)


def _kept(one: Rejected) -> quarantine.ToKeep:
    raw = one.raw.decode("utf-8", "replace")
    return quarantine.ToKeep(one.source, one.code, one.field, one.why, one.message_id, one.kind, one.name, raw)


def _make_months(fresh: Sequence[Message]) -> None:
    wanted = {civil.month_of(one.occurred_at.date()) for one in fresh} - _MONTHS
    for month in sorted(wanted):
        with connection.cursor() as cursor:
            cursor.execute("SELECT events_make_month(%s)", [month])
    if wanted:
        transaction.on_commit(lambda: _MONTHS.update(wanted))


def _write_batch(
    number: int, fresh: Sequence[Message], told: Sequence[Message | Rejected], verdicts: Sequence[Verdict]
) -> None:
    counts: dict[str, dict[str, int]] = {}
    for (source, said), count in Counter(
        (one.source, verdict.said) for one, verdict in zip(told, verdicts, strict=True)
    ).items():
        counts.setdefault(str(source), {})[said] = count
    times = [one.occurred_at for one in fresh]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_batch (id, events, first_at, last_at, counts) VALUES (%s, %s, %s, %s, %s::jsonb)",
            [number, len(fresh), min(times, default=None), max(times, default=None), json.dumps(counts)],
        )
