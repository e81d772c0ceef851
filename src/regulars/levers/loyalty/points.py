"""Points: award, hold, capture, release, redeem, reverse, adjust, reinstate, extend, forgive. The door to the ledger.

Amounts are whole numbers of the smallest part of their currency. `customer` is the number of a record; the account is
that of the person it belongs to. Each verb takes a `key`: told again, it gives the first answer and writes nothing;
told with something else it is refused. A customer whose books do not agree is refused with `AccountFrozen`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from functools import wraps
from typing import ParamSpec

from django.db import connection
from django.utils.translation import gettext as _

from regulars.facts.company import company
from regulars.kit import civil
from regulars.kit.actors import Actor, Origin
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty._ledger import account_rows, acting, answers, books, holding, order_spend_rows
from regulars.levers.loyalty._ledger.account_rows import AccountFrozen, NoSuchCurrency
from regulars.levers.loyalty._ledger.acting import Work
from regulars.levers.loyalty._ledger.acts import BadKey, KeyUsedOtherwise, Told
from regulars.levers.loyalty._ledger.answers import Booked, Receipt
from regulars.levers.loyalty._ledger.balances import Balance, Expiring, balance, balance_as_of, balances, expiring
from regulars.levers.loyalty._ledger.holding import HoldIsOver, HoldView, UnknownHold
from regulars.levers.loyalty._ledger.order_spend_rows import OrderNamed
from regulars.levers.loyalty._ledger.statements import Explanation, Line, explain, statement
from regulars.levers.loyalty._ledger.wallet import (
    BadAmount,
    Move,
    NewLot,
    NotEnoughPoints,
    NothingToReverse,
    kept_by,
    said_of,
    share_out,
)
from regulars.levers.loyalty.earning import award_for_order, award_for_orders
from regulars.levers.loyalty.models import Entry
from regulars.levers.loyalty.reasons import Reason

__all__ = (
    "HELD_FOR",
    "LONGEST_HOLD",
    "AccountFrozen",
    "AlreadyOver",
    "BadAmount",
    "BadHold",
    "BadKey",
    "Balance",
    "Booked",
    "Expiring",
    "Explanation",
    "HoldIsOver",
    "HoldView",
    "KeyUsedOtherwise",
    "Line",
    "NewLot",
    "NoSuchCurrency",
    "NotEnoughPoints",
    "NothingToReverse",
    "OrderNamed",
    "Reason",
    "Receipt",
    "UnknownEntry",
    "UnknownHold",
    "adjust",
    "award",
    "award_for_order",
    "award_for_orders",
    "award_many",
    "balance",
    "balance_as_of",
    "balances",
    "capture",
    "check_last_day",
    "end_of",
    "expiring",
    "explain",
    "extend",
    "forgive",
    "hold",
    "mature",
    "redeem",
    "reinstate",
    "release",
    "reverse",
    "statement",
)

#: How long points are kept where neither an owner nor a time is told, and how long at most.
HELD_FOR = timedelta(minutes=30)
LONGEST_HOLD = timedelta(days=366)
_REVERSIBLE = ("award", "adjust", "redeem", "capture")
_SPENT_OF = """
SELECT lot.id, lot.record_id, posting.from_book, posting.to_book, posting.amount
  FROM loyalty_posting AS posting JOIN loyalty_lot AS lot ON lot.id = posting.lot_id
 WHERE posting.entry_id = %s ORDER BY posting.number
"""
_GIVEN_BACK = """
SELECT posting.lot_id, sum(posting.amount)
  FROM loyalty_entry AS entry JOIN loyalty_posting AS posting ON posting.entry_id = entry.id
 WHERE entry.reverses_id = %s GROUP BY posting.lot_id
"""
_RECORDS_OF = "SELECT id, record_id FROM loyalty_lot WHERE id = ANY(%s)"
_OF_ANOTHER_KIND = """
SELECT lot.id, currency.code FROM loyalty_lot AS lot JOIN loyalty_account AS account ON account.id = lot.account_id
  JOIN loyalty_currency AS currency ON currency.id = account.currency_id
 WHERE lot.id = ANY(%s) AND currency.code <> %s ORDER BY lot.id LIMIT 1
