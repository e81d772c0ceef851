"""What the shop tells it spent, month by month and channel by channel, to win customers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.facts.company import channels, company
from regulars.insight.measures import jobs
from regulars.insight.measures.models import AcquisitionCost
from regulars.insight.measures.scope import Cost
from regulars.insight.measures.told import costs_of_shop
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

#: A cost of more minor units is a slip of the pen.
MOST = 10**15
_IN_ONE_LINE = 100


class BadCost(Refusal):
    """A month to come, a channel nobody knows, an amount below nought."""

    code = "measures.bad_cost"


@dataclass(frozen=True)
class Noted:
    """How many months and channels were told of for the first time, otherwise than before, or just so."""

    new: int
    changed: int
    same: int


def told() -> tuple[Cost, ...]:
    """All of them, oldest first, in the shop's currency."""
    return costs_of_shop(company.shop().currency)


def tell(*, costs: Sequence[Cost], at: datetime, by: Actor) -> Noted:
    """Reckon payback with them from the next refresh on, which is asked for; what was told of the same month and
    channel before is no longer true. Of nought minor units nothing is told any more.

    The same again changes nothing. Refuses all of them with `BadCost`, which names the one and its mend.
    """
    shop = company.shop()
    asked = {(one.month, one.channel): one for one in costs}
    for one in costs:
        _check(one, at)
    if len(asked) < len(costs):
        raise BadCost(_("costs: a month and channel stands twice; send each once"), field="costs")
    _check_channels({one.channel for one in costs if one.channel})
    with transaction.atomic(), connection.cursor() as cursor:
        # Two who tell at once are heard one after the other.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('insight.costs'))")
        before = {(one.month, one.channel): one.minor for one in costs_of_shop(shop.currency)}
        differ = [one for one in costs if before.get((one.month, one.channel), 0) != one.minor]
        for one in differ:
            row: dict[str, Any] = {"month_on": one.month, "channel": one.channel, "currency": shop.currency}
            if one.minor:
                AcquisitionCost.objects.update_or_create(**row, defaults={"cost_minor": one.minor})
            else:
                AcquisitionCost.objects.filter(**row).delete()
        for first in range(0, len(differ), _IN_ONE_LINE):
            some = differ[first : first + _IN_ONE_LINE]
            trail.record(
                by=by,
                verb="insight.costs.tell",
                subject="insight:costs",
                at=at,
                before={_named(one): before.get((one.month, one.channel), 0) for one in some},
                after={_named(one): one.minor for one in some},
            )
        if differ:
            jobs.refresh_soon()
    new = sum((one.month, one.channel) not in before for one in differ)
    return Noted(new, len(differ) - new, len(costs) - len(differ))


def _named(cost: Cost) -> str:
    return f"{cost.month:%Y-%m} {cost.channel}".strip()


def _check(cost: Cost, at: datetime) -> None:
    today = civil.day_of(at, civil.zone(company.shop().zone))
    if cost.month.day != 1 or cost.month > today:
        raise BadCost(
            _("month: %(month)s is no month that has begun; write one such as 2026-05") % {"month": cost.month},
            field="month",
            value=cost.month.isoformat(),
        )
    if not 0 <= cost.minor <= MOST:
        raise BadCost(
            _("amount: write what was spent, nought or more, not %(minor)s minor units") % {"minor": cost.minor},
            field="amount",
            value=cost.minor,
        )


def _check_channels(wanted: set[str]) -> None:
    known = {channel.code for channel in channels.every()}
    for code in sorted(wanted - known):
        raise BadCost(
            _("channel: %(channel)r is no channel; use one of %(known)s, or none")
            % {"channel": code[:64], "known": ", ".join(sorted(known)[:20]) or "–"},
            field="channel",
            value=code[:64],
        )
