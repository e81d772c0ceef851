"""An account's lots as they stood by what was written down until a moment, so that the clock can be asked about them.

What was said of a lot's end later than that is undone by the entries that say so; when it matures is in no entry, so
that is what is known today. Which hold a capture was of is in no entry either: of a lot that several holds keep, those
that last count as they are today.
"""

import json
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from regulars.kit import civil
from regulars.levers.loyalty._ledger import resting
from regulars.levers.loyalty._ledger.account_rows import Kind
from regulars.levers.loyalty._ledger.books import BY_POSTINGS, OWED
from regulars.levers.loyalty._ledger.wallet import Lot, Part, Wallet

_KNOWN = "entry.effective_at <= %(as_of)s AND entry.recorded_at <= %(known_at)s"
_POSTED = """
SELECT {pending}, {available}, {held}, {owed}
  FROM loyalty_posting AS posting JOIN loyalty_entry AS entry ON entry.id = posting.entry_id
 WHERE entry.account_id = %(account)s AND {known}
"""
_LOTS = """
SELECT lot.id, lot.record_id, lot.funding, lot.original, lot.matures_at, lot.expires_on, lot.expires_at,
       coalesce(stood.pending, 0)::bigint, coalesce(stood.available, 0)::bigint, coalesce(stood.held, 0)::bigint,
       coalesce(owing.owed, 0)::bigint, entry.account_id
  FROM loyalty_lot AS lot JOIN loyalty_entry AS entry ON entry.id = lot.origin_entry_id AND {known}
  LEFT JOIN LATERAL (
    SELECT {pending} AS pending, {available} AS available, {held} AS held
      FROM loyalty_posting AS posting JOIN loyalty_entry AS entry ON entry.id = posting.entry_id
     WHERE posting.lot_id = lot.id AND {known}
  ) AS stood ON true
  LEFT JOIN LATERAL (
    SELECT {owed} AS owed FROM (
      SELECT * FROM loyalty_posting AS own WHERE own.lot_id = lot.id AND own.for_lot_id IS NULL
       UNION ALL SELECT * FROM loyalty_posting AS own WHERE own.for_lot_id = lot.id) AS posting
      JOIN loyalty_entry AS entry ON entry.id = posting.entry_id WHERE {known}
  ) AS owing ON true
 WHERE lot.account_id = %(account)s
"""
# Who came and who went, in order: lots of a record, or each lot by name.
_CAME = """
SELECT posting.record_id, posting.lot_id, entry.kind
  FROM loyalty_entry AS entry JOIN loyalty_posting AS posting ON posting.entry_id = entry.id
 WHERE entry.account_id = %(account)s AND entry.kind IN ('merge_in', 'merge_out') AND {known} ORDER BY entry.id
"""
_SAID_LATER = """
SELECT entry.arguments FROM loyalty_entry AS entry
 WHERE entry.account_id = %(account)s AND entry.kind IN ('extend', 'reinstate') AND NOT ({known})
 ORDER BY entry.id DESC
"""
_HOLDS = """
SELECT part.lot_id, hold.id, hold.expires_at, part.amount - part.captured - part.released
  FROM loyalty_hold_lot AS part JOIN loyalty_hold AS hold ON hold.id = part.hold_id
  JOIN loyalty_act AS act ON act.id = hold.act_id
 WHERE part.lot_id = ANY(%(lots)s) AND hold.held_at <= %(as_of)s AND act.recorded_at <= %(known_at)s
 ORDER BY hold.expires_at NULLS LAST, hold.id
"""


def wallet(account: int, kind: Kind, *, as_of: datetime, known_at: datetime) -> Wallet:
    """What the entries say that took effect by `as_of` and were written by `known_at`; what the clock had due by then
    is still to be caught up. Five queries."""
    told: dict[str, Any] = {"account": account, "as_of": as_of, "known_at": known_at}
    with connection.cursor() as cursor:
        cursor.execute(_sql(_POSTED), told)
        [posted] = cursor.fetchall()
        cursor.execute(_sql(_CAME), told)
        came = cursor.fetchall()
        cursor.execute(_sql(_SAID_LATER), told)
        later = [json.loads(said) if isinstance(said, str) else said for (said,) in cursor.fetchall()]
        cursor.execute(_sql(_LOTS), told)
        rows = cursor.fetchall()
    lots = {row[0]: _lot(*row[:11]) for row in rows if _was_here(row, came, account)}
    for said in later:
        if (lot := lots.get(said.get("lot", 0))) is not None and "was" in said:
            _end(lot, said["was"], kind)
    pending, available, held, owed = map(int, posted)
    found = Wallet(account=account, terms=kind.terms, balances=(pending, available, held, owed), lots=lots.values())
    for part in _parts(lots, told):
        found.parts[part.hold, part.lot] = part
    return found


def _sql(query: str) -> str:
    return query.format(**BY_POSTINGS, owed=OWED, known=_KNOWN)


def _was_here(row: Any, came: list[Any], account: int) -> bool:
    here = bool(row[11] == account)
    for record, lot, kind in came:
        if record == row[1] or lot == row[0]:
            here = kind == "merge_in"
    return here


def _lot(*told: Any) -> Lot:
    *stood, owed = told
    lot = Lot(*stood)
    lot.owed = owed
    return lot


def _end(lot: Lot, was: str | None, kind: Kind) -> None:
    lot.expires_on, lot.expires_at = None, None
    if was is not None:
        lot.expires_on = date.fromisoformat(was)
        lot.expires_at = civil.start_of_day(lot.expires_on + timedelta(days=1), resting.zone_of(kind))


def _parts(lots: dict[int, Lot], told: dict[str, Any]) -> list[Part]:
    """What holds that run out by then keep of each lot."""
    kept = [number for number, lot in lots.items() if lot.held]
    if not kept:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_HOLDS, told | {"lots": kept})
        rows = cursor.fetchall()
    free = {number: lots[number].held for number in kept}
    for number, _hold, expires_at, left in rows:
        if expires_at is None or expires_at > told["as_of"]:
            free[number] -= left
    timed = {}
    for number, hold, expires_at, _left in rows:
        if expires_at is not None and expires_at <= told["as_of"] and free[number] > 0:
            timed[number] = Part(hold, number, free[number], expires_at)
    return list(timed.values())
