"""Reading a shop's streams: all of one from the beginning (back-fill), and from time to time what changed (poll).

Messages are hints, the poll is the truth. A poll reads from a little before where all is known up to a little before
now: what the shop changed so long ago is surely found, and its tick of the clock is over. What it finds that no message
told is a gap, and is mended by being taken.

A walk goes in slices. Some pages at a time are taken in one transaction with the cursor that leads to the next, so a
walk that is killed goes on where it stood, and what two hands would read at once only one can write.
"""

import json
import time
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from django.db import transaction

from regulars.doors.connectors import shops, taking
from regulars.doors.connectors.calling import Caller, CallFailed, Rest
from regulars.doors.connectors.protocol import Client, PageOf, Shop
from regulars.doors.connectors.reading import Document, NotUnderstood
from regulars.doors.connectors.reports import OrderTold, Report
from regulars.doors.connectors.taking import NotTaken
from regulars.facts.commerce import orders
from regulars.facts.sources import connections, cursors, inbox
from regulars.facts.sources.connections import Connection
from regulars.facts.sources.cursors import Claimed
from regulars.kit.problems import named
from regulars.runtime.database import clock

#: Seconds that one slice of a walk takes, and how long a hand that says nothing keeps a walk from others.
SLICE, LASTS = 20.0, timedelta(minutes=5)
#: Pages are gathered for so many seconds, or until they hold so many things, and taken in one transaction.
GATHERS_FOR, TOGETHER = 5.0, 100
#: Minutes between the tries of a walk that fails, at most.
_LONGEST_REST = timedelta(minutes=30)
Came = Literal["ended", "more", "rests", "failed", "nobody"]


def begin_backfill(*, connection: Connection, since: datetime | None = None, at: datetime) -> list[str]:
    """Begin to read everything, of each stream in its order; the streams that begin. Again while it goes on: none."""
    shop = shops.of(connection.kind)
    return [
        one.name
        for one in shop.streams
        if cursors.begin(
            connection=connection.id,
            stream=one.name,
            walk="backfill",
            since=since,
            until=at - shop.settles_for,
            at=at,
        )
    ]


def begin_polls(*, connection: Connection, at: datetime) -> list[str]:
    """Begin to read what changed since all was known, of the streams that were read once; those that begin."""
    shop = shops.of(connection.kind)
    known = {one.stream: one for one in cursors.of(connection.id)}
    begun = []
    for stream in shop.streams:
        cursor = known.get(stream.name)
        if cursor is None or cursor.seen_until is None or cursor.walk:
            continue
        until = at - shop.settles_for
        if until > cursor.seen_until + stream.every and cursors.begin(
            connection=connection.id,
            stream=stream.name,
            walk="poll",
            since=cursor.seen_until - shop.overlap,
            until=until,
            at=at,
        ):
            begun.append(stream.name)
    return begun


def walk(*, connection: int, stream: str, caller: Caller | None = None, lasts: float = SLICE) -> Came:
    """Take the walk through one stream a slice further. Harmless to repeat, and beside others who do the same.

    Nobody: there is none, it rests, somebody else has it, or what it needs is not there yet.
    """
    now = clock.now()
    whose = connections.get(connection)
    if whose.state != "on" or not _is_its_turn(whose, stream):
        return "nobody"
    claimed = cursors.claim(connection=connection, stream=stream, at=now, lasts=LASTS)
    if claimed is None:
        return "nobody"
    try:
        with Caller() if caller is None else nullcontext(caller) as asking:
            return _walk(claimed, whose, asking, time.monotonic() + lasts)
    except cursors.NoLongerOurs:
        return "nobody"
    except Rest as rest:
        cursors.rest(claimed=claimed, until=clock.now() + rest.lasts, at=clock.now())
        return "rests"
    except CallFailed as failed:
        return _failed(claimed, failed.code, failed.why)
    except NotUnderstood as problem:
        return _failed(claimed, problem.code, problem.why)
    except Exception as problem:
        _failed(claimed, "our_fault", named(problem))
        raise


def _is_its_turn(connection: Connection, stream: str) -> bool:
    """Whether the streams before it have been read: orders refer to customers and products. What the shop does not let
    us read is not waited for."""
    names = [one.name for one in shops.of(connection.kind).streams]
    if stream not in names:
        return False
    before = set(names[: names.index(stream)])
    return not any(
        one.stream in before and one.walk == "backfill" and one.problem != "not_allowed"
        for one in cursors.of(connection.id)
    )


