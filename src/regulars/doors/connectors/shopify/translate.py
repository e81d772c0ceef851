"""From Shopify's JSON to our reports. Pure.

One reading serves both of its dialects: the client asks the GraphQL API under the names that messages use. Amounts are
in the currency the buyer paid in (`presentment_money`); the shop's own currency and the rate between the two are kept.
Where the app may not see who somebody is, Shopify sends null: that changes nothing of what is known.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import (
    Document,
    NotUnderstood,
    currency,
    document,
    got,
    instant,
    instant_or_none,
    listing,
    mapping,
    minor,
    number,
    ref,
    ref_or_none,
    text,
)
from regulars.doors.connectors.reports import (
    Ask,
    ConsentTold,
    CustomerTold,
    Deleted,
    Disconnected,
    Ignored,
    OrderTold,
    PersonRedacted,
    PriceTold,
    ProductTold,
    RefundTold,
    Report,
    ShipmentTold,
    StockTold,
    StoreTold,
    VariantTold,
)
from regulars.facts.commerce.order_reports import (
    LineReport,
    OrderReport,
    OrderState,
    TenderKind,
    TenderReport,
    TenderState,
)
from regulars.facts.commerce.return_reports import ReturnLineReport, ReturnReport
from regulars.facts.commerce.shipment_reports import ShipmentReport, ShipmentState
from regulars.facts.customers.profiles import Profile
from regulars.kit.countries import check_country
from regulars.kit.refusals import Refusal

#: What stands on a line that is no product of the catalogue, such as one that a till wrote by hand.
NO_PRODUCT = "custom-item"
_PAID_ALL = frozenset({"paid", "refunded", "partially_refunded"})
_PAID_NOTHING = frozenset({"pending", "authorized", "voided", "expired"})
_GATEWAYS: Mapping[str, TenderKind] = {
    "gift_card": "gift_card",
    "shopify_store_credit": "store_credit",
    "store_credit": "store_credit",
    "cash": "cash",
    "shopify_payments": "card",
    "stripe": "card",
    "bogus": "card",
    "paypal": "wallet",
    "apple_pay": "wallet",
    "alipay": "wallet",
    "wechat_pay": "wallet",
    "bank deposit": "bank",
    "bank_deposit": "bank",
}
_SHIPMENTS: Mapping[str, ShipmentState] = {
    "label_printed": "packed",
    "label_purchased": "packed",
    "confirmed": "packed",
    "submitted": "pending",
    "pending": "pending",
    "open": "pending",
    "fulfilled": "on_its_way",
    "success": "on_its_way",
    "in_transit": "on_its_way",
    "carrier_picked_up": "on_its_way",
    "delayed": "on_its_way",
    "out_for_delivery": "out",
    "attempted_delivery": "attempted",
    "delivered": "delivered",
    "ready_for_pickup": "ready",
    "picked_up": "collected",
    "not_delivered": "went_back",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    "error": "cancelled",
    "failure": "cancelled",
}
_STATUSES: Mapping[str, Literal["active", "draft", "discontinued"]] = {
    "active": "active",
    "draft": "draft",
    "unlisted": "active",
    "archived": "discontinued",
}


def translate(topic: str, body: bytes, told_at: datetime | None, about: About) -> Sequence[Report]:
    """What a message of that topic tells. Of an unknown topic nothing, with a refusal that names it."""
    reads = _TOPICS.get(topic)
    if reads is None:
        raise NotUnderstood("unknown_topic", f"topic: {topic[:80]!r} is none we know")
    return reads(document(body), told_at, about)


def read(stream: str, item: Document, about: About) -> Sequence[Report]:
    """What one thing of a stream tells, as the client gives it."""
    return _STREAMS[stream](item, about)


def order(doc: Document, about: About) -> list[Report]:
    """An order with its refunds and fulfilments."""
    number_of = {ref(line.get("id"), "line_items.id"): n for n, line in enumerate(_by_age(doc, "line_items"), 1)}
    updated_at = instant(doc.get("updated_at"), about.zone, "updated_at")
    gateways = listing(doc.get("payment_gateway_names"), "payment_gateway_names")
    if doc.get("transactions") is None and len(set(gateways)) > 1:
        # Which paid how much of it stands in no message.
        return [Ask(stream="orders", ref=ref(doc.get("id"), "id"))]
    code = currency(doc.get("presentment_currency") or doc.get("currency"), "presentment_currency")
    refunds = [
        _refund(one, about, order_doc=doc, code=code, number_of=number_of, updated_at=updated_at)
        for one in _by_age(doc, "refunds")
    ]
    told: list[Report] = [OrderTold(report=_order(doc, about, code, updated_at, refunds))]
    told += [RefundTold(report=one) for one in refunds]
    told += [
        ShipmentTold(report=_shipment(one, doc, about, number_of, updated_at)) for one in _by_age(doc, "fulfillments")
    ]
    return told


def _order(
    doc: Document, about: About, code: str, updated_at: datetime, refunds: Sequence[ReturnReport]
) -> OrderReport:
    total = _amount(doc, "total_price", code)
    status = str(doc.get("financial_status") or "").lower()
    paid = _paid(doc, status, total, code)
    is_pos = doc.get("source_name") == "pos"
    cancelled_at = instant_or_none(doc.get("cancelled_at"), about.zone, "cancelled_at")
    state: OrderState = "cancelled" if cancelled_at else "completed" if doc.get("closed_at") else "placed"
    shipping = [_amount(one, "discounted_price", code) for one in listing(doc.get("shipping_lines"), "shipping_lines")]
    fees = _amount(doc, "total_tip_received", code) + _amount(doc, "original_total_duties", code)
    shop_code = currency(doc.get("currency") or code, "currency")
    return OrderReport(
        namespace=about.namespace,
        ref=ref(doc.get("id"), "id"),
        number=text(doc.get("name"), 64),
        placed_at=instant(doc.get("processed_at") or doc.get("created_at"), about.zone, "created_at"),
        currency=code,
        lines=[_line(one, n, code) for n, one in enumerate(_by_age(doc, "line_items"), 1)],
        customer_ref=ref_or_none(got(doc, "customer", "id"), "customer.id"),
        country=_country(got(doc, "shipping_address", "country_code")),
        channel="store" if is_pos else str(about.settings.get("channel") or "web"),
        store=_store(doc.get("location_id"), about) if is_pos else None,
        shipping_minor=sum(shipping),
        tax_minor=_amount(doc, "total_tax", code),
        total_minor=total,
        fees_minor=fees,
        prices_include_tax=bool(doc.get("taxes_included")),
        state=state,
        cancelled_at=cancelled_at,
        is_test=doc.get("test") is True,
        paid_minor=paid,
        refunded_minor=sum(one.amount_minor or 0 for one in refunds if not one.is_void),
        tenders=_tenders(doc, status, total, paid, code),
        shop_currency=shop_code if (rate := _rate(doc, code, shop_code)) is not None else None,
        rate=rate,
        fulfilment="carry_out" if is_pos else None,
        source_updated_at=updated_at,
    )


def _line(doc: Document, n: int, code: str) -> LineReport:
    field = f"line_items[{n}]"
    quantity = number(doc.get("quantity"), f"{field}.quantity")
    allocations = listing(doc.get("discount_allocations"), f"{field}.discount_allocations")
    taxes = listing(doc.get("tax_lines"), f"{field}.tax_lines")
    product = ref_or_none(doc.get("product_id"), f"{field}.product_id")
    return LineReport(
        number=n,
        product_ref=product or text(doc.get("sku"), 200) or NO_PRODUCT,
        quantity=quantity,
        unit_price=_decimal(doc, "price", code),
        discount_minor=sum(_amount(one, "amount", code) for one in allocations),
        title=text(doc.get("title"), 300),
        variant_ref=ref_or_none(doc.get("variant_id"), f"{field}.variant_id"),
        sku=text(doc.get("sku"), 100),
        tax_minor=sum(_amount(one, "price", code) for one in taxes),
        is_gift_card=doc.get("gift_card") is True,
        personalisation=_personalisation(doc),
    )


def _personalisation(doc: Document) -> tuple[str, ...]:
    """The names of what the buyer could fill in, which are the shop's; what they wrote stays outside."""
    kinds = []
    for one in listing(doc.get("properties"), "properties"):
        name = got(one, "name")
        # Names that begin with _ are programs' own.
        if isinstance(name, str) and not name.startswith("_") and got(one, "value") not in (None, ""):
            slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:32]
            kinds.append(slug if re.fullmatch(r"[a-z][a-z0-9_]*", slug) else "personalised")
    return tuple(dict.fromkeys(kinds))[:5]


