"""The promise of live audiences: whatever is killed, everybody ends where a look at everybody from nothing puts them,
and each coming and going is told once and heard once."""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from regulars.runtime.serving.tests import nursery
from tests.durability import shop
from tests.durability.events import Events

_SETUP = """
import django; django.setup()
import json, sys, threading, time
from datetime import UTC, datetime
from django.db import connection, connections
from regulars.facts.events import following
from regulars.facts.sources import sources, write_keys
from regulars.insight.audiences import audiences, filling
from regulars.insight.audiences import following as live
from regulars.insight.audiences.notices import AudienceEntered, AudienceLeft
from regulars.kit.actors import SYSTEM
from regulars.runtime.database.ready import database_ready, server
from regulars.runtime.notices import dispatch
from regulars.runtime.notices.subscriptions import subscribe

@subscribe(AudienceEntered, AudienceLeft, name="storm.heard")
def heard(notice):
    with connection.cursor() as cursor:
        # No unique key: what is heard twice shall be seen, not prevented.
        cursor.execute("INSERT INTO storm_heard (change, entered) VALUES (%s, %s)",
                       [notice.change, isinstance(notice, AudienceEntered)])

def asking(node):
    return {"version": 1, "zone": "Asia/Shanghai", "if": node}

def define(conditions, round):
    now = datetime.now(UTC)
    made = [audiences.define(name=f"{name} {round}", condition=condition, key=f"{name} {round}", at=now, by=SYSTEM)
            for name, condition in conditions]
    filling.fill_all([one.number for one in made])
    return made
"""
_FURNISH = f"""{_SETUP}
VIEWED, ADDED = ({{"did": "events.events", "where": [{{"column": "name", "is": name}}]}}
                  for name in ("Product Viewed", "Product Added"))
HOUR = {{"during": {{"last": {{"hours": 1}}}}}}
with database_ready(say=lambda words: None):
    now = datetime.now(UTC)
    made = sources.make(name="storm", kind="server", namespace="storm", zone="Asia/Shanghai", at=now, by=SYSTEM)
    token = write_keys.make(source=made.id, per_second=1_000_000, at=now, by=SYSTEM).token
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE storm_heard (id bigserial PRIMARY KEY, change bigint, entered boolean)")
    often = define([("often", asking({{**VIEWED, "count": {{"at_least": 3}}}}))], 0)[0]
    define([
        ("lately", asking({{**VIEWED, **HOUR}})),
        ("not lately", asking({{**VIEWED, **HOUR, "count": {{"is": 0}}}})),
        ("thrice", asking({{**VIEWED, **HOUR, "distinct": "product", "amount": {{"at_least": 3}}}})),
        ("added", asking({{"sequence": [VIEWED, {{**ADDED, "within": {{"hours": 1}}}}]}})),
        ("left there", asking({{"sequence": [VIEWED, {{**ADDED, "within": {{"hours": 1}}, "missing": True}}]}})),
        ("often and lately", asking({{"all": [{{"audience": often.id}}, {{**VIEWED, **HOUR}}]}})),
    ], 0)
    live.begin()
    dispatch.register(["storm.heard"])
    print(token)
"""
_DISPATCH = f"""{_SETUP}
with server(say=lambda words: None):
    dispatch.Dispatcher().run(threading.Event())
"""
#: Reads all that there is, waits for whom time moves soon, and looks at everybody anew for the same conditions.
_COMPARE = f"""{_SETUP}
def ask(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()

def faults(round):
    until = time.monotonic() + 180
    assert following.Follower().drain(patience=120), "events are still waiting"
    follower, dispatcher = live.Follower(), dispatch.Dispatcher()
    while True:
        moved = follower.look()
        assert dispatcher.drain(patience=60), "notices are still waiting"
        [(level, soon)] = ask(
            "SELECT (SELECT position FROM events_reader WHERE name = 'audiences')"
            " >= (SELECT position FROM events_reader WHERE name = 'profile'),"
            " (SELECT count(*) FROM audiences_due WHERE due_at < now() + interval '40 seconds')")
        if not moved and level and not soon:
            break
        assert time.monotonic() < until, f"audiences are still waiting: {{level}}, {{soon}}"
        time.sleep(0.05)
    ask_nothing = "DELETE FROM audiences_touched RETURNING 1"
    ask(ask_nothing)
    first = [one for one in audiences.every() if one.name.endswith(" 0")]
    twins = define([(one.name, one.condition) for one in first], round)
    found = []
    for one, twin in zip(first, twins, strict=True):
        wrong = ask("SELECT customer_id, bool_or(audience_id = %s) FROM audiences_member WHERE audience_id IN (%s, %s)"
                    " GROUP BY 1 HAVING count(*) <> 2", one.number, one.number, twin.number)
        if wrong:
            found.append(f"{{one.name}}: {{len(wrong)}} stand wrongly, such as {{wrong[:3]}}")
        [(many,)] = ask("SELECT count(*) FROM audiences_member WHERE audience_id = %s", one.number)
        if many != audiences.get(one.number).members:
            found.append(f"{{one.name}}: {{many}} are in, {{audiences.get(one.number).members}} are told")
        audiences.archive(audience=twin.number, at=datetime.now(UTC), by=SYSTEM)
    numbers = [one.number for one in first]
    for what, sql in (
        ("comings and goings do not alternate",
         "SELECT id FROM (SELECT id, entered, lag(entered, 1, false) OVER (PARTITION BY audience_id, customer_id"
         " ORDER BY id) AS was FROM audiences_change WHERE audience_id = ANY(%s)) AS step WHERE entered = was"),
        ("are in and have not come, or have and are not",
         "SELECT customer_id FROM (SELECT DISTINCT ON (audience_id, customer_id) audience_id, customer_id, entered"
         " FROM audiences_change WHERE audience_id = ANY(%s) ORDER BY audience_id, customer_id, id DESC) AS last"
         " FULL JOIN (SELECT * FROM audiences_member WHERE audience_id = ANY(%s)) AS member"
         " USING (audience_id, customer_id) WHERE coalesce(entered, false) <> (since_at IS NOT NULL)"),
        ("were not told, or not once",
         "SELECT change.id FROM audiences_change AS change LEFT JOIN notices_notice AS notice"
         " ON (notice.body ->> 'change')::bigint = change.id AND notice.kind LIKE 'audiences.audience\\\\_%%'"
         " WHERE change.audience_id = ANY(%s) GROUP BY change.id HAVING count(notice.id) <> 1"),
        ("were not heard, or not once",
         "SELECT change.id FROM audiences_change AS change LEFT JOIN storm_heard AS heard ON heard.change = change.id"
         " AND heard.entered = change.entered WHERE change.audience_id = ANY(%s)"
         " GROUP BY change.id HAVING count(heard.id) <> 1"),
        ("were heard and never were",
         "SELECT heard.id FROM storm_heard AS heard LEFT JOIN audiences_change AS change ON change.id = heard.change"
         " WHERE change.id IS NULL AND %s::bigint[] IS NOT NULL"),
        ("visitors did more or less than there is",
         "SELECT 1 WHERE (SELECT sum(events) FROM events_visitor) <> (SELECT count(*) FROM events_event)"
         " AND %s::bigint[] IS NOT NULL"),
    ):
        if wrong := ask(sql, *[numbers] * sql.count("%s")):
            found.append(f"{{len(wrong)}} {{what}}, such as {{wrong[:3]}}")
    return found

with server(say=lambda words: None):
    found = faults(sys.argv[1])
    [(steps,)] = ask("SELECT count(*) FROM audiences_change")
    print(json.dumps({{"faults": found, "steps": steps}}))
"""
#: Whom an hour leaves soon, in seconds.
_SOON = (2.0, 8.0)


