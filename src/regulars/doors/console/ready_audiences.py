"""Audiences that most shops want, to begin with: one press makes them, and then they can be changed like any other."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

_ORDERS = "commerce.orders"


@dataclass(frozen=True)
class Ready:
    """One of them. `node` is what it asks."""

    code: str
    name: Any
    meaning: Any
    node: dict[str, Any]


def _never(days: int) -> dict[str, Any]:
    return {"did": _ORDERS, "during": {"last": {"days": days}}, "count": {"at_most": 0}}


READY = (
    Ready(
        "new",
        gettext_lazy("New customers"),
        gettext_lazy("Their first order came in the last 30 days."),
        {
            "all": [
                {"did": _ORDERS, "during": {"last": {"days": 30}}},
                {"not": {"sequence": [{"did": _ORDERS}, {"did": _ORDERS}]}},
            ]
        },
    ),
    Ready(
        "active",
        gettext_lazy("Active customers"),
        gettext_lazy("They ordered at least twice, and within the last 90 days."),
        {
            "all": [
                {"did": _ORDERS, "during": {"last": {"days": 90}}},
                {"did": _ORDERS, "count": {"at_least": 2}},
            ]
        },
    ),
    Ready(
        "sleeping",
        gettext_lazy("Sleeping customers"),
        gettext_lazy("They ordered within a year, and not in the last 90 days."),
        {"all": [{"did": _ORDERS, "during": {"last": {"days": 365}}}, _never(90)]},
    ),
    Ready(
        "lost",
        gettext_lazy("Lost customers"),
        gettext_lazy("They ordered before, and not within a year."),
        {"all": [{"did": _ORDERS}, _never(365)]},
    ),
)
