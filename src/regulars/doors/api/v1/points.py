"""Points: what somebody has and until when, every entry explained, and the verbs that move them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.identity_shown import key_of
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import IdempotencyKey
from regulars.facts.customers import customers, profiles
from regulars.kit import paging
from regulars.kit.points import Points
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import adjustments, earlier, points, wallets, warning
from regulars.levers.loyalty.points import Booked, HoldView, Line, Receipt
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.wallets import Wallet
from regulars.runtime.database import clock

router = Router(tags=["points"])

#: A year, and a day more.
LONGEST_HOLD = 366 * 86_400
MOST_AHEAD = timedelta(days=3660)
Kind = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$", description="The kind of points.")]
Reference = Annotated[
    str, Field(pattern="^[A-Za-z0-9._:/-]{1,80}$", description="What you call what it is about. Never personal.")
]
Why = Literal["awarded", "service", "correction"]
WhySpent = Literal["redeemed", "donated"]
WhyChanged = Literal["service", "amends", "missing", "present", "correction", "misuse"]


class TooFarAhead(Refusal):
    """Asked of a moment that is too far off."""

    code = "points.too_far_ahead"


class AlreadyOver(Refusal):
    """Points that would have ended before anybody could spend them."""

    code = "points.already_over"


class AwardIn(exact.Told):
    """Points to give. They can be spent at once, or from `matures_at`, to the end of the day `expires_on`."""

    amount: exact.Points
    currency: Kind = "points"
    why: Why = "awarded"
    reference: Reference | None = None
    matures_at: exact.Instant | None = None
    expires_on: exact.Day | None = None


class AdjustmentIn(exact.Told):
    """Points to give out of goodwill, or to take away, by hand."""

    amount: exact.Points
    direction: Literal["give", "take"]
    currency: Kind = "points"
    why: WhyChanged = "service"
    expires_on: exact.Day | None = Field(None, description="Of points that are given.")


class PointsHoldIn(exact.Told):
    """Points to keep for a purchase. Without `lasts_seconds` no clock ends it, only capture or release."""

    amount: exact.Points
    currency: Kind = "points"
    reference: Reference | None = None
    lasts_seconds: Annotated[int, Field(ge=1, le=LONGEST_HOLD)] | None = None


class CaptureIn(exact.Told):
    """How much is spent; left out, all. With `keep_rest` what is left stays held."""

    amount: exact.Points | None = None
    keep_rest: bool = False


class RedemptionIn(exact.Told):
    """Points to spend at once: those that end first."""

    amount: exact.Points
    currency: Kind = "points"
    why: WhySpent = "redeemed"


class ReversalIn(exact.Told):
    """How much of the entry; left out, all that is left of it.

    `grace_until`: where it is the shop's fault, what is given back and has ended meanwhile counts to that day's end.
    """

    amount: exact.Points | None = None
    why: Literal["service", "correction"] | None = None
    grace_until: exact.Day | None = None


class PointsEndingOut(exact.Shown):
    """What will be gone when the day is over, if nobody spends it; of what stays, `on` is null."""

    on: date | None
    available: str
    pending: str


class PointsToComeOut(exact.Shown):
    """Points that can be spent from `at`; null: when something has happened, such as delivery."""

    at: datetime | None
    amount: str


class WalletOut(exact.Shown):
    """What somebody has of one kind of points. `spendable` is `available` without what is owed.

    `debt`: taken back after it was spent; the next points pay it. `frozen_at`: the books do not agree, nothing moves.
    `pending_until` and `ends` tell of now and of what is to come: both null of a past moment.
    """

    currency: str
    title: str
    decimals: int
    available: str
    spendable: str
    pending: str
    held: str
    debt: str
    frozen_at: datetime | None
    pending_until: list[PointsToComeOut] | None
    ends: list[PointsEndingOut] | None


class WalletsOut(exact.Shown):
    """Every wallet of the customer's person, as of `as_of`."""

    customer: str
    as_of: datetime
    wallets: list[WalletOut]


class PointsEntryOut(exact.Shown):
    """One line of the ledger: by how much it changed the wallet, what the wallet stood at after it, and why, in words.

    `rule` and `rule_version` are of the programme that gave it; `reverses` is the entry it undoes. Entries of the
    `origin` history were told afterwards.
    """

    id: str
    customer: str
    kind: str
    at: datetime
    recorded_at: datetime
    because: str
    reason: str
    rule: str | None
    rule_version: int | None
    reverses: str | None
    origin: str
    available: str
    pending: str
    held: str
    debt: str
    available_after: str
    pending_after: str
    held_after: str
    debt_after: str


