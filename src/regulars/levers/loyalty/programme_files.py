"""A programme as a readable file: what it says, checked as a whole. Pure; docs/how-to/write-a-programme.md tells how to
write one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import yaml

from regulars.facts.customers.birthdays import LEAP_DAYS, LeapDay
from regulars.kit import civil, money
from regulars.kit.conditions.vocabulary import Vocabulary
from regulars.kit.points import MOST_DECIMALS
from regulars.kit.texts import translated as _
from regulars.levers.loyalty import policies
from regulars.levers.loyalty._earning.event_names import VISIT
from regulars.levers.loyalty.expiring import KINDS, UNITS, Expiry
from regulars.levers.loyalty.rules import KINDS as RULES
from regulars.levers.loyalty.rules import benefit_terms, birthday_bonus, plan_terms, reward_terms, tier_sets
from regulars.levers.loyalty.rules import missions as missions_told
from regulars.levers.loyalty.rules.benefit_terms import Benefit
from regulars.levers.loyalty.rules.birthday_bonus import BirthdayBonus
from regulars.levers.loyalty.rules.event import Event
from regulars.levers.loyalty.rules.missions import Badge, Mission
from regulars.levers.loyalty.rules.nth_order import NthOrder
from regulars.levers.loyalty.rules.plan_terms import Plan
from regulars.levers.loyalty.rules.reward_terms import RewardTold
from regulars.levers.loyalty.rules.rule import Cap, Rule, Terms, read_caps, read_points
from regulars.levers.loyalty.rules.spend import Spend
from regulars.levers.loyalty.rules.tier_bonus import TierBonus
from regulars.levers.loyalty.rules.tier_sets import TierSet
from regulars.levers.loyalty.rules.told import BadProgramme, Told, bad
from regulars.levers.loyalty.rules.window_bonus import Bonus

__all__ = ("BadProgramme", "CurrencyTold", "Pending", "Programme", "find", "read", "ready", "text_of")

READY = Path(__file__).parent / "programmes_ready"
MOST_RULES = 200
Until = Literal["placed", "paid", "delivered"]
Estate = Literal["stays", "passes"]
ESTATES: tuple[Estate, ...] = ("stays", "passes")
UNTIL: tuple[Until, ...] = ("placed", "paid", "delivered")


@dataclass(frozen=True)
class CurrencyTold:
    """The points it gives: a code, how many decimals, what people call them. `worth`: of one point, in its money."""

    code: str
    scale: int
    titles: Mapping[str, str]
    worth: Decimal | None


@dataclass(frozen=True)
class Pending:
    """Points can be spent `days` whole days after the order was placed, paid or delivered; `at_once` percent of what a
    rule gives at once. What is never told to be delivered counts as delivered `at_latest_days` after it was placed."""

    until: Until = "delivered"
    days: int = 14
    at_once: int = 0
    at_latest_days: int = 60


@dataclass(frozen=True)
class Programme:
    """All that a file says. `rules` stand in an order in which each comes after those it multiplies.

    `leap_day`: where a birthday on the 29th of February is kept in years without it. `estate`: whether points of who
    died pass to an heir.
    """

    code: str
    titles: Mapping[str, str]
    currency: CurrencyTold
    money: str
    zone: str
    rules: Sequence[Rule]
    pending: Pending
    expiry: Expiry
    notice_days: tuple[int, ...]
    caps: tuple[Cap, ...]
    debt_limit: int | None
    policies: tuple[str, ...]
    approval_above: int
    seed: str
    leap_day: LeapDay
    estate: Estate
    tiers: tuple[TierSet, ...]
    benefits: tuple[Benefit, ...]
    rewards: tuple[RewardTold, ...]
    badges: tuple[Badge, ...]
    missions: tuple[Mission, ...]
    plans: tuple[Plan, ...]
    text: str = field(repr=False)
    terms: Terms = field(repr=False)

    @cached_property
    def by_id(self) -> Mapping[str, Rule]:
        """Its rules by their ids."""
        return {rule.id: rule for rule in self.rules}

    @cached_property
    def capped(self) -> frozenset[str]:
        """The rules that some cap limits."""
        return frozenset(rule.id for rule in self.rules if rule.caps or self.caps)

    @cached_property
    def of_every(self) -> tuple[NthOrder, ...]:
        """The rules that give for every so many orders."""
        return tuple(rule for rule in self.of_orders if isinstance(rule, NthOrder) and rule.every)

    @cached_property
    def of_orders(self) -> tuple[Rule, ...]:
        """The rules that give for orders."""
        return tuple(rule for rule in self.rules if rule.of == "order")

    @cached_property
    def events(self) -> frozenset[str]:
        """What it has to hear of: events that earn, and those that levels and missions ask for."""
        needs = [need for tiers in self.tiers for need in tiers.needs]
        needs += [need for mission in self.missions for need in mission.needs]
        asked = {need.of for need in needs if need.what == "events"}
        for mission in self.missions:
            for condition in mission.conditions:
                asked |= missions_told.events_of(condition)
        visits = {VISIT} if any(need.what in ("visits", "stores") for need in needs) else set()
        return frozenset({rule.event for rule in self.of_events} | asked | visits)

    @cached_property
    def of_events(self) -> tuple[Event, ...]:
        """The rules that give for events."""
        return tuple(rule for rule in self.rules if isinstance(rule, Event))

    def untried(self, day: date, *, tried: Collection[str] = ()) -> tuple[str, ...]:
        """The rules and missions of which a trial on what was done until that day cannot say what they give: those
        whose first day is not before it, and those for events but the `tried`."""
        rules = [
            one.id
            for one in self.rules
            if (one.of == "event" and one.id not in tried) or (one.starts_on is not None and one.starts_on >= day)
        ]
        later = [one.id for one in self.missions if one.starts_on is not None and one.starts_on >= day]
        return (*rules, *later)


def ready() -> list[str]:
    """The programmes that come with Regulars."""
    return sorted(file.stem for file in READY.glob("*.yaml"))


def find(name_or_file: str) -> Path:
    """The file of a programme that comes with Regulars, or of one of your own."""
    own = Path(name_or_file)
    if own.suffix in {".yaml", ".yml"}:
        if not own.exists():
            raise bad("file", name_or_file, _("there is no such file; check the path"))
        return own
    if name_or_file not in ready():
        raise bad(
            "file", name_or_file, _("use one of %(names)s, or the path of a .yaml file") % {"names": ", ".join(ready())}
        )
    return READY / f"{name_or_file}.yaml"


def text_of(name_or_file: str) -> str:
    """What such a file says."""
    try:
        return find(name_or_file).read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise bad("file", name_or_file, _("it is no UTF-8 text; save it as one")) from problem


def read(
    text: str, *, currency: str, zone: str, customers: Vocabulary | None = None, is_kept: bool = False
) -> Programme:
    """The programme that a file's text says, checked; `currency` and `zone` are the shop's, where it says none.

    `customers` is what conditions may ask; without it `only_if` and audiences are not checked. Raises BadProgramme for
    the first thing that may not be: what means nothing, what would never end, what a policy it names forbids. Of a
    version that `is_kept` only what it means is asked: what was promised by it goes on, whatever is refused since.
    """
    try:
        content = _parsed(text)
    except yaml.YAMLError as problem:
        raise bad("file", str(problem).replace("\n", " "), _("this is not readable YAML")) from problem
    if content is None:
        mend = _("write at least `programme` and one of `rules`")
        raise BadProgramme(
            _("file: it says nothing; %(mend)s") % {"mend": mend}, field="file", value=text[:80], mend=mend
        )
    told = Told(content, "")
    code = told.name("programme")
    coin, own_money = _currency(told, code), told.text("money", currency, longest=3)
    money.exponent(own_money)
    zone = told.text("zone", zone, longest=60)
    civil.zone(zone)
    terms = Terms(own_money, zone, coin.scale, customers)
    tiers = tier_sets.read(told.each("tiers"), terms)
    terms = replace(terms, tiers={one.id: tuple(level.id for level in one.levels) for one in tiers})
    rules = _rules(told, terms)
    badges = missions_told.read_badges(told.each("badges"))
    benefits = benefit_terms.read(told.each("benefits"), terms)
    seed = told.text("seed", code, longest=80)
    found = Programme(
        code=code,
        titles=told.titles("name", code),
        currency=coin,
        money=own_money,
        zone=zone,
        rules=rules,
        pending=_pending(told),
        expiry=_expiry(told.under("expiry")),
        notice_days=_notice(told),
        caps=read_caps(told, terms),
        debt_limit=_debt(told, terms),
        policies=told.words("policies", policies.names()),
        approval_above=read_points(told, "approval_above", terms) if told.has("approval_above") else 0,
        seed=seed,
        leap_day=_leap_day(told),
        estate=_estate(told),
        tiers=tiers,
        benefits=benefits,
        rewards=reward_terms.read(told.each("rewards"), terms),
        badges=badges,
        missions=missions_told.read(told.each("missions"), terms, badges, seed),
        plans=plan_terms.read(told.each("plans"), terms, [one.id for one in benefits]),
        text=text,
        terms=terms,
    )
    told.done()
    birthday_bonus.check(found.rules, found.benefits)
    if not is_kept:
        _may_promise(found)
    return found


def _may_promise(programme: Programme) -> None:
    """Refuses what can be read and may not be promised."""
    _never_ends(programme)
    _one_comes_first(programme)
    _can_be_spent(programme)
    for name in programme.policies:
        policies.check(name, programme.expiry, programme.notice_days, programme.rules)


@lru_cache(maxsize=32)
def _parsed(text: str) -> Any:
    return yaml.safe_load(text)


def _currency(told: Told, code: str) -> CurrencyTold:
    under = told.under("currency")
    name = under.name("code", "points")
    found = CurrencyTold(
        code=name,
        scale=under.number("decimals", 0, most=MOST_DECIMALS),
        titles=under.titles("name", name),
        worth=under.decimal("worth") if under.has("worth") else None,
    )
    under.done()
    return found


def _rules(told: Told, terms: Terms) -> tuple[Rule, ...]:
    each = told.each("rules")
    if not 0 < len(each) <= MOST_RULES:
        raise bad("rules", len(each), _("write 1 to %(most)s rules") % {"most": MOST_RULES})
    found: dict[str, Rule] = {}
    for one in each:
        kind = one.one_of("kind", tuple(RULES))
        rule = RULES[kind](one, terms)
        one.done()
        if rule.id in found:
            raise one.bad("id", _("another rule has this id; give each its own"))
        found[rule.id] = rule
    before = {
        rule.id: rule.multiplies if isinstance(rule, Bonus | TierBonus | BirthdayBonus) else ()
        for rule in found.values()
    }
    for place, rule in enumerate(found.values()):
        for other in before[rule.id]:
            if other not in found or found[other].of != "order":
                raise bad(f"rules[{place}].multiplies", other, _("there is no such rule for orders; write its id"))
    try:
        ordered = list(TopologicalSorter(before).static_order())
    except CycleError as cycle:
        ring = " → ".join(cycle.args[1])
        raise bad("rules", ring, _("these multiply each other without end; break the ring")) from cycle
    depth: dict[str, int] = {}
    for name in ordered:
        depth[name] = 1 + max((depth[other] for other in before[name]), default=0)
    return tuple(sorted(found.values(), key=lambda rule: depth[rule.id]))


def _pending(told: Told) -> Pending:
    under = told.under("pending")
    until = under.one_of("until", UNTIL, "delivered")
    found = Pending(
        until=next(one for one in UNTIL if one == until),
        days=under.number("days", 14, most=366),
        at_once=under.percent("at_once", 0),
        at_latest_days=under.number("at_latest_days", 60, most=366),
    )
    under.done()
    return found


def _leap_day(told: Told) -> LeapDay:
    kept = told.one_of("leap_birthdays", LEAP_DAYS, "february")
    return next(one for one in LEAP_DAYS if one == kept)


def _estate(told: Told) -> Estate:
    becomes = told.one_of("estate", ESTATES, "stays")
    return next(one for one in ESTATES if one == becomes)


def _expiry(told: Told) -> Expiry:
    kind = told.one_of("kind", KINDS, "never")
    months, days = told.number("months", 0, most=600), told.number("days", 0, most=36_600)
    unit, on = told.one_of("unit", UNITS, "year"), told.day("day")
    told.done()
    if kind == "fixed" and on is None:
        raise told.bad("day", _("write the last day, such as 2027-12-31"))
    if kind in ("rolling", "activity") and not months and not days:
        raise told.bad("months", _("write after how many months or days they lapse"))
    return Expiry(
        kind=next(one for one in KINDS if one == kind),
        months=months,
        days=days,
        on=on,
        unit=next(one for one in UNITS if one == unit),
    )


def _notice(told: Told) -> tuple[int, ...]:
    value = told.raw("notice_days")
    days = value if isinstance(value, list) else [] if value is None else [value]
    if not all(type(one) is int and 1 <= one <= 366 for one in days):
        raise told.bad(
            "notice_days", _("write how many days before points lapse their member is told, such as [30, 7]")
        )
    return tuple(sorted(set(days), reverse=True))


def _debt(told: Told, terms: Terms) -> int | None:
    under = told.under("debt")
    limit = under.raw("limit")
    under.done()
    if limit is None:
        return None
    return 0 if limit == 0 else read_points(told.under("debt"), "limit", terms)


def _as_written(programme: Programme) -> list[Rule]:
    """Its rules in the order of the file."""
    order = [str(one["id"]).strip() for one in _parsed(programme.text)["rules"]]
    return sorted(programme.rules, key=lambda rule: order.index(rule.id))


def _never_ends(programme: Programme) -> None:
    """Refuses what gives back more than it takes, over and over."""
    for place, rule in enumerate(_as_written(programme)):
        if (
            isinstance(rule, Event)
            and rule.once in ("about", "day")
            and not any(cap.per == "member" for cap in (*rule.caps, *programme.caps))
        ):
            raise bad(
                f"rules[{place}].once",
                rule.once,
                _("somebody could earn this without end; write a cap for each member, or once: month"),
            )
    if programme.currency.worth is not None:
        _costs_more_than_it_gives(programme, Fraction(programme.currency.worth))


def _costs_more_than_it_gives(programme: Programme, worth: Fraction) -> None:
    """Refuses rules that together, on some day, give points for money that are worth as much as the money. Counted is
    the most that they can give: to whom all of them apply, for a line that fits them all."""
    money_of = worth * Fraction(10) ** (money.exponent(programme.money) - programme.currency.scale)
    for day in [None, *sorted({rule.starts_on for rule in programme.rules if rule.starts_on is not None})]:
        rates: dict[str, Fraction] = {}
        for rule in programme.rules:
            rates[rule.id] = _rate(rule, programme, rates) if _is_on(rule, day) else Fraction(0)
        back = sum(rates.values()) * money_of
        if back >= 1:
            most = max(rates, key=lambda name: rates[name])
            place, rule = next((at, one) for at, one in enumerate(_as_written(programme)) if one.id == most)
            key = "points" if isinstance(rule, Spend) else "benefit" if isinstance(rule, BirthdayBonus) else "times"
            raise bad(
                f"rules[{place}].{key}",
                ", ".join(name for name, rate in rates.items() if rate),
                _("%(back)s of %(currency)s comes back for each %(spent)s spent; give fewer points")
                % {"back": f"{float(back):.2f}", "spent": "1.00", "currency": programme.money},
            )


def _is_on(rule: Rule, day: date | None) -> bool:
    """Whether it has begun and is not over; before any day only what has always been."""
    if day is None:
        return rule.starts_on is None
    return (rule.starts_on is None or rule.starts_on <= day) and (rule.ends_on is None or day < rule.ends_on)


def _rate(rule: Rule, programme: Programme, before: Mapping[str, Fraction]) -> Fraction:
    """How many parts it gives at most for a minor unit of money, after what the rules before it give."""
    if isinstance(rule, Spend):
        return Fraction(rule.points, rule.per_minor)
    if any(cap.per == "member" and cap.period != "order" for cap in rule.caps):
        return Fraction(0)
    times, multiplies = Fraction(1), tuple[str, ...]()
    if isinstance(rule, Bonus):
        times, multiplies = rule.times, rule.multiplies
    elif isinstance(rule, TierBonus):
        times, multiplies = max(rule.times.values()), rule.multiplies
    elif isinstance(rule, BirthdayBonus):
        of = [one.times for one in programme.benefits if one.id == rule.benefit]
        times, multiplies = max((Fraction(one) for one in of if one is not None), default=times), rule.multiplies
    return (times - 1) * sum(before[name] for name in multiplies)


def _can_be_spent(programme: Programme) -> None:
    """Refuses points that lapse before, or as soon as, they can be spent: where goods are told late, too."""
    pending, lasts = programme.pending, programme.expiry.least_days
    waits = pending.days + (pending.at_latest_days if pending.until == "delivered" else 0)
    is_at_once = pending.at_once == 100 and programme.debt_limit is None
    if lasts is not None and 0 < waits >= lasts and not is_at_once:
        raise bad(
            "expiry.days" if programme.expiry.days else "expiry.months",
            programme.expiry.days or programme.expiry.months,
            _(
                "points would lapse %(lasts)s days after they were earned and may wait %(waits)s before they can be"
                " spent; let them last longer, or write fewer days under pending"
            )
            % {"lasts": lasts, "waits": waits},
        )


def _one_comes_first(programme: Programme) -> None:
    """Refuses levels that points lead to and that multiply points: of the past nobody could say which came first."""
    by_points = {one.id for one in programme.tiers if any(need.what == "points" for need in one.needs)}
    for place, rule in enumerate(_as_written(programme)):
        if isinstance(rule, TierBonus) and rule.tiers in by_points:
            raise bad(
                f"rules[{place}].tiers",
                rule.tiers,
                _("its levels are reached by points, and it gives more points; let them be reached by spend or orders"),
            )
