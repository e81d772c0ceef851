"""Who waits for whom, and who is told what when writing goes wrong. The database is played: what it says is tested."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError

from regulars.doors.ingest import committing
from regulars.doors.ingest.committing import MOST_AT_ONCE, MOST_OF_ONE, MOST_WAITING, SHARE, Away, Committer
from regulars.facts.events.intake import Verdict
from regulars.facts.events.messages import Message, Rejected

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
NOISY, QUIET = 1, 2


def some(source: int, count: int) -> list[Message | Rejected]:
    one = Message(
        source=source,
        kind=1,
        name="Product Viewed",
        message_id=f"m-{source}",
        key=bytes(16),
        content=1,
        of_user=None,
        on_device=None,
        occurred_at=NOW,
        original_at=None,
        sent_at=None,
        why_then=0,
        data=b"{}",
        personal=None,
    )
    return [one] * count


class Played:
    """Takes everything, and says how many of which source were in each transaction."""

    def __init__(self) -> None:
        self.transactions: list[list[int]] = []
        self.before: Callable[[Sequence[Message | Rejected]], None] = lambda told: None

    def take_many(self, *, told: Sequence[Message | Rejected], **_: Any) -> list[Verdict]:
        self.before(told)
        self.transactions.append([one.source for one in told])
        return [Verdict(one.message_id, "accepted", 1) for one in told]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    made = Played()
    monkeypatch.setattr(committing.intake, "take_many", made.take_many)
    monkeypatch.setattr(committing, "PATIENCE", 0.05)
    return made


@pytest.fixture
def committer(played: Played) -> Iterator[Committer]:
    made = Committer()
    yield made
    made.close()


def test_one_event_waits_for_one_transaction_of_a_noisy_source(played, committer):
    began, go_on = threading.Event(), threading.Event()

    def wait(told: Sequence[Message | Rejected]) -> None:
        began.set()
        assert go_on.wait(10)

    played.before = wait

    async def run() -> int:
        noisy = [asyncio.ensure_future(committer.submit(NOISY, some(NOISY, 20_000), 1_000)) for _ in range(3)]
        await asyncio.to_thread(began.wait, 10)
        quiet = asyncio.ensure_future(committer.submit(QUIET, some(QUIET, 1), 10))
        await asyncio.sleep(0)
        go_on.set()
        await quiet
        seen = next(number for number, sources in enumerate(played.transactions) if QUIET in sources)
        assert [len(verdicts) for verdicts in await asyncio.gather(*noisy)] == [20_000] * 3
        return seen

    assert asyncio.run(run()) == 1
    assert max(map(len, played.transactions)) <= MOST_AT_ONCE


def test_sources_take_turns_within_a_transaction(played, committer):
    began, go_on = threading.Event(), threading.Event()

    def wait(told: Sequence[Message | Rejected]) -> None:
        began.set()
        assert go_on.wait(10)

    played.before = wait

    async def run() -> None:
        first = asyncio.ensure_future(committer.submit(9, some(9, 1), 10))
        await asyncio.to_thread(began.wait, 10)
        others = [asyncio.ensure_future(committer.submit(source, some(source, 5_000), 10)) for source in range(1, 5)]
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, *others)

    asyncio.run(run())

    second = played.transactions[1]
    assert {source: second.count(source) for source in second} == dict.fromkeys(range(1, 5), SHARE)


def test_a_commit_waits_for_requests_that_are_being_read_and_for_none_that_does_not_end(played, committer, monkeypatch):
    monkeypatch.setattr(committing, "GATHERING", 0.6)

    async def run() -> None:
        committer.coming += 1
        first = asyncio.ensure_future(committer.submit(NOISY, some(NOISY, 2), 10))
        await asyncio.sleep(0.02)
        assert played.transactions == []
        committer.coming -= 1
        await asyncio.gather(first, committer.submit(QUIET, some(QUIET, 1), 10))
        committer.coming += 1
        await committer.submit(QUIET, some(QUIET, 1), 10)

    asyncio.run(run())

    assert played.transactions == [[NOISY, NOISY, QUIET], [QUIET]]


def test_when_the_database_is_away_all_who_wait_are_told_and_it_goes_on_afterwards(played, committer):
    def away(told: Sequence[Message | Rejected]) -> None:
        raise OperationalError("gone")

    played.before = away

    async def run() -> None:
        asked = [committer.submit(source, some(source, 3_000), 10) for source in range(1, 6)]
        assert [type(one) for one in await asyncio.gather(*asked, return_exceptions=True)] == [Away] * 5
        assert committer.waiting == 0
        played.before = lambda told: None
        assert len(await committer.submit(NOISY, some(NOISY, 3), 10)) == 3

    asyncio.run(run())


def test_a_batch_that_was_half_written_when_the_database_went_away_is_told_so_once(played, committer):
    def second_is_away(told: Sequence[Message | Rejected]) -> None:
        if played.transactions:
            raise OperationalError("gone")

    played.before = second_is_away

    async def run() -> None:
        with pytest.raises(Away):
            await committer.submit(NOISY, some(NOISY, MOST_AT_ONCE + 1), 10)

    asyncio.run(run())
    assert [len(sources) for sources in played.transactions] == [MOST_AT_ONCE]
    assert committer.waiting == 0
    assert committer.has_room(NOISY, MOST_WAITING)


def test_a_request_that_meets_a_bug_takes_no_other_with_it(played, committer):
    def bug(told: Sequence[Message | Rejected]) -> None:
        if any(one.source == NOISY for one in told):
            raise ZeroDivisionError

    played.before = bug

    async def run() -> list[Any]:
        asked = [committer.submit(source, some(source, 2), 10) for source in (NOISY, QUIET, NOISY, 3)]
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [isinstance(one, Away) for one in asyncio.run(run())] == [True, False, True, False]
    assert committer.waiting == 0


def test_who_goes_away_stops_nobody(played, committer):
    began, go_on = threading.Event(), threading.Event()

    def wait(told: Sequence[Message | Rejected]) -> None:
        began.set()
        assert go_on.wait(10)

    played.before = wait

    async def run() -> None:
        gone = asyncio.ensure_future(committer.submit(NOISY, some(NOISY, 1), 10))
        asked = asyncio.ensure_future(committer.ask(lambda: 1 / 0))
        await asyncio.to_thread(began.wait, 10)
        gone.cancel()
        asked.cancel()
        await asyncio.gather(gone, asked, return_exceptions=True)
        go_on.set()
        assert len(await committer.submit(QUIET, some(QUIET, 1), 10)) == 1
        assert await committer.ask(lambda: 7) == 7

    asyncio.run(run())
    assert committer.waiting == 0


def test_closing_writes_what_waits_and_the_next_request_opens_again(played, committer):
    async def run() -> None:
        first = asyncio.ensure_future(committer.submit(NOISY, some(NOISY, 5_000), 10))
        await asyncio.sleep(0)
        await asyncio.to_thread(committer.close)
        assert len(await first) == 5_000
        assert len(await committer.submit(NOISY, some(NOISY, 1), 10)) == 1

    asyncio.run(run())


def test_a_noisy_source_leaves_room_for_others(played, committer):
    go_on = threading.Event()
    played.before = lambda told: assert_(go_on.wait(10))

    async def run() -> None:
        first = asyncio.ensure_future(committer.submit(NOISY, some(NOISY, 1), MOST_OF_ONE))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(committer.submit(QUIET, some(QUIET, 1), 1_000))
        await asyncio.sleep(0)
        assert not committer.has_room(NOISY, 1)
        assert committer.has_room(QUIET, 1_000_000)
        assert not committer.has_room(QUIET, MOST_OF_ONE)
        go_on.set()
        await asyncio.gather(first, second)

    asyncio.run(run())


def assert_(is_so: bool) -> None:
    assert is_so


def test_all_of_a_transaction_are_told_at_once_but_who_went_away(played, committer):
    began, go_on = threading.Event(), threading.Event()
    told: list[tuple[object, ...]] = []

    def hold(_: Sequence[Message | Rejected]) -> None:
        began.set()
        go_on.wait(10)

    async def scene() -> list[list[Verdict]]:
        loop = asyncio.get_running_loop()
        first = asyncio.create_task(committer.submit(QUIET, some(QUIET, 1), 1))
        await asyncio.to_thread(began.wait, 10)
        others = [asyncio.create_task(committer.submit(NOISY, some(NOISY, 2), 1)) for _ in range(20)]
        await asyncio.sleep(0)
        others[0].cancel()
        wake = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *what, **how: (told.append(what), wake(*what, **how))[1]
        go_on.set()
        return await asyncio.gather(first, *others[1:])

    played.before = hold
    verdicts = asyncio.run(scene())

    assert [len(one) for one in verdicts] == [1, *[2] * 19]
    assert played.transactions == [[QUIET], [NOISY] * 40]
    # The loop is woken once for each transaction; the rest are the test's own threads.
    assert sum(what[0] is committing._hand_out for what in told) == 2
