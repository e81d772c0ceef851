"""The one catalogue of measures. A customer measure may build on those that stand before it."""

from regulars.insight.measures.library import (
    at_stake,
    average_order,
    basket_affinity,
    channel_mix,
    cross_purchase,
    first_on,
    foreign_orders,
    gross,
    lapsing,
    last_on,
    lately,
    months,
    order_curves,
    orders,
    overview,
    own_gaps,
    payback,
    purchase_days,
    recency,
    regular,
    regulars_at_stake,
    repeat_rate,
    retention,
    returned,
    rfm,
    rfm_by_visits,
    rfm_grid,
    spend,
    typical_gap,
)
from regulars.insight.measures.measure import CustomerMeasure, Measure, ShopMeasure

CUSTOMER: tuple[CustomerMeasure, ...] = (
    orders.MEASURE,
    purchase_days.MEASURE,
    first_on.MEASURE,
    last_on.MEASURE,
    recency.MEASURE,
    gross.MEASURE,
    returned.MEASURE,
    *lately.MEASURES,
    at_stake.LAST_YEAR,
    spend.MEASURE,
    foreign_orders.MEASURE,
    average_order.MEASURE,
    typical_gap.OWN,
    typical_gap.SHOP,
    typical_gap.MEASURE,
    regular.MEASURE,
    lapsing.MEASURE,
    at_stake.MEASURE,
    *rfm.MEASURES,
    own_gaps.MEDIAN,
    own_gaps.SPREAD,
)
SHOP: tuple[ShopMeasure, ...] = (
    overview.MEASURE,
    repeat_rate.MEASURE,
    regulars_at_stake.MEASURE,
    months.MEASURE,
    retention.MEASURE,
    rfm_grid.MEASURE,
)
#: Of the whole shop too, but of more than a report's file has: a refresh alone computes them.
DEEPER: tuple[ShopMeasure, ...] = (
    order_curves.MEASURE,
    channel_mix.MEASURE,
    basket_affinity.MEASURE,
    cross_purchase.MEASURE,
    rfm_by_visits.MEASURE,
    payback.MEASURE,
)
ALL: tuple[Measure, ...] = (*CUSTOMER, *SHOP, *DEEPER)
STORED: tuple[CustomerMeasure, ...] = tuple(measure for measure in CUSTOMER if measure.stored)


def measure(name: str) -> Measure:
    """The measure called `name`; KeyError for any other text."""
    return {measure.name: measure for measure in ALL}[name]
