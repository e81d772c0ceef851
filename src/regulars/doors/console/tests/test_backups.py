"""Backups on their page and on Today: what could be brought back, said so that somebody looks in time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from regulars.doors.console.tests.builders import signed_in
from regulars.runtime.backup import health
from regulars.runtime.backup.keeping import KEEP_DAYS
from regulars.runtime.postgres.archive import Receiving
from regulars.runtime.preferences import preferences
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings) -> Path:
    """The database is the house's own, and its log is being copied."""
    settings.REGULARS_HOME = tmp_path
    monkeypatch.delenv("REGULARS_BACKUPS", raising=False)
    monkeypatch.setattr(health, "is_external", lambda: False)
    hear(monkeypatch, "receiving")
    (tmp_path / "backups/line-1/wal").mkdir(parents=True)
    return tmp_path / "backups"


def hear(monkeypatch: pytest.MonkeyPatch, state: str, words: str = "") -> None:
    monkeypatch.setattr(health, "receiving", lambda home: Receiving(state, "", words, "line-1"))


def a_base(folder: Path, finished_at: datetime, *, label: str = "first") -> None:
    where = folder / "line-1/bases" / label
    where.mkdir(parents=True)
    told = {
        "began_at": finished_at.isoformat(),
        "finished_at": finished_at.isoformat(),
        "server_version": "18.6",
        "timeline": 1,
        "first_lsn": "0/2000028",
        "bytes": 5_000_000,
        "files_bytes": 40_000_000,
        "master": "",
        "lookup": "",
    }
    (where / "backup.json").write_text(json.dumps(told))


def a_proof(at: datetime, *, held: bool = True, said: str = "") -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO backup_proof (began_at, seconds, base, reached_at, segments, bytes, accounts, held, said)"
            " VALUES (%s, 12.4, 'first', %s, 3, 40000000, 1234, %s, %s)",
            [at, at, held, said],
        )


def test_a_backup_that_was_proven_says_since_when_and_when_it_was_tried(folder: Path) -> None:
    at = timezone.now()
    a_base(folder, at - timedelta(hours=5))
    a_proof(at - timedelta(days=3))
    lin = signed_in("manager")
    page = lin.get("/console/backups/").content.decode()
    assert "1,234" in page
    assert "proven" in page
    assert "18.6" in page
    assert "same disk" in page
    today = lin.get("/console/").content.decode()
    assert "Last proven restore" in today
    assert "same disk" not in today


@pytest.mark.parametrize(
    ("base_age", "proof_age", "held", "state", "words"),
    [
        (None, None, True, "receiving", "There is no backup yet."),
        (timedelta(hours=40), timedelta(days=3), True, "receiving", "The newest backup is 40 hours old."),
        (timedelta(hours=5), None, True, "receiving", "No backup has been proven"),
        (timedelta(hours=5), timedelta(days=15), True, "receiving", "The last proven restore is 15 days old."),
        (timedelta(hours=5), timedelta(days=1), False, "receiving", "The last trial restore failed: base.tar.gz is"),
        (timedelta(hours=5), timedelta(days=1), True, "full", "There is no room for backups"),
        (timedelta(hours=5), timedelta(days=1), True, "broken", "What is recorded is not being copied."),
    ],
)
def test_what_somebody_has_to_look_at_is_on_today(
    folder: Path, monkeypatch, base_age, proof_age, held, state, words
) -> None:
    at = timezone.now()
    if base_age:
        a_base(folder, at - base_age)
    if proof_age:
        a_proof(at - proof_age, held=held, said="" if held else "base.tar.gz is damaged")
    hear(monkeypatch, state)
    lin = signed_in("manager")
    assert words in lin.get("/console/").content.decode()
    assert words in lin.get("/console/backups/").content.decode()


def test_days_are_kept_with_a_trail_and_impossible_ones_refused(folder: Path) -> None:
    lin = signed_in("manager")
    assert "30 days" in lin.post("/console/backups/keep", {"days": "30"}, follow=True).content.decode()
    assert preferences.read(KEEP_DAYS) == 30
    assert trail.of("preference:backup.keep_days")
    assert lin.post("/console/backups/keep", {"days": "0"}).status_code == 422


def test_of_a_database_of_ones_own_it_is_said_whose_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    lin = signed_in("manager")
    page = lin.get("/console/backups/").content.decode()
    assert "in your hands" in page
    assert "Last proven restore" not in lin.get("/console/").content.decode()


def test_it_is_said_in_chinese(folder: Path) -> None:
    a_base(folder, datetime.now(UTC) - timedelta(hours=5))
    page = signed_in("manager", language="zh-hans").get("/console/backups/").content.decode()
    assert "还没有备份经过恢复验证" in page


def test_who_has_no_business_in_the_machine_room_does_not_see_it(folder: Path) -> None:
    assert signed_in("analyst").get("/console/backups/").status_code == 403
