"""Channels and stores by the names people use for them."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext_lazy

from regulars.facts.company import channels, stores

#: What a channel is called that has nothing but its code.
KINDS: Mapping[str, Any] = {
    "web": gettext_lazy("Web shop"),
    "store": gettext_lazy("Stores"),
    "app": gettext_lazy("App"),
    "marketplace": gettext_lazy("Marketplace"),
    "phone": gettext_lazy("By phone"),
}


def told(places: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Each (channel) or (channel, store) in words: the store where there is one. At most two queries."""
    wanted = set(places)
    ways = {one.code: named(one) for one in channels.every()} if wanted else {}
    shops = stores.names({place[1] for place in wanted if len(place) > 1})
    return {
        place: (shops.get(place[1], place[1]) if len(place) > 1 else ways.get(place[0], place[0])) if place else ""
        for place in wanted
    }


def of_channel(number: int) -> str:
    """One channel in words, by its number; empty for none. One query."""
    return next((named(one) for one in channels.every() if one.id == number), "")


def named(one: channels.Channel) -> str:
    """One channel in words."""
    return str(KINDS[one.kind]) if one.name == one.code == one.kind else one.name
