"""Points as plainly as they can be said: no books, no entries, no laziness. What the ledger must agree with.

Time passes instant by instant, and everything that is due happens at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

DAY = timedelta(days=1)
PLACES = ("pending", "available", "held", "spent", "lapsed", "taken_back", "settled", "short", "owed")


class Refused(Exception):
    """The ledger must refuse, too."""


@dataclass
class ModelLot:
    """What one award gave."""

    record: str
    original: int
    matures_at: datetime | None
    expires_at: datetime | None
    of: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PLACES, 0))
    #: Whose it was before it was inherited.
    earner: str = ""
    #: What was owed of it, because it was spent, and is asked for no more.
    forgiven: int = 0

    def move(self, amount: int, out_of: str, into: str) -> None:
        self.of[out_of] -= amount
        self.of[into] += amount

    @property
    def reversible(self) -> int:
        return self.original - self.of["taken_back"] - self.of["short"]

    @property
    def is_free(self) -> bool:
        """Whether all that is left of it can be spent."""
        return self.of["available"] > 0 == self.of["pending"] + self.of["held"] + self.of["owed"]


@dataclass
class Rest:
    """Since when somebody's points are frozen, and which lots have their days when they go on."""

    since: datetime
    lots: set[int]


@dataclass
class Estate:
    """What went from a person to a record, by lots."""

    giver: str
    heir: str
    lots: list[int]
    is_back: bool = False


@dataclass
class ModelHold:
    """What is kept of which lots."""

    expires_at: datetime | None
    parts: dict[int, int]


