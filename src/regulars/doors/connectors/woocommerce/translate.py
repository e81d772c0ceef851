"""From WooCommerce's JSON (REST v3) to our reports. Pure.

Messages are hints: their payload is made when they are sent, its amounts are rounded line by line, and refunds are told
by their totals alone. So each only says for what to ask; what the client brings is read here. Times are those called
`_gmt`, which are UTC without saying so. Amounts of lines are always told without tax; where the shop's prices have the
tax in them, lines, shipping and fees are put together again, so that a line costs what stood at the shelf.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal
from zoneinfo import ZoneInfo

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
    CustomerTold,
    Gone,
    Ignored,
    OrderTold,
    PriceTold,
    ProductTold,
    RefundTold,
    Report,
    StockTold,
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
from regulars.facts.customers.profiles import Profile
from regulars.kit import money
from regulars.kit.countries import check_country
from regulars.kit.refusals import Refusal

#: What stands on a line whose product was deleted.
NO_PRODUCT = "custom-item"
_GMT = ZoneInfo("UTC")
_STATES: Mapping[str, OrderState] = {
    "checkout-draft": "draft",
    "auto-draft": "draft",
    "pending": "placed",
    "on-hold": "placed",
    "processing": "placed",
    "completed": "completed",
    "refunded": "completed",
    "cancelled": "cancelled",
    # It may be paid after all, and is then processing.
    "failed": "cancelled",
    "trash": "cancelled",
}
_MEANINGS: Mapping[str, OrderState] = {
    "draft": "draft",
    "placed": "placed",
    "completed": "completed",
    "cancelled": "cancelled",
}
_PAID_BY: Mapping[str, TenderKind] = {
    "cod": "cash",
    "bacs": "bank",
    "cheque": "bank",
    "stripe": "card",
    "stripe_cc": "card",
    "woocommerce_payments": "card",
    "square_credit_card": "card",
    "braintree_credit_card": "card",
    "mollie_wc_gateway_creditcard": "card",
    "paypal": "wallet",
    "ppcp-gateway": "wallet",
    "ppec_paypal": "wallet",
    "alipay": "wallet",
    "wechatpay": "wallet",
    "amazon_payments_advanced": "wallet",
}
_STATUSES: Mapping[str, Literal["active", "draft", "discontinued"]] = {
    "publish": "active",
    "private": "draft",
    "pending": "draft",
    "draft": "draft",
    "future": "draft",
    "trash": "discontinued",
}
#: They buy for the shop, or try it out; what they order is told as anybody's is.
_STAFF = frozenset({"administrator", "shop_manager", "editor", "author", "contributor"})
_NOTHING = Decimal(0)


def translate(topic: str, body: bytes, told_at: datetime | None, about: About) -> Sequence[Report]:
    """For what to ask the shop. Of an unknown topic nothing, with a refusal that names it."""
    resource = topic.partition(".")[0]
    if resource in {"coupon", "action"}:
        return [Ignored(why=resource)]
    if resource not in _ASKED:
        raise NotUnderstood("unknown_topic", f"topic: {topic[:80]!r} is none we know")
    doc = document(body)
    stream, gone = _ASKED[resource]
    # A form of a product tells of itself; the whole product is asked for.
    whole = _some(doc.get("parent_id"), "parent_id") if resource == "product" else None
    if whole is not None:
        return [Ask(stream=stream, ref=whole)]
    return [Ask(stream=stream, ref=ref(doc.get("id"), "id"), gone=gone)]


def read(stream: str, item: Document, about: About) -> Sequence[Report]:
    """What one thing of a stream tells, as the client gives it."""
    return _STREAMS[stream](item, about)


def order(doc: Document, about: About) -> list[Report]:
    """An order with its refunds, which the client puts beside it as `refund_details`."""
    status = str(doc.get("status") or "")
    state = _state(status, about)
    code = currency(doc.get("currency"), "currency")
    is_gross = doc.get("prices_include_tax") is True
    modified_at = instant(doc.get("date_modified_gmt") or doc.get("date_created_gmt"), _GMT, "date_modified_gmt")
    items = _by_age(doc, "line_items")
    total = minor(doc.get("total"), code, "total")
    shipping = _exact(doc, "shipping_total") + (_exact(doc, "shipping_tax") if is_gross else 0)
    fees = [_with_tax(one, is_gross) for one in listing(doc.get("fee_lines"), "fee_lines")]
    below = [_with_tax(one, is_gross) for one in items if _with_tax(one, is_gross) < 0]
    taxes = _minor(_exact(doc, "total_tax"), code)
    off = _minor(-sum((one for one in [*fees, *below] if one < 0), _NOTHING), code)
    charged = _minor(sum((one for one in fees if one > 0), _NOTHING), code)
    freight = _minor(shipping, code)
    goods = total + off - charged - freight - (0 if is_gross else taxes)
    lines = _evened([_line(one, n, code, is_gross, about) for n, one in enumerate(items, 1)], goods)
    paid_at = instant_or_none(doc.get("date_paid_gmt"), _GMT, "date_paid_gmt")
    refunds = [one for one in listing(doc.get("refunds"), "refunds") if one is not None]
    # Completed without a day of payment: brought in from elsewhere, and nobody knows.
    paid = total if paid_at is not None else None if state == "completed" else 0
    told: list[Report] = [
        OrderTold(
            report=OrderReport(
                namespace=about.namespace,
                ref=ref(doc.get("id"), "id"),
                number=text(str(doc.get("number") or ""), 64),
                placed_at=instant(doc.get("date_created_gmt"), _GMT, "date_created_gmt"),
                currency=code,
                lines=lines,
                customer_ref=_some(doc.get("customer_id"), "customer_id"),
                country=_country(got(doc, "shipping", "country")) or _country(got(doc, "billing", "country")),
                channel="store" if "pos" in str(doc.get("created_via") or "").split("-") else _channel(about),
                discount_minor=off,
                shipping_minor=freight,
                tax_minor=taxes,
                total_minor=total,
                fees_minor=charged,
                prices_include_tax=is_gross,
                state=state,
                cancelled_at=modified_at if state == "cancelled" else None,
                paid_minor=paid,
                refunded_minor=sum(abs(minor(one.get("total"), code, "refunds.total")) for one in refunds),
                tenders=_tenders(doc, state, total, paid_at),
                source_updated_at=modified_at,
            )
        )
    ]
    number_of = {ref(one.get("id"), "line_items.id"): n for n, one in enumerate(items, 1)}
    return told + [
        RefundTold(report=_refund(one, doc, code, is_gross, number_of, about)) for one in _by_age(doc, "refund_details")
    ]


def _line(doc: Document, n: int, code: str, is_gross: bool, about: About) -> LineReport:
    """One line; what it costs is what the order's total says, which `_evened` sees to."""
    field = f"line_items[{n}]"
    quantity = number(doc.get("quantity"), f"{field}.quantity")
    amount = max(_with_tax(doc, is_gross), _NOTHING)
    before = _exact(doc, "subtotal") + (_exact(doc, "subtotal_tax") if is_gross else 0)
    # A price raised by hand is no discount below nothing.
    before = max(before, amount)
    product = _some(doc.get("product_id"), f"{field}.product_id")
    return LineReport(
        number=n,
        product_ref=product or text(doc.get("sku"), 200) or NO_PRODUCT,
        quantity=quantity,
        unit_price=(before / quantity).quantize(Decimal("0.000001"), ROUND_HALF_UP) if quantity > 0 else _NOTHING,
        amount_minor=_minor(amount, code),
        discount_minor=_minor(before, code) - _minor(amount, code),
        title=text(doc.get("parent_name"), 300) or text(doc.get("name"), 300),
        variant_ref=_some(doc.get("variation_id"), f"{field}.variation_id") or product,
        sku=text(doc.get("sku"), 100),
        tax_minor=max(_minor(_exact(doc, "total_tax"), code), 0),
        personalisation=_personalisation(doc, about),
    )


