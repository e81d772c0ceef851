"""Cursors: how far each stream of a connection was read, by walks that begin where the last one ended, a little before.

A walk is the back-fill (from the beginning) or a poll (from where all is known). One hand at a time takes it a step
further: who claims it gets a number that every later word about it must bear, so that a hand that stood still too long
can write nothing any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Q

from regulars.facts.sources.models import Cursor as Row

Walk = Literal["", "backfill", "poll"]


@dataclass(frozen=True)
class Cursor:
    """One stream. All that the shop told up to `seen_until` is here.

    `walk_seen` things were read in the walk under way, `expected` in all where the shop says so; `backfilled` in the
    back-fill. A gap is something that a poll found and no delivery had told; `gaps_mended` of them are on record now.
    `problem` is the code of what went wrong last, "" after a success, and since when nothing succeeds.
    """

    connection: int
    stream: str
    walk: Walk
    walk_seen: int
    walk_began_at: datetime | None
    expected: int | None
    seen_until: datetime | None
    backfilled_at: datetime | None
    backfilled: int
    gaps_found: int
    gaps_mended: int
    gap_at: datetime | None
    problem: str
    problem_why: str
    failing_since: datetime | None
    failures: int
    rest_until: datetime | None

    def lag(self, now: datetime) -> timedelta | None:
        """How far behind it is; None before the first walk has ended."""
        return None if self.seen_until is None else now - self.seen_until


@dataclass(frozen=True)
class Claimed:
    """A walk in the caller's hands: read on from `cursor` ("" at its beginning) what changed in [since, until)."""

    id: int
    claim: UUID
    connection: int
    stream: str
    walk: Walk
    since: datetime | None
    until: datetime
    cursor: str
    seen: int


class NoLongerOurs(Exception):
    """Somebody else walks it now. What was done since is taken back."""


def begin(*, connection: int, stream: str, walk: Walk, since: datetime | None, until: datetime, at: datetime) -> bool:
    """Begin a walk through what changed in [since, until); False when one is under way.

    A back-fill takes the place of a poll: it reads all of it anyway.
    """
    with transaction.atomic():
        Row.objects.bulk_create([Row(connection_id=connection, stream=stream, changed_at=at)], ignore_conflicts=True)
        row = Row.objects.select_for_update().get(connection_id=connection, stream=stream)
        if row.walk == walk or (row.walk == "backfill" and walk == "poll"):
            return False
        row.walk, row.walk_since, row.walk_until, row.walk_cursor = walk, since, until, ""
        row.walk_seen, row.walk_news, row.walk_began_at, row.expected = 0, 0, at, None
        row.claim, row.claimed_until, row.rest_until, row.changed_at = None, None, None, at
        row.save()
    return True


def claim(*, connection: int, stream: str, at: datetime, lasts: timedelta) -> Claimed | None:
    """The walk under way, for the caller alone until `lasts` is over; None when there is none, it rests, or somebody
    has it."""
    with transaction.atomic():
        row = (
            Row.objects.select_for_update()
            .filter(~Q(walk=""), connection_id=connection, stream=stream)
            .filter(Q(claimed_until=None) | Q(claimed_until__lte=at))
            .filter(Q(rest_until=None) | Q(rest_until__lte=at))
            .first()
        )
        if row is None:
            return None
        row.claim, row.claimed_until = uuid4(), at + lasts
        row.save(update_fields=["claim", "claimed_until"])
    assert row.walk_until is not None
    return Claimed(
        row.id,
        row.claim,
        connection,
        stream,
        cast("Walk", row.walk),
        row.walk_since,
        row.walk_until,
        row.walk_cursor,
        row.walk_seen,
    )


