"""Medusa's places, products, what they cost and how many there are, to our reports. Pure."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal

from regulars.doors.connectors.medusa.parts import figure, latest, minor_of, store_of
from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import (
    Document,
    NotUnderstood,
    currency,
    got,
    instant,
    listing,
    mapping,
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

_STATUSES: Mapping[str, Literal["active", "draft", "discontinued"]] = {
    "published": "active",
    "draft": "draft",
    "proposed": "draft",
    "rejected": "draft",
}


def location(doc: Document, about: About) -> list[Report]:
    """A stock location: a store, a warehouse."""
    code = store_of(doc.get("id"), about)
    if code is None:
        raise NotUnderstood("no_ref", "id: has no id")
    return [StoreTold(code=code, name=text(doc.get("name"), 120) or code)]


def product(doc: Document, about: About) -> list[Report]:
    """A product with its variants, and what each costs in each currency."""
    product_ref = ref(doc.get("id"), "id")
    variants = [mapping(one, "variants") for one in listing(doc.get("variants"), "variants")]
    told_at = latest(doc, about, frozenset({"variants", "prices"}))
    told: list[Report] = [
        ProductTold(
            ref=product_ref,
            told_at=told_at,
            title=text(doc.get("title"), 300),
            category=_category(doc),
            brand=text(got(doc, "collection", "title"), 120),
            status=_STATUSES.get(str(doc.get("status") or "published"), "active"),
            variants=[_variant(one) for one in variants],
        )
    ]
    for one in variants:
        told += _prices(one, product_ref, about)
    return told


def stock(doc: Document, about: About) -> list[Report]:
    """How much there is of one inventory item at each location, for each variant that is made of it alone."""
    forms = [mapping(one, "variants") for one in listing(doc.get("variants"), "variants")]
    if not forms:
        return [Ignored(why="no_variant")]
    told: list[Report] = []
    for level in listing(doc.get("location_levels"), "location_levels"):
        store = store_of(got(level, "location_id"), about)
        if store is None:
            raise NotUnderstood("no_ref", "location_levels.location_id: has no id")
        on_hand = figure(level, "stocked_quantity")
        for form in forms:
            told.append(
                StockTold(
                    variant_ref=ref(form.get("id"), "variants.id"),
                    product_ref=ref_or_none(form.get("product_id"), "variants.product_id"),
                    store=store,
                    on_hand=on_hand,
                    reserved=max(figure(level, "reserved_quantity"), Decimal(0)),
                    may_oversell=form.get("allow_backorder") is True,
                    told_at=instant(level.get("updated_at"), about.zone, "location_levels.updated_at"),
                )
            )
    return told or [Ignored(why="not_tracked")]


def _variant(doc: Document) -> VariantTold:
    chosen = {
        str(got(one, "option", "title")): str(got(one, "value"))
        for one in listing(doc.get("options"), "variants.options")
        if got(one, "option", "title")
    }
    return VariantTold(
        ref=ref(doc.get("id"), "variants.id"),
        title=text(doc.get("title"), 300),
        sku=text(doc.get("sku"), 100),
        barcode=text(doc.get("barcode") or doc.get("ean") or doc.get("upc"), 64),
        options=chosen or None,
        status="active",
    )


def _prices(doc: Document, product_ref: str, about: About) -> Iterator[PriceTold]:
    """The prices that hold for everybody; those of a region, a group or from a number of pieces on are rules."""
    for one in listing(doc.get("prices"), "variants.prices"):
        if got(one, "rules") or got(one, "min_quantity") is not None or got(one, "price_list_id") is not None:
            continue
        code = currency(str(got(one, "currency_code") or "").upper(), "prices.currency_code")
        yield PriceTold(
            product_ref=product_ref,
            variant_ref=ref(doc.get("id"), "variants.id"),
            currency=code,
            list_minor=minor_of(figure(one, "amount"), code),
            told_at=instant(one.get("updated_at"), about.zone, "prices.updated_at"),
        )


def _category(doc: Document) -> str | None:
    """The first category with all that are above it; else the product's type."""
    found = listing(doc.get("categories"), "categories")
    names = [name for one in found[:1] if (name := text(got(one, "name"), 100)) is not None]
    return names[0] if names else text(got(doc, "type", "value"), 100)
