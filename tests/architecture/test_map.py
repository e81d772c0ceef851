"""The picture of the house is the one the code draws."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def draw() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house_drawing", ROOT / "docs/map/draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_fresh(draw: ModuleType):
    assert draw.draw() == draw.PICTURE.read_text(), "The house has changed: run `python docs/map/draw.py`."


def test_every_room_is_in_it(draw: ModuleType):
    rooms = {room for floor in draw.floors() for room in floor.rooms}
    assert {"kit", "main", "simulator", "runtime.trail", "facts.commerce", "doors.console", "levers.loyalty"} <= rooms
    for room in rooms:
        assert f">{room.split('.')[-1]}</text>" in draw.PICTURE.read_text()


def test_what_follows_is_left_out(draw: ModuleType):
    direct = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert draw._reaches_otherwise(direct, "a", "c")
    assert not draw._reaches_otherwise(direct, "a", "b")
