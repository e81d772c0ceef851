"""Who looks around on the shop's pages, what they look at, and what their browsers tell of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from regulars.facts.company import defaults
from regulars.simulator.catalogue import CATEGORIES, PRODUCTS
from regulars.simulator.chance import Chance
from regulars.simulator.living import Regulars
from regulars.simulator.people import customer_ref
from regulars.simulator.seasons import WEB_HOURS, Warp
from regulars.simulator.world import World, fill_baskets

#: Days of the past whose visits are told: older ones say little of anybody.
DAYS = 60
#: For every hundred who buy on the web, how many only look around.
_LOOKERS_PERCENT = 150
_SITE = "https://leaf-and-lantern.example"
_TO_SHELF, _TO_LOOK, _TO_CART, _TO_PAY = 12, 35, 9, 50


@dataclass(frozen=True)
class Visit:
    """One visit to the web shop, from its first page on. `at` is in Unix seconds, `products` are indices into
    PRODUCTS, in the order they were looked at; with `buys`, all of them go into the cart.

    `who` is the customer number of who has signed in, or what a browser calls itself.
    """

    who: str
    is_signed_in: bool
    at: int
    products: tuple[int, ...]
    buys: bool


def past(world: World) -> list[Visit]:
    """Visits of the last `DAYS` days of a world, by time: those that ended in its orders, and as many again and a half
    that did not. The same world, the same visits.
    """
    return sorted([*_of_orders(world), *_of_lookers(world)], key=lambda visit: (visit.at, visit.who))


def looking_around(*, world: World, regulars: Regulars, at: datetime) -> Visit:
    """Somebody who has looked around until `at` and buys nothing. The same millisecond, the same visit."""
    chance = Chance(f"{world.plan.seed}\0looking\0{int(at.timestamp() * 1000)}")
    who = regulars.shoppers[chance.stream("visitor").pick(regulars.rates, 1)]
    lines = fill_baskets(world.tastes, shopper=who, is_sale=np.zeros(1, dtype=np.bool_), chance=chance)
    looked = tuple(lines.product.tolist())
    return Visit(customer_ref(int(who[0])), True, int(at.timestamp()) - _seconds(len(looked)), looked, buys=False)


def before_order(*, customer_ref: str, products: Sequence[str], at: datetime) -> Visit:
    """The visit that ends in an order placed at `at`, of products by their references."""
    places = {product.ref: place for place, product in enumerate(PRODUCTS)}
    looked = tuple(places[ref] for ref in products)
    return Visit(customer_ref, True, int(at.timestamp()) - _seconds(len(looked)), looked, buys=True)


def told(visit: Visit) -> Iterator[dict[str, object]]:
    """The messages of a visit in Segment's form: a page, a shelf, each product, then perhaps cart and checkout."""
    at = datetime.fromtimestamp(visit.at, UTC)
    shelf = CATEGORIES[PRODUCTS[visit.products[0]].category]
    yield _message(visit, 0, at, type="page", name="Home", properties={"url": f"{_SITE}/"})
    at += timedelta(seconds=_TO_SHELF)
    yield _track(visit, 1, at, "Product List Viewed", {"list_id": shelf.code, "category": shelf.name})
    number = 2
    for place in visit.products:
        at += timedelta(seconds=_TO_LOOK)
        yield _track(visit, number, at, "Product Viewed", _product(place))
        number += 1
        if visit.buys:
            at += timedelta(seconds=_TO_CART)
            yield _track(visit, number, at, "Product Added", {**_product(place), "quantity": 1})
            number += 1
    if visit.buys:
        at += timedelta(seconds=_TO_CART)
        yield _track(visit, number, at, "Checkout Started", {"products": [_product(one) for one in visit.products]})


def _of_orders(world: World) -> Iterator[Visit]:
    orders, lines = world.orders, world.lines
    since = _window(world).midnight_at[0]
    wanted = np.flatnonzero((orders.at >= since) & (orders.store < 0))
    first, last = np.searchsorted(lines.order, wanted, "left"), np.searchsorted(lines.order, wanted, "right")
    for order, start, end in zip(wanted.tolist(), first.tolist(), last.tolist(), strict=True):
        shopper = int(orders.shopper[order])
        is_guest = bool(world.shoppers.is_guest[shopper])
        products = tuple(lines.product[start:end].tolist())
        who = f"browser-{shopper}" if is_guest else customer_ref(shopper)
        yield Visit(who, not is_guest, int(orders.at[order]) - _seconds(len(products)), products, buys=True)


def _of_lookers(world: World) -> Iterator[Visit]:
    window, regulars = _window(world), Regulars.of(world)
    if not regulars.shoppers.size:
        return
    orders = world.orders
    n = int(((orders.at >= window.midnight_at[0]) & (orders.store < 0)).sum()) * _LOOKERS_PERCENT // 100
    chance = Chance(f"{world.plan.seed}\0looking")
    who = regulars.shoppers[chance.stream("visitor").pick(regulars.rates, n)]
    when = chance.stream("when")
    at = window.instant(when.below(window.days, n), WEB_HOURS.clock(when.uniform(n)))
    lines = fill_baskets(world.tastes, shopper=who, is_sale=np.zeros(n, dtype=np.bool_), chance=chance)
    starts = np.searchsorted(lines.order, np.arange(n + 1))
    for visit in range(n):
        products = tuple(lines.product[starts[visit] : starts[visit + 1]].tolist())
        yield Visit(customer_ref(int(who[visit])), True, int(at[visit]), products, buys=False)


def _window(world: World) -> Warp:
    """The last days of the world."""
    start = max(world.plan.start, world.plan.until - timedelta(DAYS))
    return Warp.over(start=start, end=world.plan.until, zone=world.plan.zone)


def _seconds(products: int) -> int:
    """From the first page to the order."""
    return _TO_SHELF + products * (_TO_LOOK + _TO_CART) + _TO_CART + _TO_PAY


def _product(place: int) -> dict[str, object]:
    one = PRODUCTS[place]
    return {
        "product_id": one.ref,
        "name": one.title,
        "category": CATEGORIES[one.category].name,
        "price": one.price_minor / 100,
        "currency": defaults.CURRENCY,
    }


def _track(visit: Visit, number: int, at: datetime, event: str, properties: dict[str, object]) -> dict[str, object]:
    return _message(visit, number, at, type="track", event=event, properties=properties)


def _message(visit: Visit, number: int, at: datetime, **what: object) -> dict[str, object]:
    return {
        "messageId": f"{visit.who}-{visit.at}-{number}",
        "userId" if visit.is_signed_in else "anonymousId": visit.who,
        "timestamp": at.isoformat(),
        **what,
    }
