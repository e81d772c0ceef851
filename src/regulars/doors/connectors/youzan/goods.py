"""Youzan's goods to our reports: a product with its forms, what they cost, how many there are. Pure.

Amounts are whole fen, in CNY; times are without an offset, of Shanghai. A form is called by its product and its own
number: Youzan only promises that a product has no two forms of one number.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import (
    Document,
    NotUnderstood,
    documents,
    got,
    instant,
    instant_or_none,
    listing,
    mapping,
    number,
    ref,
    ref_or_none,
    text,
)
from regulars.doors.connectors.reports import PriceTold, ProductTold, Report, StockTold, VariantTold

SHANGHAI = ZoneInfo("Asia/Shanghai")
CURRENCY = "CNY"


def product(doc: Document, about: About) -> list[Report]:
    """A product with its forms, what they cost and how many there are."""
    number_of = ref(doc.get("item_id"), "item_id")
    groups = listing(doc.get("item_tags"), "item_tags")
    forms = _forms(doc)
    is_on_sale = doc.get("is_listing") is True
    told = ProductTold(
        ref=number_of,
        told_at=_goods_changed_at(doc),
        title=text(doc.get("title"), 300),
        category=next((name for one in groups if (name := text(got(one, "name"), 100))), None),
        status="active" if is_on_sale else "draft",
        variants=[_form(one, number_of) for one in forms],
    )
    return [told, *levels(doc, about)]


def levels(doc: Document, about: About) -> list[Report]:
    """What a product's forms cost, and how many there are: of these, as of the moment at which Youzan was asked."""
    number_of = ref(doc.get("item_id"), "item_id")
    asked_at = instant(doc.get("asked_at"), SHANGHAI, "asked_at")
    told: list[Report] = []
    for one in _forms(doc):
        form = _form_ref(number_of, one)
        if one.get("price") is not None:
            fen = _fen(one, "price")
            told.append(
                PriceTold(
                    product_ref=number_of,
                    variant_ref=form,
                    currency=CURRENCY,
                    list_minor=fen,
                    told_at=_goods_changed_at(doc),
                )
            )
        if one.get("quantity") is not None:
            told.append(
                StockTold(
                    variant_ref=form,
                    product_ref=number_of,
                    store=str(about.settings.get("store") or about.namespace),
                    on_hand=number(one.get("quantity"), "quantity"),
                    told_at=asked_at,
                )
            )
    return told


def form_of_line(product: str | None, sku: str | None) -> str | None:
    """What the form on an order's line is called; 0 stands where a product has no forms."""
    if product is None or sku in (None, "0"):
        return product
    return f"{product}-{sku}"


def _forms(doc: Document) -> list[Document]:
    """What can be bought: the product's forms, or itself where it has none."""
    found = [mapping(one, "skus") for one in listing(doc.get("skus"), "skus")]
    return [one for one in found if one.get("sku_id") not in (None, 0, "0")] or [doc]


def _form(doc: Document, product_ref: str) -> VariantTold:
    options = _options(doc.get("properties_name_json"))
    return VariantTold(
        ref=_form_ref(product_ref, doc),
        title=", ".join(options.values())[:300],
        sku=text(doc.get("item_no"), 100),
        barcode=text(doc.get("sku_barcode") or doc.get("item_barcode"), 64),
        options=options or None,
        status="active",
    )


def _form_ref(product_ref: str, doc: Document) -> str:
    return form_of_line(product_ref, ref_or_none(doc.get("sku_id"), "skus.sku_id")) or product_ref


def _options(told: object) -> dict[str, str]:
    """JSON in a text: [{"k": "Colour", "v": "Red"}]."""
    if not isinstance(told, str) or not told.strip():
        return {}
    try:
        pairs = documents(told.encode())
    except NotUnderstood:
        return {}
    return {name: value for one in pairs if (name := text(one.get("k"), 60)) and (value := text(one.get("v"), 100))}


def _goods_changed_at(doc: Document) -> datetime:
    """When a product changed: what its list said, else the latest time that stands in it."""
    if (listed := instant_or_none(doc.get("update_time"), SHANGHAI, "update_time")) is not None:
        return listed
    skus = [mapping(one, "skus") for one in listing(doc.get("skus"), "skus")]
    times = [
        instant_or_none(doc.get("created"), SHANGHAI, "created"),
        *(instant_or_none(one.get("modified"), SHANGHAI, "modified") for one in skus),
    ]
    found = [at for at in times if at is not None]
    return max(found) if found else instant(doc.get("asked_at"), SHANGHAI, "asked_at")


def _fen(doc: Document, name: str) -> int:
    found = number(doc.get(name), name)
    if found != found.to_integral_value():
        raise NotUnderstood("bad_amount", f"{name}: is no whole number of fen")
    return int(found)
