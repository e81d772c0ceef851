"""Points: what somebody has and until when, every entry explained, and the verbs that move them."""

from datetime import date, timedelta
from typing import Annotated

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router

from regulars.doors.api.v1 import exact, points_shown
from regulars.doors.api.v1.identity_shown import key_of
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import IdempotencyKey
from regulars.doors.api.v1.points_shown import (
    AdjustmentIn,
    AwardIn,
    CaptureIn,
    EarlierLineOut,
    EarlierOut,
    EventDecidedOut,
    EventPointsOut,
    EventRuleOut,
    ForgivenessIn,
    Kind,
    LastDayIn,
    OrderDecidedOut,
    OrderPointsOut,
    OrderRuleOut,
    PassOnIn,
    PointsAdjustedOut,
    PointsDueItemOut,
    PointsDueOut,
    PointsExplainedOut,
    PointsFreezeIn,
    PointsHoldIn,
    PointsHoldOut,
    PointsMovedOut,
    PointsReceiptOut,
    PointsStatementOut,
    RedemptionIn,
    ReversalIn,
    WalletsOut,
)
from regulars.facts.commerce import orders
from regulars.facts.customers import customers, profiles
from regulars.kit import paging
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import (
    adjustments,
    earlier,
    explaining,
    freezing,
    inheriting,
    points,
    wallets,
    warning,
)
from regulars.levers.loyalty.adjustments import Proposed
from regulars.levers.loyalty.reasons import Reason
from regulars.runtime.database import clock

router = Router(tags=["points"])

MOST_AHEAD = timedelta(days=3660)


class TooFarAhead(Refusal):
    """Asked of a moment that is too far off."""

    code = "points.too_far_ahead"


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
        customer=who.public_id,
        as_of=moment,
        wallets=[points_shown.wallet(who.id, one, moment, is_past) for one in found],
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
        items=[points_shown.entry(line, names[line.customer], decimals) for line in page.items],
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
                amount=points_shown.amount(line.amount, decimals),
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
    on: Annotated[exact.Day | None, Query(description="On this day alone, however far ahead.")] = None,
    limit: int = 50,
    cursor: str = "",
) -> PointsDueOut:
    """Whose points end within so many days, or on one day, and how many: the nearest day first."""
    decimals = wallets.scale(currency)
    page = warning.due_page(
        currency=currency, days=days, at=clock.now(), on=on, cursor=cursor or None, limit=paging.check_size(limit)
    )
    names = profiles.public_ids([one.customer for one in page.items])
    return PointsDueOut(
        currency=currency,
        items=[
            PointsDueItemOut(
                customer=names[one.customer], on=one.expires_on, amount=points_shown.amount(one.parts, decimals)
            )
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
        entry=points_shown.entry(told.line, name, decimals),
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
                amount=points_shown.amount(move.amount, decimals),
                pays_lot=move.for_lot,
            )
            for move in told.moved
        ],
    )


@router.get(
    "/orders/{order}/points",
    auth=ApiKey("points.read"),
    response=OrderPointsOut,
    operation_id="explain_points_of_order",
)
def explain_order(request: HttpRequest, order: str) -> OrderPointsOut:
    """What each rule gave for an order and why, or why not, in the language asked for with `Accept-Language`."""
    found = orders.by_public_id(order)
    return OrderPointsOut(
        order=found.public_id,
        decided=[
            OrderDecidedOut(
                programme=one.programme,
                version=one.version,
                currency=one.currency,
                decided_at=one.decided_at,
                rules=[
                    OrderRuleOut(
                        rule=rule.rule,
                        amount=points_shown.amount(0 if rule.is_pledge else rule.parts, one.scale),
                        because=rule.because,
                    )
                    for rule in one.rules
                ],
            )
            for one in explaining.of_order(found.id)
        ],
    )


