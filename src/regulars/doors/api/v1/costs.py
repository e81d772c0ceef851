"""What was spent to win customers, and how many months until it has come back."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field, StringConstraints

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.insight import EstimateOut, none_yet, told_exactly
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.company import company
from regulars.insight.measures import costs, readings
from regulars.insight.measures.scope import Cost
from regulars.kit.money import Money
from regulars.runtime.database import clock

router = Router(tags=["insight"])


class CostIn(exact.Told):
    """What was spent in a month, from its first day on, in the shop's currency; 0 takes back what was told."""

    month: exact.Day
    channel: Annotated[str, StringConstraints(max_length=64)] = Field("", description="A code; empty for none alone.")
    amount: exact.Amount


class CostsIn(exact.Told):
    """Each month and channel once; what is not named stays."""

    costs: Annotated[list[CostIn], Field(min_length=1, max_length=1000)]


class CostOut(exact.Shown):
    """What was told of a month and channel."""

    month: date
    channel: str
    amount: str


class CostsOut(exact.Shown):
    """All that was told, oldest first."""

    currency: str
    items: list[CostOut]


class PaybackOut(exact.Shown):
    """Of those who first bought in a month, through the channel, or all of them where that is null. Of `payback` the
    factors are what came back so far (`recovered`, times the cost), the cost, and how many months were `watched`."""

    month: date
    channel: str | None
    payback: EstimateOut


class PaybacksOut(exact.Shown):
    """Newest months first."""

    as_of: date
    items: list[PaybackOut]


@router.get("/insight/costs", auth=ApiKey("insight.read"), response=CostsOut, operation_id="list_acquisition_costs")
def list_acquisition_costs(request: HttpRequest) -> CostsOut:
    """What the shop told it spent to win customers, by month and channel."""
    return _costs()


@router.put("/insight/costs", auth=ApiKey("insight.refresh"), response=CostsOut, operation_id="tell_acquisition_costs")
def tell_acquisition_costs(request: HttpRequest, body: CostsIn) -> CostsOut:
    """Tell what was spent, all or nothing; it counts from the next refresh on, which is asked for.

    The same again changes nothing.
    """
    currency = company.shop().currency
    told = [Cost(one.month, one.channel, Money.of(one.amount, currency).minor) for one in body.costs]
    costs.tell(costs=told, at=clock.now(), by=caller(request))
    return _costs()


@router.get("/insight/payback", auth=ApiKey("insight.read"), response=PaybacksOut, operation_id="get_payback")
def get_payback(request: HttpRequest) -> PaybacksOut:
    """How many months it took, or takes by now, until what was spent to win customers has come back."""
    found = readings.shop("payback")
    if found is None:
        raise none_yet()
    return PaybacksOut(as_of=found.as_of, items=[_payback(one, found.currency) for one in found.value["cohorts"]])


def _payback(told: Mapping[str, Any], currency: str) -> PaybackOut:
    return PaybackOut(
        month=date.fromisoformat(told["month"]),
        channel=told["channel"],
        payback=told_exactly(told["payback"], currency),
    )


def _costs() -> CostsOut:
    currency = company.shop().currency
    return CostsOut(
        currency=currency,
        items=[
            CostOut(month=one.month, channel=one.channel, amount=exact.shown(one.minor, currency))
            for one in costs.told()
        ],
    )
