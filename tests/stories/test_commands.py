"""The command line as a whole: quick, complete, and with a database only where one is needed."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from regulars.main import web
from regulars.main.offered import offered
from regulars.runtime import rooms
from regulars.runtime.database.needs import needs_database
from regulars.runtime.postgres.tests.builders import SOURCE
from tests.stories import asking


def test_what_help_lists_is_what_the_rooms_offer() -> None:
    declared = {command.name: module.__name__ for module in rooms.modules("commands") for command in module.COMMANDS}
    assert {name: one.module for name, one in offered().items()} == declared
    assert all(one.summary for one in offered().values())


def test_help_imports_no_room_and_no_django_app() -> None:
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "regulars", "--help"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": SOURCE},
        check=True,
    )
    assert "doctor" in said.stdout
    for heavy in ("django.db", "polars", "numpy", "granian"):
        assert heavy not in said.stderr, heavy


def test_a_command_without_a_database_starts_none(tmp_path: Path) -> None:
    simulate = next(
        command for module in rooms.modules("commands") for command in module.COMMANDS if command.name == "simulate"
    )
    assert not needs_database(simulate)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
    asked = kept | {"PYTHONPATH": SOURCE, "REGULARS_HOME": str(tmp_path / "home")}
    words = ("simulate", "--shoppers", "3", "-o", str(tmp_path / "orders.csv"))
    assert asking.regulars(*words, environment=asked).returncode == 0
    assert not (tmp_path / "home" / "postgres").exists()


def test_djangos_help_starts_no_database_either(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
    home = tmp_path / "home"
    asked = kept | {"PYTHONPATH": SOURCE, "REGULARS_HOME": str(home)}
    said = asking.regulars("manage", "help", environment=asked)
    assert said.returncode == 0
    assert "migrate" in said.stdout
    assert not (home / "run").exists()


def test_the_web_server_ends_without_a_word_about_what_was_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    frozen: list[int] = []

    class Served:
        def __init__(self, *what: object, **how: object) -> None:
            pass

        def serve(self) -> None:
            frozen.append(gc.get_freeze_count())

    monkeypatch.setattr(web, "Granian", Served)
    monkeypatch.setattr(web, "set_start_method", lambda method: None)

    web.serve(host="127.0.0.1", port=0, static=tmp_path)

    # What stays frozen at the end is reported as lost, by pages, to whoever looks at a benchmark.
    assert frozen[0] > 0
    assert gc.get_freeze_count() == 0
