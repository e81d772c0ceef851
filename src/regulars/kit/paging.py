"""Pages by cursor: where the last page ended, so rows added meanwhile neither repeat others nor hide them."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from types import UnionType
from typing import Generic, TypeVar, get_args

from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _

Item = TypeVar("Item")
Row = TypeVar("Row")
#: What a list may be sorted by.
Key = int | str | bool | None | date | datetime | Decimal

LARGEST_PAGE = 200
_LONGEST_CURSOR = 1024
#: What the database holds of numbers: a cursor made up by somebody must not reach it with others.
_NUMBERS = range(-(2**63), 2**63)
_MOST_DIGITS = 60


class BadCursor(Refusal):
    """Not a cursor this list gave."""

    code = "paging.bad_cursor"


class BadSize(Refusal):
    """A page has at least one row and no more than the list allows."""

    code = "paging.bad_size"


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some items in order, and the cursor of the rest: None on the last page."""

    items: tuple[Item, ...]
    next: str | None


def cut(rows: Sequence[Row], size: int, *, of: str, key: Callable[[Row], tuple[Key, ...]]) -> Page[Row]:
    """A page from `size + 1` rows asked for: the one too many says there is more. `of` names the list."""
    shown = tuple(rows[:size])
    return Page(shown, encode(of, key(shown[-1])) if len(rows) > size and shown else None)


def check_size(size: int, most: int = LARGEST_PAGE) -> int:
    """`size` itself when it is from 1 to `most`."""
    if not 1 <= size <= most:
        raise BadSize(
            _("limit: %(size)s is not from 1 to %(most)s; ask for fewer at a time") % {"size": size, "most": most},
            field="limit",
            value=size,
        )
    return size


def encode(of: str, key: Sequence[Key]) -> str:
    """An opaque cursor of the list `of` after the row sorted by `key`. Not secret, so keys are never personal data."""
    text = json.dumps([of, *map(_to_json, key)], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, of: str, *kinds: type | UnionType) -> tuple[Key, ...]:
    """The sort key in `cursor`, whose parts are of `kinds`, such as `int` or `date | None`."""
    try:
        if len(cursor) > _LONGEST_CURSOR:
            raise ValueError
        found = json.loads(
            base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
        if not isinstance(found, list) or found[:1] != [of] or len(found) != len(kinds) + 1:
            raise ValueError
        key = tuple(map(_from_json, found[1:]))
        if not all(_is(part, kind) for part, kind in zip(key, kinds, strict=True)):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error, InvalidOperation):
        raise BadCursor(
            _("cursor: %(value)r was not given by this list; start from the first page") % {"value": str(cursor)[:40]},
            field="cursor",
            value=str(cursor)[:40],
        ) from None
    return key


def _is(part: Key, kind: type | UnionType) -> bool:
    # Not isinstance: to it True is an int and an instant a day, and a list sorted by one must not be handed the other.
    return type(part) in (get_args(kind) or (kind,))


def _to_json(part: Key) -> object:
    if part is None or isinstance(part, bool | int | str):
        return part
    if isinstance(part, Decimal):
        return {"n": str(part)}
    if isinstance(part, datetime):
        return {"t": part.isoformat()}
    return {"d": part.isoformat()}


def _from_json(part: object) -> Key:
    if part is None or isinstance(part, bool):
        return part
    if isinstance(part, int) and part in _NUMBERS:
        return part
    if isinstance(part, str) and "\x00" not in part:
        # A lone half of a surrogate pair is no text to any database: encoding it is the error.
        part.encode()
        return part
    if isinstance(part, dict) and len(part) == 1:
        if "n" in part:
            return _number(part["n"])
        if "t" in part:
            return _instant(part["t"])
        return date.fromisoformat(part["d"])
    raise ValueError


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError
    return number


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError
    return instant
