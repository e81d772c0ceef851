"""What the simulated shop says of its goods beside selling them: a catalogue, prices since it opened, and its shelves.

As files of the import door's own format. Prices are those its orders were placed at: the list price, and on the days of
its sales for some of its goods a fifth less.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from regulars.facts.commerce import barcodes
from regulars.facts.commerce.attributes import Kind, Value
from regulars.facts.commerce.orders import OrderReport
from regulars.facts.commerce.stock import StockReport
from regulars.facts.company.opening import Span
from regulars.facts.company.stores import Place
from regulars.kit import civil
from regulars.simulator.catalogue import CATEGORIES, COLOURS, PRODUCTS, SHOP_NAME, SIZES, STORES, WEIGHTS
from regulars.simulator.chance import Chance
from regulars.simulator.seasons import SALE_DAYS, STORE_HOURS
from regulars.simulator.world import SALE_LINES_PERMILLE, SALE_PERCENT, Plan

#: Where its stores are, by their codes: districts that there are, and streets that there are not.
PLACES = {
    "xuhui": Place("18 Osmanthus Lane 桂花里18号", "Shanghai 上海", Decimal("31.198000"), Decimal("121.437000")),
    "jingan": Place("206 Lantern Road 灯笼路206号", "Shanghai 上海", Decimal("31.229000"), Decimal("121.448000")),
    "xihu": Place("7 Willow Causeway 柳堤7号", "Hangzhou 杭州", Decimal("30.259000"), Decimal("120.130000")),
    "gulou": Place("55 Old Wall Street 老城墙街55号", "Nanjing 南京", Decimal("32.066000"), Decimal("118.770000")),
    "nanshan": Place("31 Banyan Avenue 榕树大道31号", "Shenzhen 深圳", Decimal("22.533000"), Decimal("113.930000")),
}
#: What may be said of its goods: code, kind, names, and of what to choose.
ATTRIBUTES: tuple[tuple[str, Kind, dict[str, str], tuple[str, ...]], ...] = (
    ("weight_g", "number", {"en": "Weight in grams", "zh-hans": "净重（克）"}, ()),
    ("size", "choice", {"en": "Size", "zh-hans": "尺寸"}, tuple(f"{one} {other}" for one, other, _ in SIZES)),
    ("colour", "choice", {"en": "Colour", "zh-hans": "颜色"}, tuple(f"{one} {other}" for one, other, _ in COLOURS)),
)
#: The days of a year that end early.
_SHORT_DAYS = ((12, 31), (1, 1))
_SHORT = Span(11 * 60, 18 * 60)
#: Of all shelves, how many are empty; a shelf with fewer than `LOW` is filled up.
_EMPTY_PERMILLE = 25
LOW = 3


def catalogue_frame() -> pl.DataFrame:
    """One row a product, in two languages, each with a number of the range that shops keep for themselves."""
    rows = []
    for number, product in enumerate(PRODUCTS):
        category = CATEGORIES[product.category]
        item, variant = int(product.ref[-3:-1]) - 1, "abc".index(product.ref[-1])
        english, chinese, _ = category.items[item]
        of, of_chinese, _ = category.variants[variant]
        rows.append(
            {
                "product": product.ref,
                "variant": product.ref,
                "sku": product.ref.upper(),
                "barcode": _barcode(number),
                "title": product.title,
                "title_en": f"{english}, {of}",
                "title_zh": f"{chinese} {of_chinese}",
                "category": category.name,
                "brand": SHOP_NAME,
                "status": "active",
            }
        )
    return pl.DataFrame(rows)


def likenesses() -> dict[str, dict[str, Value]]:
    """What is said of products beyond their names, by reference: how much of it, how large, or of which colour."""
    told: dict[str, dict[str, Value]] = {}
    for product in PRODUCTS:
        variants = CATEGORIES[product.category].variants
        english, chinese, _ = variants["abc".index(product.ref[-1])]
        if variants is WEIGHTS:
            told[product.ref] = {"weight_g": english.split()[0]}
        elif variants is SIZES or variants is COLOURS:
            told[product.ref] = {"size" if variants is SIZES else "colour": f"{english} {chinese}"}
    return told


def price_frame(plan: Plan) -> pl.DataFrame:
    """Each product's price since the shop opened, and for each of its sales that of what took part in it."""
    chance = Chance(plan.seed).stream("sale prices")
    shared = {"currency": plan.currency}
    rows: list[dict[str, object]] = [
        {"product": one.ref, **shared, "price": _yuan(one.price_minor), "valid_from": _midnight(plan, plan.start)}
        for one in PRODUCTS
    ]
    for first, after in _sales(plan):
        takes_part = chance.chance(SALE_LINES_PERMILLE, len(PRODUCTS))
        rows += [
            {
                "product": one.ref,
                **shared,
                "price": _yuan(one.price_minor),
                "sale_price": _yuan(one.price_minor * (100 - SALE_PERCENT) // 100),
                "valid_from": _midnight(plan, first),
                "valid_until": _midnight(plan, after),
            }
            for one, does in zip(PRODUCTS, takes_part.tolist(), strict=True)
            if does
        ]
    columns = ("product", "currency", "price", "sale_price", "valid_from", "valid_until")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String()))


