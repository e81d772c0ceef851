"""The rows of what was decided: claimed before anything is decided, written back when it is posted."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from django.db import DatabaseError, connection
from psycopg.errors import LockNotAvailable, UniqueViolation

from regulars.facts.commerce.kept import Kept
from regulars.kit.actors import Actor

_CLAIM = """
INSERT INTO loyalty_earning (subject, programme_id, version_id, record_id, effective_at, decided_at)
SELECT told.subject, programme.id, told.version, told.record, told.effective_at, %s
  FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::timestamptz[])
       AS told(subject, version, programme, record, effective_at)
  JOIN loyalty_programme AS programme ON programme.code = told.programme
 ORDER BY told.subject, programme.id ON CONFLICT DO NOTHING RETURNING id
"""
_LOCK = """
SELECT earning.id, earning.subject, earning.version_id, programme.code, earning.record_id, earning.effective_at,
       earning.programme_id, version.number, earning.revision, earning.stamp, earning.context::text,
       earning.allowed::text, earning.lines::text,
       (SELECT COALESCE(json_object_agg(pledge.rule, pledge.cause), '{}') FROM loyalty_pledge AS pledge
         WHERE pledge.earning_id = earning.id)::text
  FROM loyalty_earning AS earning
  JOIN loyalty_programme AS programme ON programme.id = earning.programme_id
  JOIN loyalty_version AS version ON version.id = earning.version_id
 WHERE earning.subject = ANY(%s) ORDER BY earning.subject, earning.programme_id FOR UPDATE OF earning
"""
_NUMBERED = """
SELECT ARRAY(SELECT nextval('loyalty_earning_id_seq') FROM generate_series(1, %s)), programme_id, number
  FROM loyalty_version WHERE id = %s
"""
_INSERT = """
COPY loyalty_earning (id, subject, programme_id, version_id, record_id, effective_at, context, allowed, lines, why,
                      missed, stamp, revision, decided_at) FROM STDIN
"""
_IMPATIENT = "SET LOCAL lock_timeout = '200ms'"
_PATIENT = "SET LOCAL lock_timeout TO DEFAULT"
_LOTS = """
SELECT earning.id, lot.id, lot.rule, lot.pending, lot.matures_at,
       CASE WHEN lot.earned_by_id IS NOT NULL THEN lot.original - lot.taken_back - lot.short
            WHEN lot.taken_back + lot.short > 0 AND lot.record_id = earning.record_id THEN (
         SELECT COALESCE(sum(posting.amount), 0)::bigint FROM loyalty_posting AS posting
           JOIN loyalty_entry AS entry ON entry.id = posting.entry_id AND entry.kind = 'reverse'
           JOIN loyalty_act AS act ON act.id = entry.act_id AND act.verb = 'reverse'
          WHERE posting.lot_id = lot.id AND posting.to_book = lot.funding) ELSE 0 END
  FROM loyalty_earning AS earning JOIN loyalty_lot AS lot ON lot.earning_id = earning.id
 WHERE earning.id = ANY(%s) ORDER BY lot.id
"""
_EXTENDED = """
SELECT lot.id, lot.expires_on, lot.expiry_policy, lot.lapsed - LEAST(lot.lapsed, in_time.lapsed)
  FROM loyalty_lot AS lot
  JOIN loyalty_account AS account ON account.id = lot.account_id
  JOIN loyalty_currency AS currency ON currency.id = account.currency_id AND currency.code = %s
  JOIN customers_customer AS record ON record.id = %s
  LEFT JOIN LATERAL (
    SELECT COALESCE(sum(posting.amount), 0)::bigint AS lapsed FROM loyalty_posting AS posting
      JOIN loyalty_entry AS entry ON entry.id = posting.entry_id
     WHERE lot.lapsed > 0 AND posting.lot_id = lot.id AND posting.to_book = 'breakage'
       AND entry.effective_at >= lot.expires_at) AS in_time ON true
 WHERE account.customer_id = COALESCE(record.person_id, record.id) AND starts_with(lot.expiry_policy, 'activity/')
   AND lot.expires_on >= %s AND (lot.pending > 0 OR lot.available > 0 OR lot.held > 0 OR in_time.lapsed > 0)