def _evened(lines: Sequence[LineReport], goods: int) -> list[LineReport]:
    """The lines' amounts as they come to what the order says the goods cost.

    The shop rounds sums, we round lines: a difference of no more than a minor unit a line is that, and is put on the
    dearest lines. A larger one is the shop's own, and stays to be seen.
    """
    told = [line.amount_minor or 0 for line in lines]
    differs = goods - sum(told)
    if not differs or abs(differs) > len(lines):
        return list(lines)
    step = 1 if differs > 0 else -1
    dearest = sorted(range(len(lines)), key=lambda place: (-told[place], place))[: abs(differs)]
    found = list(lines)
    for place in dearest:
        amount = told[place] + step
        off = max(lines[place].discount_minor - step, 0) if lines[place].discount_minor else 0
        if amount >= 0:
            found[place] = replace(lines[place], amount_minor=amount, discount_minor=off)
    return found


def _tenders(doc: Document, state: OrderState, total: int, paid_at: datetime | None) -> tuple[TenderReport, ...]:
    """How it is paid: WooCommerce knows one means for an order."""
    method = text(doc.get("payment_method"), 200)
    if method is None or not total:
        return ()
    done: TenderState = "captured" if paid_at is not None else "voided" if state == "cancelled" else "pending"
    if doc.get("status") == "failed" and paid_at is None:
        done = "failed"
    if state == "completed" and paid_at is None:
        done = "captured"
    return (TenderReport(method, _PAID_BY.get(method.lower(), "other"), done, total, paid_at),)


