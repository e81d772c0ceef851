"""The past posted by columns: what `earning` posts order by order, of very many orders of very many customers at once.

What rules say, what caps leave and what the ledger books is decided in the same words for all of them, and copied. Who
has something under the programme already, or bought in a way that is not plain, is left to `earning`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.db import DatabaseError, connection, transaction

from regulars.facts.commerce.kept_columns import NONE, Flags, KeptColumns, Numbers
from regulars.facts.customers import persons
from regulars.kit import civil, money
from regulars.kit.actors import Actor
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._earning.earned import impatiently, is_taken
from regulars.levers.loyalty._earning.posting import Posted
from regulars.levers.loyalty._ledger import acts, telling
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._past import customers as past_customers
from regulars.levers.loyalty._past import decisions, row_copies
from regulars.levers.loyalty._past import ledger as past_ledger
from regulars.levers.loyalty._past.decisions import Decided, days_of, starts_of
from regulars.levers.loyalty._past.ledger import AWARD, Ledger, NewLots
from regulars.levers.loyalty._past.row_copies import (
    Days,
    Instants,
    Json,
    Octets,
    Small,
    copy,
    joined,
    objects,
    objects_of,
)
from regulars.levers.loyalty.rules.columns import TooLarge, fits
from regulars.levers.loyalty.rules.rule import SHOP
from regulars.levers.loyalty.rules.streak import Streak
from regulars.levers.loyalty.rules.surprise import Surprise
from regulars.runtime.database import arrays, copying

_DAY = timedelta(days=1)
# Record by record: while the table fills and has no statistics, an index of subjects, or no index at all, is taken for
# the better way to all of them at once, and then everything that was decided is read anew for each block.
_DECIDED = """
SELECT substr(earning.subject, 7), earning.record_id, encode(earning.stamp, 'hex')
  FROM unnest(%s::bigint[]) AS told(record) CROSS JOIN LATERAL (
       SELECT one.subject, one.record_id, one.stamp, one.programme_id FROM loyalty_earning AS one
        WHERE one.record_id = told.record OFFSET 0) AS earning
 WHERE earning.programme_id = %s AND starts_with(earning.subject, 'order:')
"""
_HAVE = "SELECT customer_id FROM loyalty_account WHERE customer_id = ANY(%s::bigint[]) AND currency_id = %s"
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
_DRAWN = """
SELECT min(number), max(number) FROM (SELECT nextval(%s) AS number FROM generate_series(1, %s)) AS drawn
"""
_DRAWN_ONE_BY_ONE = "SELECT array_agg(nextval(%s)) FROM generate_series(1, %s)"
_BOOKS = np.array(["", "pending", "available", "breakage"], object)
_KINDS = np.array(["award", "reverse", "expire", "activate"], object)
_WHY = np.array(["", "goods_returned", "lapsed", "matured"], object)


class _Moved(Exception):
    """Somebody is another person than a moment ago."""


@dataclass(frozen=True)
class Left:
    """Orders to be settled one by one, in their order, and which of its customer's each of them is."""

    orders: Sequence[int]
    counted: Mapping[int, int]


def post(block: KeptColumns, version: programmes.Active, *, at: datetime, by: Actor) -> tuple[Posted, Left]:
    """Post what can be posted by columns of these orders, in one transaction, and say what is left.

    Whoever decides one of them meanwhile is not waited for: then all of them are.
    """
    programme, number = version.programme, decisions.numbers(block)
    numbers = _known(version)
    is_decided, is_settled = _looked_up(block, numbers[0])
    done, posted = Posted(), np.zeros(len(block), bool)
    if decisions.is_of_columns(programme):
        has = is_decided | np.isin(block.customer, _having(block, numbers[1]))
        new = ~np.isin(block.customer, block.customer[has])
        mine = new & decisions.is_plain(block, programme)
        done, posted = _post_those(block, number, mine, version, numbers, at=at, by=by)
    left = ~posted & ~is_settled & (block.counts | is_decided)
    orders = block.order[left].tolist()
    return done, Left(orders, dict(zip(orders, number[left].tolist(), strict=True)))


def _post_those(
    block: KeptColumns,
    number: Numbers,
    mine: Flags,
    version: programmes.Active,
    numbers: tuple[int, int],
    *,
    at: datetime,
    by: Actor,
) -> tuple[Posted, Flags]:
    """What was posted, and of which orders; nothing of any where they have to go one by one after all."""
    nothing = Posted(), np.zeros(len(block), bool)
    try:
        decided = _decided(block, number, mine, version)
        lots = _lots(decided)
        with transaction.atomic():
            done = _write(decided, lots, version, numbers, at=at, by=by)
    except (TooLarge, _Moved):
        # Numbers beyond what columns hold, or somebody who became another person since they were read.
        return nothing
    except DatabaseError as problem:
        # Somebody else decides one of them at this moment, and is not waited for.
        if is_taken(problem):
            return nothing
        raise
    return done, np.isin(block.customer, decided.orders.customer)


