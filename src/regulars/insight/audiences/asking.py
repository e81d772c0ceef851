"""The audiences that are in use, ready to be asked: read once, kept while nothing of them or of the words changes."""

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from regulars.facts.events import spec
from regulars.insight.audiences import _knowing, audiences, vocabulary
from regulars.insight.audiences.audiences import Audience
from regulars.kit.conditions import leaning, reading
from regulars.kit.conditions.nodes import Condition, Which
from regulars.kit.conditions.together import Together
from regulars.runtime import rooms
from regulars.runtime.database.offered import Collection, Field

EVENTS = "events.events"
_FIELDS = "events."
_MOST_NAMES = 10_000
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
    watch: "Watch"


class Watch:
    """Which audiences, by their numbers, an event may concern, and which ways it may move each (`leaning`). `all_of`:
    everyone who asks for events at all, either way, where another visitor becomes somebody's."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        self._asked = [one for one in asked if _is_of_events(one.condition)]
        self._known: dict[str, Mapping[int, int]] = {}
        self.all_of: Mapping[int, int] = {one.audience.number: leaning.EITHER for one in self._asked}

    def of(self, name: str) -> Mapping[int, int]:
        """Those that may ask for an event of this name, or for any."""
        found = self._known.get(name)
        if found is None:
            found = self._of({name, spec.canonical(name)})
            # Senders' own names have no end.
            if len(self._known) < _MOST_NAMES:
                self._known[name] = found
        return found

    def _of(self, names: Set[str]) -> Mapping[int, int]:
        def asks(which: Which) -> bool:
            if which.collection != EVENTS:
                return False
            wanted = _knowing.values_of(which).get("name")
            return wanted is None or not wanted.isdisjoint(names)

        found = {}
        for one in self._asked:
            # What a field of the visitor's says may go anywhere with the next event.
            is_of_fields = any(field.startswith(_FIELDS) for field in one.condition.fields)
            ways = leaning.EITHER if is_of_fields else leaning.ways(one.condition, asks)
            if ways:
                found[one.audience.number] = ways
        return found


def _is_of_events(condition: Condition) -> bool:
    return EVENTS in condition.collections or any(field.startswith(_FIELDS) for field in condition.fields)


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
    together = Together(one.condition for one in asked)
    return Asking(asked, fields, rooms.collections(), problems, together, Watch(asked))


def cuts_of(audience: Audience) -> dict[str, Decimal]:
    """Where the highest or lowest share begins, by the node that asks for it, as of the last look at everybody."""
    return {node: Decimal(cut) for node, cut in audience.cuts.items()}
