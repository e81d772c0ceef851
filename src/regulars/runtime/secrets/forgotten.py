"""Who was forgotten, kept as a list of numbers beside the backups: a restored database has their keys again, and the
list says whom to forget anew. Never anything of them but their number."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from regulars.runtime.secrets.models import ForgottenPerson

LIST = "forgotten.jsonl"
_AGAIN = """
INSERT INTO secrets_forgotten (person, at, again_at)
SELECT told.person, told.at, now() FROM unnest(%s::bigint[], %s::timestamptz[]) AS told(person, at)
ON CONFLICT (person) DO UPDATE SET at = excluded.at, again_at = excluded.again_at
"""


@dataclass(frozen=True)
class Forgotten:
    """A person's number, and when they were forgotten."""

    person: int
    at: datetime


def listed(folder: Path) -> list[Forgotten]:
    """What the list in a folder of backups says; what a cut left of its last line is passed over."""
    try:
        lines = (folder / LIST).read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        # Nobody was forgotten since backups are kept here.
        return []
    found = []
    for line in lines:
        try:
            told = json.loads(line)
            found.append(Forgotten(int(told["person"]), datetime.fromisoformat(told["at"])))
        except (ValueError, KeyError, TypeError):
            # Cut off by a crash: `keep` has written it again on a line of its own.
            continue
    return found


def keep(folder: Path) -> int:
    """Add to the list whoever was forgotten and does not stand on it yet; on the disk when it returns. How many."""
    there = set(listed(folder))
    rows = [Forgotten(*row) for row in ForgottenPerson.objects.order_by("at").values_list("person", "at")]
    new = [one for one in rows if one not in there]
    if new:
        descriptor = os.open(folder / LIST, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            # Begun on a line of its own: the last one may have been cut off.
            out.write("".join(f"\n{json.dumps({'person': one.person, 'at': one.at.isoformat()})}" for one in new))
            out.flush()
            os.fsync(out.fileno())
    return len(new)


def again(database: str, since: datetime, told: Iterable[Forgotten]) -> int:
    """Forget anew, in a restored database, whoever was forgotten after `since`, the last that it knows of. How many had
    a key again."""
    later = {one.person: one.at for one in told if one.at > since}
    if not later:
        return 0
    people, moments = list(later), list(later.values())
    with psycopg.connect(database) as connection:
        gone = connection.execute("DELETE FROM secrets_person_key WHERE person = ANY(%s)", [people]).rowcount
        row = connection.execute("SELECT to_regclass('secrets_forgotten') IS NOT NULL").fetchone()
        # A base of before this release has no such table yet; their keys are gone all the same.
        if row is not None and row[0]:
            connection.execute(_AGAIN, [people, moments])
    return gone


def lately_again(since: datetime) -> tuple[int, datetime] | None:
    """How many were forgotten anew by a restore since then, and when the last was. None: nobody. One query."""
    moments = list(ForgottenPerson.objects.filter(again_at__gte=since).values_list("again_at", flat=True))
    known = [moment for moment in moments if moment is not None]
    return (len(known), max(known)) if known else None
