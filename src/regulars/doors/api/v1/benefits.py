"""Benefits: which there are, what somebody has now and why, using one, giving it back, and giving one by hand."""

from datetime import date, datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.identity_shown import key_of
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import IdempotencyKey
from regulars.facts.commerce import orders
from regulars.facts.customers import customers, profiles
from regulars.kit import money, paging
from regulars.kit.money import Money
from regulars.levers.loyalty import benefit_words, benefits, member_prices
from regulars.levers.loyalty.benefits import BenefitView, Entitlement, GiftView, Saved, UseView
from regulars.levers.loyalty.member_prices import Cart, CartLine
from regulars.runtime.database import clock

router = Router(tags=["benefits"])

Place = Annotated[
    str,
    Field(pattern="^[a-z][a-z0-9_]{0,39}[.][a-z][a-z0-9_]{0,39}$", description='A benefit as "programme.benefit".'),
]
BenefitAbout = Annotated[
    str, Field(pattern="^[A-Za-z0-9._:/-]{1,80}$", description="A number of yours: a cart, a booking. Never personal.")
]


class BenefitLevelOut(exact.Shown):
    """Those on a level of a set and above may so often; null: as often as they like."""

    tiers: str
    level: str
    most: int | None


class BenefitOut(exact.Shown):
    """A benefit in force. `gives` says what is in it; `per` in what time uses count together; `back` what gives a use
    for an order back: that it was cancelled, that all of it was returned, or never."""

    benefit: str
    kind: str
    title: str
    gives: str
    per: str
    months: int | None
    back: str
    levels: list[BenefitLevelOut]


class BenefitsOut(exact.Shown):
    """Every benefit in force."""

    items: list[BenefitOut]


class EntitlementOut(exact.Shown):
    """Somebody has a benefit: by their level, a plan, a gift or a partner, as `because` names it.

    `until`: the first day without it, if nothing else happens. `left` of `most` uses; null: no end. `frees_on`: used
    up, there is one more on that day.
    """

    benefit: str
    kind: str
    title: str
    gives: str
    source: str
    given_by: Literal["tier", "plan", "gift", "partner"]
    because: str
    since: date | None
    until: date | None
    most: int | None
    used: int
    left: int | None
    counts_until: date | None
    frees_on: date | None


class BenefitSavedOut(exact.Shown):
    """How often a benefit was used, and what that saved in one currency; null where nobody said."""

    benefit: str
    uses: int
    saved: str | None
    currency: str | None


class EntitlementsOut(exact.Shown):
    """What a customer's person has now, and what it saved them so far."""

    customer: str
    as_of: datetime
    items: list[EntitlementOut]
    saved: list[BenefitSavedOut]


class BenefitSavingsOut(exact.Shown):
    """What benefits saved all members in a time."""

    items: list[BenefitSavedOut]


class BenefitUseIn(exact.Told):
    """A benefit that is used once, for an order of theirs (`ord_…`) or what `about` says, and what it saved; of a
    member price for an order its own discounts say it. It is money of the shop, of the programme or of the order.
    `source` takes one of several: as an entitlement names it."""

    benefit: Place
    order: Annotated[str, Field(pattern="^ord_[0-9a-zA-Z]{1,40}$")] | None = None
    about: BenefitAbout | None = None
    saved: exact.Amount | None = None
    saved_currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    source: Annotated[str, Field(pattern="^(tier|plan:[a-z0-9_]{1,40}|gift:[0-9]{1,18})$")] | None = None


class BenefitUseOut(exact.Shown):
    """A use of a benefit, and whether it was given back."""

    id: str
    customer: str
    benefit: str
    source: str
    because: str
    order: str | None
    about: str | None
    saved: str | None
    saved_currency: str | None
    used_at: datetime
    given_back_at: datetime | None
    why_back: str | None


class BenefitUsesOut(exact.Shown):
    """What somebody used, the latest first."""

    customer: str
    items: list[BenefitUseOut]


