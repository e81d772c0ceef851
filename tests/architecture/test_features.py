"""`docs/features.md` promises nothing without a proof that exists."""

import re
import symtable
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import click
import pytest

from regulars.main import cli

ROOT = Path(__file__).resolve().parents[2]
STATES = {"works", "partly", "not yet"}


def rows(page: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every table row with a promise in it."""
    for number, line in enumerate(page.splitlines(), start=1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0] != "promise" and not set(line) <= set("|-: "):
            yield number, cells


def faults(root: Path) -> Iterator[str]:
    page = (root / "docs/features.md").read_text()
    seen = set()
    for number, cells in rows(page):
        if len(cells) != 3:
            yield f"line {number}: {len(cells)} cells instead of promise | state | proof"
            seen.add(cells[0])
            continue
        promise, state, proof = cells
        if promise in seen:
            yield f"line {number}: promised twice"
        seen.add(promise)
        if state not in STATES:
            yield f"line {number}: the state {state!r} is none of {', '.join(sorted(STATES))}"
            continue
        proofs = re.findall(r"`([^`]+)`", proof)
        if state != "not yet" and not proofs:
            yield f"line {number}: says {state!r} and names no proof"
        for one in proofs:
            if (why := why_missing(root, one)) is not None:
                yield f"line {number}: {one}: {why}"
    if not seen:
        yield "there is no promise in it"


def why_missing(root: Path, proof: str) -> str | None:
    """Why the proof cannot be run; None where it can."""
    first, *words = proof.split()
    if first == "make":
        makefile = (root / "Makefile").read_text() if (root / "Makefile").exists() else ""
        known = re.search(rf"^{re.escape(words[0])}\s*:", makefile, re.MULTILINE)
        return None if known else f"the Makefile has no target {words[0]}"
    if first == "regulars":
        return why_no_command(words)
    path, _, name = proof.partition("::")
    file = root / path
    if not name or not file.is_file():
        return "is neither path::test nor a make or regulars command" if not name else "there is no such file"
    wanted = name.split("[")[0].split("::")
    return None if set(wanted) <= _names(file) else "there is no such test in the file"


@lru_cache
def _names(file: Path) -> frozenset[str]:
    # A file is the proof of many promises. The compiler's own tables take a tenth of what its trees take.
    return frozenset(_defined(symtable.symtable(file.read_text(), str(file), "exec")))


def _defined(table: symtable.SymbolTable) -> Iterator[str]:
    for inner in table.get_children():
        if inner.get_type() in ("function", "class"):
            yield inner.get_name()
        yield from _defined(inner)


def why_no_command(words: list[str]) -> str | None:
    command: click.Command = cli.main
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            break
        found = command.get_command(click.Context(command), word)
        if found is None:
            return f"there is no command {word}"
        command = found
    return None


def test_every_promise_has_its_proof():
    assert list(faults(ROOT)) == []


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("| Points | works | |", "line 3: says 'works' and names no proof"),
        ("| Points | soon | |", "line 3: the state 'soon' is none of not yet, partly, works"),
        ("| Points | works |", "line 3: 2 cells instead of promise | state | proof"),
        ("| Points | works | `make gold` |", "line 3: make gold: the Makefile has no target gold"),
        ("| Points | works | `regulars fly` |", "line 3: regulars fly: there is no command fly"),
        (
            "| Points | works | `tests/test_no.py::test_it` |",
            "line 3: tests/test_no.py::test_it: there is no such file",
        ),
        (
            "| Points | works | `tests/test_points.py::test_no` |",
            "line 3: tests/test_points.py::test_no: there is no such test in the file",
        ),
        (
            "| Points | works | `tests/test_points.py` |",
            "line 3: tests/test_points.py: is neither path::test nor a make or regulars command",
        ),
    ],
)
def test_an_empty_promise_is_seen(tmp_path: Path, row: str, fault: str):
    (tmp_path / "docs").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "Makefile").write_text("demo: .venv\n")
    (tmp_path / "tests/test_points.py").write_text("def test_it(): ...\n")
    good = "| Points | works | `make demo`, `regulars manage check`, `tests/test_points.py::test_it[a]` |"
    (tmp_path / "docs/features.md").write_text(f"| promise | state | proof |\n|---|---|---|\n{good}\n")
    assert list(faults(tmp_path)) == []
    (tmp_path / "docs/features.md").write_text(f"| promise | state | proof |\n|---|---|---|\n{row}\n")
    assert list(faults(tmp_path)) == [fault]


def test_an_empty_table_is_seen(tmp_path: Path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/features.md").write_text("# Features\n")
    assert list(faults(tmp_path)) == ["there is no promise in it"]
