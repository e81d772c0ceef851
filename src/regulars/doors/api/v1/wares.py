"""What is sold: products, prices, stock and holds."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Header, Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import not_ahead
from regulars.facts.commerce import bundles, catalogue, categories, corrections, holds, prices, stock, variants
from regulars.facts.commerce.prices import PriceReport
from regulars.facts.commerce.stock import StockReport
from regulars.facts.company import channels, stores
from regulars.facts.customers import identifiers
from regulars.kit import paging
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock

router = Router(tags=["catalogue and stock"])

#: A basket waits for minutes, what is picked up for days.
LONGEST_HOLD = timedelta(days=60)
MOST_DAYS = 366
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", pattern="^[!-~]{1,120}$")]
Status = Literal["active", "draft", "discontinued"]


#: A branch from the top down.
Path = Annotated[str, Field(max_length=categories.LONGEST_PATH)]


class BadDay(Refusal):
    """Not a day prices are kept for."""

    code = "prices.bad_day"


class ProductIn(exact.Told):
    """A product as its source tells it; what is left out stays as it is. `ref` is its key."""

    namespace: exact.Code = Field("api", description="The source that gave the references.")
    ref: exact.Ref
    title: exact.Title | None = None
    category: Path | None = Field(None, description="Its branch from the top down, with ` > ` between the names.")
    brand: Annotated[str, Field(max_length=120)] | None = None
    status: Status | None = None
    source_updated_at: exact.Instant | None = Field(None, description="Decides between versions of it.")


class CorrectionIn(exact.Told):
    """What people here say it is: counts until its source tells something newer."""

    title: exact.Title
    category: Path = ""
    brand: Annotated[str, Field(max_length=120)] = ""
    status: Status = "active"


class PriceIn(exact.Told):
    """One price as its source tells it. Its product or variant, its place, currency and start are its key."""

    namespace: exact.Code = Field("api", description="The source that gave the references.")
    product_ref: exact.Ref | None = None
    variant_ref: exact.Ref | None = None
    store: exact.Code | None = None
    channel: exact.Code | None = None
    currency: exact.Currency
    price: exact.Amount
    sale_price: exact.Amount | None = None
    valid_from: exact.Instant
    valid_until: exact.Instant | None = Field(None, description="The first moment it does not hold any more.")
    is_withdrawn: bool = Field(default=False, description="There never was such a price.")
    source_updated_at: exact.Instant | None = Field(None, description="Decides between versions of a price.")


class StockIn(exact.Told):
    """How much of a variant is in a store, as its source tells it."""

    namespace: exact.Code = Field("api", description="The source that gave the references.")
    variant_ref: exact.Ref
    product_ref: exact.Ref | None = Field(None, description="Left out: its only product is called as it is.")
    store: exact.Code
    on_hand: exact.Quantity
    reserved: exact.Quantity = Field(Decimal(0), description="Of them sold or kept there, and still on the shelf.")
    may_oversell: bool | None = None
    version: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    source_updated_at: exact.Instant | None = Field(None, description="Decides between levels without versions.")


class RecordedOut(exact.Shown):
    """What became of it: new, changed, or same as what was known."""

    outcome: str


class ProductRecordedOut(RecordedOut):
    """What became of a product, and the id under which it is asked for."""

    id: str


class VariantOut(exact.Shown):
    """One form of a product. `parts` are what a bundle is made of."""

    id: str
    ref: str
    sku: str
    barcode: str
    gtin: str | None
    title: str
    options: dict[str, str]
    status: str
    parts: dict[str, str]


class ProductOut(exact.Shown):
    """One product; `titles` by language."""

    id: str
    namespace: str
    ref: str
    title: str
    titles: dict[str, str]
    category: str
    brand: str
    status: str


class ProductWithVariantsOut(ProductOut):
    """One product with its forms."""

    variants: list[VariantOut]


class ProductsOut(exact.Shown):
    """A page of products, newest first."""

    items: list[ProductOut]
    next: str | None


class PriceOut(exact.Shown):
    """What applies. `price` is what a customer pays, `list_price` what it costs without a sale."""

    price: str
    list_price: str
    currency: str
    valid_from: datetime
    valid_until: datetime | None


class LowestOut(exact.Shown):
    """The lowest price of the days before; `is_whole`: a price is known for all of them, else from `known_from` on."""

    price: str
    currency: str
    since: datetime
    known_from: datetime
    is_whole: bool


class LevelOut(exact.Shown):
    """Stock of one form in one store."""

    variant: str
    store: str
    on_hand: str
    reserved: str = Field(description="By its source.")
    held: str
    available: str
    told_at: datetime


class LevelsOut(exact.Shown):
    """Stock of a product's forms by store."""

    items: list[LevelOut]


