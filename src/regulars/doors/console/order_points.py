"""The card of an order's page that says what the order earned: what each rule gave, what became of it, and why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_safe

from regulars.doors.console.points import named
from regulars.doors.console.points_words import shown, signed
from regulars.doors.console.site import fragment, may, shop_of
from regulars.facts.commerce import orders
from regulars.facts.commerce.deriving import DOUBLE
from regulars.facts.customers import persons
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import explaining, ledger_seen
from regulars.levers.loyalty.explaining import Decided, Got, Ruled
from regulars.runtime.staff.policy import requires

#: Where parts of an award are.
STATES: Final[Mapping[str, Any]] = {
    "pending": gettext_lazy("%(amount)s pending"),
    "available": gettext_lazy("%(amount)s available"),
    "held": gettext_lazy("%(amount)s kept for purchases"),
    "spent": pgettext_lazy("points", "%(amount)s spent"),
    "lapsed": gettext_lazy("%(amount)s ended unspent"),
    "taken_back": gettext_lazy("%(amount)s taken back"),
    "owed": gettext_lazy("%(amount)s owed"),
}


@dataclass(frozen=True)
class Lot:
    """An award: where its parts are, and its days."""

    state: tuple[str, ...]
    is_pending: bool
    matures_at: datetime | None
    expires_on: date | None
    is_there: bool


@dataclass(frozen=True)
class Rule:
    """What one rule came to; `amount` is empty where it gave nothing."""

    ruled: Ruled
    amount: str
    lots: Sequence[Lot]


@dataclass(frozen=True)
class Programme:
    """What one programme decided."""

    decided: Decided
    total: str
    rules: Sequence[Rule]


@require_safe
@requires("points.read")
def card(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A pinned number of queries but for programmes: a few for each version that decided."""
    try:
        found = orders.by_public_id(public_id)
    except Refusal:
        raise Http404 from None
    decided, lots = explaining.of_order(found.id), explaining.got_by(found.id)
    buyers = named([found.customer_id]) if found.customer_id and may(request, "members.read") else {}
    is_frozen = bool(found.customer_id and not decided) and bool(
        ledger_seen.frozen(1, person=persons.of(found.customer_id or 0))
    )
    return fragment(
        request,
        "console/order_points.html",
        order=found,
        programmes=[_programme(one, lots) for one in decided],
        buyer=buyers.get(found.customer_id or 0),
        counts_not=found.kind in {"draft", "test", DOUBLE},
        is_frozen=is_frozen,
        zone=shop_of(request).zone,
    )


def _programme(one: Decided, lots: Sequence[Got]) -> Programme:
    mine = [lot for lot in lots if lot.currency == one.currency]
    parts = sum(rule.parts for rule in one.rules if not rule.is_pledge)
    return Programme(
        one,
        shown(parts, one.scale),
        [
            Rule(
                rule,
                signed(rule.parts, one.scale) if rule.parts and not rule.is_pledge else "",
                [_lot(lot) for lot in mine if lot.rule == rule.rule],
            )
            for rule in one.rules
        ],
    )


def _lot(one: Got) -> Lot:
    return Lot(
        tuple(str(STATES[place]) % {"amount": shown(parts, one.scale)} for place, parts in one.state.items()),
        "pending" in one.state,
        one.matures_at,
        one.expires_on,
        bool({"pending", "available", "held"} & set(one.state)),
    )
