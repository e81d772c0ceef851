"""Draws `house.svg` from the code: floors and rooms as the import contracts stack them, arrows as the imports go.

    python docs/map/draw.py          # writes house.svg beside this file

An arrow from A to B means a module of A imports one of B. Arrows that follow from others are left out, so that what is
seen is the skeleton: if A reaches B through C, only A → C → B is drawn. Tests' imports do not count.
"""

from configparser import ConfigParser
from dataclasses import dataclass
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]
PICTURE = Path(__file__).with_name("house.svg")

LEFT, BOX_WIDTH, BOX_HEIGHT, GAP, FLOOR_HEIGHT, MARGIN = 150, 104, 34, 10, 92, 24
#: What each floor is for, in a few words.
SAYINGS = {
    "main": "puts it together",
    "simulator": "known truth",
    "doors": "how outsiders come in",
    "oversight": "looks across",
    "levers": "what we do",
    "insight": "what we conclude",
    "facts": "who, what happened",
    "runtime": "the plumbing",
    "kit": "pure values",
}


@dataclass(frozen=True)
class Floor:
    """`rooms` from the highest layer to the lowest; a floor that is one room has its own name in it."""

    name: str
    rooms: tuple[str, ...]


def floors() -> list[Floor]:
    """The house from the roof down, in the order of `.importlinter`."""
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = {
        section["containers"].strip(): [n.strip() for line in section["layers"].split("\n") for n in line.split("|")]
        for section in contracts.values()
        if section.get("type") == "layers"
    }
    # Doors have no order among themselves; their contract lists them as strangers.
    layers["regulars.doors"] = [
        m.rsplit(".")[-1] for m in contracts["importlinter:contract:doors"]["modules"].split("\n")
    ]
    return [
        Floor(name, tuple(f"{name}.{room}" for room in layers.get(f"regulars.{name}", []) if room) or (name,))
        for name in layers["regulars"]
        if name
    ]


def imports(house: list[Floor]) -> dict[str, set[str]]:
    """Room -> rooms it imports, without those that follow from the others."""
    graph = grimp.build_graph("regulars", cache_dir=None)
    rooms = [room for floor in house for room in floor.rooms]
    direct: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        if "tests" in module.split("."):
            continue
        for imported in graph.find_modules_directly_imported_by(module):
            a, b = _room_of(module, rooms), _room_of(imported, rooms)
            if a and b and a != b:
                direct[a].add(b)
    return {room: {b for b in below if not _reaches_otherwise(direct, room, b)} for room, below in direct.items()}


def _room_of(module: str, rooms: list[str]) -> str | None:
    inside = module.removeprefix("regulars.")
    return next((room for room in rooms if f"{inside}.".startswith(f"{room}.")), None)


def _reaches_otherwise(direct: dict[str, set[str]], start: str, end: str) -> bool:
    seen, ahead = set(), list(direct[start] - {end})
    while ahead:
        room = ahead.pop()
        if room == end:
            return True
        if room not in seen:
            seen.add(room)
            ahead.extend(direct[room])
    return False


def is_furnished(room: str) -> bool:
    """Whether there is code in the room."""
    place = ROOT / "src/regulars" / room.replace(".", "/")
    code = (file for file in place.rglob("*.py") if file.name != "__init__.py" and "tests" not in file.parts)
    return place.with_suffix(".py").exists() or any(code)


def draw() -> str:
    """The picture as SVG text, ending in a line end. Same code, same text."""
    house = floors()
    widest = max(len(floor.rooms) for floor in house)
    step = BOX_WIDTH + GAP
    at = {
        room: (LEFT + (widest - len(floor.rooms)) * step // 2 + place * step, MARGIN + level * FLOOR_HEIGHT + 22)
        for level, floor in enumerate(house)
        for place, room in enumerate(floor.rooms)
    }
    width = LEFT + widest * step + MARGIN
    height = MARGIN * 2 + FLOOR_HEIGHT * len(house) + 22
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' role="img" aria-label="The house: floors, rooms and imports">',
        "<style>text{font:12px system-ui,sans-serif;fill:#22301f}.f{font-weight:600}.s{font-size:10px;fill:#66735f}"
        ".r{fill:#eef5ea;stroke:#4c8a3a}.e{fill:#fff;stroke:#b8c2b2;stroke-dasharray:3 3}.a{fill:none;stroke:#4c8a3a;"
        "stroke-opacity:.5}</style>",
        '<defs><marker id="t" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L6 3L0 6z" fill="#4c8a3a" fill-opacity=".6"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for level, floor in enumerate(house):
        top = MARGIN + level * FLOOR_HEIGHT
        parts.append(f'<rect x="8" y="{top}" width="{width - 16}" height="{FLOOR_HEIGHT - 12}" rx="6" fill="#f8faf6"/>')
        parts.append(f'<text class="f" x="18" y="{top + 38}">{escape(floor.name)}</text>')
        parts.append(f'<text class="s" x="18" y="{top + 54}">{escape(SAYINGS[floor.name])}</text>')
    for room, below in imports(house).items():
        parts += [_arrow(at[room], at[other]) for other in sorted(below)]
    for room, (x, y) in at.items():
        look = "r" if is_furnished(room) else "e"
        parts.append(f'<rect class="{look}" x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="4"/>')
        name = escape(room.split(".")[-1])
        parts.append(f'<text x="{x + BOX_WIDTH // 2}" y="{y + 21}" text-anchor="middle">{name}</text>')
    parts.append(
        f'<text class="s" x="{LEFT}" y="{height - 12}">An arrow: imports; one that follows from others is left out. '
        "A dashed room is still empty.</text></svg>"
    )
    return "\n".join(parts) + "\n"


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = start, end
    x1, x2, middle = x1 + BOX_WIDTH // 2, x2 + BOX_WIDTH // 2, BOX_HEIGHT
    if y1 == y2:
        dip = y1 + middle + 26
        return (
            f'<path class="a" marker-end="url(#t)" d="M{x1} {y1 + middle}C{x1} {dip},{x2} {dip},{x2} {y2 + middle}"/>'
        )
    turn = (y2 - y1 - middle) // 2
    path = f"M{x1} {y1 + middle}C{x1} {y1 + middle + turn},{x2} {y2 - turn},{x2} {y2}"
    return f'<path class="a" marker-end="url(#t)" d="{path}"/>'


if __name__ == "__main__":
    PICTURE.write_text(draw())
