"""What was taken out of events because it tells of a person, opened."""

from collections.abc import Sequence
from typing import Any

from regulars.facts.events.messages import DECODER
from regulars.facts.events.stream import Event
from regulars.runtime.secrets import vault

TABLE, COLUMN = "events_hidden", "sealed"


def opened(events: Sequence[Event]) -> dict[int, dict[str, Any]]:
    """What was taken out of each event, by path. Nothing where the person, or the month's strangers, are forgotten."""
    hidden = [event for event in events if event.sealed is not None]
    told = vault.open_many(
        [vault.Sealed(event.sealed_for or 0, TABLE, COLUMN, event.id, event.sealed or b"") for event in hidden]
    )
    return {event.id: DECODER.decode(plain) for event, plain in zip(hidden, told, strict=True) if plain is not None}
