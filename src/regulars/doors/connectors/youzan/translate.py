"""From Youzan's JSON to our reports. Pure.

Amounts of orders and refunds are yuan, written as texts; times are without an offset, of Shanghai, wherever the shop
is. Who bought is known by `yz_open_id`; names, phones and addresses come masked or encrypted unless the app is trusted
with them, and change nothing then.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, unquote_plus

from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import (
    Document,
    NotUnderstood,
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
    Ignored,
    OrderTold,
    PersonRedacted,
    RefundTold,
    Report,
    ShipmentTold,
    StoreTold,
)
from regulars.doors.connectors.youzan.goods import CURRENCY, SHANGHAI, form_of_line, levels, product
from regulars.facts.commerce.order_reports import (
    Fulfilment,
    LineReport,
    OrderReport,
    OrderState,
    TenderKind,
    TenderReport,
    TenderState,
)
from regulars.facts.commerce.return_reports import ReturnReport
from regulars.facts.commerce.shipment_reports import ShipmentReport, ShipmentState
from regulars.facts.customers.profiles import Profile

NO_PRODUCT = "custom-item"
_STATES: Mapping[str, OrderState] = {"TRADE_SUCCESS": "completed", "TRADE_CLOSED": "cancelled"}
_FULFILMENTS: Mapping[object, Fulfilment] = {0: "ship", 1: "collect", 2: "same_city"}
#: By how a way of paying is called, the first that is in it.
_PAYMENTS: Sequence[tuple[str, TenderKind]] = (
    ("GIFT_CARD", "gift_card"),
    ("PREPAID", "store_credit"),
    ("ECARD", "gift_card"),
    ("E_CARD", "gift_card"),
    ("CASH", "cash"),
    ("TRANSFER", "bank"),
    ("BANKCARD", "card"),
    ("UNION", "card"),
    ("POS", "card"),
    ("CARD", "card"),
    ("WEIXIN", "wallet"),
    ("WX", "wallet"),
    ("ALI", "wallet"),
    ("QQPAY", "wallet"),
)
_GIFT_CARD_GOODS = 21
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PHONE = re.compile(r"\+?[0-9][0-9 -]{5,18}", re.ASCII)
#: What hides a text from us: stars in it, or a cipher between marks.
_HIDDEN = re.compile(r"\*{2,}|^\$.*\$\d+\$$", re.ASCII)
_SECONDS_AT_MOST = 10**11
_SENT = frozenset({0, 1, 2})
_LEFT: Mapping[Fulfilment, ShipmentState] = {"collect": "ready", "ship": "on_its_way", "same_city": "on_its_way"}


def translate(topic: str, body: bytes, told_at: datetime | None, about: About) -> Sequence[Report]:
    """What a message tells: of an order what is in it, and always what to ask for."""
    doc = document(body)
    if topic in _IGNORED:
        return [Ignored(why="not_read")]
    if topic.startswith(("ITEM_", "youzan_item_")):
        return _goods_changed(doc)
    if topic == "SCRM_CUSTOMER_EVENT":
        return _customer_changed(doc, told_at)
    is_refund = topic.startswith(("trade_refund_", "youzan_trade_Refund"))
    if not is_refund and not topic.startswith(("trade_", "youzan_trade_")):
        raise NotUnderstood("unknown_topic", f"type: {topic[:80]!r} is none we know")
    said = _said(doc.get("msg"))
    full = got(said, "full_order_info")
    tid = ref_or_none(got(full, "order_info", "tid") or got(said, "tid"), "msg.tid")
    told: list[Report] = []
    if is_refund:
        told.append(Ask(stream="refunds", ref=ref(got(said, "refund_id"), "msg.refund_id")))
    elif tid is None:
        tid = ref(doc.get("id"), "id")
    if full is not None:
        told += order(mapping(full, "msg.full_order_info"), about)
    return [*told, *([] if tid is None else [Ask(stream="orders", ref=tid)])]


def read(stream: str, item: Document, about: About) -> Sequence[Report]:
    """What one thing of a stream tells, as the client gives it."""
    return _STREAMS[stream](item, about)


def order(doc: Document, about: About) -> list[Report]:
    """An order (`full_order_info`), with who bought it and the shop of a chain that took it."""
    info = mapping(doc.get("order_info"), "order_info")
    pay = mapping(doc.get("pay_info") or {}, "pay_info")
    updated_at = _instant(info, "update_time")
    items = sorted(
        (mapping(one, "orders") for one in listing(doc.get("orders"), "orders")),
        key=lambda one: (len(told := ref(one.get("oid"), "orders.oid")), told),
    )
    lines = [_line(one, n) for n, one in enumerate(items, 1)]
    total = _yuan(pay, "payment")
    goods = sum(line.amount_minor or 0 for line in lines)
    store = _store(info, about)
    paid_at = _instant_or_none(info, "pay_time")
    state = _STATES.get(str(info.get("status")), "placed")
    buyer = ref_or_none(got(doc, "buyer_info", "yz_open_id"), "buyer_info.yz_open_id")
    is_offline = got(doc, "source_info", "is_offline_order") is True
    report = OrderReport(
        namespace=about.namespace,
        ref=ref(info.get("tid"), "order_info.tid"),
        number=text(info.get("tid"), 64),
        placed_at=_instant(info, "created"),
        currency=CURRENCY,
        lines=lines,
        customer_ref=buyer,
        country="CN",
        channel="store" if is_offline else str(about.settings.get("channel") or "web"),
        store=store,
        # Documents say both: that the lines come to what was paid, and that postage is apart.
        shipping_minor=0 if goods == total else _yuan(pay, "post_fee"),
        tax_minor=sum(line.tax_minor or 0 for line in lines),
        total_minor=total,
        prices_include_tax=True,
        state=state,
        cancelled_at=updated_at if state == "cancelled" else None,
        paid_minor=total if paid_at is not None else 0,
        tenders=_tenders(info, pay, total, paid_at, state),
        taken_by=_cashier(info),
        fulfilment=_FULFILMENTS.get(info.get("express_type"), "carry_out" if is_offline else None),
        source_updated_at=updated_at,
    )
    told: list[Report] = []
    if store is not None:
        told.append(StoreTold(code=store, name=text(info.get("shop_name"), 120) or store))
    if buyer is not None:
        told.append(_buyer(doc, buyer, updated_at))
    number_of = {ref(one.get("oid"), "orders.oid"): n for n, one in enumerate(items, 1)}
    sent = _shipments(doc, report, {line.number: line.quantity for line in lines}, number_of)
    return [*told, OrderTold(report=report), *sent]


def is_sent(doc: Document) -> bool:
    """Whether any of an order's goods has left: only then does it pay to ask how."""
    info = doc.get("order_info")
    if got(info, "express_type") not in _SENT:
        return False
    items = listing(doc.get("orders"), "orders")
    return bool(got(info, "consign_time")) or any(got(one, "item_tags", "is_deliver_goods") is True for one in items)


