"""Which commands the rooms offer, read from their source: `regulars --help` must not import the whole house."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from regulars.main.rooms import ROOMS


@dataclass(frozen=True)
class Offered:
    """A command's name, the first line of its help, and the module to import for it."""

    name: str
    summary: str
    module: str


def _is_click(decorator: ast.expr) -> ast.Call | None:
    if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
        inside = decorator.func.value
        if isinstance(inside, ast.Name) and inside.id == "click" and decorator.func.attr in {"command", "group"}:
            return decorator
    return None


def _text(call: ast.Call, keyword: str) -> str | None:
    for given in call.keywords:
        if given.arg == keyword and isinstance(given.value, ast.Constant):
            return str(given.value.value)
    return None


def _name(call: ast.Call, function: str) -> str:
    if call.args and isinstance(call.args[0], ast.Constant):
        return str(call.args[0].value)
    if given := _text(call, "name"):
        return given
    words = function.lower().split("_")
    # Click drops these endings from a function's name, too.
    if len(words) > 1 and words[-1] in {"command", "cmd", "group", "grp"}:
        words.pop()
    return "-".join(words)


def _listed(tree: ast.Module) -> set[str]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="COMMANDS")], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id="COMMANDS"), value=ast.expr() as value):
                pass
            case _:
                continue
        return {name.id for name in ast.walk(value) if isinstance(name, ast.Name)}
    return set()


def _in_module(module: str, file: Path) -> Iterator[Offered]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    listed = _listed(tree)
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name not in listed:
            continue
        for decorator in node.decorator_list:
            if call := _is_click(decorator):
                words = _text(call, "short_help") or _text(call, "help") or ast.get_docstring(node) or ""
                yield Offered(_name(call, node.name), words.strip().split("\n")[0], module)


def offered() -> dict[str, Offered]:
    """By name. A command must be a decorated function of the room's `commands.py` that stands in its COMMANDS."""
    found: dict[str, Offered] = {}
    for room in ROOMS:
        spec = find_spec(f"{room}.commands")
        if spec is None or spec.origin is None:
            continue
        for one in _in_module(spec.name, Path(spec.origin)):
            if one.name in found:
                raise RuntimeError(f"{one.module} and {found[one.name].module} both offer the command {one.name!r}.")
            found[one.name] = one
    return found
