"""Status: the sets of tiers in force, where somebody stands and why, what comes next, and how they came there."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.identity_shown import key_of
from regulars.doors.api.v1.keys import ApiKey, caller, may
from regulars.doors.api.v1.orders import IdempotencyKey
from regulars.facts.customers import customers, sign_in_links
from regulars.kit import money, paging
from regulars.levers.loyalty import pictures, tier_words, tiers
from regulars.levers.loyalty.rules.rule import points_text
from regulars.levers.loyalty.rules.tier_progress import OfLevel, Part
from regulars.levers.loyalty.rules.tier_sets import Need
from regulars.levers.loyalty.tiers import SetView, Status, ToKeep
from regulars.runtime.database import clock

router = Router(tags=["tiers"])
Code = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")]
What = Literal["spend", "orders", "points", "categories", "visits", "tenure", "events", "stores"]


Brand = Annotated[str, Query(pattern="^[A-Za-z0-9._:-]{0,64}$", description="The code of one of the company's brands.")]


class TierNeedOut(exact.Shown):
    """One thing that a level asks: so much of `what`. Money in units of the programme's currency, tenure in months."""

    what: What
    of: str | None
    at_least: str
    words: str


class TierLevelOut(exact.Shown):
    """A level, all that it asks wherever it stands in its all and any, and how many are on it."""

    level: str
    title: str
    colour: str
    image: str | None
    asks: list[TierNeedOut]
    people: int


class TierSetOut(exact.Shown):
    """A set of tiers, its levels from the lowest up. `period` says what counts together, `keeps` through how many more
    of them a level is kept."""

    programme: str
    tiers: str
    title: str
    currency: str
    zone: str
    period: Literal["calendar_year", "calendar_quarter", "anniversary", "rolling", "ever"]
    months: int | None
    keeps: int | None
    grace_days: int
    levels: list[TierLevelOut]


class TierSetsOut(exact.Shown):
    """Every set in force."""

    items: list[TierSetOut]


class TierPartOut(exact.Shown):
    """How much there is of one thing that is asked."""

    what: What
    of: str | None
    at_least: str
    has: str
    left: str
    words: str


class TierProgressOut(exact.Shown):
    """How far somebody is from a level in the present period: everything it asks, and of the nearest way to it what is
    missing. `share`: of that way, in percent."""

    level: str
    title: str
    is_met: bool
    share: int
    parts: list[TierPartOut]
    missing: list[str]


class TierToKeepOut(exact.Shown):
    """What is missing for a level to stay, of the way of which least is, to be done before `until`. `share`: of that
    way, in percent."""

    missing: list[str]
    parts: list[TierPartOut]
    share: int
    until: date


class TierStatusOut(exact.Shown):
    """Where somebody stands in a set. `falls_on`: on that day the level goes, if nothing holds it up again; `frozen`:
    it does not. If nothing else happens, they are at `next_level` (null: on none) from `next_on` on; `to_keep`: what
    would keep theirs, null where nothing more is needed in the present period."""

    programme: str
    tiers: str
    title: str
    level: str | None
    level_title: str | None
    level_image: str | None
    since: date | None
    supported: str | None
    falls_on: date | None
    frozen: bool
    next_on: date | None
    next_level: str | None
    period_from: date | None
    period_until: date | None
    days_left: int | None
    progress: list[TierProgressOut]
    to_keep: TierToKeepOut | None


class TierStatusesOut(exact.Shown):
    """Where the customer's person stands in every set in force."""

    customer: str
    as_of: datetime
    items: list[TierStatusOut]


class TierMoveOut(exact.Shown):
    """A move from level to level, and why; null for no level."""

    programme: str
    tiers: str
    before: str | None
    after: str | None
    on: date
    at: datetime
    why: str
    because: str
    origin: str
    counted: dict[str, int]


class TierMovesOut(exact.Shown):
    """The moves, the latest first."""

    customer: str
    items: list[TierMoveOut]


class CardLinkOut(exact.Shown):
    """A path on this server's address that opens the member's card once, before `until`. For the member alone."""

    path: str
    until: datetime


