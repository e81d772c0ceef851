"""A paid plan as a programme's file says it: what it costs how often, its trial, what it gives, and how somebody gets
out of it. Pure; `membership_steps` says what becomes of a membership day by day."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal
from urllib.parse import urlsplit

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.benefit_terms import read_most
from regulars.levers.loyalty.rules.rule import Terms, read_money
from regulars.levers.loyalty.rules.told import LANGUAGES, Told

Every = Literal["month", "quarter", "year"]
EVERY: Mapping[str, int] = {"month": 1, "quarter": 3, "year": 12}
Refund = Literal["unused", "prorated", "none"]
REFUNDS: tuple[Refund, ...] = ("unused", "prorated", "none")
Switch = Literal["at_once", "at_end"]
SWITCHES: tuple[Switch, ...] = ("at_once", "at_end")
MOST_PLANS, LONGEST_TERMS = 10, 20_000
#: The shortest period has 28 days: a debt is settled before the next one.
MOST_GRACE = 27


@dataclass(frozen=True)
class PlanBenefit:
    """A benefit of the same file, so often in its time; None: as often as they like."""

    benefit: str
    most: int | None


@dataclass(frozen=True)
class Plan:
    """A plan. `price_minor` for each `months`; `trial_days` before the first. Members are reminded `remind_days` before
    money is due; unpaid, it goes on for `grace_days`, and is asked for again after each of `retries`. `pause_days` at
    most at a time. `refund`: of who ends it at once. `switch`: when somebody who changes to it has it. `sku`: an order
    of that product joins or pays; `join_at`: the page that sells it, `brands`: a brand's own, by its code. `terms` in
    each language, under a version, are what people agree to.
    """

    id: str
    titles: Mapping[str, str]
    price_minor: int
    months: int
    trial_days: int
    remind_days: int
    grace_days: int
    retries: tuple[int, ...]
    pause_days: int
    refund: Refund
    switch: Switch
    sku: str
    benefits: tuple[PlanBenefit, ...]
    version: str
    terms: Mapping[str, str]
    join_at: str = ""
    brands: Mapping[str, str] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.id)

    def digest(self, language: str) -> str:
        """A hash of the text that somebody agreed to."""
        return sha256(self.terms[language].encode()).hexdigest()

    def sold_at(self, brand: str) -> str:
        """The address of the page that sells it, of a brand or of all; empty where there is none."""
        return self.brands.get(brand, self.join_at)


def read(told: Sequence[Told], terms: Terms, benefits: Collection[str]) -> tuple[Plan, ...]:
    """The plans of a file, checked; they may give the file's `benefits`."""
    found: list[Plan] = []
    for one in told:
        made = _plan(one, terms, benefits)
        if any(other.id == made.id for other in found):
            raise one.bad("id", _("another plan has this id; give each its own"))
        if made.sku and any(other.sku == made.sku for other in found):
            raise one.bad("sku", _("another plan is bought with this product; give each its own"))
        found.append(made)
    if len(found) > MOST_PLANS:
        raise told[MOST_PLANS].bad("id", _("write at most %(most)s plans") % {"most": MOST_PLANS})
    return tuple(found)


def _plan(told: Told, terms: Terms, benefits: Collection[str]) -> Plan:
    name = told.name()
    refund, switch = told.one_of("refund", REFUNDS, "unused"), told.one_of("switch", SWITCHES, "at_once")
    grace = told.number("grace_days", 7, least=1, most=MOST_GRACE)
    under = told.under("terms")
    found = Plan(
        id=name,
        titles=told.titles("name", name),
        price_minor=read_money(told, "price", terms),
        months=EVERY[told.one_of("every", tuple(EVERY))],
        trial_days=told.number("trial_days", 0, most=366),
        remind_days=told.number("remind_days", 3, least=1, most=30),
        grace_days=grace,
        retries=_retries(told, grace),
        pause_days=told.number("pause_days", 0, most=366),
        refund=next(one for one in REFUNDS if one == refund),
        switch=next(one for one in SWITCHES if one == switch),
        sku=told.text("sku", "", longest=80) if told.has("sku") else "",
        benefits=_benefits(told, benefits),
        version=under.text("version", longest=20),
        terms={language: under.text(language, longest=LONGEST_TERMS) for language in LANGUAGES},
        join_at=_address(told) if told.has("join_at") else "",
        brands=_brands(told),
    )
    under.done()
    told.done()
    return found


def _brands(told: Told) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in told.each("brands"):
        brand = one.text("brand", longest=64)
        if brand in found:
            raise one.bad("brand", _("this brand is listed already; write it once"))
        found[brand] = _address(one)
        one.done()
    return found


def _address(told: Told) -> str:
    """Of a page on the web: members follow it, so it is one that nobody can read or change on the way."""
    found = told.text("join_at", longest=300)
    try:
        parts = urlsplit(found)
        is_one = parts.scheme == "https" and bool(parts.hostname) and not parts.username
    except ValueError:
        is_one = False
    if not is_one or not found.isprintable() or any(sign in found for sign in " \"'<>\\"):
        raise told.bad("join_at", _("write an address such as https://shop.example/plus"))
    return found


def _retries(told: Told, grace: int) -> tuple[int, ...]:
    value = told.raw("retries")
    days = [] if value is None else value
    if not isinstance(days, list) or not all(type(one) is int and 1 <= one < grace for one in days):
        mend = _("write after how many days it is asked for again, within the grace, such as [1, 3]")
        raise told.bad("retries", mend)
    return tuple(sorted(set(days)))


def _benefits(told: Told, known: Collection[str]) -> tuple[PlanBenefit, ...]:
    found: list[PlanBenefit] = []
    for one in told.each("benefits"):
        name = one.one_of("benefit", tuple(known)) if known else one.text("benefit", longest=40)
        if name not in known:
            raise one.bad("benefit", _("this programme has no such benefit; write one under `benefits`"))
        if any(other.benefit == name for other in found):
            raise one.bad("benefit", _("this benefit is listed already; write it once"))
        found.append(PlanBenefit(name, read_most(one)))
        one.done()
    return tuple(found)
