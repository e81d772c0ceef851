"""How many months it takes until customers won in a month, through a channel, have brought in what it cost to win them.

    recovered(k)  the margin that the n buyers who first bought in the month brought from then until the end of the
                  k-th month, the first being that month itself, over what the shop told it spent in it
    payback       the first k from which on recovered(k) stays at 1 or more

Margin is what they spent net of returns, times the margin the shop told. Their channel is that of their first order.
Customers are the units: the interval of recovered(k) is that of a sum over n of them (normal, from their sum of
squares), cost and margin taken for known; the ends of payback are the months from which on the upper, and the
lower, end stays at 1 or more. Calendar months, so that all of one month were watched for as long: nobody leaves the
count before the others. What the lower end has not reached when the watching ends is open: it may be later. Where the
margin has not come to the cost yet there is no value (`not_paid_back`), and what came back so far is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import sqrt
from typing import Any

import ibis
import ibis.expr.types as ir

from regulars.insight.measures.estimates import Estimate, exact, unknown
from regulars.insight.measures.figure import product, total
from regulars.insight.measures.intervals import Z95
from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Cost, Scope
from regulars.insight.measures.spanning import BY_MONTH, MONTHS
from regulars.kit.civil import add_months, month_of


@dataclass
class _Won:
    """Customers won: how many, and by months since then what they brought in it, and the growth of the sum of squares
    of what each had brought by its end."""

    customers: int = 0
    net: dict[int, int] = field(default_factory=dict)
    squares: dict[int, int] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any]) -> None:
        after = row["after"]
        self.customers += row["customers"]
        self.net[after] = self.net.get(after, 0) + int(row["net"])
        self.squares[after] = self.squares.get(after, 0) + int(row["squares"])


def brought(scope: Scope) -> ir.Table:
    """month_on (of the first purchase), channel, after (months since), customers (where `after` is 0), net, squares.

    Empty where no costs were told.
    """
    months = scope.table(BY_MONTH)
    since = min((cost.month for cost in _in_sight(scope)), default=None)
    wanted = ibis.literal(False) if since is None else months.first_on >= ibis.literal(since)
    months = months.filter(wanted, months.span > 0)
    # Whoever had bought nothing before the month bought all there is in it.
    won = months.filter(months.orders == months.all_orders).select(
        "customer_id", began="span", at_first=months.all_net_minor - months.gross_minor + months.returned_minor
    )
    firsts = months.select("customer_id", "first_on").distinct()
    sales = scope.purchases().join(firsts, "customer_id")
    sales = sales.filter(sales.placed_on == sales.first_on).mutate(via=lambda one: one.channel.fill_null(""))
    through = sales.group_by("customer_id").agg(channel=sales.via.argmin(sales.order_id))
    each = months.join(won, "customer_id").join(through, "customer_id")
    net = each.gross_minor - each.returned_minor
    each = each.select(
        month_on=each.first_on.truncate("M"),
        channel=each.channel,
        after=each.span - each.began,
        net=net,
        so_far=each.all_net_minor - each.at_first,
        before=each.all_net_minor - each.at_first - net,
    )
    return (
        each.group_by("month_on", "channel", "after")
        .agg(
            customers=lambda t: (t.after == 0).cast("int64").sum(),
            net=lambda t: total(t.net),
            squares=lambda t: product(t.so_far, t.so_far) - product(t.before, t.before),
        )
        .order_by("month_on", "channel", "after")
    )


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    """Newest months first; of each the whole, where `channel` is None, and the channels that a cost was told of."""
    costs: dict[tuple[date, str | None], int] = {}
    for cost in _in_sight(scope):
        costs[cost.month, None] = costs.get((cost.month, None), 0) + cost.minor
        if cost.channel:
            costs[cost.month, cost.channel] = cost.minor
    won: dict[tuple[date, str | None], _Won] = {}
    for row in rows:
        for channel in (None, row["channel"]):
            won.setdefault((row["month_on"], channel), _Won()).add(row)
    order = sorted(costs, key=lambda of: (-of[0].toordinal(), of[1] is not None, of[1] or ""))
    return {
        "cohorts": [
            {
                "month": month.isoformat(),
                "channel": channel,
                "payback": _payback(
                    won.get((month, channel), _Won()), costs[month, channel], _months(month, scope.as_of), scope
                ),
            }
            for month, channel in order
        ]
    }


def _in_sight(scope: Scope) -> Sequence[Cost]:
    """The costs of months that are told one by one, up to the running one."""
    last = month_of(scope.as_of)
    return [cost for cost in scope.told.costs if add_months(last, -MONTHS) <= cost.month <= last]


def _months(month: date, as_of: date) -> int:
    """How many months they have been watched, the first and the one that runs among them."""
    return (as_of.year - month.year) * 12 + as_of.month - month.month + 1


def _payback(won: _Won, cost: int, watched: int, scope: Scope) -> Estimate:
    n, margin = won.customers, scope.told.margin
    known = {"cost": exact(cost, n, "money", "buyers"), "watched": exact(watched, n, "months", "buyers")}
    if margin is None:
        return unknown("no_margin_told", "months", "buyers", n=n, **known)
    if n < 2:
        return unknown("too_few" if n else "nobody", "months", "buyers", n=n, **known)
    net = squares = 0
    came: list[Estimate] = []
    for after in range(watched):
        net += won.net.get(after, 0)
        squares += won.squares.get(after, 0)
        share = net * margin / cost
        half = Z95 * margin / cost * sqrt(max(0.0, (n * squares - net * net) / (n - 1)))
        came.append(Estimate(share, n, share - half, share + half, "times", "buyers"))
    factors = {"recovered": came[-1], **known}
    low, at, high = (_stays([getattr(one, end) for one in came]) for end in ("high", "value", "low"))
    if low is None or at is None:
        return unknown("not_paid_back", "months", "buyers", n=n, **factors)
    return Estimate(at, n, low, high or watched, "months", "buyers", is_open=high is None, factors=factors)


def _stays(shares: Sequence[float]) -> int | None:
    """The number of the month from which on they stay at 1 or more; None where the last is less."""
    found = None
    for number in range(len(shares), 0, -1):
        if shares[number - 1] < 1:
            break
        found = number
    return found


MEASURE = ShopMeasure(
    name="payback",
    en=Words(
        "Payback of what it costs to win customers",
        "How many months until the margin of those who first bought in a month comes to what was spent to win them.",
    ),
    zh=Words("获客成本回收期", "某月首次购买的顾客带来的毛利，要几个月才能收回当月的获客花费。"),
    grain="cohort",
    tables=("orders", "returns"),
    expression=brought,
    value=value,
)
