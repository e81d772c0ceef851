"""What members took of the rewards, and what they could take: frozen values."""

from dataclasses import dataclass
from datetime import datetime

from regulars.kit.money import Money
from regulars.levers.loyalty.rewards import RewardView


@dataclass(frozen=True)
class TakenView:
    """What somebody took, and what became of it. `parts` of points and `cash` are what it cost them."""

    id: int
    public_id: str
    customer: int
    reward: str
    titles: dict[str, str]
    kind: str
    handed: str
    currency: str
    scale: int
    state: str
    is_gift: bool
    parts: int
    cash: Money | None
    payment: str
    tracking: str
    why: str
    taken_at: datetime
    pay_until: datetime | None
    cancel_until: datetime | None
    issued_at: datetime | None
    shipped_at: datetime | None
    used_at: datetime | None
    cancelled_at: datetime | None


@dataclass(frozen=True)
class Offer:
    """A reward as it stands for somebody: its price for them, and why they cannot take it now, empty where they can.

    `missing`: so many parts of points they have too few. `why_not` is the code of the refusal they would get.
    """

    reward: RewardView
    price: int
    missing: int
    why_not: str

    @property
    def is_within_reach(self) -> bool:
        return not self.missing and not self.why_not


@dataclass(frozen=True)
class Settled:
    """What a partner is owed for one reward, by the terms it had when it was taken: so many were handed over, and so
    many that were handed over before the time asked for came `back` in it. `owed` is below zero where more came back.
    """

    partner: str
    reward: str
    count: int
    back: int
    owed: Money
