"""Points of somebody who died, passed on to an heir: what can be spent goes as it is, each lot with its own end, source
and price.

Lots that wait, are held or owed stay, and can be passed on once they are free. What was passed on stays with the heir
whatever becomes of the orders it was earned with, and counts for no level of theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.facts.customers import persons
from regulars.kit import ids
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._ledger import account_rows, acts, answers, resting, telling
from regulars.levers.loyalty._ledger.account_rows import Held
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._ledger.answers import PREFIX, Receipt
from regulars.levers.loyalty._ledger.resting import Resting
from regulars.levers.loyalty._ledger.wallet import NothingToReverse
from regulars.levers.loyalty.notices import PointsChanged
from regulars.runtime.notices.outbox import announce_many

__all__ = (
    "NoEstate",
    "NothingToPassOn",
    "OwesStill",
    "Passed",
    "SamePerson",
    "check",
    "is_allowed",
    "pass_back",
    "pass_on",
    "passable",
    "passed",
)

_FREE = """
SELECT lot.id, lot.record_id, lot.available FROM loyalty_lot AS lot
 WHERE lot.account_id = %s AND (lot.pending > 0 OR lot.available > 0) AND lot.available > 0 AND lot.pending = 0
   AND lot.held = 0 AND lot.owed = 0 AND (lot.expires_at IS NULL OR lot.expires_at > %s) ORDER BY lot.id
"""
# Of what went with an entry, what is still where it came to, and whose it was.
_THERE = """
SELECT lot.id, coalesce(lot.earned_by_id, lot.record_id), lot.available
  FROM loyalty_posting AS posting JOIN loyalty_lot AS lot ON lot.id = posting.lot_id
 WHERE posting.entry_id = %s AND lot.account_id = %s AND lot.available > 0 AND lot.pending = 0 AND lot.held = 0
   AND lot.owed = 0 AND (lot.expires_at IS NULL OR lot.expires_at > %s) ORDER BY lot.id
"""
_ENTRY = """
INSERT INTO loyalty_entry (act_id, account_id, sequence, kind, effective_at, reason, arguments, pending_after,
                           available_after, held_after, debt_after, origin)
SELECT %s, id, sequence + 1, %s, %s, %s, jsonb_build_object('other', %s::bigint), pending, available + %s, held, debt,
       'live' FROM loyalty_account WHERE id = %s RETURNING id, available_after - debt_after
"""
_ACCOUNT = "UPDATE loyalty_account SET sequence = sequence + 1, available = available + %s WHERE id = %s"
_POSTINGS = """
INSERT INTO loyalty_posting (entry_id, number, lot_id, from_book, to_book, amount)
SELECT %s, told.number - 1, told.lot, %s, %s, told.amount
  FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS told(lot, amount, number)
"""
_LOTS = """
UPDATE loyalty_lot AS lot
   SET account_id = %s, record_id = told.record,
       earned_by_id = nullif(coalesce(lot.earned_by_id, lot.record_id), told.record)
  FROM unnest(%s::bigint[], %s::bigint[]) AS told(lot, record) WHERE lot.id = told.lot
"""
_PASSED = """
SELECT entry.id, entry.public_id, entry.effective_at, (entry.arguments ->> 'other')::bigint,
       (SELECT sum(posting.amount)::bigint FROM loyalty_posting AS posting WHERE posting.entry_id = entry.id),
       EXISTS (SELECT FROM loyalty_act AS act WHERE act.key = 'pass_back:' || entry.id)
  FROM loyalty_entry AS entry JOIN loyalty_account AS account ON account.id = entry.account_id
  JOIN loyalty_currency AS currency ON currency.id = account.currency_id
 WHERE account.customer_id = %s AND currency.code = %s AND entry.kind = 'merge_out' AND entry.reason = 'passed_on'
 ORDER BY entry.id DESC LIMIT %s
"""
_WHICH = """
SELECT entry.id, account.customer_id, (entry.arguments ->> 'other')::bigint, currency.code
  FROM loyalty_entry AS entry JOIN loyalty_account AS account ON account.id = entry.account_id
  JOIN loyalty_currency AS currency ON currency.id = account.currency_id
 WHERE entry.id = %s AND entry.kind = 'merge_out' AND entry.reason = 'passed_on'
