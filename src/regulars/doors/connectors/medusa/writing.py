"""Writes rights into a Medusa shop: promotions with a code, and metadata of customers."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from regulars.doors.connectors.protocol import Asking
from regulars.doors.connectors.reading import Document, got, listing, mapping, number
from regulars.doors.connectors.writers import OURS, CannotSay, Gone, WontTake, send
from regulars.kit.money import Money
from regulars.oversight.outbound.rights import Terms
from regulars.oversight.outbound.writing import AttributesDue, CodeDue


class MedusaWriter:
    """Writes into one shop with its secret API key.

    A promotion cannot be limited to so many uses by each customer; one that is for one customer is bound to them by a
    rule, and every code has its limit of uses in all.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._base = str(asking.about.settings["address"]).rstrip("/")
        token = base64.b64encode(f"{asking.secrets.credentials['api_key']}:".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}

    def code(self, due: CodeDue) -> str:
        """Made or changed, or inactive when it is not wanted any more."""
        found = self._promotion(due)
        if found is None:
            if not due.is_active:
                return due.remote
            made = self._send("POST", "/admin/promotions", _new(due))
            return str(got(made, "promotion", "id") or "")
        known = str(found["id"])
        if not due.is_active:
            self._send("POST", f"/admin/promotions/{known}", {"status": "inactive"})
            return known
        if _unchangeable(due, found):
            # What a promotion takes and whom it is for cannot be changed in place; it is ours, so it is made anew, for
            # as many uses as it had left.
            self._send("DELETE", f"/admin/promotions/{known}", None)
            made = self._send("POST", "/admin/promotions", _new(due, _spent(found) + _used(found)))
            return str(got(made, "promotion", "id") or "")
        self._send(
            "POST",
            f"/admin/promotions/{known}",
            {
                "status": "active",
                "limit": _limit(due.terms, _spent(found)),
                "application_method": {"value": float(_worth(due.terms))},
            },
        )
        if (campaign := got(found, "campaign", "id")) is not None:
            self._send("POST", f"/admin/campaigns/{campaign}", _times(due.terms))
        return known

    def has_code(self, due: CodeDue) -> bool:
        """Whether it is there, live exactly when it is wanted, and worth what it was."""
        found = self._promotion(due)
        if found is None:
            return not due.is_active
        if not due.is_active:
            return bool(got(found, "status") != "active")
        ends = got(found, "campaign", "ends_at")
        return bool(
            got(found, "status") == "active"
            and not _unchangeable(due, found)
            and number(got(found, "application_method", "value"), "value") == _worth(due.terms)
            and got(found, "limit") == _limit(due.terms, _spent(found))
            and (None if ends is None else datetime.fromisoformat(str(ends))) == due.terms.ends_at
        )

    def attributes(self, due: AttributesDue) -> None:
        """Metadata of the customer under names that begin with ours; an empty text takes a name away there."""
        told = {f"{OURS}_{name}": value for name, value in due.told.items()}
        if self._send("POST", f"/admin/customers/{quote(due.ref, safe='')}", {"metadata": told}) is None:
            raise Gone

    def has_attributes(self, due: AttributesDue) -> bool:
        """Whether every name stands as it is wanted."""
        found = self._send("GET", f"/admin/customers/{quote(due.ref, safe='')}?fields=id,metadata", None)
        if found is None:
            raise Gone
        kept: Mapping[str, Any] = got(found, "customer", "metadata") or {}
        return all(str(kept.get(f"{OURS}_{name}") or "") == value for name, value in due.told.items())

    def _promotion(self, due: CodeDue) -> Document | None:
        """The shop's promotion with this code; refused where it is not ours."""
        fields = "fields=*campaign,*application_method,*rules,*rules.values,+metadata,+limit,+status"
        found = mapping(self._send("GET", f"/admin/promotions?code={quote(due.code)}&{fields}", None), "promotions")
        for one in listing(found.get("promotions"), "promotions"):
            if got(one, "code") == due.code:
                if got(one, "metadata", f"{OURS}_key") != due.key:
                    raise WontTake("code_taken", "the shop has a code of its own that reads the same; choose another")
                return mapping(one, "promotion")
        return None

    def _send(self, method: str, path: str, told: Mapping[str, Any] | None) -> Document | None:
        return send(self._asking.caller, method, self._base + path, headers=self._headers, told=told)