class CartLineIn(exact.Told):
    """One line as anybody would pay it: the amount of all of it. `category`, `brand`, `sku`: what member prices ask."""

    product_ref: exact.Ref
    quantity: exact.Quantity
    amount: exact.Amount
    category: exact.Ref | None = None
    brand: exact.Ref | None = None
    sku: exact.Ref | None = None
    is_gift_card: bool = False


class CartIn(exact.Told):
    """What somebody is about to buy, and where."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    lines: Annotated[list[CartLineIn], Field(min_length=1, max_length=500)]
    channel: exact.Code | None = None
    store: exact.Code | None = None
    fulfilment: exact.Code | None = None


class PricedLineOut(exact.Shown):
    """A line by its place from 1 on: what anybody pays, what this member pays, and by which benefit."""

    number: int
    amount: str
    member_amount: str
    benefit: str | None


class PricedCartOut(exact.Shown):
    """What a member pays. `benefits` are those to be told as used, with the order, when it is bought."""

    customer: str
    as_of: datetime
    currency: str
    lines: list[PricedLineOut]
    saved: str
    benefits: list[str]


class EarlyAccessOut(exact.Shown):
    """Something opens for everybody at `opens_at`: whether this member may see it now, else from when on."""

    customer: str
    as_of: datetime
    opens_at: datetime
    may_see: bool
    sees_from: datetime
    benefit: str | None
    hours: int


class BenefitBackIn(exact.Told):
    """Why it was not used after all."""

    why: Literal["order_cancelled", "goods_returned", "not_done", "correction"]


class BenefitGiftIn(exact.Told):
    """A benefit to give: so many uses (null: as often as they like) until before a day; by a partner, where named, as
    has to be for the reason `partner`."""

    benefit: Place
    reason: Literal["goodwill", "service", "campaign", "birthday", "partner", "correction"]
    most: Annotated[int, Field(ge=1, le=10_000)] | None = 1
    until: exact.Day | None = None
    partner: Annotated[str, Field(pattern="^[a-z][a-z0-9_.-]{0,59}$")] | None = None


class BenefitGiftOut(exact.Shown):
    """What was given."""

    id: str
    customer: str
    benefit: str
    given_by: str
    partner: str | None
    reason: str
    most: int | None
    since: date
    until: date | None
    withdrawn_at: datetime | None


@router.get("/benefits", auth=ApiKey("points.read"), response=BenefitsOut, operation_id="list_benefits")
def get_benefits(request: HttpRequest) -> BenefitsOut:
    """The benefits of every programme in force."""
    return BenefitsOut(items=[_benefit(one) for one in benefits.every(at=clock.now())])


@router.get(
    "/benefits/savings", auth=ApiKey("points.manage"), response=BenefitSavingsOut, operation_id="get_benefit_savings"
)
def get_savings(
    request: HttpRequest, since: Annotated[exact.Instant, Query()], until: Annotated[exact.Instant, Query()]
) -> BenefitSavingsOut:
    """How often each benefit was used from `since` until before `until`, and what that saved members."""
    exact.check_span(since, until)
    return BenefitSavingsOut(items=[_saved(one) for one in benefits.savings(since=since, until=until)])


@router.get(
    "/customers/{customer}/benefits",
    auth=ApiKey("points.read"),
    response=EntitlementsOut,
    operation_id="list_entitlements",
)
def get_entitlements(request: HttpRequest, customer: str) -> EntitlementsOut:
    """What somebody has now, by every source, why, how often yet and until when."""
    who, now = customers.by_public_id(customer), clock.now()
    return EntitlementsOut(
        customer=who.public_id,
        as_of=now,
        items=[_entitlement(one) for one in benefits.of(customer=who.id, at=now)],
        saved=[_saved(one) for one in benefits.saved(customer=who.id)],
    )


@router.get(
    "/customers/{customer}/benefits/uses",
    auth=ApiKey("points.read"),
    response=BenefitUsesOut,
    operation_id="list_benefit_uses",
)
def get_uses(request: HttpRequest, customer: str, limit: int = 50) -> BenefitUsesOut:
    """What somebody used, what was given back too, the latest first."""
    who = customers.by_public_id(customer)
    found = benefits.uses(customer=who.id, limit=paging.check_size(limit))
    return BenefitUsesOut(customer=who.public_id, items=_uses(found))


@router.post(
    "/customers/{customer}/benefits/uses",
    auth=ApiKey("benefits.use"),
    response=BenefitUseOut,
    operation_id="use_benefit",
)
def use(request: HttpRequest, customer: str, body: BenefitUseIn, idempotency_key: IdempotencyKey) -> BenefitUseOut:
    """Use a benefit once. Of several sources one without end is taken first, then the one whose time is over first.

    The `Idempotency-Key` is kept for ever: the same again is the same use, another under it is refused.
    """
    who = customers.by_public_id(customer)
    with exact.told_as("saved"):
        saved = None if body.saved is None else Money.of(body.saved, body.saved_currency or "")
    done = benefits.use(
        customer=who.id,
        benefit=body.benefit,
        key=key_of(request, idempotency_key),
        order=None if body.order is None else orders.by_public_id(body.order).id,
        about=body.about or "",
        saved=saved,
        source=body.source or "",
        at=clock.now(),
        by=caller(request),
    )
    return _uses([done])[0]


@router.post(
    "/customers/{customer}/benefits/price",
    auth=ApiKey("points.read"),
    response=PricedCartOut,
    operation_id="price_cart",
)
def price(request: HttpRequest, customer: str, body: CartIn) -> PricedCartOut:
    """What a member pays for a cart by the member prices they have now. A question: it writes nothing and uses nothing.

    Of each line the price that takes most off counts, rounded half up once for the line; prices never add up.
    """
    who, now = customers.by_public_id(customer), clock.now()
    cart = Cart(
        currency=body.currency,
        lines=[
            CartLine(
                product=line.product_ref,
                quantity=line.quantity,
                amount_minor=Money.of(line.amount, body.currency).minor,
                category=line.category or "",
                brand=line.brand or "",
                sku=line.sku or "",
                is_gift_card=line.is_gift_card,
            )
            for line in body.lines
        ],
        channel=body.channel or "",
        store=body.store or "",
        fulfilment=body.fulfilment or "",
    )
    priced = member_prices.prices(customer=who.id, cart=cart, at=now)
    return PricedCartOut(
        customer=who.public_id,
        as_of=now,
        currency=body.currency,
        lines=[
            PricedLineOut(
                number=line.number,
                amount=str(line.amount.decimal),
                member_amount=str((line.amount - line.off).decimal),
                benefit=line.benefit or None,
            )
            for line in priced.lines
        ],
        saved=str(priced.off.decimal),
        benefits=priced.benefits,
    )


@router.get(
    "/customers/{customer}/early-access",
    auth=ApiKey("points.read"),
    response=EarlyAccessOut,
    operation_id="get_early_access",
)
def early_access(request: HttpRequest, customer: str, opens_at: Annotated[exact.Instant, Query()]) -> EarlyAccessOut:
    """Whether a member may see now what opens for everybody at `opens_at`."""
    who, now = customers.by_public_id(customer), clock.now()
    found = member_prices.early(customer=who.id, opens_at=opens_at, at=now)
    return EarlyAccessOut(
        customer=who.public_id,
        as_of=now,
        opens_at=found.opens_at,
        may_see=found.may_see,
        sees_from=found.sees_from,
        benefit=found.benefit or None,
        hours=found.hours,
    )


@router.post(
    "/benefit-uses/{use}/give-back",
    auth=ApiKey("benefits.use"),
    response=BenefitUseOut,
    operation_id="give_benefit_back",
)
def give_back(request: HttpRequest, use: str, body: BenefitBackIn) -> BenefitUseOut:
    """It was not used after all: one more is left of the time it was used in. Again: nothing."""
    found = benefits.get_use(use)
    return _uses([benefits.give_back(use=found.id, why=body.why, at=clock.now(), by=caller(request))])[0]


@router.post(
    "/customers/{customer}/benefits/gifts",
    auth=ApiKey("points.manage"),
    response=BenefitGiftOut,
    operation_id="give_benefit",
)
def give(request: HttpRequest, customer: str, body: BenefitGiftIn, idempotency_key: IdempotencyKey) -> BenefitGiftOut:
    """Give somebody a benefit beside what they have. It keeps the terms of today."""
    who = customers.by_public_id(customer)
    done = benefits.give(
        customer=who.id,
        benefit=body.benefit,
        reason=body.reason,
        most=body.most,
        until=body.until,
        partner=body.partner or "",
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return _gift(done)


@router.post(
    "/benefit-gifts/{gift}/withdraw",
    auth=ApiKey("points.manage"),
    response=BenefitGiftOut,
    operation_id="withdraw_benefit",
)
def withdraw(request: HttpRequest, gift: str) -> BenefitGiftOut:
    """What was given ends now; what was used of it stays. Again: nothing."""
    found = benefits.get_gift(gift)
    return _gift(benefits.withdraw(gift=found.id, at=clock.now(), by=caller(request)))


def _benefit(view: BenefitView) -> BenefitOut:
    one = view.benefit
    return BenefitOut(
        benefit=view.key,
        kind=one.kind,
        title=benefit_words.title(one.titles),
        gives=benefit_words.gives(view, money.text),
        per=one.per,
        months=one.months or None,
        back=one.back,
        levels=[BenefitLevelOut(tiers=each.tiers, level=each.level, most=each.most) for each in one.levels],
    )


def _entitlement(one: Entitlement) -> EntitlementOut:
    benefit = one.view.benefit
    return EntitlementOut(
        benefit=one.view.key,
        kind=benefit.kind,
        title=benefit_words.title(benefit.titles),
        gives=benefit_words.gives(one.view, money.text),
        source=one.source,
        given_by=one.given_by,
        because=one.because,
        since=one.since,
        until=one.until,
        most=one.most,
        used=one.used,
        left=one.left,
        counts_until=one.counts_until,
        frees_on=one.frees_on,
    )


def _saved(one: Saved) -> BenefitSavedOut:
    return BenefitSavedOut(
        benefit=f"{one.programme}.{one.benefit}",
        uses=one.uses,
        saved=str(one.money.decimal) if one.money else None,
        currency=one.money.currency if one.money else None,
    )


def _uses(found: list[UseView]) -> list[BenefitUseOut]:
    names = profiles.public_ids([one.customer for one in found])
    places = orders.public_ids([one.order for one in found if one.order is not None])
    return [
        BenefitUseOut(
            id=one.public_id,
            customer=names[one.customer],
            benefit=f"{one.programme}.{one.benefit}",
            source=one.source,
            because=one.because,
            order=None if one.order is None else places.get(one.order),
            about=one.about or None,
            saved=str(one.saved.decimal) if one.saved else None,
            saved_currency=one.saved.currency if one.saved else None,
            used_at=one.used_at,
            given_back_at=one.given_back_at,
            why_back=one.why_back or None,
        )
        for one in found
    ]


def _gift(one: GiftView) -> BenefitGiftOut:
    return BenefitGiftOut(
        id=one.public_id,
        customer=profiles.public_ids([one.customer])[one.customer],
        benefit=f"{one.programme}.{one.benefit}",
        given_by=one.given_by,
        partner=one.partner or None,
        reason=one.reason,
        most=one.most,
        since=one.since,
        until=one.until,
        withdrawn_at=one.withdrawn_at,
    )
