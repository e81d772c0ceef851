"""Every room introduces itself, keeps its door empty and has no drawer for odds and ends."""

import ast
import re
from pathlib import Path

import pytest

from regulars.main.rooms import ROOMS

HOUSE = Path(__file__).resolve().parents[2] / "src/regulars"
FLOORS = ("runtime", "facts", "insight", "levers", "oversight", "doors")
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "tools", "shared", "base"}

#: Where an import may stand that does not begin its line.
INDENTED = re.compile(r"(?:^[ \t]+|[;:\\]\s*)(?:import|from)\b", re.MULTILINE)


def rooms(house: Path) -> list[Path]:
    """Folders of the rooms: the children of the six shared floors, and the floors that are one room."""
    shared = [room for floor in FLOORS if (house / floor).is_dir() for room in (house / floor).iterdir()]
    alone = [floor for floor in house.iterdir() if floor.name not in FLOORS]
    return sorted(room for room in [*shared, *alone] if (room / "__init__.py").exists())


def faults(house: Path) -> list[str]:
    found = []
    for room in rooms(house):
        name = room.relative_to(house).as_posix()
        if (room / "__init__.py").read_text().strip():
            found.append(f"{name}/__init__.py is not empty")
        readme = room / "README.md"
        if not readme.exists() or not readme.read_text().startswith("# "):
            found.append(f"{name} has no README.md that begins with its name")
    for path in sorted(house.rglob("*.py")):
        named = path.parent.name if path.name == "__init__.py" else path.stem
        if named.strip("_") in DRAWERS:
            found.append(f"{path.relative_to(house).as_posix()} is a drawer for odds and ends")
        if "tests" not in path.parts:
            found += [
                f"{path.relative_to(house).as_posix()}:{line} imports inside a function"
                for line in inner_imports(path.read_text())
            ]
    return found


def inner_imports(source: str) -> list[int]:
    # Most files have none that could be within anything: no tree is made of them.
    if not INDENTED.search(source):
        return []
    functions = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    inner = {n.lineno for f in functions for n in ast.walk(f) if isinstance(n, ast.Import | ast.ImportFrom)}
    return sorted(inner)


def test_the_house_is_in_order():
    assert faults(HOUSE) == []


def test_the_house_has_all_its_rooms():
    assert len(rooms(HOUSE)) >= 38
    assert {room.removeprefix("regulars.").replace(".", "/") for room in ROOMS} <= {
        room.relative_to(HOUSE).as_posix() for room in rooms(HOUSE)
    }


def test_a_room_with_models_is_in_the_tuple():
    named = {room.removeprefix("regulars.").replace(".", "/") for room in ROOMS}
    with_models = {room.relative_to(HOUSE).as_posix() for room in rooms(HOUSE) if (room / "models.py").exists()}
    assert with_models <= named


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("facts/orders/__init__.py", "from .verbs import record\n", "facts/orders/__init__.py is not empty"),
        ("facts/orders/README.md", "", "facts/orders has no README.md that begins with its name"),
        ("facts/orders/utils.py", "", "facts/orders/utils.py is a drawer for odds and ends"),
        ("facts/orders/_helpers.py", "", "facts/orders/_helpers.py is a drawer for odds and ends"),
        ("facts/orders/common/__init__.py", "", "facts/orders/common/__init__.py is a drawer for odds and ends"),
        ("facts/orders/verbs.py", "def f():\n    import os\n", "facts/orders/verbs.py:2 imports inside a function"),
    ],
)
def test_each_fault_is_seen(tmp_path: Path, file: str, text: str, fault: str):
    room = tmp_path / "facts/orders"
    (room / "common").mkdir(parents=True)
    (room / "__init__.py").touch()
    (room / "README.md").write_text("# orders\n")
    (room / "verbs.py").write_text("import os\n")
    assert faults(tmp_path) == []
    (tmp_path / file).write_text(text)
    assert faults(tmp_path) == [fault]
