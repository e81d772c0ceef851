"""What people do in a real Medusa, by its own APIs, and what it says of itself afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.peers.medusa import Medusa

#: Prices of a small and a large one, in pounds and euro.
PRICES = {"Green tea": ("9.99", "19.10"), "Black tea": ("4.35", "8.05"), "White tea": ("31.00", "60.49")}
_ORDER = (
    "fields=id,display_id,status,currency_code,customer_id,updated_at,canceled_at,total,*summary,*items,*items.detail,"
    "*payment_collections.payments,*payment_collections.payments.captures,*payment_collections.payments.refunds,"
    "*fulfillments,*fulfillments.labels,*returns,*returns.items"
)


@dataclass
class Shopkeeper:
    """Keeps one shop. What it sells and to whom is set up by `open`."""

    medusa: Medusa
    key: str = ""
    channel: str = ""
    place: str = ""
    #: Region and way of shipping, by currency.
    regions: dict[str, tuple[str, str]] = field(default_factory=dict)
    variants: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    customers: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)

    def do(self, path: str, body: object = None) -> Any:
        return self.medusa.ask("POST", f"/admin/{path}", body if body is not None else {})

    def see(self, path: str) -> Any:
        return self.medusa.ask("GET", f"/admin/{path}")

    def buy(self, path: str, body: object = None) -> Any:
        """As a visitor of the web shop."""
        return self.medusa.ask("POST", f"/store/{path}", body if body is not None else {}, key=self.key)

    def open(self) -> None:
        """Two regions (pounds with the tax in the prices, euro without it), a warehouse, teas, two customers."""
        self.channel = self.do("sales-channels", {"name": "Web"})["sales_channel"]["id"]
        made = self.do(
            "stock-locations", {"name": "Warehouse East", "address": {"address_1": "1", "country_code": "gb"}}
        )
        self.place = made["stock_location"]["id"]
        self.do(f"stock-locations/{self.place}/sales-channels", {"add": [self.channel]})
        self.do(f"stock-locations/{self.place}/fulfillment-providers", {"add": ["manual_manual"]})
        [store] = self.see("stores")["stores"]
        currencies = [{"currency_code": "gbp", "is_default": True, "is_tax_inclusive": True}, {"currency_code": "eur"}]
        self.do(f"stores/{store['id']}", {"supported_currencies": currencies})
        profiles = self.see("shipping-profiles")["shipping_profiles"]
        profile = (profiles or [self.do("shipping-profiles", {"name": "All", "type": "default"})["shipping_profile"]])[
            0
        ]
        self.do(f"stock-locations/{self.place}/fulfillment-sets", {"name": "Post", "type": "shipping"})
        where = self.see(f"stock-locations/{self.place}?fields=*fulfillment_sets")["stock_location"]
        post = where["fulfillment_sets"][0]["id"]
        for code, country, rate in (("gbp", "gb", 20), ("eur", "de", 19)):
            self.do(
                "tax-regions",
                {"country_code": country, "provider_id": "tp_system",
                 "default_tax_rate": {"name": "VAT", "code": f"vat-{country}", "rate": rate}},
            )  # fmt: skip
            region = self.do(
                "regions",
                {
                    "name": country,
                    "currency_code": code,
                    "countries": [country],
                    "payment_providers": ["pp_system_default"],
                },
            )["region"]["id"]
            zone = self.do(
                f"fulfillment-sets/{post}/service-zones",
                {"name": country, "geo_zones": [{"type": "country", "country_code": country}]},
            )["fulfillment_set"]["service_zones"][-1]
            zones = self.see(f"stock-locations/{self.place}?fields=*fulfillment_sets.service_zones")
            [zone] = [
                one for one in zones["stock_location"]["fulfillment_sets"][0]["service_zones"] if one["name"] == country
            ]
            option = self.do(
                "shipping-options",
                {"name": f"Post {country}", "service_zone_id": zone["id"], "shipping_profile_id": profile["id"],
                 "provider_id": "manual_manual", "price_type": "flat", "rules": [],
                 "type": {"label": "Post", "description": "By post", "code": f"post-{country}"},
                 "prices": [{"currency_code": code, "amount": 4.5}]},
            )["shipping_option"]["id"]  # fmt: skip
            self.regions[code] = (region, option)
        publishable = self.do("api-keys", {"type": "publishable", "title": "Web"})["api_key"]
        self.do(f"api-keys/{publishable['id']}/sales-channels", {"add": [self.channel]})
        self.key = publishable["token"]
        for title, amounts in PRICES.items():
            self.add_product(title, amounts, profile["id"])
        self.do(
            "promotions",
            {"code": "TENOFF", "type": "standard", "status": "active", "is_automatic": False,
             "application_method": {"type": "percentage", "target_type": "items", "allocation": "each", "value": 10,
                                    "max_quantity": 99, "currency_code": "eur"}},
        )  # fmt: skip
        for given, family in (("Priya", "Shah"), ("Marek", "Nowak")):
            self.add_customer(given, family)

    def add_product(self, title: str, amounts: Sequence[str], profile: str) -> None:
        forms = [
            {"title": size, "sku": f"{title}-{size}", "options": {"Size": size}, "manage_inventory": True,
             "prices": [{"currency_code": code, "amount": float(amount)} for code in ("gbp", "eur")]}
            for size, amount in zip(("small", "large"), amounts, strict=True)
        ]  # fmt: skip
        made = self.do(
            "products",
            {"title": title, "status": "published", "shipping_profile_id": profile, "variants": forms,
             "options": [{"title": "Size", "values": ["small", "large"]}], "sales_channels": [{"id": self.channel}]},
        )["product"]  # fmt: skip
        self.products.append(made["id"])
        for variant in made["variants"]:
            self.variants.append(variant["id"])
            self.do(f"inventory-items/{self.item_of(variant['id'])}/location-levels",
                    {"location_id": self.place, "stocked_quantity": 200})  # fmt: skip

    def item_of(self, variant: str) -> str:
        [found] = self.see(f"product-variants?id={variant}&fields=*inventory_items")["variants"]
        return str(found["inventory_items"][0]["inventory_item_id"])

    def add_customer(self, given: str, family: str) -> None:
        mail = f"{given}.{family}@mail.example".lower()
        made = self.do("customers", {"first_name": given, "last_name": family, "email": mail})
        self.customers.append(made["customer"]["id"])

    def order_in_the_shop(self, mail: str, things: Sequence[tuple[int, int]], *, code: str, promotion: str = "") -> str:
        """A visitor fills a basket with so many of the variants, and pays by the manual provider."""
        region, option = self.regions[code]
        address = {"first_name": "A", "last_name": "Person", "address_1": "2 High Street", "city": "Town",
                   "postal_code": "1", "country_code": "gb" if code == "gbp" else "de"}  # fmt: skip
        items = [{"variant_id": self.variants[place], "quantity": quantity} for place, quantity in things]
        cart = self.buy(
            "carts",
            {"region_id": region, "sales_channel_id": self.channel, "email": mail, "items": items,
             "shipping_address": address, "promo_codes": [promotion] if promotion else []},
        )["cart"]["id"]  # fmt: skip
        self.buy(f"carts/{cart}/shipping-methods", {"option_id": option})
        collection = self.buy("payment-collections", {"cart_id": cart})["payment_collection"]["id"]
        self.buy(f"payment-collections/{collection}/payment-sessions", {"provider_id": "pp_system_default"})
        self.orders.append(self.buy(f"carts/{cart}/complete")["order"]["id"])
        return self.orders[-1]

    def order_by_hand(self, customer: str, place: int, quantity: int) -> str:
        """Somebody of the shop writes it down, and takes the money."""
        region, option = self.regions["gbp"]
        draft = self.do(
            "draft-orders",
            {"customer_id": customer, "region_id": region, "sales_channel_id": self.channel,
             "items": [{"variant_id": self.variants[place], "quantity": quantity}],
             "shipping_methods": [{"shipping_option_id": option, "name": "Post", "amount": 4.5}],
             "shipping_address": {"first_name": "A", "address_1": "3", "country_code": "gb"}},
        )["draft_order"]["id"]  # fmt: skip
        self.do(f"draft-orders/{draft}/convert-to-order")
        whole = self.order(draft)["total"]
        collection = self.do("payment-collections", {"order_id": draft, "amount": whole})["payment_collection"]["id"]
        self.do(f"payment-collections/{collection}/mark-as-paid", {"order_id": draft})
        self.orders.append(draft)
        return str(draft)

    def payment(self, order: str) -> str:
        return str(self.order(order)["payment_collections"][0]["payments"][0]["id"])

    def capture(self, order: str) -> None:
        self.do(f"payments/{self.payment(order)}/capture")

    def refund(self, order: str, amount: str) -> None:
        self.do(f"payments/{self.payment(order)}/refund", {"amount": float(amount)})

    def ship(self, order: str, tracking: str, *, is_delivered: bool = False) -> None:
        """All of its first line."""
        item = self.order(order)["items"][0]
        parts = [{"id": item["id"], "quantity": item["quantity"]}]
        self.do(f"orders/{order}/fulfillments", {"items": parts, "location_id": self.place})
        parcel = self.order(order)["fulfillments"][-1]["id"]
        label = {
            "tracking_number": tracking,
            "tracking_url": "https://track.example/",
            "label_url": "https://l.example/",
        }
        self.do(f"orders/{order}/fulfillments/{parcel}/shipments", {"items": parts, "labels": [label]})
        if is_delivered:
            self.do(f"orders/{order}/fulfillments/{parcel}/mark-as-delivered")

    def take_back(self, order: str) -> str:
        """One piece of its first line, which was sent; what it was worth."""
        item = self.order(order)["items"][0]
        parts = [{"id": item["id"], "quantity": 1}]
        back = self.do("returns", {"order_id": order, "location_id": self.place})["return"]["id"]
        self.do(f"returns/{back}/request-items", {"items": parts})
        self.do(f"returns/{back}/request")
        self.do(f"returns/{back}/receive")
        self.do(f"returns/{back}/receive-items", {"items": parts})
        self.do(f"returns/{back}/receive/confirm")
        owed = -Decimal(str(self.order(order)["summary"]["pending_difference"]))
        return str(owed.quantize(Decimal("0.01")))

    def exchange(self, order: str, place: int) -> str:
        """One more piece of its first line comes back, another goes out for it; what is owed then."""
        item = self.order(order)["items"][0]
        made = self.do("exchanges", {"order_id": order})["exchange"]["id"]
        back = {"items": [{"id": item["id"], "quantity": 1}], "location_id": self.place}
        self.do(f"exchanges/{made}/inbound/items", back)
        self.do(f"exchanges/{made}/outbound/items", {"items": [{"variant_id": self.variants[place], "quantity": 1}]})
        self.do(f"exchanges/{made}/request")
        back_id = self.see(f"exchanges/{made}?fields=id,return_id")["exchange"]["return_id"]
        self.do(f"returns/{back_id}/receive")
        self.do(f"returns/{back_id}/receive-items", {"items": [{"id": item["id"], "quantity": 1}]})
        self.do(f"returns/{back_id}/receive/confirm")
        owed = -Decimal(str(self.order(order)["summary"]["pending_difference"]))
        return str(owed.quantize(Decimal("0.01")))

    def order(self, number: str) -> Any:
        return self.see(f"orders/{number}?{_ORDER}")["order"]

    def state(self) -> dict[str, Any]:
        """How the shop stands, in minor units, by what its Admin API says; sums are its own."""
        products = self.see("products?limit=100&fields=id,title,*variants,*variants.prices")["products"]
        return {
            "orders": {number: self.told(self.order(number)) for number in self.orders},
            "stock": {
                (variant, self.place): level["stocked_quantity"]
                for variant in self.variants
                for level in self.see(f"inventory-items/{self.item_of(variant)}")["inventory_item"]["location_levels"]
            },
            "prices": {
                (variant["id"], price["currency_code"].upper()): minor(price["amount"])
                for product in products
                for variant in product["variants"]
                for price in variant["prices"]
            },
            "products": {product["id"]: product["title"] for product in products},
            "people": {
                one["id"]: one["last_name"] for one in self.see("customers?limit=200&fields=id,last_name")["customers"]
            },
        }

    def told(self, doc: Any) -> dict[str, Any]:
        payments = [one for group in doc["payment_collections"] for one in group["payments"]]
        captured = [one["amount"] for payment in payments for one in payment["captures"]]
        refunds = [one for payment in payments for one in payment["refunds"]]
        return {
            "number": str(doc["display_id"]),
            "customer": doc["customer_id"],
            "currency": doc["currency_code"].upper(),
            "is_cancelled": doc["status"] == "canceled",
            "paid": sum(minor(amount) for amount in captured),
            "back": sum(minor(one["amount"]) for one in refunds),
            "worth": None if doc["status"] == "canceled" else minor(doc["total"]),
            "refunds": {one["id"]: minor(one["amount"]) for one in refunds},
            "lines": sorted((item["variant_id"], item["quantity"]) for item in doc["items"]),
        }


def minor(amount: Any) -> int:
    """Pounds and euro have two places."""
    return int((Decimal(str(amount)) * 100).to_integral_value())