def _refund(
    doc: Document, order_doc: Document, code: str, is_gross: bool, number_of: Mapping[str, int], about: About
) -> ReturnReport:
    """A refund; its lines' quantities and amounts stand below zero, its `amount` above."""
    goods: list[ReturnLineReport] = []
    taxes = _NOTHING
    for n, one in enumerate(_by_age(doc, "line_items"), 1):
        field = f"refund_details.line_items[{n}]"
        quantity = -number(one.get("quantity"), f"{field}.quantity")
        taxes -= _exact(one, "total_tax")
        if quantity <= 0:
            # Money for a line of which nothing came back: it stays in what the amount has beyond its parts.
            continue
        product = _some(one.get("product_id"), f"{field}.product_id")
        goods.append(
            ReturnLineReport(
                product_ref=product or text(one.get("sku"), 200) or NO_PRODUCT,
                quantity=quantity,
                amount_minor=max(_minor(-_with_tax(one, is_gross), code), 0),
                of_line=number_of.get(_meta(one).get("_refunded_item_id", "")),
            )
        )
    freight = [-_with_tax(one, is_gross) for one in listing(doc.get("shipping_lines"), "shipping_lines")]
    return ReturnReport(
        namespace=about.namespace,
        ref=ref(doc.get("id"), "refund_details.id"),
        order_ref=ref(order_doc.get("id"), "id"),
        returned_at=instant(doc.get("date_created_gmt"), _GMT, "refund_details.date_created_gmt"),
        currency=code,
        lines=goods,
        amount_minor=abs(minor(doc.get("amount"), code, "refund_details.amount")),
        shipping_minor=max(_minor(sum(freight, _NOTHING), code), 0),
        tax_minor=0 if is_gross else max(_minor(taxes, code), 0),
        source_updated_at=instant(doc.get("date_created_gmt"), _GMT, "refund_details.date_created_gmt"),
    )


