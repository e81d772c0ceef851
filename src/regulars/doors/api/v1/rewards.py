"""Rewards: the catalogue, what of it is within somebody's reach, and what becomes of what they took."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.identity_shown import key_of
from regulars.doors.api.v1.keys import ApiKey, caller, need
from regulars.doors.api.v1.orders import IdempotencyKey
from regulars.facts.customers import customers, profiles
from regulars.kit.money import Money
from regulars.kit.points import Points
from regulars.levers.loyalty import redemptions, rewards, wallets
from regulars.levers.loyalty.redemptions import TakenView
from regulars.levers.loyalty.rewards import RewardView, Terms
from regulars.runtime.database import clock

router = Router(tags=["rewards"])

RewardCode = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$", description="The reward's code.")]
Reference = Annotated[
    str, Field(pattern="^[A-Za-z0-9._:/-]{1,80}$", description="A number of yours or of a carrier's. Never personal.")
]
RewardKind = Literal["goods", "coupon", "service", "experience", "charity", "partner"]
Handed = Literal["sent", "code", "done"]
Per = Literal["ever", "year", "month", "week", "day"]
Text = Annotated[str, Field(max_length=rewards.LONGEST_TEXT)]
Whole = Annotated[int, Field(ge=0, le=10**15)]


class RewardNames(exact.Told):
    """In both languages."""

    en: Annotated[str, Field(min_length=1, max_length=200)]
    zh: Annotated[str, Field(min_length=1, max_length=200)]


class RewardIn(exact.Told):
    """What a reward is and costs. Left out, `stock` has no end and `most` no limit; `cash` is paid on top of points.

    `level_prices` and `from_level` name levels of tiers as "programme.tiers.level". `owed` is what a partner gets for
    each that was handed over.
    """

    kind: RewardKind
    handed: Handed
    titles: RewardNames
    about: dict[Literal["en", "zh"], Text] = {}
    price: exact.Points
    currency: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")] = "points"
    level_prices: Annotated[dict[str, exact.Points], Field(max_length=50)] = {}
    from_level: Annotated[str, Field(max_length=130)] = ""
    cash: exact.Amount | None = None
    cash_currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    stock: Whole | None = None
    low_at: Whole = 0
    most: Annotated[int, Field(ge=1, le=10**6)] | None = None
    per: Per = "ever"
    opens_at: exact.Instant | None = None
    closes_at: exact.Instant | None = None
    cancel_days: Annotated[int, Field(ge=0, le=3660)] = 0
    partner: Annotated[str, Field(pattern="^[a-z][a-z0-9_.-]{0,59}$")] | None = None
    owed: exact.Amount | None = None
    owed_currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None


class RewardStateIn(exact.Told):
    """Open to members, or closed."""

    state: Literal["open", "closed"]


class RewardStockIn(exact.Told):
    """So many more; below zero: fewer."""

    more: Annotated[int, Field(ge=-(10**12), le=10**12)]


class RewardCodesIn(exact.Told):
    """Codes for the pool. They are sealed and never shown again, but each to whoever takes it."""

    codes: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=rewards.LONGEST_CODE)]],
        Field(min_length=1, max_length=10_000),
    ]


class RewardCodesOut(exact.Shown):
    """How many were new, and how many there already or twice in the list."""

    new: int
    same: int


class RewardOut(exact.Shown):
    """A reward as it stands. `state`: draft, open or closed. `left`: how many can be taken yet, of its stock and its
    codes; null: no end."""

    id: str
    code: str
    state: str
    kind: str
    handed: str
    titles: dict[str, str]
    about: dict[str, str]
    price: str
    currency: str
    level_prices: dict[str, str]
    from_level: str | None
    cash: str | None
    cash_currency: str | None
    left: int | None
    low_at: int
    most: int | None
    per: str
    opens_at: datetime | None
    closes_at: datetime | None
    cancel_days: int
    partner: str | None
    owed: str | None
    owed_currency: str | None


class RewardsOut(exact.Shown):
    """All rewards, the cheapest first."""

    items: list[RewardOut]


class OfferOut(exact.Shown):
    """A reward for somebody: `price` is theirs, `missing` so many points they have too few, `why_not` the code of what
    stands in the way besides."""

    reward: RewardOut
    price: str
    missing: str
    within_reach: bool
    why_not: str | None


class OffersOut(exact.Shown):
    """Rewards that are open, the nearest first."""

    customer: str
    items: list[OfferOut]


class RewardTakenIn(exact.Told):
    """The reward somebody takes."""

    reward: RewardCode


class PaymentIn(exact.Told):
    """The money came, under your number of it."""

    payment: Reference


class RewardShipmentIn(exact.Told):
    """The carrier's number, if there is one."""

    tracking: Reference | None = None


