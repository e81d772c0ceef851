"""Random histories of points, lived at once by the model and by the ledger, which must agree after every step."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from regulars.facts.customers import customers, identity, persons
from regulars.kit import civil
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import checkups, currencies, freezing, inheriting, points
from regulars.levers.loyalty._ledger import account_rows, clockwork, resting
from regulars.levers.loyalty._ledger.books import SOURCES, SPENT
from regulars.levers.loyalty._ledger.wallet import Lot, Move, NewLot, Part, Terms, Wallet, kept_by, share_out
from regulars.levers.loyalty.models import Lot as LotRow
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.tests.builders import MAREK, MONDAY, THE_SHOP, key
from regulars.levers.loyalty.tests.model import Model, Refused

RECORDS = ("anna", "bo", "chen")
HOUR = timedelta(hours=1)
#: Of two decisions about who is who, one is the later.
SOON = timedelta(microseconds=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
#: How often each thing happens, of all.
VERBS = {
    "waits": 14,
    "award": 18,
    "spend": 14,
    "hold": 9,
    "end": 9,
    "take_back": 11,
    "give_back": 8,
    "adjust": 3,
    "forgive": 2,
    "extend": 2,
    "reinstate": 3,
    "join": 4,
    "part": 3,
    "freeze": 2,
    "thaw": 6,
    "pass_on": 5,
    "pass_back": 2,
}
#: A verb, whom of, who else, how many, and three picks of whatever is to be picked.
Act = tuple[str, int, int, int, int, int, int]


def a_history(seed: int, steps: int) -> list[Act]:
    """The same for the same seed."""
    chance = Random(seed)
    verbs = chance.choices(list(VERBS), list(VERBS.values()), k=steps)
    return [
        (verb, chance.randrange(3), chance.randrange(3), chance.randint(1, 60), *(chance.randrange(97) for _ in "abc"))
        for verb in verbs
    ]


class Ledger(Protocol):
    """What is compared with the model. Lots, awards, spends and holds are named by their place in time."""

    def award(self, who: str, amount: int, matures: datetime | None, expires: datetime | None) -> None: ...
    def spend(self, who: str, amount: int) -> None: ...
    def adjust(self, who: str, amount: int) -> None: ...
    def hold(self, who: str, amount: int, lasts: timedelta | None) -> None: ...
    def end(self, hold: int, captured: int | None, keeps_rest: bool) -> None: ...
    def take_back(self, award: int, amount: int | None) -> None: ...
    def give_back(self, spend: int, amount: int | None) -> None: ...
    def forgive(self, who: str, amount: int | None) -> None: ...
    def extend(self, lot: int, expires: datetime | None) -> None: ...
    def reinstate(self, lot: int, amount: int | None, expires: datetime | None) -> None: ...
    def join(self, who: str, other: str) -> None: ...
    def part(self) -> None: ...
    def freeze(self, who: str) -> None: ...
    def thaw(self, who: str) -> None: ...
    def pass_on(self, who: str, heir: str) -> None: ...
    def pass_back(self, estate: int) -> None: ...
    def seen(self, who: str) -> tuple[Any, ...]: ...


def live(ledger: Any, acts: Sequence[Act]) -> int:
    """Live a history in both; how many acts were not refused."""
    model = Model(MONDAY, RECORDS, ledger.limit)
    done = 0
    for act in acts:
        try:
            _does(model, ledger, act)
        except Refused:
            continue
        done += 1
    for who in RECORDS:
        assert ledger.seen(who) == seen(model, who)
    return done


def seen(model: Model, who: str) -> tuple[Any, ...]:
    """What the person has, and where each of its lots is."""
    standing = model.standing()
    return model.balances(who), [(n, *standing[n]) for n in sorted(model.mine(who))]


def _does(model: Model, ledger: Any, act: Act) -> None:
    verb, first, second, amount, pick, choice, other = act
    who, also = RECORDS[first], RECORDS[second]
    if verb == "waits":
        model.waits(model.at + amount * HOUR)
        ledger.at = model.at
        return
    ends = (None, _end_of_day(model.at), _end_of_day(model.at + 24 * (choice % 5) * HOUR))[other % 3]
    some = amount if choice % 3 else None
    if verb == "award":
        ripe = (None, None, model.at + (1 + pick % 40) * HOUR)[choice % 3]
        _both(lambda: model.awards_(who, amount, ripe, ends), lambda: ledger.award(who, amount, ripe, ends))
    elif verb == "spend":
        _both(lambda: model.takes(who, amount, "spent"), lambda: ledger.spend(who, amount))
    elif verb == "adjust":
        _both(lambda: model.takes(who, amount, "spent"), lambda: ledger.adjust(who, -amount))
    elif verb == "hold":
        lasts = None if choice % 3 == 0 else (1 + pick % 50) * HOUR
        until = None if lasts is None else model.at + lasts
        _both(lambda: model.holds_(who, amount, until), lambda: ledger.hold(who, amount, lasts))
    elif verb == "end" and model.holds:
        hold = pick % len(model.holds)
        who = _owner(model, list(model.holds[hold].parts)) or who
        how = (hold, (None, amount, 0)[choice % 3], choice % 3 == 1 and other % 2 == 0)
        _both(lambda: model.ends(*how), lambda: ledger.end(*how))
    elif verb == "take_back" and model.awards:
        award = pick % len(model.awards)
        who = model.lots[model.awards[award]].record
        _both(lambda: model.takes_back(award, some), lambda: ledger.take_back(award, some))
    elif verb == "give_back" and model.spends:
        spend = pick % len(model.spends)
        who = _owner(model, list(model.spends[spend])) or who
        _both(lambda: model.gives_back(spend, some), lambda: ledger.give_back(spend, some))
    elif verb == "forgive":
        _both(lambda: model.forgives(who, some), lambda: ledger.forgive(who, some))
    elif verb == "extend" and model.lots:
        lot = pick % len(model.lots)
        who = model.lots[lot].record
        _both(lambda: model.extends(lot, ends), lambda: ledger.extend(lot, ends))
    elif verb == "reinstate" and model.lots:
        lot = pick % len(model.lots)
        who = model.lots[lot].record
        _both(lambda: model.reinstates(lot, some, ends), lambda: ledger.reinstate(lot, some, ends))
    elif verb == "join" and model.person[who] != model.person[also]:
        ledger.at = model.at + SOON
        model.waits(ledger.at)
        model.joins(who, also)
        ledger.join(who, also)
    elif verb == "part" and len(set(model.person.values())) < len(RECORDS):
        ledger.at = model.at + SOON
        model.waits(ledger.at)
        model.parts_()
        ledger.part()
    elif verb == "freeze":
        _both(lambda: model.freezes(who), lambda: ledger.freeze(who))
    elif verb == "thaw":
        _both(lambda: model.thaws(who), lambda: ledger.thaw(who))
    elif verb == "pass_on":
        _both(lambda: model.passes_on(who, also), lambda: ledger.pass_on(who, also))
    elif verb == "pass_back" and model.estates:
        estate = pick % len(model.estates)
        who = model.estates[estate].giver
        _both(lambda: model.passes_back(estate), lambda: ledger.pass_back(estate))
    else:
        raise Refused
    assert ledger.seen(who) == seen(model, who), f"after {act}"


def _end_of_day(at: datetime) -> datetime:
    """The next end of a day on the shop's clock."""
    return civil.start_of_day(at.astimezone(SHANGHAI).date() + 24 * HOUR, SHANGHAI)