"""
_SAVE = """
UPDATE loyalty_earning AS earning
   SET context = told.context, allowed = told.allowed, lines = told.lines, why = told.why, missed = told.missed,
       stamp = told.stamp, revision = told.revision
  FROM unnest(%s::bigint[], %s::jsonb[], %s::jsonb[], %s::jsonb[], %s::jsonb[], %s::jsonb[], %s::bytea[], %s::int[])
       AS told(id, context, allowed, lines, why, missed, stamp, revision)
 WHERE earning.id = told.id
"""
# Record by record: an index of subjects could answer all of them at once, and would be read whole.
_CELEBRATED = """
SELECT EXISTS (SELECT FROM unnest(%s::bigint[]) AS told(record) CROSS JOIN LATERAL (
                      SELECT * FROM loyalty_earning AS one WHERE one.record_id = told.record OFFSET 0) AS earning
                 JOIN loyalty_programme AS programme ON programme.id = earning.programme_id AND programme.code = %s
                WHERE starts_with(earning.subject, 'event:birthday:') AND earning.revision > 0
                  AND split_part(earning.subject, '/', 2) = %s AND earning.subject <> %s
                  AND earning.effective_at BETWEEN %s AND %s)
"""
_WAITING = """
SELECT earning.subject, earning.version_id, earning.record_id, earning.effective_at
  FROM unnest(%s::bigint[]) AS told(record) CROSS JOIN LATERAL (
       SELECT * FROM loyalty_earning AS one WHERE one.record_id = told.record OFFSET 0) AS earning
 WHERE earning.revision = 0 AND starts_with(earning.subject, 'event:birthday:')
 ORDER BY earning.effective_at, earning.id
"""
_MOVE = """
UPDATE loyalty_earning AS earning
   SET record_id = told.record, context = '{}', allowed = '{}', lines = '{}', why = '{}', missed = '{}', stamp = ''
  FROM unnest(%s::bigint[], %s::bigint[]) AS told(id, record) WHERE earning.id = told.id
"""
_PLEDGED = """
SELECT earning_id, rule, sum(CASE WHEN to_book = 'promised' THEN minor ELSE -minor END)::bigint
  FROM loyalty_pledge WHERE earning_id = ANY(%s) GROUP BY 1, 2
"""
_PLEDGE = """
INSERT INTO loyalty_pledge (cause, currency, from_book, to_book, minor, earning_id, rule, key, at, by)
SELECT told.*, %s, %s FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
                                  %s::text[], %s::text[]) AS told
"""


#: No two birthdays of anybody are nearer, in either calendar.
NO_YEAR = timedelta(days=320)


# Without what was taken back after it was spent, which is owed.
_RELEASED = """
SELECT COALESCE(sum(greatest(lot.original - lot.taken_back - lot.pending - lot.lapsed - lot.short, 0)), 0)::bigint
  FROM loyalty_lot AS lot
 WHERE lot.account_id = %s AND lot.record_id = %s AND lot.earning_id IS NOT NULL
   AND (lot.matures_at IS NULL OR lot.matures_at > %s)
"""


def released(account: int, record: int, at: datetime) -> int:
    """What of a record's points could be spent before they are theirs for good. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASED, [account, record, at])
        [(amount,)] = cursor.fetchall()
    return int(amount)


_ORDER = len("order:")


@dataclass(frozen=True)
class Claimed:
    """A row of what is decided for a subject under a programme, locked. `is_new`: nothing was decided for it yet."""

    subject: str
    version: int
    code: str
    record: int
    effective_at: datetime
    id: int = 0
    programme: int = 0
    number: int = 0
    revision: int = 0
    stamp: bytes = b""
    context: Mapping[str, object] = field(default_factory=dict)
    allowed: Mapping[str, Sequence[int]] = field(default_factory=dict)
    lines: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    causes: Mapping[str, str] = field(default_factory=dict)
    is_new: bool = False
    #: Whether the row is there already, for others to wait at.
    is_kept: bool = True

    @classmethod
    def of_order(cls, order: Kept, version: int, code: str) -> "Claimed":
        """What is to be claimed for an order."""
        assert order.record is not None
        return cls(f"order:{order.order}", version, code, order.record, order.placed_at)

    @property
    def about(self) -> str:
        """What an event was done to."""
        return str(self.context.get("about", ""))

    @property
    def gave(self) -> bool:
        """Whether anything was given."""
        return any(parts for lines in self.lines.values() for parts in lines.values())

    @property
    def order(self) -> int:
        """The order's number."""
        return int(self.subject[_ORDER:])


