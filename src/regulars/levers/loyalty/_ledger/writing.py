"""All that an act decided, written in one statement: entries, new lots, postings, and the caches they change."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import repeat
from secrets import token_bytes
from typing import Any

from django.db import connection

from regulars.levers.loyalty._ledger.wallet import Draft, NewLot, Wallet
from regulars.runtime.database.prepared import Statement

Row = tuple[Any, ...]
_NUMBERS = """
SELECT ARRAY(SELECT nextval('loyalty_entry_id_seq') FROM generate_series(1, %s)),
       ARRAY(SELECT nextval('loyalty_lot_id_seq') FROM generate_series(1, %s))
"""
_ENTRIES = """
INSERT INTO loyalty_entry (id, public_id, account_id, sequence, kind, effective_at, reverses_id, reason, arguments,
                           rule, rule_version, pending_after, available_after, held_after, debt_after, act_id, origin)
SELECT told.*, %s::bigint, %s::text FROM unnest(%s::bigint[], %s::uuid[], %s::bigint[], %s::bigint[], %s::text[],
    %s::timestamptz[], %s::bigint[], %s::text[], %s::jsonb[], %s::text[], %s::int[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::bigint[]) AS told
"""
_LOTS = """
INSERT INTO loyalty_lot (id, origin_entry_id, record_id, account_id, original, funding, partner, allocated_price_minor,
                         price_currency, standalone_price, estimate_version, expiry_policy, earned_at, matures_at,
                         expires_on, expires_at, pending, available, held, spent, lapsed, taken_back, settled, short,
                         owed, subject, rule, rule_version, earning_id)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[],
    %s::bigint[], %s::text[], %s::numeric[], %s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::date[],
    %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::int[], %s::bigint[])