def stock_frame(plan: Plan) -> pl.DataFrame:
    """What stands in each store: more where more is sold, less of what is dear; some shelves are empty."""
    chance = Chance(plan.seed).stream("shelves")
    rows = []
    for store in STORES:
        most = [max(4, min(60, store.weight * 4000 // one.price_minor + 4)) for one in PRODUCTS]
        is_empty = chance.chance(_EMPTY_PERMILLE, len(PRODUCTS)).tolist()
        share = chance.uniform(len(PRODUCTS)).tolist()
        rows += [
            {
                "product": one.ref,
                "variant": one.ref,
                "store": store.code,
                "quantity": 0 if empty else LOW + int(most[n] * share[n]),
            }
            for n, (one, empty) in enumerate(zip(PRODUCTS, is_empty, strict=True))
        ]
    return pl.DataFrame(rows)


def week() -> dict[int, Sequence[Span]]:
    """When doors are open, each day of the week: the hours in which the world's stores sell."""
    hours = [hour for hour, weight in enumerate(STORE_HOURS.weights) if weight]
    return dict.fromkeys(range(1, 8), (Span(hours[0] * 60, (hours[-1] + 1) * 60),))


def short_days(plan: Plan) -> dict[date, Sequence[Span]]:
    """The next days that end early, after the world's window."""
    years = (plan.until.year, plan.until.year + 1)
    days = (date(year, month, day) for year in years for month, day in _SHORT_DAYS)
    return {one: (_SHORT,) for one in days if one >= plan.until}


def left(report: OrderReport, on_hand: dict[str, Decimal]) -> list[StockReport]:
    """What the shelves hold after somebody bought in a store: who fills them up looks after each sale.

    `on_hand` by reference, as it was on record. None where it was no store's, and of what was never counted.
    """
    if report.store is None:
        return []
    told = []
    for line in report.lines:
        if line.product_ref in on_hand:
            rest = max(on_hand[line.product_ref] - line.quantity, Decimal(0))
            on_hand[line.product_ref] = rest if rest >= LOW else rest + 12
            told.append(StockReport(report.namespace, line.product_ref, report.store, on_hand[line.product_ref]))
    return told


def _sales(plan: Plan) -> Iterator[tuple[date, date]]:
    """The shop's sales from its opening on: each first day, and the day after the last."""
    day = plan.start
    while day < plan.until:
        after = day
        while (after.month, after.day) in SALE_DAYS:
            after += timedelta(days=1)
        if after > day:
            yield day, after
        day = max(after, day + timedelta(days=1))


def _midnight(plan: Plan, day: date) -> str:
    return civil.start_of_day(day, plan.zone).isoformat()


def _barcode(number: int) -> str:
    digits = f"2{number + 1:011d}"
    return next(digits + check for check in "0123456789" if barcodes.gtin(digits + check))


def _yuan(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
