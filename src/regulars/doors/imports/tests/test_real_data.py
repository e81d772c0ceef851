"""The published totals of three real data sets."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from regulars.doors.imports import mapping, order_files, orders
from regulars.kit.actors import Actor

DATA = Path(os.environ.get("REGULARS_TEST_DATA", Path(__file__).parents[6] / "shared" / "data"))

ONLINE_RETAIL = {
    "lines": 541_909,
    "documents": 25_900,
    "customers": 4_372,
    "guest_lines": 135_080,
    "products": 4_070,
    "countries": 38,
    "first_at": "2010-12-01 08:26:00",
    "last_at": "2011-12-09 12:50:00",
    "net_value": {"GBP": "9747747.93"},
    "return_lines": 9_288,
    "return_documents": 3_836,
    "return_amount": {"GBP": "896812.49"},
    "adjustments_of_money": 3,
    "exact_duplicate_lines": 5_268,
    "negative_price_lines": 2,
    "zero_price_lines": 2_515,
    "clean_lines": 397_884,
    "clean_customers": 4_338,
    "clean_orders": 18_532,
    "clean_value": {"GBP": "8911407.90"},
    "customers_who_came_back": 2_790,
    # Ours: no README knows them.
    "matched_quantity": "250838",
    "unmatched_quantity": "26736",
}
CDNOW = {
    "lines": 69_659,
    "customers": 23_570,
    "sold_quantity": "167881",
    "net_value": {"USD": "2500315.63"},
    "first_at": "1997-01-01 00:00:00",
    "last_at": "1998-06-30 00:00:00",
}
COMPLETEJOURNEY = {
    "lines": 1_469_307,
    "documents": 155_848,
    "customers": 2_469,
    "products": 68_509,
    "stores": 457,
    "sold_quantity": "152923108",
    # 11,226 lines of nothing as published, and 20 whose value is the dust of a float (1e-16).
    "zero_amount_lines": 11_226 + 20,
    "control_sums": {
        "sales_value": "4596039.58",
        "retail_disc": "791650.64",
        "coupon_disc": "26359.9",
        "coupon_match_disc": "4542.65",
    },
    "control_rows": {
        "sales_value": 1_469_307 - 11_226 - 20,
        "retail_disc": 736_361,
        "coupon_disc": 21_889,
        "coupon_match_disc": 10_300,
    },
}
FILES = {
    "online_retail": ("online_retail/online_retail.parquet", ONLINE_RETAIL),
    "cdnow": ("cdnow/cdnow_master.csv.gz", CDNOW),
    "completejourney": ("completejourney/transactions.parquet", COMPLETEJOURNEY),
}
LONG, SLOW = pytest.mark.long, pytest.mark.slow


def the_file(name: str) -> Path:
    path = DATA / FILES[name][0]
    if not path.exists():
        pytest.skip(f"THE REAL DATA IS NOT HERE: {path}; set REGULARS_TEST_DATA")
    return path


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["cdnow", pytest.param("online_retail", marks=SLOW), pytest.param("completejourney", marks=LONG)]
)
def test_the_totals_come_out_as_published(name: str) -> None:
    # One of them is known by its columns.
    told = None if name == "cdnow" else mapping.load(name)
    file = order_files.normalise(the_file(name), told, now=datetime.now(UTC))

    assert file.mapping.name == name
    wanted = FILES[name][1]
    assert {total: file.totals[total] for total in wanted} == wanted
    assert file.problems.is_empty()
    assert file.conflicts.is_empty()


@pytest.mark.data
@LONG
@pytest.mark.parametrize("name", list(FILES))
def test_the_database_holds_the_same_totals(name: str, fresh_database: dict[str, str]) -> None:
    done = orders.import_orders(
        the_file(name), mapping.load(name), at=datetime.now(UTC), by=Actor("import", "the test")
    )

    wanted = FILES[name][1]
    assert {total: done.totals[total] for total in wanted} == wanted
    assert done.is_whole
