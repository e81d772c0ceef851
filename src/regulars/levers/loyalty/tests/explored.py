"""What can be done with somebody's points, each with where it stops for others to come in between."""

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import date
from itertools import count
from types import ModuleType
from typing import Any

from regulars.facts.customers import identity
from regulars.kit.actors import SHELL, Actor
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import (
    adjustments,
    checkups,
    earning,
    freezing,
    inheriting,
    points,
    programmes,
    redemptions,
    regrants,
    rewards,
)
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty.models import Account, Lot
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, a_member, an_award, has, key
from regulars.levers.loyalty.tests.test_earning import an_order, comes_back

ANA = Actor("operator", "8")
LONG_AGO = MONDAY - 30_000 * DAY
_number = count(1)
_PERSONS = "SELECT id, person_id FROM customers_customer\n WHERE id IN"
_ACCOUNTS = "SELECT account.id, account.customer_id, account.frozen_at"
_RESTING = "SELECT account.id, account.customer_id, currency.code, account.rests_since"
_HELD = "SELECT id FROM loyalty_account WHERE customer_id"
_EARNED = "SELECT earning.id, earning.subject, earning.version_id"
#: Beginnings of the statements before which it stops, besides its first; what is left then ends with the commit.
OF_THE_LEDGER = ("", _PERSONS, _ACCOUNTS, "WITH part_0")
_OF_IDENTITY = (
    "",
    "SELECT id FROM customers_customer WHERE id = ANY",
    _RESTING,
    "SELECT id, customer_id, currency_id, sequence, pending",
)
_OF_ESTATES = ("", _PERSONS, _HELD, "INSERT INTO loyalty_entry (act_id")
STOPS = {
    "sweep": ("", "SELECT account.id, account.customer_id, currency.code, account.pending", _ACCOUNTS, "WITH lapsing"),
    "pass on": _OF_ESTATES,
    "pass on at rest": ("", _PERSONS, _HELD, "UPDATE loyalty_account SET frozen_at"),
    "pass on to each other": _OF_ESTATES,
    "pass back": _OF_ESTATES,
    "freeze": ("", _PERSONS, "SELECT id, rests_since FROM loyalty_account", "UPDATE loyalty_account SET frozen_at"),
    "thaw": ("", _PERSONS, _RESTING, "UPDATE loyalty_account SET frozen_at"),
    "join": _OF_IDENTITY,
    "join heir": _OF_IDENTITY,
    "part": _OF_IDENTITY,
    "return": ("", _EARNED, _ACCOUNTS, "WITH part_0"),
    "grant": ("", _EARNED, _ACCOUNTS, "WITH part_0"),
    "undo grant": ("", _EARNED, _ACCOUNTS, "WITH part_0"),
}
#: Which public verb each of them is.
VERBS: dict[str, tuple[ModuleType, str]] = {
    "award": (points, "award"),
    "award to both": (points, "award_many"),
    "redeem": (points, "redeem"),
    "hold": (points, "hold"),
    "capture": (points, "capture"),
    "release": (points, "release"),
    "take back": (points, "reverse"),
    "give back": (points, "reverse"),
    "take back earned": (points, "reverse"),
    "adjust": (points, "adjust"),
    "told twice": (points, "redeem"),
    "sweep": (clockwork, "book_due"),
    "forgive": (points, "forgive"),
    "extend": (points, "extend"),
    "mature": (points, "mature"),
    "reinstate": (points, "reinstate"),
    "heir spends": (points, "redeem"),
    "pass on": (inheriting, "pass_on"),
    "pass on at rest": (inheriting, "pass_on"),
    "pass on to each other": (inheriting, "pass_on"),
    "pass back": (inheriting, "pass_back"),
    "freeze": (freezing, "freeze"),
    "thaw": (freezing, "thaw"),
    "join": (identity, "join"),
    "join heir": (identity, "join"),
    "part": (identity, "undecide"),
    "return": (earning, "award_for_order"),
    "grant": (regrants, "go_on"),
    "undo grant": (regrants, "go_on"),
    "take": (redemptions, "take"),
    "cancel": (redemptions, "cancel"),
    "pay": (redemptions, "pay"),
    "give up unpaid": (redemptions, "release_unpaid"),
    "propose": (adjustments, "propose"),
}
EARNED = {"return", "grant", "undo grant", "take back earned"}


def a_shop() -> None:
    """A programme whose points pass to heirs, with a version that would give twice as much; a mug for 20 points, and a
    cup for which money is due, too."""
    above = "programme: tried\nmoney: GBP\nzone: Europe/London\nestate: passes\npending: {until: placed, days: 0}\n"
    for each in (1, 2):
        rule = f"rules:\n  - {{id: spend, kind: spend, points: {each}, per: 2}}\n"
        made = programmes.draft(text=above + rule, at=LONG_AGO, by=MAREK)
        programmes.approve(programme="tried", version=made.number, cost=0, at=LONG_AGO, by=SHELL)
    programmes.activate(programme="tried", version=1, at=LONG_AGO, by=MAREK)
    for code, cash in (("mug", None), ("cup", Money(500, "GBP"))):
        terms = rewards.Terms(kind="goods", handed="sent", titles={"en": code, "zh": "杯子"}, price=20, cash=cash)
        rewards.put(code=code, terms=terms, at=MONDAY, by=MAREK)
        rewards.set_state(code=code, state="open", at=MONDAY, by=MAREK)


