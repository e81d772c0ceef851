"""Writes rights into a Shopify shop: discount codes, and metafields of customers under our namespace."""

from collections.abc import Mapping
from typing import Any

from regulars.doors.connectors.reading import got, listing, mapping
from regulars.doors.connectors.shopify.client import ShopifyClient
from regulars.doors.connectors.writers import OURS, CannotSay, Gone, WontTake
from regulars.kit.money import Money
from regulars.oversight.outbound.rights import Terms
from regulars.oversight.outbound.writing import AttributesDue, CodeDue

_ANSWER = "made: codeDiscountNode { id } userErrors { field code message }"
_BASIC = "$id: ID!, $told: DiscountCodeBasicInput!"
_SHIPPING = "$id: ID!, $told: DiscountCodeFreeShippingInput!"
#: By what a code takes: how it is made, and how it is changed.
_MAKE = {
    False: "mutation Write($told: DiscountCodeBasicInput!) {"
    f" done: discountCodeBasicCreate(basicCodeDiscount: $told) {{ {_ANSWER} }} }}",
    True: "mutation Write($told: DiscountCodeFreeShippingInput!) {"
    f" done: discountCodeFreeShippingCreate(freeShippingCodeDiscount: $told) {{ {_ANSWER} }} }}",
}
_CHANGE = {
    False: f"mutation Write({_BASIC}) {{"
    f" done: discountCodeBasicUpdate(id: $id, basicCodeDiscount: $told) {{ {_ANSWER} }} }}",
    True: f"mutation Write({_SHIPPING}) {{"
    f" done: discountCodeFreeShippingUpdate(id: $id, freeShippingCodeDiscount: $told) {{ {_ANSWER} }} }}",
}
_END = f"mutation Write($id: ID!) {{ done: discountCodeDeactivate(id: $id) {{ {_ANSWER} }} }}"
_FIELDS = "title status endsAt usageLimit"
_SEEN = (
    f"discount: codeDiscount {{ ... on DiscountCodeBasic {{ {_FIELDS} }}"
    f" ... on DiscountCodeFreeShipping {{ {_FIELDS} }} }}"
)
_BY_CODE = f"query Look($code: String!) {{ one: codeDiscountNodeByCode(code: $code) {{ id {_SEEN} }} }}"
_BY_ID = f"query Look($id: ID!) {{ one: codeDiscountNode(id: $id) {{ id {_SEEN} }} }}"
_OF_CUSTOMER = (
    f'query Look($id: ID!) {{ one: customer(id: $id) {{ id kept: metafields(namespace: "{OURS}", first: 50)'
    " { nodes { key value } } } }"
)
_SET = (
    "mutation Write($told: [MetafieldsSetInput!]!) { done: metafieldsSet(metafields: $told)"
    " { userErrors { field code message } } }"
)
_TAKE_AWAY = (
    "mutation Write($told: [MetafieldIdentifierInput!]!) { done: metafieldsDelete(metafields: $told)"
    " { userErrors { field message } } }"
)
#: Metafields that one mutation may set.
_MOST_AT_ONCE = 25
_LIVE = frozenset({"ACTIVE", "SCHEDULED"})