class PointsStatementOut(exact.Shown):
    """A page of entries, the latest first, and the cursor of the next page."""

    customer: str
    currency: str
    items: list[PointsEntryOut]
    next: str | None


class PointsDueItemOut(exact.Shown):
    """So much of a customer's can be spent on that day for the last time; what is pending counts too."""

    customer: str
    on: date
    amount: str


class PointsDueOut(exact.Shown):
    """A page of those whose points end soon, and the cursor of the next page."""

    currency: str
    items: list[PointsDueItemOut]
    next: str | None


class PointsMovedOut(exact.Shown):
    """What an entry moved of one lot, from one book to another. `lot` is the same for what comes of the same award."""

    lot: int
    reference: str | None
    rule: str | None
    rule_version: int | None
    expires_on: date | None
    source: str
    from_book: str
    to_book: str
    amount: str
    pays_lot: int | None


class EarlierLineOut(exact.Shown):
    """Points earned, spent, ended or changed elsewhere; `amount` is below zero of those that went."""

    customer: str
    kind: str
    amount: str
    happened_at: datetime
    source: str


class EarlierOut(exact.Shown):
    """What became of somebody's points elsewhere."""

    customer: str
    currency: str
    items: list[EarlierLineOut]
    next: str | None


class PointsExplainedOut(exact.Shown):
    """An entry and all that it moved."""

    currency: str
    entry: PointsEntryOut
    moved: list[PointsMovedOut]


class PointsBookedOut(exact.Shown):
    """An entry that was written: how much it moved, and what the wallet stood at right after it."""

    id: str
    customer: str
    kind: str
    at: datetime
    amount: str
    available_after: str
    pending_after: str
    held_after: str
    debt_after: str


class PointsReceiptOut(exact.Shown):
    """What came of it, in the order it was written; told again under its key, the same. What the clock had done and
    nobody had booked stands before it: points that ended, or that can be spent since."""

    currency: str
    entries: list[PointsBookedOut]


class PointsAdjustedOut(exact.Shown):
    """Points that were given or taken by hand: `done` with what was written, or `waiting` for a second person's word,
    `request` being what waits."""

    state: Literal["done", "waiting"]
    request: str | None
    receipt: PointsReceiptOut | None


class PointsHoldOut(exact.Shown):
    """A hold. `state`: open, captured, released or expired; `kept` is what it still keeps."""

    id: str
    currency: str
    amount: str
    captured: str
    released: str
    kept: str
    reference: str | None
    held_at: datetime
    expires_at: datetime | None
    state: str


@router.get(
    "/customers/{customer}/points", auth=ApiKey("points.read"), response=WalletsOut, operation_id="get_customer_points"
)
def get_points(
    request: HttpRequest,
    customer: str,
    as_of: Annotated[
        exact.Instant | None, Query(description="Past: what stood then. To come: if nothing else happens.")
    ] = None,
) -> WalletsOut:
    """Every wallet: what can be spent, what is to come and when, what is held and owed, and all days it ends on."""
    who, now = customers.by_public_id(customer), clock.now()
    moment = as_of or now
    if moment > now + MOST_AHEAD:
        raise TooFarAhead(_("as_of: ask for a moment within ten years"), field="as_of", value=moment.isoformat())
    is_past = moment < now
    found = wallets.of(customer=who.id, at=moment, known=is_past)
    return WalletsOut(
        customer=who.public_id, as_of=moment, wallets=[_wallet(who.id, one, moment, is_past) for one in found]
    )


@router.get(
    "/customers/{customer}/points/statement",
    auth=ApiKey("points.read"),
    response=PointsStatementOut,
    operation_id="list_points_entries",
)
def get_statement(
    request: HttpRequest, customer: str, currency: Kind = "points", limit: int = 50, cursor: str = ""
) -> PointsStatementOut:
    """Every entry, the latest first, in the language asked for with `Accept-Language`."""
    who, decimals = customers.by_public_id(customer), wallets.scale(currency)
    page = points.statement(customer=who.id, currency=currency, cursor=cursor or None, limit=paging.check_size(limit))
    names = profiles.public_ids([line.customer for line in page.items])
    return PointsStatementOut(
        customer=who.public_id,
        currency=currency,
        items=[_entry(line, names[line.customer], decimals) for line in page.items],
        next=page.next,
    )