class Priya:
    """Somebody with 100 points, 40 of which lapse before Friday; 15 of those are spent and 20 held. Ten more wait, and
    25 lapsed before. Li has 12. What `names` do has been made ready."""

    def __init__(self, names: Collection[str]):
        nth = next(_number)
        self.names = {self.a(who, nth): who for who in (("priya", "li", "anna") if SEVERAL & {*names} else ("priya",))}
        self.of = {who: number for number, who in self.names.items()}
        self.number = self.of["priya"]
        if "li" in self.of:
            # Before Priya, so that an heir's account is the first to be locked.
            an_award(self.of["li"], 12)
        self.coat = an_award(self.number, 60)
        self.tea = an_award(self.number, 40, expires_on=date(2026, 3, 3))
        self.silk = an_award(self.number, 10, matures_at=FRIDAY + 30 * DAY) if "mature" in names else 0
        self.wool = an_award(self.number, 25, expires_on=date(2026, 3, 1)) if "reinstate" in names else 0
        self.spent = points.redeem(customer=self.number, amount=15, key=key(), at=MONDAY, by=THE_SHOP).entries[-1].id
        self.basket = points.hold(
            customer=self.number, amount=20, owner="a checkout", key=key(), at=MONDAY, by=THE_SHOP
        ).id
        self.key, self.batch = key(), 0
        if EARNED & {*names}:
            self.earns(nth, names)
        if "cancel" in names:
            self.taken = self.takes("mug")
        if {"pay", "give up unpaid"} & {*names}:
            self.taken = self.takes("cup")
        if "pass back" in names:
            self.will = self.passes(at=MONDAY, key=key()).of("merge_out").id
        if "part" in names:
            self.joins("anna", at=MONDAY)
        if {"thaw", "pass on at rest"} & {*names}:
            freezing.freeze(customer=self.number, why="estate", key=key(), at=MONDAY, by=MAREK)

    @staticmethod
    def a(who: str, nth: int) -> int:
        return a_member(f"{who}-{nth}")

    def earns(self, nth: int, names: Collection[str]) -> None:
        """An order on a day of its own, which a version is to count for."""
        day = MONDAY - nth * DAY
        self.order = an_order(f"o-{nth}", customer=f"priya-{nth}", at=day)
        earning.award_for_order(order=self.order, at=MONDAY, by=THE_SHOP)
        self.earned = Lot.objects.get(subject=f"order:{self.order}").origin_entry_id
        if {"grant", "undo grant"} & {*names}:
            days = {"since": day.date(), "until": day.date() + DAY}
            self.batch = regrants.ask(programme="tried", version=2, at=MONDAY, by=MAREK, **days).id
            regrants.go_on(batch=self.batch, at=MONDAY)
            regrants.approve(batch=self.batch, at=MONDAY, by=ANA)
        if "undo grant" in names:
            regrants.go_on(batch=self.batch, at=MONDAY)
            regrants.undo(batch=self.batch, at=MONDAY, by=ANA)
        if "return" in names:
            comes_back(self.order, ["1"], key=f"rma-{nth}", at=MONDAY)

    def takes(self, what):
        return redemptions.take(customer=self.number, reward=what, key=key(), at=MONDAY, by=THE_SHOP).id

    def passes(self, *, at=FRIDAY, **more):
        return inheriting.pass_on(customer=self.number, to=self.of["li"], at=at, by=MAREK, **more)

    def joins(self, who, *, at=FRIDAY):
        why = identity.Reason.ASKED
        return identity.join(one=self.number, other=self.of[who], why=why, key=key(), at=at, by=MAREK)

    def tells(self, verb, **what):
        return lambda: len(verb(**{"key": key(), "by": MAREK, "at": FRIDAY, **what}).entries)

    def lot(self, entry):
        return Lot.objects.get(origin_entry_id=entry).id

    def verb(self, name: str) -> Callable[[], object]:
        """Done, it answers how many entries it wrote, or what became of it."""
        mine = {"customer": self.number}
        what: dict[str, dict[str, Any]] = {
            "award": {"amount": 30, **mine},
            "redeem": {"amount": 45, **mine},
            "capture": {"hold": self.basket, "amount": 12},
            "release": {"hold": self.basket},
            "take back": {"entry": self.coat, "amount": 50},
            "give back": {"entry": self.spent},
            "adjust": {"amount": -45, **mine},
            "told twice": {"amount": 25, "key": self.key, **mine},
            "forgive": mine,
            "pass on": {"to": self.of.get("li"), **mine},
            "pass on at rest": {"to": self.of.get("li"), **mine},
        }
        if name in what:
            return self.tells(getattr(*VERBS[name]), **what[name])
        return getattr(self, "to_" + name.replace(" ", "_"))()

    def to_hold(self):
        told = {"customer": self.number, "key": key(), "by": MAREK, "at": FRIDAY}
        return lambda: points.hold(amount=45, lasts=DAY, **told).amount

    def to_sweep(self):
        return lambda: sum(clockwork.book_due(at=FRIDAY, by=THE_SHOP).values()) and 0

    def to_award_to_both(self):
        lots = [points.NewLot(self.of[who], 5, points.Reason("awarded")) for who in ("priya", "li")]
        return self.tells(points.award_many, lots=lots)

    def to_take_back_earned(self):
        return self.tells(points.reverse, entry=self.earned, amount=30)

    def to_extend(self):
        return self.tells(points.extend, lots={self.lot(self.coat): date(2026, 5, 1)})

    def to_mature(self):
        return self.tells(points.mature, lots={self.lot(self.silk): FRIDAY})

    def to_reinstate(self):
        return self.tells(points.reinstate, lot=self.lot(self.wool), expires_on=date(2026, 5, 1))

    def to_heir_spends(self):
        return self.tells(points.redeem, customer=self.of["li"], amount=11)

    def to_pass_on_to_each_other(self):
        return self.tells(inheriting.pass_on, customer=self.of["li"], to=self.number)

    def to_pass_back(self):
        return lambda: len(inheriting.pass_back(entry=self.will, at=FRIDAY, by=MAREK).entries)

    def to_freeze(self):
        told = {"customer": self.number, "key": key(), "by": MAREK, "at": FRIDAY}
        return lambda: freezing.freeze(why="estate", **told) or "frozen"

    def to_thaw(self):
        return lambda: freezing.thaw(customer=self.number, key=key(), at=FRIDAY, by=MAREK) or "goes on"

    def to_join(self):
        return lambda: self.joins("anna") and "joined"

    def to_join_heir(self):
        return lambda: self.joins("li") and "joined"

    def to_part(self):
        why = {"why": identity.Reason.MISTAKE, "key": key(), "at": FRIDAY, "by": MAREK}
        return lambda: identity.undecide(one=self.number, other=self.of["anna"], **why) and "parted"

    def to_return(self):
        return lambda: earning.award_for_order(order=self.order, at=FRIDAY, by=THE_SHOP) and "heard"

    def to_grant(self):
        return lambda: regrants.go_on(batch=self.batch, at=FRIDAY) and "gone on"

    to_undo_grant = to_grant

    def to_take(self):
        told = {"customer": self.number, "key": key(), "at": FRIDAY, "by": THE_SHOP}
        return lambda: redemptions.take(reward="mug", **told).state

    def to_cancel(self):
        return lambda: redemptions.cancel(redemption=self.taken, why="correction", at=FRIDAY, by=MAREK).state

    def to_pay(self):
        return lambda: redemptions.pay(redemption=self.taken, payment="p1", at=FRIDAY, by=THE_SHOP).state

    def to_give_up_unpaid(self):
        return lambda: redemptions.release_unpaid(at=FRIDAY, by=THE_SHOP)

    def to_propose(self):
        told = {"customer": self.number, "key": key(), "at": FRIDAY, "by": MAREK}
        return lambda: adjustments.propose(amount=-45, reason="correction", **told).request is None

    def stands(self) -> tuple[object, ...]:
        """What each has in the end, where each lot is, and who is frozen. The books agree."""
        if self.batch:
            regrants.go_on(batch=self.batch, at=FRIDAY)
        accounts = {row.id: row for row in Account.objects.filter(customer_id__in=self.names)}
        assert list(checkups.broken(list(accounts))) == []
        places = ("expires_on", "pending", "available", "held", "spent", "lapsed", "taken_back", "short", "owed")
        lots = [
            (
                self.names[row.record_id],
                self.names.get(row.earned_by_id, ""),
                *(str(getattr(row, one)) for one in places),
            )
            for row in Lot.objects.filter(account_id__in=accounts)
        ]
        frozen = sorted(self.names[row.customer_id] for row in accounts.values() if row.frozen_at)
        ends = (tuple(has(number, at=FRIDAY) for number in self.names), tuple(sorted(lots)), tuple(frozen))
        if self.batch:
            # The next one of the programme waits for this one's end.
            with suppress(Refusal):
                freezing.thaw(customer=self.number, key=key(), at=FRIDAY, by=MAREK)
            regrants.go_on(batch=self.batch, at=FRIDAY)
        return ends


SEVERAL = {
    *("award to both", "heir spends", "pass on", "pass on at rest", "pass on to each other", "pass back"),
    *("join", "join heir", "part"),
}