class WantedIn(exact.Told):
    """So many of one form from one store."""

    variant: Annotated[str, Field(max_length=64)]
    store: exact.Code
    quantity: exact.Quantity


class HoldIn(exact.Told):
    """Goods to keep, all of them or none."""

    lines: Annotated[list[WantedIn], Field(min_length=1, max_length=holds.MOST_LINES)]
    minutes: Annotated[int, Field(ge=1, le=LONGEST_HOLD // timedelta(minutes=1))]
    purpose: Literal["basket", "pickup"] = "basket"


class HeldOut(exact.Shown):
    """So many of one form are kept."""

    variant: str
    store: str
    quantity: str


class HoldOut(exact.Shown):
    """One hold. `state`: held, captured, released or expired. Of a bundle its parts are held."""

    id: str
    purpose: str
    state: str
    held_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    lines: list[HeldOut]


@router.get("/products", auth=ApiKey("catalogue.read"), response=ProductsOut, operation_id="list_products")
def list_products(
    request: HttpRequest,
    search: str = "",
    category: str = "",
    status: Status | None = None,
    limit: int = 50,
    cursor: str = "",
) -> ProductsOut:
    """Products, newest first, whose title, reference, brand, sku or barcode fits `search`, in a category or below."""
    found = catalogue.page(
        search=search,
        category=category.replace("\x00", ""),
        status=status or "",
        cursor=cursor or None,
        limit=paging.check_size(limit),
    )
    return ProductsOut(items=[ProductOut(**_product(ware)) for ware in found.items], next=found.next)


@router.get(
    "/products/{product}", auth=ApiKey("catalogue.read"), response=ProductWithVariantsOut, operation_id="get_product"
)
def get_product(request: HttpRequest, product: str) -> ProductWithVariantsOut:
    """One product with its forms."""
    ware = catalogue.by_public_id(product)
    forms = catalogue.variants_of(ware.id)
    parts = bundles.parts_of_many([form.id for form in forms])
    named = variants.get_many([part for inside in parts.values() for part in inside])
    return ProductWithVariantsOut(
        **_product(ware),
        variants=[
            VariantOut(
                id=form.public_id,
                ref=form.ref,
                sku=form.sku,
                barcode=form.barcode,
                gtin=form.gtin,
                title=form.title,
                options=dict(form.options),
                status=form.status,
                parts={named[part].public_id: str(many) for part, many in parts.get(form.id, {}).items()},
            )
            for form in forms
        ],
    )


@router.post("/products", auth=ApiKey("catalogue.write"), response=ProductRecordedOut, operation_id="record_product")
def record_product(request: HttpRequest, body: ProductIn) -> ProductRecordedOut:
    """Put one product on record. The same again changes nothing; a later word of its source replaces it."""
    now = clock.now()
    not_ahead(now, source_updated_at=body.source_updated_at)
    done = catalogue.record(
        namespace=identifiers.check_namespace(body.namespace),
        told=body.model_dump(),
        at=now,
        by=caller(request),
    )
    [ware] = catalogue.get_many(list(done.ids.values())).values()
    outcome = "new" if done.new else "changed" if done.changed else "same"
    return ProductRecordedOut(outcome=outcome, id=ware.public_id)


@router.put("/products/{product}", auth=ApiKey("catalogue.write"), response=ProductOut, operation_id="correct_product")
def correct_product(request: HttpRequest, product: str, body: CorrectionIn) -> ProductOut:
    """Say what a product is called, where it belongs and whether it is sold. Again changes nothing."""
    found = corrections.describe(
        product=catalogue.by_public_id(product).id,
        title=body.title,
        category=body.category,
        brand=body.brand,
        status=body.status,
        at=clock.now(),
        by=caller(request),
    )
    return ProductOut(**_product(found))


@router.get(
    "/products/{product}/price",
    auth=ApiKey("catalogue.read"),
    response=PriceOut,
    operation_id="get_price",
)
def get_price(
    request: HttpRequest,
    product: str,
    currency: exact.Currency,
    variant: str = "",
    store: str = "",
    channel: str = "",
    at: exact.Instant | None = None,
) -> PriceOut:
    """What it costs at that moment (now, where none is told), everywhere or in a store or by a channel."""
    scope = _scope(variant, store, channel)
    found = prices.at(product=catalogue.by_public_id(product).id, currency=currency, at=at or clock.now(), **scope)
    if found is None:
        raise prices.NoPrice(
            f"currency: there is no price in {currency[:20]!r} there; ask for another", field="currency"
        )
    return PriceOut(
        price=exact.shown(found.minor, currency),
        list_price=exact.shown(found.list_minor, currency),
        currency=currency,
        valid_from=found.valid_from,
        valid_until=found.valid_until,
    )


@router.get(
    "/products/{product}/lowest-price",
    auth=ApiKey("catalogue.read"),
    response=LowestOut,
    operation_id="get_lowest_price",
)
def get_lowest_price(
    request: HttpRequest,
    product: str,
    currency: exact.Currency,
    day: date,
    days: int = prices.DAYS,
    variant: str = "",
    store: str = "",
    channel: str = "",
) -> LowestOut:
    """The lowest price of the `days` before `day`, on which a reduction is announced (98/6/EC, Article 6a)."""
    if not 1990 <= day.year < 2200 or not 1 <= days <= MOST_DAYS:
        raise BadDay(f"day: ask for a day from 1990 on and up to {MOST_DAYS} days before it", field="day")
    scope = _scope(variant, store, channel)
    found = prices.lowest_before(
        product=catalogue.by_public_id(product).id, currency=currency, day=day, days=days, **scope
    )
    if found is None:
        raise prices.NoPrice(
            f"currency: no price in {currency[:20]!r} is known then; ask for another", field="currency"
        )
    return LowestOut(
        price=exact.shown(found.minor, currency),
        currency=currency,
        since=found.since,
        known_from=found.known_from,
        is_whole=found.is_whole,
    )


@router.get("/products/{product}/stock", auth=ApiKey("catalogue.read"), response=LevelsOut, operation_id="get_stock")
def get_stock(request: HttpRequest, product: str) -> LevelsOut:
    """How much of each of its forms is in which store, and how much of that can be had."""
    forms = {form.id: form.public_id for form in catalogue.variants_of(catalogue.by_public_id(product).id)}
    codes = {store.id: store.code for store in stores.every()}
    return LevelsOut(
        items=[
            LevelOut(
                variant=forms[level.variant],
                store=codes[level.store],
                on_hand=str(level.on_hand),
                reserved=str(level.reserved),
                held=str(level.held),
                available=str(level.available),
                told_at=level.told_at,
            )
            for levels in stock.levels_of(list(forms), at=clock.now()).values()
            for level in levels
        ]
    )


@router.post("/prices", auth=ApiKey("catalogue.write"), response=RecordedOut, operation_id="record_price")
def record_price(request: HttpRequest, body: PriceIn) -> RecordedOut:
    """Put one price on record. The same again changes nothing; a later word about the same start corrects it."""
    report = PriceReport(
        namespace=identifiers.check_namespace(body.namespace),
        product_ref=body.product_ref,
        variant_ref=body.variant_ref,
        store=body.store,
        channel=body.channel,
        currency=body.currency,
        list_minor=exact.minor(body.price, body.currency, "price"),
        sale_minor=None if body.sale_price is None else exact.minor(body.sale_price, body.currency, "sale_price"),
        valid_from=body.valid_from,
        valid_until=body.valid_until,
        is_withdrawn=body.is_withdrawn,
        source_updated_at=body.source_updated_at,
    )
    done = prices.record(report=report, at=clock.now(), by=caller(request))
    return RecordedOut(outcome="new" if done.new else "changed" if done.changed else "same")


@router.post("/stock", auth=ApiKey("catalogue.write"), response=RecordedOut, operation_id="record_stock")
def record_stock(request: HttpRequest, body: StockIn) -> RecordedOut:
    """Put one level on record. A higher version, else a later update time, replaces it, in whatever order they come."""
    report = StockReport(
        namespace=identifiers.check_namespace(body.namespace),
        variant_ref=body.variant_ref,
        product_ref=body.product_ref,
        store=body.store,
        on_hand=body.on_hand,
        reserved=body.reserved,
        may_oversell=body.may_oversell,
        version=body.version,
        source_updated_at=body.source_updated_at,
    )
    done = stock.record(report=report, at=clock.now(), by=caller(request))
    return RecordedOut(outcome="new" if done.new else "changed" if done.changed else "same")


@router.post("/holds", auth=ApiKey("catalogue.write"), response=HoldOut, operation_id="hold_stock")
def hold_stock(request: HttpRequest, body: HoldIn, idempotency_key: IdempotencyKey) -> HoldOut:
    """Keep goods for a basket or a pick-up: all of them or none. The same `Idempotency-Key` gives the first answer."""
    now = clock.now()
    forms = variants.by_public_ids([line.variant for line in body.lines])
    places = {line.store: stores.by_code(line.store).id for line in body.lines}
    made = holds.hold(
        wanted=[holds.Wanted(forms[line.variant].id, places[line.store], line.quantity) for line in body.lines],
        key=f"api:{caller(request).id}:{idempotency_key}",
        expires_at=now + timedelta(minutes=body.minutes),
        purpose=body.purpose,
        at=now,
        by=caller(request),
    )
    return _hold(made)


@router.get("/holds/{hold}", auth=ApiKey("catalogue.read"), response=HoldOut, operation_id="get_hold")
def get_hold(request: HttpRequest, hold: str) -> HoldOut:
    """One hold and what became of it."""
    return _hold(holds.by_public_id(hold))


@router.post("/holds/{hold}/capture", auth=ApiKey("catalogue.write"), response=HoldOut, operation_id="capture_hold")
def capture_hold(request: HttpRequest, hold: str) -> HoldOut:
    """The goods are sold and leave the stock. Again changes nothing."""
    return _hold(holds.capture(hold=holds.by_public_id(hold).id, at=clock.now(), by=caller(request)))


@router.post("/holds/{hold}/release", auth=ApiKey("catalogue.write"), response=HoldOut, operation_id="release_hold")
def release_hold(request: HttpRequest, hold: str) -> HoldOut:
    """Nobody wants the goods any more. Again changes nothing."""
    return _hold(holds.release(hold=holds.by_public_id(hold).id, at=clock.now(), by=caller(request)))


def _product(ware: catalogue.Ware) -> dict[str, Any]:
    return {
        "id": ware.public_id,
        "namespace": ware.namespace,
        "ref": ware.ref,
        "title": ware.title,
        "titles": dict(ware.titles),
        "category": ware.category,
        "brand": ware.brand,
        "status": ware.status,
    }


def _scope(variant: str, store: str, channel: str) -> dict[str, int | None]:
    return {
        "variant": variants.by_public_id(variant).id if variant else None,
        "store": stores.by_code(store).id if store else None,
        # A channel that nobody knows has no prices of its own.
        "channel": next((one.id for one in channels.every() if one.code == channel), None) if channel else None,
    }


def _hold(one: holds.Hold) -> HoldOut:
    forms = variants.get_many([line.variant for line in one.lines])
    codes = {store.id: store.code for store in stores.every()}
    return HoldOut(
        id=one.public_id,
        purpose=one.purpose,
        state=one.state,
        held_at=one.held_at,
        expires_at=one.expires_at,
        ended_at=one.ended_at,
        lines=[
            HeldOut(variant=forms[line.variant].public_id, store=codes[line.store], quantity=str(line.quantity))
            for line in one.lines
        ],
    )
