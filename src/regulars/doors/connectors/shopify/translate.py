"""From Shopify's JSON to our reports. Pure.

One reading serves both of its dialects: the client asks the GraphQL API under the names that messages use. Amounts are
in the currency the buyer paid in (`presentment_money`); the shop's own currency and the rate between the two are kept.
Where the app may not see who somebody is, Shopify sends null: that changes nothing of what is known.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import (
    Document,
    NotUnderstood,
    document,
    got,
    instant,
    instant_or_none,
    ref,
    ref_or_none,
    text,
)
from regulars.doors.connectors.reports import (
    Ask,
    CustomerTold,
    Deleted,
    Disconnected,
    PersonRedacted,
    Report,
)
from regulars.doors.connectors.shopify.goods import level, location, product
from regulars.doors.connectors.shopify.orders import order, refunded
from regulars.doors.connectors.shopify.parts import address_of, consent_of, country_of, language_of
from regulars.facts.customers.profiles import Profile


def translate(topic: str, body: bytes, told_at: datetime | None, about: About) -> Sequence[Report]:
    """What a message of that topic tells. Of an unknown topic nothing, with a refusal that names it."""
    reads = _TOPICS.get(topic)
    if reads is None:
        raise NotUnderstood("unknown_topic", f"topic: {topic[:80]!r} is none we know")
    return reads(document(body), told_at, about)


def read(stream: str, item: Document, about: About) -> Sequence[Report]:
    """What one thing of a stream tells, as the client gives it."""
    return _STREAMS[stream](item, about)


def customer(doc: Document, about: About) -> list[Report]:
    """A customer, as far as the app may see who it is."""
    updated_at = instant(doc.get("updated_at"), about.zone, "updated_at")
    created_at = instant_or_none(doc.get("created_at"), about.zone, "created_at")
    address = doc.get("default_address")
    profile = Profile(
        given_name=text(doc.get("first_name"), 80),
        family_name=text(doc.get("last_name"), 80),
        email=text(doc.get("email"), 250),
        phone=text(doc.get("phone"), 40),
        address=address_of(address),
        country=country_of(got(address, "country_code")),
        language=language_of(doc.get("locale")),
    )
    consents = [
        answer
        for channel, name in (("email", "email_marketing_consent"), ("sms", "sms_marketing_consent"))
        if (answer := consent_of(channel, doc.get(name), created_at or updated_at, about)) is not None
    ]
    return [
        CustomerTold(
            ref=ref(doc.get("id"), "id"),
            told_at=updated_at,
            profile=profile,
            first_seen_at=created_at,
            consents=consents,
        )
    ]


def _gone(what: Literal["order", "product", "customer"]) -> "_Reads":
    def reads(doc: Document, told_at: datetime | None, about: About) -> list[Report]:
        if told_at is None:
            raise NotUnderstood("no_time", "X-Shopify-Triggered-At: says no time, and neither does the message")
        return [Deleted(what=what, ref=ref(doc.get("id"), "id"), told_at=told_at)]

    return reads


def _ask_for(stream: str, *path: str) -> "_Reads":
    def reads(doc: Document, told_at: datetime | None, about: About) -> list[Report]:
        return [Ask(stream=stream, ref=ref(got(doc, *path), ".".join(path)))]

    return reads


def _ask_level(doc: Document, told_at: datetime | None, about: About) -> list[Report]:
    item = ref(doc.get("inventory_item_id"), "inventory_item_id")
    return [Ask(stream="stock", ref=f"{item}:{ref(doc.get('location_id'), 'location_id')}")]


def _edited(doc: Document, told_at: datetime | None, about: About) -> list[Report]:
    return [Ask(stream="orders", ref=ref(got(doc, "order_edit", "order_id"), "order_edit.order_id"))]


def _privacy(kind: Literal["data_request", "redact", "shop_redact"]) -> "_Reads":
    def reads(doc: Document, told_at: datetime | None, about: About) -> list[Report]:
        if told_at is None:
            raise NotUnderstood("no_time", "X-Shopify-Triggered-At: says no time, and neither does the message")
        person = ref_or_none(got(doc, "customer", "id"), "customer.id") or ""
        own = ref_or_none(got(doc, "data_request", "id"), "data_request.id") or told_at.isoformat()
        return [PersonRedacted(kind=kind, ref=person, asked_at=told_at, key=f"{kind}:{person}:{own}"[:120])]

    return reads


def _let_go(doc: Document, told_at: datetime | None, about: About) -> list[Report]:
    return [Disconnected()]


def _told(of: Callable[[Document, About], list[Report]]) -> "_Reads":
    return lambda doc, told_at, about: of(doc, about)


_Reads = Callable[[Document, "datetime | None", About], list[Report]]
_TOPICS: Mapping[str, _Reads] = {
    **dict.fromkeys(
        [
            *("orders/create", "orders/updated", "orders/paid", "orders/cancelled"),
            *("orders/fulfilled", "orders/partially_fulfilled"),
        ],
        _told(order),
    ),
    "orders/edited": _edited,
    "orders/delete": _gone("order"),
    "refunds/create": refunded,
    "fulfillments/create": _ask_for("orders", "order_id"),
    "fulfillments/update": _ask_for("orders", "order_id"),
    **dict.fromkeys(
        ["customers/create", "customers/update", "customers/enable", "customers/disable"],
        _told(customer),
    ),
    "customers/delete": _gone("customer"),
    **dict.fromkeys(
        ["customers_email_marketing_consent/update", "customers_marketing_consent/update"],
        _ask_for("customers", "customer_id"),
    ),
    "products/create": _told(product),
    "products/update": _told(product),
    "products/delete": _gone("product"),
    "inventory_levels/update": _ask_level,
    "inventory_levels/connect": _ask_level,
    "locations/create": _told(location),
    "locations/update": _told(location),
    "app/uninstalled": _let_go,
    "customers/data_request": _privacy("data_request"),
    "customers/redact": _privacy("redact"),
    "shop/redact": _privacy("shop_redact"),
}
#: The topics a shop is asked to send; those of privacy are set in the app itself.
TOPICS: tuple[str, ...] = tuple(
    topic for topic in _TOPICS if topic not in {"customers/data_request", "customers/redact", "shop/redact"}
)
_STREAMS: Mapping[str, Callable[[Document, About], list[Report]]] = {
    "stores": location,
    "products": product,
    "stock": level,
    "customers": customer,
    "orders": order,
}
