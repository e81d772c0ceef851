"""Taking messages in: each once, for good, whoever sends it again and however often."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from struct import Struct
from typing import Literal, cast

import msgspec
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from regulars.facts.events.messages import NAMES_OF_KINDS, Code, Message, Rejected
from regulars.facts.sources import quarantine
from regulars.kit import civil
from regulars.kit.actors import Origin
from regulars.runtime.database.exchange import Answers, exchange
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

#: The lock comes first, as the stream's horizon asks.
_BEGIN = (f"SELECT pg_advisory_xact_lock_shared({LOCK_CLASS}, 0)", f"SELECT nextval('{SEQUENCE}')")
_KNOWN = "SELECT uuid_send(key), content, event FROM events_seen WHERE key = ANY(%s::uuid[])"
#: Transactions that look for what is known before they write, after one that did not and found some.
_LOOKS_AFTER_REPEATS = 50

_EVENTS = (
    "COPY events_event (id, source, kind, name, visitor, device, user_ref, device_ref, message_id, occurred_at,"
    " original_at, sent_at, received_at, why_then, origin, data) FROM STDIN (FORMAT binary)"
)
_SEEN = "COPY events_seen (key, content, event) FROM STDIN (FORMAT binary)"
_HIDDEN = "COPY events_hidden (event, visitor, sealed_for, sealed) FROM STDIN (FORMAT binary)"
#: COPY's binary form: each row is its number of columns, each value its length and its bytes; -1 stands for nothing.
#: The database reads it in two thirds of the time it needs for text.
_KEY = f"SELECT encode(wrapped, 'hex'), master FROM {vault.KEYS} WHERE person = %d"  # noqa: S608 - a table's name
_COPY_BEGINS = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_ENDS = b"\xff\xff"
_NOTHING = b"\xff\xff\xff\xff"
_A_UUID = b"\0\0\0\x10"
_TIME_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
_A_MICROSECOND = timedelta(microseconds=1)
_REMEMBERED = 10_000
#: What is asked of each message is asked without a turn of the interpreter.
_KEY_OF, _SOURCE_OF, _TIME_OF = attrgetter("key"), attrgetter("source"), attrgetter("occurred_at")
_PERSONAL_OF, _WHY_OF = attrgetter("personal"), attrgetter("why_then")
_LENGTH = Struct(">i").pack
_TIME = Struct(">iq").pack
_TWO_TIMES = Struct(">iqiq").pack
_ROW_OF_SEEN = Struct(">hi16siqiq").pack
_ROW_OF_EVENT = Struct(">hiqiqih").pack
_ROW_OF_HIDDEN = Struct(">hiqi16siqi").pack
_WHY_THEN = Struct(">ih").pack
#: jsonb's length, and the number of its form.
_JSON = Struct(">ib").pack

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


#: Months that have their partition, and those whose key there is, as far as this process knows.
_MONTHS: set[date] = set()
_KEYS: set[int] = set()


@dataclass
class _Looking:
    """How many more transactions look for what is known before they write. Most batches have no repeat, and the
    primary key says so for less than a question costs."""

    left: int = 0

    def is_due(self) -> bool:
        self.left -= self.left > 0
        return self.left > 0


_LOOKING = _Looking()


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


def conflicting(told: Sequence[Message | Rejected]) -> dict[int, Verdict]:
    """Of which of these, by place, another message is on record or among them that said something else. One query.

    Somebody may send such a message in the same moment: `take_many` has the last word.
    """
    known = {key: content for key, (content, _) in _known([one.key for one in told if type(one) is Message]).items()}
    found: dict[int, Verdict] = {}
    for place, one in enumerate(told):
        if isinstance(one, Message) and known.setdefault(one.key, one.content) != one.content:
            found[place] = Verdict(one.message_id, "conflict", None, "same_id_other_content", "messageId", _OTHER)
    return found


def _take(
    told: Sequence[Message | Rejected], received_at: datetime, origin: Origin, keep_rejected: bool
) -> list[Verdict]:
    looks = _LOOKING.is_due()
    for attempt in range(1, _MOST_TRIES + 1):
        try:
            if not looks and (fresh := _surely_fresh(told, received_at)):
                with transaction.atomic() if connection.in_atomic_block else nullcontext():
                    return _record_at_once(fresh, received_at, origin)
            with transaction.atomic():
                return _record(told, received_at, origin, keep_rejected, looks)
        except DataError:
            return _halved(told, received_at, origin, keep_rejected)
        except IntegrityError:
            # One of them was taken before, perhaps just now by another process, or retention has dropped a month.
            _MONTHS.clear()
            _KEYS.clear()
            looks, _LOOKING.left = True, _LOOKS_AFTER_REPEATS
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
    told: Sequence[Message | Rejected], received_at: datetime, origin: Origin, keep_rejected: bool, looks: bool
) -> list[Verdict]:
    first = _begun()
    known = _known([one.key for one in told if type(one) is Message]) if looks else {}
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
    if fresh:
        _make_months(_months(fresh))
    quarantine.keep_many(messages=to_keep, at=received_at)
    said = Counter([(one.source, verdict.said) for one, verdict in zip(told, verdicts, strict=True)])
    hidden = _hidden(fresh)
    sealed: Sequence[bytes] = ()
    if hidden:
        sealed = vault.seal_many(_to_seal(hidden, first, received_at))
        month = vault.nobody_yet(received_at)
        transaction.on_commit(lambda: _KEYS.add(month))
    exchange(
        statements=[*_copies(fresh, hidden), _of_batch(str(first >> BITS), fresh, said)],
        rows=lambda _: _blocks(fresh, hidden, sealed, first, received_at, origin),
    )
    return verdicts


def _surely_fresh(told: Sequence[Message | Rejected], received_at: datetime) -> Sequence[Message]:
    """`told`, where each is another good message, and what it will stand in is surely there; else none."""
    if set(map(type, told)) != {Message}:
        return ()
    fresh = cast(Sequence[Message], told)
    if len(set(map(_KEY_OF, fresh))) < len(fresh) or not _months(fresh) <= _MONTHS:
        return ()
    has_key = vault.nobody_yet(received_at) in _KEYS
    return fresh if has_key or not any(map(_PERSONAL_OF, fresh)) else ()


def _record_at_once(fresh: Sequence[Message], received_at: datetime, origin: Origin) -> list[Verdict]:
    """Nearly every batch: nothing in it was ever here, as its keys will tell, so nothing has to be asked.

    Raises IntegrityError where that is not so.
    """
    hidden = _hidden(fresh)
    month = vault.nobody_yet(received_at)
    said: dict[tuple[int, Said], int] = {
        (source, "accepted"): count for source, count in Counter(map(_SOURCE_OF, fresh)).items()
    }
    first = 0

    def rows(answers: Answers) -> Iterator[bytes]:
        nonlocal first
        first = int(answers[1][0]) << BITS
        sealed: Sequence[bytes] = ()
        if hidden:
            if not answers[2]:
                raise IntegrityError(f"there is no key of month {-month} any more")
            wrapped = {month: (bytes.fromhex(answers[2][0].decode()), answers[2][1].decode())}
            sealed = vault.seal_many(_to_seal(hidden, first, received_at), wrapped=wrapped)
        return _blocks(fresh, hidden, sealed, first, received_at, origin)

    exchange(
        statements=[
            *_BEGIN,
            *([_KEY % month] if hidden else ()),
            *_copies(fresh, hidden),
            _of_batch(f"currval('{SEQUENCE}')", fresh, said),
        ],
        rows=rows,
    )
    return [Verdict(one.message_id, "accepted", number) for number, one in enumerate(fresh, first)]


def _begun() -> int:
    """The number of the batch's first event."""
    with connection.cursor() as cursor:
        cursor.execute("; ".join(_BEGIN))
        cursor.nextset()
        (number,) = cursor.fetchone()
        return int(number) << BITS


