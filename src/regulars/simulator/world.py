"""One simulated shop over a window of days: who bought what, where, for how much, and what came back."""

from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from regulars.facts.company import defaults
from regulars.kit.refusals import Refusal
from regulars.simulator.catalogue import CATEGORIES, PRODUCTS, STORES
from regulars.simulator.chance import Chance, Floats, Ints
from regulars.simulator.process import Process, purchases
from regulars.simulator.seasons import STORE_HOURS, WEB_HOURS, Warp

#: Lines in a basket, from one on, for people who buy little, some and much at a time.
_BASKETS = ((620, 260, 90, 30), (420, 290, 170, 80, 40), (200, 270, 250, 160, 80, 40))
_BASKET_LEVELS = (45, 40, 15)
_QUANTITIES = (840, 115, 30, 15)
_GUESTS_PERMILLE = 60
SALE_LINES_PERMILLE = 550
SALE_PERCENT = 20
_COUPON_PERMILLE = 80
_COUPON_PERCENT = 10
_LONGEST_RETURN_DAYS = 21
#: Of purchases in stores, how many are made in any store rather than the one at home.
_ELSEWHERE_PERMILLE = 120
#: Of the orders something comes back from, how many come back without their receipt: a line that names no order.
_NAMELESS_PERMILLE = 250


#: Years of clocks whose changes the zone database knows or rules.
OLDEST, LATEST = 1990, 2100


class BadWindow(Refusal):
    """Days for which no shop can be made."""

    code = "simulator.bad_window"


@dataclass(frozen=True)
class Plan:
    """What decides a world. Days are civil days of `zone`; the window is [`until` - `years`, `until`), half open."""

    shoppers: int
    until: date
    years: float = 2.0
    seed: str = "regulars"
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(defaults.ZONE))
    currency: str = defaults.CURRENCY
    process: Process = field(default_factory=Process)

    def __post_init__(self) -> None:
        if not OLDEST <= self.until.year <= LATEST:
            raise BadWindow(f"until: {self.until} is not between the years {OLDEST} and {LATEST}", field="until")

    @property
    def days(self) -> int:
        return max(1, round(self.years * 365.25))

    @property
    def start(self) -> date:
        return date.fromordinal(self.until.toordinal() - self.days)


@dataclass(frozen=True)
class Shoppers:
    """The truth, one row a shopper (n,). `rate` in purchases a shop day, instants in shop days, as in `process`."""

    rate: Floats
    arrived_at: Floats
    gone_at: Floats
    gone_on: Ints
    """The civil day (index) in which they bought for the last time if ever, -1 for those alive at the end."""
    is_guest: NDArray[np.bool_]
    orders: Ints


@dataclass(frozen=True)
class Tastes:
    """What a shopper's purchases look like (n,); none of it depends on how often they buy."""

    web_permille: Ints
    home_store: Ints
    basket_level: Ints
    favourites: Ints
    """Two categories each (2, n)."""


@dataclass(frozen=True)
class Orders:
    """One row an order (m,), by time. `store` is an index into STORES, -1 for the web; `day` the civil day's index."""

    shopper: Ints
    at: Ints
    """Unix seconds."""
    day: Ints
    store: Ints


@dataclass(frozen=True)
class Lines:
    """One row a line (k,), by order. `order` and `product` are indices; the discount is that of the whole line."""

    order: Ints
    number: Ints
    product: Ints
    quantity: Ints
    unit_minor: Ints
    discount_minor: Ints


@dataclass(frozen=True)
class Returns:
    """One row a returned line. `document` counts returns from 0; `is_nameless` where it names no order."""

    document: Ints
    number: Ints
    line: Ints
    quantity: Ints
    unit_minor: Ints
    at: Ints
    store: Ints
    is_nameless: NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    plan: Plan
    shoppers: Shoppers
    tastes: Tastes
    orders: Orders
    lines: Lines
    returns: Returns


def make(plan: Plan) -> World:
    """The world of a plan: the same plan makes the same world, to the last bit, on every machine.

    Memory is about 100 bytes a line: some 250 MB for 100,000 shoppers over two years.
    """
    chance = Chance(plan.seed)
    warp = Warp.over(start=plan.start, end=plan.until, zone=plan.zone)
    bought = purchases(process=plan.process, shoppers=plan.shoppers, days=float(warp.days), chance=chance)
    tastes = _tastes(plan, chance)
    orders = _orders(warp, tastes, bought.shopper, bought.at, chance)
    is_alive = ~np.isfinite(bought.gone_at)
    gone_on, _ = warp.day_and_fraction(np.where(is_alive, 0.0, bought.gone_at))
    shoppers = Shoppers(
        rate=bought.rate,
        arrived_at=bought.arrived_at,
        gone_at=bought.gone_at,
        gone_on=np.where(is_alive, -1, gone_on),
        is_guest=chance.stream("guests").chance(_GUESTS_PERMILLE, plan.shoppers),
        orders=np.bincount(bought.shopper, minlength=plan.shoppers).astype(np.int64),
    )
    lines = fill_baskets(tastes, shopper=orders.shopper, is_sale=warp.sale()[orders.day], chance=chance)
    return World(plan, shoppers, tastes, orders, lines, _returns(warp, shoppers, orders, lines, chance))


def choose_stores(tastes: Tastes, *, shopper: Ints, chance: Chance) -> Ints:
    """Where each of `shopper` buys this time: an index into STORES, -1 for the web."""
    choice = chance.stream("channels")
    elsewhere = choice.chance(_ELSEWHERE_PERMILLE, shopper.size)
    store = np.where(elsewhere, choice.below(len(STORES), shopper.size), tastes.home_store[shopper])
    return np.where(choice.chance(tastes.web_permille[shopper], shopper.size), -1, store)


