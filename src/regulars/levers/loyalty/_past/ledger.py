"""What the ledger has of lots that nobody spent from, of very many accounts at once: what `Wallet` books for each where
all there is are awards, what was taken back of them at once, maturity and expiry. Without a database or a clock.

Accounts are new. Then no lot's fate depends on another's, and what is left is in which order it stands in the books.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regulars.facts.commerce.kept_columns import NONE, Flags, Numbers

#: Books and kinds of entries, as columns have them.
FUNDING, PENDING, AVAILABLE, BREAKAGE = range(4)
AWARD, REVERSE, EXPIRE, ACTIVATE = range(4)
#: What the clock does at an instant: points lapse before others mature.
_LAPSE, _MATURE = 1, 2
_CLOCK, _ORDER = range(2)
_GIVEN, _BACK = range(2)


@dataclass(frozen=True)
class NewLots:
    """Lots in the order of their posting: by account, by when their orders were placed, by rule. Instants are
    microseconds since 1970, `NONE` where there is none. `back` of `original` was taken back, at `back_at`; `now` could
    be spent at once, the rest waits for `matures_at`. `order` is the place of its order among those of all accounts."""

    account: Numbers
    order: Numbers
    rule: Numbers
    placed_at: Numbers
    original: Numbers
    now: Numbers
    back: Numbers
    back_at: Numbers
    matures_at: Numbers
    expires_at: Numbers

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True)
class Entries:
    """Entries in the order of their accounts and numbers. `lot`: the first lot they move, the one they award."""

    account: Numbers
    sequence: Numbers
    kind: Numbers
    at: Numbers
    lot: Numbers
    pending_after: Numbers
    available_after: Numbers

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True)
class Postings:
    """Postings: of which entry and lot, the how manieth, between which books."""

    entry: Numbers
    number: Numbers
    lot: Numbers
    from_book: Numbers
    to_book: Numbers
    amount: Numbers

    def __len__(self) -> int:
        return len(self.entry)


@dataclass(frozen=True)
class Ledger:
    """All of it; and where each lot's points are at the end."""

    entries: Entries
    postings: Postings
    pending: Numbers
    available: Numbers
    lapsed: Numbers