def customer(doc: Document, about: About) -> list[Report]:
    """A customer with an account. Who bought as a guest stands on the order alone."""
    if doc.get("role") in _STAFF:
        return [Ignored(why="staff")]
    created_at = instant_or_none(doc.get("date_created_gmt"), _GMT, "date_created_gmt")
    address = got(doc, "shipping") if got(doc, "shipping", "address_1") else got(doc, "billing")
    profile = Profile(
        given_name=text(doc.get("first_name"), 80) or text(got(doc, "billing", "first_name"), 80),
        family_name=text(doc.get("last_name"), 80) or text(got(doc, "billing", "last_name"), 80),
        email=text(doc.get("email"), 250),
        phone=text(got(doc, "billing", "phone"), 40),
        address=_address(address),
        country=_country(got(doc, "billing", "country")) or _country(got(doc, "shipping", "country")),
    )
    return [
        CustomerTold(
            ref=ref(doc.get("id"), "id"),
            # Nobody has changed an account that was only made.
            told_at=instant(doc.get("date_modified_gmt") or doc.get("date_created_gmt"), _GMT, "date_modified_gmt"),
            profile=profile,
            first_seen_at=created_at,
        )
    ]


def product(doc: Document, about: About) -> list[Report]:
    """A product with its forms, which the client puts in place of their ids; what they cost, and how many there are."""
    forms = _forms(doc)
    told_at = max(_modified(one, "variations") for one in [doc, *forms])
    names = [name for one in listing(doc.get("categories"), "categories") if (name := text(got(one, "name"), 100))]
    brands = [name for one in listing(doc.get("brands"), "brands") if (name := text(got(one, "name"), 120))]
    status = _STATUSES.get(str(doc.get("status") or "publish"), "active")
    told = ProductTold(
        ref=ref(doc.get("id"), "id"),
        told_at=told_at,
        title=text(doc.get("name"), 300),
        category=names[0] if names else None,
        brand=brands[0] if brands else None,
        status=status,
        variants=[_form(one, "discontinued" if status == "discontinued" else None) for one in forms],
    )
    return [told, *levels(doc, about)]


def levels(doc: Document, about: About) -> list[Report]:
    """What a product's forms cost, and how many there are.

    The shop sells without touching a product's update time, so a level is as of the moment at which it was asked for.
    """
    found: list[Report] = []
    asked_at = instant(doc.get("asked_at"), _GMT, "asked_at")
    product_ref = ref(doc.get("id"), "id")
    code = about.settings.get("currency")
    for one in _forms(doc):
        form = ref(one.get("id"), "variations.id")
        if code is None:
            found.append(Ignored(why="no_currency"))
        elif (price := _price(one, product_ref, form, str(code))) is not None:
            found.append(price)
        if one.get("manage_stock") == "parent":
            # All forms of the product are taken from one heap; which of them it is nobody knows.
            found.append(Ignored(why="shared_stock"))
        elif one.get("manage_stock") is not True or one.get("stock_quantity") is None:
            found.append(Ignored(why="not_tracked"))
        else:
            found.append(
                StockTold(
                    variant_ref=form,
                    product_ref=product_ref,
                    store=str(about.settings.get("store") or about.namespace),
                    on_hand=number(one.get("stock_quantity"), "stock_quantity"),
                    may_oversell=one.get("backorders") in {"yes", "notify"},
                    told_at=asked_at,
                )
            )
    return found


def _forms(doc: Document) -> list[Document]:
    """What can be bought: the product's variations, or itself where it has none."""
    if doc.get("type") in {"variable", "variable-subscription"}:
        return _by_age(doc, "variations")
    return [] if doc.get("type") in {"grouped", "external"} else [doc]


def _form(doc: Document, status: Literal["discontinued"] | None) -> VariantTold:
    options = {
        name: option
        for one in listing(doc.get("attributes"), "attributes")
        if (name := text(got(one, "name"), 60)) and (option := text(got(one, "option"), 100))
    }
    return VariantTold(
        ref=ref(doc.get("id"), "variations.id"),
        title=", ".join(options.values())[:300],
        sku=text(doc.get("sku"), 100),
        barcode=text(doc.get("global_unique_id"), 64),
        options=options or None,
        status=status or ("active" if doc.get("status") in {"publish", None} else "draft"),
    )


