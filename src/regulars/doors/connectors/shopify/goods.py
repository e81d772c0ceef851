"""Shopify's places, products, what they cost and how many there are, to our reports. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import (
    Document,
    NotUnderstood,
    got,
    instant,
    listing,
    minor,
    number,
    ref,
    ref_or_none,
    text,
)
from regulars.doors.connectors.reports import (
    Ignored,
    PriceTold,
    ProductTold,
    Report,
    StockTold,
    StoreTold,
    VariantTold,
)
from regulars.doors.connectors.shopify.parts import by_age, store_of

_STATUSES: Mapping[str, Literal["active", "draft", "discontinued"]] = {
    "active": "active",
    "draft": "draft",
    "unlisted": "active",
    "archived": "discontinued",
}


def product(doc: Document, about: About) -> list[Report]:
    """A product with its variants, and what they cost in the shop's currency."""
    told_at = instant(doc.get("updated_at"), about.zone, "updated_at")
    product_ref = ref(doc.get("id"), "id")
    variants = by_age(doc, "variants")
    # A product without options has one variant, which Shopify calls so.
    told: list[Report] = [
        ProductTold(
            ref=product_ref,
            told_at=told_at,
            title=text(doc.get("title"), 300),
            category=text(doc.get("product_type"), 200),
            brand=text(doc.get("vendor"), 120),
            status=_STATUSES.get(str(doc.get("status") or "active").lower(), "active"),
            variants=[_variant(one) for one in variants],
        )
    ]
    code = about.settings.get("currency")
    if code is None:
        return [*told, Ignored(why="no_currency")]
    return told + [price for one in variants if (price := _price(one, product_ref, str(code), told_at)) is not None]


def _variant(doc: Document) -> VariantTold:
    options = listing(doc.get("selected_options"), "variants.selected_options")
    chosen = {str(got(one, "name")): str(got(one, "value")) for one in options if got(one, "name")}
    title = text(doc.get("title"), 300)
    return VariantTold(
        ref=ref(doc.get("id"), "variants.id"),
        title="" if title == "Default Title" else title,
        sku=text(doc.get("sku"), 100),
        barcode=text(doc.get("barcode"), 64),
        options=chosen or None,
        status="active",
    )


def _price(doc: Document, product_ref: str, code: str, told_at: datetime) -> PriceTold | None:
    if doc.get("price") is None:
        return None
    now = minor(doc.get("price"), code, "variants.price")
    before = doc.get("compare_at_price")
    was = minor(before, code, "variants.compare_at_price") if before not in (None, "") else now
    return PriceTold(
        product_ref=product_ref,
        variant_ref=ref(doc.get("id"), "variants.id"),
        currency=code,
        list_minor=max(was, now),
        sale_minor=now if was > now else None,
        told_at=told_at,
    )


def level(doc: Document, about: About) -> list[Report]:
    """How much of one variant can be sold from one location."""
    variant = got(doc, "item", "variant")
    if variant is None:
        return [Ignored(why="no_variant")]
    if (on_hand := doc.get("available")) is None:
        return [Ignored(why="not_tracked")]
    store = store_of(doc.get("location_id"), about)
    if store is None:
        raise NotUnderstood("no_ref", "location_id: has no id")
    return [
        StockTold(
            variant_ref=ref(got(variant, "id"), "variant.id"),
            product_ref=ref_or_none(got(variant, "product_id"), "variant.product_id"),
            store=store,
            on_hand=number(on_hand, "available"),
            may_oversell=str(got(variant, "inventory_policy") or "").lower() == "continue",
            told_at=instant(doc.get("updated_at"), about.zone, "updated_at"),
        )
    ]


def location(doc: Document, about: About) -> list[Report]:
    """A location: a store, a warehouse."""
    code = store_of(doc.get("id"), about)
    if code is None:
        raise NotUnderstood("no_ref", "id: has no id")
    return [StoreTold(code=code, name=text(doc.get("name"), 120) or code)]
