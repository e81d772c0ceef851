"""Accounts that rest: nothing of them ends, and when they go on, each lot has the days left that it had.

The days are whole ones: a lot never has less time left than it had, and up to a day more. Questions about an account
that rests say what would be if it went on at that moment.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from regulars.facts.company import company
from regulars.kit import civil
from regulars.levers.loyalty._ledger import account_rows, telling
from regulars.levers.loyalty._ledger.account_rows import Kind
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._ledger.wallet import Wallet

# What was spent of a lot may come back to it.
_ENDING = """
SELECT lot.id FROM loyalty_lot AS lot
 WHERE lot.account_id = %s AND lot.expires_at > %s AND lot.pending + lot.available + lot.held + lot.spent > 0
"""
_RESTING = """
SELECT account.id, account.customer_id, currency.code, account.rests_since, account.frozen_at, account.frozen_for,
       account.frozen_why
  FROM loyalty_account AS account JOIN loyalty_currency AS currency ON currency.id = account.currency_id
 WHERE account.customer_id = ANY(%s) AND account.rests_since IS NOT NULL ORDER BY account.id FOR UPDATE OF account
"""
_AWAKE = """
UPDATE loyalty_account SET frozen_at = NULL, frozen_why = '', frozen_for = '', rests_since = NULL WHERE id = ANY(%s)
"""
# The doctor may have frozen it meanwhile, and says why.
_AGAIN = """
UPDATE loyalty_account AS account
   SET frozen_at = coalesce(account.frozen_at, %s), frozen_for = %s,
       frozen_why = coalesce(nullif(account.frozen_why, ''), %s), rests_since = %s
  FROM loyalty_currency AS currency
 WHERE currency.id = account.currency_id AND currency.code = %s AND account.customer_id = ANY(%s)
   AND account.rests_since IS NULL
"""


@dataclass(frozen=True)
class Resting:
    """An account that rests: of whom and of which kind of points, since when, and since when and why it is frozen."""

    account: int
    customer: int
    currency: str
    since: datetime
    frozen_at: datetime
    frozen_for: str
    frozen_why: str


def later(on: date, until: datetime, *, since: datetime, at: datetime, zone: ZoneInfo) -> tuple[date, datetime]:
    """The last day, and when it is over, of what had until the end of `on` and rested from `since` to `at`. Pure."""
    day = on + (civil.day_of(at, zone) - civil.day_of(since, zone))
    while (ends := civil.start_of_day(day + timedelta(days=1), zone)) - at < until - since:
        day += timedelta(days=1)
    return day, ends


def zone_of(kind: Kind) -> ZoneInfo:
    """On whose clock its days end."""
    return civil.zone(kind.zone or company.shop().zone)


def catch_up(wallet: Wallet, kind: Kind, since: datetime | None, at: datetime) -> None:
    """`Wallet.catch_up`, where the account may rest."""
    if since is None or at <= since:
        wallet.catch_up(at)
    else:
        wallet.go_on(_ends(wallet, kind, since, at), at=at, since=since)


def resting(people: Sequence[int]) -> list[Resting]:
    """These people's accounts that rest, locked. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_RESTING, [list(people)])
        return [Resting(*row) for row in cursor.fetchall()]


def go_on(accounts: Sequence[Resting], *, told: Told, act: int) -> None:
    """They rest no more: each lot's last day is moved, as entries of the act."""
    with connection.cursor() as cursor:
        cursor.execute(_AWAKE, [[one.account for one in accounts]])
    for one in accounts:
        with connection.cursor() as cursor:
            cursor.execute(_ENDING, [one.account, one.since])
            lots = [number for (number,) in cursor.fetchall()]
        kind, held = account_rows.lock([one.customer], one.currency)
        wallets = account_rows.load(held, kind, at=told.at, need={}, lots=lots)
        catch_up(wallets[one.customer], kind, one.since, told.at)
        telling.write_and_tell(told, wallets, one.currency, act)


def rest_again(one: Resting, *, people: Collection[int], at: datetime) -> None:
    """From `at` on these people's points of its kind rest as it did, where nobody froze them meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            _AGAIN, [one.frozen_at, one.frozen_for, one.frozen_why, at, one.currency, sorted({one.customer, *people})]
        )


def _ends(wallet: Wallet, kind: Kind, since: datetime, at: datetime) -> dict[int, tuple[date, datetime]]:
    zone = zone_of(kind)
    return {
        lot.id: later(lot.expires_on, lot.expires_at, since=since, at=at, zone=zone)
        for lot in wallet.lots.values()
        if lot.expires_on is not None and lot.expires_at is not None and lot.expires_at > since
    }
