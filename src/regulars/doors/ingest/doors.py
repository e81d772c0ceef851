"""Who may come in: the write keys, read again each second, and how much each may send."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from regulars.doors.ingest.committing import Committer
from regulars.facts.events.messages import Sender
from regulars.facts.sources import plan, write_keys
from regulars.facts.sources.expectations import Plan
from regulars.facts.sources.write_keys import Door
from regulars.kit import civil
from regulars.runtime.secrets import lookup

#: Seconds after which a revoked key opens nothing, in every process.
FRESH = 1.0
#: Seconds between two questions that strangers cause: they cost fifty a second at most, however many come at once.
SOONEST = 0.02


@dataclass(frozen=True)
class Opened:
    """A door, and what its messages are read with. `plan` where it turns away what is not as planned."""

    door: Door
    sender: Sender
    takes_everything: bool
    plan: Plan | None


class Doors:
    """The keys as they were at most `FRESH` seconds ago."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._known: Mapping[bytes, Opened] = {}
        self._read_at = self._asked_at = float("-inf")
        self._reading: asyncio.Future[None] | None = None

    async def find(self, token: str) -> Opened | None:
        """The door that this key opens or once opened; None for a key nobody made. Raises the database's errors."""
        came_at = time.monotonic()
        age = came_at - self._read_at
        if age > FRESH / 2 and not self._is_reading():
            # One asks for all, and before it is urgent: whoever comes meanwhile need not wait.
            self._read_again()
        if age > FRESH and self._reading is not None:
            await asyncio.shield(self._reading)
        if not write_keys.looks_like_one(token):
            return None
        digest = write_keys.digest(token)
        # A key made a moment ago must not lose its first messages: nobody is a stranger before the keys were asked for
        # after they came. All who wait for that share one question.
        while digest not in self._known and self._read_at < came_at:
            if not self._is_reading():
                if (wait := self._asked_at + SOONEST - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
                    continue
                self._read_again()
            assert self._reading is not None
            await asyncio.shield(self._reading)
        return self._known.get(digest)

    def _is_reading(self) -> bool:
        return self._reading is not None and not self._reading.done()

    def _read_again(self) -> None:
        self._asked_at = time.monotonic()
        self._reading = asyncio.ensure_future(self._read())
        self._reading.add_done_callback(_seen)

    async def _read(self) -> None:
        # As they were when they were asked for, not when the answer came.
        asked_at = time.monotonic()
        self._known = await self._committer.ask(_doors)
        self._read_at = asked_at


def _seen(reading: asyncio.Future[None]) -> None:
    # Who waited for it was told; nobody else needs to be.
    if not reading.cancelled():
        reading.exception()


def _doors() -> Mapping[bytes, Opened]:
    keyed = lookup.key_of("events")
    zones: dict[str, ZoneInfo] = {}
    plans = plan.blocking()
    return {
        digest: Opened(
            door,
            Sender(
                id=door.source.id,
                namespace=door.source.namespace,
                zone=zones.setdefault(door.source.zone, civil.zone(door.source.zone)),
                keyed=keyed,
            ),
            takes_everything=door.is_open and not door.key.kinds and door.source.id not in plans,
            plan=plans.get(door.source.id),
        )
        for digest, door in write_keys.doors().items()
    }


class Rates:
    """How much each key may send now: a bucket that fills by the second and holds two of them. For one process."""

    def __init__(self) -> None:
        self._buckets: dict[int, tuple[float, float]] = {}

    def wait_for(self, key: int, per_second: int, count: int, now: float) -> float:
        """0 when `count` messages may come in now, and they are counted; else the seconds until there is room.

        A batch larger than the bucket comes in when the bucket is full, and is owed afterwards.
        """
        most = 2.0 * per_second
        level, since = self._buckets.get(key, (most, now))
        level = min(most, level + (now - since) * per_second)
        wanted = min(float(count), most)
        if level < wanted:
            self._buckets[key] = (level, now)
            return (wanted - level) / per_second
        self._buckets[key] = (level - count, now)
        return 0.0
