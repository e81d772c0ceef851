"""What a room refuses is said in the language of who is refused."""

import ast
from pathlib import Path

import pytest

ROOMS = ("facts/customers",)
SOURCE = Path(__file__).parents[2] / "src" / "regulars"


def test_every_refusal_is_made_from_a_text_that_is_translated():
    raw = []
    for room in ROOMS:
        trees = {path: ast.parse(path.read_text()) for path in sorted((SOURCE / room).glob("*.py"))}
        refusals = refusals_of(trees.values())
        assert len(refusals) > 20
        raw += [
            f"{path.relative_to(SOURCE)}:{call.lineno}"
            for path, tree in trees.items()
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and named(call.func) in refusals and any(map(in_one_language, call.args[:1]))
        ]
    assert not raw, f"wrap these texts in _(…), with %(names)s for what varies: {raw}"


@pytest.mark.parametrize(
    ("told", "is_raw"),
    [
        ("_('key: %(key)s is taken') % {'key': key}", False),
        ("_('a b') if one else _('c d') % {'x': 'x'}", False),
        ("unknown(text)", False),
        ("'key: is taken'", True),
        ("f'key: {key} is taken'", True),
        ("_('a b') if one else 'c d'", True),
        ("'%s: ' % name + _('is taken')", True),
    ],
)
def test_a_text_of_one_language_is_found(told, is_raw):
    assert in_one_language(ast.parse(told, mode="eval").body) is is_raw


def refusals_of(trees):
    """Names of the classes that are refusals, whatever they inherit from within the room."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = {"Refusal"}
    while more := {one.name for one in classes if any(named(base) in found for base in one.bases)} - found:
        found |= more
    return found


def named(node):
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def in_one_language(node):
    """Whether words stand in it that nobody translates. What is put in by name may be a code or a number."""
    if isinstance(node, ast.Call | ast.Dict):
        return False
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return True
    return any(in_one_language(child) for child in ast.iter_child_nodes(node))
