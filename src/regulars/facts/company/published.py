"""What the warehouse gets of the shop: its money and its clock, in one row."""

from regulars.facts.company import defaults
from regulars.kit import money
from regulars.runtime.database.published import PublishedTable

_UNITS = " ".join(f"WHEN '{code}' THEN {10 ** money.exponent(code)}" for code in sorted(money.currencies()))

PUBLISHED: tuple[PublishedTable, ...] = (
    PublishedTable(
        name="shop",
        key="shop_id",
        # `minor_units` of its money make one.
        sql=(
            f"SELECT 1::bigint AS shop_id, currency, (CASE currency {_UNITS} END)::bigint AS minor_units, zone"  # noqa: S608 - of constants
            " FROM (SELECT"
            f" COALESCE((SELECT currency FROM company_shop), '{defaults.CURRENCY}') AS currency,"
            f" COALESCE((SELECT zone FROM company_shop), '{defaults.ZONE}') AS zone) AS shop"
        ),
        columns={"shop_id": "int64", "currency": "text", "minor_units": "int64", "zone": "text"},
        is_small=True,
    ),
)