def _owner(model: Model, lots: Sequence[int]) -> str | None:
    return model.lots[lots[0]].record if lots else None


def _both(model: Any, ledger: Any) -> None:
    """The model and the ledger do the same, or both refuse."""
    try:
        model()
    except Refused:
        try:
            ledger()
        except Refusal:
            raise Refused from None
        raise AssertionError("the ledger did what the model refuses") from None
    ledger()


class Kernel:
    """The deciding kernel alone, with a dictionary for a database."""

    def __init__(self, limit: int | None = None) -> None:
        self.at, self.limit = MONDAY, limit
        self.person = {record: record for record in RECORDS}
        terms = Terms(debt_limit=limit)
        self.wallets = {record: Wallet(account=n, terms=terms) for n, record in enumerate(RECORDS)}
        self.forgiven: dict[int, int] = {}
        self.lots: list[Lot] = []
        self.owner: list[str] = []
        self.holds: list[dict[int, int]] = []
        self.spends: list[list[Move]] = []
        self.given: list[dict[int, int]] = []
        self.booked: list[dict[str, int]] = []
        self.rests: dict[str, datetime] = {}
        #: Whose a lot was before it was inherited.
        self.earner: dict[int, str] = {}
        self.estates: list[tuple[str, str, list[int]]] = []
        self.is_back: set[int] = set()

    def award(self, who: str, amount: int, matures: datetime | None, expires: datetime | None) -> None:
        number = RECORDS.index(who)
        new = NewLot(number, amount, Reason("awarded"), matures_at=matures, expires_at=expires)
        self._wallet(who).award(new, at=self.at)
        self.owner.append(who)
        self._written(who)

    def spend(self, who: str, amount: int) -> None:
        self._keep(self._wallet(who).spend(amount, at=self.at, reason=Reason("redeemed")))
        self._written(who)

    def adjust(self, who: str, amount: int) -> None:
        moves = self._wallet(who).spend(-amount, at=self.at, reason=Reason("service"), kind="adjust", into="withdrawn")
        self._keep(moves)
        self._written(who)

    def hold(self, who: str, amount: int, lasts: timedelta | None) -> None:
        wallet = self._wallet(who)
        moves = wallet.spend(amount, at=self.at, reason=Reason("held"), kind="hold", into="held")
        until = None if lasts is None else self.at + lasts
        for move in moves:
            wallet.parts[len(self.holds), move.lot] = Part(len(self.holds), move.lot, move.amount, until)
        self.holds.append({move.lot: move.amount for move in moves})
        self._written(who)

    def end(self, hold: int, captured: int | None, keeps_rest: bool) -> None:
        people = sorted({self.person[self.owner[lot]] for lot in self.holds[hold]})
        wallets = [self._wallet(person) for person in people]
        there = kept_by(wallets, hold)
        if not there or (captured or 0) > there:
            raise Refusal("over")
        shares = share_out(wallets, hold, there if captured is None else captured, rest=not keeps_rest)
        for person, wallet in zip(people, wallets, strict=True):
            if wallet.account in shares:
                wallet.end_parts(shares[wallet.account], at=self.at)
                for draft in wallet.drafts:
                    if draft.kind == "capture":
                        self._keep(draft.moves)
            self._written(person)

    def take_back(self, award: int, amount: int | None) -> None:
        lot = self.lots[award]
        wallet = self._wallet(self.owner[award])
        left = lot.original - lot.taken_back - lot.short if amount is None else amount
        if not left:
            raise Refusal("nothing")
        wallet.take_back({award: left}, at=self.at, reason=Reason("reversed"))
        self._written(self.owner[award])

    def give_back(self, spend: int, amount: int | None) -> None:
        moves, given = self.spends[spend], self.given[spend]
        people = sorted({self.person[self.owner[move.lot]] for move in moves})
        for person in people:
            self._wallet(person)
        left = [Move(m.lot, m.from_book, m.to_book, m.amount - given.get(m.lot, 0)) for m in moves]
        wanted = sum(move.amount for move in left) if amount is None else amount
        if not wanted or wanted > sum(move.amount for move in left):
            raise Refusal("nothing")
        back: dict[str, list[Move]] = {}
        for move in reversed(left):
            share = min(wanted, move.amount)
            wanted -= share
            if share:
                given[move.lot] = given.get(move.lot, 0) + share
                person = self.person[self.owner[move.lot]]
                back.setdefault(person, []).append(Move(move.lot, move.from_book, move.to_book, share))
        for person, mine in back.items():
            self.wallets[person].give_back(
                mine, at=self.at, reason=Reason("restored"), reverses=1, forgiven=self.forgiven
            )
        for person in people:
            self._written(person)

    def forgive(self, who: str, amount: int | None) -> None:
        wallet = self._wallet(who)
        if (amount or 0) > wallet.debt:
            raise Refusal("too much")
        wallet.write_off(wallet.debt if amount is None else amount, at=self.at, reason=Reason("written_off"))
        self._written(who)

    def extend(self, lot: int, expires: datetime | None) -> None:
        wallet = self._wallet(self.owner[lot])
        wallet.change_dates(lot, at=self.at, reason=Reason("extended"), expires_on=None, expires_at=expires)
        self._written(self.owner[lot])

    def reinstate(self, lot: int, amount: int | None, expires: datetime | None) -> None:
        wallet = self._wallet(self.owner[lot])
        wanted = self.lots[lot].lapsed if amount is None else amount
        if not wanted:
            raise Refusal("nothing")
        wallet.reinstate(lot, wanted, at=self.at, reason=Reason("reinstated"), expires_on=None, expires_at=expires)
        self._written(self.owner[lot])

    def join(self, who: str, other: str) -> None:
        one, two = self.person[who], self.person[other]
        rested = [person for person in (one, two) if self._goes_on(person)]
        self._moves_to({name: min(one, two) for name, person in self.person.items() if person in (one, two)})
        self.rests |= dict.fromkeys([*rested, min(one, two)] if rested else [], self.at)

    def part(self) -> None:
        joined = {person for name, person in self.person.items() if person != name}
        rested = [person for person in sorted(joined) if self._goes_on(person)]
        apart = [name for name, person in self.person.items() if person in rested]
        self._moves_to({name: name for name in RECORDS})
        self.rests |= dict.fromkeys(apart, self.at)

    def freeze(self, who: str) -> None:
        self._wallet(who)
        self._written(who)
        self.rests[self.person[who]] = self.at

    def thaw(self, who: str) -> None:
        mine = [name for name, person in self.person.items() if person == self.person[who]]
        if not any(name in self.rests for name in mine):
            raise Refusal("not frozen")
        for name in mine:
            self._goes_on(name)

    def pass_on(self, who: str, heir: str) -> None:
        giver = self.person[who]
        now = self._as_it_would_be(giver)
        mine = [lot.id for lot in now.lots.values() if _is_free(lot) and not lot.is_over(self.at)]
        if giver == self.person[heir] or self.person[heir] in self.rests or now.debt or not mine:
            raise Refusal("nothing to pass on")
        self._goes_to(giver, dict.fromkeys(mine, heir), heir)
        self.estates.append((giver, heir, mine))

    def pass_back(self, estate: int) -> None:
        if estate in self.is_back:
            return
        was, heir, lots = self.estates[estate]
        giver, holder = self.person[was], self.person[heir]
        there = self._as_it_would_be(holder).lots
        mine = [lot for lot in lots if lot in there and _is_free(there[lot]) and not there[lot].is_over(self.at)]
        if holder in self.rests or holder == giver or not mine:
            raise Refusal("nothing to pass back")
        earners = {lot: self.earner.get(lot, self.owner[lot]) for lot in mine}
        whose = {lot: name if self.person[name] == giver else giver for lot, name in earners.items()}
        self._goes_to(giver, whose, giver)
        self.is_back.add(estate)

    def _goes_to(self, estate: str, whose: dict[int, str], target: str) -> None:
        rested = self._goes_on(estate)
        for person in set(self.person.values()) - self.rests.keys():
            self.wallets[person].catch_up(self.at)
        for lot, name in whose.items():
            self.earner.setdefault(lot, self.owner[lot])
            self.owner[lot], self.lots[lot].record = name, RECORDS.index(name)
        self._moves_to({})
        self._wallet(target).settle(self.at)
        self._written(target)
        if rested:
            self.rests[estate] = self.at

    def _goes_on(self, person: str) -> bool:
        """Whether it rested."""
        if person not in self.rests:
            return False
        self._as_of(self.wallets[person], self.rests.pop(person))
        self._written(person)
        return True

    def _as_it_would_be(self, person: str) -> Wallet:
        """Its wallet, or where it rests another as if it went on now."""
        if person not in self.rests:
            return self._wallet(person)
        wallet = deepcopy(self.wallets[person])
        self._as_of(wallet, self.rests[person])
        return wallet

    def _as_of(self, wallet: Wallet, since: datetime) -> None:
        if self.at <= since:
            wallet.catch_up(self.at)
            return
        ends = {
            lot.id: resting.later(on, lot.expires_at, since=since, at=self.at, zone=SHANGHAI)
            for lot in wallet.lots.values()
            if lot.expires_at is not None and lot.expires_at > since and (on := _on(lot.expires_at)) is not None
        }
        wallet.go_on(ends, at=self.at, since=since)

    def seen(self, who: str) -> tuple[Any, ...]:
        person = self.person[who]
        wallet = self._as_it_would_be(person)
        if person not in self.rests:
            self._written(who)
        return wallet.balances[:3] + wallet.balances[3:], [
            (lot.id, self.owner[lot.id], lot.expires_at, *lot.standing[3:])
            for lot in sorted(wallet.lots.values(), key=lambda lot: lot.id)
        ]

    def _wallet(self, who: str) -> Wallet:
        if self.person[who] in self.rests:
            raise Refusal("frozen")
        wallet = self.wallets[self.person[who]]
        wallet.catch_up(self.at)
        return wallet

    def _keep(self, moves: Sequence[Move]) -> None:
        self.spends.append(list(moves))
        self.given.append({})

    def _moves_to(self, people: dict[str, str]) -> None:
        """What the database does on joining: lots, and what holds keep of them, go to another account."""
        for who in RECORDS:
            self._written(who)
        self.person |= people
        everything = [lot for wallet in self.wallets.values() for lot in wallet.lots.values()]
        parts = [part for wallet in self.wallets.values() for part in wallet.parts.values()]
        for name, wallet in list(self.wallets.items()):
            mine = [lot for lot in everything if self.person[self.owner[lot.id]] == name]
            held = [part for part in parts if self.person[self.owner[part.lot]] == name]
            amounts = zip(*((lot.pending, lot.available, lot.held, lot.owed) for lot in mine), strict=True)
            pending, available, kept, owed = [sum(column) for column in amounts] or (0, 0, 0, 0)
            self.wallets[name] = Wallet(
                account=wallet.account,
                terms=wallet.terms,
                sequence=wallet.sequence,
                balances=(pending, available, kept, owed),
                lots=mine,
                parts=held,
            )

    def _written(self, who: str) -> None:
        """Give new lots their numbers, and see that each lot is the sum of its postings."""
        wallet = self.wallets[self.person[who]]
        for temporary in list(wallet.new):
            lot = wallet.lots.pop(temporary)
            lot.id = len(self.lots)
            self.lots.append(lot)
            self.booked.append({"taken_back": lot.original})
            wallet.lots[lot.id] = lot
        first = len(self.lots) - len(wallet.new)
        for draft in wallet.drafts:
            for move in draft.moves:
                lot_id = move.lot if move.lot >= 0 else first - 1 - move.lot
                for_lot = move.for_lot if move.for_lot is None or move.for_lot >= 0 else first - 1 - move.for_lot
                self._post(lot_id, lot_id if for_lot is None else for_lot, move)
                if (draft.kind, move.to_book) in (("write_off", "debt"), ("settle", "withdrawn")):
                    change = move.amount if draft.kind == "write_off" else -move.amount
                    self.forgiven[lot_id] = self.forgiven.get(lot_id, 0) + change
        for number in {move.lot for draft in wallet.drafts for move in draft.moves if move.lot >= 0} | set(
            range(first, len(self.lots))
        ):
            lot, booked = self.lots[number], self.booked[number]
            places = ("pending", "available", "held", "spent", "lapsed", "taken_back", "settled", "short", "owed")
            assert all(getattr(lot, place) == booked.get(place, 0) >= 0 for place in places), (lot, booked)
            parts = lot.pending + lot.available + lot.held + lot.spent + lot.lapsed + lot.taken_back + lot.settled
            assert parts == lot.original
            assert lot.taken_back + lot.short <= lot.original
            assert lot.owed <= lot.short
        assert min(wallet.balances) >= 0
        wallet.new.clear()
        wallet.drafts.clear()

    def _post(self, lot: int, debtor: int, move: Move) -> None:
        booked = self.booked[lot]
        for book, change in ((move.from_book, -move.amount), (move.to_book, move.amount)):
            if book == "debt":
                owes = self.booked[debtor]
                owes["owed"] = owes.get("owed", 0) - change
            elif book in SPENT:
                booked["spent"] = booked.get("spent", 0) + change
            elif book == "breakage":
                booked["lapsed"] = booked.get("lapsed", 0) + change
            elif book in SOURCES and "debt" not in (move.from_book, move.to_book):
                booked["taken_back"] += change
            elif book in ("pending", "available", "held"):
                booked[book] = booked.get(book, 0) + change
        if (move.from_book, move.to_book) == ("available", "debt"):
            booked["settled"] = booked.get("settled", 0) + move.amount
        if move.from_book == "debt" and move.to_book in SOURCES:
            booked["short"] = booked.get("short", 0) + move.amount


