"""Many values as one parameter of a statement.

The driver takes a list apart and quotes each value by itself: of a document of JSON nine microseconds, of an instant
five. As one text each costs a tenth of one.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec


def of_numbers(numbers: Iterable[int]) -> str:
    """For `%s::bigint[]` and the like."""
    return f"{{{','.join(map(str, numbers))}}}"


def of_uuids(uuids: Iterable[UUID]) -> str:
    """For `%s::uuid[]`."""
    return f"{{{','.join(map(str, uuids))}}}"


def of_flags(flags: Iterable[bool]) -> str:
    """For `%s::boolean[]`."""
    return f"{{{','.join(['t' if flag else 'f' for flag in flags])}}}"


def of_instants(instants: Iterable[datetime | None]) -> str:
    """For `%s::timestamptz[]`. Most are told many times over."""
    texts: dict[datetime | None, str] = {None: "NULL"}
    found = []
    for instant in instants:
        text = texts.get(instant)
        if text is None:
            assert instant is not None
            # With its zone: two instants that are equal may have different ones, and are the same all the same.
            text = texts[instant] = instant.isoformat()
        found.append(text)
    return f"{{{','.join(found)}}}"


def of_json(values: Iterable[object]) -> str:
    """For `jsonb_array_elements(%s::jsonb)`, or `jsonb_array_elements_text(…)` where all are texts."""
    return msgspec.json.encode(list(values)).decode()