@router.get(
    "/customers/{customer}/points/earlier",
    auth=ApiKey("points.read"),
    response=EarlierOut,
    operation_id="list_earlier_points",
)
def get_earlier(
    request: HttpRequest, customer: str, currency: Kind = "points", limit: int = 50, cursor: str = ""
) -> EarlierOut:
    """What became of their points in the system used before, as it was told, the latest first. It moved no points."""
    who, decimals = customers.by_public_id(customer), wallets.scale(currency)
    page = earlier.lines(customer=who.id, currency=currency, cursor=cursor or None, limit=paging.check_size(limit))
    names = profiles.public_ids([line.customer for line in page.items])
    return EarlierOut(
        customer=who.public_id,
        currency=currency,
        items=[
            EarlierLineOut(
                customer=names[line.customer],
                kind=line.kind,
                amount=_shown(line.amount, decimals),
                happened_at=line.happened_at,
                source=line.source,
            )
            for line in page.items
        ],
        next=page.next,
    )


@router.get(
    "/points/ending", auth=ApiKey("points.read"), response=PointsDueOut, operation_id="list_points_that_end_soon"
)
def get_ending(
    request: HttpRequest,
    currency: Kind = "points",
    days: Annotated[int, Query(ge=1, le=366, description="How many days ahead.")] = 30,
    on: exact.Day | None = None,
    limit: int = 50,
    cursor: str = "",
) -> PointsDueOut:
    """Whose points end within so many days, or on one of them, and how many: the nearest day first."""
    decimals = wallets.scale(currency)
    page = warning.due_page(
        currency=currency, days=days, at=clock.now(), on=on, cursor=cursor or None, limit=paging.check_size(limit)
    )
    names = profiles.public_ids([one.customer for one in page.items])
    return PointsDueOut(
        currency=currency,
        items=[
            PointsDueItemOut(customer=names[one.customer], on=one.expires_on, amount=_shown(one.parts, decimals))
            for one in page.items
        ],
        next=page.next,
    )


@router.get(
    "/points/entries/{entry}",
    auth=ApiKey("points.read"),
    response=PointsExplainedOut,
    operation_id="explain_points_entry",
)
def explain_entry(request: HttpRequest, entry: str) -> PointsExplainedOut:
    """One entry, and what it moved of which award, in the language asked for with `Accept-Language`."""
    found = wallets.entry(entry)
    told, decimals = points.explain(entry=found.number), wallets.scale(found.currency)
    assert told is not None
    [name] = profiles.public_ids([found.customer]).values()
    return PointsExplainedOut(
        currency=found.currency,
        entry=_entry(told.line, name, decimals),
        moved=[
            PointsMovedOut(
                lot=move.lot,
                reference=move.subject or None,
                rule=move.rule or None,
                rule_version=move.rule_version,
                expires_on=move.expires_on,
                source=move.partner or move.funding,
                from_book=move.from_book,
                to_book=move.to_book,
                amount=_shown(move.amount, decimals),
                pays_lot=move.for_lot,
            )
            for move in told.moved
        ],
    )