"""
_POSTINGS = """
INSERT INTO loyalty_posting (entry_id, number, lot_id, from_book, to_book, amount, for_lot_id)
SELECT * FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])
"""
#: From so many entries on, rows that are new are copied: it costs the database a third less, and three more exchanges.
MANY = 500
#: Part -> its table, and the columns of its rows. What is the same in all rows as it would be of itself is left out.
_COPIED = {
    _ENTRIES: (
        "loyalty_entry",
        *("id", "public_id", "account_id", "sequence", "kind", "effective_at", "reverses_id", "reason", "arguments"),
        *("rule", "rule_version", "pending_after", "available_after", "held_after", "debt_after", "act_id", "origin"),
    ),
    _LOTS: (
        "loyalty_lot",
        *("id", "origin_entry_id", "record_id", "account_id", "original", "funding", "partner"),
        *("allocated_price_minor", "price_currency", "standalone_price", "estimate_version", "expiry_policy"),
        *("earned_at", "matures_at", "expires_on", "expires_at", "pending", "available", "held", "spent", "lapsed"),
        *("taken_back", "settled", "short", "owed", "subject", "rule", "rule_version", "earning_id"),
    ),
    _POSTINGS: ("loyalty_posting", "entry_id", "number", "lot_id", "from_book", "to_book", "amount", "for_lot_id"),
}
_OF_ITSELF: dict[str, object] = {
    **dict.fromkeys(("pending", "available", "held", "spent", "lapsed", "taken_back", "settled", "short", "owed"), 0),
    **dict.fromkeys(("partner", "price_currency", "expiry_policy", "subject", "rule"), ""),
    "arguments": "{}",
}
# What changed, not what is now: were a lot read before it was locked, its sum would not add up and nothing be written.
_CHANGES = """
UPDATE loyalty_lot AS lot
   SET matures_at = told.matures_at, expires_on = told.expires_on, expires_at = told.expires_at,
       pending = lot.pending + told.pending, available = lot.available + told.available, held = lot.held + told.held,
       spent = lot.spent + told.spent, lapsed = lot.lapsed + told.lapsed, taken_back = lot.taken_back + told.taken_back,
       settled = lot.settled + told.settled, short = lot.short + told.short, owed = lot.owed + told.owed
  FROM unnest(%s::bigint[], %s::timestamptz[], %s::date[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[],
              %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
       AS told(id, matures_at, expires_on, expires_at, pending, available, held, spent, lapsed, taken_back, settled,
               short, owed)
 WHERE lot.id = told.id
"""
_ACCOUNTS = """
UPDATE loyalty_account AS account
   SET sequence = told.sequence, pending = account.pending + told.pending,
       available = account.available + told.available, held = account.held + told.held, debt = account.debt + told.debt
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
       AS told(id, sequence, pending, available, held, debt)
 WHERE account.id = told.id
"""
_HOLDS = """
UPDATE loyalty_hold AS hold
   SET captured = hold.captured + told.captured, released = hold.released + told.released,
       state = CASE WHEN hold.amount > hold.captured + told.captured + hold.released + told.released THEN 'open'
                    WHEN told.timed_out THEN 'expired'
                    WHEN hold.captured + told.captured > 0 THEN 'captured' ELSE 'released' END
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::boolean[]) AS told(id, captured, released, timed_out)
 WHERE hold.id = told.id
"""
_PARTS = """
UPDATE loyalty_hold_lot AS part
   SET captured = part.captured + told.captured, released = part.released + told.released
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS told(hold, lot, captured, released)
 WHERE part.hold_id = told.hold AND part.lot_id = told.lot
"""


class Written:
    """Numbers of what was written: of each wallet's entries in the order of its drafts, and of its new lots by the
    number they had in it."""

    def __init__(self) -> None:
        self.entries: dict[int, list[int]] = {}
        self.lots: dict[tuple[int, int], int] = {}


def statement(
    wallets: Iterable[Wallet], *, act: int, origin: str, entries: Sequence[int] = (), lots: Sequence[int] = ()
) -> tuple[Written, Statement | None]:
    """What writes all that was decided, with the numbers it gives; None where nothing was. `entries` and `lots` are
    numbers drawn ahead: where they are not enough, a statement draws others. What is new of very many is written now.
    """
    done = Written()
    changed = [wallet for wallet in wallets if wallet.is_changed]
    drafts = [(wallet, draft) for wallet in changed for draft in wallet.drafts]
    news = [(wallet, number) for wallet in changed for number in wallet.new]
    if not changed:
        return done, None
    if len(entries) < len(drafts) or len(lots) < len(news):
        with connection.cursor() as cursor:
            cursor.execute(_NUMBERS, [len(drafts), len(news)])
            [(entries, lots)] = cursor.fetchall()
    entries, lots = entries[: len(drafts)], lots[: len(news)]
    for (wallet, draft), number, name in zip(drafts, entries, _names(len(drafts)), strict=True):
        draft.public_id = name
        done.entries.setdefault(wallet.account, []).append(number)
    done.lots = {(wallet.account, temporary): number for (wallet, temporary), number in zip(news, lots, strict=True)}
    begun = {
        (wallet.account, move.lot): entry
        for (wallet, draft), entry in zip(drafts, entries, strict=True)
        if draft.kind in ("award", "adjust")
        for move in draft.moves
        if move.lot < 0
    }
    parts: list[tuple[str, Sequence[Row], Sequence[Any]]] = [
        (
            _ENTRIES,
            [_entry(number, wallet, draft) for (wallet, draft), number in zip(drafts, entries, strict=True)],
            [act, origin],
        ),
        (
            _LOTS,
            [
                _lot(done.lots[wallet.account, temporary], begun[wallet.account, temporary], wallet, temporary)
                for wallet, temporary in news
            ],
            (),
        ),
        (
            _POSTINGS,
            [
                row
                for (wallet, draft), number in zip(drafts, entries, strict=True)
                for row in _postings(number, wallet, draft, done.lots)
            ],
            (),
        ),
        (_CHANGES, [row for wallet in changed for row in _changes(wallet)], ()),
        (_ACCOUNTS, [_account(wallet) for wallet in changed if wallet.drafts], ()),
        (_HOLDS, _holds(changed), ()),
        (_PARTS, _parts(changed), ()),
    ]
    there = [(sql, rows, more) for sql, rows, more in parts if rows]
    if len(drafts) >= MANY:
        for sql, rows, more in there:
            if sql in _COPIED:
                _copy(*_COPIED[sql], rows=rows, more=more)
        there = [part for part in there if part[0] not in _COPIED]
    *first, (last, _rows, _more) = there
    head = ", ".join(f"part_{n} AS ({sql})" for n, (sql, _rows, _more) in enumerate(first))
    given = [value for _sql, rows, more in there for value in (*more, *map(_array, zip(*rows, strict=True)))]
    return done, (f"WITH {head} {last}" if head else last, given)


def _copy(table: str, *columns: str, rows: Sequence[Row], more: Sequence[Any]) -> None:
    """These rows, with `more` the same in each, as a COPY."""
    told: dict[str, Iterable[str]] = {}
    for name, values in zip(columns, (*zip(*rows, strict=True), *((one,) * len(rows) for one in more)), strict=True):
        first = values[0]
        is_same = values.count(first) == len(values)
        if is_same and first == _OF_ITSELF.get(name):
            continue
        if set(map(type, values)) == {int}:
            told[name] = map(str, values)
        elif is_same:
            told[name] = repeat(_field(first), len(values))
        else:
            texts = {value: _field(value) for value in set(values)}
            told[name] = map(texts.__getitem__, values)
    text = "\n".join(map("\t".join, zip(*told.values(), strict=True)))
    command = f"COPY {table} ({', '.join(told)}) FROM STDIN"
    # Django turns the driver's errors into its own for `execute` alone.
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(command) as sink:
        sink.write(text.encode())


def _field(value: object) -> str:
    """As COPY reads it."""
    if value is None:
        return "\\N"
    if isinstance(value, datetime):
        return value.isoformat()
    text = str(value)
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text


def _names(count: int) -> list[str]:
    """So many random UUIDs (version 4), as PostgreSQL reads them."""
    told = token_bytes(16 * count).hex()
    return [
        f"{told[at : at + 12]}4{told[at + 13 : at + 16]}a{told[at + 17 : at + 32]}" for at in range(0, len(told), 32)
    ]


def _array(values: tuple[Any, ...]) -> str:
    """A column of values as PostgreSQL writes an array: the driver's own way of saying it costs ten times as much."""
    first, many = values[0], len(values)
    if values.count(first) == many and type(first) is not Decimal:
        # Of a batch most columns say the same in every row.
        return "{" + ",".join([_element(first)] * many) + "}"
    kinds = set(map(type, values))
    if kinds == {int}:
        return "{" + str(values)[1:-1] + "}"
    if Decimal in kinds:
        # Equal ones may be written differently.
        return "{" + ",".join(map(_element, values)) + "}"
    texts = {value: _element(value) for value in set(values)}
    return "{" + ",".join([texts[value] for value in values]) + "}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if type(value) is int:
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f'"{value}"'


def _entry(number: int, wallet: Wallet, draft: Draft) -> Row:
    return (
        number,
        draft.public_id,
        wallet.account,
        draft.sequence,
        draft.kind,
        draft.effective_at,
        draft.reverses,
        draft.reason.code,
        json.dumps(dict(draft.reason.arguments)) if draft.reason.arguments else "{}",
        draft.rule,
        draft.rule_version,
        *draft.after,
    )


def _lot(number: int, entry: int, wallet: Wallet, temporary: int) -> Row:
    new: NewLot
    earned_at: datetime
    new, earned_at = wallet.new[temporary]
    lot = wallet.lots[temporary]
    return (
        number,
        entry,
        new.record,
        wallet.account,
        new.amount,
        new.funding,
        new.partner,
        new.allocated_price_minor,
        new.price_currency,
        new.standalone_price,
        new.estimate_version,
        new.expiry_policy,
        earned_at,
        *lot.standing,
        new.subject,
        new.rule,
        new.rule_version,
        new.earning,
    )


def _postings(number: int, wallet: Wallet, draft: Draft, lots: Mapping[tuple[int, int], int]) -> Iterable[Row]:
    for place, move in enumerate(draft.moves):
        yield (
            number,
            place,
            lots.get((wallet.account, move.lot), move.lot),
            move.from_book,
            move.to_book,
            move.amount,
            None if move.for_lot is None else lots.get((wallet.account, move.for_lot), move.for_lot),
        )


def _changes(wallet: Wallet) -> Iterable[Row]:
    for number, before in wallet.before.items():
        now = wallet.lots[number].standing
        if now != before:
            dates, amounts = now[:3], now[3:]
            yield (number, *dates, *(after - was for after, was in zip(amounts, before[3:], strict=True)))


def _account(wallet: Wallet) -> Row:
    changes = (after - was for after, was in zip(wallet.balances, wallet.balances_before, strict=True))
    return wallet.account, wallet.sequence, *changes


def _holds(wallets: Iterable[Wallet]) -> list[Row]:
    """A hold may keep of lots in several accounts: one row for it, whatever the number of its parts."""
    found: dict[int, list[Any]] = {}
    for wallet in wallets:
        for part in wallet.parts.values():
            if part.captured or part.released:
                row = found.setdefault(part.hold, [part.hold, 0, 0, False])
                row[1] += part.captured
                row[2] += part.released
                row[3] = row[3] or part.timed_out
    return [tuple(row) for row in found.values()]


def _parts(wallets: Iterable[Wallet]) -> list[Row]:
    return [
        (part.hold, part.lot, part.captured, part.released)
        for wallet in wallets
        for part in wallet.parts.values()
        if part.captured or part.released
    ]