def _paid(doc: Document, status: str, total: int, code: str) -> int | None:
    """What was paid before anything went back."""
    if status in _PAID_ALL:
        return total
    if status in _PAID_NOTHING:
        return 0
    if status == "partially_paid":
        return max(0, total - _amount(doc, "total_outstanding", code))
    return None


def _tenders(doc: Document, status: str, total: int, paid: int | None, code: str) -> tuple[TenderReport, ...]:
    """How it was paid: one for each gateway. A message knows their names; who asks knows what each came to."""
    if doc.get("transactions") is None:
        names = sorted({str(one) for one in listing(doc.get("payment_gateway_names"), "payment_gateway_names")})
        if len(names) != 1 or paid is None:
            return ()
        state: TenderState = "captured" if paid else "voided" if status in {"voided", "expired"} else "pending"
        return (_tender(names[0], state, paid or total),)
    sums: dict[str, dict[str, int]] = {}
    for one in listing(doc.get("transactions"), "transactions"):
        kind, done = str(one.get("kind") or "").lower(), str(one.get("status") or "").lower()
        word = _MEANS.get((kind, done))
        if word is not None:
            of = sums.setdefault(str(one.get("gateway") or "unknown"), {})
            of[word] = of.get(word, 0) + _amount(one, "amount", code)
    found = []
    for gateway, of in sorted(sums.items()):
        for word in ("captured", "voided", "pending", "failed"):
            if of.get(word):
                # What was only authorised before was captured, or let go, since.
                found.append(_tender(gateway, word, of[word]))
                break
    return tuple(found)


