"""What paid memberships are, to whoever asks: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from regulars.kit.money import Money
from regulars.levers.loyalty.rules.membership_steps import State
from regulars.levers.loyalty.rules.plan_terms import Plan


@dataclass(frozen=True)
class PlanView:
    """A plan in force: `key` is "programme.plan"."""

    programme: str
    plan: Plan
    money: str
    zone: str
    version: int

    @property
    def key(self) -> str:
        return f"{self.programme}.{self.plan.id}"


@dataclass(frozen=True)
class Consent:
    """What somebody agreed to: the terms' `version`, the `language` they were shown in (en, zh), and `where`: one of
    `memberships.PLACES`, with a number of the page, till or call after a colon."""

    version: str
    language: str
    where: str


@dataclass(frozen=True)
class Agreed:
    """What they agreed to last, and when; `digest` is a hash of the text they saw."""

    to: Consent
    plan: str
    digest: str
    at: datetime
    by: str


@dataclass(frozen=True)
class Meter:
    """What somebody paid for it, less what went back, and what its benefits saved them in that currency."""

    paid: Money
    saved: Money


@dataclass(frozen=True)
class MembershipView:
    """A membership as it stands. `due`: to be paid now, until before `grace_until`; `next`: for the period that begins
    at `until`; nothing where it `ends` or that is paid. `wants`: the plan it becomes, at the end of the period, or once
    `quote` is paid before `quote_until`. `owed`: it was announced to go back, and nobody told yet that it did.
    `may_rest`: for how many days at most it can begin to rest now."""

    id: int
    public_id: str
    customer: int
    programme: str
    plan: str
    titles: Mapping[str, str]
    version: int
    state: State
    currency: str
    price: Money
    joined_on: date
    since: date
    until: date
    is_paid: bool
    due: Money
    next: Money
    credit: Money
    owed: Money
    grace_until: date | None
    ends: bool
    wants: str
    wants_titles: Mapping[str, str]
    quote: Money | None
    quote_until: date | None
    may_rest: int
    resumes_on: date | None
    ended_on: date | None
    why_ended: str
    agreed: Agreed
    gives: bool
    is_next_paid: bool
    meter: Meter


@dataclass(frozen=True)
class Change:
    """Another plan that a membership can become: as soon as `due` is paid, before `until`; else at once (`on` is None)
    or `on` a day, with nothing to be paid before."""

    to: PlanView
    on: date | None
    due: Money
    until: date | None


@dataclass(frozen=True)
class StepView:
    """What happened. `money` that was due, paid, or is to be given back."""

    kind: str
    on: date
    money: Money
    nth: int
    why: str
    at: datetime
    by: str
