"""A shop on this machine that behaves as Shopify documents its Admin API: ours, and made for tests.

Its goods, people and orders change by seeded chance. It answers GraphQL under the documented names, in pages with
cursors, sorted and filtered by update time, within a leaky bucket of query costs; it writes messages as REST resources,
signs them, tries them again with the payload they had, and loses some.
"""

import base64
import hashlib
import hmac
import json
import random
import threading
import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from regulars.doors.connectors.shopify.tests import graphql

SECRET = "shpss_a_client_secret"
TOKEN = "shpat_a_token"
DOMAIN = "leafy-teas.myshopify.com"
#: Ids as in Shopify's own sample: beyond what a float can tell apart.
FIRST_ID = 820_982_911_946_154_508


@dataclass
class Message:
    """One delivery that is on its way."""

    topic: str
    body: bytes
    headers: dict[str, str]


@dataclass
class Shopfront:
    """The shop. `now` is its clock, which ticks in whole seconds."""

    seed: int = 0
    now: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    presentment: str = "EUR"
    redacted: bool = False
    locations: dict[int, dict[str, Any]] = field(default_factory=dict)
    products: dict[int, dict[str, Any]] = field(default_factory=dict)
    levels: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    customers: dict[int, dict[str, Any]] = field(default_factory=dict)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    #: What it sent, in the order in which it happened.
    sent: list[Message] = field(default_factory=list)
    is_quiet: bool = False
    subscriptions: list[dict[str, str]] = field(default_factory=list)
    secret: str = SECRET
    #: The bucket, in points, and its pace.
    bucket: float = 1000.0
    largest: float = 1000.0
    restores: float = 100.0
    asked: int = 0
    throttled: int = 0
    #: Statuses with which the next calls are answered instead, such as 503.
    failures: list[int] = field(default_factory=list)
    grants: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._id = FIRST_ID
        for name in ("Oxford Street", "Warehouse"):
            number = self.id()
            self.locations[number] = {"id": number, "name": name}

    def id(self) -> int:
        self._id += self.chance.randint(1, 9)
        return self._id

    def rest(self, seconds: float) -> None:
        """Somebody leaves it alone: its bucket fills."""
        self.bucket = min(self.largest, self.bucket + seconds * self.restores)

    def pass_time(self, seconds: float | None = None) -> None:
        """Often nothing passes: several things happen in one second."""
        self.now += timedelta(seconds=self.chance.choice([0, 0, 1, 30]) if seconds is None else seconds)

    # What happens in the shop.

    def add_product(self) -> int:
        number = self.id()
        price = Decimal(self.chance.randint(300, 9000)) / 100
        variants = []
        for size in ("small", "large")[: self.chance.randint(1, 2)]:
            variant, item = self.id(), self.id()
            variants.append(
                {"id": variant, "item": item, "title": size, "sku": f"TEA-{variant % 100000}", "price": price,
                 "compare_at": None}
            )  # fmt: skip
            for place in self.locations:
                self.levels[item, place] = {"available": 10, "updated_at": self.now}
        self.products[number] = {
            "id": number, "title": f"Tea {number % 1000}", "vendor": "Leafy", "product_type": "Tea", "status": "ACTIVE",
            "variants": variants, "updated_at": self.now,
        }  # fmt: skip
        self.tell("products/create", self.rest_product(number))
        return number

    def change_price(self, number: int) -> None:
        product = self.products[number]
        variant = self.chance.choice(product["variants"])
        was = variant["price"]
        variant["price"] = Decimal(self.chance.randint(300, 9000)) / 100
        variant["compare_at"] = was if was > variant["price"] else None
        product["updated_at"] = self.now
        self.tell("products/update", self.rest_product(number))

    def count_stock(self, item: int, place: int) -> None:
        level = self.levels[item, place]
        level["available"] = self.chance.randint(0, 40)
        level["updated_at"] = self.now
        told = {"inventory_item_id": item, "location_id": place, "available": level["available"]}
        self.tell("inventory_levels/update", told | {"updated_at": iso(self.now)})

    def add_customer(self) -> int:
        number = self.id()
        self.customers[number] = {
            "id": number, "first": self.chance.choice(["Priya", "Li", "Marek"]), "last": f"Nr{number % 10000}",
            "email": f"person{number}@mail.example", "state": "NOT_SUBSCRIBED", "state_at": None,
            "created_at": self.now, "updated_at": self.now,
        }  # fmt: skip
        self.tell("customers/create", self.rest_customer(number))
        return number

    def change_customer(self, number: int) -> None:
        one = self.customers[number]
        one["last"] = f"Married{self.chance.randint(1, 99)}"
        one["state"] = "SUBSCRIBED" if one["state"] != "SUBSCRIBED" else "UNSUBSCRIBED"
        one["state_at"] = one["updated_at"] = self.now
        self.tell("customers/update", self.rest_customer(number))

    def add_order(self) -> int:
        number = self.id()
        lines = []
        for _ in range(self.chance.choice([1, 1, 2, 3])):
            product = self.products[self.chance.choice(list(self.products))]
            variant = self.chance.choice(product["variants"])
            quantity = self.chance.randint(1, 3)
            lines.append(
                {"id": self.id(), "product": product["id"], "variant": variant["id"], "title": product["title"],
                 "sku": variant["sku"], "quantity": quantity, "price": variant["price"],
                 "discount": self.chance.choice([Decimal(0), Decimal(0), Decimal("1.00")])}
            )  # fmt: skip
        is_guest = self.chance.random() < 0.2 or not self.customers
        self.orders[number] = {
            "id": number, "name": f"#{1000 + len(self.orders)}",
            "customer": None if is_guest else self.chance.choice(list(self.customers)),
            "lines": lines, "shipping": self.chance.choice([Decimal(0), Decimal("4.50")]),
            "gateway": self.chance.choice(["shopify_payments", "paypal"]), "gift": Decimal(0), "status": "PENDING",
            "test": self.chance.random() < 0.05, "source": self.chance.choice(["web", "web", "pos"]),
            "place": self.chance.choice(list(self.locations)), "refunds": [], "fulfillments": [],
            "cancelled_at": None, "created_at": self.now, "updated_at": self.now,
        }  # fmt: skip
        if self.chance.random() < 0.15:
            self.orders[number]["gift"] = Decimal("1.00")
        self.tell("orders/create", self.rest_order(number))
        return number

    def pay(self, number: int) -> None:
        order = self.orders[number]
        if order["status"] == "PENDING" and not order["cancelled_at"]:
            order["status"], order["updated_at"] = "PAID", self.now
            self.tell("orders/paid", self.rest_order(number))
            self.tell("orders/updated", self.rest_order(number))

    def refund(self, number: int) -> None:
        order = self.orders[number]
        left = [line for line in order["lines"] if not any(line["id"] in back["lines"] for back in order["refunds"])]
        if order["status"] not in {"PAID", "PARTIALLY_REFUNDED"} or not left:
            return
        line = self.chance.choice(left)
        amount = line["price"] * line["quantity"] - line["discount"]
        order["refunds"].append(
            {"id": self.id(), "lines": {line["id"]: (line["quantity"], amount)}, "created_at": self.now}
        )
        order["status"] = "REFUNDED" if len(left) == 1 else "PARTIALLY_REFUNDED"
        order["updated_at"] = self.now
        self.tell("refunds/create", self.rest_refund(order, order["refunds"][-1]) | {"order_id": number})
        self.tell("orders/updated", self.rest_order(number))

    def fulfil(self, number: int) -> None:
        order = self.orders[number]
        if order["cancelled_at"]:
            return
        if not order["fulfillments"]:
            order["fulfillments"].append(
                {"id": self.id(), "status": "SUCCESS", "shown": "IN_TRANSIT", "number": f"T{number % 10**6}",
                 "delivered_at": None, "created_at": self.now, "updated_at": self.now}
            )  # fmt: skip
            topic = "orders/fulfilled"
        else:
            sent = order["fulfillments"][0]
            sent["shown"], sent["delivered_at"], sent["updated_at"] = "DELIVERED", self.now, self.now
            topic = "orders/updated"
        order["updated_at"] = self.now
        self.tell(topic, self.rest_order(number))

    def cancel(self, number: int) -> None:
        order = self.orders[number]
        if not order["cancelled_at"] and not order["fulfillments"] and not order["refunds"]:
            order["cancelled_at"] = order["updated_at"] = self.now
            if order["status"] == "PENDING":
                order["status"] = "VOIDED"
            self.tell("orders/cancelled", self.rest_order(number))

    def live(self, acts: int) -> None:
        """So many things happen, some of them in one second."""
        for _ in range(acts):
            self.pass_time()
            many = list(self.orders)
            act = self.chance.random()
            if act < 0.3 or not many:
                self.add_order()
            elif act < 0.5:
                self.pay(self.chance.choice(many))
            elif act < 0.65:
                self.refund(self.chance.choice(many))
            elif act < 0.75:
                self.fulfil(self.chance.choice(many))
            elif act < 0.8:
                self.cancel(self.chance.choice(many))
            elif act < 0.88 and self.customers:
                self.change_customer(self.chance.choice(list(self.customers)))
            elif act < 0.94:
                self.change_price(self.chance.choice(list(self.products)))
            else:
                self.count_stock(*self.chance.choice(list(self.levels)))

    def fill(self, orders: int) -> None:
        """A past, of which no messages are left."""
        self.is_quiet = True
        for _ in range(5):
            self.add_product()
        for _ in range(max(5, orders // 4)):
            self.pass_time(7)
            self.add_customer()
        while len(self.orders) < orders:
            self.pass_time()
            number = self.add_order()
            for act in (self.pay, self.pay, self.fulfil, self.refund):
                if self.chance.random() < 0.5:
                    self.pass_time()
                    act(number)
        self.is_quiet = False

    # What it writes in messages: REST resources.

    def tell(self, topic: str, doc: dict[str, Any]) -> None:
        if not self.is_quiet:
            self.sent.append(self.message(topic, json.dumps(doc).encode()))

    def message(self, topic: str, body: bytes, **headers: str) -> Message:
        signed = base64.b64encode(hmac.digest(self.secret.encode(), body, hashlib.sha256)).decode()
        seeded = uuid.UUID(int=self.chance.getrandbits(128))
        return Message(
            topic,
            body,
            {
                "X-Shopify-Topic": topic,
                "X-Shopify-Hmac-Sha256": signed,
                "X-Shopify-Shop-Domain": DOMAIN,
                "X-Shopify-API-Version": "2026-07",
                "X-Shopify-Webhook-Id": str(seeded),
                "X-Shopify-Event-Id": str(uuid.UUID(int=self.chance.getrandbits(128))),
                "X-Shopify-Triggered-At": iso(self.now).replace("Z", ".123456789Z"),
                **headers,
            },
        )

    def both(self, amount: Decimal, names: tuple[str, str, str, str]) -> dict[str, Any]:
        shop, paid, value, code = names
        return {
            shop: {value: f"{amount * Decimal('1.1'):.2f}", code: "USD"},
            paid: {value: f"{amount:.2f}", code: self.presentment},
        }

    def set(self, amount: Decimal) -> dict[str, Any]:
        return self.both(amount, ("shop_money", "presentment_money", "amount", "currency_code"))

    def total(self, order: dict[str, Any]) -> Decimal:
        goods = sum(line["price"] * line["quantity"] - line["discount"] for line in order["lines"])
        return Decimal(goods + order["shipping"])

    def rest_order(self, number: int) -> dict[str, Any]:
        order = self.orders[number]
        total = self.total(order)
        gateways = [order["gateway"], "gift_card"] if order["gift"] else [order["gateway"]]
        return {
            "id": number, "name": order["name"], "currency": "USD", "presentment_currency": self.presentment,
            "created_at": local(order["created_at"]), "processed_at": local(order["created_at"]),
            "updated_at": local(order["updated_at"]), "closed_at": None,
            "cancelled_at": local(order["cancelled_at"]) if order["cancelled_at"] else None,
            "test": order["test"], "source_name": order["source"], "taxes_included": True,
            "location_id": order["place"] if order["source"] == "pos" else None,
            "financial_status": order["status"].lower(), "payment_gateway_names": gateways,
            "email": None, "customer": None if order["customer"] is None else {"id": order["customer"], "email": None},
            "shipping_address": {"country_code": "DE", "name": None}, "total_price": f"{total * Decimal('1.1'):.2f}",
            "total_price_set": self.set(total), "total_tax_set": self.set(Decimal(0)),
            "total_outstanding": "0.00", "total_tip_received": "0.0",
            "shipping_lines": [{"discounted_price_set": self.set(order["shipping"])}],
            "line_items": [self.rest_line(line) for line in order["lines"]],
            "refunds": [self.rest_refund(order, one) for one in order["refunds"]],
            "fulfillments": [self.rest_fulfilment(order, one) for one in order["fulfillments"]],
        }  # fmt: skip

    def rest_line(self, line: dict[str, Any]) -> dict[str, Any]:
        discounts = [{"amount_set": self.set(line["discount"])}] if line["discount"] else []
        return {
            "id": line["id"], "product_id": line["product"], "variant_id": line["variant"], "title": line["title"],
            "sku": line["sku"], "quantity": line["quantity"], "price_set": self.set(line["price"]), "gift_card": False,
            "discount_allocations": discounts, "tax_lines": [], "properties": [],
        }  # fmt: skip

    def rest_refund(self, order: dict[str, Any], back: dict[str, Any]) -> dict[str, Any]:
        lines = {line["id"]: line for line in order["lines"]}
        total = sum(amount for _, amount in back["lines"].values())
        return {
            "id": back["id"], "order_id": order["id"], "created_at": local(back["created_at"]),
            "processed_at": local(back["created_at"]), "order_adjustments": [],
            "refund_line_items": [
                {"id": item + 1, "line_item_id": item, "quantity": quantity, "restock_type": "return",
                 "location_id": order["place"], "subtotal_set": self.set(amount), "total_tax_set": self.set(Decimal(0)),
                 "line_item": self.rest_line(lines[item])}
                for item, (quantity, amount) in back["lines"].items()
            ],
            "transactions": [
                {"id": back["id"] + 1, "kind": "refund", "status": "success", "amount": f"{total:.2f}",
                 "currency": self.presentment}
            ],
        }  # fmt: skip

    def rest_fulfilment(self, order: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": sent["id"], "order_id": order["id"], "status": sent["status"].lower(),
            "shipment_status": sent["shown"].lower(), "location_id": order["place"],
            "created_at": local(sent["created_at"]), "updated_at": local(sent["updated_at"]),
            "tracking_company": "DHL", "tracking_number": sent["number"],
            "line_items": [{"id": line["id"], "quantity": line["quantity"]} for line in order["lines"]],
        }  # fmt: skip

    def rest_customer(self, number: int) -> dict[str, Any]:
        one = self.customers[number]
        state_at = one["state_at"]
        return {
            "id": number, "created_at": local(one["created_at"]), "updated_at": local(one["updated_at"]),
            "first_name": None if self.redacted else one["first"], "last_name": None if self.redacted else one["last"],
            "email": None if self.redacted else one["email"], "phone": None, "default_address": None,
            "email_marketing_consent": {
                "state": one["state"].lower(), "consent_updated_at": local(state_at) if state_at else None
            },
        }  # fmt: skip

    def rest_product(self, number: int) -> dict[str, Any]:
        one = self.products[number]
        return {
            "id": number, "title": one["title"], "vendor": one["vendor"], "product_type": one["product_type"],
            "status": one["status"].lower(), "updated_at": local(one["updated_at"]),
            "variants": [
                {"id": variant["id"], "title": variant["title"], "sku": variant["sku"], "barcode": None,
                 "price": f"{variant['price']:.2f}", "inventory_item_id": variant["item"],
                 "compare_at_price": None if variant["compare_at"] is None else f"{variant['compare_at']:.2f}"}
                for variant in one["variants"]
            ],
        }  # fmt: skip

    # What it answers: the GraphQL graph, under its documented names.

    def root(self) -> dict[str, Any]:
        return {
            "shop": {"name": "Leafy Teas", "currencyCode": "USD", "ianaTimezone": "Europe/London",
                     "myshopifyDomain": DOMAIN},
            "locations": lambda **a: self.paged(list(self.locations.values()), self.location, a),
            "location": lambda id: self.location(self.locations[number_of(id)]),
            "products": lambda **a: self.paged(list(self.products.values()), self.product, a),
            "product": lambda id: self.product(self.products.get(number_of(id))),
            "customers": lambda **a: self.paged(list(self.customers.values()), self.customer, a),
            "customer": lambda id: self.customer(self.customers.get(number_of(id))),
            "orders": lambda **a: self.paged(list(self.orders.values()), self.order, a),
            "order": lambda id: self.order(self.orders.get(number_of(id))),
            "refund": self.one_refund,
            "fulfillment": self.one_fulfilment,
            "inventoryItem": lambda id: self.item(number_of(id)),
            "webhookSubscriptions": lambda first: {"nodes": self.subscriptions},
            "webhookSubscriptionCreate": self.subscribe,
        }  # fmt: skip

    def subscribe(self, topic: str, webhookSubscription: dict[str, str]) -> dict[str, Any]:  # noqa: N803 - its name
        self.subscriptions.append({"topic": topic, "uri": webhookSubscription["uri"]})
        return {"userErrors": []}

    def paged(self, rows: list[dict[str, Any]], node: Any, asked: dict[str, Any]) -> dict[str, Any]:
        fits = filtered(asked.get("query"))
        rows = [row for row in rows if fits(row.get("updated_at"))]
        after, start = asked.get("after"), 0
        if rows and "updated_at" in rows[0]:
            rows.sort(key=lambda row: (row["updated_at"], row.get("id", row.get("item"))))
            start = bisect_right(rows, after, key=cursor_of) if after else 0
        elif after:
            start = sum(cursor_of(row) <= after for row in rows)
        some = rows[start : start + asked["first"]]
        end = start + len(some)
        return {
            "nodes": [node(row) for row in some],
            "pageInfo": {"hasNextPage": end < len(rows), "endCursor": cursor_of(some[-1]) if some else None},
        }

    def bag(self, amount: Decimal) -> dict[str, Any]:
        return self.both(amount, ("shopMoney", "presentmentMoney", "amount", "currencyCode"))

    def inner(self, items: list[Any]) -> Any:
        def paged(first: int, after: str | None = None) -> dict[str, Any]:
            start = int(after or 0)
            some = items[start : start + first]
            end = start + len(some)
            return {"nodes": some, "pageInfo": {"hasNextPage": end < len(items), "endCursor": str(end)}}

        return paged

    def order(self, order: dict[str, Any] | None) -> dict[str, Any] | None:
        if order is None:
            return None
        total, nothing = self.total(order), self.bag(Decimal(0))
        return {
            **ids("Order", order["id"]), "name": order["name"], "test": order["test"],
            "createdAt": iso(order["created_at"]), "updatedAt": iso(order["updated_at"]),
            "processedAt": iso(order["created_at"]), "closedAt": None,
            "cancelledAt": iso(order["cancelled_at"]) if order["cancelled_at"] else None,
            "sourceName": order["source"], "taxesIncluded": True, "displayFinancialStatus": order["status"],
            "currencyCode": "USD", "presentmentCurrencyCode": self.presentment,
            "paymentGatewayNames": [order["gateway"], "gift_card"] if order["gift"] else [order["gateway"]],
            "customer": None if order["customer"] is None else ids("Customer", order["customer"]),
            "retailLocation": ids("Location", order["place"]) if order["source"] == "pos" else None,
            "shippingAddress": {"countryCodeV2": "DE"},
            "totalPriceSet": self.bag(total), "totalTaxSet": nothing, "totalOutstandingSet": nothing,
            "totalTipReceivedSet": nothing, "originalTotalDutiesSet": None,
            "shippingLines": self.inner([{"discountedPriceSet": self.bag(order["shipping"])}]),
            "lineItems": self.inner([self.line(line) for line in order["lines"]]),
            "refunds": lambda first: [self.back(order, one) for one in order["refunds"]][:first],
            "fulfillments": lambda first: [self.parcel(order, one) for one in order["fulfillments"]][:first],
            "transactions": lambda first: self.payments(order, total)[:first],
        }  # fmt: skip

    def payments(self, order: dict[str, Any], total: Decimal) -> list[dict[str, Any]]:
        means = {"VOIDED": [("AUTHORIZATION", "SUCCESS"), ("VOID", "SUCCESS")], "PENDING": [("SALE", "PENDING")]}
        parts = [(order["gateway"], total - order["gift"])] + ([("gift_card", order["gift"])] if order["gift"] else [])
        return [
            {"kind": kind, "status": status, "gateway": gateway, "amountSet": self.bag(amount)}
            for gateway, amount in parts
            for kind, status in means.get(order["status"], [("SALE", "SUCCESS")])
        ]

    def line(self, line: dict[str, Any]) -> dict[str, Any]:
        discounts = [{"allocatedAmountSet": self.bag(line["discount"])}] if line["discount"] else []
        return {
            "id": f"gid://shopify/LineItem/{line['id']}", "quantity": line["quantity"], "title": line["title"],
            "sku": line["sku"], "isGiftCard": False, "product": ids("Product", line["product"]),
            "variant": ids("ProductVariant", line["variant"]), "originalUnitPriceSet": self.bag(line["price"]),
            "discountAllocations": discounts, "taxLines": [], "customAttributes": [],
        }  # fmt: skip

    def back(self, order: dict[str, Any], back: dict[str, Any]) -> dict[str, Any]:
        total = Decimal(sum(amount for _, amount in back["lines"].values()))
        return {
            **ids("Refund", back["id"]), "createdAt": iso(back["created_at"]),
            "refundLineItems": self.inner([
                {"quantity": quantity, "restockType": "RETURN", "lineItem": {"id": f"gid://shopify/LineItem/{item}"},
                 "location": ids("Location", order["place"]), "subtotalSet": self.bag(amount),
                 "totalTaxSet": self.bag(Decimal(0))}
                for item, (quantity, amount) in back["lines"].items()
            ]),
            "refundShippingLines": self.inner([]),
            "transactions": self.inner([{"kind": "REFUND", "status": "SUCCESS", "amountSet": self.bag(total)}]),
        }  # fmt: skip

    def parcel(self, order: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
        return {
            **ids("Fulfillment", sent["id"]), "createdAt": iso(sent["created_at"]),
            "updatedAt": iso(sent["updated_at"]), "status": sent["status"], "displayStatus": sent["shown"],
            "deliveredAt": iso(sent["delivered_at"]) if sent["delivered_at"] else None, "estimatedDeliveryAt": None,
            "location": ids("Location", order["place"]),
            "trackingInfo": lambda first: [{"company": "DHL", "number": sent["number"]}],
            "fulfillmentLineItems": self.inner([
                {"quantity": line["quantity"], "lineItem": {"id": f"gid://shopify/LineItem/{line['id']}"}}
                for line in order["lines"]
            ]),
        }  # fmt: skip

    def one_refund(self, id: str) -> dict[str, Any]:
        [(order, back)] = [
            (order, one) for order in self.orders.values() for one in order["refunds"] if one["id"] == number_of(id)
        ]
        return self.back(order, back)

    def one_fulfilment(self, id: str) -> dict[str, Any]:
        [(order, sent)] = [
            (order, one)
            for order in self.orders.values()
            for one in order["fulfillments"]
            if one["id"] == number_of(id)
        ]
        return self.parcel(order, sent)

    def customer(self, one: dict[str, Any] | None) -> dict[str, Any] | None:
        if one is None:
            return None
        at = one["state_at"]
        mail = {
            "emailAddress": one["email"],
            "marketingState": one["state"],
            "marketingUpdatedAt": iso(at) if at else None,
        }
        return {
            **ids("Customer", one["id"]), "createdAt": iso(one["created_at"]), "updatedAt": iso(one["updated_at"]),
            "firstName": None if self.redacted else one["first"], "lastName": None if self.redacted else one["last"],
            "locale": "en", "defaultEmailAddress": None if self.redacted else mail, "defaultPhoneNumber": None,
            "defaultAddress": None,
        }  # fmt: skip

    def product(self, one: dict[str, Any] | None) -> dict[str, Any] | None:
        if one is None:
            return None
        variants = [
            {**ids("ProductVariant", variant["id"]), "title": variant["title"], "sku": variant["sku"], "barcode": None,
             "price": f"{variant['price']:.2f}", "selectedOptions": [{"name": "Size", "value": variant["title"]}],
             "compareAtPrice": None if variant["compare_at"] is None else f"{variant['compare_at']:.2f}"}
            for variant in one["variants"]
        ]  # fmt: skip
        return {
            **ids("Product", one["id"]), "title": one["title"], "vendor": one["vendor"],
            "productType": one["product_type"], "status": one["status"], "updatedAt": iso(one["updated_at"]),
            "variants": self.inner(variants),
        }  # fmt: skip

    def location(self, one: dict[str, Any]) -> dict[str, Any]:
        return {
            **ids("Location", one["id"]),
            "name": one["name"],
            "inventoryLevels": lambda **asked: self.paged(
                [{**level, "item": item} for (item, place), level in self.levels.items() if place == one["id"]],
                lambda row: self.level(row["item"], one["id"]),
                asked,
            ),
        }

    def level(self, item: int, place: int) -> dict[str, Any]:
        level = self.levels[item, place]
        return {
            "updatedAt": iso(level["updated_at"]),
            "location": ids("Location", place),
            "quantities": lambda names: [{"name": name, "quantity": level[name]} for name in names],
            "item": self.item(item),
        }

    def item(self, item: int) -> dict[str, Any] | None:
        for product in self.products.values():
            for variant in product["variants"]:
                if variant["item"] == item:
                    return {
                        "id": f"gid://shopify/InventoryItem/{item}",
                        "variant": {
                            **ids("ProductVariant", variant["id"]),
                            "inventoryPolicy": "DENY",
                            "product": ids("Product", product["id"]),
                        },
                        "inventoryLevel": lambda locationId: self.level(item, number_of(locationId)),  # noqa: N803 - theirs
                    }
        return None

    def respond(self, path: str, body: bytes, token: str | None) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, answer and headers for one call."""
        self.asked += 1
        if self.failures:
            return self.failures.pop(0), {"errors": "busy"}, {"Retry-After": "0.01"}
        if path == "/admin/oauth/access_token":
            self.grants += 1
            form = parse_qs(body.decode())
            good = form.get("client_secret") == [self.secret] and form.get("grant_type") == ["client_credentials"]
            return (200, {"access_token": TOKEN, "expires_in": 86399}, {}) if good else (401, {}, {})
        if token != TOKEN:
            return 401, {"errors": "[API] Invalid API key or access token"}, {}
        asked = json.loads(body)
        wants = graphql.cost(graphql.parse(asked["query"], asked["variables"]))
        status = {"maximumAvailable": self.largest, "currentlyAvailable": self.bucket, "restoreRate": self.restores}
        told = {"cost": {"requestedQueryCost": wants, "actualQueryCost": None, "throttleStatus": status}}
        if wants > self.largest:
            return 200, {"errors": [{"extensions": {"code": "MAX_COST_EXCEEDED"}}], "extensions": told}, {}
        if wants > self.bucket:
            self.throttled += 1
            return 200, {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
                         "extensions": told}, {}  # fmt: skip
        try:
            data = graphql.answer(asked["query"], asked["variables"], self.root())
        except graphql.Wrong as wrong:
            return 200, {"errors": [{"message": str(wrong), "extensions": {"code": "undefinedField"}}]}, {}
        # Most of what could have come did not, and is paid back.
        self.bucket -= wants * 0.3
        status["currentlyAvailable"] = self.bucket
        return 200, {"data": data, "extensions": told}, {}


def number_of(gid: str) -> int:
    return int(gid.rsplit("/", 1)[1])


def ids(kind: str, number: int) -> dict[str, str]:
    return {"id": f"gid://shopify/{kind}/{number}", "legacyResourceId": str(number)}


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def local(at: datetime) -> str:
    """As messages write it: on the shop's clock."""
    return at.astimezone(LONDON_SUMMER).isoformat(timespec="seconds")


LONDON_SUMMER = datetime.strptime("+0100", "%z").tzinfo


def cursor_of(row: dict[str, Any]) -> str:
    return f"{row.get('updated_at', '')}|{row.get('id', row.get('item'))}"


def filtered(query: str | None) -> Callable[[datetime | None], bool]:
    """The two forms of filter that we use of Shopify's search."""
    since = until = None
    for part in (query or "").split(" AND "):
        if part.startswith("updated_at:"):
            at = datetime.fromisoformat(part.split("'")[1].replace("Z", "+00:00"))
            if part[11:13].rstrip("'0123456789") == ">=":
                since = at
            else:
                until = at
    return lambda at: at is None or ((since is None or at >= since) and (until is None or at < until))


@contextmanager
def opened(front: Shopfront) -> Iterator[str]:
    """The shop's address while it is open."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # Head and body in one piece: else the second waits for the first's receipt.

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                status, doc, headers = front.respond(self.path, body, self.headers.get("X-Shopify-Access-Token"))
            written = json.dumps(doc).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(written))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