def book(lots: NewLots, at: int) -> Ledger:
    """What there is to be written, where the clock is followed from each purchase to the next, and then until `at`."""
    waits = lots.original - lots.now
    back_pending = np.minimum(lots.back, waits)
    back_available = lots.back - back_pending
    pending, available = waits - back_pending, lots.now - back_available
    ends, matures = lots.expires_at, lots.matures_at
    in_time = (matures != NONE) & ((ends == NONE) | (matures < ends))
    matured_in = _booked(lots, matures, at)
    does_mature = (pending > 0) & in_time & (matured_in >= 0)
    lapsed_in = _booked(lots, ends, at)
    does_lapse = (pending + available > 0) & (ends != NONE) & (lapsed_in >= 0)
    lapse_pending = np.where(does_lapse & ~in_time, pending, 0)
    lapse_available = np.where(does_lapse, available + np.where(in_time, pending, 0), 0)
    nothing, number = np.zeros(len(lots), np.int64), np.arange(len(lots))
    steps = (lots.order, nothing + _ORDER)
    given, back = (*steps, nothing + _GIVEN, lots.rule), (*steps, nothing + _BACK, lots.rule)
    # At one instant the lots that came last go first, as they do by their numbers below zero.
    lapse = (lapsed_in, nothing + _CLOCK, ends, nothing + _LAPSE)
    mature = (matured_in, nothing + _CLOCK, matures, nothing + _MATURE)
    moves = (
        (*given, nothing, FUNDING, PENDING, waits),
        (*given, nothing, FUNDING, AVAILABLE, lots.now),
        (*back, nothing, PENDING, FUNDING, back_pending),
        (*back, nothing, AVAILABLE, FUNDING, back_available),
        (*lapse, -number, PENDING, BREAKAGE, lapse_pending),
        (*lapse, -number, AVAILABLE, BREAKAGE, lapse_available),
        (*mature, -number, PENDING, AVAILABLE, np.where(does_mature, pending, 0)),
    )
    there = [np.flatnonzero(amount) for *_, amount in moves]

    def column(which: int) -> Numbers:
        told = zip(moves, there, strict=True)
        return np.concatenate([np.broadcast_to(move[which], len(lots))[some] for move, some in told])

    lot = np.concatenate(there).astype(np.int64)
    when, what, first, second, within, out_of, into, amount = map(column, range(8))
    account = lots.account[lot]
    in_turn = np.lexsort((out_of, within, second, first, what, when, account))
    lot, account, out_of, into, amount = (one[in_turn] for one in (lot, account, out_of, into, amount))
    keys = [one[in_turn] for one in (when, what, first, second)]
    begins = np.append(True, account[1:] != account[:-1])[: len(lot)]
    for key in keys:
        begins[1:] |= key[1:] != key[:-1]
    starts = np.flatnonzero(begins)
    of = np.cumsum(begins) - 1
    _, what, first, second = (key[starts] for key in keys)
    clock = what == _CLOCK
    kind = np.where(clock, np.where(second == _LAPSE, EXPIRE, ACTIVATE), np.where(first == _GIVEN, AWARD, REVERSE))
    leading = lot[starts]
    entries = Entries(
        account=account[starts],
        sequence=_within(account[starts]),
        kind=kind,
        at=np.where(clock, first, np.where(kind == AWARD, lots.placed_at[leading], lots.back_at[leading])),
        lot=leading,
        pending_after=_after(account[starts], starts, out_of, into, amount, PENDING),
        available_after=_after(account[starts], starts, out_of, into, amount, AVAILABLE),
    )
    postings = Postings(of, np.arange(len(lot)) - starts[of], lot, out_of, into, amount)
    return Ledger(
        entries,
        postings,
        pending=pending - np.where(does_mature, pending, 0) - lapse_pending,
        available=available + np.where(does_mature, pending, 0) - lapse_available,
        lapsed=lapse_pending + lapse_available,
    )


def _booked(lots: NewLots, instants: Numbers, at: int) -> Numbers:
    """Before which order what happens by the clock at these instants is booked: the first of the account's later ones
    that was placed by then; the last of all where it is due by `at`; else below zero, for it is not yet."""
    moments = np.unique(lots.placed_at)
    most = len(moments) + 2
    placed = lots.account * most + np.searchsorted(moments, lots.placed_at)
    place = np.searchsorted(placed, lots.account * most + np.searchsorted(moments, instants))
    found = np.minimum(place, len(lots) - 1)
    is_mine = (place < len(lots)) & (lots.account[found] == lots.account)
    last = int(lots.order[-1]) + 1 if len(lots) else 0
    booked: Numbers = np.where(is_mine, lots.order[found], np.where(instants <= at, last, -1))
    return booked


def _after(
    account: Numbers, starts: NDArray[np.intp], out_of: Numbers, into: Numbers, amount: Numbers, book: int
) -> Numbers:
    """What each account has in a book after each entry."""
    change = np.where(into == book, amount, 0) - np.where(out_of == book, amount, 0)
    so_far = np.cumsum(np.add.reduceat(change, starts)) if len(starts) else np.zeros(0, np.int64)
    first: Flags = np.append(True, account[1:] != account[:-1])[: len(account)]
    before = np.append(0, so_far)[np.flatnonzero(first)]
    found: Numbers = so_far - np.repeat(before, np.diff(np.append(np.flatnonzero(first), len(account))))
    return found


def _within(account: Numbers) -> Numbers:
    """1, 2, 3 … within each account."""
    first = np.flatnonzero(np.append(True, account[1:] != account[:-1])[: len(account)])
    return np.arange(len(account)) - np.repeat(first, np.diff(np.append(first, len(account)))) + 1