"""
#: How often a lot can be somebody else's by the time the account is locked, before it is nowhere.
_LOOKS = 20


_P = ParamSpec("_P")


class AlreadyOver(Refusal):
    """Points that would have ended before anybody could spend them."""

    code = "points.already_over"


class BadHold(Refusal):
    """A hold that would end before it begins, nearly never, or at two words: its owner's and the clock's."""

    code = "points.bad_hold"


class UnknownEntry(Refusal):
    """No such entry or lot."""

    code = "points.unknown_entry"


class _Moved(Exception):
    """A lot went to an heir between the look at whose it is and the lock on their account."""

    def __init__(self, lot: int) -> None:
        super().__init__(lot)
        self.lot = lot


def _wherever_lots_go(verb: Callable[_P, Receipt]) -> Callable[_P, Receipt]:
    """The verb, anew where its lots moved meanwhile: without them it would be done by half."""

    @wraps(verb)
    def told(*args: _P.args, **given: _P.kwargs) -> Receipt:
        gone = 0
        for _look in range(_LOOKS):
            try:
                return verb(*args, **given)
            except _Moved as moved:
                # Each time somebody passed them on once more, which the next look sees: it ends where they stop.
                gone = moved.lot
        # Nobody passes on so fast: it lies where its record has no account, which only broken books can say.
        raise _unknown("lot", gone)

    return told


def award(
    *,
    customer: int,
    amount: int,
    key: str,
    at: datetime,
    by: Actor,
    currency: str = "points",
    reason: Reason = Reason("awarded"),
    matures_at: datetime | None = None,
    expires_on: date | None = None,
    funding: str = books.ISSUANCE,
    partner: str = "",
    subject: str = "",
    origin: Origin = "live",
) -> Receipt:
    """Give points, which can be spent from `matures_at`, or at once, to the end of the day `expires_on`.

    What the customer owes is settled from them first. Raises `BadAmount`.
    """
    lot = NewLot(
        record=customer,
        amount=_checked(amount),
        reason=reason,
        matures_at=matures_at,
        expires_on=expires_on,
        expires_at=end_of(expires_on, currency),
        funding=funding,
        partner=partner,
        subject=subject,
    )
    return award_many(lots=[lot], key=key, at=at, by=by, currency=currency, origin=origin)


def award_many(
    *,
    lots: Sequence[NewLot],
    key: str,
    at: datetime,
    by: Actor,
    currency: str = "points",
    origin: Origin = "live",
    earned_at: Sequence[datetime] | None = None,
) -> Receipt:
    """`award` for many lots of any number of customers: all of them or none. Six statements.

    `earned_at` says for each when it was earned; of history before `at`.
    """
    for lot in lots:
        _checked(lot.amount)
    told = Told(
        "award",
        key,
        at,
        by,
        {"currency": currency, "lots": [said_of(lot) for lot in lots], "earned_at": list(earned_at or ())},
        origin,
    )
    with acting.act(told, customers={lot.record for lot in lots}, currency=currency) as work:
        if work.is_new:
            for lot, moment in zip(lots, earned_at or [at] * len(lots), strict=True):
                work.award(lot, at=moment)
    return answers.of(work)


def redeem(
    *,
    customer: int,
    amount: int,
    key: str,
    at: datetime,
    by: Actor,
    currency: str = "points",
    reason: Reason = Reason("redeemed"),
    into: str = books.REDEEMED,
    order: OrderNamed | None = None,
) -> Receipt:
    """Spend points at once: those that expire first. `order`: what for; whether it comes and stands, `order_spends`
    says. Raises `BadAmount` and `NotEnoughPoints`."""
    _checked(amount)
    told = Told("redeem", key, at, by, _what(customer, amount, currency, reason) | {"into": into} | _for(order))
    with acting.act(told, customers=[customer], currency=currency, need={customer: amount}) as work:
        if work.is_new:
            work.wallet(customer).spend(amount, at=at, reason=reason, into=into)
            if order is not None:
                order_spend_rows.keep(act=work.act, order=order, at=at)
    return answers.of(work)


def hold(
    *,
    customer: int,
    amount: int,
    key: str,
    at: datetime,
    by: Actor,
    currency: str = "points",
    lasts: timedelta | None = None,
    owner: str = "",
    reason: Reason = Reason("held"),
    order: OrderNamed | None = None,
) -> HoldView:
    """Keep points for a purchase: nobody else can spend them. After `lasts` the clock gives them back, or after
    `HELD_FOR` where neither is told; those of an `owner`, such as a checkout, have no clock and end when the owner
    says. `order`: what for, where that is known yet. The hold as it was made. Raises `BadAmount`, `BadHold` and
    `NotEnoughPoints`."""
    _checked(amount)
    told = Told(
        "hold",
        key,
        at,
        by,
        _what(customer, amount, currency, reason)
        | {"owner": owner, "lasts": None if lasts is None else lasts.total_seconds()}
        | _for(order),
    )
    made = None
    with acting.act(told, customers=[customer], currency=currency, need={customer: amount}) as work:
        if work.is_new:
            kept_for = _kept_for(lasts, owner)
            wallet = work.wallet(customer)
            moves = wallet.spend(amount, at=at, reason=reason, kind="hold", into=books.HELD)
            made = holding.keep(
                act=work.act,
                account=wallet.account,
                moves=moves,
                owner=owner,
                at=at,
                expires_at=None if kept_for is None else at + kept_for,
                currency=currency,
                order=order,
            )
    return made or holding.as_made(work.act)


def capture(
    *,
    hold: int,
    key: str,
    at: datetime,
    by: Actor,
    amount: int | None = None,
    rest: bool = True,
    order: OrderNamed | None = None,
) -> Receipt:
    """Spend what is held, or `amount` of it; the rest can be spent again, or with `rest=False` stays held. `order`:
    what for, else what the hold was for.

    Raises `UnknownHold`, `HoldIsOver`, and `BadAmount` of more than is held.
    """
    if amount is not None:
        _checked(amount)
    view = holding.get(hold)
    told = Told("capture", key, at, by, {"hold": hold, "amount": amount, "rest": rest} | _for(order))
    with _end(view, told) as work:
        if work.is_new:
            _end_parts(work, view, at, amount, rest)
            if (named := order or view.order) is not None:
                order_spend_rows.keep(act=work.act, order=named, at=at, hold=hold)
    return answers.of(work)


def release(*, hold: int, key: str, at: datetime, by: Actor) -> Receipt:
    """What is held can be spent again; what has expired meanwhile is gone. Raises `UnknownHold` and `HoldIsOver`."""
    view = holding.get(hold)
    told = Told("release", key, at, by, {"hold": hold})
    with _end(view, told) as work:
        if work.is_new:
            _end_parts(work, view, at, 0, True)
    return answers.of(work)


@_wherever_lots_go
def reverse(
    *,
    entry: int,
    key: str,
    at: datetime,
    by: Actor,
    amount: int | None = None,
    reason: Reason | None = None,
    grace_until: date | None = None,
) -> Receipt:
    """Undo an entry, or `amount` of it: take back what an award gave, or give back what was spent to the lots it came
    from, those that expire last first.

    Points of an award that were spent already are owed, and settled from what the customer has or gets next. What is
    given back to a lot that has expired meanwhile stays expired; with `grace_until`, where it is the shop's fault, it
    can be spent to the end of that day. Several reversals never come to more than the entry did, in any order to the
    same. Raises `UnknownEntry` and `NothingToReverse`, also of a reversal itself.
    """
    if amount is not None:
        _checked(amount)
    original = Entry.objects.select_related("account__currency").filter(id=entry).first()
    if original is None:
        raise _unknown("entry", entry)
    with connection.cursor() as cursor:
        cursor.execute(_SPENT_OF, [entry])
        postings = cursor.fetchall()
    currency = original.account.currency.code
    told = Told(
        "reverse",
        key,
        at,
        by,
        {"entry": entry, "amount": amount, "reason": reason and asdict(reason), "grace_until": grace_until},
    )
    records = {record for _lot, record, *_ in postings}
    gave = [lot for lot, _record, from_book, *_ in postings if from_book in books.SOURCES]
    spent = [
        Move(lot, from_book, to_book, moved)
        for lot, _record, from_book, to_book, moved in postings
        if to_book in books.SPENT
    ]
    if original.kind not in _REVERSIBLE or not (gave or spent):
        raise NothingToReverse(
            _("entry: it is of a kind that cannot be reversed (%(kind)s); reverse what it came from")
            % {"kind": original.kind},
            field="entry",
            value=original.kind,
        )
    most = sum(moved for *_, moved in postings)
    with acting.act(
        told,
        customers=records or [original.account.customer_id],
        currency=currency,
        owe=dict.fromkeys(records, amount or most) if gave else None,
        lots=[row[0] for row in postings],
    ) as work:
        _all_there(work, [row[0] for row in postings], currency)
        if work.is_new and gave:
            lot = work.wallet(next(iter(records))).lots[gave[0]]
            wanted = lot.reversible if amount is None else amount
            if not wanted:
                raise _reversed_already(entry)
            work.take_back({lot.id: wanted}, reason=reason or Reason("reversed"), reverses=entry)
        elif work.is_new:
            _give_back(work, entry, spent, amount, reason or Reason("restored"), grace_until, currency)
    return answers.of(work)


def adjust(
    *,
    customer: int,
    amount: int,
    key: str,
    at: datetime,
    by: Actor,
    currency: str = "points",
    reason: Reason = Reason("service"),
    expires_on: date | None = None,
) -> Receipt:
    """Give points out of goodwill, or with an amount below zero take some away by hand: never more than can be spent.

    Raises `BadAmount` and `NotEnoughPoints`.
    """
    _checked(abs(amount))
    told = Told("adjust", key, at, by, _what(customer, amount, currency, reason) | {"expires_on": expires_on})
    need = {customer: -amount} if amount < 0 else None
    with acting.act(told, customers=[customer], currency=currency, need=need) as work:
        if work.is_new and amount > 0:
            ends = end_of(expires_on, currency)
            lot = NewLot(customer, amount, reason, expires_on=expires_on, expires_at=ends, funding=books.GOODWILL)
            work.award(lot, kind="adjust")
        elif work.is_new:
            work.wallet(customer).spend(-amount, at=at, reason=reason, kind="adjust", into=books.WITHDRAWN)
    return answers.of(work)


def forgive(
    *,
    customer: int,
    key: str,
    at: datetime,
    by: Actor,
    amount: int | None = None,
    currency: str = "points",
    reason: Reason = Reason("written_off"),
) -> Receipt:
    """Write off what the customer owes, or `amount` of it. Raises `BadAmount` of more than is owed."""
    if amount is not None:
        _checked(amount)
    told = Told("forgive", key, at, by, _what(customer, amount, currency, reason))
    with acting.act(told, customers=[customer], currency=currency) as work:
        if work.is_new:
            wallet = work.wallet(customer)
            if amount is not None and amount > wallet.debt:
                raise _too_much(amount, wallet.debt)
            wallet.write_off(wallet.debt if amount is None else amount, at=at, reason=reason)
    return answers.of(work)


@_wherever_lots_go
def extend(
    *,
    lots: Mapping[int, date | None],
    key: str,
    at: datetime,
    by: Actor,
    currency: str = "points",
    reason: Reason = Reason("extended"),
) -> Receipt:
    """Give lots, of any number of customers, another last day; None: they stay. What has expired stays expired.

    Raises `UnknownEntry`, also of a lot that is of another kind of points than `currency`.
    """
    told = Told(
        "extend",
        key,
        at,
        by,
        {"lots": sorted((lot, str(day)) for lot, day in lots.items()), "currency": currency, "reason": asdict(reason)},
    )
    record_of = _records_of(lots)
    ends = {day: end_of(day, currency) for day in set(lots.values())}
    with acting.act(told, customers=set(record_of.values()), currency=currency, lots=list(lots)) as work:
        _all_there(work, lots, currency)
        if work.is_new:
            for lot, day in lots.items():
                work.wallet(record_of[lot]).change_dates(
                    lot, at=at, reason=reason, expires_on=day, expires_at=ends[day]
                )
    return answers.of(work)


@_wherever_lots_go
def mature(*, lots: Mapping[int, datetime], key: str, at: datetime, by: Actor, currency: str = "points") -> Receipt:
    """Say from when these pending lots can be spent; at once, where that is past. Raises `UnknownEntry`, also of a lot
    that is of another kind of points than `currency`."""
    told = Told("mature", key, at, by, {"lots": sorted((lot, str(moment)) for lot, moment in lots.items())})
    record_of = _records_of(lots)
    with acting.act(told, customers=set(record_of.values()), currency=currency, lots=list(lots)) as work:
        _all_there(work, lots, currency)
        if work.is_new:
            for lot, moment in lots.items():
                work.wallet(record_of[lot]).mature(lot, moment)
            for wallet in work.wallets.values():
                wallet.catch_up(at)
    return answers.of(work)


@_wherever_lots_go
def reinstate(
    *,
    lot: int,
    expires_on: date | None,
    key: str,
    at: datetime,
    by: Actor,
    amount: int | None = None,
    currency: str = "points",
    reason: Reason = Reason("reinstated"),
) -> Receipt:
    """Make what expired of a lot valid again, to the end of the day `expires_on`; None: for good.

    Raises `UnknownEntry`, also of a lot that is of another kind of points than `currency`, and `NothingToReverse`.
    """
    if amount is not None:
        _checked(amount)
    told = Told(
        "reinstate",
        key,
        at,
        by,
        {"lot": lot, "amount": amount, "expires_on": expires_on, "currency": currency, "reason": asdict(reason)},
    )
    record_of = _records_of([lot])
    with acting.act(told, customers=record_of.values(), currency=currency, lots=[lot]) as work:
        _all_there(work, [lot], currency)
        if work.is_new:
            wallet = work.wallet(record_of[lot])
            wanted = wallet.lots[lot].lapsed if amount is None else amount
            if not wanted:
                raise _reversed_already(lot)
            ends = end_of(expires_on, currency)
            wallet.reinstate(lot, wanted, at=at, reason=reason, expires_on=expires_on, expires_at=ends)
    return answers.of(work)


def _all_there(work: Work, lots: Iterable[int], currency: str) -> None:
    there = {lot for wallet in work.wallets.values() for lot in wallet.lots}
    missing = sorted({*lots} - there) if work.is_new else []
    if not missing:
        return
    with connection.cursor() as cursor:
        cursor.execute(_OF_ANOTHER_KIND, [missing, currency])
        others = cursor.fetchall()
    if others:
        [(lot, code)] = others
        raise UnknownEntry(
            _("lot: number %(number)s is of %(currency)s; name that kind of points")
            % {"number": lot, "currency": code},
            field="lot",
            value=lot,
        )
    raise _Moved(missing[0])


def _end(view: HoldView, told: Told) -> AbstractContextManager[Work]:
    return acting.act(told, customers=holding.records(view.id), currency=view.currency, holds=[view.id])


def _end_parts(work: Work, view: HoldView, at: datetime, amount: int | None, rest: bool) -> None:
    """Capture `amount` of what the hold keeps, of the lots that expire first, and release the rest if it shall be."""
    wallets = list(work.wallets.values())
    there = kept_by(wallets, view.id)
    if not there:
        raise holding.over(holding.get(view.id), at)
    wanted = there if amount is None else amount
    if wanted > there:
        raise _too_much(wanted, there)
    shares = share_out(wallets, view.id, wanted, rest=rest)
    for wallet in wallets:
        if mine := shares.get(wallet.account):
            wallet.end_parts(mine, at=at)


def _give_back(
    work: Work,
    entry: int,
    spent: Sequence[Move],
    amount: int | None,
    reason: Reason,
    grace_until: date | None,
    currency: str,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN_BACK, [entry])
        given = {lot: int(back) for lot, back in cursor.fetchall()}
    open_ones = [replace(move, amount=move.amount - given.get(move.lot, 0)) for move in spent]
    most = sum(move.amount for move in open_ones)
    if not most:
        raise _reversed_already(entry)
    left = most if amount is None else amount
    if left > most:
        raise NothingToReverse(
            _("amount: %(amount)s cannot be given back, %(most)s can at most; ask for less")
            % {"amount": left, "most": most},
            field="amount",
            value=left,
            most=most,
        )
    back = []
    for move in reversed(open_ones):
        if share := min(left, move.amount):
            back.append(replace(move, amount=share))
            left -= share
    ends = end_of(grace_until, currency)
    for wallet in work.wallets.values():
        if mine := [move for move in back if move.lot in wallet.lots]:
            for move in mine if ends and ends > work.told.at else ():
                if wallet.lots[move.lot].is_over(work.told.at):
                    wallet.change_dates(
                        move.lot, at=work.told.at, reason=Reason("extended"), expires_on=grace_until, expires_at=ends
                    )
            forgiven = account_rows.forgiven([wallet.lots[move.lot] for move in mine])
            wallet.give_back(mine, at=work.told.at, reason=reason, reverses=entry, forgiven=forgiven)


def _kept_for(lasts: timedelta | None, owner: str) -> timedelta | None:
    """By the clock; None of what somebody owns."""
    if lasts is None:
        return None if owner else HELD_FOR
    if owner:
        words = _("lasts_seconds: %(lasts)s, but what has an owner has no clock; leave out the time or the owner")
    elif not timedelta(0) < lasts <= LONGEST_HOLD:
        words = _("lasts_seconds: %(lasts)s is no time to keep points; give more than 0 and at most %(most)s")
    else:
        return lasts
    told = int(lasts.total_seconds())
    raise BadHold(words % {"lasts": told, "most": int(LONGEST_HOLD.total_seconds())}, field="lasts_seconds", value=told)


def _what(customer: int, amount: int | None, currency: str, reason: Reason) -> dict[str, object]:
    return {"customer": customer, "amount": amount, "currency": currency, "reason": asdict(reason)}


def _for(order: OrderNamed | None) -> dict[str, object]:
    """What was told without an order stays what was told, under its key."""
    return {} if order is None else {"order": asdict(order)}


def _records_of(lots: Iterable[int]) -> dict[int, int]:
    """Whom lots came with; refused when there is one nobody has."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS_OF, [list(lots)])
        found = dict(cursor.fetchall())
    for lot in lots:
        if lot not in found:
            raise _unknown("lot", lot)
    return found