def _walk(claimed: Claimed, connection: Connection, caller: Caller, until: float) -> Came:
    shop, about = shops.of(connection.kind), shops.about(connection)
    now = clock.now()
    client = taking.client_of(connection, caller, now)
    if claimed.walk == "poll":
        # What messages have told, and only waits to be taken, is no gap.
        taking.take_waiting(connection=connection.id, caller=caller)
    cursor = claimed.cursor
    while True:
        pages = _gather(client, claimed, cursor, until)
        read = [taking.read_item(shop, about, claimed.stream, item, now) for item in pages.items]
        with transaction.atomic():
            _take(pages, read, claimed, connection, shop)
        if not pages.cursor:
            return "ended"
        cursor = pages.cursor
        if time.monotonic() >= until:
            cursors.release(claimed=claimed)
            return "more"


def _gather(client: Client, claimed: Claimed, cursor: str, until: float) -> PageOf:
    """The next page, with those after it until they are many: taking them costs the same for ten things as for a
    hundred, and some shops give few at a time. What cannot be had now is left to the next."""
    items: list[Document] = []
    expected: int | None = None
    enough = min(until, time.monotonic() + GATHERS_FOR)
    while True:
        try:
            page = client.page(claimed.stream, since=claimed.since, until=claimed.until, cursor=cursor)
        except (CallFailed, Rest):
            if not items:
                raise
            return PageOf(items, cursor, expected)
        if page.cursor and page.cursor == cursor:
            raise CallFailed("goes_in_circles", "the shop's page leads to itself")
        items += page.items
        cursor, expected = page.cursor, page.expected if page.expected is not None else expected
        if not cursor or len(items) >= TOGETHER or time.monotonic() >= enough:
            return PageOf(items, cursor, expected)


def _take(
    page: PageOf, read: Sequence[Sequence[Report] | NotTaken], claimed: Claimed, connection: Connection, shop: Shop
) -> None:
    now = clock.now()
    is_poll = claimed.walk == "poll"
    places = [place for place, one in enumerate(read) if not isinstance(one, NotTaken)]
    told = [one for one in read if not isinstance(one, NotTaken)]
    stream = shop.stream(claimed.stream)
    missed = _missed(told, connection, shop) if is_poll and stream.is_told else 0
    delivery = f"{claimed.walk}:{claimed.stream}"
    taken = taking.take_items(
        told, connection=connection, shop=shop, at=now, origin="live" if is_poll else "history", delivery=delivery
    )
    reasons = {place: one for place, one in enumerate(read) if isinstance(one, NotTaken)}
    reasons |= {places[place]: reason for place, reason in taken.not_taken.items()}
    for place, reason in sorted(reasons.items()):
        _show(page.items[place], reason, claimed, now)
    if is_poll and stream.is_told and missed is None:
        missed = taken.news
    cursors.advance(
        claimed=claimed,
        cursor=page.cursor,
        seen=len(page.items),
        news=taken.news,
        gaps_found=(missed or 0) + len(reasons if is_poll else ()),
        gaps_mended=missed or 0,
        expected=page.expected,
        lasts=LASTS,
        at=now,
    )
    if not page.cursor:
        cursors.finish(claimed=claimed, at=now)


def _missed(told: Sequence[Sequence[Report]], connection: Connection, shop: Shop) -> int | None:
    """How many orders of a page changed since we were last told of them; None where it holds no orders.

    By their update times: a message may know less of an order than a poll, without having been lost.
    """
    reports = [one.report for reports in told for one in reports if isinstance(one, OrderTold)]
    if not reports:
        return None
    known = orders.told_at_many(namespace=connection.namespace, refs=[report.ref for report in reports])
    missed = 0
    for report in reports:
        since, at = known.get(report.ref), report.source_updated_at
        missed += report.ref not in known or (at is not None and (since is None or since < at))
    return missed


def _show(item: Document, reason: NotTaken, claimed: Claimed, at: datetime) -> None:
    """Keep what a poll found and nobody could take, beside the messages of which the same is true."""
    kept = inbox.keep(
        connection=claimed.connection,
        key=f"found:{claimed.stream}",
        topic=f"{taking.FOUND}{claimed.stream}",
        body=json.dumps(item, default=_as_json, ensure_ascii=False, sort_keys=True).encode(),
        at=at,
    )
    if kept.is_new:
        inbox.settle(number=kept.id, as_="not_understood", code=reason.code, why=reason.why, at=at)


def _as_json(value: object) -> object:
    if isinstance(value, Decimal):
        # As a text: written as a float it would be another number. `reading` takes either.
        return str(value)
    raise TypeError


def _failed(claimed: Claimed, code: str, why: str) -> Came:
    now = clock.now()
    try:
        # The pause grows with every failure: 1, 2, 4 … minutes.
        known = {one.stream: one.failures for one in cursors.of(claimed.connection)}
        wait = min(timedelta(minutes=2 ** min(known.get(claimed.stream, 0), 6)), _LONGEST_REST)
        cursors.fail(claimed=claimed, code=code, why=why, rest_until=now + wait, at=now)
    except cursors.NoLongerOurs:
        return "nobody"
    return "failed"
