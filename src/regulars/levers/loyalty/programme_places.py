"""Where in a programme's file what it says stands. Pure; what it means is others' business."""

import re
from collections.abc import Iterator

import yaml

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.told import BadProgramme, bad

__all__ = ("refuse_twice", "spoken")

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def refuse_twice(text: str) -> None:
    """Refuses a name that stands twice at one place, of which the last alone would count. Raises BadProgramme."""
    root = _root(text)
    if root is not None:
        _look(root, "", set())


def spoken(refused: BadProgramme, text: str) -> BadProgramme:
    """The same, and its words name a rule, or what else is one of a list, by its id, and the line it stands in; `field`
    stays as it is, for programs."""
    field = str(refused.facts.get("field", ""))
    steps = list(_steps(_root(text), field))
    line = steps[-1][1] if steps else 0
    if not line or not refused.message.startswith(field):
        return refused
    named = "".join(step for step, _line in steps).lstrip(".")
    place = _("%(place)s (line %(line)s)") % {"place": named, "line": line}
    return BadProgramme(place + refused.message.removeprefix(field), **refused.facts)


def _root(text: str) -> yaml.Node | None:
    """What is no YAML is refused by who reads it."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None


def _steps(root: yaml.Node | None, field: str) -> Iterator[tuple[str, int]]:
    """Each step of a place, as people are told it, with its line; what is not there has that of the last that is."""
    node, line = root, 0
    for found in _STEP.finditer(field):
        place, key = found[1], found[2]
        if place is not None:
            step = f"[{place}]"
            if isinstance(node, yaml.SequenceNode) and int(place) < len(node.value):
                node = node.value[int(place)]
                line = node.start_mark.line + 1
                step = f"[{_id_of(node) or place}]"
            else:
                node = None
        else:
            step = f".{key}"
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            at, node = next(((one, value) for one, value in reversed(pairs) if one.value == key), (None, None))
            line = line if at is None else at.start_mark.line + 1
        yield step, line


def _id_of(node: yaml.Node) -> str:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next(
        (str(value.value) for key, value in pairs if key.value == "id" and isinstance(value, yaml.ScalarNode)), ""
    )


def _look(node: yaml.Node, place: str, seen: set[int]) -> None:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, one in enumerate(node.value):
            _look(one, f"{place}[{number}]", seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                here, line = f"{place}.{key.value}".lstrip("."), key.start_mark.line + 1
                if key.value in lines:
                    mend = _("it stands there twice, in line %(first)s and line %(line)s; leave one of them out")
                    raise bad(here, key.value, mend % {"first": lines[key.value], "line": line})
                lines[key.value] = line
                _look(value, here, seen)