def _decided(block: KeptColumns, number: Numbers, mine: Flags, version: programmes.Active) -> Decided:
    wanted = mine & block.counts
    orders, number = block.only(wanted), number[wanted]
    seen = past_customers.of(orders, version.programme)
    while True:
        decided = decisions.decide(orders, number, version.programme, seen)
        if not (odd := decided.is_odd).any():
            return decided
        free = ~odd
        orders, number, seen = orders.only(free), number[free], seen.only(free)


def _known(version: programmes.Active) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [version.version, version.programme.currency.code])
        [(programme, currency)] = cursor.fetchall()
    return programme, currency


def _looked_up(block: KeptColumns, programme: int) -> tuple[Flags, Flags]:
    """Which of the orders were decided under the programme, and of which nothing is other than it was then."""
    is_decided, is_settled = np.zeros((2, len(block)), bool)
    of = arrays.of_numbers(np.union1d(block.customer, block.record).tolist())
    rows = [row.split(",") for row in copying.text(_DECIDED, [of, programme]).decode().splitlines()]
    if rows:
        places = {order: place for place, order in enumerate(block.order.tolist())}
        stamps = block.fingerprints()
        for order, record, stamp in rows:
            # Others of the record's may have turned out to be somebody else's.
            if (place := places.get(int(order))) is not None:
                is_decided[place] = True
                is_settled[place] = stamps[place].hex() == stamp and int(record) == block.record[place]
    return is_decided, is_settled


def _having(block: KeptColumns, currency: int) -> list[int]:
    """Who has an account already."""
    with connection.cursor() as cursor:
        cursor.execute(_HAVE, [arrays.of_numbers(np.unique(block.customer).tolist()), currency])
        return [number for (number,) in cursor.fetchall()]


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
    orders, rules = decided.orders, sorted(decided.answers)
    first = [decided.first(rule) for rule in rules]
    of_rule = [np.flatnonzero(parts) for parts in first]
    order, rank = (
        np.concatenate([*of_rule, np.zeros(0, np.int64)]),
        np.repeat(np.arange(len(rules)), list(map(len, of_rule))),
    )
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
            # Of the past nothing is lent: what waits still, waits.
            now=np.where((matures_at == NONE) | (matures_at > placed_at), 0, original),
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


def _matures(decided: Decided) -> Numbers:
    """When what each order earned can be spent, as `_earning/posting` has it of one."""
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
    last = [decided.programme.expiry.last_day(decisions.date_of(day)) for day in days.tolist()]
    last_days = np.array([NONE if day is None else decisions.number_of(day) for day in last], np.int64)[place]
    if decided.programme.expiry.kind == "activity" and len(last_days):
        # As long as each purchase came in time, all of them stay as long as the last of them.
        ends = np.append((decided.on[1:] > last_days[:-1]) | np.diff(decided.orders.customer).astype(bool), True)
        last_of = np.flatnonzero(ends)
        last_days = last_days[last_of[np.searchsorted(last_of, np.arange(len(last_days)))]]
    expires_at = last_days.copy()
    known = last_days != NONE
    expires_at[known] = starts_of(last_days[known] + 1, civil.zone(decided.programme.zone))
    return last_days, expires_at


def _prices(decided: Decided, rules: Sequence[str], rank: Numbers, order: Numbers, original: Numbers) -> Numbers:
    """What of the price paid stands for each lot, as `_earning/posting` has it of one."""
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
    act, _ = acts.begin(told)
    orders = decided.orders
    person_of = persons.held(np.unique(orders.record[lots.booked.order]).tolist())
    mine = set(zip(orders.record[lots.booked.order].tolist(), orders.customer[lots.booked.order].tolist(), strict=True))
    if any(person_of[record] != customer for record, customer in mine):
        raise _Moved
    ledger = past_ledger.book(lots.booked, decisions.us_of(at))
    _book(decided, lots, ledger, numbers, version, currency_id, act)
    telling.tell_of_the_past(told, act, currency, accounts=len(lots.customers), entries=len(ledger.entries))
    return Posted(len(orders), len(lots.booked), int(lots.booked.original.sum()), int(lots.booked.back.sum()))


