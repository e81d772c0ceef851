"""The past posted by columns: what `earning` posts order by order, of very many orders of very many customers at once.

What rules say, what caps leave and what the ledger books is decided in the same words for all of them, and copied. Who
has something under the programme already, or bought in a way that is not plain, is left to `earning`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import DatabaseError, connection, transaction

from regulars.facts.commerce.kept_columns import NONE, KeptColumns, Numbers
from regulars.facts.customers import persons
from regulars.kit import civil, money
from regulars.kit.actors import Actor
from regulars.levers.loyalty import _acts, _past_decided, _past_ledger, _past_written, _telling, programmes
from regulars.levers.loyalty._acts import Told
from regulars.levers.loyalty._earned import impatiently, is_taken
from regulars.levers.loyalty._past_decided import Decided, days_of, starts_of
from regulars.levers.loyalty._past_ledger import AWARD, Ledger, NewLots
from regulars.levers.loyalty._past_written import Days, Instants, copy, escaped, joined, objects, objects_of, taken
from regulars.levers.loyalty._posting import Posted
from regulars.levers.loyalty.rules.columns import TooLarge, fits
from regulars.levers.loyalty.rules.rule import SHOP
from regulars.runtime.database import arrays

_DAY = timedelta(days=1)
_HAS = """
SELECT earning.record_id FROM loyalty_earning AS earning
 WHERE earning.record_id = ANY(%(of)s::bigint[]) AND earning.programme_id = %(programme)s
   AND starts_with(earning.subject, 'order:')
 UNION
SELECT account.customer_id FROM loyalty_account AS account
 WHERE account.customer_id = ANY(%(of)s::bigint[]) AND account.currency_id = %(currency)s
"""
_KNOWN = """
SELECT version.programme_id, currency.id FROM loyalty_version AS version, loyalty_currency AS currency
 WHERE version.id = %s AND currency.code = %s
"""
_COUNTERS = """
INSERT INTO loyalty_counter (programme_id, rule, member, period, starts_on, used, most)
SELECT %s, %s, told.member, %s, told.starts_on, told.used, %s
  FROM unnest(%s::bigint[], %s::date[], %s::bigint[]) AS told(member, starts_on, used) ORDER BY 3, 5
"""
_ACCOUNTS = """
INSERT INTO loyalty_account (customer_id, currency_id, sequence, pending, available)
SELECT told.customer, %s, told.sequence, told.pending, told.available
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS told(customer, sequence, pending, available)
 ORDER BY told.customer RETURNING customer_id, id