@router.get(
    "/customers/{customer}/points/events",
    auth=ApiKey("points.read"),
    response=EventPointsOut,
    operation_id="explain_points_of_events",
)
def explain_events(request: HttpRequest, customer: str, limit: int = 50, cursor: str = "") -> EventPointsOut:
    """What they did besides buying that rules are for, the latest first: what each rule gave and why, or why not, in
    the language asked for with `Accept-Language`. What gave points stays; of what gave none the last half year is kept.
    """
    who = customers.by_public_id(customer)
    page = explaining.events_of(who.id, cursor=cursor or None, limit=paging.check_size(limit))
    return EventPointsOut(
        customer=who.public_id,
        items=[
            EventDecidedOut(
                event=one.event,
                about=one.about,
                at=one.at,
                rules=[
                    EventRuleOut(
                        programme=rule.programme,
                        version=rule.version,
                        currency=rule.currency,
                        rule=rule.ruled.rule,
                        amount=points_shown.amount(rule.ruled.parts, rule.scale),
                        because=rule.ruled.because,
                    )
                    for rule in one.rules
                ],
            )
            for one in page.items
        ],
        next=page.next,
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
    who, amount = customers.by_public_id(customer), points_shown.parts(body.amount, body.currency)
    _still_to_come(body.expires_on, body.currency, key_of(request, idempotency_key))
    _spendable_in_time(body, key_of(request, idempotency_key))
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
    return points_shown.receipt(done, body.currency)


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
    who, amount = customers.by_public_id(customer), points_shown.parts(body.amount, body.currency)
    key = key_of(request, idempotency_key)
    _still_to_come(body.expires_on, body.currency, key)
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
    return _proposed(came, body.currency)


@router.post(
    "/customers/{customer}/points/forgive",
    auth=ApiKey("points.manage"),
    response=PointsAdjustedOut,
    operation_id="forgive_points",
)
def forgive(
    request: HttpRequest, customer: str, body: ForgivenessIn, idempotency_key: IdempotencyKey
) -> PointsAdjustedOut:
    """Forgive what they owe, or some of it. Beyond the limit of changes by hand it waits for a second person."""
    came = adjustments.propose_to_forgive(
        customer=customers.by_public_id(customer).id,
        amount=None if body.amount is None else points_shown.parts(body.amount, body.currency),
        currency=body.currency,
        reason=body.why,
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return _proposed(came, body.currency)


@router.post(
    "/customers/{customer}/points/extend",
    auth=ApiKey("points.manage"),
    response=PointsReceiptOut,
    operation_id="extend_points",
)
def extend(request: HttpRequest, customer: str, body: LastDayIn, idempotency_key: IdempotencyKey) -> PointsReceiptOut:
    """Give an award a later last day. It moves no points; what of it has ended stays ended."""
    key = key_of(request, idempotency_key)
    _still_to_come(body.expires_on, body.currency, key)
    done = adjustments.prolong(
        customer=customers.by_public_id(customer).id,
        lot=body.lot,
        expires_on=body.expires_on,
        currency=body.currency,
        reason=body.why,
        key=key,
        at=clock.now(),
        by=caller(request),
    )
    return points_shown.receipt(done, body.currency)


@router.post(
    "/customers/{customer}/points/reinstate",
    auth=ApiKey("points.manage"),
    response=PointsAdjustedOut,
    operation_id="reinstate_points",
)
def reinstate(
    request: HttpRequest, customer: str, body: LastDayIn, idempotency_key: IdempotencyKey
) -> PointsAdjustedOut:
    """Make valid again what has ended of an award. Beyond the limit of changes by hand it waits for a second person."""
    key = key_of(request, idempotency_key)
    _still_to_come(body.expires_on, body.currency, key)
    came = adjustments.propose_to_reinstate(
        customer=customers.by_public_id(customer).id,
        lot=body.lot,
        expires_on=body.expires_on,
        currency=body.currency,
        reason=body.why,
        key=key,
        at=clock.now(),
        by=caller(request),
    )
    return _proposed(came, body.currency)


@router.post(
    "/customers/{customer}/points/pass-on",
    auth=ApiKey("points.manage"),
    response=PointsAdjustedOut,
    operation_id="pass_points_on",
)
def pass_on(request: HttpRequest, customer: str, body: PassOnIn, idempotency_key: IdempotencyKey) -> PointsAdjustedOut:
    """All that can be spent of somebody who died goes to an heir, each award with its own end. Refused where the
    programme does not say that it may. Beyond the limit of changes by hand it waits for a second person.
    """
    came = adjustments.propose_to_pass_on(
        customer=customers.by_public_id(customer).id,
        to=customers.by_public_id(body.to).id,
        currency=body.currency,
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return _proposed(came, body.currency)


@router.post(
    "/points/entries/{entry}/pass-back",
    auth=ApiKey("points.manage"),
    response=PointsReceiptOut,
    operation_id="pass_points_back",
)
def pass_back(request: HttpRequest, entry: str, idempotency_key: IdempotencyKey) -> PointsReceiptOut:
    """Undo what an entry passed on: what the heir has still of it goes back. Told again, it changes nothing."""
    found = wallets.entry(entry)
    key_of(request, idempotency_key)
    done = inheriting.pass_back(entry=found.number, at=clock.now(), by=caller(request))
    return points_shown.receipt(done, found.currency)


@router.post(
    "/customers/{customer}/points/freeze",
    auth=ApiKey("points.manage"),
    response=WalletsOut,
    operation_id="freeze_points",
)
def freeze(request: HttpRequest, customer: str, body: PointsFreezeIn, idempotency_key: IdempotencyKey) -> WalletsOut:
    """Points of every kind take no verb from now on, and nothing of them ends until they go on."""
    who = customers.by_public_id(customer)
    freezing.freeze(
        customer=who.id, why=body.why, key=key_of(request, idempotency_key), at=clock.now(), by=caller(request)
    )
    return get_points(request, customer)


@router.post(
    "/customers/{customer}/points/thaw",
    auth=ApiKey("points.manage"),
    response=WalletsOut,
    operation_id="thaw_points",
)
def thaw(request: HttpRequest, customer: str, idempotency_key: IdempotencyKey) -> WalletsOut:
    """They go on, each award with the days left that it had. Refused where nobody froze them."""
    who = customers.by_public_id(customer)
    freezing.thaw(customer=who.id, key=key_of(request, idempotency_key), at=clock.now(), by=caller(request))
    return get_points(request, customer)


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
        amount=points_shown.parts(body.amount, body.currency),
        currency=body.currency,
        reason=Reason(body.why),
        into="donation" if body.why == "donated" else "redeemed",
        order=None if body.order is None else body.order.named,
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return points_shown.receipt(done, body.currency)


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
        amount=points_shown.parts(body.amount, body.currency),
        currency=body.currency,
        lasts=None if body.lasts_seconds is None else timedelta(seconds=body.lasts_seconds),
        owner=body.reference or "",
        order=None if body.order is None else body.order.named,
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return points_shown.hold(made)


@router.get("/points/holds/{hold}", auth=ApiKey("points.read"), response=PointsHoldOut, operation_id="get_points_hold")
def get_hold(request: HttpRequest, hold: str) -> PointsHoldOut:
    """One hold and what became of it by now."""
    return points_shown.hold(wallets.hold(hold, at=clock.now()))


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
    found, told = wallets.hold(hold, at=clock.now()), body or CaptureIn()
    done = points.capture(
        hold=found.id,
        amount=None if told.amount is None else points_shown.parts(told.amount, found.currency),
        rest=not told.keep_rest,
        order=None if told.order is None else told.order.named,
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return points_shown.receipt(done, found.currency)


@router.post(
    "/points/holds/{hold}/release",
    auth=ApiKey("points.spend"),
    response=PointsReceiptOut,
    operation_id="release_points_hold",
)
def release(request: HttpRequest, hold: str, idempotency_key: IdempotencyKey) -> PointsReceiptOut:
    """What is held can be spent again; what has ended meanwhile is gone."""
    found = wallets.hold(hold, at=clock.now())
    done = points.release(hold=found.id, key=key_of(request, idempotency_key), at=clock.now(), by=caller(request))
    return points_shown.receipt(done, found.currency)


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
    _still_to_come(told.grace_until, found.currency, key_of(request, idempotency_key), "grace_until")
    done = points.reverse(
        entry=found.number,
        amount=None if told.amount is None else points_shown.parts(told.amount, found.currency),
        reason=None if told.why is None else Reason(told.why),
        grace_until=told.grace_until,
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return points_shown.receipt(done, found.currency)


def _proposed(came: Proposed, currency: str) -> PointsAdjustedOut:
    return PointsAdjustedOut(
        state="done" if came.done else "waiting",
        request=came.request.public_id if came.request else None,
        receipt=points_shown.receipt(came.done, currency) if came.done else None,
    )


def _still_to_come(day: date | None, currency: str, key: str, field: str = "expires_on") -> None:
    """A slip in the day is refused; what was told in time and is told again is answered for ever."""
    if day is not None and not wallets.was_told(key):
        points.check_last_day(day, currency=currency, at=clock.now(), field=field)


def _spendable_in_time(body: AwardIn, key: str) -> None:
    """Points that end before anybody could spend them are a slip, as a day that is over is."""
    ends = points.end_of(body.expires_on, body.currency)
    if body.matures_at is not None and ends is not None and ends <= body.matures_at and not wallets.was_told(key):
        raise points.AlreadyOver(
            _("matures_at: the points would be over on %(day)s, before they can be spent; give an earlier moment")
            % {"day": body.expires_on},
            field="matures_at",
            value=body.matures_at.isoformat(),
        )