class CancellationIn(exact.Told):
    """Why it is taken back. `by_member`: their own wish, within their days."""

    why: Literal["by_member", "out_of_stock", "damaged", "correction"]


class RedemptionOut(exact.Shown):
    """What somebody took. `code` is what it is handed over as, shown with the right to spend alone.

    `state`: reserved, issued, shipped, used or cancelled. Until `pay_until` it waits for money; until `cancel_until`
    they may take it back.
    """

    id: str
    customer: str
    reward: str
    titles: dict[str, str]
    handed: str
    state: str
    gift: bool
    price: str
    currency: str
    cash: str | None
    cash_currency: str | None
    code: str | None
    payment: str | None
    tracking: str | None
    why: str | None
    taken_at: datetime
    pay_until: datetime | None
    cancel_until: datetime | None
    issued_at: datetime | None
    shipped_at: datetime | None
    used_at: datetime | None
    cancelled_at: datetime | None


class RedemptionsOut(exact.Shown):
    """What somebody took, the latest first."""

    customer: str
    items: list[RedemptionOut]


class PartnerOwedOut(exact.Shown):
    """What a partner is owed for one reward, by its terms when it was taken: `count` were handed over, `back` came back
    of those that were handed over before. Below zero where more came back."""

    partner: str
    reward: str
    count: int
    back: int
    owed: str
    currency: str


class SettlementOut(exact.Shown):
    """What partners are owed for what was handed over in a time."""

    items: list[PartnerOwedOut]


@router.get("/rewards", auth=ApiKey("points.read"), response=RewardsOut, operation_id="list_rewards")
def list_rewards(request: HttpRequest, open: bool = False) -> RewardsOut:
    """The catalogue; with `open` what can be taken now."""
    found = rewards.every(open_at=clock.now() if open else None)
    return RewardsOut(items=[_reward(one) for one in found])


@router.get(
    "/rewards/settlement", auth=ApiKey("points.manage"), response=SettlementOut, operation_id="get_partner_settlement"
)
def get_settlement(
    request: HttpRequest, since: Annotated[exact.Instant, Query()], until: Annotated[exact.Instant, Query()]
) -> SettlementOut:
    """What partners are owed for what was handed over from `since` until before `until`, less what came back in that
    time. A time that is over never changes."""
    exact.check_span(since, until)
    return SettlementOut(
        items=[
            PartnerOwedOut(
                partner=one.partner,
                reward=one.reward,
                count=one.count,
                back=one.back,
                owed=str(one.owed.decimal),
                currency=one.owed.currency,
            )
            for one in redemptions.settlement(since=since, until=until)
        ]
    )


@router.put("/rewards/{reward}", auth=ApiKey("points.manage"), response=RewardOut, operation_id="put_reward")
def put_reward(request: HttpRequest, reward: RewardCode, body: RewardIn) -> RewardOut:
    """Make a reward, as a draft, or change it: what was taken before keeps its terms. Again: nothing."""
    scale = wallets.scale(body.currency)
    with exact.told_as("price"):
        price = Points.of(body.price, scale).parts
    with exact.told_as("level_prices"):
        level_prices = {level: Points.of(points, scale).parts for level, points in body.level_prices.items()}
    with exact.told_as("cash"):
        cash = _money(body.cash, body.cash_currency)
    with exact.told_as("owed"):
        owed = _money(body.owed, body.owed_currency)
    terms = Terms(
        kind=body.kind,
        handed=body.handed,
        titles={"en": body.titles.en, "zh": body.titles.zh},
        about={str(language): text for language, text in body.about.items()},
        price=price,
        currency=body.currency,
        level_prices=level_prices,
        from_level=body.from_level,
        cash=cash,
        stock=body.stock,
        low_at=body.low_at,
        most=body.most,
        per=body.per,
        opens_at=body.opens_at,
        closes_at=body.closes_at,
        cancel_days=body.cancel_days,
        partner=body.partner or "",
        owed=owed,
    )
    return _reward(rewards.put(code=reward, terms=terms, at=clock.now(), by=caller(request)))


@router.post(
    "/rewards/{reward}/state", auth=ApiKey("points.manage"), response=RewardOut, operation_id="set_reward_state"
)
def set_state(request: HttpRequest, reward: RewardCode, body: RewardStateIn) -> RewardOut:
    """Open it to members, or close it. The same again changes nothing."""
    return _reward(rewards.set_state(code=reward, state=body.state, at=clock.now(), by=caller(request)))


