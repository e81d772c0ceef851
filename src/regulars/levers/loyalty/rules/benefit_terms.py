"""A benefit as a programme's file says it: what it is, which levels have it how often, in what time, and when a use is
given back. Pure; `benefits` says who has it and what is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from regulars.kit import civil
from regulars.kit.conditions.nodes import Condition
from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules import asking
from regulars.levers.loyalty.rules.rule import Terms, read_money
from regulars.levers.loyalty.rules.tier_periods import Period
from regulars.levers.loyalty.rules.told import Told

Kind = Literal[
    "free_shipping",
    "member_price",
    "birthday_multiplier",
    "early_access",
    "dedicated_agent",
    "free_returns",
    "free_pick_up",
    "free_order",
    "service",
]
KINDS: tuple[Kind, ...] = (
    "free_shipping",
    "member_price",
    "birthday_multiplier",
    "early_access",
    "dedicated_agent",
    "free_returns",
    "free_pick_up",
    "free_order",
    "service",
)
Per = Literal["ever", "month", "quarter", "year", "rolling", "anniversary", "membership"]
PERS: tuple[Per, ...] = ("ever", "month", "quarter", "year", "rolling", "anniversary", "membership")
_MONTHS: Mapping[Per, int] = {"month": 1, "quarter": 3, "year": 12}
Back = Literal["cancelled", "returned", "never"]
BACK: tuple[Back, ...] = ("cancelled", "returned", "never")
MOST_BENEFITS, MOST_USES = 50, 10_000


@dataclass(frozen=True)
class OnLevel:
    """Those on a level of a set, and above it: so often in the benefit's time, without end where `most` is None."""

    tiers: str
    level: str
    rank: int
    most: int | None


@dataclass(frozen=True)
class Right:
    """How often somebody may, by which of the benefit's levels."""

    on: OnLevel

    @property
    def most(self) -> int | None:
        return self.on.most


@dataclass(frozen=True)
class Benefit:
    """One benefit. `percent` or `off_minor` of what `where` fits (member price); `times` the points within `days` of a
    birthday; `hours` earlier; an order of up to `worth_minor`; the name of a `service`. `at_least_minor`: of an order.
    Uses count together `per` period, of a rolling one its `months`. `back`: what gives a use for an order back."""

    id: str
    kind: Kind
    titles: Mapping[str, str]
    about: Mapping[str, str]
    per: Per
    months: int
    levels: tuple[OnLevel, ...]
    back: Back
    at_least_minor: int = 0
    percent: int = 0
    off_minor: int = 0
    times: Decimal | None = None
    days: int = 0
    hours: int = 0
    worth_minor: int = 0
    service: str = ""
    where: Condition | None = None

    def __hash__(self) -> int:
        return hash(self.id)

    def on(self, ranks: Mapping[str, int]) -> Right | None:
        """What somebody may who has these ranks in each set: of each set by the highest level they reached, of several
        sets the most."""
        reached: dict[str, OnLevel] = {}
        for one in self.levels:
            before = reached.get(one.tiers)
            if ranks.get(one.tiers, 0) >= one.rank and (before is None or before.rank < one.rank):
                reached[one.tiers] = one
        best = max(reached.values(), key=_generous, default=None)
        return None if best is None else Right(best)


def _generous(one: OnLevel) -> int:
    return MOST_USES + 1 if one.most is None else one.most


@dataclass(frozen=True)
class Span:
    """Days from `since` up to but not including `until`; None: no end."""

    since: date
    until: date | None


ALWAYS = Span(date(1970, 1, 1), None)


