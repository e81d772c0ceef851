"""Imports of customers and of events that are killed on their way, and started anew."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from django.db import connection

from regulars.doors.imports import commands, customers, event_files
from regulars.doors.imports.tests.builders import text_of
from regulars.runtime.serving.tests.nursery import Nursery
from tests.often import LONGER

#: Small batches: there are moments between them to be killed at.
BATCH = 100
SMALL = f"""
from regulars.doors.imports import commands, customers, event_files
customers.BATCH = event_files.BATCH = {BATCH}
"""
STATES = {
    "customers": """
        SELECT coalesce(string_agg(one::text, ' ' ORDER BY one::text), '') FROM (
            SELECT identifier.value, customer.country, customer.first_seen_at, profile.email_digest,
                   profile.phone_digest, profile.address IS NULL AS has_none, count(prefix.id) AS prefixes,
                   (SELECT count(*) FROM customers_description AS told WHERE told.customer_id = customer.id) AS told
              FROM customers_customer AS customer
              JOIN customers_identifier AS identifier ON identifier.customer_id = customer.id AND namespace <> ''
              LEFT JOIN customers_profile AS profile ON profile.customer_id = customer.id
              LEFT JOIN customers_name_prefix AS prefix ON prefix.customer_id = customer.id
             GROUP BY 1, 2, 3, 4, 5, 6, customer.id) AS one""",
    "events": """
        SELECT coalesce(string_agg(one::text, ' ' ORDER BY one::text), '') FROM (
            SELECT name, user_ref, visitor, message_id, occurred_at, origin, data,
                   (SELECT count(*) FROM events_hidden AS hidden WHERE hidden.event = event.id) AS hidden
              FROM events_event AS event) AS one""",
}
COUNTS = {"customers": "SELECT count(*) FROM customers_customer", "events": "SELECT count(*) FROM events_seen"}


def a_long_file(folder: Path, kind: str) -> Path:
    """So many that it takes a while."""
    if kind == "customers":
        rows = [
            {
                "customer": f"c{number}",
                "name": f"Ines {number}",
                "email": f"ines{number}@example.org",
                "phone": f"138{number:08d}",
                "address": "3 Kings Road" if number % 3 else "",
                "country": "CN",
                "first_seen": f"2023-01-{number % 28 + 1:02d}",
            }
            for number in range(500 * LONGER)
        ]
    else:
        rows = [
            {
                "event": "Product Viewed" if number % 4 else "Product Reviewed",
                "time": f"2024-{number % 12 + 1:02d}-{number % 28 + 1:02d} 10:00:{number % 60:02d}",
                "user_id": f"c{number % 700}",
                "price": f"{number % 90}.50",
                "email": f"ines{number % 700}@example.org" if number % 50 == 0 else "",
                "place": str(number),
            }
            for number in range(1_500 * LONGER)
        ]
    path = folder / "long.csv"
    path.write_text(text_of(rows))
    return path


def asked(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return str(cursor.fetchone()[0])


def run(kind: str, path: Path) -> Result:
    """The same in this process, to its end."""
    return CliRunner().invoke(commands.import_group, [kind, str(path), "--json"], catch_exceptions=False)


@pytest.mark.crash
@pytest.mark.longer
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["customers", "events"])
def test_killed_and_run_again_it_ends_as_if_nothing_had_happened(
    tmp_path: Path, fresh_databases: Any, kind: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    for room in (customers, event_files):
        monkeypatch.setattr(room, "BATCH", BATCH)
    # The same keys here and there.
    settings.REGULARS_HOME = tmp_path
    path = a_long_file(tmp_path, kind)
    killed_at: list[int] = []
    with (
        fresh_databases() as reached,
        Nursery(reached | {"REGULARS_HOME": str(tmp_path)}, first=SMALL) as nursery,
    ):
        for most in (0, 150):
            process = nursery.start("import", kind, str(path), "--json")
            while process.poll() is None:
                if (count := int(asked(COUNTS[kind]))) > most:
                    process.kill()
                    killed_at.append(count)
                    break
                time.sleep(0.005)
            process.wait()
        last = run(kind, path)
        interrupted = asked(STATES[kind])
        states = asked("SELECT string_agg(state, ' ' ORDER BY id DESC) FROM sources_import_run").split()
    with fresh_databases():
        calm = run(kind, path)
        uninterrupted = asked(STATES[kind])

    assert last.exit_code == 0, last.output
    assert killed_at
    assert states[0] == "done"
    assert "running" not in states
    assert "interrupted" in states
    assert calm.exit_code == 0, calm.output
    assert interrupted == uninterrupted
    assert len(interrupted) > 15_000 * LONGER
    assert json.loads(last.stdout)["totals"] == json.loads(calm.stdout)["totals"]
