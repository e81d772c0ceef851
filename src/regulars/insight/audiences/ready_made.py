"""Audiences that most shops want, to be taken as they are and changed at will: stages of a customer's life, and the
kinds of customers that recency and frequency tell apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from regulars.facts.company import company
from regulars.insight.audiences import audiences, vocabulary
from regulars.insight.audiences.audiences import Audience, BadAudience
from regulars.insight.measures.segments import SEGMENTS
from regulars.kit.actors import Actor
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


def offered() -> list[ReadyMade]:
    """Those that this shop has not taken, or has put away."""
    taken = {one.ready_made for one in audiences.every(with_archived=True)}
    known = vocabulary.current().fields
    return [one for one in ALL if one.code not in taken and (one in LIFECYCLE or SEGMENT in known)]


def take(*, code: str, language: Language, at: datetime, by: Actor) -> Audience:
    """Make it an audience of the shop, called as it is in that language. Again answers with the one that was made."""
    found = next((one for one in ALL if one.code == code), None)
    if found is None:
        raise BadAudience(
            _("ready_made: there is no %(code)r; choose one of the list") % {"code": code[:40]},
            field="ready_made",
            value=code[:40],
        )
    before = next((one for one in audiences.every(with_archived=True) if one.ready_made == code), None)
    if before is not None:
        return before
    return audiences.define(
        name=found.names[language],
        meaning=found.meanings[language],
        condition={"version": 1, "zone": company.shop().zone, "if": found.node},
        ready_made=code,
        key=f"ready-made:{code}",
        at=at,
        by=by,
    )