def fill_baskets(tastes: Tastes, *, shopper: Ints, is_sale: NDArray[np.bool_], chance: Chance) -> Lines:
    """One basket for each of `shopper`, in that order; `is_sale` where the shop has its sale that day."""
    basket = chance.stream("baskets")
    level = tastes.basket_level[shopper]
    size = np.ones(shopper.size, dtype=np.int64)
    for n, weights in enumerate(_BASKETS):
        at_level = np.flatnonzero(level == n)
        size[at_level] += basket.pick(weights, at_level.size)
    order = np.repeat(np.arange(size.size, dtype=np.int64), size)
    who = shopper[order]
    # Two in five lines from each of two favourite categories, one in five from anywhere.
    where_from = basket.below(5, order.size)
    category = np.select(
        [where_from < 2, where_from < 4],
        [tastes.favourites[0][who], tastes.favourites[1][who]],
        basket.below(len(CATEGORIES), order.size),
    )
    product = np.empty(order.size, dtype=np.int64)
    of_category = np.asarray([product.category for product in PRODUCTS])
    for n in range(len(CATEGORIES)):
        shelf, lines = np.flatnonzero(of_category == n), np.flatnonzero(category == n)
        # The k-th best seller sells 1/k as often as the best.
        product[lines] = shelf[basket.pick(tuple(10_000 // (k + 1) for k in range(shelf.size)), lines.size)]
    # The same product twice in one basket is one line.
    _, first = np.unique(order * len(PRODUCTS) + product, return_index=True)
    keep = np.sort(first)
    order, product = order[keep], product[keep]
    quantity = 1 + basket.pick(_QUANTITIES, order.size)
    unit_minor = np.asarray([product.price_minor for product in PRODUCTS], dtype=np.int64)[product]
    on_sale = is_sale[order] & basket.chance(SALE_LINES_PERMILLE, order.size)
    coupon = basket.chance(_COUPON_PERMILLE, shopper.size)[order]
    percent = np.select([on_sale, coupon], [SALE_PERCENT, _COUPON_PERCENT], 0)
    return Lines(
        order=order,
        number=_count_up(order),
        product=product,
        quantity=quantity,
        unit_minor=unit_minor,
        discount_minor=quantity * unit_minor * percent // 100,
    )


def _tastes(plan: Plan, chance: Chance) -> Tastes:
    draw = chance.stream("tastes")
    return Tastes(
        web_permille=draw.below(1000, plan.shoppers),
        home_store=draw.pick(tuple(store.weight for store in STORES), plan.shoppers),
        basket_level=draw.pick(_BASKET_LEVELS, plan.shoppers),
        favourites=np.stack([draw.below(len(CATEGORIES), plan.shoppers) for _ in range(2)]),
    )


def _orders(warp: Warp, tastes: Tastes, shopper: Ints, at: Floats, chance: Chance) -> Orders:
    by_time = np.lexsort((shopper, at))
    shopper, at = shopper[by_time], at[by_time]
    store = choose_stores(tastes, shopper=shopper, chance=chance)
    day, fraction = warp.day_and_fraction(at)
    clock = np.where(store < 0, WEB_HOURS.clock(fraction), STORE_HOURS.clock(fraction))
    instant = warp.instant(day, clock)
    order = np.lexsort((np.arange(shopper.size), instant))
    return Orders(shopper[order], instant[order], day[order], store[order])


def _returns(warp: Warp, shoppers: Shoppers, orders: Orders, lines: Lines, chance: Chance) -> Returns:
    draw = chance.stream("returns")
    permille = np.asarray([category.returned_permille for category in CATEGORIES], dtype=np.int64)
    category = np.asarray([product.category for product in PRODUCTS], dtype=np.int64)[lines.product]
    delay = 1 + draw.below(_LONGEST_RETURN_DAYS, orders.day.size)
    is_nameless = draw.chance(_NAMELESS_PERMILLE, orders.day.size) & ~shoppers.is_guest[orders.shopper]
    comes_back = draw.chance(permille[category], lines.order.size)
    part = 1 + draw.below(lines.quantity, lines.order.size)
    fraction = draw.uniform(orders.day.size)
    day = orders.day + delay
    comes_back &= (day < warp.days)[lines.order]
    # What comes back is paid back at the price paid for one piece, rounded down: never more than was taken.
    paid_each = (lines.quantity * lines.unit_minor - lines.discount_minor) // lines.quantity
    kept = np.flatnonzero(comes_back)
    order = lines.order[kept]
    at = warp.instant(np.minimum(day, warp.days - 1), STORE_HOURS.clock(fraction))
    by_time = np.lexsort((lines.number[kept], order, at[order]))
    kept, order = kept[by_time], order[by_time]
    new_document = np.concatenate([[False], order[1:] != order[:-1]]) if order.size else np.empty(0, dtype=bool)
    return Returns(
        document=np.cumsum(new_document, dtype=np.int64),
        number=_count_up(order),
        line=kept,
        quantity=part[kept],
        unit_minor=paid_each[kept],
        at=at[order],
        store=orders.store[order],
        is_nameless=is_nameless[order],
    )


def _count_up(groups: Ints) -> Ints:
    """1, 2, 3 … within each run of equal neighbours."""
    if not groups.size:
        return groups.copy()
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    return np.asarray(np.arange(groups.size) - np.repeat(starts, np.diff([*starts, groups.size])) + 1, dtype=np.int64)