"""


class NoEstate(Refusal):
    """The programme lets no points go to heirs."""

    code = "points.no_estate"


class SamePerson(Refusal):
    """Nobody is their own heir."""

    code = "points.same_person"


class OwesStill(Refusal):
    """What is owed is paid or forgiven before anything is passed on."""

    code = "points.owes_still"


class NothingToPassOn(Refusal):
    """Nothing can be spent now."""

    code = "points.nothing_to_pass_on"


@dataclass(frozen=True)
class Passed:
    """What went to the record `to`, in the smallest parts; `is_back` where it was asked back."""

    entry: int
    public_id: str
    at: datetime
    to: int
    amount: int
    is_back: bool


@dataclass(frozen=True)
class _Way:
    """From whose account to whose, why, and to which record each lot belongs then."""

    out_of: int
    into: int
    why_out: str
    why_in: str


def pass_on(*, customer: int, to: int, key: str, at: datetime, by: Actor, currency: str = "points") -> Receipt:
    """All that can be spent of `customer`'s points becomes `to`'s; also of points that are frozen for the estate.

    Raises `NoEstate` where a programme that is active does not say `estate: passes`, `SamePerson`, `OwesStill`,
    `NothingToPassOn` and `AccountFrozen`.
    """
    told = Told("pass_on", key, at, by, {"customer": customer, "to": to, "currency": currency})
    with transaction.atomic():
        act, is_new = acts.begin(told)
        if not is_new:
            return answers.of_act(act)
        check(customer=customer, to=to, currency=currency, at=at)
        person_of = persons.held([customer, to])
        source, target = person_of[customer], person_of[to]
        if source == target:
            # Somebody joined them since `check` looked.
            raise _same(to)
        account_rows.hold([source, target], currency)
        rested = _let_go_on(source, currency, told, act)
        one, other = _caught_up(source, target, currency, told, act)
        if one.balances[3]:
            raise OwesStill(
                _("customer: points are owed still; let the next ones pay them, or forgive them first"),
                field="customer",
                value=customer,
            )
        with connection.cursor() as cursor:
            cursor.execute(_FREE, [one.id, at])
            lots = cursor.fetchall()
        if not lots:
            raise NothingToPassOn(
                _("customer: they have no points that can be spent now; there is nothing to pass on"),
                field="customer",
                value=customer,
            )
        whose = [to] * len(lots)
        way = _Way(source, target, "passed_on", "inherited")
        _move(way, one, other, [(lot, amount) for lot, _record, amount in lots], whose, told, act, currency)
        _settle(target, currency, told, act)
        for each in rested:
            resting.rest_again(each, people=(), at=at)
    return answers.of_act(act)


def pass_back(*, entry: int, at: datetime, by: Actor) -> Receipt:
    """Undo `pass_on` by its entry: what the heir has still of it goes back to whose it was; what was spent stays spent.
    Asked again, it gives the first answer. Raises `NothingToReverse`."""
    told = Told("pass_back", f"pass_back:{entry}", at, by, {"entry": entry})
    with connection.cursor() as cursor:
        cursor.execute(_WHICH, [entry])
        found = cursor.fetchall()
    if not found:
        raise _nothing(entry)
    [(_number, customer, to, currency)] = found
    with transaction.atomic():
        act, is_new = acts.begin(told)
        if not is_new:
            return answers.of_act(act)
        person_of = persons.held([customer, to])
        source, target = person_of[to], person_of[customer]
        account_rows.hold([source, target], currency)
        rested = _let_go_on(target, currency, told, act)
        one, other = _caught_up(source, target, currency, told, act)
        with connection.cursor() as cursor:
            cursor.execute(_THERE, [entry, one.id, at])
            lots = cursor.fetchall()
        if not lots or source == target:
            raise _nothing(entry)
        theirs = {target, *persons.records_of(target)}
        whose = [record if record in theirs else target for _lot, record, _amount in lots]
        way = _Way(source, target, "passed_back", "passed_back")
        _move(way, one, other, [(lot, amount) for lot, _record, amount in lots], whose, told, act, currency)
        _settle(target, currency, told, act)
        for each in rested:
            resting.rest_again(each, people=(), at=at)
    return answers.of_act(act)


def passable(*, customer: int, at: datetime, currency: str = "points") -> int:
    """How much `pass_on` would pass on, in the smallest parts. Three queries."""
    kind = account_rows.currency(currency)
    held = account_rows.look([persons.of(customer)], kind)
    if not held:
        return 0
    since = held[0].rests_since
    with connection.cursor() as cursor:
        cursor.execute(_FREE, [held[0].id, at if since is None else min(at, since)])
        return sum(int(amount) for _lot, _record, amount in cursor.fetchall())


def passed(*, customer: int, currency: str = "points", limit: int = 20) -> list[Passed]:
    """What of their points was passed on, the latest first. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_PASSED, [persons.of(customer), currency, limit])
        return [Passed(row[0], ids.public(PREFIX, row[1]), *row[2:]) for row in cursor.fetchall()]


