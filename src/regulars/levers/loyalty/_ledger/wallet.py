"""What becomes of points: decided here, without a database or a clock, for one account at a time.

A `Wallet` is filled with what is locked, told what happens, and keeps the entries to be written as drafts. Before each
verb it books what time alone has made true: holds that ran out, points that lapsed, points that matured, each at its
own instant and in that order where instants are the same. So what is spendable never depends on when a sweep ran.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from regulars.kit.points import Points
from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _
from regulars.levers.loyalty._ledger import books
from regulars.levers.loyalty.reasons import Reason

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
#: Order of what happens by the clock at one instant.
_TIMEOUT, _LAPSE, _MATURE = range(3)


class NotEnoughPoints(Refusal):
    """Less can be spent than is asked for."""

    code = "points.not_enough"


class BadAmount(Refusal):
    """Not a whole number of parts above zero, or too large a one."""

    code = "points.bad_amount"


class NothingToReverse(Refusal):
    """More would be reversed than there was, or something that cannot be."""

    code = "points.nothing_to_reverse"


@dataclass(frozen=True, slots=True)
class NewLot:
    """Points to be awarded, in the smallest parts, with their own end. `record` is whom they came with, `subject` what
    they were earned with ("order:123").

    They are pending until `matures_at`; with `waits` and without `matures_at`, until `mature` says when. So much as
    `at_once` can be spent before. `expires_on` is the last civil day on which they can be, `expires_at` when it ends.
    """

    record: int
    amount: int
    reason: Reason
    matures_at: datetime | None = None
    waits: bool = False
    at_once: int = 0
    expires_on: date | None = None
    expires_at: datetime | None = None
    expiry_policy: str = ""
    funding: str = books.ISSUANCE
    partner: str = ""
    allocated_price_minor: int | None = None
    price_currency: str = ""
    standalone_price: Decimal | None = None
    estimate_version: int | None = None
    rule: str = ""
    rule_version: int | None = None
    subject: str = ""
    #: The number of the decision that gives it, where a programme does.
    earning: int | None = None


_DEFAULTS = tuple((one.name, None if one.default is MISSING else one.default) for one in fields(NewLot))


def said_of(lot: NewLot) -> dict[str, object]:
    """What was said of a lot, beyond what goes without saying: the same when a later release can say more."""
    said = {name: value for name, default in _DEFAULTS if (value := getattr(lot, name)) != default}
    return {**said, "reason": [lot.reason.code, dict(lot.reason.arguments)]}


@dataclass(slots=True)
class Lot:
    """A lot as it stands, worked on."""

    id: int
    record: int
    funding: str
    original: int
    matures_at: datetime | None
    expires_on: date | None
    expires_at: datetime | None
    pending: int = 0
    available: int = 0
    held: int = 0
    spent: int = 0
    lapsed: int = 0
    taken_back: int = 0
    settled: int = 0
    short: int = 0
    owed: int = 0

    @property
    def standing(self) -> tuple[Any, ...]:
        """Dates and amounts: all of it that may change."""
        return (
            self.matures_at,
            self.expires_on,
            self.expires_at,
            self.pending,
            self.available,
            self.held,
            self.spent,
            self.lapsed,
            self.taken_back,
            self.settled,
            self.short,
            self.owed,
        )

    @property
    def reversible(self) -> int:
        """How much of it can be taken back still."""
        return self.original - self.taken_back - self.short

    def is_over(self, at: datetime) -> bool:
        """Whether its last day has passed."""
        return self.expires_at is not None and self.expires_at <= at


@dataclass(frozen=True, slots=True)
class Move:
    """A posting to be written."""

    lot: int
    from_book: str
    to_book: str
    amount: int
    for_lot: int | None = None


@dataclass(slots=True)
class Draft:
    """An entry to be written, with its postings and what the account stands at after it."""

    kind: str
    sequence: int
    effective_at: datetime
    reason: Reason
    reverses: int | None = None
    rule: str = ""
    rule_version: int | None = None
    moves: list[Move] = field(default_factory=list)
    after: tuple[int, int, int, int] = (0, 0, 0, 0)
    #: Given when it is written.
    public_id: str = ""

    @property
    def amount(self) -> int:
        """How much it moved."""
        return sum(move.amount for move in self.moves)


@dataclass(slots=True)
class Part:
    """What an open hold still keeps of one lot, and when the clock gives it back."""

    hold: int
    lot: int
    open: int
    expires_at: datetime | None
    captured: int = 0
    released: int = 0
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """How a kind of points is spent, and how much may stay owed."""

    spend_order: str = "expiry"
    debt_limit: int | None = None
    scale: int = 0

    def say(self, amount: int) -> str:
        """So many points, as people write them."""
        return str(Points(amount, self.scale))


class Wallet:
    """One account's points, worked on. Lots that are not loaded are not touched; `spendable` counts them all the same
    as far as the clock has nothing to do with them, so whoever fills it loads what is due."""

    def __init__(
        self,
        *,
        account: int,
        terms: Terms,
        balances: tuple[int, int, int, int] = (0, 0, 0, 0),
        sequence: int = 0,
        lots: Iterable[Lot] = (),
        parts: Iterable[Part] = (),
    ) -> None:
        self.account = account
        self.terms = terms
        self.sequence = sequence
        self.pending, self.available, self.held, self.debt = balances
        self.balances_before = balances
        self.lots: dict[int, Lot] = {}
        #: Lots as they were when they were read.
        self.before: dict[int, tuple[Any, ...]] = {}
        for lot in lots:
            self.put(lot)
        self.parts = {(part.hold, part.lot): part for part in parts}
        #: What is to be written: lots that are new, with when they were awarded, and lots as they were before.
        self.new: dict[int, tuple[NewLot, datetime]] = {}
        self.drafts: list[Draft] = []

    def put(self, lot: Lot) -> None:
        """A lot as it stands in the database."""
        self.lots[lot.id] = lot
        self.before[lot.id] = lot.standing

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.drafts) or any(self.lots[number].standing != was for number, was in self.before.items())

    @property
    def spendable(self) -> int:
        """What may be spent now. What one record of a person owes keeps as much of the others' points unspent."""
        return max(0, self.available - self.debt)

    @property
    def balances(self) -> tuple[int, int, int, int]:
        """Pending, available, held, owed."""
        return self.pending, self.available, self.held, self.debt

    def catch_up(self, at: datetime) -> None:
        """Book what time alone has made true by `at`, in the order in which it became so."""
        due = self._due(at)
        heapq.heapify(due)
        draft: Draft | None = None
        while due:
            instant, what, lot_id, hold = heapq.heappop(due)
            lot = self.lots[lot_id]
            kind = ("release", "expire", "activate")[what]
            if draft is None or (draft.kind, draft.effective_at) != (kind, instant):
                self._close(draft)
                code = ("hold_timed_out", "lapsed", "matured")[what]
                draft = self._open(kind, instant, Reason(code))
            if what == _TIMEOUT:
                part = self.parts[hold, lot_id]
                self._release(draft, part, part.open)
                part.timed_out = True
                if lot.expires_at is not None and lot.expires_at <= at:
                    heapq.heappush(due, (max(instant, lot.expires_at), _LAPSE, lot_id, 0))
            elif what == _LAPSE:
                self._move(draft, lot, books.PENDING, books.BREAKAGE, lot.pending)
                self._move(draft, lot, books.AVAILABLE, books.BREAKAGE, lot.available)
            else:
                self._move(draft, lot, books.PENDING, books.AVAILABLE, lot.pending)
            if what != _LAPSE and not (due and due[0][:2] == (instant, what)):
                self._close(draft)
                draft = None
                self._settle(instant)
                if what == _TIMEOUT:
                    self._forgive_beyond_limit(instant)
        self._close(draft)

    def award(self, new: NewLot, *, at: datetime, kind: str = "award") -> int:
        """Post a lot; what its record owes is settled from it at once. Its number, below zero until it is written."""
        self._check_room(new.amount)
        number = -1 - len(self.new)
        lot = Lot(number, new.record, new.funding, new.amount, new.matures_at, new.expires_on, new.expires_at)
        self.lots[number], self.new[number] = lot, (new, at)
        draft = self._open(kind, at, new.reason, rule=new.rule, rule_version=new.rule_version)
        waits = new.waits if new.matures_at is None else new.matures_at > at
        # Moved by hand: what comes from a source counts as given back, but for what a lot begins with.
        lot.taken_back = new.amount
        now = min(new.at_once, new.amount) if waits else new.amount
        self._move(draft, lot, new.funding, books.PENDING, new.amount - now)
        self._move(draft, lot, new.funding, books.AVAILABLE, now)
        self._close(draft)
        self._settle(at)
        return number

    def spend(
        self,
        amount: int,
        *,
        at: datetime,
        reason: Reason,
        kind: str = "redeem",
        into: str = books.REDEEMED,
    ) -> list[Move]:
        """Take `amount` of what is spendable, in the order of the terms. Which lots it took."""
        if amount > self.spendable:
            raise NotEnoughPoints(
                _("amount: %(amount)s points are asked for and %(spendable)s can be spent; ask for less")
                % {"amount": self.terms.say(amount), "spendable": self.terms.say(self.spendable)},
                field="amount",
                value=amount,
                spendable=self.spendable,
            )
        draft = self._open(kind, at, reason)
        left = amount
        for lot in self._in_spend_order(at):
            taken = min(left, lot.available)
            self._move(draft, lot, books.AVAILABLE, into, taken)
            left -= taken
            if not left:
                break
        if left:
            raise AssertionError(f"account {self.account}: {left} of {amount} are in no lot that is loaded")
        self._close(draft)
        return draft.moves

    def end_parts(self, shares: Mapping[tuple[int, int], tuple[int, int]], *, at: datetime) -> None:
        """Of each (hold, lot), so much is captured and so much released."""
        for which, kind, code in ((0, "capture", "captured"), (1, "release", "released")):
            draft = None
            for key, share in shares.items():
                if share[which]:
                    draft = draft or self._open(kind, at, Reason(code))
                    part = self.parts[key]
                    if which:
                        self._release(draft, part, share[which])
                    else:
                        part.open -= share[which]
                        part.captured += share[which]
                        self._move(draft, self.lots[part.lot], books.HELD, books.REDEEMED, share[which])
            self._close(draft)
        self._lapse_again(at)
        self._settle(at)
        self._forgive_beyond_limit(at)

    def take_back(
        self,
        shares: Mapping[int, int],
        *,
        at: datetime,
        reason: Reason,
        kind: str = "reverse",
        reverses: int | None = None,
    ) -> None:
        """Take so much of each lot back to where it came from: what is pending, then available, then what lapsed and is
        gone anyway. The rest was spent, or is held: it is owed, and settled from the record's other points at once.
        """
        draft = self._open(kind, at, reason, reverses=reverses)
        for number, amount in shares.items():
            lot = self.lots[number]
            left, most = amount, lot.reversible
            if amount > most:
                raise NothingToReverse(
                    _("amount: %(amount)s cannot be taken back, %(most)s can at most; ask for less")
                    % {"amount": self.terms.say(amount), "most": self.terms.say(most)},
                    field="amount",
                    value=amount,
                    most=most,
                )
            for book, there in (
                (books.PENDING, lot.pending),
                (books.AVAILABLE, lot.available),
                (books.BREAKAGE, lot.lapsed),
            ):
                taken = min(left, there)
                self._move(draft, lot, book, lot.funding, taken)
                left -= taken
            self._move(draft, lot, books.DEBT, lot.funding, left)
        self._close(draft)
        self._settle(at)
        self._forgive_beyond_limit(at)

    def give_back(
        self,
        moves: Sequence[Move],
        *,
        at: datetime,
        reason: Reason,
        reverses: int,
        kind: str = "reverse",
        forgiven: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        """Give what was spent back to the lots it came from. A lot that lapsed meanwhile stays lapsed; what was
        `forgiven` of a lot because it was spent is made good from what came back to it."""
        draft = self._open(kind, at, reason, reverses=reverses)
        for move in moves:
            self._move(draft, self.lots[move.lot], move.to_book, books.AVAILABLE, move.amount)
        self._close(draft)
        self._lapse_again(at)
        self._settle(at)
        for move in moves:
            if again := self.forgiven_of(move.lot, forgiven):
                self.make_good(move.lot, {move.lot: min(again, move.amount)}, at=at)

    def forgiven_of(self, number: int, written: Mapping[int, int]) -> int:
        """What is forgiven of a lot, and not made good: what is written, and what is about to be."""
        found = written.get(number, 0)
        for draft in self.drafts:
            for move in draft.moves if draft.kind in ("write_off", "settle") else ():
                if draft.kind == "write_off" and move.lot == number:
                    found += move.amount
                elif move.to_book == books.WITHDRAWN and (move.for_lot or move.lot) == number:
                    found -= move.amount
        return found

    def make_good(self, number: int, forgiven: Mapping[int, int], *, at: datetime) -> None:
        """From a lot, what was forgiven of these: the points they were spent as are there again."""
        lot = self.lots[number]
        draft = self._open("settle", at, Reason("made_good"))
        for debtor, amount in forgiven.items():
            left, for_lot = amount, None if debtor == number else self.lots[debtor]
            for book, there in ((books.PENDING, lot.pending), (books.AVAILABLE, lot.available)):
                taken = min(left, there)
                self._move(draft, lot, book, books.WITHDRAWN, taken, for_lot)
                left -= taken
        self._close(draft)

    def change_dates(
        self,
        number: int,
        *,
        at: datetime,
        reason: Reason,
        expires_on: date | None,
        expires_at: datetime | None,
    ) -> None:
        """Move a lot's last day. The entry says of which lot, from when and to when."""
        self._redate(number, at, reason, expires_on, expires_at)
        self.catch_up(at)

    def go_on(self, ends: Mapping[int, tuple[date, datetime]], *, at: datetime, since: datetime) -> None:
        """Nothing ended since `since`: these lots' last days are other ones. What was due before is booked before."""
        self.catch_up(since)
        for number, (expires_on, expires_at) in ends.items():
            lot = self.lots[number]
            if lot.pending or lot.available or lot.held or lot.spent:
                self._redate(number, at, Reason("rested"), expires_on, expires_at)
        self.catch_up(at)

    def _redate(
        self, number: int, at: datetime, reason: Reason, expires_on: date | None, expires_at: datetime | None
    ) -> None:
        self._close(self._new_end("extend", self.lots[number], at, reason, expires_on, expires_at))

    def _new_end(
        self, kind: str, lot: Lot, at: datetime, reason: Reason, expires_on: date | None, expires_at: datetime | None
    ) -> Draft:
        """An entry that says of which lot, from when and to when."""
        arguments = {**reason.arguments, "lot": lot.id, "was": _day(lot.expires_on), "until": _day(expires_on)}
        lot.expires_on, lot.expires_at = expires_on, expires_at
        return self._open(kind, at, Reason(reason.code, arguments))

    def mature(self, number: int, matures_at: datetime) -> None:
        """From then on the lot can be spent. When that is no movement yet, and no entry."""
        self.lots[number].matures_at = matures_at

    def reinstate(
        self,
        number: int,
        amount: int,
        *,
        at: datetime,
        reason: Reason,
        expires_on: date | None,
        expires_at: datetime | None,
    ) -> None:
        """Make lapsed points of a lot valid again, until the end that is given. The entry says of which lot, from when
        and to when."""
        lot = self.lots[number]
        if amount > lot.lapsed:
            raise NothingToReverse(
                _("amount: %(amount)s cannot be reinstated, %(most)s expired; ask for less")
                % {"amount": self.terms.say(amount), "most": self.terms.say(lot.lapsed)},
                field="amount",
                value=amount,
                most=lot.lapsed,
            )
        draft = self._new_end("reinstate", lot, at, reason, expires_on, expires_at)
        self._move(draft, lot, books.BREAKAGE, books.AVAILABLE, amount)
        self._close(draft)
        self._settle(at)

    def settle(self, at: datetime) -> None:
        """What is owed is paid from what came."""
        self._settle(at)

    def write_off(self, amount: int, *, at: datetime, reason: Reason, record: int | None = None) -> None:
        """Forgive so much of what is owed, the oldest lots' first."""
        draft = self._open("write_off", at, reason)
        for lot in self._owing(record):
            forgiven = min(amount, lot.owed)
            self._move(draft, lot, books.GOODWILL, books.DEBT, forgiven)
            amount -= forgiven
        self._close(draft)

    def _check_room(self, amount: int) -> None:
        there = self.pending + self.available + self.held
        if there + amount > books.MOST:
            raise BadAmount(
                _("amount: with %(amount)s more there would be more points than can be counted; give fewer")
                % {"amount": self.terms.say(amount)},
                field="amount",
                value=amount,
                most=books.MOST - there,
            )

    def _due(self, at: datetime) -> list[tuple[datetime, int, int, int]]:
        """What is to happen by then: holds that run out, lots that lapse, lots that mature."""
        found = [
            (part.expires_at, _TIMEOUT, part.lot, part.hold)
            for part in self.parts.values()
            if part.open and part.expires_at is not None and part.expires_at <= at
        ]
        for lot in self.lots.values():
            if lot.pending or lot.available:
                if lot.expires_at is not None and lot.expires_at <= at:
                    found.append((lot.expires_at, _LAPSE, lot.id, 0))
                if lot.pending and lot.matures_at is not None and lot.matures_at <= at:
                    found.append((lot.matures_at, _MATURE, lot.id, 0))
        return found

    def _lapse_again(self, at: datetime) -> None:
        """What came back to lots that are over lapses now."""
        draft = None
        for lot in self.lots.values():
            if lot.available and lot.is_over(at):
                draft = draft or self._open("expire", at, Reason("lapsed"))
                self._move(draft, lot, books.AVAILABLE, books.BREAKAGE, lot.available)
        self._close(draft)

    def order_of(self, number: int) -> tuple[datetime, bool, int]:
        """By what lots are sorted to be spent."""
        lot = self.lots[number]
        ends = _NEVER if self.terms.spend_order == "oldest" else lot.expires_at or _NEVER
        return ends, number < 0, abs(number)

    def _in_spend_order(self, at: datetime) -> list[Lot]:
        found = [number for number, lot in self.lots.items() if lot.available and not lot.is_over(at)]
        return [self.lots[number] for number in sorted(found, key=self.order_of)]

    def _owing(self, record: int | None) -> list[Lot]:
        found = [lot for lot in self.lots.values() if lot.owed and record in (None, lot.record)]
        return sorted(found, key=lambda lot: lot.id)

    def _settle(self, at: datetime) -> None:
        """Pay what a record owes from its own points, as far as there are any."""
        if not self.debt or not self.available:
            return
        draft = None
        payers = self._in_spend_order(at)
        for debtor in self._owing(None):
            for payer in payers:
                if payer.record == debtor.record and payer.available and debtor.owed:
                    draft = draft or self._open("settle", at, Reason("settled"))
                    paid = min(payer.available, debtor.owed)
                    self._move(draft, payer, books.AVAILABLE, books.DEBT, paid, debtor)
        self._close(draft)

    def _forgive_beyond_limit(self, at: datetime) -> None:
        """What is held may come back, and pays then: only what is spent for good is forgiven."""
        if self.terms.debt_limit is None or not self.debt:
            return
        for record in sorted({lot.record for lot in self._owing(None)}):
            beyond = sum(lot.owed for lot in self._owing(record)) - self.terms.debt_limit - self.held
            if beyond > 0:
                self.write_off(beyond, at=at, reason=Reason("beyond_debt_limit"), record=record)

    def _release(self, draft: Draft, part: Part, amount: int) -> None:
        part.open -= amount
        part.released += amount
        self._move(draft, self.lots[part.lot], books.HELD, books.AVAILABLE, amount)

    def _open(
        self,
        kind: str,
        at: datetime,
        reason: Reason,
        *,
        reverses: int | None = None,
        rule: str = "",
        rule_version: int | None = None,
    ) -> Draft:
        return Draft(kind, 0, at, reason, reverses, rule, rule_version)

    def _close(self, draft: Draft | None) -> None:
        if draft is None or not (draft.moves or draft.kind == "extend"):
            return
        self.sequence += 1
        draft.sequence = self.sequence
        draft.after = self.balances
        self.drafts.append(draft)

    def _move(
        self, draft: Draft, lot: Lot, from_book: str, to_book: str, amount: int, for_lot: Lot | None = None
    ) -> None:
        if not amount:
            return
        draft.moves.append(Move(lot.id, from_book, to_book, amount, None if for_lot is None else for_lot.id))
        for book, change in ((from_book, -amount), (to_book, amount)):
            if book == books.DEBT:
                (for_lot or lot).owed -= change
                self.debt -= change
                continue
            if book == books.PENDING:
                lot.pending += change
                self.pending += change
            elif book == books.AVAILABLE:
                lot.available += change
                self.available += change
            elif book == books.HELD:
                lot.held += change
                self.held += change
            elif book in books.SPENT:
                lot.spent += change
            elif book == books.BREAKAGE:
                lot.lapsed += change
            elif book in books.SOURCES and books.DEBT not in (from_book, to_book):
                lot.taken_back += change
        if to_book == books.DEBT and from_book == books.AVAILABLE:
            lot.settled += amount
        elif from_book == books.DEBT and to_book in books.SOURCES:
            lot.short += amount


def kept_by(wallets: Iterable[Wallet], hold: int) -> int:
    """What a hold still keeps."""
    return sum(part.open for wallet in wallets for part in wallet.parts.values() if part.hold == hold)


def share_out(
    wallets: Sequence[Wallet], hold: int, amount: int, *, rest: bool
) -> dict[int, dict[tuple[int, int], tuple[int, int]]]:
    """By account, how much of each part of a hold is captured, of what expires first, and how much released.

    Its lots may be of several accounts: of people who were one when it was made. `rest` is released, or stays held.
    """
    parts = [(wallet, part) for wallet in wallets for part in wallet.parts.values() if part.hold == hold and part.open]
    parts.sort(key=lambda one: one[0].order_of(one[1].lot))
    shares: dict[int, dict[tuple[int, int], tuple[int, int]]] = {}
    for wallet, part in parts:
        taken = min(amount, part.open)
        amount -= taken
        shares.setdefault(wallet.account, {})[part.hold, part.lot] = (taken, part.open - taken if rest else 0)
    return shares


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
