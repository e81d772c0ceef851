"""The audiences that are in use, ready to be asked: read once, kept while nothing of them or of the words changes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from regulars.insight.audiences import audiences, vocabulary
from regulars.insight.audiences.audiences import Audience
from regulars.kit.conditions import reading
from regulars.kit.conditions.nodes import Condition
from regulars.kit.conditions.together import Together
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
    #: What the audiences ask, in their order.
    together: Together


class Kept:
    """What one process knows of the audiences; one small query a look, more when something changed."""

    def __init__(self) -> None:
        self._asking: Asking | None = None
        self._state: object = None
        self._read_at = float("-inf")

    def look(self) -> Asking:
        """As of now, within the caller's transaction."""
        state = _state()
        now = time.monotonic()
        if self._asking is None or state != self._state or now - self._read_at > _KEPT:
            self._asking, self._state, self._read_at = _asking(), state, now
        return self._asking


def _state() -> object:
    """Another value whenever what audiences ask, or where their shares begin, is another."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(hashtextextended(concat_ws('/', id, definition, name, cuts::text), 0))"
            " FROM audiences_audience WHERE archived_at IS NULL"
        )
        return cursor.fetchone()


def _asking() -> Asking:
    words, fields = vocabulary.current(), rooms.fields()
    asked, problems = [], {}
    for one in audiences.in_order(audiences.every()):
        try:
            condition = audiences.read(one.condition, words)
        except reading.BadCondition as bad:
            problems[one.number] = bad.message
        else:
            asked.append(Asked(one, condition, cuts_of(one)))
    return Asking(asked, fields, rooms.collections(), problems, Together(one.condition for one in asked))


def cuts_of(audience: Audience) -> dict[str, Decimal]:
    """Where the highest or lowest share begins, by the node that asks for it, as of the last look at everybody."""
    return {node: Decimal(cut) for node, cut in audience.cuts.items()}
