"""As much GraphQL as a shop's answers need: one operation with variables, aliases, arguments; a plain object graph.

A field that the graph does not have is an error, as at the real thing: a query that asks for what the documents do not
name fails here, too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r'\s+|,|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>-?\d+)|(?P<text>"[^"]*")|(?P<sign>\.\.\.|[{}()\[\]:$!=])'
)


class Wrong(Exception):
    """The query asks for what there is not."""


@dataclass
class Asked:
    """One field: under which name it comes back, what it is, with which arguments, and what of it."""

    alias: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    inside: list["Asked"] = field(default_factory=list)


def answer(query: str, variables: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """The `data` of an answer."""
    return _resolve(root, parse(query, variables))


def parse(query: str, variables: Mapping[str, Any]) -> list[Asked]:
    tokens = [found for found in _TOKEN.finditer(query) if found.lastgroup]
    words = [found.group() for found in tokens]
    return _Parser(words, variables).operation()


def cost(asked: list[Asked]) -> int:
    """What it costs at most: one for an object, two and as many as asked for of a connection or list."""
    total = 0
    for one in asked:
        if not one.inside:
            continue
        many = one.arguments.get("first")
        nodes = next((inner.inside for inner in one.inside if inner.name == "nodes"), None)
        within = cost(nodes if nodes is not None else one.inside)
        total += 1 + within if many is None else 2 + many * (1 + within)
    return total


class _Parser:
    def __init__(self, words: list[str], variables: Mapping[str, Any]) -> None:
        self.words, self.variables, self.at = words, variables, 0

    def take(self, wanted: str | None = None) -> str:
        word = self.words[self.at]
        if wanted is not None and word != wanted:
            raise Wrong(f"{word} where {wanted} belongs")
        self.at += 1
        return word

    def peek(self) -> str:
        return self.words[self.at]

    def operation(self) -> list[Asked]:
        if self.take() not in {"query", "mutation"}:
            raise Wrong("no operation")
        self.take()
        if self.peek() == "(":
            self.take()
            while self.peek() != ")":
                if self.take() == "$":
                    name = self.take()
                    self.take(":")
                    kind = []
                    while self.peek() not in {"$", ")"}:
                        kind.append(self.take())
                    if kind[-1] == "!" and name not in self.variables:
                        raise Wrong(f"${name} is missing")
            self.take(")")
        return self.selection()

    def selection(self) -> list[Asked]:
        self.take("{")
        found = []
        while self.peek() != "}":
            name = alias = self.take()
            if name == "...":
                # Of the things that are asked for so, each has the fields of all of them.
                self.take("on")
                self.take()
                known = {one.alias for one in found}
                found += [one for one in self.selection() if one.alias not in known]
                continue
            if self.peek() == ":":
                self.take()
                name = self.take()
            one = Asked(alias, name)
            if self.peek() == "(":
                self.take()
                while self.peek() != ")":
                    argument = self.take()
                    self.take(":")
                    one.arguments[argument] = self.value()
                self.take(")")
            if self.peek() == "{":
                one.inside = self.selection()
            found.append(one)
        self.take("}")
        return found

    def value(self) -> Any:
        word = self.take()
        if word == "$":
            return self.variables.get(self.take())
        if word == "[":
            items = []
            while self.peek() != "]":
                items.append(self.value())
            self.take("]")
            return items
        if word == "{":
            inside = {}
            while self.peek() != "}":
                name = self.take()
                self.take(":")
                inside[name] = self.value()
            self.take("}")
            return inside
        if word.startswith('"'):
            return word[1:-1]
        if word.lstrip("-").isdigit():
            return int(word)
        return {"true": True, "false": False, "null": None}.get(word, word)


def _resolve(of: Any, asked: list[Asked]) -> Any:
    if of is None:
        return None
    if isinstance(of, list):
        return [_resolve(one, asked) for one in of]
    found = {}
    for one in asked:
        if one.name not in of:
            raise Wrong(f"there is no field {one.name} among {sorted(of)[:6]}")
        value = of[one.name]
        if isinstance(value, Callable):
            value = value(**one.arguments)
        if isinstance(value, list) and "first" in one.arguments:
            value = value[: one.arguments["first"]]
        if isinstance(value, Mapping | list) and bool(one.inside) != _has_parts(value):
            raise Wrong(f"{one.name}: has parts and none are asked for, or the other way round")
        found[one.alias] = _resolve(value, one.inside) if one.inside else value
    return found


def _has_parts(value: Any) -> bool:
    return isinstance(value, Mapping) or any(isinstance(one, Mapping) for one in value) or value == []
