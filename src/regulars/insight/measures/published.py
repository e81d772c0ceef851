"""What the warehouse gets of readings: what the last refresh concluded of each customer, and the day it looked from."""

from typing import Final

from regulars.insight.measures import catalogue
from regulars.insight.measures.measure import CustomerMeasure
from regulars.runtime.database.published import ColumnType, PublishedTable

#: Those that are published under a shorter name than their measure's.
_SHORTER: Final = {"spend_minor": "spend", "average_order_minor": "average_order", "at_stake_minor": "at_stake"}
_OTHERS: Final[dict[str, ColumnType]] = {
    "segment": "text",
    "first_on": "date",
    "last_on": "date",
    "is_regular": "bool",
    "is_lapsing": "bool",
    "typical_gap_days": "decimal",
    "median_gap_days": "decimal",
    "gap_spread_days": "decimal",
}


def _sql(measure: CustomerMeasure) -> str:
    # Days have two decimals, which a double only comes near.
    is_decimal = _OTHERS.get(measure.name) == "decimal"
    return f"round(reading.{measure.name}::numeric, 2)" if is_decimal else f"reading.{measure.name}"


#: Each column of what is published: the measure that it is, its SQL and its type.
COLUMNS: Final[dict[str, tuple[str, str, ColumnType]]] = {
    _SHORTER.get(measure.name, measure.name): (measure.name, _sql(measure), _OTHERS.get(measure.name, "int64"))
    for measure in catalogue.STORED
}
TABLE: Final = PublishedTable(
    name="readings",
    key="customer_id",
    noted="measures_reading",
    sql="SELECT reading.customer_id, "  # noqa: S608 - of constants
    + ", ".join(f"{sql} AS {name}" for name, (_, sql, _) in COLUMNS.items())
    + ", reading.changed_xid FROM measures_reading AS reading",
    columns={"customer_id": "int64", **{name: kind for name, (_, _, kind) in COLUMNS.items()}},
)
PUBLISHED: tuple[PublishedTable, ...] = (
    TABLE,
    PublishedTable(
        name="refreshed",
        key="refreshed_id",
        sql="SELECT 1::bigint AS refreshed_id, as_of, currency FROM measures_shop_reading WHERE name = 'overview'",
        columns={"refreshed_id": "int64", "as_of": "date", "currency": "text"},
        is_small=True,
    ),
)
