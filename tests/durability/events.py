"""The promise of the events' door: what was answered "accepted" or "duplicate" is there, once."""

import http.client
import itertools
import json
import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import psycopg

from tests.durability.promises import Recorder

#: Of one request: clients send one message or a hundred.
LARGEST_BATCH = 40


class Events:
    """Through the web server at `port` with the write key `key`; the rows are counted over `database`."""

    def __init__(self, *, port: int, key: str, database: str) -> None:
        self.port, self._key, self._database = port, key, database
        self._names = itertools.count()
        #: Requests, and those of them that were sent before.
        self.sent = Counter[str]()

    def workload(self, *, recorder: Recorder, until: threading.Event) -> None:
        name = next(self._names)
        chosen = random.Random(name)
        numbers = itertools.count()
        while not until.is_set():
            batch = [
                self.message(name, number, chosen)
                for number in itertools.islice(numbers, chosen.randint(1, LARGEST_BATCH))
            ]
            self._send(batch, recorder, until)
            until.wait(self.pause(chosen))

    def message(self, name: int, number: int, chosen: random.Random) -> dict[str, object]:
        return {
            "type": "track",
            "event": "Storm Weathered",
            "userId": f"user-{name}-{number % 50}",
            "messageId": f"storm-{name}-{number}",
            "timestamp": datetime.now(UTC).isoformat(),
            "properties": {"number": number, "email": f"user{number}@shop.example"},
        }

    def pause(self, chosen: random.Random) -> float:
        """Seconds after each request."""
        return 0.0

    def _send(self, batch: list[dict[str, object]], recorder: Recorder, until: threading.Event) -> None:
        """Until it is acknowledged, as clients do."""
        wait = 0.02
        while not until.is_set():
            self.sent["requests"] += 1
            if self._ask(batch):
                recorder.write_down([str(message["messageId"]) for message in batch])
                return
            self.sent["failed"] += 1
            time.sleep(wait)
            wait = min(2 * wait, 0.5)

    def _ask(self, batch: list[dict[str, object]]) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        body = json.dumps({"batch": batch, "writeKey": self._key, "sentAt": datetime.now(UTC).isoformat()})
        try:
            connection.request("POST", "/v1/batch", body)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            # No answer, or half of one: nobody knows what became of it.
            return False
        finally:
            connection.close()
        if answer.status in {429, 503}:
            return False
        assert answer.status == 200, told
        assert [one["messageId"] for one in told["results"]] == [message["messageId"] for message in batch], told
        assert {one["verdict"] for one in told["results"]} <= {"accepted", "duplicate"}, told
        return True

    def faults(self) -> list[str]:
        return []

    def remark(self) -> str:
        return ""

    def present(self) -> Counter[str]:
        with psycopg.connect(self._database) as connection:
            rows = connection.execute("SELECT message_id, count(*) FROM events_event GROUP BY message_id").fetchall()
            (told,) = connection.execute(
                "SELECT (SELECT count(*) FROM events_event) = (SELECT count(*) FROM events_seen)"
                "   AND (SELECT count(*) FROM events_event) = (SELECT coalesce(sum(events), 0) FROM events_batch)"
                "   AND (SELECT count(*) FROM events_event) = (SELECT count(*) FROM events_hidden)"
            ).fetchone() or (False,)
        assert told, "events, what was seen, their batches and what is sealed of them tell different numbers"
        return Counter(dict(rows))
