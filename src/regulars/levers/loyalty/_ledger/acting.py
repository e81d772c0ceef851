"""One act on the ledger: its key first, then accounts are locked, then it is decided, then written in one statement.

    with acting.act(told, customers=[priya], need={priya: 50}) as work:
        if work.is_new:
            work.wallet(priya).spend(50, at=at, reason=Reason("redeemed"))

Everything runs READ COMMITTED. The lots are read by a statement of their own after the locks: the statement that waits
for a lock has taken its snapshot before it waited. Accounts are locked in the order of their numbers, and persons
before them, so nobody joins or parts them meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from regulars.facts.customers import persons
from regulars.levers.loyalty._ledger import account_rows, acts, alone, telling
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._ledger.alone import Numbers
from regulars.levers.loyalty._ledger.wallet import NewLot, Wallet
from regulars.levers.loyalty._ledger.writing import Written


@dataclass
class Work:
    """An act under way. `is_new` is false where the same was told before: nothing is locked then, nothing is written,
    and the answer is read from the entries of `act`."""

    act: int
    is_new: bool
    told: Told
    wallets: dict[int, Wallet] = field(default_factory=dict)
    persons: dict[int, int] = field(default_factory=dict)
    written: Written = field(default_factory=Written)

    def wallet(self, customer: int) -> Wallet:
        """Of the person that this record belongs to."""
        return self.wallets[self.persons[customer]]

    def by_person(self, amounts: Mapping[int, int] | None) -> dict[int, int]:
        """What is said of records, summed by their persons."""
        found: dict[int, int] = {}
        for record, amount in (amounts or {}).items():
            found[self.persons[record]] = found.get(self.persons[record], 0) + amount
        return found

    def award(self, new: NewLot, *, at: datetime | None = None, kind: str = "award") -> tuple[int, int]:
        """Post a lot on its person's account. The key of its number in `written.lots`, when the block is left."""
        wallet = self.wallet(new.record)
        return wallet.account, wallet.award(new, at=at or self.told.at, kind=kind)

    def take_back(self, shares: Mapping[int, int], **how: Any) -> None:
        """`Wallet.take_back` where the lots are of any of the wallets; told of each that has some."""
        for wallet in self.wallets.values():
            if mine := {lot: amount for lot, amount in shares.items() if lot in wallet.lots}:
                wallet.take_back(mine, **{"at": self.told.at, **how})


@contextmanager
def act(
    told: Told,
    *,
    customers: Iterable[int],
    currency: str = "points",
    need: Mapping[int, int] | None = None,
    owe: Mapping[int, int] | None = None,
    lots: Sequence[int] = (),
    holds: Sequence[int] = (),
) -> Iterator[Work]:
    """A transaction (or part of the caller's) in which these customers' accounts are locked, caught up with the clock,
    and written when the block is left.

    `need` says how much somebody may spend and `owe` how much may come to be owed, so that only lots that can be
    wanted are read; `lots` and what `holds` keep are read whatever they are at. Raises `KeyUsedOtherwise`,
    `AccountFrozen` and `NoSuchCurrency`.
    """
    records = set(customers)
    with transaction.atomic():
        if len(records) == 1:
            [record] = records
            begun = alone.begin(
                told,
                record,
                currency,
                need=sum((need or {}).values()),
                owe=sum((owe or {}).values()),
                lots=lots,
                holds=holds,
            )
            work = Work(begun.act, begun.is_new, told, dict(begun.wallets), dict(begun.persons))
            yield from _done(work, currency, begun.numbers)
            return
        number, is_new = acts.begin(told)
        work = Work(number, is_new, told)
        if not is_new:
            yield work
            return
        work.persons = persons.held(records)
        people = sorted(set(work.persons.values()))
        kind, held = account_rows.lock(people, currency)
        work.wallets = account_rows.load(
            held, kind, at=told.at, need=work.by_person(need), owe=work.by_person(owe), lots=lots, holds=holds
        )
        yield from _done(work, currency, Numbers())


def _done(work: Work, currency: str, numbers: Numbers) -> Iterator[Work]:
    """Caught up with the clock, worked on by the block, written. Where it was told before, none of it."""
    if not work.is_new:
        yield work
        return
    for wallet in work.wallets.values():
        wallet.catch_up(work.told.at)
    yield work
    work.written = telling.write_and_tell(
        work.told, work.wallets, currency, work.act, entries=numbers.entries, lots=numbers.lots
    )