_MEANS: Mapping[tuple[str, str], str] = {
    ("sale", "success"): "captured",
    ("capture", "success"): "captured",
    ("authorization", "success"): "pending",
    ("sale", "pending"): "pending",
    ("authorization", "pending"): "pending",
    ("void", "success"): "voided",
    ("sale", "failure"): "failed",
    ("authorization", "failure"): "failed",
    ("sale", "error"): "failed",
    ("authorization", "error"): "failed",
}


def _tender(gateway: str, state: Any, amount: int) -> TenderReport:
    return TenderReport(gateway[:200], _GATEWAYS.get(gateway.lower(), "other"), state, amount)


def _refund(
    doc: Document,
    about: About,
    *,
    order_doc: Document | None = None,
    code: str = "",
    number_of: Mapping[str, int] | None = None,
    updated_at: datetime | None = None,
) -> ReturnReport:
    created_at = instant(doc.get("processed_at") or doc.get("created_at"), about.zone, "refunds.created_at")
    lines = listing(doc.get("refund_line_items"), "refund_line_items")
    transactions = [
        one
        for one in listing(doc.get("transactions"), "refunds.transactions")
        if str(one.get("kind") or "").lower() == "refund"
    ]
    code = code or _refund_currency(lines, transactions)
    includes_tax = order_doc is not None and bool(order_doc.get("taxes_included"))
    done = [one for one in transactions if str(one.get("status") or "").lower() == "success"]
    failed = [one for one in transactions if str(one.get("status") or "").lower() in {"failure", "error"}]
    items = _items_of(order_doc)
    goods = []
    for n, one in enumerate(lines, 1):
        item = ref(one.get("line_item_id"), f"refund_line_items[{n}].line_item_id")
        of = items.get(item) or mapping(one.get("line_item") or {}, f"refund_line_items[{n}].line_item")
        product = ref_or_none(of.get("product_id"), "product_id")
        goods.append(
            ReturnLineReport(
                product_ref=product or text(of.get("sku"), 200) or NO_PRODUCT,
                quantity=number(one.get("quantity"), f"refund_line_items[{n}].quantity"),
                amount_minor=_amount(one, "subtotal", code),
                of_line=None if number_of is None else number_of.get(item),
                restock=one.get("restock_type") not in (None, "no_restock", "NO_RESTOCK"),
            )
        )
    shipping = sum(
        _amount(one, "subtotal_amount", code)
        for one in listing(doc.get("refund_shipping_lines"), "refund_shipping_lines")
    )
    places = [one.get("location_id") for one in lines if one.get("location_id") is not None]
    return ReturnReport(
        namespace=about.namespace,
        ref=ref(doc.get("id"), "refunds.id"),
        order_ref=ref(order_doc.get("id") if order_doc is not None else doc.get("order_id"), "order_id"),
        returned_at=created_at,
        currency=code,
        lines=goods,
        amount_minor=sum(_amount(one, "amount", code) for one in done),
        shipping_minor=shipping,
        tax_minor=0 if includes_tax else sum(_amount(one, "total_tax", code) for one in lines),
        store=_store(places[0], about) if places else None,
        is_void=bool(failed) and not done and not goods,
        source_updated_at=updated_at or created_at,
    )


