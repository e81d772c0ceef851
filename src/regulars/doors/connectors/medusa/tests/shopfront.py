"""A Medusa shop on this machine: ours, made for tests, and true to what a Medusa 2.21.2 was seen to do.

What it is true to: an order's update time stays when it is paid or money goes back, and a product's when a price
changes; totals leave out what came back, and what stands on credit lines that only keep its books straight; of two
things of one update time nobody says which comes first; lists are sorted by one field, by two they fail; stock has no
filter by time. Messages are those of `extras/medusa-subscriber`.
"""

import base64
import hashlib
import hmac
import json
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from regulars.doors.connectors.tests.shopkeeping import Asked, Message, Told

KEY = "sk_a_secret_api_key"
SECRET = "whsec_" + base64.b64encode(b"what our module in the shop signs with").decode()
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CURRENCIES = [{"currency_code": "eur", "is_default": False}, {"currency_code": "gbp", "is_default": True}]
PLACES = {"gbp": 2, "jpy": 0, "kwd": 3}


@dataclass
class Shopfront:
    """The shop. `now` is its clock, which an act may leave where it is: several things happen at one moment."""

    seed: int = 0
    now: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    secret: str = SECRET
    #: What it sent, in the order in which it happened.
    sent: list[Message] = field(default_factory=list)
    is_quiet: bool = False
    #: Statuses with which the next calls are answered instead, such as 503.
    failures: list[int] = field(default_factory=list)
    locations: dict[str, dict[str, Any]] = field(default_factory=dict)
    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    levels: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        for name in ("Warehouse East", "Oxford Street"):
            number = self.id("sloc")
            self.locations[number] = self.stamped({"id": number, "name": name})

    def pass_time(self, seconds: float | None = None) -> None:
        self.now += timedelta(seconds=self.chance.choice([0, 0, 1, 30]) if seconds is None else seconds)

    def id(self, kind: str) -> str:
        """Ids grow, as ULIDs do."""
        self.made += 1
        left, written = self.made, ""
        for _ in range(8):
            left, digit = divmod(left, 32)
            written = ALPHABET[digit] + written
        return f"{kind}_01M8{written}"

    def stamped(self, doc: dict[str, Any]) -> dict[str, Any]:
        return {**doc, "created_at": self.now, "updated_at": self.now}

    # What happens in the shop.

    def add_product(self) -> None:
        number = self.id("prod")
        variants = []
        for size in ("small", "large")[: self.chance.randint(1, 2)]:
            variant, item = self.id("variant"), self.id("iitem")
            prices = [
                self.stamped({"id": self.id("price"), "currency_code": code, "amount": self.price(code), "rules": {}})
                for code in PLACES
            ]
            variants.append(
                self.stamped({"id": variant, "item": item, "title": size, "sku": f"TEA-{variant[-4:]}",
                              "product_id": number, "prices": prices})
            )  # fmt: skip
            for place in self.locations:
                self.levels[item, place] = self.stamped({"id": self.id("ilev"), "stocked_quantity": 10})
        self.products[number] = self.stamped(
            {"id": number, "title": f"Tea {number[-3:]}", "status": "published", "variants": variants}
        )
        self.tell("product.created", id=number)

    def price(self, code: str) -> Decimal:
        return Decimal(self.chance.randint(300, 9000)).scaleb(-PLACES[code])

    def change_price(self) -> None:
        product = self.one(self.products)
        variant = self.chance.choice(product["variants"])
        price = self.chance.choice(variant["prices"])
        price["amount"] = self.price(price["currency_code"])
        price["updated_at"] = variant["updated_at"] = self.now
        self.tell("product-variant.updated", id=variant["id"], product_id=product["id"])

    def rename_product(self) -> None:
        product = self.one(self.products)
        product["title"] = f"Fine {product['title']}"[:60]
        product["updated_at"] = self.now
        self.tell("product.updated", id=product["id"])

    def count_stock(self) -> None:
        item, place = self.chance.choice(list(self.levels))
        level = self.levels[item, place]
        level["stocked_quantity"] = self.chance.randint(0, 40)
        level["updated_at"] = self.now
        self.tell("inventory-level.updated", id=level["id"], inventory_item_id=item)

    def add_customer(self) -> None:
        number = self.id("cus")
        self.customers[number] = self.stamped(
            {"id": number, "first_name": self.chance.choice(["Priya", "Li", "Marek"]), "last_name": f"Nr{number[-4:]}",
             "email": f"{number.lower()}@mail.example", "has_account": True, "phone": None, "addresses": []}
        )  # fmt: skip
        self.tell("customer.created", id=number)

    def change_customer(self) -> None:
        one = self.one(self.customers)
        one["last_name"] = f"Married{self.chance.randint(1, 99)}"
        one["updated_at"] = self.now
        self.tell("customer.updated", id=one["id"])

    def add_order(self) -> None:
        number, code = self.id("order"), self.chance.choice(list(PLACES))
        is_inclusive = self.chance.random() < 0.5
        rate = self.chance.choice([Decimal(0), Decimal(20), Decimal("8.25")])
        self.orders[number] = order = self.stamped(
            {"id": number, "display_id": len(self.orders) + 1, "status": "pending", "version": 1, "currency_code": code,
             "customer_id": self.chance.choice(list(self.customers)), "inclusive": is_inclusive, "rate": rate,
             "items": [self.item(code, is_inclusive, rate) for _ in range(self.chance.choice([1, 1, 2, 3]))],
             "shipping": self.chance.choice([Decimal(0), Decimal(450).scaleb(-PLACES[code])]),
             "credits": [], "fulfillments": [], "returns": [], "canceled_at": None}
        )  # fmt: skip
        order["payment"] = self.stamped(
            {"id": self.id("pay"), "collection": self.id("pay_col"), "provider_id": "pp_system_default",
             "amount": self.total(order), "captures": [], "refunds": [], "captured_at": None, "canceled_at": None,
             "collection_updated_at": self.now}
        )  # fmt: skip
        self.tell("order.placed", id=number)

    def item(self, code: str, is_inclusive: bool, rate: Decimal) -> dict[str, Any]:
        product = self.one(self.products)
        variant = self.chance.choice(product["variants"])
        price = next(one["amount"] for one in variant["prices"] if one["currency_code"] == code)
        off = Decimal(self.chance.choice([0, 0, 100])).scaleb(-PLACES[code])
        return self.stamped(
            {"id": self.id("ordli"), "product_id": product["id"], "product_title": product["title"],
             "variant_id": variant["id"], "variant_sku": variant["sku"], "quantity": self.chance.randint(1, 3),
             "unit_price": price, "is_tax_inclusive": is_inclusive, "received": 0, "off": off, "rate": rate}
        )  # fmt: skip

    def capture(self) -> None:
        if order := self.some(lambda one: not one["payment"]["captures"] and not one["canceled_at"]):
            payment = order["payment"]
            payment["captures"] = [self.stamped({"id": self.id("capt"), "amount": payment["amount"]})]
            payment["captured_at"] = payment["updated_at"] = payment["collection_updated_at"] = self.now
            self.tell("payment.captured", id=payment["id"], order_id=order["id"])

    def give_back(self, order: dict[str, Any] | None = None, amount: Decimal | None = None) -> None:
        """Money: out of goodwill, or for what came back. The order itself does not notice."""
        goodwill = amount is None
        order = order or self.some(lambda one: one["payment"]["captures"] and not one["canceled_at"])
        if order is None:
            return
        payment = order["payment"]
        left = payment["amount"] - sum(one["amount"] for one in payment["refunds"])
        amount = min(left, Decimal(100).scaleb(-PLACES[order["currency_code"]]) if amount is None else amount)
        if amount <= 0:
            return
        payment["refunds"].append(self.stamped({"id": self.id("ref"), "amount": amount, "payment_id": payment["id"]}))
        payment["collection_updated_at"] = self.now
        if goodwill:
            order["credits"].append(
                self.stamped({"id": self.id("ordcl"), "amount": amount, "reference": "payment_collection"})
            )
            self.touch(order)
        self.tell("payment.refunded", id=payment["id"], order_id=order["id"])

    def take_back(self) -> None:
        """Goods come back, and often the money for them goes back later."""
        order = self.some(lambda one: one["payment"]["captures"] and not one["canceled_at"])
        item = None if order is None else next((one for one in order["items"] if not one["received"]), None)
        if order is None or item is None:
            return
        item["received"] = 1
        order["returns"].append(
            self.stamped({"id": self.id("return"), "location_id": next(iter(self.locations)), "canceled_at": None,
                          "received_at": self.now, "exchange": None,
                          "items": [{"item_id": item["id"], "received_quantity": 1, "damaged_quantity": 0}]})
        )  # fmt: skip
        self.touch(order)
        self.tell("order.return_received", order_id=order["id"], return_id=order["returns"][-1]["id"])
        if self.chance.random() < 0.7:
            self.pass_time(1)
            self.give_back(order, self.worth(order, item))

    def ship(self) -> None:
        if order := self.some(lambda one: not one["fulfillments"] and not one["canceled_at"]):
            items = [{"line_item_id": one["id"], "quantity": one["quantity"]} for one in order["items"]]
            order["fulfillments"].append(
                self.stamped({"id": self.id("ful"), "location_id": next(iter(self.locations)), "items": items,
                              "provider_id": "manual_manual", "packed_at": self.now, "shipped_at": self.now,
                              "delivered_at": None, "canceled_at": None})
            )  # fmt: skip
            self.touch(order)
            self.tell("shipment.created", id=order["fulfillments"][-1]["id"], order_id=order["id"])

    def cancel(self) -> None:
        if order := self.some(lambda one: not one["fulfillments"] and not one["canceled_at"] and not one["returns"]):
            payment = order["payment"]
            if payment["captures"]:
                self.give_back(order, payment["amount"])
                back = payment["refunds"][-1]["amount"] if payment["refunds"] else Decimal(0)
                order["credits"].append(
                    self.stamped({"id": self.id("ordcl"), "amount": back, "reference": "payment_collection"})
                )
            else:
                payment["canceled_at"] = payment["updated_at"] = self.now
            order["status"], order["canceled_at"] = "canceled", self.now
            self.touch(order)
            self.tell("order.canceled", id=order["id"])

    def touch(self, order: dict[str, Any]) -> None:
        order["updated_at"] = self.now
        order["version"] += 1

    def one(self, things: dict[str, dict[str, Any]]) -> dict[str, Any]:
        return things[self.chance.choice(list(things))]

    def some(self, is_fit: Any) -> dict[str, Any] | None:
        fit = [one for one in self.orders.values() if is_fit(one)]
        return self.chance.choice(fit) if fit else None

    def fill(self, past: int) -> None:
        """What was before anybody listened."""
        self.is_quiet = True
        for _ in range(max(2, past // 20)):
            self.add_product()
            self.add_customer()
        for _ in range(past):
            self.add_order()
            self.act()
        self.is_quiet = False

    def live(self, acts: int) -> None:
        for _ in range(acts):
            self.act()

    def act(self) -> None:
        self.pass_time()
        self.chance.choice(
            [self.add_order, self.capture, self.capture, self.give_back, self.take_back, self.ship, self.cancel,
             self.change_price, self.rename_product, self.count_stock, self.add_customer, self.change_customer]
        )()  # fmt: skip

    def tell(self, event: str, **data: str) -> None:
        """As the module in the shop sends it."""
        if self.is_quiet:
            return
        body = json.dumps({"event": event, "at": iso(self.now), "data": data}).encode()
        number, sent = f"msg_{uuid.UUID(int=self.chance.getrandbits(128)).hex}", str(int(time.time()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = hmac.digest(key, f"{number}.{sent}.".encode() + body, hashlib.sha256)
        headers = {"webhook-id": number, "webhook-timestamp": sent}
        headers["webhook-signature"] = "v1," + base64.b64encode(signed).decode()
        self.sent.append(Message(body, headers))

    # What it all comes to, by the shop's own books.

    def worth(self, order: dict[str, Any], item: dict[str, Any], share: int = 1) -> Decimal:
        """Of so many of the item's pieces, with tax."""
        net = (item["unit_price"] * item["quantity"] - item["off"]) * share / item["quantity"]
        exact = net if order["inclusive"] else net * (1 + order["rate"] / 100)
        return exact.quantize(Decimal(1).scaleb(-PLACES[order["currency_code"]]), ROUND_HALF_UP)

    def total(self, order: dict[str, Any]) -> Decimal:
        """Of all that was sold."""
        return self.exact(order).quantize(Decimal(1).scaleb(-PLACES[order["currency_code"]]), ROUND_HALF_UP)

    def exact(self, order: dict[str, Any], *, is_left: bool = False) -> Decimal:
        net = sum(
            (one["unit_price"] * one["quantity"] - one["off"])
            * (one["quantity"] - (one["received"] if is_left else 0)) / one["quantity"]
            for one in order["items"]
        )  # fmt: skip
        return Decimal(net + order["shipping"]) * (1 if order["inclusive"] else 1 + order["rate"] / 100)

    # What it answers.

    def respond(self, asked: Asked) -> Told:
        if self.failures:
            return Told({"message": "busy"}, self.failures.pop(0), {"Retry-After": "0.01"})
        if asked.headers.get("authorization") != "Basic " + base64.b64encode(f"{KEY}:".encode()).decode():
            return Told({"type": "unauthorized", "message": "Unauthorized"}, 401)
        path, query = asked.path.removeprefix("/admin/"), asked.queries
        name, _, number = path.partition("/")
        lists: dict[str, tuple[str, str, list[dict[str, Any]], Any]] = {
            "stores": ("stores", "store", [], None),
            "stock-locations": ("stock_locations", "stock_location", list(self.locations.values()), plain),
            "products": ("products", "product", list(self.products.values()), self.product),
            "product-variants": ("variants", "variant", self.variants(), plain),
            "inventory-items": ("inventory_items", "inventory_item", self.items(), plain),
            "customers": ("customers", "customer", list(self.customers.values()), plain),
            "orders": ("orders", "order", list(self.orders.values()), self.order),
            "payments": ("payments", "payment", [one["payment"] | {"order": one} for one in self.orders.values()],
                         self.payment),
        }  # fmt: skip
        if name not in lists:
            return Told({"type": "not_found"}, 404)
        if name == "stores":
            return Told({"stores": [{"name": "Leafy Teas", "supported_currencies": CURRENCIES}]})
        many, single, rows, shown = lists[name]
        if number:
            found = next((one for one in rows if one["id"] == number), None)
            return Told({"type": "not_found"}, 404) if found is None else Told({single: shown(found)})
        order = query.get("order", ["id"])[0]
        if "," in order or (name == "inventory-items" and "updated_at[$gte]" in query):
            return Told({"code": "unknown_error", "message": "An unknown error occurred."}, 500)
        rows = [one for one in rows if is_asked_for(one, query)]
        # Of one moment in any order, another one each time.
        self.chance.shuffle(rows)
        rows.sort(key=lambda one: one[order.lstrip("-")], reverse=order.startswith("-"))
        offset, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["20"])[0])
        some = [shown(one) for one in rows[offset : offset + limit]]
        return Told({many: some, "count": len(rows), "offset": offset, "limit": limit})

    def variants(self) -> list[dict[str, Any]]:
        return [
            {name: variant[name] for name in ("id", "product_id", "created_at", "updated_at")}
            for product in self.products.values()
            for variant in product["variants"]
        ]

    def items(self) -> list[dict[str, Any]]:
        return [
            {"id": variant["item"], "created_at": variant["created_at"], "updated_at": variant["created_at"],
             "variants": [{"id": variant["id"], "product_id": product["id"], "allow_backorder": False}],
             "location_levels": [{**level, "location_id": place} for (item, place), level in self.levels.items()
                                 if item == variant["item"]]}
            for product in self.products.values()
            for variant in product["variants"]
        ]  # fmt: skip

    def product(self, one: dict[str, Any]) -> Any:
        return plain(one)

    def payment(self, one: dict[str, Any]) -> Any:
        collection = {"updated_at": one["collection_updated_at"], "order": {"id": one["order"]["id"]}}
        return plain(
            {**{name: one[name] for name in ("id", "created_at", "updated_at")}, "payment_collection": collection}
        )

    def order(self, one: dict[str, Any]) -> Any:
        payment, rate = one["payment"], one["rate"]
        taxes = [{"id": "tax", "rate": rate}] if rate else []
        back = sum((amount["amount"] for amount in payment["refunds"]), Decimal(0))
        paid = sum((amount["amount"] for amount in payment["captures"]), Decimal(0))
        credited = sum((amount["amount"] for amount in one["credits"]), Decimal(0))
        left = self.exact(one, is_left=True) - credited
        sold = [self.sold(one, item, taxes) for item in one["items"]]
        return plain(
            {
                **{name: one[name] for name in ("id", "display_id", "status", "version", "currency_code", "customer_id",
                                                "created_at", "updated_at", "canceled_at", "fulfillments", "returns")},
                "is_draft_order": False, "total": left, "credit_line_total": credited, "items": sold,
                "summary": {"pending_difference": left - (paid - back)}, "shipping_address": {"country_code": "gb"},
                "shipping_methods": [
                    {"id": "ordsm", "raw_amount": raw(one["shipping"]), "tax_lines": taxes, "adjustments": [],
                     "is_tax_inclusive": one["inclusive"], "created_at": one["created_at"]}
                ],
                "credit_lines": [{**credit, "raw_amount": raw(credit["amount"])} for credit in one["credits"]],
                "payment_collections": [
                    {"id": payment["collection"], "created_at": payment["created_at"],
                     "updated_at": payment["collection_updated_at"],
                     "payments": [{**payment, "raw_amount": raw(payment["amount"])}]}
                ],
            }
        )  # fmt: skip

    def sold(self, order: dict[str, Any], item: dict[str, Any], taxes: list[dict[str, Any]]) -> dict[str, Any]:
        left = item["quantity"] - item["received"]
        net = (item["unit_price"] * item["quantity"] - item["off"]) * left / item["quantity"]
        total = net if order["inclusive"] else net * (1 + order["rate"] / 100)
        off = [{"id": "ordliadj", "amount": item["off"], "is_tax_inclusive": order["inclusive"]}] if item["off"] else []
        return {**item, "raw_unit_price": raw(item["unit_price"]), "tax_lines": taxes, "adjustments": off,
                "raw_total": raw(total), "total": total, "metadata": {}}  # fmt: skip


def raw(amount: Decimal) -> dict[str, Any]:
    return {"value": str(amount), "precision": 20}


def is_asked_for(one: dict[str, Any], query: Mapping[str, Sequence[str]]) -> bool:
    if "id[]" in query and one["id"] not in query["id[]"]:
        return False
    for name in ("created_at", "updated_at"):
        since, until = query.get(f"{name}[$gte]"), query.get(f"{name}[$lt]")
        if (since and one[name] < at(since[0])) or (until and one[name] >= at(until[0])):
            return False
    return True


def plain(value: Any) -> Any:
    """As JSON has it: amounts as numbers, times as texts."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return iso(value)
    return float(value) if isinstance(value, Decimal) else value


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def at(written: str) -> datetime:
    return datetime.fromisoformat(written.replace("Z", "+00:00"))
