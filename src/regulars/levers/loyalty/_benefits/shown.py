"""Uses and gifts as they are told, and what uses saved."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from regulars.kit import ids
from regulars.kit.money import Money
from regulars.levers.loyalty._benefits.rows import BenefitGift, BenefitUse
from regulars.levers.loyalty._benefits.values import GiftView, Saved, UseView

GIFT, USE = "bgf", "bus"
USES = BenefitUse.objects.select_related("programme")
GIFTS = BenefitGift.objects.select_related("programme")
_SAVED = """
SELECT programme.code, used.benefit, used.saved_currency, count(*), sum(used.saved_minor)
  FROM loyalty_benefit_use AS used JOIN loyalty_programme AS programme ON programme.id = used.programme_id
 WHERE used.given_back_at IS NULL AND WHERE_ GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def use_view(row: BenefitUse) -> UseView:
    """One use."""
    return UseView(
        id=row.id,
        public_id=ids.public(USE, row.public_id),
        customer=row.record_id,
        programme=row.programme.code,
        benefit=row.benefit,
        source=row.source,
        because=row.because,
        order=row.order_id,
        about=row.about,
        saved=Money(row.saved_minor, row.saved_currency) if row.saved_currency else None,
        used_at=row.used_at,
        by=row.by,
        given_back_at=row.given_back_at,
        why_back=row.why_back,
    )


def gift_view(row: BenefitGift) -> GiftView:
    """One gift."""
    return GiftView(
        id=row.id,
        public_id=ids.public(GIFT, row.public_id),
        customer=row.record_id,
        programme=row.programme.code,
        benefit=row.benefit,
        given_by=row.given_by,
        partner=row.partner,
        reason=row.reason,
        most=row.most,
        since=row.since_on,
        until=row.until_on,
        at=row.at,
        by=row.by,
        withdrawn_at=row.withdrawn_at,
    )


def saved_by(where: str, values: Sequence[Any]) -> list[Saved]:
    """How often each benefit was used, and what that saved, of the uses that `where` names."""
    with connection.cursor() as cursor:
        cursor.execute(_SAVED.replace("WHERE_", where), values)
        return [
            Saved(programme, benefit, int(count), Money(int(minor), currency) if currency else None)
            for programme, benefit, currency, count, minor in cursor.fetchall()
        ]
