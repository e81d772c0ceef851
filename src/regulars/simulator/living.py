"""Who comes by next: live orders of the shoppers whom a world left alive, one at a time."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.simulator.catalogue import CATEGORIES, PRODUCTS, STORE, STORES, WEB
from regulars.simulator.chance import Chance, Ints
from regulars.simulator.people import customer_ref
from regulars.simulator.seasons import SALE_DAYS, STORE_HOURS
from regulars.simulator.world import World, choose_stores, fill_baskets

#: Rates are drawn by as whole numbers, so that their sums are the same on every machine.
_FINENESS = 10**9


@dataclass(frozen=True)
class Regulars:
    """Those still buying, and how often, in billionths of a purchase a day."""

    shoppers: Ints
    rates: Ints

    @classmethod
    def of(cls, world: World) -> "Regulars":
        shoppers = np.flatnonzero((world.shoppers.gone_on < 0) & ~world.shoppers.is_guest)
        return cls(shoppers, 1 + (world.shoppers.rate[shoppers] * _FINENESS).astype(np.int64))


def next_order(*, world: World, regulars: Regulars, namespace: str, at: datetime) -> OrderReport:
    """The order somebody places at `at`: who buys often comes by often. The same millisecond, the same order.

    `at` is any aware instant. While stores are closed everybody buys on the web.
    """
    local = at.astimezone(world.plan.zone)
    moment = int(at.timestamp() * 1000)
    chance = Chance(f"{world.plan.seed}\0{moment}")
    who = regulars.shoppers[chance.stream("visitor").pick(regulars.rates, 1)]
    store = int(choose_stores(world.tastes, shopper=who, chance=chance)[0])
    if not STORE_HOURS.weights[local.hour]:
        store = -1
    is_sale = np.asarray([(local.month, local.day) in SALE_DAYS])
    lines = fill_baskets(world.tastes, shopper=who, is_sale=is_sale, chance=chance)
    return OrderReport(
        namespace=namespace,
        ref=f"L{moment}",
        placed_at=at,
        currency=world.plan.currency,
        customer_ref=customer_ref(int(who[0])),
        channel=WEB if store < 0 else STORE,
        store=None if store < 0 else STORES[store].code,
        lines=[
            LineReport(
                number=int(lines.number[n]),
                product_ref=PRODUCTS[product].ref,
                title=PRODUCTS[product].title,
                category=CATEGORIES[PRODUCTS[product].category].name,
                quantity=Decimal(int(lines.quantity[n])),
                unit_price=Decimal(int(lines.unit_minor[n])) / 100,
                discount_minor=int(lines.discount_minor[n]),
            )
            for n, product in enumerate(lines.product.tolist())
        ],
    )
