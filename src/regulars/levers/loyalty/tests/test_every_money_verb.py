"""No verb that moves points is forgotten: the explorer does it, or it is written down who shows it with others at once.

Whatever is posted belongs to an act, so a verb that moves points comes to `acts.begin`, by whatever way the code says.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from regulars.levers.loyalty.tests.explored import VERBS

ROOM = Path(__file__).parents[1]
NAME = "regulars.levers.loyalty"
BEGINNINGS = {f"{NAME}._ledger.acts.{name}" for name in ("begin", "statement")}
#: An act alone, that keeps a key and moves no points.
ALONE = f"{NAME}._ledger.acts.is_new"
_BOTH = "does what the explorer does of one"
_JOB = "locks its batch, and has `go_on` do it"
#: Verbs that the explorer does not do, with why not, and in which tests they are done; by what words, if not their own.
ELSEWHERE = {
    "adjustments.propose_to_pass_on": ("is `pass_on` where little passes", "test_inheriting.py"),
    "adjustments.propose_to_forgive": ("is `forgive` where little is owed", "test_adjustments.py"),
    "adjustments.propose_to_reinstate": ("is `reinstate` where little ended", "test_adjustments.py"),
    "adjustments.prolong": ("is `extend` of one award", "test_adjustments.py"),
    "adjustments.approve": ("is what was asked for, after its request is locked", "test_adjustments.py"),
    "backfilling.all_of_it": ("by processes side by side", "test_backfilling.py"),
    "celebrating.celebrate": ("is `award_for_event` of whom it found", "test_birthdays.py"),
    "celebrating.make_up": ("is `award_for_event` of who goes on", "test_birthdays.py"),
    "earning.award_for_orders": (_BOTH, "explored.py award_for_order("),
    "earning.award_for_event": ("claims what it is for as `award_for_order` does", "test_earning.py"),
    "earning.backfill": ("by processes side by side", "test_turns.py"),
    "keeping.keep": ("is `extend` of the lots it found", "test_earning.py react_to_everything("),
    "examination.thaw": ("has a job make up birthdays", "test_birthdays.py"),
    "merge.apply": ("is what `identity.join` runs", "explored.py identity.join("),
    "merge.undo": ("is what `identity.undecide` runs", "explored.py identity.undecide("),
    "mission_walks.everyone": ("by ten at once", "test_mission_races.py"),
    "mission_walks.go_on": ("is `everyone` from where it stopped", "test_missions.py"),
    "missions.settle": ("by ten at once", "test_mission_races.py"),
    "missions.settle_record": ("is `settle` of the person", "test_missions.py react_to_everything("),
    "missions.join": ("settles", "test_missions.py"),
    "missions.hand_out": ("by ten at once", "test_mission_races.py"),
    "opening.bring": ("is `award_many` of a file", "test_opening.py"),
    "order_spends.give_back": ("by ten at once", "test_order_spends.py"),
    "redemptions.give": ("is `take` without points", "test_rewards.py"),
    "regrants.ask": (_JOB, "explored.py"),
    "regrants.approve": (_JOB, "explored.py"),
    "regrants.undo": (_JOB, "explored.py"),
    "regrants.take_up": ("is `go_on` of every batch", "test_regrants.py"),
}


def test_each_is_explored_or_shown_elsewhere():
    explored = {f"{module.__name__.removeprefix(f'{NAME}.')}.{verb}" for module, verb in VERBS.values()}
    found = money_verbs()
    assert not found - explored - ELSEWHERE.keys(), "the explorer is to know it: `tests/explored.py`"
    assert not ELSEWHERE.keys() & explored, "the explorer knows it by now"
    assert not ELSEWHERE.keys() - found, "no such verb moves points"
    for verb, (_why, where) in ELSEWHERE.items():
        path, _space, said = where.partition(" ")
        assert (said or f"{verb.split('.')[1]}(") in (ROOM / "tests" / path).read_text(), verb


def test_a_verb_that_nobody_wrote_down_is_found():
    """The control: it looks through imports, helpers and classes."""
    assert {"points.redeem", "redemptions.take", "regrants.go_on", "inheriting.pass_back"} <= money_verbs()
    assert "tiers.freeze" not in money_verbs()
    assert "points.balance" not in money_verbs()


@cache
def money_verbs() -> frozenset[str]:
    """Public verbs of the room, with a moment, that come to an act with postings."""
    trees = dict(_modules())
    calls = {name: of for module, tree in trees.items() for name, of in _calls(module, tree) if name != ALONE}
    reach = set(BEGINNINGS)
    while more := {name for name, of in calls.items() if of & reach} - reach:
        reach |= more
    found = set()
    for module, tree in trees.items():
        short = module.removeprefix(f"{NAME}.")
        for node in tree.body if "." not in short else ():
            is_verb = isinstance(node, ast.FunctionDef) and "at" in {each.arg for each in node.args.kwonlyargs}
            if is_verb and f"{module}.{node.name}" in reach and not node.name.startswith("_"):
                found.add(f"{short}.{node.name}")
    return frozenset(found)


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOM.rglob("*.py")):
        parts = path.relative_to(ROOM).with_suffix("").parts
        if parts[0] not in ("tests", "migrations"):
            yield ".".join((NAME, *parts)), ast.parse(path.read_text())


def _calls(module: str, tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """Each function and class, with all of the room that its body names."""
    means: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(NAME):
            means |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            means[node.name] = f"{module}.{node.name}"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [each for each in ast.walk(node) if isinstance(each, ast.Name | ast.Attribute)]
            here = {means[each.id] for each in names if isinstance(each, ast.Name) and each.id in means}
            for each in names:
                if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id in means:
                    here.add(f"{means[each.value.id]}.{each.attr}")
            yield f"{module}.{node.name}", here