def customer(doc: Document, about: About) -> list[Report]:
    """A customer of the shop, as far as the app may see who it is."""
    said_at = _moment(doc.get("updated_at"))
    name = _shown(doc.get("name"), 160) or _shown(doc.get("show_name"), 160)
    return [
        CustomerTold(
            ref=ref(doc.get("yz_open_id"), "yz_open_id"),
            told_at=said_at or instant(doc.get("asked_at"), SHANGHAI, "asked_at"),
            # Lists do not say since when it is so.
            is_as_read=said_at is None,
            profile=Profile(display_name=name, phone=_phone(doc.get("mobile")), birthday=_birthday(doc)),
            first_seen_at=_moment(doc.get("created_at")),
        )
    ]


def refund(doc: Document, about: About) -> list[Report]:
    """A refund. Only one that succeeded has moved money; which goods came back for it is not told."""
    number_of = ref(doc.get("refund_id"), "refund_id")
    if doc.get("status") != "SUCCESS":
        return [Ignored(why="refund_under_way")]
    done_at = _instant_or_none(doc, "refund_success_time")
    changed_at = _instant_or_none(doc, "modified") or _instant_or_none(doc, "update_time") or done_at
    if changed_at is None:
        raise NotUnderstood("no_time", "modified: says no time")
    return [
        RefundTold(
            report=ReturnReport(
                namespace=about.namespace,
                ref=number_of,
                order_ref=ref(doc.get("tid"), "tid"),
                # The list does not say when it succeeded; it does not change after that.
                returned_at=_instant_or_none(doc, "created") or changed_at,
                currency=CURRENCY,
                amount_minor=_yuan(doc, "refund_fee"),
                source_updated_at=changed_at,
            )
        )
    ]