"""
_BOOKS = np.array(["", "pending", "available", "breakage"], object)
_KINDS = np.array(["award", "reverse", "expire", "activate"], object)
_WHY = np.array(["", "goods_returned", "lapsed", "matured"], object)


class _Moved(Exception):
    """Somebody is another person than a moment ago."""


def post(
    block: KeptColumns, version: programmes.Active, *, at: datetime, by: Actor
) -> tuple[Posted, Sequence[int]]:
    """Post what can be posted by columns of these orders, in one transaction; the orders that are left, in their order.

    Whoever decides one of them meanwhile is not waited for: then all are left.
    """
    programme = version.programme
    programme_id, currency_id = _known(version)
    mine = _past_decided.is_plain(block, programme) & _is_new(block, programme_id, currency_id)
    try:
        decided = _decided(block, mine, version)
        lots = _lots(decided)
        with transaction.atomic():
            done = _write(decided, lots, version, (programme_id, currency_id), at=at, by=by)
    except (TooLarge, _Moved):
        return Posted(), block.order.tolist()
    except DatabaseError as problem:
        if not is_taken(problem):
            raise
        return Posted(), block.order.tolist()
    return done, block.order[~np.isin(block.customer, decided.orders.customer)].tolist()


def _decided(block: KeptColumns, mine: np.ndarray[Any, Any], version: programmes.Active) -> Decided:
    number = _past_decided.numbers(block)
    while True:
        wanted = mine & block.counts
        decided = _past_decided.decide(block.only(wanted), number[wanted], version.programme)
        if not (bound := decided.is_bound).any():
            return decided
        mine &= ~np.isin(block.customer, decided.orders.customer[bound])


def _known(version: programmes.Active) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [version.version, version.programme.currency.code])
        [(programme, currency)] = cursor.fetchall()
    return programme, currency


def _is_new(block: KeptColumns, programme: int, currency: int) -> np.ndarray[Any, Any]:
    of = arrays.of_numbers(np.union1d(block.customer, block.record).tolist())
    with connection.cursor() as cursor:
        cursor.execute(_HAS, {"of": of, "programme": programme, "currency": currency})
        there = [number for (number,) in cursor.fetchall()]
    has = np.isin(block.customer, there) | np.isin(block.record, there)
    return ~np.isin(block.customer, block.customer[has])


# --- from what rules answered to lots


@dataclass(frozen=True)
class _Lots:
    """Lots, and what is said of them beside what the ledger has to know."""

    booked: NewLots
    customers: Numbers
    expires_on: Numbers
    price: Numbers
    code: np.ndarray[Any, Any]
    facts: np.ndarray[Any, Any]
    rules: Sequence[str]


def _lots(decided: Decided) -> _Lots:
    orders, programme = decided.orders, decided.programme
    rules = sorted(decided.answers)
    first = [decided.first(rule) for rule in rules]
    of_rule = [np.flatnonzero(parts) for parts in first]
    order, rank = np.concatenate([*of_rule, np.zeros(0, np.int64)]), np.repeat(np.arange(len(rules)), list(map(len, of_rule)))
    in_turn = np.lexsort((rank, order))
    order, rank = order[in_turn].astype(np.int64), rank[in_turn].astype(np.int64)

    def of_lots(values: Sequence[np.ndarray[Any, Any]], places: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        told = [one[some] for one, some in zip(values, places, strict=True)]
        return np.concatenate([*told, np.zeros(0, told[0].dtype if told else np.int64)])[in_turn]

    original = of_lots(first, of_rule)
    back = original - of_lots([decided.last(rule) for rule in rules], of_rule)
    row = np.arange(len(orders))
    row[decided.sold] = len(orders) + np.arange(len(decided.sold))
    at_first = [row[some] for some in of_rule]
    placed_at = orders.placed_at[order]
    matures_at, (expires_on, expires_at) = _matures(decided)[order], (one[order] for one in _expires(decided))
    if ((expires_at != NONE) & (expires_at <= placed_at)).any():
        raise TooLarge
    customers, account = np.unique(orders.customer[order], return_inverse=True)
    return _Lots(
        booked=NewLots(
            account=account,
            order=order,
            rule=rank,
            placed_at=placed_at,
            original=original,
            now=_now(decided, rules, rank, original, (matures_at == NONE) | (matures_at > placed_at)),
            back=back,
            back_at=np.maximum(orders.back_at[order], placed_at),
            matures_at=matures_at,
            expires_at=expires_at,
        ),
        customers=customers,
        expires_on=expires_on,
        price=_prices(decided, rules, rank, order, original),
        code=of_lots([decided.answers[rule].code for rule in rules], at_first),
        facts=of_lots([decided.answers[rule].facts for rule in rules], at_first),
        rules=rules,
    )


def _now(
    decided: Decided, rules: Sequence[str], rank: Numbers, original: Numbers, waits: np.ndarray[Any, Any]
) -> Numbers:
    """What of each lot can be spent at once."""
    programme = decided.programme
    own = [programme.by_id[rule].at_once for rule in rules]
    shares = np.array([programme.pending.at_once if one is None else one for one in own], np.int64)
    fits(original, 100)
    at_once = original * shares[rank] // 100
    if programme.debt_limit is not None:
        at_once = np.minimum(at_once, programme.debt_limit)
    return np.where(waits, np.minimum(at_once, original), original)


def _matures(decided: Decided) -> Numbers:
    """When what each order earned can be spent, as `_posting` has it of one."""
    orders, pending = decided.orders, decided.programme.pending
    if pending.until == "placed":
        since = orders.placed_at
    elif pending.until == "paid":
        paid_at = np.where(orders.paid_at == NONE, orders.placed_at, orders.paid_at)
        since = np.where(orders.kept_minor >= orders.due_minor, paid_at, NONE)
    else:
        at_latest = orders.placed_at + pending.at_latest_days * (_DAY // timedelta(microseconds=1))
        since = np.where(orders.arrived_at == NONE, at_latest, orders.arrived_at)
    if pending.days == 0:
        return since
    zone, known = civil.zone(decided.programme.zone), since != NONE
    found = since.copy()
    found[known] = starts_of(days_of(since[known], zone) + pending.days + 1, zone)
    return found


def _expires(decided: Decided) -> tuple[Numbers, Numbers]:
    """The last day of what each order earned, and the instant at which that is over."""
    days, place = np.unique(decided.on, return_inverse=True)
    last = [decided.programme.expiry.last_day(_past_decided.date_of(day)) for day in days.tolist()]
    last_days = np.array([NONE if day is None else _past_decided.number_of(day) for day in last], np.int64)[place]
    expires_at = last_days.copy()
    known = last_days != NONE
    expires_at[known] = starts_of(last_days[known] + 1, civil.zone(decided.programme.zone))
    return last_days, expires_at


def _prices(decided: Decided, rules: Sequence[str], rank: Numbers, order: Numbers, original: Numbers) -> Numbers:
    """What of the price paid stands for each lot, as `_posting` has it of one."""
    programme, worth = decided.programme, decided.programme.currency.worth
    if worth is None:
        return np.full(len(order), NONE, np.int64)
    over, under = worth.as_integer_ratio()
    over, under = over * 10 ** money.exponent(programme.money), under * 10**programme.currency.scale
    is_ours = np.array([programme.by_id[rule].funding == SHOP for rule in rules], bool)
    ours = [decided.first(rule) for rule, mine in zip(rules, is_ours, strict=True) if mine]
    others = sum(ours, np.zeros(len(decided.orders), np.int64))[order]
    paid = np.maximum(decided.orders.kept_minor[order], 0)
    fits(paid, original, over)
    fits(paid, under)
    fits(others, over)
    price = np.where(paid > 0, paid * original * over // np.maximum(paid * under + others * over, 1), 0)
    return np.where(is_ours[rank], price, NONE)


# --- written


def _write(
    decided: Decided,
    lots: _Lots,
    version: programmes.Active,
    known: tuple[int, int],
    *,
    at: datetime,
    by: Actor,
) -> Posted:
    if not len(decided.orders):
        return Posted()
    programme, (programme_id, currency_id) = version.programme, known
    with impatiently():
        _count(decided, programme_id)
        numbers = _save(decided, version, programme_id, at)
    if not len(lots.booked):
        return Posted(len(decided.orders))
    currency = programme.currency.code
    key = f"earn/{currency}/{numbers[0]}-{len(numbers)}"
    told = Told("earn", key, at, by, {"earnings": [int(numbers[0]), len(numbers)]}, "history")
    act, _ = _acts.begin(told)
    orders = decided.orders
    person_of = persons.held(np.unique(orders.record[lots.booked.order]).tolist())
    mine = set(zip(orders.record[lots.booked.order].tolist(), orders.customer[lots.booked.order].tolist(), strict=True))
    if any(person_of[record] != customer for record, customer in mine):
        raise _Moved
    ledger = _past_ledger.book(lots.booked, _past_decided.us_of(at))
    _book(decided, lots, ledger, version, currency_id, act)
    _telling.tell_of_the_past(told, act, currency, accounts=len(lots.customers), entries=len(ledger.entries))
    return Posted(
        len(orders), len(lots.booked), int(lots.booked.original.sum()), int(lots.booked.back.sum())
    )


def _count(decided: Decided, programme: int) -> None:
    """What is used of caps."""
    with connection.cursor() as cursor:
        for place, _most in decided.places:
            days = [_past_decided.date_of(day).isoformat() for day in place.starts_on.tolist()]
            of = [arrays.of_numbers(place.member.tolist()), days, arrays.of_numbers(place.used.tolist())]
            cursor.execute(_COUNTERS, [programme, place.rule, place.period, place.most, *of])


def _save(decided: Decided, version: programmes.Active, programme: int, at: datetime) -> Numbers:
    """The rows of what was decided. Their numbers."""
    orders, many = decided.orders, len(decided.orders)
    numbers = _drawn("loyalty_earning_id_seq", many)
    lines, why, missed, allowed = [], [], [], []
    for rule, answers in decided.answers.items():
        parts, code, facts = answers.parts[:many], answers.code[:many], answers.facts[:many]
        because, has = joined('["', code, '",', facts, "]"), parts > 0
        shares = answers.shares[: len(orders.lines.number)]
        some = np.flatnonzero(shares)
        begins = np.searchsorted(some, orders.begins)
        lines.append((rule, has, objects(orders.lines.number[some], shares[some], begins)))
        why.append((rule, has, because))
        missed.append((rule, ~has, because))
        if rule in decided.programme.capped:
            allowed.append((rule, has, joined("[", parts, ",", parts, "]")))
    copy(
        "loyalty_earning",
        many,
        id=numbers,
        subject=joined("order:", orders.order),
        programme_id=programme,
        version_id=version.version,
        record_id=orders.record,
        effective_at=Instants(orders.placed_at),
        context=joined('{"member":"', orders.customer, '","order_number":', decided.number, "}"),
        lines=objects_of(lines),
        why=objects_of(why),
        missed=objects_of(missed),
        allowed=objects_of(allowed) if allowed else None,
        stamp=joined("\\\\x", np.array([one.hex() for one in orders.fingerprints()], object)),
        revision=1,
        decided_at=at.isoformat(),
    )
    return numbers


def _book(
    decided: Decided, lots: _Lots, ledger: Ledger, version: programmes.Active, currency: int, act: int
) -> None:
    """Accounts, entries, lots and postings."""
    programme, booked, entries, postings = version.programme, lots.booked, ledger.entries, ledger.postings
    account = _open(lots, ledger, currency)
    entry, lot = _drawn("loyalty_entry_id_seq", len(entries)), _drawn("loyalty_lot_id_seq", len(booked))
    subject = joined("order:", decided.orders.order[booked.order])
    is_award = entries.kind == AWARD
    back = joined('{"subject":"', subject, '"}').to_numpy(zero_copy_only=False)
    names = np.array([f"{programme.code}.{rule}" for rule in lots.rules], object)[booked.rule]
    is_clock = (entries.kind != AWARD) & (entries.kind != _past_ledger.REVERSE)
    copy(
        "loyalty_entry",
        len(entries),
        id=entry,
        public_id=_past_written.uuids(len(entries)),
        account_id=account[entries.account],
        sequence=entries.sequence,
        kind=_KINDS[entries.kind],
        effective_at=Instants(entries.at),
        reason=np.where(is_award, lots.code[entries.lot], _WHY[entries.kind]),
        arguments=np.where(is_award, lots.facts[entries.lot], np.where(is_clock, "{}", back[entries.lot])),
        rule=np.where(is_award, names[entries.lot], ""),
        rule_version=np.where(is_award, version.number, NONE),
        pending_after=entries.pending_after,
        available_after=entries.available_after,
        held_after=0,
        debt_after=0,
        act_id=act,
        origin="history",
    )
    origin = np.zeros(len(booked), np.int64)
    origin[entries.lot[is_award]] = entry[is_award]
    of_rules = [programme.by_id[rule].funding for rule in lots.rules]
    partners = np.array([escaped(one.removeprefix("partner:")) if one != SHOP else "" for one in of_rules], object)
    funding = np.array(["issuance" if one == SHOP else "partner" for one in of_rules], object)[booked.rule]
    worth = programme.currency.worth
    copy(
        "loyalty_lot",
        len(booked),
        id=lot,
        origin_entry_id=origin,
        record_id=decided.orders.record[booked.order],
        account_id=account[booked.account],
        original=booked.original,
        funding=funding,
        partner=partners[booked.rule] if partners.any() else None,
        allocated_price_minor=None if worth is None else lots.price,
        price_currency=None if worth is None else np.where(lots.price == NONE, "", programme.money).astype(object),
        standalone_price=None if worth is None else str(worth),
        estimate_version=None if worth is None else 1,
        expiry_policy=str(programme.expiry),
        earned_at=Instants(booked.placed_at),
        matures_at=Instants(booked.matures_at),
        expires_on=Days(lots.expires_on),
        expires_at=Instants(booked.expires_at),
        pending=ledger.pending,
        available=ledger.available,
        lapsed=ledger.lapsed,
        taken_back=booked.back,
        subject=subject,
        rule=names,
        rule_version=version.number,
    )
    names_of_books = (
        np.where(books == _past_ledger.FUNDING, funding[postings.lot], _BOOKS[books])
        for books in (postings.from_book, postings.to_book)
    )
    from_book, to_book = names_of_books
    copy(
        "loyalty_posting",
        len(postings),
        entry_id=entry[postings.entry],
        number=postings.number,
        lot_id=lot[postings.lot],
        from_book=from_book,
        to_book=to_book,
        amount=postings.amount,
    )


def _open(lots: _Lots, ledger: Ledger, currency: int) -> Numbers:
    """Accounts of those who have none, as they stand at the end. Their numbers."""
    many = len(lots.customers)
    sums = [np.zeros(many, np.int64) for _ in range(2)]
    for found, values in zip(sums, (ledger.pending, ledger.available), strict=True):
        np.add.at(found, lots.booked.account, values)
    entries = np.bincount(ledger.entries.account, minlength=many)
    with impatiently(), connection.cursor() as cursor:
        columns = (arrays.of_numbers(one.tolist()) for one in (lots.customers, entries, *sums))
        cursor.execute(_ACCOUNTS, [currency, *columns])
        number_of = dict(cursor.fetchall())
    return np.array([number_of[customer] for customer in lots.customers.tolist()], np.int64)


def _drawn(sequence: str, many: int) -> Numbers:
    """So many numbers."""
    asked = f"COPY (SELECT nextval('{sequence}') FROM generate_series(1, {many})) TO STDOUT"
    with connection.cursor() as cursor, cursor.copy(asked) as source:
        return np.array(b"".join(source).split(), np.int64)
