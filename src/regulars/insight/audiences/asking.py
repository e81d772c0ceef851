"""The audiences that are in use, ready to be asked: read once, kept while nothing of them or of the words changes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from regulars.insight.audiences import audiences, vocabulary
from regulars.insight.audiences.audiences import Audience
from regulars.kit.conditions import reading
from regulars.kit.conditions.nodes import Condition
from regulars.kit.conditions.vocabulary import Vocabulary
from regulars.runtime import rooms
from regulars.runtime.database.offered import Collection, Field

#: Seconds for which the words of the shop (traits, tags, stores) are taken to stay as they are.
_KEPT = 20.0


@dataclass(frozen=True)
class Asked:
    """An audience and what it asks."""

    audience: Audience
    condition: Condition
    cuts: Mapping[str, Decimal]


@dataclass(frozen=True)
class Asking:
    """All audiences that can be asked, each after those whose members it asks, and what they are asked with."""

    audiences: Sequence[Asked]
    fields: Mapping[str, Field]
    collections: Mapping[str, Collection]
    #: Those that cannot be asked any more, and why, in words.
    problems: Mapping[int, str]


class Kept:
    """What one process knows of the audiences; one query a look, more when something changed."""

    def __init__(self) -> None:
        self._words: Vocabulary | None = None
        self._fields: Mapping[str, Field] = {}
        self._read_at = float("-inf")
        self._read: dict[tuple[int, int], Condition | str] = {}

    def look(self) -> Asking:
        """As of now, within the caller's transaction."""
        now = time.monotonic()
        current = audiences.every()
        known = set() if self._words is None else set(self._words.audiences)
        if now - self._read_at > _KEPT or known != {one.id for one in current}:
            self._words, self._fields = vocabulary.current(), rooms.fields()
            self._read_at, self._read = now, {}
        asked, problems = [], {}
        for one in audiences.in_order(current):
            condition = self._condition(one)
            if isinstance(condition, str):
                problems[one.number] = condition
            else:
                asked.append(Asked(one, condition, cuts_of(one)))
        return Asking(asked, self._fields, rooms.collections(), problems)

    def _condition(self, one: Audience) -> Condition | str:
        key = one.number, one.definition
        if key not in self._read:
            try:
                self._read[key] = audiences.read(one.condition, self._words)
            except reading.BadCondition as bad:
                self._read[key] = bad.message
        return self._read[key]


def cuts_of(audience: Audience) -> dict[str, Decimal]:
    """Where the highest or lowest share begins, by the node that asks for it, as of the last look at everybody."""
    return {node: Decimal(cut) for node, cut in audience.cuts.items()}