@dataclass(frozen=True)
class EarnedLot:
    """A lot that was posted for a decision: by which rule, and how much was taken back by hand from whom it was decided
    for. How much of it is left says the lot itself, once its account is locked."""

    id: int
    rule: str
    pending: int
    matures_at: datetime | None
    by_hand: int


@dataclass(frozen=True)
class Saved:
    """What was decided, to be kept."""

    id: int
    context: Mapping[str, object]
    allowed: Mapping[str, Sequence[int]]
    lines: Mapping[str, Mapping[str, int]]
    why: Mapping[str, object]
    missed: Mapping[str, object]
    stamp: bytes
    revision: int


def claim(wanted: Sequence[Claimed], subjects: Sequence[str], at: datetime) -> list[Claimed]:
    """Insert what is missing of these, and lock them and whatever else there is of `subjects`. Two statements.

    Whoever inserts a subject first decides it first; the others wait here, and find it decided.
    """
    with connection.cursor() as cursor:
        new: set[int] = set()
        if wanted:
            cursor.execute(
                _CLAIM,
                [
                    at,
                    [one.subject for one in wanted],
                    [one.version for one in wanted],
                    [one.code for one in wanted],
                    [one.record for one in wanted],
                    [one.effective_at for one in wanted],
                ],
            )
            new = {number for (number,) in cursor.fetchall()}
        cursor.execute(_LOCK, [sorted({*subjects, *(one.subject for one in wanted)})])
        return [_claimed(row[0] in new, *row) for row in cursor.fetchall()]


def _claimed(is_new: bool, *row: Any) -> Claimed:
    number, subject, version, code, record, effective_at, programme, of_version, revision, stamp, *texts = row
    context, allowed, lines, causes = map(json.loads, texts)
    return Claimed(
        *(subject, version, code, record, effective_at, number, programme, of_version, revision, bytes(stamp)),
        context=context,
        allowed=allowed,
        lines=lines,
        causes=causes,
        is_new=is_new or revision == 0,
    )


def lots_of(earnings: Iterable[Claimed]) -> dict[int, list[EarnedLot]]:
    """The lots that were posted for each decision, in the order of their posting. One query."""
    numbers = [one.id for one in earnings]
    found: dict[int, list[EarnedLot]] = {}
    if numbers:
        with connection.cursor() as cursor:
            cursor.execute(_LOTS, [numbers])
            for earning, lot, rule, pending, matures_at, by_hand in cursor.fetchall():
                one = EarnedLot(lot, rule.partition(".")[2], pending, matures_at, by_hand)
                found.setdefault(earning, []).append(one)
    return found


def to_extend(record: int, currency: str, active_on: date) -> list[tuple[int, date, str, int]]:
    """Lots of this record's person that activity keeps, and that had not ended before that day: with their last days,
    the terms each was given with, and how much of each had lapsed before that day was over. What lapsed since was
    booked before anybody had told. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_EXTENDED, [currency, record, active_on])
        return list(cursor.fetchall())


def celebrated(programme: str, records: Sequence[int], rule: str, subject: str, at: datetime) -> bool:
    """Whether any of a person's records had another birthday decided so near that the day must have been changed
    between. One query."""
    with connection.cursor() as cursor:
        near = [at - NO_YEAR, at + NO_YEAR]
        cursor.execute(_CELEBRATED, [list(records), programme, rule, subject, *near])
        [(is_there,)] = cursor.fetchall()
    return bool(is_there)


def waiting_birthdays(records: Sequence[int]) -> list[tuple[str, int, int, datetime]]:
    """Birthdays of these that were claimed and not decided: subject, version, record and when. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [list(records)])
        return list(cursor.fetchall())


