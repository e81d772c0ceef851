"""A shop on this machine that behaves as WooCommerce documents its REST API v3: ours, and made for tests.

Its pages are counted from an offset, what shares a second comes in any order, unknown parameters are passed over, it
sells without touching a product's update time, amounts are rounded line by line unless asked otherwise, and it may go
on living while it is read.
"""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from email.utils import format_datetime
from typing import Any

from regulars.doors.connectors.tests.shopkeeping import Asked, Message, Told

SECRET = "a secret of the webhooks"
KEY, KEY_SECRET = "ck_0123", "cs_4567"
TAX = Decimal("0.2")
_BASIC = "Basic " + base64.b64encode(f"{KEY}:{KEY_SECRET}".encode()).decode()
_UNPAID = {"pending", "on-hold", "failed", "checkout-draft"}


@dataclass
class Shopfront:
    """The shop. `now` is its clock, which ticks in whole seconds."""

    seed: int = 0
    now: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    is_gross: bool = True
    #: Before WooCommerce could sort orders by update time.
    is_old: bool = False
    products: dict[int, dict[str, Any]] = field(default_factory=dict)
    customers: dict[int, dict[str, Any]] = field(default_factory=dict)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    #: (topic, id, payload): the payload is made when it is sent, so it may be newer than what happened.
    sent: list[tuple[str, int, bytes | None]] = field(default_factory=list)
    is_quiet: bool = False
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    #: Statuses with which the next calls are answered instead, such as 503.
    failures: list[int] = field(default_factory=list)
    asked: int = 0
    #: What happens after each page of a list is read.
    meanwhile: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._id = 100

    def id(self) -> int:
        self._id += self.chance.randint(1, 3)
        return self._id

    def pass_time(self, seconds: float | None = None) -> None:
        """Often nothing passes: several things happen in one second."""
        self.now += timedelta(seconds=self.chance.choice([0, 0, 1, 30]) if seconds is None else seconds)

    # What happens in the shop.

    def add_product(self) -> int:
        number = self.id()
        forms = [self.id(), self.id()] if self.chance.random() < 0.4 else [number]
        self.products[number] = {
            "name": f"Tea {number}", "status": "publish", "modified": self.now,
            "forms": {
                form: {"price": self.price(), "sale": None, "stock": 10, "modified": self.now} for form in forms
            },
        }  # fmt: skip
        self.tell("product.created", number)
        return number

    def price(self) -> Decimal:
        return Decimal(self.chance.randint(300, 9000)) / 100

    def change_price(self, number: int) -> None:
        form = self.chance.choice(list(self.products[number]["forms"]))
        one = self.products[number]["forms"][form]
        one["price"] = self.price()
        one["sale"] = one["price"] - 1 if self.chance.random() < 0.4 else None
        one["modified"] = self.now
        # What changes a form does not touch its product, nor does it tell of the product.
        if form == number:
            self.products[number]["modified"] = self.now
        self.tell("product.updated", form)

    def count_stock(self, number: int) -> None:
        for one in self.products[number]["forms"].values():
            one["stock"] = self.chance.randint(0, 40)
        self.tell("product.updated", number)

    def add_customer(self) -> int:
        number = self.id()
        self.customers[number] = {
            "first": self.chance.choice(["Priya", "Li", "Marek"]), "last": f"Nr{number}", "created": self.now,
            "modified": self.now,
        }  # fmt: skip
        self.tell("customer.created", number)
        return number

    def change_customer(self, number: int) -> None:
        self.customers[number] |= {"last": f"Married{self.chance.randint(1, 99)}", "modified": self.now}
        self.tell("customer.updated", number)

    def add_order(self) -> int:
        number = self.id()
        lines = []
        for _ in range(self.chance.choice([1, 1, 2, 3])):
            product = self.chance.choice(list(self.products))
            form, one = self.chance.choice(list(self.products[product]["forms"].items()))
            quantity = self.chance.randint(1, 3)
            one["stock"] -= quantity
            price = one["sale"] or one["price"]
            lines.append(
                {"id": self.id(), "product": product, "form": form, "quantity": quantity, "price": price,
                 "discount": self.chance.choice([Decimal(0), Decimal(0), Decimal("1.00")])}
            )  # fmt: skip
        is_guest = self.chance.random() < 0.2 or not self.customers
        self.orders[number] = {
            "customer": 0 if is_guest else self.chance.choice(list(self.customers)), "lines": lines,
            "shipping": self.chance.choice([Decimal(0), Decimal("4.50")]),
            "fee": self.chance.choice([Decimal(0), Decimal(0), Decimal("1.20"), Decimal("-0.60")]),
            "method": self.chance.choice(["stripe", "ppcp-gateway", "bacs", "cod"]),
            "status": self.chance.choice(["pending", "pending", "on-hold", "checkout-draft", "failed"]),
            "paid_at": None, "refunds": [], "created": self.now, "modified": self.now,
        }  # fmt: skip
        self.tell("order.created", number)
        return number

    def move(self, number: int, status: str, **more: Any) -> None:
        self.orders[number] |= {"status": status, "modified": self.now, **more}
        self.tell("order.updated", number)

    def pay(self, number: int) -> None:
        if self.orders[number]["status"] in _UNPAID:
            self.move(number, "processing", paid_at=self.now)

    def ship(self, number: int) -> None:
        if self.orders[number]["status"] == "processing":
            self.move(number, "completed")

    def cancel(self, number: int) -> None:
        if self.orders[number]["status"] in _UNPAID | {"processing"} and not self.orders[number]["refunds"]:
            self.move(number, "cancelled")

    def refund(self, number: int) -> None:
        order = self.orders[number]
        left = [line for line in order["lines"] if not any(line["id"] == back["line"] for back in order["refunds"])]
        if order["status"] not in {"processing", "completed"} or not left:
            return
        line = self.chance.choice(left)
        quantity = self.chance.choice([0, line["quantity"]])
        amount = line["price"] * line["quantity"] - line["discount"]
        if not self.is_gross:
            amount = cents(amount * (1 + TAX))
        order["refunds"].append(
            {"id": self.id(), "line": line["id"], "quantity": quantity, "amount": amount, "at": self.now}
        )
        self.move(number, "refunded" if len(left) == 1 and not order["shipping"] else order["status"])

    def throw_away(self, number: int) -> None:
        order = self.orders[number]
        if order["status"] != "trash":
            order |= {"before": order["status"], "status": "trash", "modified": self.now}
            self.tell("order.deleted", number)

    def restore(self, number: int) -> None:
        order = self.orders[number]
        if order["status"] == "trash":
            order |= {"status": order["before"], "modified": self.now}
            self.tell("order.restored", number)

    def empty_trash(self) -> None:
        for number in [number for number, one in self.orders.items() if one["status"] == "trash"]:
            del self.orders[number]
            self.gone.add(number)
            self.tell("order.deleted", number)

    def live(self, acts: int) -> None:
        """So many things happen, some of them in one second."""
        for _ in range(acts):
            self.pass_time()
            self.act()

    def act(self) -> None:
        many, act = list(self.orders), self.chance.random()
        if act < 0.3 or not many:
            self.add_order()
        elif act < 0.84:
            acts = (self.pay, self.pay, self.ship, self.refund, self.refund, self.cancel, self.throw_away, self.restore)
            self.chance.choice(acts)(self.chance.choice(many))
        elif act < 0.89:
            self.change_customer(self.chance.choice(list(self.customers)))
        else:
            self.chance.choice((self.change_price, self.count_stock))(self.chance.choice(list(self.products)))

    def fill(self, orders: int) -> None:
        """A past, of which no messages are left; some of it was brought in within one second."""
        self.is_quiet = True
        for _ in range(5):
            self.add_product()
        for _ in range(max(5, orders // 4)):
            self.pass_time(7)
            self.add_customer()
        while len(self.orders) < orders:
            self.pass_time(0 if len(self.orders) % 20 > 8 else None)
            number = self.add_order()
            for act in (self.pay, self.pay, self.ship, self.refund, self.refund):
                if self.chance.random() < 0.5:
                    act(number)
        self.is_quiet = False

    # What it sends.

    def tell(self, topic: str, number: int) -> None:
        if not self.is_quiet:
            is_now = self.chance.random() < 0.5
            self.sent.append((topic, number, self.payload(topic, number) if is_now else None))

    def payload(self, topic: str, number: int) -> bytes:
        resource, event = topic.split(".")
        if event == "deleted":
            return json.dumps({"id": number}).encode()
        doc = self.one(f"{resource}s", number, 2)
        return json.dumps(doc or {"code": "woocommerce_rest_invalid_id", "id": number}).encode()

    def messages(self) -> list[Message]:
        """Everything that was sent since they were last asked for."""
        found = [self.message(topic, body or self.payload(topic, number)) for topic, number, body in self.sent]
        self.sent.clear()
        return found

    def message(self, topic: str, body: bytes, **headers: str) -> Message:
        signed = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()
        return Message(
            body,
            {
                "X-WC-Webhook-Source": "https://teas.example/",
                "X-WC-Webhook-Topic": topic,
                "X-WC-Webhook-Resource": topic.split(".")[0],
                "X-WC-Webhook-Event": topic.split(".")[1],
                "X-WC-Webhook-Signature": signed,
                "X-WC-Webhook-ID": "5",
                # As the real one: of the webhook and the second alone.
                "X-WC-Webhook-Delivery-ID": hashlib.md5(f"5{iso(self.now)}".encode()).hexdigest(),
                **headers,
            },
        )

    # What it writes.

    def total(self, order: dict[str, Any]) -> Decimal:
        parts = [line["price"] * line["quantity"] - line["discount"] for line in order["lines"]]
        whole = sum(parts, order["shipping"] + order["fee"])
        return whole if self.is_gross else cents(whole * (1 + TAX))

    def parts(self, amount: Decimal) -> tuple[Decimal, Decimal]:
        """Without tax, and the tax: as finely as they are kept."""
        net = (amount / (1 + TAX)).quantize(Decimal("0.000001")) if self.is_gross else amount
        return net, (amount - net if self.is_gross else (amount * TAX).quantize(Decimal("0.000001")))

    def written(self, amount: Decimal, dp: int, total: str = "total", tax: str = "total_tax") -> dict[str, str]:
        net, on_top = self.parts(amount)
        return {total: places(net, dp), tax: places(on_top, dp)}

    def one(self, kind: str, number: int, dp: int) -> dict[str, Any] | None:
        if kind == "orders":
            return self.order(number, dp) if number in self.orders else None
        if kind == "customers":
            return self.customer(number) if number in self.customers else None
        if number in self.products:
            return self.product(number)
        for product, one in self.products.items():
            if number in one["forms"]:
                return self.form(product, number)
        return None

    def order(self, number: int, dp: int) -> dict[str, Any]:
        order = self.orders[number]
        taxes = self.parts(self.total(order))[1] if self.is_gross else self.total(order) / (1 + TAX) * TAX
        return {
            "id": number, "parent_id": 0, "number": str(number), "status": order["status"], "currency": "GBP",
            "prices_include_tax": self.is_gross, "created_via": "checkout", "customer_id": order["customer"],
            "date_created": local(order["created"]), "date_created_gmt": iso(order["created"]),
            "date_modified": local(order["modified"]), "date_modified_gmt": iso(order["modified"]),
            "date_paid_gmt": iso(order["paid_at"]) if order["paid_at"] else None,
            "total": f"{self.total(order):.2f}", "total_tax": places(taxes, dp),
            **self.written(order["shipping"], dp, "shipping_total", "shipping_tax"),
            "payment_method": order["method"], "payment_method_title": "Somehow",
            "billing": {"first_name": "Ann", "email": "ann@mail.example", "country": "GB"}, "shipping": {"country": ""},
            "line_items": [self.line(line, dp) for line in order["lines"]],
            "fee_lines": [{"id": number, "name": "Fee", **self.written(order["fee"], dp)}] if order["fee"] else [],
            "coupon_lines": [], "shipping_lines": [],
            "refunds": [{"id": one["id"], "reason": "", "total": f"-{one['amount']:.2f}"} for one in order["refunds"]],
        }  # fmt: skip

    def line(self, line: dict[str, Any], dp: int) -> dict[str, Any]:
        before = line["price"] * line["quantity"]
        return {
            "id": line["id"], "name": f"Tea {line['product']} - large", "parent_name": f"Tea {line['product']}",
            "product_id": line["product"], "variation_id": 0 if line["form"] == line["product"] else line["form"],
            "quantity": line["quantity"], "sku": "", "price": float(line["price"]) / 1.2, "meta_data": [],
            **self.written(before, dp, "subtotal", "subtotal_tax"), **self.written(before - line["discount"], dp),
        }  # fmt: skip

    def back(self, number: int, back: dict[str, Any], dp: int) -> dict[str, Any]:
        [line] = [line for line in self.orders[number]["lines"] if line["id"] == back["line"]]
        told = self.line({**line, "id": back["id"] * 10, "quantity": -back["quantity"]}, dp)
        told |= self.written(-(line["price"] * line["quantity"] - line["discount"]), dp)
        meta = [{"id": 1, "key": "_refunded_item_id", "value": str(back["line"])}]
        return {
            "id": back["id"], "date_created_gmt": iso(back["at"]), "amount": f"{back['amount']:.2f}", "reason": "",
            "line_items": [{**told, "meta_data": meta}], "shipping_lines": [], "fee_lines": [],
        }  # fmt: skip

    def customer(self, number: int) -> dict[str, Any]:
        one = self.customers[number]
        return {
            "id": number, "date_created_gmt": iso(one["created"]), "date_modified_gmt": iso(one["modified"]),
            "email": f"person{number}@mail.example", "first_name": one["first"], "last_name": one["last"],
            "role": "customer", "billing": {"phone": "", "country": "GB", "address_1": "1 High Street"}, "shipping": {},
        }  # fmt: skip

    def product(self, number: int) -> dict[str, Any]:
        one = self.products[number]
        forms = list(one["forms"])
        is_simple = forms == [number]
        own = self.form(number, number) if is_simple else {"manage_stock": False, "stock_quantity": None}
        return {
            **own, "id": number, "name": one["name"], "parent_id": 0, "type": "simple" if is_simple else "variable",
            "status": one["status"], "date_created_gmt": iso(one["modified"]),
            "date_modified_gmt": iso(one["modified"]),
            "categories": [{"id": 1, "name": "Tea", "slug": "tea"}], "variations": [] if is_simple else forms,
            "attributes": [],
        }  # fmt: skip

    def form(self, product: int, number: int) -> dict[str, Any]:
        one = self.products[product]["forms"][number]
        now = one["sale"] or one["price"]
        return {
            "id": number, "type": "variation", "parent_id": product, "sku": f"T-{number}", "status": "publish",
            "price": f"{now:.2f}", "regular_price": f"{one['price']:.2f}", "on_sale": one["sale"] is not None,
            "sale_price": "" if one["sale"] is None else f"{one['sale']:.2f}", "manage_stock": True,
            "stock_quantity": one["stock"], "backorders": "no", "date_modified_gmt": iso(one["modified"]),
            "attributes": [{"id": 1, "name": "Size", "option": str(number)}],
        }  # fmt: skip

    # What it answers.

    def respond(self, asked: Asked) -> Told:
        self.asked += 1
        date = {"Date": format_datetime(self.now, usegmt=True)}
        if self.failures:
            return Told(b"<html>busy</html>", self.failures.pop(0), {"Retry-After": "0.01", **date})
        if asked.path == "/wp-json/":
            return Told({"name": "Teas", "namespaces": ["wc/v3"]}, 200, date)
        if asked.headers.get("authorization") != _BASIC:
            return Told({"code": "woocommerce_rest_cannot_view", "data": {"status": 401}}, 401, date)
        told = self.answer(asked, asked.path.removeprefix("/wp-json/wc/v3/").split("/"))
        if self.meanwhile is not None and "x-wp-total" in told.headers:
            self.meanwhile()
        return Told(told.doc, told.status, {**date, **told.headers})

    def answer(self, asked: Asked, path: list[str]) -> Told:
        dp = int(asked.query.get("dp", 2))
        match path:
            case ["data", "currencies", "current"]:
                return Told({"code": "GBP", "name": "Pound"})
            case ["webhooks"] if asked.method == "POST":
                self.webhooks.append({"id": len(self.webhooks) + 1, "status": "active", **asked.document()})
                return Told(self.webhooks[-1], 201)
            case ["webhooks", number]:
                self.webhooks[int(number) - 1] |= asked.document()
                return Told(self.webhooks[int(number) - 1])
            case ["webhooks"]:
                return Told([{name: one[name] for name in one if name != "secret"} for one in self.webhooks])
            case ["orders", number, "refunds"]:
                backs = self.orders[int(number)]["refunds"]
                return self.listed([self.back(int(number), one, dp) for one in backs], asked.query, id_of)
            case ["products", number, "variations"]:
                forms = self.products[int(number)]["forms"]
                return self.listed([self.form(int(number), one) for one in forms], asked.query, id_of)
            case ["orders" | "products" | "customers" as kind]:
                return self.several(kind, asked.query, dp)
            case ["orders" | "products" | "customers" as kind, number]:
                doc = self.one(kind, int(number), dp)
                return Told({"code": f"woocommerce_rest_{kind}_invalid_id"}, 404) if doc is None else Told(doc)
        return Told({"code": "rest_no_route"}, 404)

    def several(self, kind: str, query: Any, dp: int) -> Told:
        by = query.get("orderby", "date")
        if (by == "modified" and (self.is_old or kind == "customers")) or int(query.get("per_page", 10)) > 100:
            return Told({"code": "rest_invalid_param"}, 400)
        rows = {"orders": self.orders, "products": self.products, "customers": self.customers}[kind]
        wanted = query.get("status", "any")
        found = []
        for number, row in rows.items():
            status, times = row.get("status"), {"modified_": row["modified"], "": row.get("created", row["modified"])}
            if kind != "customers" and (status == "trash") != (wanted == "trash"):
                continue
            # Customers have no such parameters, and parameters that nobody knows are passed over.
            edges = [] if kind == "customers" else list(times.items())
            if all(
                at > at_of(query.get(f"{name}after")) and at < at_of(query.get(f"{name}before"), 2200)
                for name, at in edges
            ):
                found.append((number if by == "id" else times["modified_" if by == "modified" else ""], number))
        return self.listed(found, query, lambda row: row[0], lambda row: self.one(kind, row[1], dp))

    def listed(
        self, rows: list[Any], query: Any, key: Callable[[Any], Any], shown: Callable[[Any], Any] = lambda row: row
    ) -> Told:
        self.chance.shuffle(rows)
        rows.sort(key=key, reverse=query.get("order", "desc") == "desc")
        size, page = int(query.get("per_page", 10)), int(query.get("page", 1))
        some = [shown(row) for row in rows[(page - 1) * size : page * size]]
        return Told(some, 200, {"x-wp-total": str(len(rows)), "x-wp-totalpages": str(-(-len(rows) // size))})


def id_of(doc: dict[str, Any]) -> int:
    return int(doc["id"])


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def places(amount: Decimal, dp: int) -> str:
    return f"{amount.quantize(Decimal(1).scaleb(-dp), ROUND_HALF_UP):f}"


def iso(at: datetime) -> str:
    """As it writes times: without a zone."""
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def local(at: datetime) -> str:
    return iso(at + timedelta(hours=1))


def at_of(told: str | None, otherwise: int = 1990) -> datetime:
    return datetime.fromisoformat(told).replace(tzinfo=UTC) if told else datetime(otherwise, 1, 1, tzinfo=UTC)
