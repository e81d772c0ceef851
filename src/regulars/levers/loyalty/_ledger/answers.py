"""What a verb answers: the entries it wrote, the same at every telling of its key."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from regulars.kit import ids
from regulars.levers.loyalty._ledger.acting import Work

PREFIX = "ent"
_ENTRIES = """
SELECT entry.id, entry.public_id, account.customer_id, entry.kind, entry.effective_at, entry.pending_after,
       entry.available_after, entry.held_after, entry.debt_after,
       coalesce((SELECT sum(posting.amount) FROM loyalty_posting AS posting WHERE posting.entry_id = entry.id), 0)
  FROM loyalty_entry AS entry JOIN loyalty_account AS account ON account.id = entry.account_id
 WHERE entry.act_id = %s ORDER BY entry.id
"""
_LOTS = """
SELECT posting.lot_id FROM loyalty_entry AS entry JOIN loyalty_posting AS posting ON posting.entry_id = entry.id
  JOIN loyalty_lot AS lot ON lot.id = posting.lot_id AND lot.origin_entry_id = entry.id
 WHERE entry.act_id = %s GROUP BY posting.lot_id ORDER BY posting.lot_id
"""


@dataclass(frozen=True)
class Booked:
    """An entry as it was written: how much it moved, and what the customer's account stood at after it."""

    id: int
    number: str
    customer: int
    kind: str
    effective_at: datetime
    pending: int
    available: int
    held: int
    debt: int
    amount: int

    @property
    def public_id(self) -> str:
        """`ent_…`; in bulk nobody asks for it."""
        return ids.public(PREFIX, UUID(self.number))


@dataclass(frozen=True)
class Receipt:
    """What an act wrote, in order, with the numbers of the lots it made. Empty where there was nothing to do."""

    entries: tuple[Booked, ...]
    lots: tuple[int, ...] = ()

    def of(self, kind: str) -> Booked:
        """The first entry of this kind."""
        return next(entry for entry in self.entries if entry.kind == kind)


def of(work: Work) -> Receipt:
    """Of an act whose block has been left. No query where it was new, two where it was told before."""
    if not work.is_new:
        return of_act(work.act)
    booked = [
        Booked(
            number,
            draft.public_id,
            person,
            draft.kind,
            draft.effective_at,
            *draft.after,
            draft.amount,
        )
        for person, wallet in work.wallets.items()
        for draft, number in zip(wallet.drafts, work.written.entries.get(wallet.account, ()), strict=True)
    ]
    return Receipt(tuple(sorted(booked, key=lambda entry: entry.id)), tuple(sorted(work.written.lots.values())))


def of_act(act: int) -> Receipt:
    """Of an act, as it was written. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [act])
        booked = tuple(
            Booked(number, public_id.hex, who, kind, moment, pending, available, held, debt, int(moved))
            for number, public_id, who, kind, moment, pending, available, held, debt, moved in cursor.fetchall()
        )
        cursor.execute(_LOTS, [act])
        return Receipt(booked, tuple(row[0] for row in cursor.fetchall()))
