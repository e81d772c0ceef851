"""Points as the API takes them and gives them: what a program sends, and what it gets."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from django.utils.translation import gettext as _
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.facts.customers import profiles
from regulars.kit.points import Points
from regulars.levers.loyalty import points, wallets
from regulars.levers.loyalty.points import Booked, HoldView, Line, OrderNamed, Receipt
from regulars.levers.loyalty.wallets import Wallet

LONGEST_HOLD = int(points.LONGEST_HOLD.total_seconds())
Kind = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$", description="The kind of points.")]
Reference = Annotated[
    str, Field(pattern="^[A-Za-z0-9._:/-]{1,80}$", description="What you call what it is about. Never personal.")
]
Why = Literal["awarded", "service", "correction"]
WhySpent = Literal["redeemed", "donated"]
WhyChanged = Literal["service", "amends", "missing", "present", "correction", "misuse"]


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


class ForgivenessIn(exact.Told):
    """How much of what is owed; left out, all."""

    amount: exact.Points | None = None
    currency: Kind = "points"
    why: WhyChanged = "service"


class LastDayIn(exact.Told):
    """Another last day of an award; null: it has no end. `lot` is as `explain_points_entry` names it."""

    lot: Annotated[int, Field(ge=1, le=2**53 - 1)]
    expires_on: exact.Day | None
    currency: Kind = "points"
    why: WhyChanged = "service"


class OrderNamedIn(exact.Told):
    """An order as its source calls it; it may not be on record yet. Where it never comes, or goes back, the points
    spent for it are listed by `GET /points/order-spends`."""

    ref: exact.Ref
    namespace: exact.Code = Field("api", description="The source that gives the reference.")

    @property
    def named(self) -> OrderNamed:
        """As the ledger keeps it."""
        return OrderNamed(self.namespace, self.ref)


class PointsHoldIn(exact.Told):
    """Points to keep for a purchase. They are free again after `lasts_seconds`, or half an hour. With a `reference`, of
    the checkout whose they are, no clock ends it, only capture or release: then `lasts_seconds` is refused."""

    amount: exact.Points
    currency: Kind = "points"
    reference: Reference | None = None
    order: OrderNamedIn | None = None
    lasts_seconds: Annotated[int, Field(ge=1, le=LONGEST_HOLD)] | None = None


class CaptureIn(exact.Told):
    """How much is spent; left out, all. With `keep_rest` what is left stays held. `order`: what for, else what the hold
    was for."""

    amount: exact.Points | None = None
    keep_rest: bool = False
    order: OrderNamedIn | None = None


class RedemptionIn(exact.Told):
    """Points to spend at once: those that end first."""

    amount: exact.Points
    currency: Kind = "points"
    why: WhySpent = "redeemed"
    order: OrderNamedIn | None = None


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


class PassOnIn(exact.Told):
    """To whom: the public id of the heir."""

    to: str = Field(max_length=40)
    currency: Kind = "points"


class PointsFreezeIn(exact.Told):
    """Why nothing is to move: a code, never a story."""

    why: Literal["blocked", "under_age", "estate", "dispute"]


class PointsToComeOut(exact.Shown):
    """Points that can be spent from `at`; null: when something has happened, such as delivery."""

    at: datetime | None
    amount: str


class WalletOut(exact.Shown):
    """What somebody has of one kind of points. `spendable` is `available` without what is owed.

    `debt`: taken back after it was spent; the next points pay it. `frozen_at`: nothing moves. `frozen_for`: why
    somebody froze it, and nothing ends meanwhile; null, the books do not agree.
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
    frozen_for: str | None
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


class OrderRuleOut(exact.Shown):
    """What one rule gave for an order: `amount` is 0 where it gave no points, and `because` says why not."""

    rule: str
    amount: str
    because: str


class OrderDecidedOut(exact.Shown):
    """What a programme decided for an order, by which of its versions."""

    programme: str
    version: int
    currency: str
    decided_at: datetime
    rules: list[OrderRuleOut]


class OrderPointsOut(exact.Shown):
    """What every programme decided for an order; none where no programme did."""

    order: str
    decided: list[OrderDecidedOut]


