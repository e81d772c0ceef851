"""Shopify's orders with their refunds and parcels, to our reports. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import (
    Document,
    NotUnderstood,
    currency,
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
from regulars.doors.connectors.reports import (
    Ask,
    OrderTold,
    RefundTold,
    Report,
    ShipmentTold,
)
from regulars.doors.connectors.shopify.parts import amount_of, by_age, country_of, decimal_of, rate_of, store_of
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


def order(doc: Document, about: About) -> list[Report]:
    """An order with its refunds and fulfilments."""
    number_of = {ref(line.get("id"), "line_items.id"): n for n, line in enumerate(by_age(doc, "line_items"), 1)}
    updated_at = instant(doc.get("updated_at"), about.zone, "updated_at")
    gateways = listing(doc.get("payment_gateway_names"), "payment_gateway_names")
    if doc.get("transactions") is None and len(set(gateways)) > 1:
        # Which paid how much of it stands in no message.
        return [Ask(stream="orders", ref=ref(doc.get("id"), "id"))]
    code = currency(doc.get("presentment_currency") or doc.get("currency"), "presentment_currency")
    refunds = [
        _refund(one, about, order_doc=doc, code=code, number_of=number_of, updated_at=updated_at)
        for one in by_age(doc, "refunds")
    ]
    told: list[Report] = [OrderTold(report=_order(doc, about, code, updated_at, refunds))]
    told += [RefundTold(report=one) for one in refunds]
    told += [
        ShipmentTold(report=_shipment(one, doc, about, number_of, updated_at)) for one in by_age(doc, "fulfillments")
    ]
    return told


def _order(
    doc: Document, about: About, code: str, updated_at: datetime, refunds: Sequence[ReturnReport]
) -> OrderReport:
    total = amount_of(doc, "total_price", code)
    status = str(doc.get("financial_status") or "").lower()
    paid = _paid(doc, status, total, code)
    is_pos = doc.get("source_name") == "pos"
    cancelled_at = instant_or_none(doc.get("cancelled_at"), about.zone, "cancelled_at")
    state: OrderState = "cancelled" if cancelled_at else "completed" if doc.get("closed_at") else "placed"
    shipping = [
        amount_of(one, "discounted_price", code) for one in listing(doc.get("shipping_lines"), "shipping_lines")
    ]
    fees = amount_of(doc, "total_tip_received", code) + amount_of(doc, "original_total_duties", code)
    shop_code = currency(doc.get("currency") or code, "currency")
    return OrderReport(
        namespace=about.namespace,
        ref=ref(doc.get("id"), "id"),
        number=text(doc.get("name"), 64),
        placed_at=instant(doc.get("processed_at") or doc.get("created_at"), about.zone, "created_at"),
        currency=code,
        lines=[_line(one, n, code) for n, one in enumerate(by_age(doc, "line_items"), 1)],
        customer_ref=ref_or_none(got(doc, "customer", "id"), "customer.id"),
        country=country_of(got(doc, "shipping_address", "country_code")),
        channel="store" if is_pos else str(about.settings.get("channel") or "web"),
        store=store_of(doc.get("location_id"), about) if is_pos else None,
        shipping_minor=sum(shipping),
        tax_minor=amount_of(doc, "total_tax", code),
        total_minor=total,
        fees_minor=fees,
        prices_include_tax=bool(doc.get("taxes_included")),
        state=state,
        cancelled_at=cancelled_at,
        is_test=doc.get("test") is True,
        paid_minor=paid,
        refunded_minor=sum(one.amount_minor or 0 for one in refunds if not one.is_void),
        tenders=_tenders(doc, status, total, paid, code),
        shop_currency=shop_code if (rate := rate_of(doc, code, shop_code)) is not None else None,
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
        unit_price=decimal_of(doc, "price", code),
        discount_minor=sum(amount_of(one, "amount", code) for one in allocations),
        title=text(doc.get("title"), 300),
        variant_ref=ref_or_none(doc.get("variant_id"), f"{field}.variant_id"),
        sku=text(doc.get("sku"), 100),
        tax_minor=sum(amount_of(one, "price", code) for one in taxes),
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
        return max(0, total - amount_of(doc, "total_outstanding", code))
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
            of[word] = of.get(word, 0) + amount_of(one, "amount", code)
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
                amount_minor=amount_of(one, "subtotal", code),
                of_line=None if number_of is None else number_of.get(item),
                restock=one.get("restock_type") not in (None, "no_restock", "NO_RESTOCK"),
            )
        )
    shipping = sum(
        amount_of(one, "subtotal_amount", code)
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
        amount_minor=sum(amount_of(one, "amount", code) for one in done),
        shipping_minor=shipping,
        tax_minor=0 if includes_tax else sum(amount_of(one, "total_tax", code) for one in lines),
        store=store_of(places[0], about) if places else None,
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
        store=store_of(doc.get("location_id"), about),
        carrier=text(doc.get("tracking_company"), 100) or "",
        tracking=text(doc.get("tracking_number"), 200) or "",
        shipped_at=instant_or_none(doc.get("created_at"), about.zone, "fulfillments.created_at"),
        expected_at=instant_or_none(doc.get("estimated_delivery_at"), about.zone, "fulfillments.estimated_delivery_at"),
        arrived_at=(delivered_at or own_update) if is_there else None,
        source_updated_at=updated_at,
    )


def refunded(doc: Document, told_at: datetime | None, about: About) -> list[Report]:
    return [RefundTold(report=_refund(doc, about))]