def _known(keys: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
    """What is known of the messages: their content and event, by key."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [f"{{{','.join([key.hex() for key in keys])}}}"])
        return {bytes(key): (content, event) for key, content, event in cursor.fetchall()}


def _copies(fresh: Sequence[Message], hidden: Sequence[tuple[int, Message]]) -> list[str]:
    return [*([_SEEN, _EVENTS] if fresh else ()), *([_HIDDEN] if hidden else ())]


def _blocks(
    fresh: Sequence[Message],
    hidden: Sequence[tuple[int, Message]],
    sealed: Sequence[bytes],
    first: int,
    received_at: datetime,
    origin: Origin,
) -> Iterator[bytes]:
    """What each of `_copies` takes; each is made when it is asked for."""
    # Sorted, so that two batches with the same messages lock them in the same order and do not wait in a circle.
    yield _block(
        sorted([_ROW_OF_SEEN(3, 16, one.key, 8, one.content, 8, number) for number, one in enumerate(fresh, first)])
    )
    yield _block(_rows(fresh, first, received_at, origin))
    month = vault.nobody_yet(received_at)
    rows: list[bytes] = []
    for (place, one), text in zip(hidden, sealed, strict=True):
        rows += (_ROW_OF_HIDDEN(4, 8, first + place, 16, one.about.number, 8, month, len(text)), text)
    yield _block(rows)


def _block(rows: Sequence[bytes]) -> bytes:
    return b"".join((_COPY_BEGINS, *rows, _COPY_ENDS))


def _hidden(fresh: Sequence[Message]) -> list[tuple[int, Message]]:
    """Those with something personal, with their places."""
    return [(place, one) for place, one in enumerate(fresh) if one.personal is not None]


def _to_seal(hidden: Sequence[tuple[int, Message]], first: int, received_at: datetime) -> list[vault.Plain]:
    month = vault.nobody_yet(received_at)
    return [vault.Plain(month, _TABLE, _COLUMN, first + place, (one.personal or b"").decode()) for place, one in hidden]


def _rows(fresh: Sequence[Message], first: int, received_at: datetime, origin: Origin) -> list[bytes]:
    """Rows of COPY's binary form, in pieces.

    This and `messages.read` are most of what an event costs, so values that repeat are written once.
    """
    parts: list[bytes] = []
    ends_at = _instant(received_at)
    came = _LENGTH(len(origin)) + origin.encode()
    ends = {why: ends_at + _WHY_THEN(2, why) + came for why in set(map(_WHY_OF, fresh))}
    latest, sent_at = None, _NOTHING
    for number, one in enumerate(fresh, first):
        if one.sent_at is not latest:
            latest, sent_at = one.sent_at, _instant(one.sent_at)
        user, device = one.of_user, one.on_device
        about, beside = (device, None) if user is None else (user, device)
        assert about is not None
        if one.original_at is one.occurred_at:
            micros = (one.occurred_at - _TIME_ZERO) // _A_MICROSECOND
            happened = _TWO_TIMES(8, micros, 8, micros)
        else:
            happened = _instant(one.occurred_at) + _instant(one.original_at)
        message_id, data = one.message_id.encode(), one.data
        parts += (
            _ROW_OF_EVENT(16, 8, number, 8, one.source, 2, one.kind),
            _text(one.name),
            _A_UUID,
            about.number,
            _NOTHING if beside is None else _A_UUID + beside.number,
            _NOTHING if user is None or user.is_contact else _text(user.ref),
            _NOTHING if device is None or device.is_contact else _text(device.ref),
            _LENGTH(len(message_id)),
            message_id,
            happened,
            sent_at,
            ends[one.why_then],
            _JSON(len(data) + 1, 1),
            data,
        )
    return parts


@lru_cache(maxsize=_REMEMBERED)
def _text(value: str) -> bytes:
    """Names, and the references of one visit, come again and again."""
    text = value.encode()
    return _LENGTH(len(text)) + text


def _instant(at: datetime | None) -> bytes:
    """A timestamptz: microseconds since 2000."""
    return _NOTHING if at is None else _TIME(8, (at - _TIME_ZERO) // _A_MICROSECOND)


def _rejected(one: Message, code: Code, field: str, why: str) -> Rejected:
    kind = NAMES_OF_KINDS[one.kind]
    return Rejected(one.source, code, field, why, one.message_id, kind, one.name, one.raw)


def _kept(one: Rejected) -> quarantine.ToKeep:
    raw = one.raw.decode("utf-8", "replace")
    return quarantine.ToKeep(one.source, one.code, one.field, one.why, one.message_id, one.kind, one.name, raw)


def _months(fresh: Sequence[Message]) -> set[date]:
    times = list(map(_TIME_OF, fresh))
    wanted = {civil.month_of(at.date()) for at in (min(times), max(times))}
    return {civil.month_of(at.date()) for at in times} if len(wanted) > 1 else wanted


def _make_months(wanted: Collection[date]) -> None:
    missing = sorted(set(wanted) - _MONTHS)
    for month in missing:
        with connection.cursor() as cursor:
            cursor.execute("SELECT events_make_month(%s)", [month])
    if missing:
        transaction.on_commit(lambda: _MONTHS.update(missing))


def _of_batch(number: str, fresh: Sequence[Message], said: Mapping[tuple[int, Said], int]) -> str:
    """The statement that writes the batch's own row. Nothing in it is a sender's word."""
    counts: dict[str, dict[str, int]] = {}
    for (source, what), count in said.items():
        counts.setdefault(str(source), {})[what] = count
    times = list(map(_TIME_OF, fresh))
    between = f"'{min(times).isoformat()}', '{max(times).isoformat()}'" if times else "NULL, NULL"
    return (
        "INSERT INTO events_batch (id, events, first_at, last_at, counts)"  # noqa: S608 - as the docstring says
        f" VALUES ({number}, {len(fresh)}, {between}, '{json.dumps(counts)}')"
    )