class ShopifyWriter(ShopifyClient):
    """Writes into one shop, within the same budget of query costs."""

    def code(self, due: CodeDue) -> str:
        """Made or changed, or ended when it is not wanted any more; an old answer of ours that got lost is found."""
        remote = self._still(due.remote) or self._known(due)
        if not due.is_active:
            if remote:
                self._done(_END, {"id": remote})
            return remote
        told, is_shipping = self._told(due), due.terms.takes == "shipping"
        if remote:
            return self._done(_CHANGE[is_shipping], {"id": remote, "told": told})
        return self._done(_MAKE[is_shipping], {"told": told})

    def has_code(self, due: CodeDue) -> bool:
        """Whether it is there, under our title, with its limit, and live exactly when it is wanted."""
        found = self._ask(_BY_ID, {"id": due.remote}).get("one") if due.remote else None
        if found is None:
            return not due.is_active
        is_live = got(found, "discount", "status") in _LIVE
        if not due.is_active:
            return not is_live
        is_over = due.terms.ends_at is not None and not is_live
        limit = got(found, "discount", "usageLimit")
        return (is_live or is_over) and got(found, "discount", "title") == due.title and limit == due.terms.uses

    def attributes(self, due: AttributesDue) -> None:
        """Metafields of the customer under our namespace; an empty one is taken away."""
        owner = f"gid://shopify/Customer/{due.ref}"
        kept = self._kept(owner)
        told = [
            {"ownerId": owner, "namespace": OURS, "key": name, "type": "single_line_text_field", "value": value}
            for name, value in due.told.items()
            if value and kept.get(name) != value
        ]
        for start in range(0, len(told), _MOST_AT_ONCE):
            self._refusing(self._ask(_SET, {"told": told[start : start + _MOST_AT_ONCE]}))
        away = [
            {"ownerId": owner, "namespace": OURS, "key": name}
            for name, value in due.told.items()
            if not value and name in kept
        ]
        if away:
            self._refusing(self._ask(_TAKE_AWAY, {"told": away}))

    def has_attributes(self, due: AttributesDue) -> bool:
        """Whether every name stands as it is wanted."""
        kept = self._kept(f"gid://shopify/Customer/{due.ref}")
        return all(kept.get(name, "") == value for name, value in due.told.items())

    def _still(self, remote: str) -> str:
        """The code we made, "" where somebody has deleted it."""
        return remote if remote and self._ask(_BY_ID, {"id": remote}).get("one") is not None else ""

    def _known(self, due: CodeDue) -> str:
        found = self._ask(_BY_CODE, {"code": due.code}).get("one")
        if found is None:
            return ""
        if got(found, "discount", "title") != due.title:
            raise WontTake("code_taken", "the shop has a code of its own that reads the same; choose another")
        return str(found["id"])

    def _kept(self, owner: str) -> Mapping[str, str]:
        found = self._ask(_OF_CUSTOMER, {"id": owner}).get("one")
        if found is None:
            raise Gone
        return {str(one["key"]): str(one["value"]) for one in listing(got(found, "kept", "nodes"), "metafields")}

    def _done(self, mutation: str, given: Mapping[str, Any]) -> str:
        done = self._refusing(self._ask(mutation, given))
        return str(got(done, "made", "id") or given.get("id") or "")

    def _refusing(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        done = mapping(answer.get("done"), "done")
        if errors := listing(done.get("userErrors"), "userErrors"):
            code, why = got(errors[0], "code"), got(errors[0], "message")
            raise WontTake(str(code or "refused").lower(), str(why or "")[:200])
        return done

    def _told(self, due: CodeDue) -> dict[str, Any]:
        terms = due.terms
        buyers = [f"gid://shopify/Customer/{ref}" for ref in due.refs]
        told: dict[str, Any] = {
            "title": due.title,
            "code": due.code,
            "startsAt": terms.starts_at.isoformat(),
            "endsAt": None if terms.ends_at is None else terms.ends_at.isoformat(),
            "usageLimit": terms.uses,
            "appliesOncePerCustomer": terms.once_each,
            "context": {"customers": {"add": buyers}} if buyers else {"all": "ALL"},
        }
        if terms.least_minor is not None:
            least = str(Money(terms.least_minor, terms.currency).decimal)
            told["minimumRequirement"] = {"subtotal": {"greaterThanOrEqualToSubtotal": least}}
        if terms.currency:
            self._check_currency(terms)
        if terms.takes == "shipping":
            return told | {"destination": {"all": True}}
        return told | {"customerGets": {"value": _value(terms), "items": {"all": True}}}

    def _check_currency(self, terms: Terms) -> None:
        currency = self.about()["currency"]
        if currency != terms.currency:
            raise CannotSay("other_currency", f"the shop's codes are in {currency}, this one is in {terms.currency}")


def _value(terms: Terms) -> dict[str, Any]:
    if terms.percent is not None and terms.takes == "percent":
        # A GraphQL Float between 0 and 1; percents have so few digits that none is lost.
        return {"percentage": float(terms.percent / 100)}
    amount = str(Money(terms.amount_minor or 0, terms.currency).decimal)
    return {"discountAmount": {"amount": amount, "appliesOnEachItem": False}}
