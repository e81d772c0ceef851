"""`regulars bench person`: somebody among very many found by anything they are known by, and what may be shown of them,
beside one row read by its key.
"""

import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

import click
from django.db import connection, connections
from django.test import Client

from regulars.facts.customers import profiles, search
from regulars.facts.customers.profiles import Profile
from regulars.facts.sources import api_keys
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import ready, scratch
from regulars.runtime.database.needs import without_database

GOAL_MS = 10.0
#: People who told who they are, spread over all; they are the ones that are looked for.
NAMED = 2_000

#: Everybody has a reference, an address, and a profile as large as a real one, which nobody opens.
STEPS = (
    "INSERT INTO customers_customer (origin, country, first_seen_at)"
    " SELECT 'history', 'GB', now() FROM generate_series(1, %(members)s)",
    "INSERT INTO customers_identifier (customer_id, namespace, kind, value, since_at)"
    " SELECT id, 'bench', 'external', 'c' || id, now() FROM customers_customer",
    "INSERT INTO customers_identifier (customer_id, namespace, kind, digest, since_at)"
    " SELECT id, '', 'email', sha256(('e' || id)::bytea), now() FROM customers_customer WHERE id %% %(apart)s <> 0",
    "INSERT INTO customers_profile (customer_id, display_name, email, phone, email_digest, phone_digest, described_at,"
    " is_folded) SELECT id, sha256(('n' || id)::bytea) || sha256('n'), sha256(('e' || id)::bytea) || sha256('e'),"
    " sha256(('p' || id)::bytea) || sha256('p'), sha256(('e' || id)::bytea), sha256(('p' || id)::bytea), now(), true"
    " FROM customers_customer WHERE id %% %(apart)s <> 0",
    "INSERT INTO secrets_person_key (person, wrapped, master)"
    " SELECT id, sha256(('k' || id)::bytea) || sha256('k'), 'bench' FROM customers_customer WHERE id %% %(apart)s <> 0",
)
BY_KEY = "SELECT public_id, origin, country, language, first_seen_at FROM customers_customer WHERE id = %s"


@without_database
@click.command("person")
@click.option("--members", type=click.IntRange(10_000), default=1_000_000, show_default=True)
@click.option("--times", type=click.IntRange(100), default=3_000, show_default=True, help="How many are looked for.")
@click.option("--here", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def person(members: int, times: int, here: bool, as_json: bool) -> None:
    """Somebody found by reference, address or number with what may be shown of them, beside a row read by its key."""
    if not here:
        arguments = ["--members", str(members), "--times", str(times), *(["--json"] if as_json else [])]
        scratch.run(["bench", "person", "--here", *arguments])
        return
    with ready.database_ready(say=_say):
        chosen = _build(members)
        facts = {"members": members, "reads": times, "goal_ms": GOAL_MS, **measure(chosen, times)}
    click.echo(json.dumps(facts) if as_json else _told(facts))


def measure(chosen: list[int], times: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each way to read one person, turn by turn: what else the machine does disturbs all alike."""
    made = api_keys.make(name="bench", may=["members.read"], at=datetime.now(UTC), by=SYSTEM)
    client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {made.token}"})
    ways: dict[str, Callable[[int, dict[str, str]], None]] = {
        "by_key": lambda number, _: _row(number),
        "person": _person,
        "api": lambda number, asked: _answered(client, number, asked),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    # The first of each kind is what a process does once: it counts nowhere.
    for turn in range(-3, times):
        number = chosen[turn * 7919 % len(chosen)]
        for name, way in ways.items():
            began = time.perf_counter()
            way(number, _asked(number, turn))
            if turn >= 0:
                spent[name].append(1000 * (time.perf_counter() - began))
    return {
        name: {
            "p50_ms": round(statistics.median(took), 2),
            "p99_ms": round(statistics.quantiles(took, n=100, method="inclusive")[-1], 2),
            "ratio": round(statistics.median(took) / statistics.median(spent["by_key"]), 1),
        }
        for name, took in spent.items()
    }


def _asked(number: int, turn: int) -> dict[str, str]:
    return (
        {"kind": "reference", "namespace": "bench", "value": f"c{number}"},
        {"kind": "email", "namespace": "", "value": f"w{number}@mail.example"},
        {"kind": "phone", "namespace": "", "value": _phone(number)},
    )[turn % 3]


def _row(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(BY_KEY, [number])
        if len(cursor.fetchall()) != 1:
            raise AssertionError(f"there is no customer {number}")


def _person(number: int, asked: dict[str, str]) -> None:
    found = search.by_identifier(**asked)
    masked = profiles.masked([one.person.id for one in found])
    if [one.person.id for one in found] != [number] or not masked[number].email:
        raise AssertionError(f"asked for customer {number}, found {found[:3]}")


def _answered(client: Client, number: int, asked: dict[str, str]) -> None:
    answer = client.get(f"/api/v1/customers/by?{urlencode(asked)}")
    if answer.status_code != 200 or [bool(one["masked_email"]) for one in answer.json()["items"]] != [True]:
        raise AssertionError(f"asked for customer {number}, was answered {answer.status_code} {answer.content[:200]!r}")


def _build(members: int) -> list[int]:
    """The numbers of those who can be looked for."""
    apart = max(1, members // NAMED)
    with connections["default"].cursor() as cursor:
        for statement in STEPS:
            cursor.execute(statement, {"members": members, "apart": apart})
            _say(f"  {cursor.rowcount:,} rows")
        cursor.execute("SELECT id FROM customers_customer WHERE id %% %s = 0 ORDER BY id", [apart])
        chosen = [number for (number,) in cursor.fetchall()]
    profiles.describe_many(
        profiles={
            number: Profile(display_name=f"Willow {number}", email=f"w{number}@mail.example", phone=_phone(number))
            for number in chosen
        },
        key="bench",
        at=datetime.now(UTC),
        by=SYSTEM,
    )
    # What autovacuum does within a minute or so of an import.
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    return chosen


def _phone(number: int) -> str:
    return f"+86138{number % 10**8:08d}"


def _say(words: str) -> None:
    click.echo(words, err=True)


def _told(facts: dict[str, object]) -> str:
    def line(name: str, words: str) -> str:
        row = facts[name]
        assert isinstance(row, dict)
        return f"  {words:34} p50 {row['p50_ms']:6.2f} ms  p99 {row['p99_ms']:6.2f} ms  {row['ratio']:4.1f} times"

    return "\n".join(
        [
            f"person: one of {facts['members']:,} found by reference, address or number, and what may be shown"
            f" (goal: p99 {GOAL_MS:.0f} ms)",
            line("person", "found and read"),
            line("api", "asked through the API"),
            line("by_key", "beside: one row by its key"),
        ]
    )


BENCHMARKS = (person,)
