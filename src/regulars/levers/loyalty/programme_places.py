"""Where in a programme's file what it says stands. Pure; what it means is others' business."""

import yaml

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.told import bad

__all__ = ("refuse_twice",)


def refuse_twice(text: str) -> None:
    """Refuses a name that stands twice at one place, of which the last alone would count. Raises BadProgramme."""
    root = _root(text)
    if root is not None:
        _look(root, "", set())


def _root(text: str) -> yaml.Node | None:
    """What is no YAML is refused by who reads it."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None


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
