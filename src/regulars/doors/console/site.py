"""Unfold's site with our own pages in it: no raw model is registered, so nothing is changed past the verbs."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from regulars.doors.console.headers import CHROME
from regulars.facts.company import company
from regulars.facts.company.company import Shop
from regulars.runtime.staff.roles import Action, Role

ROLE_NAMES: dict[Role, Promise] = {
    Role.OWNER: _("Owner"),
    Role.MANAGER: _("Manager"),
    Role.ANALYST: _("Analyst"),
    Role.AGENT: _("Service agent"),
    Role.SHOP_ASSISTANT: _("Shop assistant"),
    Role.READ_ONLY: _("Read only"),
}


@dataclass(frozen=True)
class Section:
    """One line of the navigation, shown to those who may `action`. `symbol` is a Material Symbols name.

    Lines of one `group` stand together under its name.
    """

    route: str
    title: Promise
    symbol: str
    action: Action
    group: Promise | None = None


_MEMBERS = _("Members")
_SHOP_FLOOR = _("Shop")
_LOYALTY = _("Loyalty")
_INSIGHT = _("Insight")
_TRUST = _("Trust")
_SETUP = _("Setup")
_SHOP = "regulars_shop"


SECTIONS = (
    Section("index", _("Today"), "wb_sunny", "today.read"),
    Section("members", _("All members"), "groups", "members.read", _MEMBERS),
    Section("audiences", _("Audiences"), "group_work", "insight.read", _MEMBERS),
    Section("identity", _("Identity review"), "merge", "identity.read", _MEMBERS),
    Section("orders", _("All orders"), "receipt_long", "orders.read", _SHOP_FLOOR),
    Section("doubles", _("Told twice"), "file_copy", "orders.read", _SHOP_FLOOR),
    Section("catalogue", _("Catalogue"), "sell", "catalogue.read", _SHOP_FLOOR),
    Section("stores", _("Stores"), "storefront", "company.read", _SHOP_FLOOR),
    Section("programmes", _("Programmes"), "loyalty", "points.read", _LOYALTY),
    Section("tiers", _("Tiers"), "military_tech", "points.read", _LOYALTY),
    Section("benefits", _("Benefits"), "card_giftcard", "points.read", _LOYALTY),
    Section("missions", _("Missions"), "flag", "points.read", _LOYALTY),
    Section("memberships", _("Memberships"), "card_membership", "points.read", _LOYALTY),
    Section("rewards", _("Rewards"), "redeem", "points.read", _LOYALTY),
    Section("ledger", _("Ledger"), "account_balance_wallet", "points.read", _LOYALTY),
    Section("insight", _("Overview"), "insights", "insight.read", _INSIGHT),
    Section("live", _("Live"), "sensors", "events.read", _INSIGHT),
    Section("consent-setup", _("Consent and topics"), "how_to_vote", "consent.read", _TRUST),
    Section("keeping", _("Events kept"), "inventory_2", "sources.read", _TRUST),
    Section("staff", _("Staff"), "badge", "staff.read", _TRUST),
    Section("connections", _("Connections"), "hub", "sources.read", _SETUP),
    Section("sources", _("Sources"), "input", "sources.read", _SETUP),
    Section("quarantine", _("Quarantine"), "report", "quarantine.read", _SETUP),
    Section("webhooks", _("Webhooks"), "webhook", "webhooks.read", _SETUP),
    Section("exports", _("Exports"), "download", "exports.read", _SETUP),
    Section("backups", _("Backups"), "backup", "operations.read", _SETUP),
    Section("own-traits", _("Traits and tags"), "label", "sources.read", _SETUP),
)


class Console(UnfoldAdminSite):  # type: ignore[misc]  # Unfold ships no types
    """Unfold's chrome at /console/."""

    def get_urls(self) -> list[URLPattern]:
        """Ours alone: Django's admin routes would come without a policy."""
        return []

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        operator = request.user
        context: dict[str, Any] = super().each_context(request)
        shop = shop_of(request)
        context["shop_name"], context["zone"], context["currency"] = shop.name, shop.zone, shop.currency
        context["sections"] = [
            {
                "url": reverse(f"console:{section.route}"),
                "title": section.title,
                "symbol": section.symbol,
                "group": section.group,
                "is_current": is_within(request, section),
            }
            for section in sections_for(request)
        ]
        context["role_name"] = ROLE_NAMES[Role(operator.role)] if operator.is_authenticated else ""
        return context


def shop_of(request: HttpRequest) -> Shop:
    """The shop, read once for a request: every page shows its name, and most of their parts its clock or money."""
    found = getattr(request, _SHOP, None)
    if not isinstance(found, Shop):
        found = company.shop()
        setattr(request, _SHOP, found)
    return found


def may(request: HttpRequest, action: Action) -> bool:
    """Whether the signed-in operator may do `action`."""
    operator = request.user
    return operator.is_authenticated and operator.may(action)


def me(request: HttpRequest) -> int:
    """The signed-in operator's number. Only behind a policy: a stranger has none."""
    number = request.user.pk
    assert number is not None
    return number


def sections_for(request: HttpRequest) -> list[Section]:
    """The sections the signed-in operator may open, in the order of the navigation."""
    return [section for section in SECTIONS if may(request, section.action)]


def is_within(request: HttpRequest, section: Section) -> bool:
    """Whether the page shown belongs to `section`; /console/ itself is Today alone."""
    start = reverse(f"console:{section.route}")
    return request.path == start if section.route == "index" else request.path.startswith(start)


console = Console(name="console")


def page(request: HttpRequest, template: str, *, title: str, status: int = 200, **context: Any) -> HttpResponse:
    """A page inside the chrome."""
    request.current_app = console.name  # Django reads it when it reverses "admin:…"
    response = render(request, template, {**console.each_context(request), "title": title, **context}, status=status)
    response.headers["Content-Security-Policy"] = CHROME
    return response


def fragment(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    """A part of a page, for htmx to put in its place."""
    return render(request, template, context)
