"""All figures, one file each, in the order in which they are offered."""

from regulars.insight.measures.figure import Figure
from regulars.insight.measures.figures import (
    average_order,
    buyers,
    diversity,
    engagement,
    frequency,
    in_store,
    lifetime_value,
    margin,
    member_share,
    monetary,
    new_buyers,
    orders,
    recency,
    repurchase,
    retention,
    returns,
    rhythm,
    several_channels,
    spend,
    store_visits,
)

FIGURES: tuple[Figure, ...] = (
    buyers.FIGURE,
    new_buyers.FIGURE,
    orders.FIGURE,
    spend.FIGURE,
    average_order.FIGURE,
    monetary.FIGURE,
    frequency.FIGURE,
    rhythm.FIGURE,
    recency.FIGURE,
    repurchase.FIGURE,
    retention.FIGURE,
    engagement.FIGURE,
    lifetime_value.FIGURE,
    returns.FIGURE,
    margin.FIGURE,
    diversity.FIGURE,
    several_channels.FIGURE,
    in_store.FIGURE,
    store_visits.FIGURE,
    member_share.FIGURE,
)


def figure(name: str) -> Figure:
    """The figure called `name`; KeyError for any other text."""
    return {figure.name: figure for figure in FIGURES}[name]