class Database:
    """The ledger itself, through its public verbs. Acts are told again, and keys with other content, as it goes."""

    def __init__(self, chance: Random, limit: int | None = None) -> None:
        self.at, self.limit = MONDAY, limit
        self.chance = chance
        [kind] = [one for one in currencies.listed() if one.code == "points"]
        currencies.ensure(currency=replace(kind, debt_limit=limit), at=MONDAY, by=MAREK)
        self.numbers = customers.resolve_many(namespace="shop", refs=RECORDS, at=MONDAY, by=MAREK, origin="live")
        self.names = {number: name for name, number in self.numbers.items()}
        # In the order of their names: a hold of several people's points is captured in the order of their accounts.
        account_rows.hold(list(self.numbers.values()), "points")
        self.lots: list[int] = []
        self.awards: list[int] = []
        self.holds: list[int] = []
        self.spends: list[int] = []
        self.told: list[tuple[Any, dict[str, Any], Any]] = []
        self.pairs: set[tuple[int, int]] = set()
        self.estates: list[int] = []

    def award(self, who: str, amount: int, matures: datetime | None, expires: datetime | None) -> None:
        number = self.numbers[who]
        lot = NewLot(number, amount, Reason("awarded"), matures_at=matures, expires_on=_on(expires), expires_at=expires)
        done = self._tell(points.award_many, lots=[lot])
        self.lots += done.lots
        self.awards.append(done.of("award").id)

    def spend(self, who: str, amount: int) -> None:
        done = self._tell(points.redeem, customer=self.numbers[who], amount=amount)
        self.spends.append(done.of("redeem").id)

    def adjust(self, who: str, amount: int) -> None:
        done = self._tell(points.adjust, customer=self.numbers[who], amount=amount)
        self.spends.append(done.of("adjust").id)

    def hold(self, who: str, amount: int, lasts: timedelta | None) -> None:
        owner = "a checkout" if lasts is None else ""
        self.holds.append(
            self._tell(points.hold, customer=self.numbers[who], amount=amount, lasts=lasts, owner=owner).id
        )

    def end(self, hold: int, captured: int | None, keeps_rest: bool) -> None:
        if captured == 0 and not keeps_rest:
            self._tell(points.release, hold=self.holds[hold])
            return
        done = self._tell(points.capture, hold=self.holds[hold], amount=captured, rest=not keeps_rest)
        self.spends += [entry.id for entry in done.entries if entry.kind == "capture"]

    def take_back(self, award: int, amount: int | None) -> None:
        self._tell(points.reverse, entry=self.awards[award], amount=amount)

    def give_back(self, spend: int, amount: int | None) -> None:
        self._tell(points.reverse, entry=self.spends[spend], amount=amount)

    def forgive(self, who: str, amount: int | None) -> None:
        self._tell(points.forgive, customer=self.numbers[who], amount=amount)

    def extend(self, lot: int, expires: datetime | None) -> None:
        self._tell(points.extend, lots={self.lots[lot]: _on(expires)})

    def reinstate(self, lot: int, amount: int | None, expires: datetime | None) -> None:
        self._tell(points.reinstate, lot=self.lots[lot], amount=amount, expires_on=_on(expires))

    def join(self, who: str, other: str) -> None:
        one, two = self.numbers[who], self.numbers[other]
        self.pairs.add((one, two))
        identity.join(one=one, other=two, why=identity.Reason.ASKED, key=key(), at=self.at, by=MAREK)

    def part(self) -> None:
        for one, two in sorted(self.pairs):
            identity.undecide(one=one, other=two, why=identity.Reason.MISTAKE, key=key(), at=self.at, by=MAREK)
        self.pairs.clear()

    def freeze(self, who: str) -> None:
        self._tell(freezing.freeze, customer=self.numbers[who], why="estate")

    def thaw(self, who: str) -> None:
        self._tell(freezing.thaw, customer=self.numbers[who])

    def pass_on(self, who: str, heir: str) -> None:
        done = self._tell(inheriting.pass_on, customer=self.numbers[who], to=self.numbers[heir])
        self.estates.append(done.of("merge_out").id)

    def pass_back(self, estate: int) -> None:
        with transaction.atomic():
            inheriting.pass_back(entry=self.estates[estate], at=self.at, by=THE_SHOP)

    def seen(self, who: str) -> tuple[Any, ...]:
        customer = self.numbers[who]
        clockwork.book_due(at=self.at, by=THE_SHOP, most=self.chance.choice((0, 0, 1)))
        assert list(checkups.broken()) == []
        now = points.balance(customer=customer, at=self.at)
        kind = account_rows.currency("points")
        held = account_rows.look([persons.of(customer)], kind)
        lots = list(LotRow.objects.filter(account_id__in=[one.id for one in held]).values_list("id", flat=True))
        found = []
        for wallet in account_rows.load(held, kind, at=self.at, need={}, lots=lots).values():
            resting.catch_up(wallet, kind, held[0].rests_since, self.at)
            for lot in wallet.lots.values():
                found.append((self.lots.index(lot.id), self.names[lot.record], lot.expires_at, *lot.standing[3:]))
        return (now.pending, now.available, now.held, now.debt), sorted(found)

    def _tell(self, verb: Any, **what: Any) -> Any:
        with transaction.atomic():
            told = {**what, "key": key(), "by": THE_SHOP}
            answer = verb(**told, at=self.at)
        self.told.append((verb, told, answer))
        if self.chance.random() < 0.3:
            again, told, first = self.chance.choice(self.told)
            assert again(**told, at=self.at) == first
            with pytest.raises(points.KeyUsedOtherwise), transaction.atomic():
                points.adjust(customer=self.numbers["bo"], amount=10**9, key=told["key"], at=self.at, by=MAREK)
        return answer


def _is_free(lot: Lot) -> bool:
    return lot.available > 0 == lot.pending + lot.held + lot.owed


def _on(expires: datetime | None) -> date | None:
    """The last day before that instant, on the shop's clock."""
    return None if expires is None else (expires - HOUR).astimezone(SHANGHAI).date()