@router.post(
    "/rewards/{reward}/stock", auth=ApiKey("points.manage"), response=RewardOut, operation_id="stock_up_reward"
)
def stock_up(
    request: HttpRequest, reward: RewardCode, body: RewardStockIn, idempotency_key: IdempotencyKey
) -> RewardOut:
    """So many more came in, or went away otherwise."""
    key = key_of(request, idempotency_key)
    return _reward(rewards.stock_up(code=reward, more=body.more, key=key, at=clock.now(), by=caller(request)))


@router.post(
    "/rewards/{reward}/codes", auth=ApiKey("points.manage"), response=RewardCodesOut, operation_id="add_reward_codes"
)
def add_codes(request: HttpRequest, reward: RewardCode, body: RewardCodesIn) -> RewardCodesOut:
    """Add codes to its pool. One that is there already stays as it is, so a repeat is harmless."""
    done = rewards.add_codes(code=reward, codes=body.codes, at=clock.now(), by=caller(request))
    return RewardCodesOut(new=done.new, same=done.same)


@router.get("/customers/{customer}/rewards", auth=ApiKey("points.read"), response=OffersOut, operation_id="list_offers")
def get_offers(request: HttpRequest, customer: str) -> OffersOut:
    """Every open reward with somebody's own price, and what they lack for it; the nearest first."""
    who = customers.by_public_id(customer)
    items = []
    for one in redemptions.offers(customer=who.id, at=clock.now()):
        scale = one.reward.scale
        items.append(
            OfferOut(
                reward=_reward(one.reward),
                price=str(Points(one.price, scale)),
                missing=str(Points(one.missing, scale)),
                within_reach=one.is_within_reach,
                why_not=one.why_not or None,
            )
        )
    return OffersOut(customer=who.public_id, items=items)


@router.get(
    "/customers/{customer}/redemptions",
    auth=ApiKey("points.spend"),
    response=RedemptionsOut,
    operation_id="list_redemptions",
)
def get_redemptions(request: HttpRequest, customer: str) -> RedemptionsOut:
    """What they took, the latest fifty."""
    who = customers.by_public_id(customer)
    found = redemptions.of_customer(who.id)
    return RedemptionsOut(customer=who.public_id, items=_taken(found))


@router.post(
    "/customers/{customer}/redemptions",
    auth=ApiKey("points.spend"),
    response=RedemptionOut,
    operation_id="take_reward",
)
def take(request: HttpRequest, customer: str, body: RewardTakenIn, idempotency_key: IdempotencyKey) -> RedemptionOut:
    """Take a reward: points, stock and code at once or not at all.

    Where money is due, too, the points are kept for half an hour: tell of the money with `pay`. The `Idempotency-Key`
    is kept for ever: the same again gives the first answer, another reward under it is refused.
    """
    return _theirs(redemptions.take, request, customer, body, key_of(request, idempotency_key))


@router.post(
    "/customers/{customer}/presents", auth=ApiKey("points.award"), response=RedemptionOut, operation_id="give_reward"
)
def give(request: HttpRequest, customer: str, body: RewardTakenIn, idempotency_key: IdempotencyKey) -> RedemptionOut:
    """Give a reward as a present: it costs no points, and no limit counts."""
    return _theirs(redemptions.give, request, customer, body, key_of(request, idempotency_key))


@router.get(
    "/redemptions/{redemption}", auth=ApiKey("points.spend"), response=RedemptionOut, operation_id="get_redemption"
)
def get_redemption(request: HttpRequest, redemption: str) -> RedemptionOut:
    """What became of it."""
    return _taken([redemptions.by_public_id(redemption)])[0]


@router.post(
    "/redemptions/{redemption}/pay", auth=ApiKey("points.spend"), response=RedemptionOut, operation_id="pay_redemption"
)
def pay(request: HttpRequest, redemption: str, body: PaymentIn) -> RedemptionOut:
    """The money came. The same payment again changes nothing."""
    found = redemptions.by_public_id(redemption)
    return _taken([redemptions.pay(redemption=found.id, payment=body.payment, at=clock.now(), by=caller(request))])[0]


