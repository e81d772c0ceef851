"""An act on one record's account: its key, the person, the account and its lots, in one exchange.

Each is a statement of its own, as in `acting.act`: what is read after a lock was waited for is read anew. What needs
more than that (an account to be opened, holds, what is owed) is read by `account_rows` as for many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from regulars.facts.customers import persons
from regulars.levers.loyalty._ledger import account_rows, acts
from regulars.levers.loyalty._ledger.account_rows import LOT
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._ledger.wallet import Lot, Wallet
from regulars.runtime.database.prepared import Row, Statement, at_once

_PERSON = "(SELECT coalesce(person_id, id) FROM customers_customer WHERE id = %s::bigint)"
_MINE = f"""
SELECT account.id FROM loyalty_account AS account
 WHERE account.customer_id = {_PERSON}
   AND account.currency_id = (SELECT currency.id FROM loyalty_currency AS currency WHERE currency.code = %s)
"""  # noqa: S608 - of constants
_LOCK = account_rows.LOCK.replace("= ANY(%s)", f"= {_PERSON}")
# What the clock is due to change.
_DUE = f"""
SELECT lot.account_id, {LOT} FROM loyalty_lot AS lot
 WHERE lot.account_id = ({_MINE}) AND (lot.pending > 0 OR lot.available > 0)
   AND (lot.expires_at <= %s::timestamptz OR (lot.pending > 0 AND lot.matures_at <= %s::timestamptz))
"""  # noqa: S608 - of constants
# And what can be wanted of a spend, in the order in which it is spent.
_WANTED = f"""
SELECT account_id, {LOT.replace("lot.", "")} FROM (
  SELECT lot.*, lot.expires_at IS NULL OR lot.expires_at > told.at AS lasts, told.at, told.need,
         sum(CASE WHEN lot.expires_at IS NULL OR lot.expires_at > told.at THEN lot.available ELSE 0 END)
           OVER (ORDER BY CASE WHEN told.by_age THEN NULL ELSE lot.expires_at END NULLS LAST, lot.id)
         - lot.available AS before
    FROM (SELECT %s::timestamptz AS at, %s::bigint AS need, EXISTS (
            SELECT FROM loyalty_currency WHERE code = %s AND spend_order = 'oldest') AS by_age) AS told
    JOIN loyalty_lot AS lot ON lot.account_id = ({_MINE}) AND (lot.pending > 0 OR lot.available > 0)
) AS lot
 WHERE NOT lasts OR (pending > 0 AND matures_at <= at) OR (available > 0 AND before < need)
"""  # noqa: S608 - of constants
_NUMBERS = "SELECT nextval('loyalty_entry_id_seq'), nextval('loyalty_lot_id_seq')"
_NUMBER = "SELECT nextval('loyalty_entry_id_seq'), NULL::bigint"


@dataclass(frozen=True)
class Numbers:
    """Numbers drawn ahead, under the account's lock, for what is most likely written."""

    entries: Sequence[int] = ()
    lots: Sequence[int] = ()


@dataclass(frozen=True)
class Begun:
    """An act that has begun: its number, and where it is new whose wallet it works on."""

    act: int
    is_new: bool
    persons: Mapping[int, int] = field(default_factory=dict)
    wallets: Mapping[int, Wallet] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=Numbers)


def begin(
    told: Told,
    record: int,
    currency: str,
    *,
    need: int,
    owe: int,
    lots: Sequence[int] = (),
    holds: Sequence[int] = (),
) -> Begun:
    """One exchange where the account is there, holds nothing and owes nothing, and no lot or hold is asked for by name.

    Raises what `acting.act` does.
    """
    at, mine = told.at, (record, currency)
    lots_sql: Statement = (_WANTED, [at, need, currency, *mine]) if need else (_DUE, [*mine, at, at])
    inserted, held, locked, numbers, found = at_once(
        [
            acts.statement(told),
            persons.holding([record]),
            (_LOCK, [record]),
            (_NUMBER if need else _NUMBERS, []),
            lots_sql,
        ]
    )
    number, is_new = acts.begun(told, inserted)
    if not is_new:
        return Begun(number, is_new=False)
    person_of = persons.are_held([record], held)
    [person] = set(person_of.values())
    kind, accounts = account_rows.locked(locked, [person], currency)
    if not accounts or accounts[0].customer != person:
        # Opened now, or somebody joined the record in that moment.
        kind, accounts = account_rows.lock([person], currency)
        wallets = _load(accounts, kind, person, need, owe, lots, holds, at)
        return Begun(number, True, person_of, wallets)
    [one] = accounts
    if one.balances[2] or one.balances[3] or owe or lots or holds:
        wallets = _load(accounts, kind, person, need, owe, lots, holds, at)
    else:
        wallets = {person: _filled(one, kind, found)}
    return Begun(number, True, person_of, wallets, _drawn(numbers))


def _load(
    accounts: Sequence[account_rows.Held],
    kind: account_rows.Kind,
    person: int,
    need: int,
    owe: int,
    lots: Sequence[int],
    holds: Sequence[int],
    at: datetime,
) -> dict[int, Wallet]:
    owing = {person: owe} if owe else {}
    return account_rows.load(accounts, kind, at=at, need={person: need}, owe=owing, lots=lots, holds=holds)


def _filled(one: account_rows.Held, kind: account_rows.Kind, rows: Sequence[Row]) -> Wallet:
    wallet = Wallet(account=one.id, terms=kind.terms, balances=one.balances, sequence=one.sequence)
    for _account, *row in rows:
        wallet.put(Lot(*row))
    return wallet


def _drawn(rows: Sequence[Row]) -> Numbers:
    [(entry, lot)] = rows
    return Numbers([entry], [] if lot is None else [lot])