def _count(decided: Decided, programme: int) -> None:
    """What is used of caps."""
    with connection.cursor() as cursor:
        for place in [*decided.places, *decided.turns]:
            days = [decisions.date_of(day).isoformat() for day in place.starts_on.tolist()]
            member, used = (arrays.of_numbers(one.tolist()) for one in (place.member, place.used))
            of = (place.rule, place.period, place.most)
            cursor.execute(_COUNTERS, (programme, *of, member, days, used))


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
            wanted = answers.wanted[:many]
            allowed.append((rule, wanted > 0, joined("[", parts, ",", wanted, "]")))
    copy(
        "loyalty_earning",
        many,
        id=numbers,
        subject=joined("order:", orders.order),
        programme_id=programme,
        version_id=version.version,
        record_id=orders.record,
        effective_at=Instants(orders.placed_at),
        context=Json(joined('{"member":"', orders.customer, '","order_number":', decided.number, _asked(decided), "}")),
        lines=Json(objects_of(lines)),
        why=Json(objects_of(why)),
        missed=Json(objects_of(missed)),
        allowed=Json(objects_of(allowed)) if allowed else None,
        stamp=Octets(np.frombuffer(b"".join(orders.fingerprints()), np.uint8).reshape(many, -1)),
        revision=Small(1),
        decided_at=Instants(decisions.us_of(at)),
    )
    return numbers


def _asked(decided: Decided) -> Any:
    """What else of a context is kept: how many periods in a row, for which number something is given, what surprises
    are drawn from, on which levels somebody was and what their birthday gave."""
    programme, lines, many = decided.programme, decided.lines, len(decided.orders)
    runs = [
        (rule.id, np.ones(many, bool), joined(lines.runs[rule.period][:many]))
        for rule in programme.of_orders
        if isinstance(rule, Streak)
    ]
    found = joined(',"streaks":', objects_of(runs)) if runs else ""
    if programme.of_every:
        number = joined(decided.number)
        turns = [(rule.id, rule.may_give_columns(lines)[:many], number) for rule in programme.of_every]
        found = joined(found, _some_of("turns", turns))
    if any(isinstance(rule, Surprise) for rule in programme.of_orders):
        found = joined(found, f',"seed":{json.dumps(programme.seed)}') if programme.seed else found
    for name, columns in (("tiers", decided.customers.tiers), ("birthdays", decided.customers.birthdays)):
        told = [(one, values != "", joined('"', values, '"')) for one, values in columns.items()]
        found = joined(found, _some_of(name, told)) if told else found
    return found


def _some_of(name: str, members: Sequence[tuple[str, Flags, Any]]) -> Any:
    is_any = np.logical_or.reduce([has for _, has, _ in members])
    return pc.if_else(pa.array(is_any), joined(f',"{name}":', objects_of(members)), "")


def _book(
    decided: Decided,
    lots: _Lots,
    ledger: Ledger,
    earnings: Numbers,
    version: programmes.Active,
    currency: int,
    act: int,
) -> None:
    """Accounts, entries, lots and postings."""
    programme, booked, entries, postings = version.programme, lots.booked, ledger.entries, ledger.postings
    account = _open(lots, ledger, currency)
    entry, lot = _drawn("loyalty_entry_id_seq", len(entries)), _drawn("loyalty_lot_id_seq", len(booked))
    subject = joined("order:", decided.orders.order[booked.order])
    is_award = entries.kind == AWARD
    back = joined('{"subject":"', subject, '"}').to_numpy(zero_copy_only=False)
    names = np.array([f"{programme.code}.{rule}" for rule in lots.rules], object)[booked.rule]
    is_clock = (entries.kind != AWARD) & (entries.kind != past_ledger.REVERSE)
    copy(
        "loyalty_entry",
        len(entries),
        id=entry,
        public_id=row_copies.uuids(len(entries)),
        account_id=account[entries.account],
        sequence=entries.sequence,
        kind=_KINDS[entries.kind],
        effective_at=Instants(entries.at),
        reason=np.where(is_award, lots.code[entries.lot], _WHY[entries.kind]),
        arguments=Json(np.where(is_award, lots.facts[entries.lot], np.where(is_clock, "{}", back[entries.lot]))),
        rule=np.where(is_award, names[entries.lot], ""),
        rule_version=Small(np.where(is_award, version.number, NONE)),
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
    partners = np.array([one.removeprefix("partner:") if one != SHOP else "" for one in of_rules], object)
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
        standalone_price=worth,
        estimate_version=None if worth is None else Small(version.number),
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
        earning_id=earnings[booked.order],
        rule=names,
        rule_version=Small(version.number),
    )
    names_of_books = (
        np.where(books == past_ledger.FUNDING, funding[postings.lot], _BOOKS[books])
        for books in (postings.from_book, postings.to_book)
    )
    from_book, to_book = names_of_books
    copy(
        "loyalty_posting",
        len(postings),
        entry_id=entry[postings.entry],
        number=Small(postings.number),
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
    """So many numbers, in a row where nobody else draws meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(_DRAWN, [sequence, many])
        [(least, most)] = cursor.fetchall()
        if most - least < many:
            return np.arange(least, most + 1)
        # Which of them are ours, their ends do not say: they are left out.
        cursor.execute(_DRAWN_ONE_BY_ONE, [sequence, many])
        [(numbers,)] = cursor.fetchall()
    return np.array(numbers, np.int64)
