"""What all rules have: a name, a time, which lines and whom they are for, who pays, and how often at most."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from regulars.kit import money
from regulars.kit.conditions.nodes import Condition
from regulars.kit.conditions.vocabulary import Vocabulary
from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules import asking, basis
from regulars.levers.loyalty.rules.columns import Answers, Fact, Flags, Numbers, OrderColumns, fits
from regulars.levers.loyalty.rules.grants import Answer, Grant, Missed, Reason, split
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Basis, Context, EventView, OrderView

Per = Literal["member", "everyone"]
Period = Literal["order", "day", "week", "month", "year", "ever"]
PERIODS: tuple[Period, ...] = ("order", "day", "week", "month", "year", "ever")
_PERIODS: Mapping[str, Period] = {period: period for period in PERIODS}
_PERS: Mapping[str, Per] = {"member": "member", "everyone": "everyone"}
SHOP = "shop"
_EPOCH = date(1970, 1, 1).toordinal()
_TENDERS = ("card", "cash", "wallet", "bank", "gift_card", "store_credit", "other")


@dataclass(frozen=True)
class Terms:
    """What a programme says for all its rules: its money, its zone, how many decimals its points have, and what can be
    asked of customers. `customers` is None where nothing is read."""

    currency: str
    zone: str
    scale: int
    customers: Vocabulary | None = None
    #: Set of tiers to its levels.
    tiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def parts(self, points: Decimal) -> int | None:
        """Points as parts; None where a part would be lost."""
        exact = points.scaleb(self.scale)
        return int(exact) if exact == int(exact) else None


@dataclass(frozen=True)
class Cap:
    """At most so many parts, for each member or for everyone together, in each period of the programme's calendar."""

    per: Per
    period: Period
    most: int


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. `starts_on` is its first day and `ends_on` the first that is none of its, of the order or event.

    `at_least_minor`: so much must be kept of what counts for it. `at_once` percent of what it gives is not pending.
    """

    kind: ClassVar[str]
    #: Whether it gives points for orders or for events.
    of: ClassVar[Literal["order", "event"]] = "order"

    id: str
    where: Condition | None = None
    only_if: Condition | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    at_least_minor: int = 0
    include: tuple[str, ...] = ()
    tenders: tuple[str, ...] = ()
    caps: tuple[Cap, ...] = ()
    at_once: int | None = None
    funding: str = SHOP

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: "Given") -> Answer:
        """What it gives for an order as it stands; `given` has what the rules before it answered."""
        raise NotImplementedError

    def of_event(self, event: EventView, context: Context, terms: Terms) -> Answer:
        """What it gives for something that happened."""
        raise NotImplementedError

    def may_give(self, context: Context) -> bool:
        """Whether it can give anything in that context; where not, its caps are left alone."""
        return True

    # --- of very many orders

    @property
    def is_of_columns(self) -> bool:
        """Whether `of_columns` says of many orders at once what `of_order` says of each."""
        return False

    def of_columns(self, orders: OrderColumns, terms: Terms, given: Mapping[str, Answers]) -> Answers:
        """`of_order` for many; `given` has what the rules before it answered. Asked only where `is_of_columns`."""
        raise NotImplementedError

    def may_give_columns(self, orders: OrderColumns) -> Flags:
        """`may_give` for many."""
        return np.ones(len(orders), np.bool_)

    @property
    def is_plain(self) -> bool:
        """Whether it asks nothing of means of payment and customers: of the lines it is for, the money that counts is
        the same for all such rules."""
        return not (self.only_if or self.include or self.tenders)

    def reach_columns(self, orders: OrderColumns, terms: Terms) -> Answers:
        """`reach` for many: why it gives nothing to those to whom it gives nothing, the others open."""
        found = Answers.to(orders)
        if self.starts_on is not None:
            found.miss(orders.placed_on < day_number(self.starts_on), "not_begun", day=self.starts_on.isoformat())
        if self.ends_on is not None:
            found.miss(orders.placed_on >= day_number(self.ends_on), "is_over", day=self.ends_on.isoformat())
        found.miss((orders.whole == 0) | (orders.over == 0), "nothing_kept" if self.where is None else "no_line_fits")
        if self.at_least_minor:
            fits(orders.whole, orders.over)
            fits(self.at_least_minor, orders.under)
            found.miss(
                orders.whole * orders.over < self.at_least_minor * orders.under,
                "spend_more",
                money=shown_of(self.at_least_minor - orders.floor, terms.currency),
                least=shown(self.at_least_minor, terms.currency),
            )
        return found

    # --- what most of them need

    def basis(self, order: OrderView) -> Basis:
        """The money that counts for it."""
        if (where := self.where) is not None:
            fits = partial(asking.line_fits, where, order)
            return basis.of(order, include=self.include, tenders=self.tenders, fits=fits)
        asked = (self.include, self.tenders)
        found = order.bases.get(asked)
        if found is None:
            found = order.bases[asked] = basis.of(order, include=self.include, tenders=self.tenders)
        return found

    def reach(self, order: OrderView, context: Context, terms: Terms) -> Basis | Missed:
        """The money that counts, or why it gives nothing whatever it would give."""
        if order.rate is None:
            return self.missed("no_rate", currency=order.currency)
        if (late := self.out_of_time(order.placed_on)) is not None:
            return late
        if not context.fits.get(self.id, True):
            return self.missed("not_for_them")
        found = self.basis(order)
        if not found.weights or not found.worth:
            if not order.counts:
                return self.missed("order_does_not_count")
            return self.missed("nothing_kept" if self.where is None else "no_line_fits")
        if not found.reaches(self.at_least_minor):
            return self.missed(
                "spend_more",
                money=shown(up(Fraction(self.at_least_minor) - found.minor), terms.currency),
                least=shown(self.at_least_minor, terms.currency),
            )
        return found

    def out_of_time(self, day: date) -> Missed | None:
        """Why not on that day."""
        if self.starts_on is not None and day < self.starts_on:
            return self.missed("not_begun", day=self.starts_on.isoformat())
        if self.ends_on is not None and day >= self.ends_on:
            return self.missed("is_over", day=self.ends_on.isoformat())
        return None

    def missed(self, code: str, **facts: str | int) -> Missed:
        """Nothing, and why."""
        return Missed(self.id, Reason(code, facts))

    def granted(self, parts: int, found: Basis, code: str, **facts: str | int) -> Grant:
        """So much, over the lines that counted."""
        return Grant(self.id, parts, split(parts, found.weights), Reason(code, facts), self.funding)


SomeRule = TypeVar("SomeRule", bound=Rule)


@dataclass(frozen=True)
class Given:
    """What the rules before answered, by their id."""

    answers: dict[str, Answer] = field(default_factory=dict)

    def parts(self, rules: tuple[str, ...]) -> int:
        """What these gave together."""
        found = (self.answers.get(rule) for rule in rules)
        return sum(one.parts for one in found if isinstance(one, Grant))

    def lines(self, rules: tuple[str, ...]) -> list[tuple[int, int]]:
        """Over which lines."""
        lines: dict[int, int] = {}
        for rule in rules:
            if isinstance(one := self.answers.get(rule), Grant):
                for line, parts in one.lines.items():
                    lines[line] = lines.get(line, 0) + parts
        return sorted(lines.items())


def day_number(day: date) -> int:
    """Days since 1970."""
    return day.toordinal() - _EPOCH


def shown_of(minor: Numbers, currency: str) -> Fact:
    """`shown` of those of many that are asked for."""
    return lambda which: money.texts(minor[which].tolist(), currency)


def up(amount: Fraction) -> int:
    """The whole minor units that are enough."""
    return -int(-amount // 1)


def shown(minor: int, currency: str) -> str:
    """Money as a reason keeps it."""
    return money.text(minor, currency)


def points_text(parts: int, scale: int) -> str:
    """Points as a reason keeps them."""
    return f"{Decimal(parts).scaleb(-scale):f}" if scale else str(parts)


def read_points(told: Told, key: str, terms: Terms) -> int:
    """Points at a key, as parts."""
    parts = terms.parts(told.decimal(key))
    if not parts:
        raise told.bad(key, _("points here have %(decimals)s decimals") % {"decimals": terms.scale})
    return parts


def read_money(told: Told, key: str, terms: Terms, default: int | None = None) -> int:
    """Money at a key, in minor units of the programme's currency."""
    if default is not None and not told.has(key):
        return default
    amount = told.decimal(key)
    exact = amount.scaleb(money.exponent(terms.currency))
    if exact != int(exact):
        raise told.bad(
            key,
            _("write an amount of %(currency)s, such as %(example)s")
            % {
                "currency": terms.currency,
                "example": str(money.Money(100, terms.currency).decimal),
            },
        )
    return int(exact)


