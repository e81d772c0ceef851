"""What the measures count, as of one day: the shop's published tables, narrowed by the rules all measures share.

- A purchase is an order of kind `purchase` that was not cancelled, placed no later than the as-of day.
- Orders of guests (no customer) are counted for the shop and belong to nobody.
- Money is in the shop's currency. Orders and returns in others count as purchases but bring no money, and are counted.
- What a customer spent is goods after discount, without shipping, less the returns that match one of their purchases.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from regulars.insight.measures.cutting import BY_PLACE, Cuts


@dataclass(frozen=True)
class Cost:
    """What the shop told it spent in a month, from its first day on, to win customers through a channel; "" where it
    was for none alone. In minor units of the shop's currency, more than nought."""

    month: date
    channel: str
    minor: int


@dataclass(frozen=True)
class Told:
    """What the shop told itself, which no fact says: the share of revenue that is margin, None where it is not told;
    and what it spent to win customers, each month and channel once."""

    margin: float | None = None
    costs: tuple[Cost, ...] = ()


@dataclass(frozen=True)
class Scope:
    """`table` gives a published table by name; `as_of` is the last day that counts; `currency` is the shop's own."""

    table: Callable[[str], ir.Table]
    as_of: date
    currency: str
    #: The as-of day as a value of the session, where many days are looked from one after the other.
    then: ir.Value | None = None
    cuts: Cuts = BY_PLACE
    told: Told = Told()
    #: The table that holds `all_purchases` already, where one does.
    sold: str = ""

    def seen_from(self) -> ir.Value:
        """The as-of day, for expressions."""
        return ibis.literal(self.as_of) if self.then is None else self.then

    def purchases(self) -> ir.Table:
        """Purchases, guests' too: `gross_minor` is 0 and `is_foreign` true where the currency is not the shop's.

        Where orders say it, with `channel` and `store`, null where it was none.
        """
        sold = self.table(self.sold) if self.sold else all_purchases(self.table("orders"), self.currency)
        return sold.filter(sold.placed_on <= self.as_of)

    def returns(self) -> ir.Table:
        returns = self.table("returns")
        return returns.filter(returns.returned_on <= self.as_of, returns.currency == self.currency)

    def kept_days(self) -> ir.Table:
        """A row for each customer and day with a purchase or a return, as `walking` says; already kept."""
        return self.table(DAYS)

    def people(self) -> ir.Table:
        """Every customer who bought, one row, a column a customer measure; already computed for this session."""
        return self.table(PEOPLE)


#: What a session keeps under these names while it computes.
DAYS = "_days"
PEOPLE = "_people"
SEEN_FROM = "_seen_from"
OWN_GAPS = "_own_gaps"
SUMMED = "_summed"
#: The days on which customers came by: kept where figures are computed.
SEEN = "_seen"


def all_purchases(orders: ir.Table, currency: str) -> ir.Table:
    bought = orders.filter(orders.kind == "purchase", ~orders.is_cancelled)
    is_foreign = bought.currency != currency
    return bought.select(
        "order_id",
        "customer_id",
        "placed_on",
        *(place for place in ("channel", "store") if place in bought.columns),
        is_foreign=is_foreign,
        gross_minor=ibis.ifelse(is_foreign, 0, bought.goods_minor - bought.discount_minor).cast("int64"),
    )