def _items_of(doc: Document | None) -> dict[str, Document]:
    lines = listing(got(doc, "line_items"), "line_items")
    return {ref(one.get("id"), "line_items.id"): one for one in lines}


def _refund_currency(lines: Sequence[Any], transactions: Sequence[Any]) -> str:
    for one in lines:
        if (told := got(one, "subtotal_set", "presentment_money", "currency_code")) is not None:
            return currency(told, "subtotal_set")
    for one in transactions:
        return currency(one.get("currency"), "refunds.transactions.currency")
    raise NotUnderstood("no_currency", "refund: says no currency")


def _shipment(
    doc: Document, order_doc: Document, about: About, number_of: Mapping[str, int], updated_at: datetime
) -> ShipmentReport:
    status = str(doc.get("status") or "").lower()
    shown = str(doc.get("shipment_status") or "").lower()
    word = status if status in {"cancelled", "canceled", "error", "failure"} else shown or status
    state = _SHIPMENTS.get(word, "on_its_way")
    lines = [
        (number_of[item], quantity)
        for n, one in enumerate(listing(doc.get("line_items"), "fulfillments.line_items"), 1)
        if (item := ref(one.get("id"), f"fulfillments.line_items[{n}].id")) in number_of
        and (quantity := number(one.get("quantity"), f"fulfillments.line_items[{n}].quantity")) > 0
    ]
    delivered_at = instant_or_none(doc.get("delivered_at"), about.zone, "fulfillments.delivered_at")
    own_update = instant_or_none(doc.get("updated_at"), about.zone, "fulfillments.updated_at")
    is_there = state in {"delivered", "collected"}
    return ShipmentReport(
        namespace=about.namespace,
        ref=ref(doc.get("id"), "fulfillments.id"),
        order_ref=ref(order_doc.get("id"), "id"),
        state=state,
        mode="collect" if state in {"ready", "collected"} else "ship",
        lines=lines,
        store=_store(doc.get("location_id"), about),
        carrier=text(doc.get("tracking_company"), 100) or "",
        tracking=text(doc.get("tracking_number"), 200) or "",
        shipped_at=instant_or_none(doc.get("created_at"), about.zone, "fulfillments.created_at"),
        expected_at=instant_or_none(doc.get("estimated_delivery_at"), about.zone, "fulfillments.estimated_delivery_at"),
        arrived_at=(delivered_at or own_update) if is_there else None,
        source_updated_at=updated_at,
    )


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
        address=_address(address),
        country=_country(got(address, "country_code")),
        language=_language(doc.get("locale")),
    )
    consents = [
        answer
        for channel, name in (("email", "email_marketing_consent"), ("sms", "sms_marketing_consent"))
        if (answer := _consent(channel, doc.get(name), created_at or updated_at, about)) is not None
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


def product(doc: Document, about: About) -> list[Report]:
    """A product with its variants, and what they cost in the shop's currency."""
    told_at = instant(doc.get("updated_at"), about.zone, "updated_at")
    product_ref = ref(doc.get("id"), "id")
    variants = _by_age(doc, "variants")
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
    store = _store(doc.get("location_id"), about)
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
    code = _store(doc.get("id"), about)
    if code is None:
        raise NotUnderstood("no_ref", "id: has no id")
    return [StoreTold(code=code, name=text(doc.get("name"), 120) or code)]


def _refunded(doc: Document, told_at: datetime | None, about: About) -> list[Report]:
    return [RefundTold(report=_refund(doc, about))]


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
    "refunds/create": _refunded,
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


def _by_age(doc: Document, name: str) -> list[Document]:
    """The parts of a thing by their ids, which grow: their places stay the same when others are added."""
    found = [mapping(one, name) for one in listing(doc.get(name), name)]
    return sorted(found, key=lambda one: (len(told := ref(one.get("id"), f"{name}.id")), told))


def _money(doc: Document, name: str, code: str) -> tuple[object, str] | None:
    """An amount of the buyer's currency: of its set where there is one, else as it stands."""
    money = got(doc, f"{name}_set", "presentment_money") or got(doc, f"{name}_set", "shop_money")
    if money is not None:
        told = currency(money.get("currency_code"), f"{name}_set")
        if told != code:
            raise NotUnderstood("mixed_currencies", f"{name}_set: is in {told}, its order in {code}")
        return money.get("amount"), f"{name}_set.amount"
    return None if doc.get(name) in (None, "") else (doc.get(name), name)


def _amount(doc: Document, name: str, code: str) -> int:
    found = _money(doc, name, code)
    return 0 if found is None else minor(found[0], code, found[1])


def _decimal(doc: Document, name: str, code: str) -> Decimal:
    found = _money(doc, name, code)
    if found is None:
        raise NotUnderstood("no_amount", f"{name}: says no amount")
    return number(*found)


def _rate(doc: Document, code: str, shop_code: str) -> Decimal | None:
    """Of the shop's currency for one of the buyer's, as the order's total shows it; None where they are the same."""
    if code == shop_code:
        return None
    paid = got(doc, "total_price_set", "presentment_money", "amount")
    own = got(doc, "total_price_set", "shop_money", "amount")
    if paid is None or own is None or not (amount := number(paid, "total_price_set")):
        return None
    return (number(own, "total_price_set") / amount).quantize(Decimal("0.000000000001")) or None


def _store(told: object, about: About) -> str | None:
    """Our code of a location: what the settings call it (`stores`: id=code, with commas between), else its id."""
    place = ref_or_none(told, "location_id")
    if place is None:
        return None
    named = dict(
        pair.strip().split("=", 1) for pair in str(about.settings.get("stores") or "").split(",") if "=" in pair
    )
    return named.get(place) or f"{about.namespace}-{place}"


def _country(told: object) -> str | None:
    code = text(told, 2)
    try:
        return None if code is None else check_country(code.upper())
    except Refusal:
        return None


def _language(told: object) -> str | None:
    code = text(told, 12)
    return code if code is not None and re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", code) else None


def _address(told: object) -> str | None:
    names = ("address1", "address2", "zip", "city", "province", "country")
    parts = [part for name in names if (part := text(got(told, name), 120)) is not None]
    return ", ".join(parts)[:500] or None


def _consent(channel: str, told: object, otherwise: datetime, about: About) -> ConsentTold | None:
    state = str(got(told, "state") or "").lower()
    if state not in {"subscribed", "unsubscribed"}:
        return None
    at = instant_or_none(got(told, "consent_updated_at"), about.zone, "consent_updated_at")
    return ConsentTold(channel=channel, is_granted=state == "subscribed", at=at or otherwise, proof="shopify")