class Model:
    """All points of all people. Each record may owe as much as `limit` (None: anything) for what is spent for good."""

    def __init__(self, at: datetime, records: tuple[str, ...], limit: int | None = None) -> None:
        self.at = at
        self.limit = limit
        self.person = {record: record for record in records}
        self.lots: list[ModelLot] = []
        self.holds: list[ModelHold] = []
        self.awards: list[int] = []
        #: Of each spend how much of which lot; of a hold of several people's lots one for each of them.
        self.spends: list[dict[int, int]] = []
        #: Whose account rests: a record's own may, while it is joined to another.
        self.rests: dict[str, Rest] = {}
        self.estates: list[Estate] = []

    # What can be asked.

    def mine(self, record: str) -> list[int]:
        """The person's lots, in the order in which they are spent."""
        person = self.person[record]
        mine = [n for n, lot in enumerate(self.lots) if self.person[lot.record] == person]
        return sorted(mine, key=lambda n: (self.lots[n].expires_at is None, self.lots[n].expires_at or self.at, n))

    def balances(self, record: str) -> tuple[int, ...]:
        mine = [self.lots[n].of for n in self.mine(record)]
        return tuple(sum(of[place] for of in mine) for place in ("pending", "available", "held", "owed"))

    def standing(self) -> list[tuple[Any, ...]]:
        return [(lot.record, self.end_of(n), *(lot.of[place] for place in PLACES)) for n, lot in enumerate(self.lots)]

    def rest_of(self, n: int) -> Rest | None:
        """What keeps the lot from ending."""
        rest, ends = self.rests.get(self.person[self.lots[n].record]), self.lots[n].expires_at
        return rest if rest is not None and ends is not None and ends > rest.since else None

    def end_of(self, n: int) -> datetime | None:
        """As if what rests went on now: whole days, and never less time than there was."""
        rest, ends = self.rest_of(n), self.lots[n].expires_at
        if rest is None or ends is None or n not in rest.lots:
            return ends
        return ends - (rest.since - self.at) // DAY * DAY

    def is_over(self, n: int) -> bool:
        ends = self.lots[n].expires_at
        return ends is not None and ends <= self.at and self.rest_of(n) is None

    def _wake(self, *records: str) -> None:
        """Whoever rests takes no verb."""
        if any(self.person[record] in self.rests for record in records):
            raise Refused

    def _owners(self, lots: Iterable[int]) -> list[str]:
        return [self.lots[n].record for n in lots]

    # What can happen.

    def waits(self, until: datetime) -> None:
        while instants := [instant for instant in self._due() if instant <= until]:
            self.at = min(instants)
            self._strikes()
        self.at = until

    def awards_(self, record: str, amount: int, matures_at: datetime | None, expires_at: datetime | None) -> None:
        self._wake(record)
        lot = ModelLot(record, amount, matures_at, expires_at)
        lot.of["available" if matures_at is None or matures_at <= self.at else "pending"] = amount
        self.lots.append(lot)
        self.awards.append(len(self.lots) - 1)
        self._settles()

    def takes(self, record: str, amount: int, into: str) -> dict[int, int]:
        """Spends, sets aside for a hold, or takes away: the lots that expire first."""
        self._wake(record)
        _pending, available, _held, owed = self.balances(record)
        if amount > available - owed:
            raise Refused
        taken = {}
        for n in self.mine(record):
            share = min(amount, self.lots[n].of["available"])
            if share:
                self.lots[n].move(share, "available", into)
                taken[n] = share
                amount -= share
        if into != "held":
            self.spends.append(taken)
        return taken

    def holds_(self, record: str, amount: int, expires_at: datetime | None) -> None:
        self.holds.append(ModelHold(expires_at, self.takes(record, amount, "held")))

    def ends(self, hold: int, captured: int | None, keeps_rest: bool) -> None:
        """Captures so much of a hold (None: all); what is left is free again, or stays held."""
        parts = self.holds[hold].parts
        self._wake(*self._owners(parts))
        there, whose = sum(parts.values()), {self.lots[n].record for n, kept in parts.items() if kept}
        if not there or (captured or 0) > there:
            raise Refused
        left = there if captured is None else captured
        order = sorted(parts, key=lambda n: (self.lots[n].expires_at is None, self.lots[n].expires_at or self.at, n))
        spent: dict[str, dict[int, int]] = {}
        for n in order:
            share = min(left, parts[n])
            left -= share
            self.lots[n].move(share, "held", "spent")
            if share:
                spent.setdefault(self.person[self.lots[n].record], {})[n] = share
            if not keeps_rest:
                self.lots[n].move(parts[n] - share, "held", "available")
            parts[n] = parts[n] - share if keeps_rest else 0
        self.spends += [spent[person] for person in sorted(spent)]
        self._lapses_and_settles()
        self._forgives_beyond(whose)

    def takes_back(self, award: int, amount: int | None) -> None:
        lot = self.lots[self.awards[award]]
        self._wake(lot.record)
        left = lot.reversible if amount is None else amount
        if not left or left > lot.reversible:
            raise Refused
        for place in ("pending", "available", "lapsed"):
            share = min(left, lot.of[place])
            lot.move(share, place, "taken_back")
            left -= share
        lot.of["short"] += left
        lot.of["owed"] += left
        self._settles()
        self._forgives_beyond({lot.record})

    def gives_back(self, spend: int, amount: int | None) -> None:
        spent = self.spends[spend]
        self._wake(*self._owners(spent))
        left = sum(spent.values()) if amount is None else amount
        if not left or left > sum(spent.values()):
            raise Refused
        back = {}
        for n in reversed(list(spent)):
            back[n] = min(left, spent[n])
            spent[n] -= back[n]
            left -= back[n]
            self.lots[n].move(back[n], "spent", "available")
        self._lapses_and_settles()
        for n, share in back.items():
            # It was forgiven because it was spent, and is not.
            again = min(share, self.lots[n].forgiven, self.lots[n].of["available"])
            self.lots[n].move(again, "available", "spent")
            self.lots[n].forgiven -= again

    def forgives(self, record: str, amount: int | None) -> None:
        self._wake(record)
        owing = [n for n in sorted(self.mine(record)) if self.lots[n].of["owed"]]
        owed = sum(self.lots[n].of["owed"] for n in owing)
        if (amount or 0) > owed:
            raise Refused
        self._forgives(owing, owed if amount is None else amount)

    def _forgives(self, owing: list[int], amount: int) -> None:
        for n in owing:
            share = min(amount, self.lots[n].of["owed"])
            self.lots[n].of["owed"] -= share
            self.lots[n].forgiven += share
            amount -= share

    def _forgives_beyond(self, records: set[str]) -> None:
        """Of each record of these people, what it owes beyond the limit; not what may be owed for what is held."""
        for name in sorted(self.person) if self.limit is not None else ():
            if self.person[name] in {self.person[record] for record in records}:
                owing = [n for n, lot in enumerate(self.lots) if lot.record == name and lot.of["owed"]]
                owed = sum(self.lots[n].of["owed"] for n in owing)
                self._forgives(owing, max(0, owed - (self.limit or 0) - self.balances(name)[2]))

    def extends(self, n: int, expires_at: datetime | None) -> None:
        self._wake(self.lots[n].record)
        self.lots[n].expires_at = expires_at
        self._strikes()

    def reinstates(self, n: int, amount: int | None, expires_at: datetime | None) -> None:
        lot = self.lots[n]
        self._wake(lot.record)
        left = lot.of["lapsed"] if amount is None else amount
        if not left or left > lot.of["lapsed"]:
            raise Refused
        lot.expires_at = expires_at
        lot.move(left, "lapsed", "available")
        self._settles()

    def joins(self, record: str, other: str) -> None:
        """The one that was there first stands for all of both."""
        one, two = self.person[record], self.person[other]
        rested = [person for person in (one, two) if self._goes_on(person)]
        for name, person in self.person.items():
            if person in (one, two):
                self.person[name] = min(one, two)
        self._rests(*rested, *([min(one, two)] if rested else ()))

    def parts_(self) -> None:
        """Everybody is alone again. Of a person that rests every record rests."""
        rested = []
        for person in sorted(set(self.person.values())):
            group = [name for name, of in self.person.items() if of == person]
            if len(group) > 1 and self._goes_on(person):
                rested += group
        self.person = {record: record for record in self.person}
        self._rests(*rested)

    def freezes(self, record: str) -> None:
        """Nothing of the person's ends from now on."""
        self._wake(record)
        self._rests(self.person[record])

    def thaws(self, record: str) -> None:
        """All that was frozen of them goes on."""
        mine = [name for name, person in self.person.items() if person == self.person[record]]
        if not any(name in self.rests for name in mine):
            raise Refused
        for name in mine:
            self._goes_on(name)

    def passes_on(self, record: str, heir: str) -> None:
        """All lots of which nothing but what can be spent is left become the heir's, as they are."""
        giver = self.person[record]
        mine = [n for n in self.mine(record) if self.lots[n].is_free and not self.is_over(n)]
        if giver == self.person[heir] or self.person[heir] in self.rests or self.balances(record)[3] or not mine:
            raise Refused
        self._goes_to([heir] * len(mine), mine, giver)
        self.estates.append(Estate(giver, heir, sorted(mine)))

    def passes_back(self, estate: int) -> None:
        """What is left with the heir becomes whose it was, or of the person it came from. Told again, nothing."""
        one = self.estates[estate]
        if one.is_back:
            return
        holder = self.person[one.heir]
        mine = [n for n in one.lots if self.person[self.lots[n].record] == holder]
        mine = [n for n in mine if self.lots[n].is_free and not self.is_over(n)]
        if holder in self.rests or holder == self.person[one.giver] or not mine:
            raise Refused
        giver = self.person[one.giver]
        earners = [self.lots[n].earner or self.lots[n].record for n in mine]
        self._goes_to([name if self.person[name] == giver else giver for name in earners], mine, giver)
        one.is_back = True

    def _goes_to(self, records: list[str], lots: list[int], estate: str) -> None:
        """These lots become these records'; the estate may rest, and does so again."""
        rested = self._goes_on(estate)
        for record, n in zip(records, lots, strict=True):
            earner = self.lots[n].earner or self.lots[n].record
            self.lots[n].earner = "" if earner == record else earner
            self.lots[n].record = record
        self._settles()
        if rested:
            self._rests(estate)

    def _goes_on(self, account: str) -> bool:
        """Its lots have the days left that they had. Whether it rested."""
        for n in self.mine(account) if self.person[account] == account else ():
            self.lots[n].expires_at = self.end_of(n)
        return self.rests.pop(account, None) is not None

    def _rests(self, *accounts: str) -> None:
        for account in accounts:
            there = [n for n in self.mine(account) if sum(self.lots[n].of[place] for place in PLACES[:4])]
            self.rests[account] = Rest(self.at, set(there))

    # What happens by itself.

    def _due(self) -> list[datetime]:
        due = [hold.expires_at for hold in self.holds if hold.expires_at and any(hold.parts.values())]
        for n, lot in enumerate(self.lots):
            if lot.expires_at and (lot.of["pending"] or lot.of["available"]) and self.rest_of(n) is None:
                due.append(lot.expires_at)
            if lot.matures_at and lot.of["pending"]:
                due.append(lot.matures_at)
        return due

    def _strikes(self) -> None:
        """All that is due now: holds run out, lots lapse, lots mature."""
        over = [hold for hold in self.holds if hold.expires_at and hold.expires_at <= self.at]
        freed = {n for hold in over for n, kept in hold.parts.items() if kept}
        for hold in over:
            for n, kept in hold.parts.items():
                self.lots[n].move(kept, "held", "available")
            hold.parts = {}
        self._settles()
        self._forgives_beyond({self.lots[n].record for n in freed})
        self._lapses_and_settles()
        for lot in self.lots:
            if lot.matures_at and lot.matures_at <= self.at:
                lot.move(lot.of["pending"], "pending", "available")
        self._settles()

    def _lapses_and_settles(self) -> None:
        for n, lot in enumerate(self.lots):
            if self.is_over(n):
                lot.move(lot.of["pending"], "pending", "lapsed")
                lot.move(lot.of["available"], "available", "lapsed")
        self._settles()

    def _settles(self) -> None:
        """Each record pays what it owes from its own points."""
        for debtor in self.lots:
            for n in self.mine(debtor.record) if debtor.of["owed"] else ():
                payer = self.lots[n]
                if payer.record == debtor.record and debtor.of["owed"] and not self.is_over(n):
                    paid = min(payer.of["available"], debtor.of["owed"])
                    payer.move(paid, "available", "settled")
                    debtor.of["owed"] -= paid
