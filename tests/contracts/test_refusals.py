"""What a room refuses is said in the language of who is refused."""

import ast
import builtins
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils import translation

from regulars.facts.commerce import attributes
from regulars.facts.company import opening
from regulars.kit.actors import SYSTEM
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import addresses

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROOMS = (
    "kit",
    "runtime/staff",
    *(f"facts/{room}" for room in ("company", "sources", "customers", "commerce", "events")),
    "oversight/outbound",
)
#: Of a room that answers for others, too: what it refuses itself of everybody, and of people.
FILES = {
    "doors/api/v1": "exact keys customers consent profiles identity identity_reviews identity_rules events",
    "doors/console": "member_profile consents identity identity_rules standing told_of",
}
#: What others refuse with: of the command line, of Django's start, and with its words behind a code.
NO_REFUSALS = {"UsageError", "ClickException", "IntegrityError", "ImproperlyConfigured", "PydanticCustomError"}
SOURCE = Path(__file__).parents[2] / "src" / "regulars"


def test_every_refusal_is_made_from_a_text_that_is_translated():
    raw = []
    chosen = {room: sorted((SOURCE / room).glob("*.py")) for room in ROOMS}
    chosen |= {room: [SOURCE / room / f"{name}.py" for name in names.split()] for room, names in FILES.items()}
    for paths in chosen.values():
        trees = {path: ast.parse(path.read_text()) for path in paths}
        refusals = refusals_of(trees.values())
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


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: addresses.target("http://example.com/", own=()), "url: 必须以 https:// 开头"),
        (lambda: opening.read("9 to 5"), "hours: '9 to 5' 不是一段时间"),
        (lambda: attributes.define(code="Fit", kind="text", titles={}, at=NOW, by=SYSTEM), "code: 'Fit' 不可用"),
    ],
)
def test_it_is_said_in_chinese_with_what_varies_in_it(act, said):
    with translation.override("zh-hans"), pytest.raises(Refusal) as refused:
        act()
    assert said in refused.value.message


def refusals_of(trees):
    """Names of the classes that are refusals, whatever they inherit from within the room, and of those it raises of
    others. What is a TypeError too is a mistake of who writes code, and stays in English."""
    trees = list(trees)
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    mistakes = {one.name for one in classes if "TypeError" in map(named, one.bases)} | {"NotExact"}
    raised = {
        named(node.exc.func)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    }
    own = {one.name for one in classes}
    found = {"Refusal"}
    while more := {one.name for one in classes if any(named(base) in found for base in one.bases)} - found:
        found |= more
    others = {name for name in raised - own if name[:1].isupper() and not hasattr(builtins, name)}
    return (found | others - NO_REFUSALS) - mistakes


def named(node):
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def in_one_language(node):
    """Whether words stand in it that nobody translates. What is put in by name may be a code or a number."""
    if isinstance(node, ast.Call | ast.Dict):
        return False
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return True
    return any(in_one_language(child) for child in ast.iter_child_nodes(node))