def end_of(day: date | None, currency: str) -> datetime | None:
    """When a day is over on the currency's clock, which is the shop's where it has none of its own."""
    if day is None:
        return None
    zone = civil.zone(account_rows.currency(currency).zone or company.shop().zone)
    return civil.start_of_day(day + timedelta(days=1), zone)


def check_last_day(day: date | None, *, currency: str, at: datetime, field: str = "expires_on") -> None:
    """What doors ask of a last day that somebody gives now; verbs are told of the past, too. Raises `AlreadyOver` where
    it is over on the currency's clock."""
    ends = end_of(day, currency)
    if ends is not None and ends <= at:
        raise AlreadyOver(
            _("%(field)s: %(day)s is over; give a day to come, or none") % {"field": field, "day": day},
            field=field,
            value=str(day),
        )


def _checked(amount: int) -> int:
    if type(amount) is not int or not 0 < amount <= books.MOST:
        raise BadAmount(
            _("amount: %(amount)r is no number of points; give a whole number above zero") % {"amount": amount},
            field="amount",
            value=repr(amount)[:40],
        )
    return amount


def _too_much(amount: int, most: int) -> BadAmount:
    return BadAmount(
        _("amount: %(amount)s is more than the %(most)s there are; ask for less") % {"amount": amount, "most": most},
        field="amount",
        value=amount,
        most=most,
    )


def _unknown(field: str, number: int) -> UnknownEntry:
    return UnknownEntry(
        _("%(field)s: there is no number %(number)s; look it up again") % {"field": field, "number": number},
        field=field,
        value=number,
    )


def _reversed_already(number: int) -> NothingToReverse:
    return NothingToReverse(
        _("entry: all of it has been reversed already; look at the statement"), field="entry", value=number
    )
