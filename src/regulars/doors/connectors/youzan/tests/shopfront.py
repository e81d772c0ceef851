"""A Youzan shop on this machine: ours, made for tests, and true to its documents. Never compared with a real one.

Errors come with the status 200; a token ends when it likes; lists want both ends of a window (of orders and refunds
three months at most), know whole seconds, and refuse what is too many of each; orders and refunds are lists of their
own, goods stand in three, and what is sold out goes from one to another. Messages are URL-encoded JSON inside JSON,
signed by MD5, and know of an order what it was when they were made; of goods and customers they say next to nothing.
"""

import hashlib
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from regulars.doors.connectors.tests.shopkeeping import Asked, Message, Told

CLIENT, SECRET, KDT, ROOT = "a1b2c3", "a secret of the app", "55001", "55000"
SHANGHAI = ZoneInfo("Asia/Shanghai")
_LONGEST = timedelta(days=92)
_CARRIERS = {"1": "申通快递", "7": "顺丰速运"}
_NAMES = ("李静", "王磊", "张敏", "刘洋", "陈晨", "杨帆")


@dataclass
class Shopfront:
    """The headquarters of a chain with one branch. `now` is its clock, which ticks in whole seconds."""

    seed: int = 0
    now: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    goods: dict[int, dict[str, Any]] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[Message] = field(default_factory=list)
    is_quiet: bool = False
    failures: list[int] = field(default_factory=list)
    #: The token that is good now; None: the next has to be asked for.
    token: str | None = None
    tokens: int = 0
    made: int = 0
    #: Answers "too often" so many times.
    too_often: int = 0
    #: APIs that the app has no right to.
    denied: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        # Its documents say both: seconds, and thousandths.
        self.unit = self.chance.choice([1, 1000])
        self.is_quiet = True
        for _ in range(5):
            self.add_goods()
        for _ in range(6):
            self.add_person()
        self.is_quiet = False

    def pass_time(self, seconds: float | None = None) -> None:
        self.now += timedelta(seconds=self.chance.choice([0, 0, 1, 30]) if seconds is None else seconds)

    def id(self) -> int:
        self.made += 1
        # Beyond what a float can tell apart.
        return 2_800_000_000_000_000_000 + self.made

    # What happens in the shop.

    def add_goods(self) -> None:
        number = self.id()
        forms = [self.form(number, n) for n in range(self.chance.choice([1, 2]))] if self.chance.random() < 0.5 else []
        self.goods[number] = {
            "item_id": number, "title": self.chance.choice(["龙井", "普洱", "铁观音"]), "is_listing": True,
            "created": self.now, "update_time": self.now, "skus": forms,
            "price": self.chance.randint(100, 9000), "quantity": self.chance.randint(0, 9),
        }  # fmt: skip
        self.tell_goods("ITEM_INFO", number)

    def form(self, product: int, n: int) -> dict[str, Any]:
        # Numbers of forms are only promised to be unique within a product.
        return {"sku_id": 77 + n, "price": self.chance.randint(100, 9000), "quantity": self.chance.randint(0, 9),
                "item_no": f"T{product % 100}-{n}", "size": f"{(n + 1) * 50}克"}  # fmt: skip

    def change_goods(self) -> None:
        one = self.chance.choice(list(self.goods.values()))
        one["update_time"] = self.now
        if self.chance.random() < 0.3:
            one["is_listing"] = not one["is_listing"]
            self.tell_goods("ITEM_STATE", one["item_id"])
            return
        what = self.chance.choice([*one["skus"], one])
        what["price"], what["quantity"] = self.chance.randint(100, 9000), self.chance.randint(0, 9)
        self.tell_goods("ITEM_SKU_INFO", one["item_id"])

    def take_off(self, product: int, sku: int, count: int) -> None:
        one = self.goods[product]
        form = next((form for form in one["skus"] if form["sku_id"] == sku), one)
        # That it was sold changes nothing of when it was changed.
        form["quantity"] = max(0, form["quantity"] - count)
        self.tell_goods("youzan_item_SkuStockChanged", product)

    def add_person(self) -> None:
        who = f"yz{self.id()}"
        self.people[who] = {"yz_open_id": who, "name": self.chance.choice(_NAMES), "mobile": "138****0001",
                            "created": self.now, "updated": self.now}  # fmt: skip
        self.tell_person("CUSTOMER_CREATED", who)

    def rename(self) -> None:
        one = self.chance.choice(list(self.people.values()))
        one["name"], one["updated"] = self.chance.choice(_NAMES), self.now
        self.tell_person("CUSTOMER_UPDATED", one["yz_open_id"])

    def add_order(self) -> None:
        tid = f"E{self.id()}"
        lines = []
        for _ in range(self.chance.choice([1, 1, 2])):
            product = self.chance.choice(list(self.goods.values()))
            form = self.chance.choice(product["skus"] or [product])
            price, count = Decimal(form["price"]) / 100, self.chance.randint(1, 3)
            off = Decimal(self.chance.choice([0, 0, 50])) / 100
            lines.append(
                {"oid": str(self.id()), "item_id": product["item_id"], "sku_id": form.get("sku_id", 0),
                 "num": count, "price": price, "payment": price * count - off, "title": "茶"}
            )  # fmt: skip
            self.take_off(product["item_id"], form.get("sku_id", 0), count)
        post = Decimal(self.chance.choice([0, 8]))
        self.orders[tid] = {
            "tid": tid, "created": self.now, "update_time": self.now, "pay_time": None, "status": "WAIT_BUYER_PAY",
            "buyer": self.chance.choice(list(self.people)), "lines": lines, "post": post, "flow": str(self.id()),
            "back": Decimal(0), "express_type": self.chance.choice([0, 0, 1, 2]), "parcels": [], "consign_time": None,
            "success_time": None,
        }  # fmt: skip
        self.tell("trade_TradeCreate", tid, is_full=True)

    def pay(self) -> None:
        if order := self.some("WAIT_BUYER_PAY"):
            self.move(order, "WAIT_SELLER_SEND_GOODS")
            order["pay_time"] = self.now
            self.tell("trade_TradeBuyerPay", order["tid"], is_full=True)

    def ship(self) -> None:
        if (order := self.some("WAIT_SELLER_SEND_GOODS")) is None:
            return
        left = [line["oid"] for line in order["lines"] if line["oid"] not in self.sent_of(order)]
        some = left[:1] if self.chance.random() < 0.5 else left
        order["parcels"].append({"oids": some, "express_no": f"SF{self.id()}", "express_id": 7})
        if some == left:
            order["consign_time"] = self.now
            self.move(order, "WAIT_BUYER_CONFIRM_GOODS")
            self.tell("trade_TradeSellerShip", order["tid"])
        else:
            self.move(order, order["status"])
            self.tell("trade_TradePartlySellerShip", order["tid"])

    def sent_of(self, order: dict[str, Any]) -> set[str]:
        return {oid for parcel in order["parcels"] for oid in parcel["oids"]}

    def end(self) -> None:
        if order := self.some("WAIT_BUYER_CONFIRM_GOODS"):
            order["success_time"] = self.now
            self.move(order, "TRADE_SUCCESS")
            self.tell("trade_TradeSuccess", order["tid"])

    def close(self) -> None:
        if order := self.some("WAIT_BUYER_PAY"):
            self.move(order, "TRADE_CLOSED")
            self.tell("trade_TradeClose", order["tid"])

    def want_back(self) -> None:
        if order := self.some("WAIT_SELLER_SEND_GOODS", "TRADE_SUCCESS"):
            left = self.paid(order) - order["back"]
            amount = min(left, Decimal(self.chance.choice([1, 5, 1000])))
            if amount <= 0:
                return
            number = f"2026{self.id()}"
            self.refunds[number] = {
                "refund_id": number, "tid": order["tid"], "refund_fee": amount, "status": "WAIT_SELLER_AGREE",
                "created": self.now, "modified": self.now, "version": int(self.now.timestamp() * 1000), "success": None,
            }  # fmt: skip
            order["back"] += amount
            self.tell("trade_refund_BuyerCreated", order["tid"], refund_id=number)

    def give_back(self) -> None:
        waiting = [one for one in self.refunds.values() if one["status"] == "WAIT_SELLER_AGREE"]
        if waiting:
            one = self.chance.choice(waiting)
            one["status"] = self.chance.choice(["SUCCESS", "SUCCESS", "CLOSED"])
            one["modified"] = self.now
            one["version"] += 1
            order = self.orders[one["tid"]]
            if one["status"] == "SUCCESS":
                one["success"] = self.now
                self.move(order, "TRADE_CLOSED" if order["back"] == self.paid(order) else order["status"])
            else:
                order["back"] -= one["refund_fee"]
            self.tell("trade_refund_RefundSuccess", one["tid"], refund_id=one["refund_id"])

    def move(self, order: dict[str, Any], status: str) -> None:
        order["status"], order["update_time"] = status, self.now

    def some(self, *states: str) -> dict[str, Any] | None:
        fit = [one for one in self.orders.values() if one["status"] in states]
        return self.chance.choice(fit) if fit else None

    def fill(self, past: int) -> None:
        self.is_quiet = True
        for _ in range(past):
            self.add_order()
            self.act()
        self.is_quiet = False

    def live(self, acts: int) -> None:
        for _ in range(acts):
            self.act()

    def act(self) -> None:
        self.pass_time()
        acts = [self.add_order, self.pay, self.pay, self.ship, self.ship, self.end, self.close, self.want_back]
        acts += [self.give_back, self.change_goods, self.rename]
        if self.chance.random() < 0.1:
            acts = [self.add_goods, self.add_person]
        self.chance.choice(acts)()

    def paid(self, order: dict[str, Any]) -> Decimal:
        return Decimal(sum(line["payment"] for line in order["lines"]) + order["post"])

    def tell(self, kind: str, tid: str, *, is_full: bool = False, refund_id: str = "") -> None:
        if self.is_quiet:
            return
        said: dict[str, Any] = {"tid": tid, "update_time": local(self.now)}
        if is_full:
            said = {"full_order_info": self.order(self.orders[tid])}
        if refund_id:
            said["refund_id"] = refund_id
        self.post(kind, tid, said)

    def post(self, kind: str, about: str, said: dict[str, Any], *, has_number: bool = True, status: str = "") -> None:
        if self.is_quiet:
            return
        number = str(uuid.UUID(int=self.chance.getrandbits(128)))
        doc = {"client_id": CLIENT, "kdt_id": int(KDT), "root_kdt_id": int(ROOT), "id": about, "type": kind,
               "msg": quote(json.dumps(said, ensure_ascii=False)), "msg_id": number, "test": False, "mode": 1,
               "version": int(self.now.timestamp()), "status": status}  # fmt: skip
        if not has_number:
            del doc["msg_id"]
        headers = {"Event-Type": kind}
        if self.chance.random() < 0.7:
            body = json.dumps(doc).encode()
            headers["Event-Sign"] = md5(CLIENT.encode() + body + SECRET.encode())
        else:
            body = json.dumps(doc | {"sign": md5(f"{CLIENT}{doc['msg']}{SECRET}".encode())}).encode()
        self.sent.append(Message(body, headers))

    def tell_goods(self, kind: str, number: int) -> None:
        said = {"data": {"item_id": number}, "change_fields": ["price"]} if kind == "ITEM_STATE" else {"itemId": number}
        self.post(kind, str(number), said, has_number=kind != "youzan_item_SkuStockChanged")

    def tell_person(self, status: str, who: str) -> None:
        known = {"yz_open_id": who} if self.chance.random() < 0.7 else {"account_id": "7254", "account_type": "Mobile"}
        self.post("SCRM_CUSTOMER_EVENT", "725462007", {**known, "name": "某", "is_log_off": False}, status=status)

    # What it answers.

    def respond(self, asked: Asked) -> Told:
        if self.failures:
            return Told({"message": "busy"}, self.failures.pop(0), {"Retry-After": "0.01"})
        wanted = asked.document()
        if asked.path == "/auth/token":
            good = (wanted["client_id"], wanted["client_secret"], wanted["grant_id"]) == (CLIENT, SECRET, ROOT)
            if not good or wanted["authorize_type"] != "silent":
                return Told({"success": False, "code": 10001, "message": "client", "data": None})
            self.tokens += 1
            self.token = f"token{self.tokens}"
            until = int((datetime.now(UTC) + timedelta(days=7)).timestamp() * 1000)
            return Told({"success": True, "code": 200, "data": {"access_token": self.token, "expires": until}})
        if asked.query.get("access_token") != self.token:
            return Told({"gw_err_resp": {"err_code": 4203, "err_msg": "token expired", "trace_id": "t"}})
        if self.too_often:
            self.too_often -= 1
            return Told({"gw_err_resp": {"err_code": 4101, "err_msg": "too often", "trace_id": "t"}})
        name = asked.path.removeprefix("/api/")
        if name.partition("/")[0] in self.denied:
            return Told({"gw_err_resp": {"err_code": 4204, "err_msg": "no right", "trace_id": "t"}})
        answers = {
            "youzan.items.onsale.get/3.0.0": self.on_sale,
            "youzan.items.inventory.get/3.0.0": self.inventory,
            "youzan.item.search/3.0.0": self.item_search,
            "youzan.item.get/3.0.0": self.item_get,
            "youzan.scrm.customer.list/1.0.0": self.customer_list,
            "youzan.scrm.customer.detail.get/1.0.1": self.customer_detail,
            "youzan.logistics.express.get/3.0.0": self.carriers,
            "youzan.trades.sold.get/4.0.4": self.trades,
            "youzan.trade.get/4.0.2": self.trade,
            "youzan.trade.refund.search/3.0.1": self.search,
            "youzan.trade.refund.get/3.0.1": self.refund_get,
            "youzan.shop.get/3.0.0": lambda wanted: {"success": True, "code": 200, "data": {"name": "Leafy Teas"}},
        }
        if name not in answers:
            return Told({"gw_err_resp": {"err_code": 4005, "err_msg": "no such api"}})
        date = {"Date": format_datetime(self.now, usegmt=True)}
        return Told(answers[name](wanted), headers=date)

    def on_sale(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return self.goods_list(wanted, lambda one: one["is_listing"] and self.stock_of(one) > 0)

    def inventory(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if wanted["banner"] == "for_shelved":
            return self.goods_list(wanted, lambda one: not one["is_listing"])
        return self.goods_list(wanted, lambda one: one["is_listing"] and not self.stock_of(one))

    def goods_list(self, wanted: dict[str, Any], is_in: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        page, size = wanted["page_no"], wanted["page_size"]
        if page > 100 or size >= 200 or page * size >= 4000:
            return {"success": False, "code": 200000026, "message": "page"}
        start, end = wanted["update_time_start"] / 1000, wanted["update_time_end"] / 1000
        fit = [one for one in self.goods.values() if is_in(one) and start <= one["update_time"].timestamp() <= end]
        fit.sort(key=lambda one: (one["update_time"], one["item_id"]))
        some = [self.listed(one) for one in fit[(page - 1) * size : page * size]]
        return good({"count": len(fit), "items": some})

    def item_search(self, wanted: dict[str, Any]) -> dict[str, Any]:
        found = [self.goods[int(number)] for number in wanted["item_ids"].split(",") if int(number) in self.goods]
        return good({"count": len(found), "items": [self.listed(one) for one in found]})

    def item_get(self, wanted: dict[str, Any]) -> dict[str, Any]:
        one = self.goods.get(wanted["item_id"])
        if one is None:
            return {"success": False, "code": 122001001, "message": "no such item", "data": None}
        skus = [
            {"sku_id": form["sku_id"], "price": form["price"], "quantity": form["quantity"], "item_no": form["item_no"],
             "properties_name_json": json.dumps([{"kid": "1", "vid": "2", "k": "规格", "v": form["size"]}]),
             "modified": local(one["update_time"])}
            for form in one["skus"]
        ]  # fmt: skip
        item = {"item_id": one["item_id"], "title": one["title"], "is_listing": one["is_listing"], "skus": skus,
                "price": one["price"], "quantity": self.stock_of(one), "created": local(one["created"]),
                "item_tags": [{"name": "茶叶"}], "item_no": ""}  # fmt: skip
        return good({"item": item})

    def stock_of(self, one: dict[str, Any]) -> int:
        return sum(form["quantity"] for form in one["skus"]) if one["skus"] else one["quantity"]

    def listed(self, one: dict[str, Any]) -> dict[str, Any]:
        return {"item_id": one["item_id"], "title": one["title"], "price": one["price"], "quantity": self.stock_of(one),
                "created_time": local(one["created"]), "update_time": local(one["update_time"])}  # fmt: skip

    def customer_list(self, wanted: dict[str, Any]) -> dict[str, Any]:
        page, size = wanted["page_no"], wanted["page_size"]
        start, end = wanted["created_at_start"] / self.unit, wanted["created_at_end"] / self.unit
        fit = [one for one in self.people.values() if start <= one["created"].timestamp() <= end]
        if page > 500 or size > 50 or page * size > 10_000:
            return {"success": False, "code": 142710032, "message": "too many"}
        fit.sort(key=lambda one: one["created"], reverse=True)
        some = [self.person(one) for one in fit[(page - 1) * size : page * size]]
        return good({"total": len(fit), "page_no": page, "record_list": some})

    def customer_detail(self, wanted: dict[str, Any]) -> dict[str, Any]:
        one = self.people.get(wanted["yz_open_id"])
        if one is None or "user_base" not in wanted["fields"]:
            return {"success": False, "code": 141001107, "message": "no such customer", "data": None}
        return good({**self.person(one), "updated_at": int(one["updated"].timestamp() * 1000)})

    def person(self, one: dict[str, Any]) -> dict[str, Any]:
        return {"yz_open_id": one["yz_open_id"], "name": one["name"], "mobile": one["mobile"], "is_member": 1,
                "created_at": int(one["created"].timestamp()), "points": 0, "gender": 0}  # fmt: skip

    def carriers(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return good({"allExpress": [{"id": int(key), "name": name, "display": 0} for key, name in _CARRIERS.items()]})

    def trades(self, wanted: dict[str, Any]) -> dict[str, Any]:
        start, end = written(wanted["start_update"]), written(wanted["end_update"])
        rows = sorted(self.orders.values(), key=lambda one: one["created"], reverse=True)
        some = self.paged(rows, "update_time", start, end, wanted)
        if some is None:
            return {"success": False, "code": 101, "message": "window or page"}
        total, found = some
        listed = [{"full_order_info": self.order(one)} for one in found]
        return good({"full_order_info_list": listed, "total_results": total})

    def search(self, wanted: dict[str, Any]) -> dict[str, Any]:
        by = "update" if "update_time_start" in wanted else "create"
        start = datetime.fromtimestamp(wanted[f"{by}_time_start"], UTC)
        end = datetime.fromtimestamp(wanted[f"{by}_time_end"], UTC)
        rows = list(self.refunds.values())
        if by == "update":
            # Without a time of creation it knows three months of them.
            rows = [one for one in rows if one["created"] > self.now - _LONGEST]
        some = self.paged(rows, {"update": "modified", "create": "created"}[by], start, end, wanted)
        if some is None:
            return {"success": False, "code": 53002, "message": "page_size"}
        total, found = some
        return good({"refunds": [self.refund(one) for one in found], "total": total})

    def paged(
        self, rows: list[dict[str, Any]], by: str, start: datetime, end: datetime, wanted: dict[str, Any]
    ) -> tuple[int, list[dict[str, Any]]] | None:
        page, size = wanted["page_no"], wanted["page_size"]
        if end < start or end - start > _LONGEST or page > 100 or page * size > 3000 or size > 100:
            return None
        fit = [one for one in rows if start <= one[by] <= end]
        return len(fit), fit[(page - 1) * size : page * size]

    def trade(self, wanted: dict[str, Any]) -> dict[str, Any]:
        found = self.orders.get(wanted["tid"])
        if found is None:
            return {"success": False, "code": 5000, "message": "trade not found", "data": {"full_order_info": {}}}
        sent = [
            {"express_state": 1, "express_type": 1, "oids": [{"oid": oid} for oid in one["oids"]],
             "dists": [{"express_info": {"express_id": one["express_id"], "express_no": one["express_no"]}}]}
            for one in found["parcels"]
        ]  # fmt: skip
        left = [{"oid": line["oid"]} for line in found["lines"] if line["oid"] not in self.sent_of(found)]
        waiting = [{"express_state": 0, "oids": left, "dists": []}] if left else []
        return good({"full_order_info": self.order(found), "delivery_order": [*waiting, *sent]})

    def refund_get(self, wanted: dict[str, Any]) -> dict[str, Any]:
        found = self.refunds.get(wanted["refund_id"])
        if found is None:
            return {"success": False, "code": 103011024, "message": "none"}
        done = found["success"]
        more = {"version": found["version"], "refund_success_time": local(done) if done else ""}
        fund = [{"refund_fee": int(found["refund_fee"] * 100), "status": 2}]
        return good({**self.refund(found), **more, "refund_fund_list": fund})

    def refund(self, one: dict[str, Any]) -> dict[str, Any]:
        return {"refund_id": one["refund_id"], "tid": one["tid"], "status": one["status"], "kdt_id": int(KDT),
                "refund_fee": f"{one['refund_fee']:.2f}", "created": local(one["created"]),
                "modified": local(one["modified"])}  # fmt: skip

    def order(self, one: dict[str, Any]) -> dict[str, Any]:
        whole = self.paid(one)
        return {
            "order_info": {
                "tid": one["tid"], "status": one["status"], "created": local(one["created"]),
                "update_time": local(one["update_time"]), "pay_time": local(one["pay_time"]) if one["pay_time"] else "",
                "pay_type_str": "WEIXIN_DAIXIAO", "express_type": one["express_type"],
                "consign_time": local(one["consign_time"]) if one["consign_time"] else "",
                "success_time": local(one["success_time"]) if one["success_time"] else "",
                "node_kdt_id": int(KDT), "root_kdt_id": int(ROOT),
                "shop_name": "茶铺", "order_extra": {"cashier_id": "0"}, "refund_state": 0,
            },
            "source_info": {"is_offline_order": False},
            "buyer_info": {"yz_open_id": one["buyer"], "buyer_phone": "138****0001"},
            "pay_info": {"payment": f"{whole:.2f}", "post_fee": f"{one['post']:.2f}",
                         "total_fee": f"{whole:.2f}", "transaction": [one["flow"]] if one["pay_time"] else []},
            "orders": [{**line, "price": f"{line['price']:.2f}", "payment": f"{line['payment']:.2f}",
                        "item_tags": {"is_deliver_goods": line["oid"] in self.sent_of(one)}}
                       for line in reversed(one["lines"])],
        }  # fmt: skip


def good(data: Any) -> dict[str, Any]:
    return {"success": True, "code": 200, "message": "successful", "trace_id": "t", "data": data}


def md5(signed: bytes) -> str:
    return hashlib.md5(signed, usedforsecurity=False).hexdigest()


def local(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def written(told: str) -> datetime:
    return datetime.strptime(told, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
