"""What was concluded, as stored by the last refresh. Questions: they write nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Subquery

from regulars.insight.measures import estimates
from regulars.insight.measures.models import Reading, ShopReading


@dataclass(frozen=True)
class CustomerReading:
    """One customer's measures, by the names of the catalogue. Money is in minor units of `currency`.

    Who never bought has noughts, and None for what needs a purchase.
    """

    customer_id: int
    as_of: date
    currency: str
    orders: int
    purchase_days: int
    first_on: date | None
    last_on: date | None
    recency_days: int | None
    gross_minor: int
    returned_minor: int
    spend_minor: int
    foreign_orders: int
    average_order_minor: int | None
    typical_gap_days: float | None
    is_regular: bool
    is_lapsing: bool
    at_stake_minor: int
    r: int | None
    f: int | None
    m: int | None
    segment: str | None
    median_gap_days: float | None
    gap_spread_days: float | None
    orders_30d: int
    orders_90d: int
    orders_365d: int
    spend_30d_minor: int
    spend_90d_minor: int
    spend_365d_minor: int


@dataclass(frozen=True)
class ShopValue:
    """One measure of the whole shop: its `value` as the measure told it, every rate and mean an `Estimate`, the day it
    is seen from, and when it was computed."""

    name: str
    as_of: date
    currency: str
    computed_at: datetime
    value: Mapping[str, Any]


#: What a list reads of a row, in the order of `CustomerReading` without what is added when reading.
COLUMNS: tuple[str, ...] = tuple(
    name for name in CustomerReading.__dataclass_fields__ if name not in {"as_of", "currency", "recency_days"}
)


def seen_from() -> tuple[date, str] | None:
    """The as-of day and the currency of the stored readings; None before the first refresh. One indexed row."""
    return ShopReading.objects.filter(name="overview").values_list("as_of", "currency").first()


def of(customer: int) -> CustomerReading | None:
    """One customer's reading; None where there is none yet. Two indexed rows, one query."""
    overview = ShopReading.objects.filter(name="overview")
    row = (
        Reading.objects.filter(customer_id=customer)
        .annotate(as_of=Subquery(overview.values("as_of")), currency=Subquery(overview.values("currency")))
        .values_list(*COLUMNS, "as_of", "currency")
        .first()
    )
    if row is None or row[-1] is None:
        return None
    *columns, as_of, currency = row
    return from_row(columns, as_of, currency)


def lapsing(limit: int = 20) -> list[CustomerReading]:
    """Lapsing regulars with most at stake first. One index read of `limit` rows."""
    seen = seen_from()
    rows = Reading.objects.filter(is_lapsing=True).order_by("-at_stake_minor", "-customer").values_list(*COLUMNS)
    return [from_row(row, *seen) for row in rows[:limit]] if seen else []


def shop(name: str) -> ShopValue | None:
    """A shop measure by its name in the catalogue; None before the first refresh. One indexed row."""
    row = ShopReading.objects.filter(name=name).first()
    return ShopValue(row.name, row.as_of, row.currency, row.computed_at, estimates.found(row.value)) if row else None


def overview() -> ShopValue | None:
    """The shop's totals, and what the other measures leave out."""
    return shop("overview")


def repeat_rate() -> ShopValue | None:
    """How many customers came back, with the interval and the return curve."""
    return shop("repeat_rate")


def regulars_at_stake() -> ShopValue | None:
    """How many regulars there are, how many lapse, and with how much."""
    return shop("regulars_at_stake")


def months() -> ShopValue | None:
    """Orders and money by month."""
    return shop("months")


def cohorts() -> ShopValue | None:
    """Retention by the month of the first purchase."""
    return shop("retention")


def rfm_grid() -> ShopValue | None:
    """Customers and money by recency and frequency scores and by named group."""
    return shop("rfm_grid")


def from_row(row: Sequence[Any], as_of: date, currency: str) -> CustomerReading:
    """`row` holds `COLUMNS`, in order."""
    known = dict(zip(COLUMNS, row, strict=True))
    last = known["last_on"]
    return CustomerReading(
        as_of=as_of, currency=currency, recency_days=None if last is None else (as_of - last).days, **known
    )
