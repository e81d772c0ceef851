"""Hands notices to their listeners: in order per subject, effect and checkpoint in one transaction.

Any number of processes may do this side by side; a listener is read by one of them at a time.
"""

import logging
import random
import threading
import time
from collections.abc import Iterable, Sequence

from django.db import InterfaceError, OperationalError, connection, connections, transaction

from regulars.runtime.notices import _delivery, subscriptions
from regulars.runtime.notices._horizon import last_number, of_notices
from regulars.runtime.notices.models import Subscriber
from regulars.runtime.notices.subscriptions import Subscription

logger = logging.getLogger(__name__)

#: Seconds between looks when there was nothing to do: at first the short time, doubling to the long one.
SHORTEST_POLL, LONGEST_POLL = 0.005, 0.05


def register(names: Iterable[str], *, using: str = "default") -> None:
    """New listeners begin after the last number drawn by now; known ones keep their place.

    Runs after every migration and at the start of every dispatcher.
    """
    with connections[using].cursor() as cursor:
        for name in names:
            cursor.execute(
                "INSERT INTO notices_subscriber (name, position, handled, unfinished_starts)"
                " SELECT %s, CASE WHEN is_called THEN last_value ELSE 0 END, 0, 0 FROM notices_notice_number"
                " ON CONFLICT DO NOTHING",
                [name],
            )


class Dispatcher:
    """Looks again and again. One object belongs to one thread and to its database connection."""

    def __init__(self, listeners: Sequence[Subscription] | None = None) -> None:
        self._listeners = list(subscriptions.registered() if listeners is None else listeners)
        self._start_afresh()

    def look(self) -> int:
        """One step for every listener. How many notices were taken."""
        horizon = self._horizon.advance()
        # A different order each time, so that several dispatchers do not queue up behind the same listener.
        random.shuffle(self._listeners)
        return sum(_delivery.step(listener, horizon, self._seen[listener.name]) for listener in self._listeners)

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; the batch at hand is finished first. Outlives a restart of the database."""
        failures, registered, poll = 0, False, SHORTEST_POLL
        while not stop.is_set():
            try:
                if not registered:
                    register(listener.name for listener in self._listeners)
                    registered = True
                taken = self.look()
                failures = 0
            except (OperationalError, InterfaceError) as lost:
                connection.close()
                self._start_afresh()
                failures += 1
                logger.warning("notices: lost the database (%s), trying again", type(lost).__name__)
                stop.wait(min(5.0, 0.1 * 2**failures))
                continue
            poll = SHORTEST_POLL if taken else min(poll * 2, LONGEST_POLL)
            if not taken:
                stop.wait(poll)

    def drain(self, *, patience: float = 30.0) -> bool:
        """Deliver what has been announced by now and what follows from it. False if `patience` (seconds) ran out.

        What waits for a later try stays parked; what another dispatcher reads is left to it.
        """
        register(listener.name for listener in self._listeners)
        until = time.monotonic() + patience
        target = last_number()
        while time.monotonic() < until:
            if self.look():
                target = last_number()
            elif self._horizon.settled >= target:
                return True
            else:
                time.sleep(SHORTEST_POLL)
        return False

    def _start_afresh(self) -> None:
        self._horizon = of_notices()
        self._seen = {listener.name: _delivery.Seen() for listener in self._listeners}


def react_to_everything() -> int:
    """For tests and stories: every listener hears everything, in the caller's transaction. How many notices were taken.

    Reads its own uncommitted notices and assumes that nobody else announces; what goes wrong is raised, not parked.
    """
    taken = 0
    while True:
        before = taken
        for listener in subscriptions.registered():
            with transaction.atomic():
                place, _ = Subscriber.objects.get_or_create(name=listener.name, defaults={"position": 0})
                horizon = last_number()
                rows = _delivery.after(listener, place.position, horizon, _delivery.LARGEST_BATCH)
                place.position = rows[-1].id if len(rows) == _delivery.LARGEST_BATCH else horizon
                place.save(update_fields=["position"])
                if rows:
                    listener.handle(_delivery.heard(listener, rows))
                    taken += len(rows)
        if taken == before:
            return taken
