"""A Youzan shop on this machine: ours, made for tests, and true to its documents. Never compared with a real one.

Errors come with the status 200; a token ends when it likes; lists want both ends of a window of three months at most,
know whole seconds, and refuse the 101st page; orders and refunds are lists of their own. Messages are URL-encoded JSON
inside JSON, signed by MD5, and know of an order what it was when they were made.
"""

import hashlib
import json
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from regulars.doors.connectors.tests.shopkeeping import Asked, Message, Told

CLIENT, SECRET, KDT, ROOT = "a1b2c3", "a secret of the app", "55001", "55000"
SHANGHAI = ZoneInfo("Asia/Shanghai")
_LONGEST = timedelta(days=92)


@dataclass
class Shopfront:
    """The headquarters of a chain with one branch. `now` is its clock, which ticks in whole seconds."""

    seed: int = 0
    now: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[Message] = field(default_factory=list)
    is_quiet: bool = False
    failures: list[int] = field(default_factory=list)
    #: The token that is good now; None: the next has to be asked for.
    token: str | None = None
    tokens: int = 0
    made: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def pass_time(self, seconds: float | None = None) -> None:
        self.now += timedelta(seconds=self.chance.choice([0, 0, 1, 30]) if seconds is None else seconds)

    def id(self) -> int:
        self.made += 1
        # Beyond what a float can tell apart.
        return 2_800_000_000_000_000_000 + self.made

    # What happens in the shop.

    def add_order(self) -> None:
        tid = f"E{self.id()}"
        lines = []
        for _ in range(self.chance.choice([1, 1, 2])):
            price, count = Decimal(self.chance.randint(100, 9000)) / 100, self.chance.randint(1, 3)
            off = Decimal(self.chance.choice([0, 0, 50])) / 100
            lines.append(
                {"oid": str(self.id()), "item_id": self.chance.randint(1, 9), "sku_id": self.chance.choice([0, 77]),
                 "num": count, "price": price, "payment": price * count - off, "title": "茶"}
            )  # fmt: skip
        post = Decimal(self.chance.choice([0, 8]))
        self.orders[tid] = {
            "tid": tid, "created": self.now, "update_time": self.now, "pay_time": None, "status": "WAIT_BUYER_PAY",
            "buyer": f"yz{self.chance.randint(1, 6)}", "lines": lines, "post": post, "flow": str(self.id()),
            "back": Decimal(0),
        }  # fmt: skip
        self.tell("trade_TradeCreate", tid, is_full=True)

    def pay(self) -> None:
        if order := self.some("WAIT_BUYER_PAY"):
            self.move(order, "WAIT_SELLER_SEND_GOODS")
            order["pay_time"] = self.now
            self.tell("trade_TradeBuyerPay", order["tid"], is_full=True)

    def ship(self) -> None:
        if order := self.some("WAIT_SELLER_SEND_GOODS"):
            self.move(order, "WAIT_BUYER_CONFIRM_GOODS")
            self.tell("trade_TradeSellerShip", order["tid"])

    def end(self) -> None:
        if order := self.some("WAIT_BUYER_CONFIRM_GOODS"):
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
        acts = [self.add_order, self.pay, self.pay, self.ship, self.end, self.close, self.want_back, self.give_back]
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
        number = str(uuid.UUID(int=self.chance.getrandbits(128)))
        doc = {"client_id": CLIENT, "kdt_id": int(KDT), "root_kdt_id": int(ROOT), "id": tid, "type": kind,
               "msg": quote(json.dumps(said, ensure_ascii=False)), "msg_id": number, "test": False, "mode": 1,
               "version": int(self.now.timestamp())}  # fmt: skip
        headers = {"Event-Type": kind}
        if self.chance.random() < 0.7:
            body = json.dumps(doc).encode()
            headers["Event-Sign"] = md5(CLIENT.encode() + body + SECRET.encode())
        else:
            body = json.dumps(doc | {"sign": md5(f"{CLIENT}{doc['msg']}{SECRET}".encode())}).encode()
        self.sent.append(Message(body, headers))

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
        name = asked.path.removeprefix("/api/")
        answers = {
            "youzan.trades.sold.get/4.0.4": self.trades,
            "youzan.trade.get/4.0.2": self.trade,
            "youzan.trade.refund.search/3.0.1": self.search,
            "youzan.trade.refund.get/3.0.1": self.refund_get,
        }
        if name not in answers:
            return Told({"gw_err_resp": {"err_code": 4004, "err_msg": "no such api"}})
        return Told(answers[name](wanted))

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
        start = datetime.fromtimestamp(wanted["update_time_start"], UTC)
        end = datetime.fromtimestamp(wanted["update_time_end"], UTC)
        some = self.paged(list(self.refunds.values()), "modified", start, end, wanted)
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
        return good(None if found is None else {"full_order_info": self.order(found)})

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
                "pay_type_str": "WEIXIN_DAIXIAO", "express_type": 0, "node_kdt_id": int(KDT), "root_kdt_id": int(ROOT),
                "shop_name": "茶铺", "order_extra": {"cashier_id": "0"}, "refund_state": 0,
            },
            "source_info": {"is_offline_order": False},
            "buyer_info": {"yz_open_id": one["buyer"], "buyer_phone": "138****0001"},
            "pay_info": {"payment": f"{whole:.2f}", "post_fee": f"{one['post']:.2f}",
                         "total_fee": f"{whole:.2f}", "transaction": [one["flow"]] if one["pay_time"] else []},
            "orders": [{**line, "price": f"{line['price']:.2f}", "payment": f"{line['payment']:.2f}"}
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