class EventRuleOut(exact.Shown):
    """What one rule of a programme's version gave for an event: `amount` is 0 where it gave no points, and `because`
    says why not."""

    programme: str
    version: int
    currency: str
    rule: str
    amount: str
    because: str


class EventDecidedOut(exact.Shown):
    """Something a customer did: `event` as programmes call it, `about` what it was done to where that is known."""

    event: str
    about: str
    at: datetime
    rules: list[EventRuleOut]


class EventPointsOut(exact.Shown):
    """What a customer did that rules for events are for."""

    customer: str
    items: list[EventDecidedOut]
    next: str | None


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


def parts(told: Decimal, currency: str) -> int:
    """The smallest parts of the currency: of the `amount` that somebody told."""
    places = wallets.scale(currency)
    if told != told.quantize(Decimal(1).scaleb(-places)):
        raise exact.TooManyDecimals(
            _("amount: %(amount)s has more decimals than these points, which have %(places)s; round it first")
            % {"amount": told, "places": places},
            field="amount",
            value=str(told),
        )
    return Points.of(told, places).parts


def amount(smallest: int, decimals: int) -> str:
    """As decimal text, with the currency's decimals."""
    return str(Points(smallest, decimals))


def wallet(customer: int, one: Wallet, at: datetime, is_past: bool) -> WalletOut:
    """What somebody has of one kind; of a past moment nothing of what is to come."""
    stands, decimals = one.balance, one.scale
    ends, to_come = None, None
    if not is_past:
        ends = [
            PointsEndingOut(on=day.on, available=amount(day.available, decimals), pending=amount(day.pending, decimals))
            for day in (points.expiring(customer=customer, currency=one.currency, at=at) if one.is_open else ())
        ]
        waiting: dict[datetime | None, int] = {}
        for lot in wallets.lots(customer=customer, currency=one.currency, at=at) if stands.pending else ():
            if lot.pending:
                waiting[lot.matures_at] = waiting.get(lot.matures_at, 0) + lot.pending
        to_come = [
            PointsToComeOut(at=moment, amount=amount(several, decimals))
            for moment, several in sorted(waiting.items(), key=lambda told: (told[0] is None, told[0] or at))
        ]
    return WalletOut(
        currency=one.currency,
        title=one.title,
        decimals=decimals,
        available=amount(stands.available, decimals),
        spendable=amount(stands.spendable, decimals),
        pending=amount(stands.pending, decimals),
        held=amount(stands.held, decimals),
        debt=amount(stands.debt, decimals),
        frozen_at=one.frozen_at,
        frozen_for=one.frozen_for or None,
        pending_until=to_come,
        ends=ends,
    )


def entry(line: Line, customer: str, decimals: int) -> PointsEntryOut:
    """A line of a statement; `customer` is the public id of its record."""
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
        available=amount(line.change.available, decimals),
        pending=amount(line.change.pending, decimals),
        held=amount(line.change.held, decimals),
        debt=amount(line.change.debt, decimals),
        available_after=amount(line.available, decimals),
        pending_after=amount(line.pending, decimals),
        held_after=amount(line.held, decimals),
        debt_after=amount(line.debt, decimals),
    )


def receipt(done: Receipt, currency: str) -> PointsReceiptOut:
    """What an act wrote."""
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
        amount=amount(one.amount, decimals),
        available_after=amount(one.available, decimals),
        pending_after=amount(one.pending, decimals),
        held_after=amount(one.held, decimals),
        debt_after=amount(one.debt, decimals),
    )


def hold(one: HoldView) -> PointsHoldOut:
    """A hold as it stands."""
    decimals = wallets.scale(one.currency)
    return PointsHoldOut(
        id=one.public_id,
        currency=one.currency,
        amount=amount(one.amount, decimals),
        captured=amount(one.captured, decimals),
        released=amount(one.released, decimals),
        kept=amount(one.open, decimals),
        reference=one.owner or None,
        held_at=one.held_at,
        expires_at=one.expires_at,
        state=one.state,
    )