def _line(doc: Document, n: int) -> LineReport:
    field = f"orders[{n}]"
    quantity = number(doc.get("num"), f"{field}.num")
    price = number(doc.get("price") or "0", f"{field}.price")
    amount = _yuan(doc, "payment")
    sku, product = (
        ref_or_none(doc.get("sku_id"), f"{field}.sku_id"),
        ref_or_none(doc.get("item_id"), f"{field}.item_id"),
    )
    return LineReport(
        number=n,
        product_ref=product or text(doc.get("outer_item_id")) or NO_PRODUCT,
        quantity=quantity,
        # What was given as a present costs nothing, whatever its price.
        unit_price=Decimal(0) if doc.get("is_present") is True else price,
        amount_minor=amount,
        discount_minor=max(0, minor(price * quantity, CURRENCY, field) - amount),
        title=text(doc.get("title"), 300),
        variant_ref=form_of_line(product, sku),
        sku=text(doc.get("outer_sku_id") or doc.get("sku_no") or doc.get("outer_item_id"), 100),
        tax_minor=_yuan(doc, "tax_total"),
        is_gift_card=doc.get("item_type") == _GIFT_CARD_GOODS,
        # What the buyer wrote stays outside.
        personalisation=("buyer_message",) if doc.get("buyer_messages") not in (None, "", "{}", "[]") else (),
    )


def _tenders(
    info: Document, pay: Document, total: int, paid_at: datetime | None, state: OrderState
) -> tuple[TenderReport, ...]:
    if total == 0:
        return ()
    name = str(info.get("pay_type_str") or "")
    kind: TenderKind = next((kind for part, kind in _PAYMENTS if part in name), "other")
    done: TenderState = "captured" if paid_at is not None else "voided" if state == "cancelled" else "pending"
    flows = listing(pay.get("transaction"), "pay_info.transaction")
    # Before it is paid it has no number of its own.
    number_of = ref_or_none(flows[0], "pay_info.transaction") if flows and paid_at is not None else None
    return (TenderReport(number_of or "payment", kind, done, total, paid_at),)


def _buyer(doc: Document, buyer: str, updated_at: datetime) -> CustomerTold:
    profile = Profile(phone=_phone(got(doc, "buyer_info", "buyer_phone")))
    return CustomerTold(ref=buyer, told_at=updated_at, profile=profile, first_seen_at=None)


def _shipments(
    doc: Document, report: OrderReport, quantities: Mapping[int, Decimal], number_of: Mapping[str, int]
) -> list[Report]:
    """The parcels of an order, as `youzan.trade.get` has them beside it. Each line is in one of them."""
    info, address = mapping(doc.get("order_info"), "order_info"), doc.get("address_info")
    mode: Fulfilment = report.fulfilment or "ship"
    ends_at = _instant_or_none(info, "success_time") or report.source_updated_at
    told: list[Report] = []
    for n, one in enumerate(listing(doc.get("delivery_order"), "delivery_order"), 1):
        field = f"delivery_order[{n}]"
        if got(one, "express_state") not in (1, "1"):
            continue
        oids = [
            ref(got(oid, "oid") if isinstance(oid, Mapping) else oid, f"{field}.oids")
            for oid in listing(got(one, "oids"), f"{field}.oids")
        ]
        lines = sorted({number_of[oid] for oid in oids if oid in number_of})
        if not lines:
            continue
        ways = listing(got(one, "dists"), f"{field}.dists")
        way = got(ways[0], "express_info") if ways else None
        is_there = report.state == "completed"
        arrived: ShipmentState = "collected" if mode == "collect" else "delivered"
        told.append(
            ShipmentTold(
                report=ShipmentReport(
                    namespace=report.namespace,
                    # Parcels have no number that documents promise to stay: the first of its goods names it.
                    ref=f"{report.ref}-{lines[0]}",
                    order_ref=report.ref,
                    state=arrived if is_there else _LEFT.get(mode, "on_its_way"),
                    mode=mode,
                    lines=[(line, quantities[line]) for line in lines if quantities[line] > 0],
                    store=report.store,
                    carrier=text(got(doc, "carriers", str(got(way, "express_id"))), 100) or "",
                    tracking=text(got(way, "express_no"), 200) or "",
                    # Told once all of it has left.
                    shipped_at=_instant_or_none(info, "consign_time"),
                    promised_from=_promised(address, "delivery_start_time"),
                    promised_until=_promised(address, "delivery_end_time"),
                    arrived_at=ends_at if is_there else None,
                    source_updated_at=report.source_updated_at,
                )
            )
        )
    return told


def _promised(address: object, name: str) -> datetime | None:
    """When a same-city order is to come; documents name two forms, and one that is neither says nothing."""
    told = got(address, name)
    try:
        return instant_or_none(told, SHANGHAI, name) or None
    except NotUnderstood:
        return None


def _goods_changed(doc: Document) -> list[Report]:
    """Messages about goods tell a part of them: the whole is asked for, by the id in what they say or around it."""
    try:
        said: Document = _said(doc.get("msg"))
    except NotUnderstood:
        said = {}
    inner = said.get("data")
    inner = inner if isinstance(inner, Mapping) else said
    told = next(
        (one for one in (inner.get("item_id"), inner.get("itemId"), doc.get("id")) if one not in (None, "")), None
    )
    return [Ask(stream="products", ref=ref(told, "id"), gone="product")]