def _where(told: Told, terms: Terms, kind: type[Rule]) -> Condition | None:
    node = told.raw("where")
    # Most rules ask nothing, and the words of a condition are many.
    if node is None:
        return None
    words = asking.of_lines(terms.currency) if kind.of == "order" else asking.of_events(terms.currency, node)
    return asking.read(told, "where", words, terms.zone)


def shared(told: Told, terms: Terms, kind: type[Rule]) -> dict[str, Any]:
    """What is said of every rule, as `Rule` takes it."""
    rule = told.text("id", longest=40)
    if not rule.replace("_", "").replace("-", "").isalnum() or not rule.isascii():
        raise told.bad("id", _("use letters, digits, dashes and underscores"))
    starts_on, ends_on = told.day("from"), told.day("until")
    if starts_on is not None and ends_on is not None and ends_on <= starts_on:
        raise told.bad("until", _("write a day after `from`; it is the first day without the rule"))
    found: dict[str, Any] = {
        "id": rule,
        "where": _where(told, terms, kind),
        "starts_on": starts_on,
        "ends_on": ends_on,
        "caps": read_caps(told, terms),
        "at_once": told.percent("at_once") if told.has("at_once") else None,
        "funding": _funding(told),
    }
    if terms.customers is not None:
        found["only_if"] = asking.read(told, "only_if", terms.customers, terms.zone)
    else:
        told.has("only_if")
    if kind.of == "order":
        found["at_least_minor"] = read_money(told, "at_least", terms, 0)
        found["include"] = _included(told)
        found["tenders"] = told.words("tenders", _TENDERS)
    return found


