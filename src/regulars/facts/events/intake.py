"""Taking messages in: each once, for good, whoever sends it again and however often."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import msgspec
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
    " original_at, sent_at, received_at, why_then, origin, data) FROM STDIN (NULL E'\\x01')"
)
#: Stands for nothing. No id and no name has it: `messages` refuses what nobody can see.
_NULL = "\x01"
#: One way to the database and back. The lock comes first, as the stream's horizon asks.
_BEGIN = (
    f"SELECT pg_advisory_xact_lock_shared({LOCK_CLASS}, 0); SELECT nextval('{SEQUENCE}');"  # noqa: S608 - constants of ours
    " SELECT uuid_send(key), content, event FROM events_seen WHERE key = ANY(%s::uuid[])"
)
_SEEN = "COPY events_seen (key, content, event) FROM STDIN"
_HIDDEN = "COPY events_hidden (event, visitor, sealed_for, sealed) FROM STDIN"

_OTHER = "messageId: another message came with this id and said something else; give each message an id of its own"

Said = Literal["accepted", "duplicate", "conflict", "rejected"]


class Verdict(msgspec.Struct, frozen=True, gc=False):
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
    first, known = _begun([one.key for one in told if type(one) is Message])
    verdicts: list[Verdict] = []
    fresh: list[Message] = []
    to_keep: list[quarantine.ToKeep] = []
    number = first
    for one in told:
        if isinstance(one, Rejected):
            verdicts.append(Verdict(one.message_id, "rejected", None, one.code, one.field, one.why))
            if keep_rejected:
                to_keep.append(_kept(one))
        elif (before := known.get(one.key)) is None:
            # From here on the same again is a repeat, in this batch too.
            known[one.key] = (one.content, number)
            fresh.append(one)
            verdicts.append(Verdict(one.message_id, "accepted", number))
            number += 1
        elif before[0] == one.content:
            verdicts.append(Verdict(one.message_id, "duplicate", before[1]))
        else:
            other = _rejected(one, "same_id_other_content", "messageId", _OTHER)
            verdicts.append(Verdict(one.message_id, "conflict", None, other.code, other.field, other.why))
            if keep_rejected:
                to_keep.append(_kept(other))
    times = [one.occurred_at for one in fresh]
    between = (min(times), max(times)) if times else (None, None)
    if fresh:
        _make_months(times)
        _write(fresh, first, received_at, origin)
    quarantine.keep_many(messages=to_keep, at=received_at)
    _write_batch(first >> BITS, len(fresh), between, told, verdicts)
    return verdicts


def _begun(keys: Sequence[str]) -> tuple[int, dict[str, tuple[int, int]]]:
    """The number of the batch's first event, and what is known of the messages: their content and event, by key."""
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, [f"{{{','.join(keys)}}}"])
        cursor.nextset()
        (number,) = cursor.fetchone()
        cursor.nextset()
        return number << BITS, {bytes(key).hex(): (content, event) for key, content, event in cursor.fetchall()}


def _write(fresh: Sequence[Message], first: int, received_at: datetime, origin: Origin) -> None:
    # Sorted, so that two batches with the same messages lock them in the same order and do not wait in a circle.
    seen = sorted([f"{one.key}\t{one.content}\t{number}\n" for number, one in enumerate(fresh, first)])
    hidden = [(number, one) for number, one in enumerate(fresh, first) if one.personal is not None]
    with connection.wrap_database_errors, connection.cursor() as cursor:
        with cursor.copy(_SEEN) as sink:
            sink.write("".join(seen).encode())
        with cursor.copy(_EVENTS) as sink:
            sink.write(_lines(fresh, first, received_at, origin))
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


def _lines(fresh: Sequence[Message], first: int, received_at: datetime, origin: Origin) -> bytes:
    """Lines of COPY's text form. Ids and names have no tab or line break: `messages` refuses those.

    This and `messages.read` are most of what an event costs, so values that repeat are written once.
    """
    parts: list[bytes] = []
    arrived, latest, sent = str(received_at), None, _NULL
    for number, one in enumerate(fresh, first):
        occurred, device = str(one.occurred_at), one.device
        original = occurred if one.original_at is one.occurred_at else str(one.original_at or _NULL)
        if one.sent_at is not latest:
            latest, sent = one.sent_at, str(one.sent_at or _NULL)
        told = (
            f"{number}\t{one.source}\t{one.kind}\t{one.name}\t{one.visitor.hex}"
            f"\t{_NULL if device is None else device.hex}\t{one.user_ref or _NULL}\t{one.device_ref or _NULL}"
            f"\t{one.message_id}\t{occurred}\t{original}\t{sent}\t{arrived}\t{one.why_then}\t{origin}\t"
        )
        parts += (told.encode(), one.data, b"\n")
    return b"".join(parts).replace(b"\\", b"\\\\")


def _rejected(one: Message, code: Code, field: str, why: str) -> Rejected:
    kind = NAMES_OF_KINDS[one.kind]
    return Rejected(one.source, code, field, why, one.message_id, kind, one.name, one.raw)


def _kept(one: Rejected) -> quarantine.ToKeep:
    raw = one.raw.decode("utf-8", "replace")
    return quarantine.ToKeep(one.source, one.code, one.field, one.why, one.message_id, one.kind, one.name, raw)


def _make_months(times: Sequence[datetime]) -> None:
    wanted = {civil.month_of(at.date()) for at in (min(times), max(times))}
    if len(wanted) > 1:
        wanted = {civil.month_of(at.date()) for at in times}
    wanted -= _MONTHS
    for month in sorted(wanted):
        with connection.cursor() as cursor:
            cursor.execute("SELECT events_make_month(%s)", [month])
    if wanted:
        transaction.on_commit(lambda: _MONTHS.update(wanted))


def _write_batch(
    number: int,
    events: int,
    between: tuple[datetime | None, datetime | None],
    told: Sequence[Message | Rejected],
    verdicts: Sequence[Verdict],
) -> None:
    counts: dict[str, dict[str, int]] = {}
    for (source, said), count in Counter(
        [(one.source, verdict.said) for one, verdict in zip(told, verdicts, strict=True)]
    ).items():
        counts.setdefault(str(source), {})[said] = count
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_batch (id, events, first_at, last_at, counts) VALUES (%s, %s, %s, %s, %s::jsonb)",
            [number, events, *between, json.dumps(counts)],
        )
