"""What loyalty tells other rooms: that points of a customer moved, by numbers."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from regulars.runtime.notices.notice import Notice


@dataclass(frozen=True, kw_only=True)
class _OfSomebody(Notice):
    """Of a customer's, told in order per customer."""

    customer: int

    @property
    def subject(self) -> str:
        """In order per customer."""
        return f"customer:{self.customer}"


@dataclass(frozen=True, kw_only=True)
class _OfPoints(_OfSomebody):
    """`amount` and `spendable`, what can be spent after it, are in the smallest parts of the currency."""

    currency: str
    entry: int
    amount: int
    spendable: int


@dataclass(frozen=True, kw_only=True)
class PointsAwarded(_OfPoints):
    """Somebody got points; they may still be pending."""

    kind: ClassVar[str] = "loyalty.points_awarded"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class PointsReversed(_OfPoints):
    """An award was taken back, or what was spent was given back."""

    kind: ClassVar[str] = "loyalty.points_reversed"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class PointsHeld(_OfPoints):
    """Points are kept for a purchase."""

    kind: ClassVar[str] = "loyalty.points_held"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class PointsRedeemed(_OfPoints):
    """Points were spent."""

    kind: ClassVar[str] = "loyalty.points_redeemed"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class PointsMatured(_OfPoints):
    """Points that were pending can be spent."""

    kind: ClassVar[str] = "loyalty.points_matured"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class PointsExpired(_OfPoints):
    """Points were not spent before they expired."""

    kind: ClassVar[str] = "loyalty.points_expired"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class PointsChanged(_OfPoints):
    """Points were adjusted by hand, reinstated, or what was owed was settled or forgiven: the entry says which."""

    kind: ClassVar[str] = "loyalty.points_changed"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class PointsOfThePast(Notice):
    """A batch of entries of the past is on record: one notice for all, and nobody is greeted."""

    act: int
    currency: str
    accounts: int
    entries: int

    kind: ClassVar[str] = "loyalty.points_of_the_past"
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """Each batch by itself."""
        return f"points:{self.act}"


@dataclass(frozen=True, kw_only=True)
class PointsExpireSoon(_OfSomebody):
    """So many points of somebody's can be spent on `expires_on` for the last time; told at most `days` before."""

    currency: str
    expires_on: date
    amount: int
    days: int

    kind: ClassVar[str] = "loyalty.points_expire_soon"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class _OfTiers(_OfSomebody):
    """From one level of a set of tiers to another, from the day `on`; empty for none."""

    programme: str
    tiers: str
    before: str
    after: str
    because: str
    on: date


@dataclass(frozen=True, kw_only=True)
class TierReached(_OfTiers):
    """Somebody came to a higher level."""

    kind: ClassVar[str] = "loyalty.tier_reached"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class TierLost(_OfTiers):
    """Somebody came to a lower level, or to none."""

    kind: ClassVar[str] = "loyalty.tier_lost"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class _OfRewards(_OfSomebody):
    """Of a redemption, by numbers; `state` is where it stands now."""

    redemption: int
    reward: int
    state: str
    is_gift: bool


@dataclass(frozen=True, kw_only=True)
class RewardTaken(_OfRewards):
    """Somebody took a reward, or what they took is paid for."""

    kind: ClassVar[str] = "loyalty.reward_taken"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class RewardHandedOver(_OfRewards):
    """What somebody took was handed over, sent or used."""

    kind: ClassVar[str] = "loyalty.reward_handed_over"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class RewardCancelled(_OfRewards):
    """What somebody took was taken back, and its points with it. `paid_minor` of `currency` were paid for it, too, and
    are to be given back to them."""

    paid_minor: int = 0
    currency: str = ""

    kind: ClassVar[str] = "loyalty.reward_cancelled"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class _OfBenefits(_OfSomebody):
    """Of a benefit, as "programme.benefit"; `number` is that of the use or the gift."""

    benefit: str
    number: int


@dataclass(frozen=True, kw_only=True)
class BenefitUsed(_OfBenefits):
    """Somebody used a benefit."""

    kind: ClassVar[str] = "loyalty.benefit_used"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class BenefitGivenBack(_OfBenefits):
    """A use was given back."""

    kind: ClassVar[str] = "loyalty.benefit_given_back"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class BenefitGiven(_OfBenefits):
    """Somebody was given a benefit, by the shop or a partner."""

    kind: ClassVar[str] = "loyalty.benefit_given"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class BenefitWithdrawn(_OfBenefits):
    """What somebody was given ended before its time."""

    kind: ClassVar[str] = "loyalty.benefit_withdrawn"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class _OfMissions(_OfSomebody):
    """Of one round of a mission (empty where it comes once). `points` in the smallest parts; `badge` empty for none."""

    programme: str
    mission: str
    round: str
    points: int
    badge: str


@dataclass(frozen=True, kw_only=True)
class MissionDone(_OfMissions):
    """Somebody did all that a mission asks."""

    kind: ClassVar[str] = "loyalty.mission_done"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class MissionUndone(_OfMissions):
    """What a mission rested on is not so any more: what it gave was taken back."""

    kind: ClassVar[str] = "loyalty.mission_undone"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class BadgeEarned(_OfSomebody):
    """Somebody has a badge that they had not before."""

    programme: str
    badge: str
    mission: str

    kind: ClassVar[str] = "loyalty.badge_earned"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class _OfMemberships(_OfSomebody):
    """Of a paid membership, by its number, of a plan as "programme.plan", on a day of the programme's zone."""

    membership: int
    plan: str
    on: date


@dataclass(frozen=True, kw_only=True)
class _OfMembershipMoney(_OfMemberships):
    """So much money, in minor units."""

    minor: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class MembershipBegan(_OfMemberships):
    """Somebody joined, their first paid period began, or another one: `what` says which."""

    what: str

    kind: ClassVar[str] = "loyalty.membership_began"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class MembershipChanged(_OfMemberships):
    """It was paid, rests, goes on, was cancelled for its end, kept, or became another plan: `what` says which."""

    what: str

    kind: ClassVar[str] = "loyalty.membership_changed"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class MembershipEnded(_OfMemberships):
    """It is over; `why`: cancelled, unpaid, never_paid, refunded."""

    why: str

    kind: ClassVar[str] = "loyalty.membership_ended"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class MembershipRenewsSoon(_OfMembershipMoney):
    """Its trial or period is nearly over, and so much will be due for the next one."""

    kind: ClassVar[str] = "loyalty.membership_renews_soon"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class MembershipPaymentDue(_OfMembershipMoney):
    """So much is to be paid, asked for the `nth` time: for whoever moves the money."""

    nth: int

    kind: ClassVar[str] = "loyalty.membership_payment_due"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class MembershipRefundDue(_OfMembershipMoney):
    """So much is to be given back, and why: for whoever moves the money."""

    why: str

    kind: ClassVar[str] = "loyalty.membership_refund_due"
    version: ClassVar[int] = 1
