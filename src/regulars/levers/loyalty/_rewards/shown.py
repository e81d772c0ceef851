"""A redemption as it is told."""

from regulars.kit import ids
from regulars.kit.money import Money
from regulars.levers.loyalty._rewards.rows import Redemption
from regulars.levers.loyalty._rewards.values import TakenView

PREFIX = "rdm"
ROWS = Redemption.objects.select_related("reward__currency")


def view_of(row: Redemption) -> TakenView:
    """As it stands."""
    reward = row.reward
    return TakenView(
        id=row.id,
        public_id=ids.public(PREFIX, row.public_id),
        customer=row.record_id,
        reward=reward.code,
        titles=reward.titles,
        kind=reward.kind,
        handed=reward.handed,
        currency=reward.currency.code,
        scale=reward.currency.scale,
        state=row.state,
        is_gift=row.is_gift,
        parts=row.parts,
        cash=Money(row.cash_minor, row.cash_currency) if row.cash_minor else None,
        payment=row.payment,
        tracking=row.tracking,
        why=row.why,
        taken_at=row.taken_at,
        pay_until=row.pay_until,
        cancel_until=row.cancel_until,
        issued_at=row.issued_at,
        shipped_at=row.shipped_at,
        used_at=row.used_at,
        cancelled_at=row.cancelled_at,
    )
