"""Reading what shops write, exactly: numbers as they stand, ids of any length as texts, times with their zone. Pure.

Whatever cannot be read raises `NotUnderstood`, which names the field and never quotes what may be personal.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from regulars.kit import money as monies
from regulars.kit.refusals import Refusal

Document = Mapping[str, Any]
#: Deeper than any shop's order is.
_DEEPEST = 60
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_LONGEST_REF = 200
#: One star within a word may be meant: 3*4. Half-width, full-width, and what screens show of secrets.
_MASKED = re.compile(r"[*＊●•]{2}|(?<!\w)[*＊]|[*＊](?!\w)|^\W?(redacted|deleted|anonymi[sz]ed)\W?$", re.IGNORECASE)
_HALF, _REPLACED = re.compile("[\ud800-\udfff]"), "\ufffd"


class NotUnderstood(Exception):
    """It is not what its sender's documents say. `code` counts; `why` names the field, and nothing personal."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code, self.why = code, why


def document(body: bytes, *, mend: bool = True) -> Document:
    """A JSON object; its numbers with a point as Decimal, whole ones of any length as int.

    With `mend`, halves of characters (lone surrogates, such as of an emoji that was cut) are U+FFFD, in names too.
    """
    found = _parsed(body, mend=mend)
    if not isinstance(found, dict):
        raise NotUnderstood("not_an_object", "body: is JSON, but no object")
    return found


def documents(body: bytes) -> list[Document]:
    """A JSON list of objects, each as `document` has it."""
    found = _parsed(body)
    if not isinstance(found, list):
        raise NotUnderstood("not_a_list", "body: is JSON, but no list")
    return [mapping(one, f"body[{place}]") for place, one in enumerate(found)]


def is_keepable(told: str) -> bool:
    """Whether a text can be kept: it holds no NUL and no half of a character."""
    return "\x00" not in told and _HALF.search(told) is None


def _parsed(body: bytes, *, mend: bool = True) -> object:
    try:
        found = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except NotUnderstood:
        raise
    except (ValueError, RecursionError):
        raise NotUnderstood("not_json", "body: is no JSON document") from None
    has_halves = _refuse_depth(found)
    return _whole(found) if mend and has_halves else found


def got(of: object, *path: str) -> Any:
    """What stands at the path, None where any step of it is missing or null."""
    for step in path:
        if not isinstance(of, Mapping):
            return None
        of = of.get(step)
    return of


def mapping(value: object, field: str) -> Document:
    """An object, as it must be."""
    if not isinstance(value, Mapping):
        raise NotUnderstood("not_an_object", f"{field}: is no object")
    return value


def listing(value: object, field: str) -> Sequence[Any]:
    """A list, empty where there is none."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise NotUnderstood("not_a_list", f"{field}: is no list")
    return value


def ref(value: object, field: str) -> str:
    """An id as a text. A whole number may have any length; one with a point was rounded on its way and is refused."""
    if (found := ref_or_none(value, field)) is None:
        raise NotUnderstood("no_ref", f"{field}: has no id")
    return found


def ref_or_none(value: object, field: str) -> str | None:
    """`ref`, None where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise NotUnderstood("bad_ref", f"{field}: is no id; ids are texts or whole numbers")
    text = str(value).strip()
    if not text or len(text) > _LONGEST_REF or not text.isprintable() or _REPLACED in text:
        raise NotUnderstood("bad_ref", f"{field}: is no id of 1 to {_LONGEST_REF} visible characters")
    return text


def text(value: object, most: int = 500) -> str | None:
    """A text without blanks around it and with what cannot be kept taken out; None where it is hidden or empty."""
    if not isinstance(value, str):
        return None
    tidy = value.replace("\x00", "").strip()[:most]
    return tidy or None


def is_masked(told: str) -> bool:
    """Whether what stood there was taken out before it was sent: `138****1234`, `L*`, `[redacted]`."""
    return _MASKED.search(told) is not None


def number(value: object, field: str) -> Decimal:
    """A decimal number, written as a text or as a JSON number."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise NotUnderstood("bad_number", f"{field}: is no number")
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        raise NotUnderstood("bad_number", f"{field}: is no decimal number") from None
    if not found.is_finite() or abs(found) >= Decimal(10) ** 15:
        raise NotUnderstood("bad_number", f"{field}: is no number that goods or money come to")
    return found


def currency(value: object, field: str) -> str:
    """A currency's code. There is no amount without one."""
    if not isinstance(value, str) or not value.strip():
        raise NotUnderstood("no_currency", f"{field}: says no currency")
    code = value.strip().upper()
    try:
        monies.exponent(code)
    except Refusal:
        raise NotUnderstood("bad_currency", f"{field}: {code[:10]!r} is no currency that people pay with") from None
    return code


def minor(value: object, currency_code: str, field: str) -> int:
    """An amount in major units as whole minor units, halves up."""
    return monies.to_minor(number(value, field), currency_code)


def instant(value: object, zone: ZoneInfo, field: str) -> datetime:
    """A moment, in UTC; one without an offset is of `zone`."""
    if (found := instant_or_none(value, zone, field)) is None:
        raise NotUnderstood("no_time", f"{field}: says no time")
    return found


def instant_or_none(value: object, zone: ZoneInfo, field: str) -> datetime | None:
    """`instant`, None where there is none."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _INSTANT.fullmatch(value.strip()):
        raise NotUnderstood("bad_time", f"{field}: is no time of the form 2026-03-02T10:00:00Z")
    try:
        found = datetime.fromisoformat(value.strip().replace(",", "."))
        found = found.replace(tzinfo=zone) if found.tzinfo is None else found
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotUnderstood("bad_time", f"{field}: is no moment of the calendar") from None
    if not 1990 <= found.year <= 2200:
        raise NotUnderstood("bad_time", f"{field}: is in no year that a shop is open")
    return found


def marked(told_at: datetime, step: timedelta, hand: int) -> datetime:
    """The update time as a version: of several told at one tick of the shop's clock, which counts.

    `hand` says how surely it is how the shop stands: 0 a message, which may be older than its tick; 1 what was asked
    for on a message's hint; 2 what a poll read after the tick was over, so that nothing of the same tick comes later.
    """
    return told_at + (timedelta(0), step // 2, step - timedelta(microseconds=1))[hand]


def _no_number(name: str) -> NoReturn:
    raise NotUnderstood("bad_number", f"body: holds {name}, which is no number in JSON")


def _refuse_depth(found: object) -> bool:
    """Whether any text or name in it holds half of a character."""
    level: list[object] = [found]
    has_halves = False
    for _ in range(_DEEPEST):
        texts = [one for one in level if isinstance(one, str)]
        texts += [name for one in level if isinstance(one, dict) for name in one]
        has_halves = has_halves or any(not one.isascii() and _HALF.search(one) is not None for one in texts)
        level = [
            inside
            for one in level
            for inside in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
        if not level:
            return has_halves
    raise NotUnderstood("too_deep", f"body: is nested deeper than {_DEEPEST} levels")


def _whole(found: object) -> object:
    if isinstance(found, str):
        return _HALF.sub(_REPLACED, found)
    if isinstance(found, list):
        return [_whole(one) for one in found]
    if isinstance(found, dict):
        return {_HALF.sub(_REPLACED, name): _whole(one) for name, one in found.items()}
    return found