@router.post(
    "/customers/{customer}/points/awards",
    auth=ApiKey("points.award"),
    response=PointsReceiptOut,
    operation_id="award_points",
)
def award(request: HttpRequest, customer: str, body: AwardIn, idempotency_key: IdempotencyKey) -> PointsReceiptOut:
    """Give points, as many as the program says: for what people give by hand there is `adjust`, which has a limit. What
    the customer owes is paid from them first.

    The `Idempotency-Key` is kept as long as the entry: the same again gives the first answer, other content is refused.
    """
    who, amount = customers.by_public_id(customer), _parts(body.amount, body.currency)
    _still_to_come(body.expires_on, key_of(request, idempotency_key))
    done = points.award(
        customer=who.id,
        amount=amount,
        currency=body.currency,
        reason=Reason(body.why),
        matures_at=body.matures_at,
        expires_on=body.expires_on,
        subject=f"api:{body.reference}" if body.reference else "",
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return _receipt(done, body.currency)


@router.post(
    "/customers/{customer}/points/adjust",
    auth=ApiKey("points.manage"),
    response=PointsAdjustedOut,
    operation_id="adjust_points",
)
def adjust(
    request: HttpRequest, customer: str, body: AdjustmentIn, idempotency_key: IdempotencyKey
) -> PointsAdjustedOut:
    """Give points out of goodwill, or take some away by hand: never more than can be spent.

    Beyond what one may give or take of a member in a day, it waits until a second person agrees in the console.
    """
    who, amount = customers.by_public_id(customer), _parts(body.amount, body.currency)
    key = key_of(request, idempotency_key)
    _still_to_come(body.expires_on, key)
    came = adjustments.propose(
        customer=who.id,
        amount=amount if body.direction == "give" else -amount,
        currency=body.currency,
        reason=body.why,
        expires_on=body.expires_on if body.direction == "give" else None,
        key=key,
        at=clock.now(),
        by=caller(request),
    )
    return PointsAdjustedOut(
        state="done" if came.done else "waiting",
        request=came.request.public_id if came.request else None,
        receipt=_receipt(came.done, body.currency) if came.done else None,
    )


@router.post(
    "/customers/{customer}/points/redeem",
    auth=ApiKey("points.spend"),
    response=PointsReceiptOut,
    operation_id="redeem_points",
)
def redeem(
    request: HttpRequest, customer: str, body: RedemptionIn, idempotency_key: IdempotencyKey
) -> PointsReceiptOut:
    """Spend points at once: those that end first. Refused where there are not enough."""
    who = customers.by_public_id(customer)
    done = points.redeem(
        customer=who.id,
        amount=_parts(body.amount, body.currency),
        currency=body.currency,
        reason=Reason(body.why),
        into="donation" if body.why == "donated" else "redeemed",
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return _receipt(done, body.currency)


@router.post(
    "/customers/{customer}/points/holds",
    auth=ApiKey("points.spend"),
    response=PointsHoldOut,
    operation_id="hold_points",
)
def hold(request: HttpRequest, customer: str, body: PointsHoldIn, idempotency_key: IdempotencyKey) -> PointsHoldOut:
    """Keep points for a purchase: nobody else can spend them. The hold as it was made."""
    who = customers.by_public_id(customer)
    made = points.hold(
        customer=who.id,
        amount=_parts(body.amount, body.currency),
        currency=body.currency,
        lasts=None if body.lasts_seconds is None else timedelta(seconds=body.lasts_seconds),
        owner=body.reference or "",
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return _hold(made)


@router.get("/points/holds/{hold}", auth=ApiKey("points.read"), response=PointsHoldOut, operation_id="get_points_hold")
def get_hold(request: HttpRequest, hold: str) -> PointsHoldOut:
    """One hold and what became of it, as far as it is booked."""
    return _hold(wallets.hold(hold))


@router.post(
    "/points/holds/{hold}/capture",
    auth=ApiKey("points.spend"),
    response=PointsReceiptOut,
    operation_id="capture_points_hold",
)
def capture(
    request: HttpRequest, hold: str, idempotency_key: IdempotencyKey, body: CaptureIn | None = None
) -> PointsReceiptOut:
    """Spend what is held, or some of it; the rest can be spent again unless it is to be kept."""
    found, told = wallets.hold(hold), body or CaptureIn()
    done = points.capture(
        hold=found.id,
        amount=None if told.amount is None else _parts(told.amount, found.currency),
        rest=not told.keep_rest,
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return _receipt(done, found.currency)


@router.post(
    "/points/holds/{hold}/release",
    auth=ApiKey("points.spend"),
    response=PointsReceiptOut,
    operation_id="release_points_hold",
)
def release(request: HttpRequest, hold: str, idempotency_key: IdempotencyKey) -> PointsReceiptOut:
    """What is held can be spent again; what has ended meanwhile is gone."""
    found = wallets.hold(hold)
    done = points.release(hold=found.id, key=key_of(request, idempotency_key), at=clock.now(), by=caller(request))
    return _receipt(done, found.currency)


@router.post(
    "/points/entries/{entry}/reverse",
    auth=ApiKey("points.manage"),
    response=PointsReceiptOut,
    operation_id="reverse_points_entry",
)
def reverse(
    request: HttpRequest, entry: str, idempotency_key: IdempotencyKey, body: ReversalIn | None = None
) -> PointsReceiptOut:
    """Undo an entry, or some of it: take back what it gave, or give back what it spent to the awards it came from.

    What was given and is spent already is owed. Several reversals never come to more than the entry did.
    """
    found, told = wallets.entry(entry), body or ReversalIn()
    done = points.reverse(
        entry=found.number,
        amount=None if told.amount is None else _parts(told.amount, found.currency),
        reason=None if told.why is None else Reason(told.why),
        grace_until=told.grace_until,
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return _receipt(done, found.currency)


def _parts(amount: Decimal, currency: str) -> int:
    return Points.of(amount, wallets.scale(currency)).parts


def _shown(parts: int, decimals: int) -> str:
    return str(Points(parts, decimals))


def _still_to_come(day: date | None, key: str) -> None:
    """A slip in the year is refused; what was told in time and is told again is answered for ever."""
    if day is not None and day < clock.now().date() - timedelta(days=1) and not wallets.was_told(key):
        raise AlreadyOver(
            _("expires_on: %(day)s is over; give a day to come, or none") % {"day": day},
            field="expires_on",
            value=day.isoformat(),
        )


def _wallet(customer: int, one: Wallet, at: datetime, is_past: bool) -> WalletOut:
    stands, decimals = one.balance, one.scale
    ends, to_come = None, None
    if not is_past:
        ends = [
            PointsEndingOut(on=day.on, available=_shown(day.available, decimals), pending=_shown(day.pending, decimals))
            for day in (points.expiring(customer=customer, currency=one.currency, at=at) if one.is_open else ())
        ]
        waiting: dict[datetime | None, int] = {}
        for lot in wallets.lots(customer=customer, currency=one.currency, at=at) if stands.pending else ():
            if lot.pending:
                waiting[lot.matures_at] = waiting.get(lot.matures_at, 0) + lot.pending
        to_come = [
            PointsToComeOut(at=moment, amount=_shown(amount, decimals))
            for moment, amount in sorted(waiting.items(), key=lambda told: (told[0] is None, told[0] or at))
        ]
    return WalletOut(
        currency=one.currency,
        title=one.title,
        decimals=decimals,
        available=_shown(stands.available, decimals),
        spendable=_shown(stands.spendable, decimals),
        pending=_shown(stands.pending, decimals),
        held=_shown(stands.held, decimals),
        debt=_shown(stands.debt, decimals),
        frozen_at=one.frozen_at,
        pending_until=to_come,
        ends=ends,
    )


def _entry(line: Line, customer: str, decimals: int) -> PointsEntryOut:
    return PointsEntryOut(
        id=line.public_id,
        customer=customer,
        kind=line.kind,
        at=line.effective_at,
        recorded_at=line.recorded_at,
        because=line.because,
        reason=line.reason.code,
        rule=line.rule or None,
        rule_version=line.rule_version,
        reverses=line.reverses,
        origin=line.origin,
        available=_shown(line.change.available, decimals),
        pending=_shown(line.change.pending, decimals),
        held=_shown(line.change.held, decimals),
        debt=_shown(line.change.debt, decimals),
        available_after=_shown(line.available, decimals),
        pending_after=_shown(line.pending, decimals),
        held_after=_shown(line.held, decimals),
        debt_after=_shown(line.debt, decimals),
    )


def _receipt(done: Receipt, currency: str) -> PointsReceiptOut:
    decimals = wallets.scale(currency)
    names = profiles.public_ids([one.customer for one in done.entries])
    return PointsReceiptOut(
        currency=currency, entries=[_booked(one, names[one.customer], decimals) for one in done.entries]
    )


def _booked(one: Booked, customer: str, decimals: int) -> PointsBookedOut:
    return PointsBookedOut(
        id=one.public_id,
        customer=customer,
        kind=one.kind,
        at=one.effective_at,
        amount=_shown(one.amount, decimals),
        available_after=_shown(one.available, decimals),
        pending_after=_shown(one.pending, decimals),
        held_after=_shown(one.held, decimals),
        debt_after=_shown(one.debt, decimals),
    )


def _hold(one: HoldView) -> PointsHoldOut:
    decimals = wallets.scale(one.currency)
    return PointsHoldOut(
        id=one.public_id,
        currency=one.currency,
        amount=_shown(one.amount, decimals),
        captured=_shown(one.captured, decimals),
        released=_shown(one.released, decimals),
        kept=_shown(one.open, decimals),
        reference=one.owner or None,
        held_at=one.held_at,
        expires_at=one.expires_at,
        state=one.state,
    )