def is_allowed(currency: str, at: datetime) -> bool:
    """Whether every programme of this kind of points that is active says so."""
    said = {one.programme.estate for one in programmes.active(at) if one.programme.currency.code == currency}
    return said == {"passes"}


def check(*, customer: int, to: int, currency: str, at: datetime) -> None:
    """Whether it may be at all. Raises `NoEstate` and `SamePerson`."""
    person_of = persons.of_many([customer, to])
    if person_of[customer] == person_of[to]:
        raise _same(to)
    if not is_allowed(currency, at):
        raise NoEstate(
            _("customer: the programme passes no points on to heirs; it would have to say `estate: passes`"),
            field="customer",
            value=currency,
        )


def _let_go_on(person: int, currency: str, told: Told, act: int) -> list[Resting]:
    rested = [one for one in resting.resting([person]) if one.frozen_for == "estate" and one.currency == currency]
    if rested:
        resting.go_on(rested, told=told, act=act)
    return rested


def _caught_up(source: int, target: int, currency: str, told: Told, act: int) -> tuple[Held, Held]:
    """Both accounts, locked, with what the clock did booked."""
    people = [source, target]
    kind, held = account_rows.lock(people, currency)
    wallets = account_rows.load(held, kind, at=told.at, need={})
    for wallet in wallets.values():
        wallet.catch_up(told.at)
    telling.write_and_tell(told, wallets, currency, act)
    _kind, held = account_rows.lock(people, currency)
    by_person = {one.customer: one for one in held}
    return by_person[source], by_person[target]


def _move(
    way: _Way,
    one: Held,
    other: Held,
    lots: Sequence[tuple[int, int]],
    whose: Sequence[int],
    told: Told,
    act: int,
    currency: str,
) -> None:
    """Through the transit book, each lot by name; and told of both."""
    total, numbers, amounts = sum(amount for _, amount in lots), [lot for lot, _ in lots], [each for _, each in lots]
    steps = (
        (one, "merge_out", way.why_out, way.into, -total, "available", "transit"),
        (other, "merge_in", way.why_in, way.out_of, total, "transit", "available"),
    )
    notices = []
    with connection.cursor() as cursor:
        for account, kind, why, who, change, from_book, to_book in steps:
            cursor.execute(_ENTRY, [act, kind, told.at, why, who, change, account.id])
            [(entry, spendable)] = cursor.fetchall()
            cursor.execute(_ACCOUNT, [change, account.id])
            cursor.execute(_POSTINGS, [entry, from_book, to_book, numbers, amounts])
            notice = PointsChanged(
                customer=account.customer,
                currency=currency,
                entry=entry,
                amount=total,
                spendable=max(0, spendable),
                at=told.at,
            )
            notices.append((notice, {"entry": entry, "kind": kind, "amount": total, "other": who}))
        cursor.execute(_LOTS, [other.id, numbers, list(whose)])
    announce_many(notices, by=told.by, verb=f"loyalty.inheriting.{told.verb}")


def _settle(person: int, currency: str, told: Told, act: int) -> None:
    """What they owe is paid from what came."""
    kind, held = account_rows.lock([person], currency)
    if held[0].balances[3]:
        wallets = account_rows.load(held, kind, at=told.at, need={})
        wallets[person].settle(told.at)
        telling.write_and_tell(told, wallets, currency, act)


def _same(to: int) -> SamePerson:
    return SamePerson(_("to: this is the same person; name the heir"), field="to", value=to)


def _nothing(entry: int) -> NothingToReverse:
    return NothingToReverse(_("entry: nothing that it passed on is there to go back"), field="entry", value=entry)
