"""What may stand in a trail line: ids, numbers, codes and days; never personal data."""

import math
import re
from collections.abc import Mapping

MOST_CHARACTERS = 200
MOST_MEMBERS = 1000

#: Neither an id nor a code holds an at sign between letters, or is a bare row of 7 to 15 digits with a plus before it.
_CONTACT = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|^\s*\+\d[\d\s().-]{6,}$")


class NotForTheTrail(ValueError):
    """A verb tried to put more than ids, numbers and short codes into the trail. A bug in the verb, not a refusal."""


def text(where: str, value: str) -> str:
    """`value` unchanged, if it can be an id or a short reason."""
    if len(value) > MOST_CHARACTERS:
        raise NotForTheTrail(f"{where} is {len(value)} characters long; the trail takes ids and short codes, not texts")
    if "\x00" in value:
        raise NotForTheTrail(f"{where} holds a NUL character")
    if _CONTACT.search(value):
        # The value itself stays out of the message: it would land in a log.
        raise NotForTheTrail(f"{where} looks like an e-mail address or a telephone number; put the person's id there")
    return value


def _scalar(where: str, value: object) -> object:
    if isinstance(value, str):
        return text(where, value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise NotForTheTrail(
        f"{where} is a {type(value).__name__}; the trail takes text, whole and finite numbers, true, false, null"
    )


def mapping(name: str, values: Mapping[str, object] | None) -> dict[str, object] | None:
    """A copy of `values`, if it holds JSON scalars and flat lists of them only."""
    if values is None:
        return None
    kept: dict[str, object] = {}
    for key, value in values.items():
        where = f"{name}[{key!r}]"
        if isinstance(value, list | tuple):
            if len(value) > MOST_MEMBERS:
                raise NotForTheTrail(f"{where} has {len(value)} members; record a count, or a batch's id")
            kept[key] = [_scalar(where, member) for member in value]
        else:
            kept[key] = _scalar(where, value)
    return kept
