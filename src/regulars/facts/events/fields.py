"""What this room offers of a customer to conditions, templates and lists: when they were here, what they looked at."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC

from django.utils.translation import gettext_lazy as _

from regulars.facts.events import events
from regulars.facts.events.events import Summary
from regulars.facts.sources import sources
from regulars.runtime.database.offered import Field, Value


def _of(pick: Callable[[Summary], Value | None]) -> Callable[[Sequence[int]], Mapping[int, Value]]:
    def read(wanted: Sequence[int]) -> Mapping[int, Value]:
        found = {number: pick(one) for number, one in events.summaries(wanted).items()}
        return {number: value for number, value in found.items() if value is not None}

    return read


def _last_source(wanted: Sequence[int]) -> Mapping[int, Value]:
    names = {source.id: source.name for source in sources.every()}
    found = events.summaries(wanted)
    return {number: names[one.last_source] for number, one in found.items() if one.last_source in names}


FIELDS: tuple[Field, ...] = (
    Field(
        name="events.last_seen_at",
        type="timestamp",
        kind="fact",
        label=_("Last seen"),
        meaning=_("When they were last active in a shop, an app or on a page."),
        read=_of(lambda one: one.last_seen_at.astimezone(UTC)),
    ),
    Field(
        name="events.last_source",
        type="text",
        kind="fact",
        label=_("Last seen in"),
        meaning=_("The source of events they were last active in."),
        read=_last_source,
    ),
    Field(
        name="events.events",
        type="int64",
        kind="fact",
        label=_("Events"),
        meaning=_("How many events of theirs came in."),
        read=_of(lambda one: one.events),
    ),
    Field(
        name="events.products_viewed",
        type="texts",
        kind="fact",
        label=_("Products viewed"),
        meaning=_("The products they looked at last, by their number in the source."),
        read=_of(lambda one: tuple(product.ref for product in one.viewed) or None),
    ),
)