def _price(doc: Document, product_ref: str, form: str, code: str) -> PriceTold | None:
    usual, now = doc.get("regular_price"), doc.get("price")
    if usual in (None, "") and now in (None, ""):
        return None
    asked = minor(usual if usual not in (None, "") else now, code, "regular_price")
    is_reduced = doc.get("on_sale") is True and doc.get("sale_price") not in (None, "")
    sale = minor(doc.get("sale_price"), code, "sale_price") if is_reduced else None
    return PriceTold(
        product_ref=product_ref,
        variant_ref=form,
        currency=code,
        list_minor=asked,
        sale_minor=sale if sale is not None and sale < asked else None,
        told_at=_modified(doc, "price"),
    )


_ASKED: Mapping[str, tuple[str, Gone]] = {
    "order": ("orders", "order"),
    "customer": ("customers", "customer"),
    "product": ("products", "product_or_variant"),
}
#: The topics a shop is asked to send.
TOPICS: tuple[str, ...] = tuple(
    f"{resource}.{event}"
    for resource, events in (
        ("order", ("created", "updated", "deleted", "restored")),
        ("customer", ("created", "updated", "deleted")),
        ("product", ("created", "updated", "deleted", "restored")),
    )
    for event in events
)
_STREAMS: Mapping[str, Callable[[Document, About], list[Report]]] = {
    "products": product,
    "stock": levels,
    "customers": customer,
    "orders": order,
}


def _state(status: str, about: About) -> OrderState:
    """What a status means: ours for the shop's own ones, and what the settings say of others (`statuses`)."""
    own = dict(pair.split("=", 1) for pair in str(about.settings.get("statuses") or "").split(",") if "=" in pair)
    name = status.removeprefix("wc-")
    return _MEANINGS.get(own.get(name, ""), _STATES.get(name, "placed"))


def _channel(about: About) -> str:
    return str(about.settings.get("channel") or "web")


def _personalisation(doc: Document, about: About) -> tuple[str, ...]:
    """Which of the fields that the settings name (`personalised`) were filled in; what they say stays outside."""
    named = [name.strip() for name in str(about.settings.get("personalised") or "").split(",") if name.strip()]
    filled = {name for name, value in _meta(doc).items() if value}
    slugs = (re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:32] for name in named if name in filled)
    return tuple(slug if re.match(r"[a-z]", slug) else "personalised" for slug in slugs)[:5]


def _meta(doc: Document) -> dict[str, str]:
    rows = listing(doc.get("meta_data"), "meta_data")
    return {
        str(got(one, "key")): str(got(one, "value"))
        for one in rows
        if isinstance(got(one, "value"), str | int) and got(one, "key")
    }


def _by_age(doc: Document, name: str) -> list[Document]:
    """The parts of a thing by their ids, which grow: their places stay the same when others are added."""
    found = [mapping(one, name) for one in listing(doc.get(name), name)]
    return sorted(found, key=lambda one: (len(told := ref(one.get("id"), f"{name}.id")), told))


def _modified(doc: Document, field: str) -> datetime:
    return instant(doc.get("date_modified_gmt") or doc.get("date_created_gmt"), _GMT, f"{field}.date_modified_gmt")


def _some(value: object, field: str) -> str | None:
    """An id; nought stands for none."""
    return None if value in (0, "0") else ref_or_none(value, field)


def _exact(doc: Document, name: str) -> Decimal:
    """An amount as exactly as it is told; none where there is none."""
    return _NOTHING if doc.get(name) in (None, "") else number(doc.get(name), name)


def _with_tax(doc: Document, is_gross: bool) -> Decimal:
    return _exact(doc, "total") + (_exact(doc, "total_tax") if is_gross else _NOTHING)


def _minor(amount: Decimal, code: str) -> int:
    return money.to_minor(amount, code)


def _country(told: object) -> str | None:
    code = text(told, 2)
    try:
        return None if code is None else check_country(code.upper())
    except Refusal:
        return None


def _address(told: object) -> str | None:
    names = ("address_1", "address_2", "postcode", "city", "state", "country")
    parts = [part for name in names if (part := text(got(told, name), 120)) is not None]
    return ", ".join(parts)[:500] or None
