"""Which way more of what happens can move a condition: to hold, or to hold no more. Pure.

One more view never takes anybody out of those who looked three times this week, nor into those who did not look. Who
stands where more of it could only leave them need not be looked at for it.
"""

from collections.abc import Callable
from typing import Final

from regulars.kit.conditions.nodes import All, Any, Check, Condition, Did, Node, Not, Sequence, Which

#: It may come to hold, and it may cease to; none of them is neither.
IN: Final = 1
OUT: Final = 2
EITHER: Final = IN | OUT

_MORE, _LESS = frozenset({"at_least", "more_than"}), frozenset({"at_most", "less_than"})


def ways(condition: Condition, asks: Callable[[Which], bool]) -> int:
    """Which ways it can go when there are more rows of those `asks` says yes to, and everything else stays: at this
    instant and every later one."""
    return _node(condition.root, asks)


def _node(node: Node, asks: Callable[[Which], bool]) -> int:
    match node:
        case All(of=of) | Any(of=of):
            found = 0
            for part in of:
                found |= _node(part, asks)
            return found
        case Not(of=inner):
            return _opposite(_node(inner, asks))
        case Did():
            return _did(node) if asks(node.which) else 0
        case Sequence():
            *before, last = node.steps
            found = IN if any(asks(step.which) for step in before) else 0
            if asks(last.which):
                found |= OUT if node.last_is_missing else IN
            return found
    return 0


def _opposite(ways: int) -> int:
    return (OUT if ways & IN else 0) | (IN if ways & OUT else 0)


def _did(node: Did) -> int:
    if node.counted == "sum":
        # One more may be worth less than nothing.
        return EITHER
    found = 0
    for check in node.amount:
        found |= _amount(check)
    return found


def _amount(check: Check) -> int:
    if check.test in _MORE:
        return IN
    if check.test in _LESS or (check.test == "is" and check.than == 0):
        return OUT
    return EITHER