def read_caps(told: Told, terms: Terms) -> tuple[Cap, ...]:
    """The caps listed under `caps`."""
    found = []
    for one in told.each("caps"):
        per, period = one.one_of("per", ("member", "everyone")), one.one_of("period", PERIODS)
        if per == "everyone" and period == "order":
            raise one.bad("period", _("an order is one member's; say per: member"))
        found.append(Cap(_PERS[per], _PERIODS[period], read_points(one, "most", terms)))
        one.done()
    return _tightest(found)


def _tightest(caps: Iterable[Cap]) -> tuple[Cap, ...]:
    """Of caps of the same members and period the lowest: what is used of them is one sum, and counted once."""
    found: dict[tuple[Per, Period], Cap] = {}
    for one in caps:
        told = found.setdefault((one.per, one.period), one)
        found[one.per, one.period] = min(told, one, key=lambda cap: cap.most)
    return tuple(found.values())


def once_a(rule: SomeRule, period: str, points: int) -> SomeRule:
    """The rule, giving each member its points once a period: what is told late would give them a second time."""
    return replace(rule, caps=_tightest((*rule.caps, Cap("member", _PERIODS[period], points))))


def _funding(told: Told) -> str:
    name = told.text("funded_by", SHOP, longest=60)
    return name if name == SHOP or name.startswith("partner:") else f"partner:{name}"


def _included(told: Told) -> tuple[str, ...]:
    """What counts besides, refused where points would come from points or money would earn twice."""
    value = told.raw("include")
    if value is not None and "points" in (value if isinstance(value, list) else [value]):
        raise told.bad("include", _("what is paid with points earns no points: it would never end; leave it out"))
    found = told.words("include", basis.INCLUDABLE)
    if "gift_cards_sold" in found and "gift_cards_used" in found:
        raise told.bad("include", _("a gift card would earn when it is sold and when it is used; choose one of them"))
    return found
