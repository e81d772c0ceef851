"""What benefits are, to whoever asks: frozen values."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from regulars.kit.money import Money
from regulars.levers.loyalty.rules.benefit_terms import Benefit

GivenBy = Literal["tier", "plan", "gift", "partner"]


@dataclass(frozen=True)
class BenefitView:
    """A benefit in force: `key` is "programme.benefit"."""

    programme: str
    benefit: Benefit
    money: str
    zone: str
    version: int

    @property
    def key(self) -> str:
        return f"{self.programme}.{self.benefit.id}"


@dataclass(frozen=True)
class Entitlement:
    """Somebody has a benefit. `source`: "tier", "plan:<id>" or "gift:<number>"; `because` names the level
    ("set.level"), the plan, or why it was given; `given_by` is tier, plan, gift or partner.

    `until` is the first day on which they will not have it, if nothing else happens; None: no end in sight. `most` uses
    from `counts_from` until before `counts_until`, None: no end; `used` of them. `frees_on`: used up, there is one more
    on that day. `membership`: the number of the one that gives it.
    """

    view: BenefitView
    source: str
    given_by: GivenBy
    because: str
    since: date | None
    until: date | None
    most: int | None
    used: int
    counts_from: date
    counts_until: date | None
    frees_on: date | None
    membership: int | None = None

    @property
    def left(self) -> int | None:
        return None if self.most is None else max(self.most - self.used, 0)


@dataclass(frozen=True)
class Overview:
    """What a person has, and what it all saved them so far, in each currency."""

    entitlements: list[Entitlement]
    saved: list[Money]


@dataclass(frozen=True)
class UseView:
    """A use. `source` and `because` as the entitlement had them; `order` by number, `about` in the teller's words."""

    id: int
    public_id: str
    customer: int
    programme: str
    benefit: str
    source: str
    because: str
    order: int | None
    about: str
    saved: Money | None
    used_at: datetime
    by: str
    given_back_at: datetime | None
    why_back: str


@dataclass(frozen=True)
class GiftView:
    """A benefit that was given, by the shop or a `partner`."""

    id: int
    public_id: str
    customer: int
    programme: str
    benefit: str
    given_by: str
    partner: str
    reason: str
    most: int | None
    since: date
    until: date | None
    at: datetime
    by: str
    withdrawn_at: datetime | None


@dataclass(frozen=True)
class Saved:
    """How often a benefit was used, and what that saved, in one currency; None where nobody said."""

    programme: str
    benefit: str
    uses: int
    money: Money | None