def rows_of(subjects: Sequence[str], programme: str) -> list[Claimed]:
    """The rows of these subjects under a programme that are there, locked. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [list(subjects)])
        found = [_claimed(False, *row) for row in cursor.fetchall()]
    return [one for one in found if one.code == programme]


def numbered(wanted: Sequence[Claimed]) -> list[Claimed]:
    """These, of one version, with the numbers that their rows are to have. One statement; `insert` writes them."""
    if not wanted:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERED, [len(wanted), wanted[0].version])
        [(numbers, programme, of_version)] = cursor.fetchall()
    return [
        Claimed(
            *(one.subject, one.version, one.code, one.record, one.effective_at, number, programme, of_version),
            is_new=True,
            is_kept=False,
        )
        for one, number in zip(wanted, numbers, strict=True)
    ]


def insert(decided: Sequence[tuple[Claimed, Saved]], at: datetime) -> None:
    """The rows of what was decided before they were there, whole. One COPY.

    Who decides first and then inserts takes locks the other way round than `claim`. So they wait but a moment for
    whoever claims the same: then the database refuses, `is_taken` says so, and it is done again by `claim`.
    """
    if not decided:
        return
    rows = [
        (
            str(new.id),
            new.subject,
            str(new.programme),
            str(new.version),
            str(new.record),
            new.effective_at.isoformat(),
            *(_said(part) for part in (saved.context, saved.allowed, saved.lines, saved.why, saved.missed)),
            f"\\\\x{saved.stamp.hex()}",
            str(saved.revision),
            at.isoformat(),
        )
        for new, saved in decided
    ]
    with impatiently(), connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(_INSERT) as sink:
        sink.write("\n".join(["\t".join(row) for row in rows]).encode())


@contextmanager
def impatiently() -> Iterator[None]:
    """Wait but a moment for whoever writes the same: then the database refuses, and `is_taken` says so."""
    with connection.cursor() as cursor:
        cursor.execute(_IMPATIENT)
        yield
        cursor.execute(_PATIENT)


def is_taken(problem: DatabaseError) -> bool:
    """Whether `insert` was refused because somebody else decides the same."""
    return isinstance(problem.__cause__, UniqueViolation | LockNotAvailable)


def _said(part: Mapping[str, object]) -> str:
    """As COPY reads it."""
    return msgspec.json.encode(part).decode().replace("\\", "\\\\") if part else "{}"


def move(earnings: Mapping[int, int]) -> None:
    """What was decided for these is another record's from now on, and to be decided anew. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [list(earnings), list(earnings.values())])


def save(decided: Sequence[Saved]) -> None:
    """Keep what was decided. One statement."""
    if not decided:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _SAVE,
            [
                [one.id for one in decided],
                *(
                    [json.dumps(getattr(one, name)) for one in decided]
                    for name in ("context", "allowed", "lines", "why", "missed")
                ),
                [one.stamp for one in decided],
                [one.revision for one in decided],
            ],
        )


def pledge(wanted: Sequence[tuple[Claimed, str, str, str, int]], *, at: datetime, by: Actor) -> None:
    """Bring what was promised to causes to what it shall be, by difference: claim, rule, cause, currency and minor
    units of each. Two statements."""
    if not wanted:
        return
    with connection.cursor() as cursor:
        cursor.execute(_PLEDGED, [sorted({one.id for one, *_ in wanted})])
        before = {(earning, rule): minor for earning, rule, minor in cursor.fetchall()}
        rows = []
        for claimed, rule, cause, currency, minor in wanted:
            change = minor - before.get((claimed.id, rule), 0)
            books = ("shop", "promised") if change > 0 else ("promised", "shop")
            if change:
                key = f"pledge/{claimed.id}/{rule}/{claimed.revision + 1}"
                rows.append((cause, currency, *books, abs(change), claimed.id, rule, key))
        if rows:
            cursor.execute(_PLEDGE, [at, str(by), *map(list, zip(*rows, strict=True))])
