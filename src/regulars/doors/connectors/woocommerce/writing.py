"""Writes rights into a WooCommerce shop: coupons, and metadata of customers.

A coupon can be bound to e-mail addresses only, which are not told here: one that is for one customer is anybody's who
has its code, for as many uses as it has. It has no beginning, so it is made when it begins.
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from regulars.doors.connectors.protocol import Asking
from regulars.doors.connectors.reading import Document, documents, got, listing, mapping
from regulars.doors.connectors.writers import OURS, CannotSay, Gone, NotYet, WontTake, send
from regulars.kit.money import Money
from regulars.oversight.outbound.rights import Terms
from regulars.oversight.outbound.writing import AttributesDue, CodeDue
from regulars.runtime.database import clock

_KEY = f"_{OURS}_key"


class WooCommerceWriter:
    """Writes into one shop, with a key that may write."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._base = f"{str(asking.about.settings['address']).rstrip('/')}/wp-json/wc/v3/"
        own = asking.secrets.credentials
        key = f"{own.get('consumer_key', '')}:{own.get('consumer_secret', '')}"
        self._headers = {"Authorization": f"Basic {b64encode(key.encode()).decode()}", "User-Agent": "Regulars"}
        self._currency = ""

    def code(self, due: CodeDue) -> str:
        """Made or changed, or a draft when it is not wanted any more."""
        found = self._coupon(due)
        if not due.is_active:
            if found is not None:
                self._end(str(found["id"]))
            return due.remote
        if due.terms.starts_at > clock.now():
            raise NotYet(due.terms.starts_at)
        told = self._told(due)
        if found is not None:
            self._send("PUT", f"coupons/{found['id']}", told)
            return str(found["id"])
        made = mapping(self._send("POST", "coupons", told), "coupon")
        return str(made.get("id") or "")

    def has_code(self, due: CodeDue) -> bool:
        """Whether it is there, live exactly when it is wanted, and worth what it was."""
        found = self._coupon(due)
        is_live = found is not None and got(found, "status") in (None, "publish")
        if not due.is_active or found is None:
            return is_live == due.is_active
        wanted = self._told(due)
        same = ("discount_type", "usage_limit", "date_expires_gmt", "free_shipping")
        return (
            is_live
            and all(got(found, name) == wanted[name] for name in same)
            and float(got(found, "amount") or 0) == float(wanted["amount"])
        )

    def attributes(self, due: AttributesDue) -> None:
        """Metadata of the customer under names that begin with ours; an empty text takes a name away."""
        told = [{"key": f"{OURS}_{name}", "value": value or None} for name, value in due.told.items()]
        if self._send("PUT", f"customers/{quote(due.ref, safe='')}", {"meta_data": told}) is None:
            raise Gone

    def has_attributes(self, due: AttributesDue) -> bool:
        """Whether every name stands as it is wanted."""
        found = self._send("GET", f"customers/{quote(due.ref, safe='')}", None)
        if found is None:
            raise Gone
        kept = _meta(found)
        return all(kept.get(f"{OURS}_{name}", "") == value for name, value in due.told.items())

    def _coupon(self, due: CodeDue) -> Document | None:
        """The shop's coupon with this code; refused where it is not ours. Shops write codes in small letters."""
        found = self._asking.caller.ask(
            "GET", f"{self._base}coupons?code={quote(due.code)}&status=any", headers=self._headers
        )
        for one in documents(found.body):
            if str(got(one, "code")).lower() == due.code.lower() and got(one, "status") != "trash":
                if _meta(one).get(_KEY) != due.key:
                    raise WontTake("code_taken", "the shop has a code of its own that reads the same; choose another")
                return mapping(one, "coupon")
        return None

    def _end(self, number: str) -> None:
        done = self._send("PUT", f"coupons/{number}", {"status": "draft"})
        if done is not None and got(done, "status") != "draft":
            # It is too old to know a coupon's status.
            self._send("DELETE", f"coupons/{number}", None)

    def _told(self, due: CodeDue) -> dict[str, Any]:
        terms = due.terms
        if terms.currency and terms.currency != self._shops_currency():
            raise CannotSay("other_currency", f"the shop sells in {self._currency}, this code is in {terms.currency}")
        least = "" if terms.least_minor is None else str(Money(terms.least_minor, terms.currency).decimal)
        return {
            "code": due.code,
            "description": due.title,
            "status": "publish",
            "discount_type": "percent" if terms.takes == "percent" else "fixed_cart",
            "amount": _worth(terms),
            "free_shipping": terms.takes == "shipping",
            "minimum_amount": least,
            "usage_limit": terms.uses,
            "usage_limit_per_user": 1 if terms.once_each else None,
            "date_expires_gmt": None if terms.ends_at is None else _gmt(terms.ends_at),
            "meta_data": [{"key": _KEY, "value": due.key}],
        }

    def _shops_currency(self) -> str:
        if not self._currency:
            told = self._send("GET", "data/currencies/current", None)
            self._currency = str(got(told, "code") or "")
        return self._currency

    def _send(self, method: str, path: str, told: Mapping[str, Any] | None) -> Document | None:
        return send(self._asking.caller, method, self._base + path, headers=self._headers, told=told)


def _worth(terms: Terms) -> str:
    if terms.takes == "percent" and terms.percent is not None:
        return f"{terms.percent:f}"
    if terms.takes == "shipping":
        return "0"
    return str(Money(terms.amount_minor or 0, terms.currency).decimal)


def _meta(of: Document) -> dict[str, str]:
    return {str(got(one, "key")): str(got(one, "value") or "") for one in listing(of.get("meta_data"), "meta_data")}


def _gmt(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
