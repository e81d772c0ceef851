"""The sender: one thread speaks with the database, the others each with one receiver."""

import json
import logging
import queue
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import InterfaceError, OperationalError, connection
from standardwebhooks import Webhook

from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import _asymmetric, _calling, _queues, addresses, bounded, deliveries, endpoints
from regulars.oversight.outbound._calling import Answer
from regulars.oversight.outbound._queues import Claimed
from regulars.oversight.outbound.catalogue import TRIAL, data_of
from regulars.runtime.database import clock
from regulars.runtime.notices import stream

logger = logging.getLogger(__name__)

#: Messages under way at once, over all endpoints.
AT_ONCE = 32
#: Seconds between looks when there was nothing to do.
SHORTEST_LOOK, LONGEST_LOOK = 0.02, 0.5


@dataclass(frozen=True)
class Letter:
    """A claimed message, ready to be sent. `seeds`: of each secret's key pair."""

    claimed: Claimed
    body: bytes
    secrets: tuple[str, ...]
    seeds: tuple[bytes, ...] = ()


class Sender:
    """Claims, sends and settles. One object belongs to one thread and its database connection."""

    def __init__(
        self, *, at_once: int = AT_ONCE, deadline: float = _calling.DEADLINE, now: Callable[[], datetime] = clock.now
    ) -> None:
        self._at_once, self._deadline, self._now = at_once, deadline, now
        self._under_way = 0
        self._done: queue.Queue[tuple[Claimed, Answer]] = queue.Queue()
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="webhooks")
        self._trusted = bounded.trusted_certificates()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; what is under way then is waited for. Outlives a restart of the database."""
        pause, failures = SHORTEST_LOOK, 0
        try:
            while not stop.is_set():
                try:
                    moved = self.look()
                    failures = 0
                except (OperationalError, InterfaceError) as lost:
                    connection.close()
                    failures += 1
                    logger.warning("webhooks: lost the database (%s), trying again", type(lost).__name__)
                    stop.wait(min(5.0, 0.1 * 2**failures))
                    continue
                pause = SHORTEST_LOOK if moved or self._under_way else min(pause * 2, LONGEST_LOOK)
                if not moved:
                    stop.wait(pause)
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._settle_all()

    def drain(self, *, patience: float) -> bool:
        """Send what is due, until nothing is or `patience` (seconds) ran out. Whether all of it went."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if not self.look():
                if not self._under_way:
                    return True
                time.sleep(SHORTEST_LOOK)
        return False

    def look(self) -> int:
        """Settle what has ended, go on with replays, send what is due. How much there was to do."""
        moved = self._settle_all()
        if self._under_way < self._at_once:
            moved += int(deliveries.go_on_replaying(at=self._now()))
            claimed = _queues.claim(self._at_once - self._under_way, at=self._now())
            moved += len(claimed)
            for letter in written(claimed, at=self._now()) if claimed else ():
                self._under_way += 1
                self._pool.submit(self._send, letter)
        return moved

    def _settle_all(self) -> int:
        settled = 0
        while True:
            try:
                claimed, answer = self._done.get_nowait()
            except queue.Empty:
                return settled
            try:
                deliveries.settle(claimed, answer, at=self._now())
            except (OperationalError, InterfaceError):
                self._done.put((claimed, answer))
                raise
            self._under_way -= 1
            settled += 1

    def _send(self, letter: Letter) -> None:
        try:
            answer = sent(letter, trusted=self._trusted, deadline=self._deadline)
        except Exception:
            logger.exception("webhooks: message %s could not be sent", letter.claimed.message_id)
            answer = Answer(None, "ours", 0)
        self._done.put((letter.claimed, answer))


def written(claimed: list[Claimed], *, at: datetime) -> list[Letter]:
    """The messages' bodies and secrets. A few queries for all.

    A body is the same at every try: the notice's fields with public ids. One whose notice is not kept any more, or is
    of a newer release, has no body; its try fails.
    """
    told = stream.numbered(one.notice for one in claimed if one.notice is not None)
    readable = [one for one in claimed if one.notice in told]
    data = dict(
        zip(
            (one.delivery for one in readable),
            data_of([told[one.notice].notice for one in readable if one.notice is not None]),
            strict=True,
        )
    )
    secrets = endpoints.secrets_of(sorted({one.endpoint for one in claimed}), at)
    seeds = {endpoint: tuple(_asymmetric.seed_of(one) for one in some) for endpoint, some in secrets.items()}
    letters = []
    for one in claimed:
        body = b""
        if one.notice is None:
            body = _body(TRIAL, one.wanted_at, {"endpoint": one.public_id})
        elif one.notice in told:
            notice = told[one.notice].notice
            body = _body(notice.kind, notice.at, {**data[one.delivery], "origin": notice.origin})
        letters.append(Letter(one, body, tuple(secrets.get(one.endpoint, ())), seeds.get(one.endpoint, ())))
    return letters


def sent(letter: Letter, *, trusted: ssl.SSLContext, deadline: float = _calling.DEADLINE) -> Answer:
    """Sign it and send it. Touches no database."""
    one = letter.claimed
    if not letter.body or not letter.secrets:
        return Answer(None, "unreadable", 0)
    try:
        where = addresses.target(one.url, own=addresses.own_hosts())
    except Refusal:
        # It was allowed when it was written; the setting has changed since.
        return Answer(None, "refused_address", 0)
    now = datetime.now(UTC)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Regulars",
        "Accept": "*/*",
        "webhook-id": one.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature(letter, now),
    }
    return _calling.post(where, headers=headers, body=letter.body, trusted=trusted, deadline=deadline)


def signature(letter: Letter, at: datetime) -> str:
    """One `v1` signature for each secret, then one `v1a` for each. `at` in UTC."""
    number, body = letter.claimed.message_id, letter.body
    shared = [Webhook(secret).sign(number, at, body.decode()) for secret in letter.secrets]
    return " ".join([*shared, *(_asymmetric.signature(seed, number, at, body) for seed in letter.seeds)])


def _body(kind: str, at: datetime, data: dict[str, object]) -> bytes:
    told = {"type": kind, "timestamp": at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


#: A letter must have ended before its lane may be claimed by another.
assert timedelta(seconds=2 * _calling.DEADLINE) < _queues.LEASE