def furnish(home: Path) -> str:
    """Tables in the home's database, audiences, somebody who listens to them, and a key to send events with."""
    made = nursery.start(_FURNISH, environment=shop.environment(home), stdout=nursery.PIPE)
    said, _ = made.communicate()
    assert made.returncode == 0
    assert said is not None
    return said.strip()


class Beside:
    """Who reads events, who lets people in and out of audiences, and who hands notices over."""

    def __init__(self, home: Path) -> None:
        self._environment = shop.environment(home)
        self._running: dict[str, nursery.Running] = {}
        for name in self.names:
            self.start(name)

    names = ("follow_events", "follow_audiences", "dispatch")

    def start(self, name: str) -> None:
        if name == "dispatch":
            self._running[name] = nursery.start(_DISPATCH, environment=self._environment)
        else:
            self._running[name] = nursery.command("manage", name, environment=self._environment)

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self._running[name].kill()
        self._running[name].wait()

    def tend(self) -> None:
        """Start who has ended."""
        for name, process in list(self._running.items()):
            if process.poll() is not None:
                self.start(name)

    def close(self) -> None:
        for name in self.names:
            self.kill(name)


@contextmanager
def beside(home: Path) -> Iterator[Beside]:
    running = Beside(home)
    try:
        yield running
    finally:
        running.close()