@router.post(
    "/redemptions/{redemption}/hand-over",
    auth=ApiKey("points.spend"),
    response=RedemptionOut,
    operation_id="hand_over_redemption",
)
def hand_over(request: HttpRequest, redemption: str) -> RedemptionOut:
    """It was given or done at the counter. Again: nothing."""
    found = redemptions.by_public_id(redemption)
    return _taken([redemptions.hand_over(redemption=found.id, at=clock.now(), by=caller(request))])[0]


@router.post(
    "/redemptions/{redemption}/ship",
    auth=ApiKey("points.spend"),
    response=RedemptionOut,
    operation_id="ship_redemption",
)
def ship(request: HttpRequest, redemption: str, body: RewardShipmentIn | None = None) -> RedemptionOut:
    """It is on its way. Again: nothing."""
    found, tracking = redemptions.by_public_id(redemption), (body and body.tracking) or ""
    return _taken([redemptions.ship(redemption=found.id, tracking=tracking, at=clock.now(), by=caller(request))])[0]


@router.post(
    "/redemptions/{redemption}/use", auth=ApiKey("points.spend"), response=RedemptionOut, operation_id="use_redemption"
)
def use(request: HttpRequest, redemption: str) -> RedemptionOut:
    """It was used, or arrived. Again: nothing."""
    found = redemptions.by_public_id(redemption)
    return _taken([redemptions.use(redemption=found.id, at=clock.now(), by=caller(request))])[0]


@router.post(
    "/redemptions/{redemption}/cancel",
    auth=ApiKey("points.spend"),
    response=RedemptionOut,
    operation_id="cancel_redemption",
)
def cancel(request: HttpRequest, redemption: str, body: CancellationIn) -> RedemptionOut:
    """Take it back: its points go to the awards they came from. Again: nothing.

    By the member in their days; for a reason of the shop's at any time, which takes the right `points.manage`, too.
    """
    if body.why != "by_member":
        need(request, "points.manage")
    found = redemptions.by_public_id(redemption)
    done = redemptions.cancel(
        redemption=found.id, why=body.why, is_by_member=body.why == "by_member", at=clock.now(), by=caller(request)
    )
    return _taken([done])[0]


def _theirs(
    verb: Callable[..., TakenView], request: HttpRequest, customer: str, body: RewardTakenIn, key: str
) -> RedemptionOut:
    who = customers.by_public_id(customer)
    return _taken([verb(customer=who.id, reward=body.reward, key=key, at=clock.now(), by=caller(request))])[0]


def _reward(one: RewardView) -> RewardOut:
    terms, scale = one.terms, one.scale
    return RewardOut(
        id=one.public_id,
        code=one.code,
        state=one.state,
        kind=terms.kind,
        handed=terms.handed,
        titles=dict(terms.titles),
        about=dict(terms.about),
        price=str(Points(terms.price, scale)),
        currency=terms.currency,
        level_prices={level: str(Points(price, scale)) for level, price in terms.level_prices.items()},
        from_level=terms.from_level or None,
        cash=str(terms.cash.decimal) if terms.cash else None,
        cash_currency=terms.cash.currency if terms.cash else None,
        left=one.left,
        low_at=terms.low_at,
        most=terms.most,
        per=terms.per,
        opens_at=terms.opens_at,
        closes_at=terms.closes_at,
        cancel_days=terms.cancel_days,
        partner=terms.partner or None,
        owed=str(terms.owed.decimal) if terms.owed else None,
        owed_currency=terms.owed.currency if terms.owed else None,
    )


def _taken(found: list[TakenView]) -> list[RedemptionOut]:
    names = profiles.public_ids([one.customer for one in found])
    shown = redemptions.codes([one.id for one in found if one.handed == "code" and one.issued_at])
    return [
        RedemptionOut(
            id=one.public_id,
            customer=names[one.customer],
            reward=one.reward,
            titles=dict(one.titles),
            handed=one.handed,
            state=one.state,
            gift=one.is_gift,
            price=str(Points(one.parts, one.scale)),
            currency=one.currency,
            cash=str(one.cash.decimal) if one.cash else None,
            cash_currency=one.cash.currency if one.cash else None,
            code=shown.get(one.id),
            payment=one.payment or None,
            tracking=one.tracking or None,
            why=one.why or None,
            taken_at=one.taken_at,
            pay_until=one.pay_until,
            cancel_until=one.cancel_until,
            issued_at=one.issued_at,
            shipped_at=one.shipped_at,
            used_at=one.used_at,
            cancelled_at=one.cancelled_at,
        )
        for one in found
    ]


def _money(amount: exact.Amount | None, currency: str | None) -> Money | None:
    return None if amount is None else Money.of(amount, currency or "")