class CardLinkIn(exact.Told):
    """`signed_in`: the program knows that it is the member who asks, by their signing in to it."""

    signed_in: bool = False


class FreezeIn(exact.Told):
    """Status that is not to fall, until a day or until it is thawed."""

    why: Literal["life_event", "service", "dispute"] = "service"
    until: exact.Day | None = Field(None, description="The first day on which it may fall again.")


@router.get("/tiers", auth=ApiKey("points.read"), response=TierSetsOut, operation_id="list_tiers")
def get_sets(request: HttpRequest, brand: Brand = "") -> TierSetsOut:
    """The sets of tiers in force, with how many people are on each level; titles and images as a brand has them."""
    counts = tiers.on_levels(at=clock.now())
    views = [view.of_brand(brand) for view in tiers.sets(at=clock.now())]
    known = pictures.digests({level.image for view in views for level in view.tiers.levels})
    return TierSetsOut(items=[_set(view, counts.get(view.key, {}), known) for view in views])


@router.get(
    "/customers/{customer}/tiers",
    auth=ApiKey("points.read"),
    response=TierStatusesOut,
    operation_id="get_customer_tiers",
)
def get_status(
    request: HttpRequest,
    customer: str,
    as_of: Annotated[
        exact.Instant | None, Query(description="Past: by what was kept until then. To come: if nothing else happens.")
    ] = None,
    brand: Brand = "",
) -> TierStatusesOut:
    """Where somebody stands and how far they are, in the language asked for with `Accept-Language`; titles and images
    as a brand has them."""
    who, at = customers.by_public_id(customer), as_of or clock.now()
    found = [one.of_brand(brand) for one in tiers.of(customer=who.id, at=at)]
    known = pictures.digests({tier_words.image(one.set, one.level) for one in found})
    return TierStatusesOut(customer=who.public_id, as_of=at, items=[_status(one, known) for one in found])


@router.get(
    "/customers/{customer}/tiers/history",
    auth=ApiKey("points.read"),
    response=TierMovesOut,
    operation_id="list_tier_moves",
)
def get_history(request: HttpRequest, customer: str, limit: int = 50) -> TierMovesOut:
    """How somebody came to where they stand: each move with why, and what had been counted."""
    who = customers.by_public_id(customer)
    moves = tiers.history(customer=who.id, limit=paging.check_size(limit))
    return TierMovesOut(
        customer=who.public_id,
        items=[
            TierMoveOut(
                programme=one.programme,
                tiers=one.tiers,
                before=one.before or None,
                after=one.after or None,
                on=one.on,
                at=one.at,
                why=one.because,
                because=tier_words.because(one.because),
                origin=one.origin,
                counted={name.rstrip(":"): int(many) for name, many in one.evidence.items()},
            )
            for one in moves
        ],
    )


@router.post(
    "/customers/{customer}/tiers/{programme}/{name}/freeze",
    auth=ApiKey("points.manage"),
    response=TierStatusesOut,
    operation_id="freeze_tier",
)
def freeze(
    request: HttpRequest, customer: str, programme: Code, name: Code, body: FreezeIn, idempotency_key: IdempotencyKey
) -> TierStatusesOut:
    """From today on somebody's status does not fall. Told again under its key, it changes nothing."""
    who, now = customers.by_public_id(customer), clock.now()
    key = key_of(request, idempotency_key)
    tiers.freeze(
        customer=who.id,
        programme=programme,
        tiers=name,
        reason=body.why,
        until=body.until,
        key=key,
        at=now,
        by=caller(request),
    )
    return get_status(request, customer)