def _customer_changed(doc: Document, told_at: datetime | None) -> list[Report]:
    """A customer is asked for by what Youzan calls them everywhere; who is only told by another id waits for a poll."""
    said = _said(doc.get("msg"))
    account = said.get("account_id") if str(said.get("account_type")) == "YzOpenId" else None
    who = ref_or_none(said.get("yz_open_id") or account, "msg.yz_open_id")
    if who is None:
        return [Ignored(why="other_id")]
    if said.get("is_log_off") in (True, 1, "true", "1") and told_at is not None:
        key = f"log_off:{who}"[:200]
        return [PersonRedacted(kind="redact", ref=who, asked_at=told_at, key=key)]
    return [Ask(stream="customers", ref=who)]


def _moment(told: object) -> datetime | None:
    """Seconds or thousandths since 1970, by how many digits there are, or a text of Shanghai's time."""
    if isinstance(told, str) and told.isascii() and told.isdigit():
        told = int(told)
    if isinstance(told, int) and not isinstance(told, bool):
        return datetime.fromtimestamp(told if told < _SECONDS_AT_MOST else told / 1000, UTC) if told > 0 else None
    try:
        return instant_or_none(told, SHANGHAI, "time")
    except NotUnderstood:
        return None


def _shown(told: object, most: int) -> str | None:
    """A text that is not hidden from us."""
    found = text(told, most)
    return None if found is None or _HIDDEN.search(found) else found


def _phone(told: object) -> str | None:
    found = text(told, 40)
    return found if found is not None and _PHONE.fullmatch(found) else None


def _birthday(doc: Document) -> str | None:
    found = text(doc.get("birthday"), 19) or ""
    return found[:10] if _DAY.fullmatch(found[:10]) and not found.startswith(("0", "1900-01-01")) else None


def _cashier(info: Document) -> str | None:
    told = got(info, "order_extra", "cashier_id")
    return None if told in (None, "", "0", 0) else ref_or_none(told, "order_extra.cashier_id")


def _store(info: Document, about: About) -> str | None:
    """The shop of a chain: what the settings call it (`stores`: id=code, with commas between), else its id."""
    node = ref_or_none(info.get("node_kdt_id"), "node_kdt_id")
    if node is None or node == ref_or_none(info.get("root_kdt_id"), "root_kdt_id"):
        return None
    pairs = str(about.settings.get("stores") or "").split(",")
    named = dict(pair.strip().split("=", 1) for pair in pairs if "=" in pair)
    return named.get(node) or f"{about.namespace}-{node}"


def _yuan(doc: Document, name: str) -> int:
    told = doc.get(name)
    return 0 if told in (None, "") else minor(told, CURRENCY, name)


def _instant(doc: Document, name: str) -> datetime:
    return instant(doc.get(name), SHANGHAI, name)


def _instant_or_none(doc: Document, name: str) -> datetime | None:
    return instant_or_none(doc.get(name), SHANGHAI, name)


def _said(msg: object) -> Document:
    """What is in a message: JSON, URL-encoded or not, or an object already."""
    if isinstance(msg, Mapping):
        return msg
    if not isinstance(msg, str):
        raise NotUnderstood("no_message", "msg: is neither a text nor an object")
    # Documents do not say whether a space is written as + or as %20: in one of them a text keeps its +.
    for decoded in (unquote(msg), unquote_plus(msg)):
        try:
            return document(decoded.encode())
        except NotUnderstood:
            continue
    raise NotUnderstood("not_json", "msg: holds no JSON object")


def happened_at(doc: Document) -> datetime | None:
    """When a message was made, by its `version`: seconds, or milliseconds, since 1970."""
    told = doc.get("version")
    if isinstance(told, bool) or not isinstance(told, int) or not 0 < told < _SECONDS_AT_MOST * 1000:
        return None
    return datetime.fromtimestamp(told if told < _SECONDS_AT_MOST else told / 1000, UTC)


def signed_text(doc: Document) -> str:
    """`msg` as the old signature in the body has it."""
    msg: Any = doc.get("msg")
    return msg if isinstance(msg, str) else json.dumps(msg, ensure_ascii=False, separators=(",", ":"))


_IGNORED = frozenset({"POINTS", "SCRM_CUSTOMER_CARD", "COUPON_PROMOTION", "COUPON_CUSTOMER_PROMOTION"})
_STREAMS: Mapping[str, Callable[[Document, About], list[Report]]] = {
    "products": product,
    "stock": levels,
    "customers": customer,
    "orders": order,
    "refunds": refund,
}
