"""Who is let in, and what strangers cost. The database is played: when it is asked, and by how many, is tested."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from django.db import OperationalError

from regulars.doors.ingest.committing import Committer
from regulars.doors.ingest.doors import SOONEST, Doors, Opened
from regulars.facts.sources import write_keys

KNOWN, NEW, STRANGER = (f"wk{letter * 32}" for letter in "abc")
DOOR = cast(Opened, object())


class Played:
    """A database that takes a moment to answer with the keys it had when it was asked."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.asked = 0
        self.most_at_once = self._at_once = 0
        self.is_away = False

    async def ask(self, question: Callable[[], Any]) -> Mapping[bytes, Opened]:
        self.asked += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        known = {write_keys.digest(token): DOOR for token in self.tokens}
        try:
            await asyncio.sleep(0.03)
            if self.is_away:
                raise OperationalError
        finally:
            self._at_once -= 1
        return known


def doors(database: Played) -> Doors:
    return Doors(cast(Committer, database))


def test_the_keys_are_of_the_form_of_keys():
    assert all(map(write_keys.looks_like_one, (KNOWN, NEW, STRANGER)))


def test_a_key_made_while_the_keys_were_being_read_is_let_in():
    database = Played(KNOWN)
    asked = doors(database)

    async def story() -> Opened | None:
        first = asyncio.ensure_future(asked.find(KNOWN))
        await asyncio.sleep(0.01)
        database.tokens.append(NEW)
        assert database.asked == 1
        found = await asked.find(NEW)
        assert await first is DOOR
        return found

    assert asyncio.run(story()) is DOOR
    assert (database.asked, database.most_at_once) == (2, 1)


def test_a_key_made_right_after_the_keys_were_read_is_let_in():
    database = Played(KNOWN)
    asked = doors(database)

    async def story() -> Opened | None:
        await asked.find(KNOWN)
        database.tokens.append(NEW)
        return await asked.find(NEW)

    assert asyncio.run(story()) is DOOR


def test_many_strangers_at_once_share_one_question_and_cost_fifty_a_second():
    database = Played(KNOWN)
    asked = doors(database)

    async def stranger(number: int) -> None:
        await asyncio.sleep(number / 1_000)
        assert await asked.find(STRANGER) is None

    async def story() -> float:
        began = time.monotonic()
        await asyncio.gather(*(stranger(number) for number in range(300)))
        return time.monotonic() - began

    seconds = asyncio.run(story())

    assert database.most_at_once == 1
    assert database.asked <= seconds / SOONEST + 2


def test_who_is_known_does_not_wait_for_strangers():
    database = Played(KNOWN)
    asked = doors(database)

    async def story() -> float:
        await asked.find(KNOWN)
        strangers = [asyncio.ensure_future(asked.find(STRANGER)) for _ in range(20)]
        await asyncio.sleep(0)
        began = time.monotonic()
        assert await asked.find(KNOWN) is DOOR
        took = time.monotonic() - began
        await asyncio.gather(*strangers)
        return took

    assert asyncio.run(story()) < 0.02


def test_a_stranger_who_goes_away_stops_nobody_elses_question():
    database = Played(KNOWN)
    asked = doors(database)

    async def story() -> Opened | None:
        await asked.find(KNOWN)
        database.tokens.append(NEW)
        await asyncio.sleep(SOONEST)
        gone, waits = (asyncio.ensure_future(asked.find(NEW)) for _ in range(2))
        await asyncio.sleep(0.01)
        gone.cancel()
        return await waits

    assert asyncio.run(story()) is DOOR


def test_without_the_database_a_stranger_is_told_so_and_who_was_known_comes_in():
    database = Played(KNOWN)
    asked = doors(database)

    async def story() -> None:
        await asked.find(KNOWN)
        database.is_away = True
        with pytest.raises(OperationalError):
            await asked.find(STRANGER)
        assert await asked.find(KNOWN) is DOOR
        database.is_away = False
        assert await asked.find(STRANGER) is None

    asyncio.run(story())
