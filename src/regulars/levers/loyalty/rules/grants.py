"""What rules answer: points for lines, or why none; money pledged to a cause. Frozen; reasons are codes with facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Fact = str | int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, as a code and what belongs into its sentence. `reasons.said` says it to people, in their language."""

    code: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grant:
    """So many `parts` of points proposed by a rule; `lines`: line of the order to its share, which add up to them.

    What no line earned, such as points for an event, stands at line 0. `funding` says who pays: "shop", or
    "partner:<code>".
    """

    rule: str
    parts: int
    lines: Mapping[int, int]
    because: Reason
    funding: str = "shop"


@dataclass(frozen=True, slots=True)
class Missed:
    """A rule gave nothing, and why not; where money would have helped, how much."""

    rule: str
    why: Reason


@dataclass(frozen=True, slots=True)
class Pledge:
    """So much money, in minor units of the programme's, promised to a cause because of what was kept."""

    rule: str
    cause: str
    minor: int
    because: Reason


Answer = Grant | Missed | Pledge


def split(parts: int, weights: Sequence[tuple[int, int]]) -> dict[int, int]:
    """`parts` over lines by their weights, by largest remainder, earlier lines first; lines that get none are left out.

    Without any weight above zero all of it stands at line 0.
    """
    total = sum(weight for _, weight in weights)
    if total <= 0:
        return {0: parts} if parts else {}
    shares: list[list[int]] = []
    left = parts
    for line, weight in weights:
        share, rest = divmod(parts * weight, total)
        left -= share
        shares.append([line, share, rest])
    if left:
        for one in sorted(shares, key=lambda share: -share[2])[:left]:
            one[1] += 1
    return {line: share for line, share, _ in shares if share}