class Audiences(Events):
    """Events that audiences ask for, with pauses: what readers wrote last is on no disk while nobody else commits."""

    def __init__(self, *, port: int, key: str, database: str, home: Path) -> None:
        super().__init__(port=port, key=key, database=database)
        self._home, self._rounds = home, 0
        self._database_url = database
        #: How far the reader of audiences was seen, how often it was farther back after a cut, and all steps of people.
        self._seen, self.taken_back, self.steps = -1, 0, 0
        self._until = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def message(self, name: int, number: int, chosen: random.Random) -> dict[str, object]:
        at = datetime.now(UTC)
        if chosen.random() < 0.4:
            at += timedelta(seconds=chosen.uniform(*_SOON)) - timedelta(hours=1)
        told = super().message(name, number, chosen)
        properties: Any = told["properties"]
        return told | {
            "event": chosen.choice(("Product Viewed", "Product Viewed", "Product Added")),
            "timestamp": at.isoformat(),
            "properties": properties | {"product_id": f"p-{number % 7}"},
        }

    def pause(self, chosen: random.Random) -> float:
        return chosen.uniform(0, 1.5)

    def _watch(self) -> None:
        while not self._until.wait(0.01):
            # Its database is cut off again and again: asked anew once there is one.
            with suppress(psycopg.Error, OSError), psycopg.connect(self._database_url, autocommit=True) as connection:
                while not self._until.wait(0.005):
                    self._seen = max(self._seen, self._place(connection))

    def _place(self, connection: "psycopg.Connection[Any]") -> int:
        rows = connection.execute("SELECT position FROM events_reader WHERE name = 'audiences'").fetchall()
        return max((int(position) for (position,) in rows), default=-1)

    def after_a_cut(self) -> None:
        with psycopg.connect(self._database_url) as connection:
            place = self._place(connection)
        self.taken_back += place < self._seen
        self._seen = place

    def faults(self) -> list[str]:
        self.after_a_cut()
        self._rounds += 1
        done = nursery.start(_COMPARE, str(self._rounds), environment=shop.environment(self._home), stdout=nursery.PIPE)
        said, _ = done.communicate()
        try:
            told = json.loads((said or "").strip().splitlines()[-1])
        except (ValueError, IndexError):
            return ["nobody could look at everybody: see above"]
        self.steps = told["steps"]
        faults: list[str] = told["faults"]
        return faults

    def remark(self) -> str:
        return f"; {self.steps:,} times somebody came or went; followers were taken back {self.taken_back} times"

    def present(self) -> Counter[str]:
        self._until.set()
        return super().present()