def advance(
    *,
    claimed: Claimed,
    cursor: str,
    seen: int,
    news: int = 0,
    gaps_found: int = 0,
    gaps_mended: int = 0,
    expected: int | None = None,
    lasts: timedelta,
    at: datetime,
) -> None:
    """A page was taken, in the caller's transaction: `seen` things, `news` of them new or changed. On from `cursor`.

    Raises NoLongerOurs, so that the page is not taken twice.
    """
    row = _ours(claimed)
    row.walk_cursor, row.claimed_until, row.changed_at = cursor, at + lasts, at
    row.walk_seen += seen
    row.walk_news += news
    row.gaps_found += gaps_found
    row.gaps_mended += gaps_mended
    if gaps_found:
        row.gap_at = at
    if expected is not None:
        row.expected = expected
    row.problem, row.problem_why, row.failing_since, row.failures, row.rest_until = "", "", None, 0, None
    row.save()


def finish(*, claimed: Claimed, at: datetime) -> None:
    """The walk is at its end: all that was told before its `until` is here. In the caller's transaction."""
    row = _ours(claimed)
    if row.walk == "backfill":
        row.backfilled_at, row.backfilled = at, row.walk_seen
    row.seen_until = row.walk_until if row.seen_until is None else max(row.seen_until, claimed.until)
    row.walk, row.walk_until, row.walk_cursor = "", None, ""
    row.claim, row.claimed_until, row.changed_at = None, None, at
    row.problem, row.problem_why, row.failing_since, row.failures, row.rest_until = "", "", None, 0, None
    row.save()


def rest(*, claimed: Claimed, until: datetime, at: datetime) -> None:
    """Nothing is wrong, but the shop wants to be left alone for a while."""
    with transaction.atomic():
        row = _ours(claimed)
        row.claim, row.claimed_until, row.rest_until, row.changed_at = None, None, until, at
        row.save()


def fail(*, claimed: Claimed, code: str, why: str, rest_until: datetime, at: datetime) -> int:
    """It went wrong; it is tried again after `rest_until`. How often in a row it has. `why` quotes nothing personal."""
    with transaction.atomic():
        row = _ours(claimed)
        row.problem, row.problem_why, row.rest_until, row.changed_at = code[:60], why[:300], rest_until, at
        row.failing_since = row.failing_since or at
        row.failures += 1
        row.claim, row.claimed_until = None, None
        row.save()
    return row.failures


def release(*, claimed: Claimed) -> None:
    """Leave the walk where it stands, for whoever comes next."""
    Row.objects.filter(id=claimed.id, claim=claimed.claim).update(claim=None, claimed_until=None)


def of(connection: int) -> list[Cursor]:
    """The connection's streams by name. One query."""
    return [_cursor(row) for row in Row.objects.filter(connection_id=connection).order_by("stream")]


def of_many(connections: Sequence[int]) -> dict[int, list[Cursor]]:
    """The streams of each. One query."""
    found: dict[int, list[Cursor]] = {connection: [] for connection in connections}
    for row in Row.objects.filter(connection_id__in=connections).order_by("connection_id", "stream"):
        found[row.connection_id].append(_cursor(row))
    return found


def under_way(*, at: datetime) -> list[tuple[int, str]]:
    """The walks that somebody could take further now: (connection, stream). One query."""
    rows = (
        Row.objects.filter(~Q(walk=""))
        .filter(Q(claimed_until=None) | Q(claimed_until__lte=at))
        .filter(Q(rest_until=None) | Q(rest_until__lte=at))
        .order_by(F("walk_began_at").asc(nulls_first=True), "id")
    )
    return list(rows.values_list("connection_id", "stream"))


def _ours(claimed: Claimed) -> Row:
    row = Row.objects.select_for_update().filter(id=claimed.id, claim=claimed.claim).first()
    if row is None:
        raise NoLongerOurs
    return row


def _cursor(row: Row) -> Cursor:
    return Cursor(
        row.connection_id,
        row.stream,
        cast("Walk", row.walk),
        row.walk_seen,
        row.walk_began_at,
        row.expected,
        row.seen_until,
        row.backfilled_at,
        row.backfilled,
        row.gaps_found,
        row.gaps_mended,
        row.gap_at,
        row.problem,
        row.problem_why,
        row.failing_since,
        row.failures,
        row.rest_until,
    )