def _used(found: Document) -> int:
    """How often this promotion was used."""
    used = got(found, "used")
    return used if isinstance(used, int) else 0


def _spent(found: Document) -> int:
    """How often its code had been used before this promotion was made for it."""
    told = str(got(found, "metadata", f"{OURS}_spent") or "")
    return int(told) if told.isdigit() else 0


def _limit(terms: Terms, spent: int) -> int | None:
    """Uses that are left for a promotion. A promotion has one use at least."""
    return None if terms.uses is None else max(1, terms.uses - spent)


def _new(due: CodeDue, spent: int = 0) -> dict[str, Any]:
    terms = due.terms
    told: dict[str, Any] = {
        "code": due.code,
        "type": "standard",
        "status": "active",
        "is_automatic": False,
        # So much off what people pay, whether the shop's prices hold the tax or not.
        "is_tax_inclusive": terms.takes == "amount",
        "limit": _limit(terms, spent),
        "metadata": {f"{OURS}_key": due.key, f"{OURS}_spent": str(spent)},
        "application_method": _method(terms),
        "campaign": {"name": due.title, "campaign_identifier": f"{OURS}:{due.key}:{uuid4().hex[:12]}", **_times(terms)},
    }
    rules = [{"attribute": "customer.id", "operator": "in", "values": list(due.refs)}] if due.refs else []
    if terms.least_minor is not None:
        least = str(Money(terms.least_minor, terms.currency).decimal)
        rules.append({"attribute": "item_total", "operator": "gte", "values": [least]})
    if terms.currency:
        rules.append({"attribute": "currency_code", "operator": "eq", "values": [terms.currency.lower()]})
    return told | ({"rules": rules} if rules else {})


def _method(terms: Terms) -> dict[str, Any]:
    kind = "fixed" if terms.takes == "amount" else "percentage"
    told: dict[str, Any] = {"type": kind, "allocation": "across", "value": float(_worth(terms))}
    told["target_type"] = "shipping_methods" if terms.takes == "shipping" else "order"
    if terms.currency:
        told["currency_code"] = terms.currency.lower()
    return told


def _worth(terms: Terms) -> Decimal:
    """What a promotion takes off. Medusa takes JSON numbers; no price has more digits than a double holds."""
    if terms.takes == "shipping":
        return Decimal(100)
    worth = terms.percent if terms.takes == "percent" else Money(terms.amount_minor or 0, terms.currency).decimal
    if worth is None:
        raise CannotSay("no_value", "the code says not what it is worth")
    return worth


def _times(terms: Terms) -> dict[str, Any]:
    return {"starts_at": _iso(terms.starts_at), "ends_at": None if terms.ends_at is None else _iso(terms.ends_at)}


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _unchangeable(due: CodeDue, found: Document) -> bool:
    """Whether the shop's promotion takes otherwise, or is for others, than is wanted."""
    method, wanted = mapping(found.get("application_method"), "application_method"), _method(due.terms)
    return any(got(method, name) != wanted.get(name) for name in ("type", "target_type", "currency_code")) or _rules(
        listing(found.get("rules"), "rules")
    ) != _rules(_new(due).get("rules", []))


def _rules(rules: Any) -> set[tuple[str, str, tuple[str, ...]]]:
    def plain(value: Any) -> str:
        return str(got(value, "value") if isinstance(value, Mapping) else value)

    return {
        (str(got(one, "attribute")), str(got(one, "operator")), tuple(sorted(map(plain, got(one, "values") or []))))
        for one in rules
    }
