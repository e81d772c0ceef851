"""Messages with a key nobody made: kept nowhere, and counted by the hour, so that a shop with a wrong key is seen."""

import asyncio
from datetime import UTC, datetime
from functools import partial

from django.db import DatabaseError, InterfaceError

from regulars.doors.ingest.committing import Committer
from regulars.facts.sources import traffic
from regulars.runtime.serving.registry import REGISTRY

#: Seconds for which counts are gathered: strangers cost one statement in that time, however many they are. What was
#: gathered when a process is killed is lost.
EVERY = 5.0


class Strangers:
    """Counts at once for /metrics, and now and then into the database."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._gathered = 0
        self._writing: asyncio.Task[None] | None = None

    def count(self, messages: int) -> None:
        """In the loop's thread."""
        REGISTRY.count_unknown_key(messages)
        self._gathered += messages
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        while self._gathered:
            await asyncio.sleep(EVERY)
            count, self._gathered = self._gathered, 0
            try:
                await self._committer.ask(partial(traffic.count_unknown_keys, count=count, at=datetime.now(UTC)))
            except (DatabaseError, InterfaceError):
                # Put back, for when the database is there again.
                self._gathered += count
