"""What taking a reward moves: points, one of the stock, a code; and what taking it back does."""

from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _

from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import points
from regulars.levers.loyalty._ledger import books
from regulars.levers.loyalty._rewards.rows import Redemption, Reward, RewardCode
from regulars.levers.loyalty.notices import RewardCancelled, RewardHandedOver, RewardTaken
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.rewards import RewardView
from regulars.runtime.notices.outbox import announce


class SoldOut(Refusal):
    """None is left."""

    code = "rewards.sold_out"


def spend(row: Redemption, view: RewardView, at: datetime, by: Actor) -> None:
    """The points of it are spent, or kept until its money came."""
    terms = view.terms
    if not row.parts:
        return
    reason = Reason("reward", {"reward": view.code})
    if row.pay_until is not None:
        row.hold = points.hold(
            customer=row.record_id,
            amount=row.parts,
            currency=terms.currency,
            owner=f"reward:{row.id}",
            reason=reason,
            key=f"reward:{row.id}",
            at=at,
            by=by,
        ).id
        return
    row.entry = (
        points.redeem(
            customer=row.record_id,
            amount=row.parts,
            currency=terms.currency,
            reason=reason,
            into=books.DONATION if terms.kind == "charity" else books.REDEEMED,
            key=f"reward:{row.id}",
            at=at,
            by=by,
        )
        .of("redeem")
        .id
    )


def from_stock(view: RewardView) -> bool:
    """One of the stock, where there is an end of it. Whether it was. Raises `SoldOut`."""
    if view.terms.stock is None:
        return False
    if Reward.objects.filter(id=view.id, stock_left__gt=0).update(stock_left=F("stock_left") - 1):
        return True
    # Since it was read somebody may have said that there is no end of it.
    if Reward.objects.filter(id=view.id, stock__isnull=True).exists():
        return False
    raise _sold_out(view.code)


def begin_handing(row: Redemption, at: datetime) -> None:
    """What is a code is handed over at once; what is sent or done waits for somebody."""
    if row.reward.handed == "code":
        keep_code(row)
        row.state, row.issued_at = "issued", at


def keep_code(row: Redemption) -> None:
    """A code of the pool is theirs. Raises `SoldOut`."""
    if RewardCode.objects.filter(redemption_id=row.id).exists():
        return
    # Others take other codes meanwhile instead of waiting for this one.
    code = (
        RewardCode.objects.select_for_update(skip_locked=True)
        .filter(reward_id=row.reward_id, redemption__isnull=True)
        .order_by("id")
        .first()
    )
    if code is None:
        raise _sold_out(row.reward.code)
    RewardCode.objects.filter(id=code.id).update(redemption_id=row.id)


def undo(row: Redemption, why: str, at: datetime, by: Actor) -> None:
    """It is taken back: points, stock, and a code that nobody has seen."""
    key = f"reward:{row.id}:cancel"
    if row.entry is not None:
        points.reverse(
            entry=row.entry, reason=Reason("reward_back", {"reward": row.reward.code}), key=key, at=at, by=by
        )
    elif row.hold is not None:
        points.release(hold=row.hold, key=key, at=at, by=by)
    if row.from_stock:
        Reward.objects.filter(id=row.reward_id, stock__isnull=False).update(stock_left=F("stock_left") + 1)
    if row.state == "reserved":
        # Nobody has seen it.
        RewardCode.objects.filter(redemption_id=row.id).update(redemption_id=None)
    row.state, row.cancelled_at, row.why, row.pay_until = "cancelled", at, why, None
    row.save()
    told_of(RewardCancelled, row, at, by, "cancel")


def told_of(
    kind: type[RewardTaken | RewardHandedOver | RewardCancelled], row: Redemption, at: datetime, by: Actor, verb: str
) -> None:
    """A step of it is told to others."""
    money: dict[str, Any] = {}
    if kind is RewardCancelled and row.payment and row.cash_minor:
        money = {"paid_minor": row.cash_minor, "currency": row.cash_currency}
    told = kind(
        at=at,
        customer=row.record_id,
        redemption=row.id,
        reward=row.reward_id,
        state=row.state,
        is_gift=row.is_gift,
        **money,
    )
    after = {"redemption": row.id, "reward": row.reward_id, "state": row.state}
    announce(told, by=by, verb=f"loyalty.redemptions.{verb}", after=after)


def _sold_out(reward: str) -> SoldOut:
    return SoldOut(_("reward: none is left"), field="reward", value=reward)
