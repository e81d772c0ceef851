"""Follows what happens: looks at whom an event concerns, and at whom a window or a day that ends concerns, at once.

What rooms tell by notices comes through `reactions`. Events are too many for that and are read from their stream, after
the reader that finds out whose they are. Of each, only audiences that could ask for it are looked at.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction

from regulars.facts.events import events, following, messages, stream
from regulars.facts.events.stream import Head, Reader
from regulars.insight.audiences import _writing, deciding
from regulars.insight.audiences.asking import Kept
from regulars.kit.conditions import leaning

logger = logging.getLogger(__name__)

READER = "audiences"
#: Seconds between looks whether the reader before this one has moved, which is one row: at first the short time,
#: doubling to the long one. That one takes its steps at a pace (`following.PACE`), and with it this one does.
SHORTEST_POLL, LONGEST_POLL = 0.01, 0.05
#: Seconds between looks for those whose time has come.
DUE_EVERY = 0.2
#: How many whose time has come are looked at in one transaction.
MOST_DUE = deciding.LOT


class Follower:
    """Looks again and again. One object belongs to one thread and to its database connection."""

    def __init__(self) -> None:
        self._kept = Kept()
        self._is_behind = False
        self._reader = Reader(READER, heads=self._take, after=following.PROFILES)
        self._place = -1
        self._due_at = float("-inf")

    def look(self) -> bool:
        """One step through the stream, and now and then whose time has come. Whether there was anything to do."""
        moved = self._is_behind = False
        passed = stream.end_of(stream.read_whole(following.PROFILES))
        if self._place < passed:
            place = stream.step(self._reader)
            moved = place is not None and place > self._place
            self._place = self._place if place is None else place
            self._is_behind = moved and self._place < passed
        if time.monotonic() < self._due_at:
            return moved
        found = self.look_at_due()
        self._due_at = float("-inf") if self._is_behind else time.monotonic() + DUE_EVERY
        return found or moved

    def look_at_due(self) -> bool:
        """Look at those whose time has come, the longest waiting first. Whether there were any."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT customer_id, audience_id, due_at FROM audiences_due WHERE due_at <= statement_timestamp()"
                " ORDER BY due_at LIMIT %s",
                [MOST_DUE],
            )
            due = cursor.fetchall()
        if not due:
            return False
        waiting: dict[int, dict[int, int]] = defaultdict(dict)
        for customer, audience, _ in due:
            waiting[customer][audience] = leaning.EITHER
        self._is_behind |= len(due) == MOST_DUE
        with transaction.atomic():
            deciding.decide(waiting, because="time", kept=self._kept)
            # Of an audience that cannot be asked any more they would stay, and be looked at for ever.
            _writing.looked_at_due(due)
        return True

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; the step at hand is finished first. Outlives a restart of the database."""
        failures, registered, poll = 0, False, SHORTEST_POLL
        while not stop.is_set():
            try:
                if not registered:
                    begin()
                    registered = True
                moved = self.look()
                failures = 0
            except (OperationalError, InterfaceError) as lost:
                connection.close()
                self._place = -1
                failures += 1
                logger.warning("audiences: lost the database (%s), trying again", type(lost).__name__)
                stop.wait(min(5.0, 0.1 * 2**failures))
                continue
            poll = SHORTEST_POLL if moved else min(poll * 2, LONGEST_POLL)
            if not self._is_behind:
                stop.wait(poll)

    def _take(self, taken: Sequence[Head]) -> None:
        take(taken, self._kept)


def begin() -> None:
    """A new reader begins with what comes next: who was here before was looked at when each audience was made."""
    stream.register([Reader(READER)], at=stream.end_of(stream.horizon().advance()))


def take(taken: Sequence[Head], kept: Kept) -> None:
    """Look at whom these events concern; in the caller's transaction."""
    watch = kept.look().watch
    if not watch.all_of:
        return
    linking = events.that_link([(event.device or event.visitor, event.id) for event in taken if _may_link(event)])
    audiences_of: dict[UUID, Mapping[int, int]] = {}
    for event in taken:
        asking = watch.all_of if event.id in linking else watch.of(event.name)
        if asking:
            audiences_of[event.visitor] = _together(audiences_of.get(event.visitor), asking)
    owners = events.customers_of(audiences_of)
    by_customer: dict[int, Mapping[int, int]] = {}
    for visitor, customer in owners.items():
        by_customer[customer] = _together(by_customer.get(customer), audiences_of[visitor])
    if by_customer:
        deciding.decide_all(by_customer, because="facts", kept=kept)


def _together(ways: Mapping[int, int] | None, more: Mapping[int, int]) -> Mapping[int, int]:
    if ways is None or ways is more:
        return more
    return deciding.together(ways, more)


def _may_link(event: Head) -> bool:
    return event.device is not None or event.kind == messages.KINDS["alias"]
