"""Money that programmes promised to causes, and what was paid of it: the shop's own, no points of anybody's."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.kit.actors import Actor
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty._ledger.acts import KeyUsedOtherwise
from regulars.levers.loyalty.models import Pledge
from regulars.runtime.preferences.preferences import Preference
from regulars.runtime.trail import trail

__all__ = ("PUBLIC", "MoreThanPromised", "Promised", "pay", "totals")

#: Whether everybody may see the totals. A share of sales tells what is sold, so the shop says it first.
PUBLIC = Preference("points.pledges_public", bool, default=False)

_TOTALS = """
SELECT cause, currency,
       sum(CASE WHEN to_book = 'promised' THEN minor WHEN from_book = 'promised' THEN -minor ELSE 0 END)::bigint,
       sum(CASE WHEN to_book = 'paid' THEN minor WHEN from_book = 'paid' THEN -minor ELSE 0 END)::bigint
  FROM loyalty_pledge WHERE %s::text IS NULL OR cause = %s GROUP BY 1, 2 ORDER BY 1, 2
"""


class MoreThanPromised(Refusal):
    """More would be paid to a cause than was promised and not paid yet."""

    code = "pledges.more_than_promised"


@dataclass(frozen=True)
class Promised:
    """What a cause was promised of what customers kept, all in all, what of it was `paid`, and what is still `open`:
    below zero where goods came back after it was paid, and the next promises make up for it."""

    cause: str
    paid: Money
    open: Money

    @property
    def all_in_all(self) -> Money:
        """Paid and open together: what a shop may tell everybody."""
        return self.paid + self.open


def totals(cause: str | None = None) -> list[Promised]:
    """Of every cause and currency, or of one cause. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, [cause, cause])
        return [
            Promised(name, Money(paid, currency), Money(left, currency))
            for name, currency, left, paid in cursor.fetchall()
        ]


def pay(*, cause: str, amount: Money, key: str, at: datetime, by: Actor) -> Promised:
    """Write down that so much was paid to a cause; the money itself goes its own way. What it stands at after it.

    Told again under its key it is written once. Raises `MoreThanPromised` and `KeyUsedOtherwise`.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Two payments at once would both find all of it open.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('loyalty.pledge'), hashtext(%s))", [cause])
        before = Pledge.objects.filter(key=f"paid/{key}").first()
        if before is not None:
            if (before.cause, before.currency, before.minor) != (cause, amount.currency, amount.minor):
                raise KeyUsedOtherwise(
                    _("key: %(key)r told something else; give each act its own key") % {"key": key[:40]},
                    field="key",
                    value=key[:40],
                )
            return _of(cause, amount.currency)
        there = _of(cause, amount.currency)
        if not 0 < amount.minor <= there.open.minor:
            raise MoreThanPromised(
                _("amount: %(amount)s cannot be paid, %(open)s is promised and not paid yet; pay that at most")
                % {"amount": amount, "open": there.open},
                field="amount",
                value=str(amount),
                most=str(there.open),
            )
        Pledge.objects.create(
            cause=cause,
            currency=amount.currency,
            from_book="promised",
            to_book="paid",
            minor=amount.minor,
            key=f"paid/{key}",
            at=at,
            by=str(by),
        )
        after = {"minor": amount.minor, "currency": amount.currency}
        trail.record(by=by, verb="loyalty.pledges.pay", subject=f"cause:{cause}", at=at, after=after)
        return _of(cause, amount.currency)


def _of(cause: str, currency: str) -> Promised:
    nothing = Promised(cause, Money(0, currency), Money(0, currency))
    return next((one for one in totals(cause) if one.open.currency == currency), nothing)
