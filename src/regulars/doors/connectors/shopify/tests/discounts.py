"""The shop with its discount codes and what it keeps of customers, as the Admin API documents them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from regulars.doors.connectors.shopify.tests.shopfront import Shopfront, number_of

_NO_CODE = {"field": ["basicCodeDiscount", "code"], "code": "TAKEN", "message": "Code must be unique."}


@dataclass
class ShopWithDiscounts(Shopfront):
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: dict[int, dict[str, str]] = field(default_factory=dict)

    def root(self) -> dict[str, Any]:
        return {
            **super().root(),
            "discountCodeBasicCreate": lambda basicCodeDiscount: self.make(basicCodeDiscount, "customerGets"),  # noqa: N803 - theirs
            "discountCodeFreeShippingCreate": lambda freeShippingCodeDiscount: self.make(  # noqa: N803 - its name
                freeShippingCodeDiscount, "destination"
            ),
            "discountCodeBasicUpdate": lambda id, basicCodeDiscount: self.alter(id, basicCodeDiscount),  # noqa: N803 - theirs
            "discountCodeFreeShippingUpdate": lambda id, freeShippingCodeDiscount: self.alter(  # noqa: N803 - its name
                id, freeShippingCodeDiscount
            ),
            "discountCodeDeactivate": lambda id: self.alter(id, {"status": "EXPIRED"}),
            "codeDiscountNodeByCode": lambda code: next(
                (self.node(one) for one in self.codes.values() if one["code"].lower() == code.lower()), None
            ),
            "codeDiscountNode": lambda id: self.node(self.codes[id]) if id in self.codes else None,
            "metafieldsSet": self.keep,
            "metafieldsDelete": self.forget,
        }

    def node(self, one: dict[str, Any]) -> dict[str, Any]:
        seen = {
            "title": one["title"],
            "status": one["status"],
            "endsAt": one["endsAt"],
            "usageLimit": one["usageLimit"],
        }
        return {"id": one["id"], "codeDiscount": seen}

    def make(self, told: dict[str, Any], wanted: str) -> dict[str, Any]:
        missing = {"title", "code", "startsAt", "context", wanted} - told.keys()
        if missing:
            return self.no({"field": sorted(missing), "code": "BLANK", "message": "can't be blank"})
        if any(one["code"].lower() == told["code"].lower() for one in self.codes.values()):
            return self.no(_NO_CODE)
        id = f"gid://shopify/DiscountCodeNode/{self.id()}"
        self.codes[id] = {**told, "id": id, "status": self.status(told)}
        return {"codeDiscountNode": {"id": id}, "userErrors": []}

    def alter(self, id: str, told: dict[str, Any]) -> dict[str, Any]:
        if id not in self.codes:
            return self.no({"field": ["id"], "code": "INVALID", "message": "Discount does not exist"})
        one = self.codes[id]
        one.update(told if "status" in told else told | {"status": self.status(told)})
        return {"codeDiscountNode": {"id": id}, "userErrors": []}

    def status(self, told: dict[str, Any]) -> str:
        return "SCHEDULED" if datetime.fromisoformat(told["startsAt"]) > self.now else "ACTIVE"

    def no(self, error: dict[str, Any]) -> dict[str, Any]:
        return {"codeDiscountNode": None, "userErrors": [error]}

    def customer(self, one: dict[str, Any] | None) -> dict[str, Any] | None:
        told = super().customer(one)
        if one is None or told is None:
            return None
        kept = [{"key": name, "value": value} for name, value in self.kept.get(one["id"], {}).items()]
        return told | {"metafields": lambda namespace, first: {"nodes": kept[:first]}}

    def keep(self, metafields: list[dict[str, str]]) -> dict[str, Any]:
        for one in metafields:
            if not one["value"]:
                return {"userErrors": [{"field": ["value"], "code": "BLANK", "message": "can't be blank"}]}
            self.kept.setdefault(number_of(one["ownerId"]), {})[one["key"]] = one["value"]
        return {"userErrors": []}

    def forget(self, metafields: list[dict[str, str]]) -> dict[str, Any]:
        for one in metafields:
            self.kept.get(number_of(one["ownerId"]), {}).pop(one["key"], None)
        return {"userErrors": []}
