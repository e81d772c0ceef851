"""From Youzan's JSON to our reports. Pure.

Amounts are yuan, written as texts, in the documents that are read here; times are without an offset, of Shanghai,
wherever the shop is. Who bought is known by `yz_open_id`; names, phones and addresses come masked or encrypted unless
the app is trusted with them, and change nothing then.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, unquote_plus
from zoneinfo import ZoneInfo

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
    RefundTold,
    Report,
    StoreTold,
)
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
from regulars.facts.customers.profiles import Profile

SHANGHAI = ZoneInfo("Asia/Shanghai")
CURRENCY = "CNY"
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
_PHONE = re.compile(r"\+?[0-9][0-9 -]{5,18}", re.ASCII)
_SECONDS_AT_MOST = 10**11


def translate(topic: str, body: bytes, told_at: datetime | None, about: About) -> Sequence[Report]:
    """What a message tells: of an order what is in it, and always what to ask for."""
    doc = document(body)
    if topic in _IGNORED or topic.startswith("ITEM_"):
        return [Ignored(why="not_read")]
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
    return [*told, OrderTold(report=report)]


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
    sku = ref_or_none(doc.get("sku_id"), f"{field}.sku_id")
    return LineReport(
        number=n,
        product_ref=ref_or_none(doc.get("item_id"), f"{field}.item_id") or text(doc.get("outer_item_id")) or NO_PRODUCT,
        quantity=quantity,
        # What was given as a present costs nothing, whatever its price.
        unit_price=Decimal(0) if doc.get("is_present") is True else price,
        amount_minor=amount,
        discount_minor=max(0, minor(price * quantity, CURRENCY, field) - amount),
        title=text(doc.get("title"), 300),
        # 0 where a product has one form only.
        variant_ref=None if sku == "0" else sku,
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
    phone = text(got(doc, "buyer_info", "buyer_phone"), 40)
    profile = Profile(phone=phone if phone is not None and _PHONE.fullmatch(phone) else None)
    return CustomerTold(ref=buyer, told_at=updated_at, profile=profile, first_seen_at=None)


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


_IGNORED = frozenset({"POINTS", "SCRM_CUSTOMER_EVENT", "SCRM_CUSTOMER_CARD", "youzan_item_SkuStockChanged"})
_STREAMS: Mapping[str, Callable[[Document, About], list[Report]]] = {"orders": order, "refunds": refund}
