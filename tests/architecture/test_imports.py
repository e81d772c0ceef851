"""The import contracts hold, and each of them can fail."""

import os
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: One planted import for each contract: file, line, and the name of the contract that must notice.
PLANTED = [
    ("kit/money.py", "import regulars.facts.commerce", "Floors"),
    ("levers/messaging/gate.py", "import regulars.levers.loyalty", "Levers"),
    ("insight/warehouse/engine.py", "import regulars.insight.measures", "Insight"),
    ("facts/customers/profile.py", "import regulars.facts.commerce", "Facts"),
    ("oversight/timeline/lines.py", "import regulars.oversight.reporting", "Oversight"),
    ("doors/portal/home.py", "import regulars.doors.console", "Doors"),
    ("runtime/trail/lines.py", "import regulars.runtime.notices", "Runtime"),
    ("kit/points.py", "from django.db import models", "The kit"),
    ("levers/loyalty/rules/spend.py", "import django.db", "Rules of earning"),
    ("levers/care/desk.py", "def peep():\n    from regulars.levers.loyalty import _ledger", "Rooms are closed"),
    ("insight/measures/list.py", 'ROWS = Row._meta.get_field("who").related_model.objects', "Rooms are closed"),
    ("insight/measures/rfm.py", "import duckdb", "Only the warehouse"),
    ("oversight/reporting/charts.py", "import ibis", "Ibis"),
    ("levers/loyalty/points.py", "from urllib.request import urlopen", "Only channels"),
]


def lint(folder: Path) -> tuple[int, dict[str, bool], str]:
    """Exit code, contract -> kept, and everything printed, for the house in `folder`/src."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = {}
    for line in done.stdout.splitlines():
        for word in (" KEPT", " BROKEN"):
            if line.endswith(word):
                verdicts[line.removesuffix(word)] = word == " KEPT"
    return done.returncode, verdicts, done.stdout + done.stderr


@pytest.fixture
def empty_house(tmp_path: Path) -> Path:
    """The house's floors and rooms with nothing in them, under the same contracts."""
    for package in (ROOT / "src").rglob("__init__.py"):
        if not {"tests", "migrations"} & set(package.parts):
            inside = tmp_path / package.relative_to(ROOT)
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.touch()
    (tmp_path / "src/regulars/__main__.py").touch()
    for module in ("rooms", "checkups", "collecting", "disk", "stopping"):
        (tmp_path / f"src/regulars/runtime/{module}.py").touch()
    (tmp_path / "src/regulars/levers/loyalty/_ledger.py").touch()
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_the_house_keeps_its_contracts():
    code, verdicts, told = lint(ROOT)
    assert code == 0, told
    assert len(verdicts) >= len({contract for _, _, contract in PLANTED})
    assert all(verdicts.values()), told


def test_there_is_no_ignore_list():
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    assert not [section for section in contracts.sections() if "ignore_imports" in contracts[section]]


def test_an_empty_house_is_clean(empty_house: Path):
    code, verdicts, told = lint(empty_house)
    assert code == 0, told
    assert all(verdicts.values())


def test_every_contract_notices_what_it_forbids(empty_house: Path):
    for file, line, _ in PLANTED:
        with (empty_house / "src/regulars" / file).open("a") as module:
            module.write(line + "\n")
    code, verdicts, told = lint(empty_house)
    assert code == 1
    broken = {name for name, kept in verdicts.items() if not kept}
    assert len(broken) == len(verdicts), told
    for _, _, contract in PLANTED:
        assert any(name.startswith(contract) for name in broken), (contract, told)
    assert "regulars.levers.care.desk looks into regulars.levers.loyalty._ledger" in told
    assert "regulars.insight.measures.list takes tables through related_model" in told
    assert "regulars.levers.loyalty.points imports urllib.request" in told


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("levers/loyalty/points.py", "from regulars.levers.loyalty import _ledger"),
        ("insight/warehouse/engine.py", "import duckdb"),
        ("insight/measures/rfm.py", "import ibis"),
        ("oversight/outbound/hooks.py", "import httpx"),
        ("doors/api/paths.py", "from urllib.parse import urlsplit"),
    ],
)
def test_contracts_let_pass_what_is_right(empty_house: Path, file: str, line: str):
    (empty_house / "src/regulars" / file).write_text(line + "\n")
    code, _, told = lint(empty_house)
    assert code == 0, told
