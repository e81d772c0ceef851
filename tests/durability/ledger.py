"""The promise of the ledger: points that were given, captured or taken back are so, once, and all books agree."""

import http.client
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

from regulars.runtime.serving.tests import nursery
from tests.durability import shop
from tests.durability.promises import Recorder

MEMBERS = 5
_FURNISH = f"""
import django; django.setup()
import json
from datetime import UTC, datetime
from regulars.facts.customers import customers
from regulars.facts.sources import api_keys
from regulars.kit.actors import SYSTEM
from regulars.runtime.database.ready import database_ready
with database_ready(say=lambda words: None):
    now = datetime.now(UTC)
    refs = [f"member-{{number}}" for number in range({MEMBERS})]
    made = customers.resolve_many(namespace="storm", refs=refs, at=now, by=SYSTEM, origin="live")
    till = api_keys.make(name="till", may=("points.manage", "points.award", "points.spend"), at=now, by=SYSTEM)
    people = [customers.get(number).public_id for number in made.values()]
    print(json.dumps({{"token": till.token, "members": people}}))
"""


def furnish(home: Path) -> str:
    """Tables in the home's database, members, and a key for a till; what `Ledger` wants to know of them."""
    made = nursery.start(_FURNISH, environment=shop.environment(home), stdout=nursery.PIPE)
    said, _ = made.communicate()
    assert made.returncode == 0
    assert said is not None
    return said.strip()


class Ledger:
    """Through the API at `port`; entries are counted over `database`. Each worker has a member, and all share one.

    Of every act the one entry of its kind counts. What was refused although all before it had been acknowledged, and
    accounts whose books do not agree, are faults.
    """

    def __init__(self, *, port: int, key: str, database: str, home: Path) -> None:
        self.port, self._database, self._home = port, database, home
        told = json.loads(key)
        self._token: str = told["token"]
        self._members: list[str] = told["members"]
        self._names = itertools.count()
        self.sent = Counter[str]()
        self.refused: list[str] = []

    def workload(self, *, recorder: Recorder, until: threading.Event) -> None:
        name = next(self._names)
        mine, everybodys = self._members[1 + name % (MEMBERS - 1)], self._members[0]
        for number in itertools.count():
            if until.is_set():
                return
            shopper = everybodys if number % 4 == 0 else mine
            self._purchase(shopper, f"{name}-{number}", recorder, until)

    def _purchase(self, shopper: str, number: str, recorder: Recorder, until: threading.Event) -> None:
        """Points are given, some held and captured, some of the given ones taken back."""

        def act(verb: str, path: str, body: dict[str, object]) -> Any:
            key = f"{verb}-{number}"
            told = self._ask(path, body, key, until)
            if told is not None and "refused" not in told:
                recorder.write_down([key])
                return told
            if told is not None:
                self.refused.append(f"{key}: {told['refused']}")
            return None

        given = act("award", f"customers/{shopper}/points/awards", {"amount": "60"})
        if given is None:
            return
        held = act("hold", f"customers/{shopper}/points/holds", {"amount": "40"})
        if held is None or act("capture", f"points/holds/{held['id']}/capture", {"amount": "25"}) is None:
            return
        act("reverse", f"points/entries/{given['entries'][0]['id']}/reverse", {"amount": "30", "why": "correction"})

    def _ask(self, path: str, body: dict[str, object], key: str, until: threading.Event) -> Any:
        """Until it is answered, as tills do, with the same key; None where it never was."""
        wait = 0.02
        while not until.is_set():
            self.sent["requests"] += 1
            if (told := self._once(path, body, key)) is not None:
                return told
            self.sent["failed"] += 1
            time.sleep(wait)
            wait = min(2 * wait, 0.5)
        return None

    def _once(self, path: str, body: dict[str, object], key: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"storm-{key}",
        }
        try:
            connection.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()
        if answer.status == 429 or answer.status >= 500:
            return None
        return told if answer.status == 200 else {"refused": f"{answer.status} {told.get('code')}"}

    def present(self) -> Counter[str]:
        with psycopg.connect(self._database) as connection:
            rows = connection.execute(
                "SELECT split_part(act.key, ':storm-', 2), count(entry.id) FROM loyalty_act AS act"
                " LEFT JOIN loyalty_entry AS entry"
                "   ON entry.act_id = act.id AND entry.kind = split_part(split_part(act.key, ':storm-', 2), '-', 1)"
                " WHERE act.key LIKE '%:storm-%' GROUP BY act.key HAVING count(entry.id) > 0"
            ).fetchall()
        return Counter(dict(rows))

    def remark(self) -> str:
        return ""

    def faults(self) -> list[str]:
        asked = shop.environment(self._home) | {"REGULARS_BACKUPS": "off"}
        done = subprocess.run(
            [sys.executable, "-m", "regulars", "doctor", "ledger", "--json"],
            check=False,
            capture_output=True,
            text=True,
            env=asked,
            cwd=os.sep,
        )
        try:
            told = json.loads(done.stdout)
        except ValueError:
            return [f"the doctor could not look: {(done.stderr.strip().splitlines() or ['?'])[-1]}"]
        return [*(f"account {one}: {why}" for one, why in told["broken"].items()), *self.refused]
