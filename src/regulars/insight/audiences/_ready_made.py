"""What the audiences that most shops want are called, mean and ask; and how one that a shop took is called to whoever
reads: in their language, until the shop calls it something of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language

from regulars.insight.measures.segments import SEGMENTS
from regulars.kit.languages import Language

#: The field by which a room below says to which kind somebody belongs; it is computed with the readings.
SEGMENT = "measures.segment"
_DAYS_NEW, _DAYS_ACTIVE, _DAYS_LOST = 30, 90, 365


@dataclass(frozen=True)
class ReadyMade:
    """One of them: its name and meaning by language, and what it asks, without the shop's zone."""

    code: str
    names: Mapping[Language, str]
    meanings: Mapping[Language, str]
    node: Mapping[str, Any]


def _ordered(days: int | None = None, **count: int) -> dict[str, Any]:
    asked: dict[str, Any] = {"did": "commerce.orders"}
    if days is not None:
        asked["during"] = {"last": {"days": days}}
    return asked | ({"count": count} if count else {})


LIFECYCLE: tuple[ReadyMade, ...] = (
    ReadyMade(
        "lifecycle.new",
        {"en": "New customers", "zh": "新客"},
        {
            "en": f"One order so far, within the last {_DAYS_NEW} days.",
            "zh": f"至今只下过一单，且在最近 {_DAYS_NEW} 天内。",
        },
        {"all": [_ordered(_DAYS_NEW), _ordered(**{"is": 1})]},
    ),
    ReadyMade(
        "lifecycle.active",
        {"en": "Active customers", "zh": "活跃顾客"},
        {
            "en": f"Ordered within the last {_DAYS_ACTIVE} days.",
            "zh": f"最近 {_DAYS_ACTIVE} 天内下过单。",
        },
        _ordered(_DAYS_ACTIVE),
    ),
    ReadyMade(
        "lifecycle.sleeping",
        {"en": "Sleeping customers", "zh": "沉睡顾客"},
        {
            "en": f"No order for {_DAYS_ACTIVE} days, but one within the last {_DAYS_LOST}.",
            "zh": f"{_DAYS_ACTIVE} 天没有下单，但最近 {_DAYS_LOST} 天内下过单。",
        },
        {"all": [_ordered(_DAYS_LOST), {"not": _ordered(_DAYS_ACTIVE)}]},
    ),
    ReadyMade(
        "lifecycle.lost",
        {"en": "Lost customers", "zh": "流失顾客"},
        {
            "en": f"Ordered once, but not within the last {_DAYS_LOST} days.",
            "zh": f"曾经下过单，但最近 {_DAYS_LOST} 天没有。",
        },
        {"all": [_ordered(), {"not": _ordered(_DAYS_LOST)}]},
    ),
)
KINDS: tuple[ReadyMade, ...] = tuple(
    ReadyMade(
        f"rfm.{one.name}",
        {"en": f"RFM: {one.en.name}", "zh": f"RFM：{one.zh.name}"},
        {"en": one.en.meaning, "zh": one.zh.meaning},
        {"field": SEGMENT, "is": one.name},
    )
    for one in SEGMENTS
)
ALL: tuple[ReadyMade, ...] = (*LIFECYCLE, *KINDS)
_BY_CODE: Mapping[str, ReadyMade] = {one.code: one for one in ALL}


def called(code: str | None, name: str) -> str:
    """The name of an audience to whoever reads now."""
    one = _BY_CODE.get(code or "")
    return name if one is None or name not in one.names.values() else one.names[_language()]


def meant(code: str | None, meaning: str) -> str:
    """What it means, likewise."""
    one = _BY_CODE.get(code or "")
    return meaning if one is None or meaning not in one.meanings.values() else one.meanings[_language()]


def codes_called(name: str) -> list[str]:
    """Those that are called so in some language."""
    return [one.code for one in ALL if name in one.names.values()]


def _language() -> Language:
    return "zh" if (get_language() or "").startswith("zh") else "en"