@router.post(
    "/customers/{customer}/tiers/{programme}/{name}/thaw",
    auth=ApiKey("points.manage"),
    response=TierStatusesOut,
    operation_id="thaw_tier",
)
def thaw(
    request: HttpRequest, customer: str, programme: Code, name: Code, idempotency_key: IdempotencyKey
) -> TierStatusesOut:
    """From today on it falls again as everybody's, after the grace. Refused where it is not frozen."""
    who = customers.by_public_id(customer)
    tiers.thaw(
        customer=who.id,
        programme=programme,
        tiers=name,
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return get_status(request, customer)


@router.post(
    "/customers/{customer}/card-links",
    auth=ApiKey("members.edit"),
    response=CardLinkOut,
    operation_id="make_card_link",
)
def make_link(request: HttpRequest, customer: str, body: CardLinkIn | None = None) -> CardLinkOut:
    """A link to the member's card, for a shop's account page or service desk to hand on. Each call makes another.

    It opens no more than the key may: ending a paid membership at once, with money back, takes `memberships.money`.
    A plan that begins with a trial is begun, and another plan chosen, by who is `signed_in` with you, else where the
    key has `points.spend`.
    """
    made = sign_in_links.issue(
        customer=customers.by_public_id(customer).id,
        at=clock.now(),
        by=caller(request),
        with_money=may(request, "memberships.money"),
        may_join=(body is not None and body.signed_in) or may(request, "points.spend"),
    )
    return CardLinkOut(path=f"/card/{made.token}", until=made.until)


def _at(image: str, known: Mapping[str, str]) -> str | None:
    """Where a picture is on this server's address; None where there is none."""
    return f"/pictures/{known[image]}" if image in known else None


def _set(view: SetView, counts: dict[str, int], known: Mapping[str, str]) -> TierSetOut:
    period = view.tiers.period
    return TierSetOut(
        programme=view.programme,
        tiers=view.tiers.id,
        title=tier_words.in_words(view.tiers.titles),
        currency=view.money,
        zone=view.zone,
        period=period.kind,
        months=period.months or None,
        keeps=period.keeps if period.kind not in ("rolling", "ever") else None,
        grace_days=view.tiers.down.grace_days,
        levels=[
            TierLevelOut(
                level=level.id,
                title=tier_words.in_words(level.titles),
                colour=level.colour,
                image=_at(level.image, known),
                asks=[
                    TierNeedOut(
                        what=need.what,
                        of=need.of or None,
                        at_least=_amount(need, need.at_least, view),
                        words=tier_words.asked(need, view, money.text),
                    )
                    for need in level.needs
                ],
                people=counts.get(level.id, 0),
            )
            for level in view.tiers.levels
        ],
    )


def _status(one: Status, known: Mapping[str, str]) -> TierStatusOut:
    view = one.set
    return TierStatusOut(
        programme=view.programme,
        tiers=view.tiers.id,
        title=tier_words.in_words(view.tiers.titles),
        level=one.level or None,
        level_title=tier_words.level_title(view, one.level) or None,
        level_image=_at(tier_words.image(view, one.level), known),
        since=one.since,
        supported=one.supported or None,
        falls_on=one.falls_on,
        frozen=one.is_frozen,
        next_on=one.next_on,
        next_level=one.next_level or None,
        period_from=one.period_from,
        period_until=one.period_until,
        days_left=one.days_left,
        progress=[_progress(level, view) for level in one.progress],
        to_keep=None if one.to_keep is None else _to_keep(one.to_keep, view),
    )


def _to_keep(one: ToKeep, view: SetView) -> TierToKeepOut:
    return TierToKeepOut(
        missing=[tier_words.missing(part, view, money.text) for part in one.missing],
        parts=[_part(part, view) for part in one.missing],
        share=int(one.share * 100),
        until=one.until,
    )


def _progress(one: OfLevel, view: SetView) -> TierProgressOut:
    return TierProgressOut(
        level=one.level,
        title=tier_words.level_title(view, one.level),
        is_met=one.is_met,
        share=int(one.share * 100),
        parts=[_part(part, view) for part in one.parts],
        missing=[tier_words.missing(part, view, money.text) for part in one.nearest],
    )


def _part(part: Part, view: SetView) -> TierPartOut:
    return TierPartOut(
        what=part.need.what,
        of=part.need.of or None,
        at_least=_amount(part.need, part.need.at_least, view),
        has=_amount(part.need, part.has, view),
        left=_amount(part.need, part.left, view),
        words=tier_words.has(part, view, money.text),
    )


def _amount(need: Need, many: int, view: SetView) -> str:
    if need.what == "spend":
        return str(money.Money(many, view.money).decimal)
    if need.what == "points":
        return points_text(many, view.scale)
    return str(many)
