"""Every command before a machine that says no: a plain line and an exit code, never a traceback."""

import json
import os
from pathlib import Path

import pytest

from regulars.runtime.postgres.tests.builders import SOURCE
from tests.stories import asking

#: Runs commands one after another in one process, as starting Python costs more than any of them.
PROGRAM = """
import json, os, sys
from click.testing import CliRunner
from regulars.main.cli import main
told = []
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(main, words)
    unforeseen = done.exception if not isinstance(done.exception, (SystemExit, type(None))) else None
    told.append([done.exit_code, done.output, repr(unforeseen) if unforeseen else ""])
print(json.dumps(told))
"""


def run(commands: list[list[str]], home: Path | str) -> list[tuple[list[str], int, str]]:
    """Exit code and words of each command. The test run's own database stays out of it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
    done = asking.program(
        PROGRAM,
        json.dumps(commands),
        environment=kept | {"REGULARS_HOME": str(home), "PYTHONPATH": SOURCE, "COLUMNS": "400"},
    )
    assert "Traceback" not in done.stderr, done.stderr
    told = json.loads(done.stdout)
    for words, (_, _, unforeseen) in zip(commands, told, strict=True):
        assert not unforeseen, (words, unforeseen)
    return [(words, code, output) for words, (code, output, _) in zip(commands, told, strict=True)]


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_home_that_is_a_file(tmp_path: Path, below: str) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("nine years")
    commands = [
        *(["up"], ["demo"], ["demo", "--fresh"], ["doctor"], ["doctor", "--json"]),
        *(["insight", "refresh"], ["keys", "state"], ["shop", "show"], ["manage", "migrate"]),
    ]
    for words, code, output in run(commands, file / below):
        assert code == 1, words
        assert str(file) in output.replace("\n", ""), words
    assert file.read_text() == "nine years"


def test_a_home_where_nothing_can_be_made() -> None:
    for words, code, output in run([["up"], ["demo"], ["doctor", "--json"]], "/proc/nowhere"):
        assert code == 1, words
        assert "/proc/nowhere" in output, words


def test_what_needs_no_home_works_without_one(tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    [(_, code, _)] = run([["simulate", "--shoppers", "20", "-o", str(orders)]], "/proc/nowhere")
    assert code == 0
    assert orders.exists()


def test_files_that_are_not_there_or_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "noise.xlsx").write_bytes(os.urandom(2_000))
    (tmp_path / "empty.csv").touch()
    lost = str(tmp_path / "missing" / "orders.csv")
    commands = [
        ["simulate", "--shoppers", "3", "-o", lost],
        ["simulate", "--shoppers", "3", "-o", str(tmp_path / "orders.docx")],
        ["simulate", "--shoppers", "3", "-o", str(tmp_path / "folder.csv")],
        ["simulate", "--shoppers", "3", "-o", str(tmp_path / "x.csv"), "--zone", "Mars/Olympus"],
        ["simulate", "--shoppers", "3", "-o", str(tmp_path / "x.csv"), "--until", "0001-01-01"],
        ["openapi", "-o", lost],
        *(["report", str(tmp_path / name)] for name in ("missing.csv", "folder.csv", "noise.xlsx", "empty.csv")),
    ]
    for words, code, _ in run(commands, tmp_path / "home"):
        assert code > 0, words