def span(per: Per, months: int, today: date, *, joined: date, paid: Span | None = None) -> Span:
    """In which days uses count together. `paid`: the period that a plan is paid for."""
    if per in _MONTHS:
        many = _MONTHS[per]
        since = date(today.year, (today.month - 1) // many * many + 1, 1)
        return Span(since, civil.add_months(since, many))
    if per == "rolling":
        window = Period("rolling", months).window(today.toordinal(), 0)
        return Span(date.fromordinal(window.since), None)
    if per == "anniversary":
        window = Period("anniversary").window(today.toordinal(), min(joined, today).toordinal())
        return Span(date.fromordinal(window.since), date.fromordinal(window.until))
    if per == "membership" and paid is not None:
        return paid
    return ALWAYS


def frees_on(per: Per, months: int, counted: Sequence[date], most: int, within: Span) -> date | None:
    """The day on which a used-up benefit can be used again: None where that is never."""
    if per == "rolling":
        oldest = sorted(counted)[len(counted) - most] if most else None
        return None if oldest is None else civil.add_months(oldest, months)
    return within.until


def read(told: Sequence[Told], terms: Terms) -> tuple[Benefit, ...]:
    """The benefits of a file, checked."""
    found: list[Benefit] = []
    for one in told:
        made = _benefit(one, terms)
        if any(other.id == made.id for other in found):
            raise one.bad("id", _("another benefit has this id; give each its own"))
        found.append(made)
    if len(found) > MOST_BENEFITS:
        raise told[MOST_BENEFITS].bad("id", _("write at most %(most)s benefits") % {"most": MOST_BENEFITS})
    return tuple(found)


def read_most(told: Told) -> int | None:
    """How often at `most`; None for without end."""
    return told.number("most", least=1, most=MOST_USES) if told.has("most") else None


def _benefit(told: Told, terms: Terms) -> Benefit:
    name = told.name()
    chosen = told.one_of("kind", KINDS)
    kind = next(one for one in KINDS if one == chosen)
    per, back = told.one_of("per", PERS, "ever"), told.one_of("back", BACK, "cancelled")
    found = Benefit(
        id=name,
        kind=kind,
        titles=told.titles("name", name),
        about=told.titles("about", "") if told.has("about") else {},
        per=next(one for one in PERS if one == per),
        months=told.number("months", least=1, most=120) if per == "rolling" else 0,
        levels=_levels(told, terms),
        back=next(one for one in BACK if one == back),
        **_facts(told, kind, terms),
    )
    if found.per == "membership" and found.levels:
        raise told.bad("per", _("levels have no paid period; write anniversary, or leave it to plans"))
    told.done()
    return found


def _facts(told: Told, kind: Kind, terms: Terms) -> dict[str, Any]:
    """What only this kind says."""
    if kind == "free_shipping":
        return {"at_least_minor": read_money(told, "at_least", terms, 0)}
    if kind == "member_price":
        if told.has("percent") == told.has("amount_off"):
            raise told.bad("percent", _("write either `percent` or `amount_off`"))
        where = asking.read(told, "where", asking.of_lines(terms.currency), terms.zone)
        if told.has("percent"):
            return {"percent": told.number("percent", least=1, most=100), "where": where}
        return {"off_minor": read_money(told, "amount_off", terms), "where": where}
    if kind == "birthday_multiplier":
        times = told.decimal("times")
        if not 1 < times <= 100:
            raise told.bad("times", _("write a number above 1, up to 100"))
        return {"times": times, "days": told.number("days", 0, most=31)}
    if kind == "early_access":
        return {"hours": told.number("hours", least=1, most=24 * 60)}
    if kind == "free_order":
        return {"worth_minor": read_money(told, "worth", terms)}
    return {"service": told.text("service", longest=40)} if kind == "service" else {}


def _levels(told: Told, terms: Terms) -> tuple[OnLevel, ...]:
    found: list[OnLevel] = []
    for one in told.each("for"):
        tiers = one.one_of("tiers", tuple(terms.tiers)) if terms.tiers else one.text("tiers", longest=40)
        if tiers not in terms.tiers:
            raise one.bad("tiers", _("this programme has no such set of tiers; write one under `tiers`"))
        level = one.one_of("from", terms.tiers[tiers])
        made = OnLevel(tiers, level, terms.tiers[tiers].index(level) + 1, read_most(one))
        if any((other.tiers, other.level) == (tiers, level) for other in found):
            raise one.bad("from", _("this level is listed already; write it once"))
        one.done()
        found.append(made)
    return tuple(found)
