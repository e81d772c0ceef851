"""The YAML text of a programme's file, changed here and there: what is not changed stays byte for byte as it was
written, comments included. Pure; what it says is others' business."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import yaml

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.told import BadProgramme, bad

Path = tuple[str | int, ...]
_PLAIN = re.compile(r"[^\W\d_][\w '-]*")


@lru_cache(maxsize=16)
def parsed(text: str, field: str) -> tuple[yaml.MappingNode, dict[str, Any]]:
    """The nodes of a text with their places in it, and what they say; neither is ever changed. `field`: what is to be
    changed, for who is refused."""
    loader = yaml.SafeLoader(text)
    root = loader.get_single_node()
    assert isinstance(root, yaml.MappingNode)
    seen: set[int] = set()
    for node in _nodes(root):
        # What is written once and meant twice would be changed twice.
        if id(node) in seen or node.tag == "tag:yaml.org,2002:merge":
            raise by_hand(field, "&")
        seen.add(id(node))
    return root, loader.construct_document(root)


def _nodes(node: yaml.Node) -> Iterator[yaml.Node]:
    yield node
    if isinstance(node, yaml.CollectionNode):
        for part in node.value:
            for one in part if isinstance(part, tuple) else (part,):
                yield from _nodes(one)


class Text:
    """A text with changes to it, which do not overlap. `field`: what they change, for who is refused."""

    def __init__(self, text: str, field: str) -> None:
        self.text, self._field, self._changes = text, field, list[tuple[int, int, str]]()

    def end(self, node: yaml.Node) -> int:
        """Where what a node says ends; comments and empty lines below it are not its own."""
        if isinstance(node, yaml.ScalarNode):
            whole = self.text[node.start_mark.index : node.end_mark.index]
            return node.start_mark.index + len(whole.rstrip() if node.style in ("|", ">") else whole)
        assert isinstance(node, yaml.CollectionNode)
        if node.flow_style or not node.value:
            return int(node.end_mark.index)
        last = node.value[-1]
        return self.end(last[1] if isinstance(node, yaml.MappingNode) else last)

    def line_end(self, index: int) -> int:
        """Where its line ends."""
        found = self.text.find("\n", index)
        return len(self.text) if found < 0 else found

    def change(self, since: int, until: int, text: str) -> None:
        """That stands there instead."""
        self._changes.append((since, until, text))

    def put(self, node: yaml.MappingNode, key: str, source: str) -> None:
        """Say it at a key, there or not."""
        value = value_of(node, key)
        if value is not None:
            since, until = value.start_mark.index, self.end(value)
            self.change(since, until, source if until > since else f" {source}")
            return
        column = node.start_mark.column
        single = [one for _key, one in node.value if getattr(one, "style", None) not in ("|", ">") and _is_in_line(one)]
        if node.flow_style:
            since = self.end(node.value[-1][1]) if node.value else node.start_mark.index + 1
            self.change(since, since, f", {key}: {source}" if node.value else f"{key}: {source}")
        elif single:
            since = self.end(single[0])
            self.change(since, since, f"\n{' ' * column}{key}: {source}")
        else:
            self.change(node.start_mark.index, node.start_mark.index, f"{key}: {source}\n{' ' * column}")

    def put_all(self, node: yaml.MappingNode, key: str, told_of: Mapping[str, str]) -> None:
        """Say all of that under a key, in the order it is told."""
        if not told_of:
            return
        under = value_of(node, key)
        if isinstance(under, yaml.MappingNode) and under.value:
            there = [name for name in told_of if value_of(under, name) is not None]
            for name in there:
                self.put(under, name, told_of[name])
            new = [f"{name}: {source}" for name, source in told_of.items() if name not in there]
            if new:
                # Together: two changes at one place would have no order.
                first, *rest = new
                self.put(under, first.partition(": ")[0], _joined(first.partition(": ")[2], rest, under))
        else:
            self.put(node, key, "{" + ", ".join(f"{name}: {source}" for name, source in told_of.items()) + "}")

    def drop(self, node: yaml.MappingNode, key: str) -> None:
        """Say nothing at a key."""
        place = next((place for place, (one, _value) in enumerate(node.value) if one.value == key), None)
        if place is not None:
            self._take(node, [(one.start_mark.index, self.end(value)) for one, value in node.value], place)

    def drop_item(self, node: yaml.SequenceNode, place: int) -> None:
        """Take one out of a list."""
        since = [one.start_mark.index for one in node.value]
        if not node.flow_style:
            since = [self.text.rindex("-", 0, one) for one in since]
        self._take(
            node, [(one, self.end(item)) for one, item in zip(since, node.value, strict=True)], place, lines=True
        )

    def _take(
        self, node: yaml.CollectionNode, parts: Sequence[tuple[int, int]], place: int, *, lines: bool = False
    ) -> None:
        since, until = parts[place]
        if node.flow_style and place:
            self.change(parts[place - 1][1], until, "")
        elif (node.flow_style or (not place and not lines)) and place + 1 < len(parts):
            self.change(since, parts[place + 1][0], "")
        elif node.flow_style:
            self.change(since, until, "")
        else:
            self.change(self.text.rfind("\n", 0, since) + 1, min(self.line_end(until) + 1, len(self.text)), "")

    def made(self, since: int = 0, until: int | None = None) -> str:
        """The text, or that part of it, as changed."""
        until = len(self.text) if until is None else until
        found, here = [], since
        for begins, ends, text in sorted(self._changes):
            if begins < here:
                raise by_hand(self._field, text)
            found += [self.text[here:begins], text]
            here = min(ends, until)
        return "".join([*found, self.text[here:until]])


def _is_in_line(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) or bool(getattr(node, "flow_style", False))


def value_of(node: yaml.MappingNode, key: str) -> Any:
    """The node at a key; None where nothing is."""
    return next((value for one, value in reversed(node.value) if one.value == key), None)


def at(node: Any, path: Path) -> Any:
    """The node to which a path of keys and places leads."""
    for step in path:
        node = node.value[step] if isinstance(step, int) else value_of(node, step)
    return node


def items(root: Any, key: str) -> list[Any]:
    """The nodes of a list at a key, as far as one is."""
    found = value_of(root, key)
    return found.value if isinstance(found, yaml.SequenceNode) else []


def says(node: Any, key: str) -> str:
    """The word at a key; "" where none is."""
    value = value_of(node, key)
    return str(value.value) if isinstance(value, yaml.ScalarNode) else ""


def _joined(source: str, rest: Sequence[str], node: yaml.MappingNode) -> str:
    between = ", " if node.flow_style else "\n" + " " * node.start_mark.column
    return between.join([source, *rest])


def by_hand(field: str, value: str) -> BadProgramme:
    """The refusal of what cannot be said by changing the text here and there."""
    return bad(field, value, _("the file is written in a way that only its text can be changed; change it there"))


def plain_number(told_as: str) -> str:
    """As a number is written; what is none as it is."""
    plain = told_as.strip()
    return str(int(plain)) if plain.isdecimal() and len(plain) <= 18 else plain


def text(value: str) -> str:
    """As YAML says a text, also one of digits alone."""
    return f'"{value}"' if value.isascii() and value.isdigit() else source(value)


def source(value: str | bool) -> str:
    """As YAML says it, in a line, within brackets or without."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value.isascii() and value.isdigit() and plain_number(value) == value and len(value) <= 18:
        return value
    if _PLAIN.fullmatch(value) and value == value.strip() and yaml.safe_load(value) == value:
        return value
    found = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=10**6)
    return str(found).strip()
