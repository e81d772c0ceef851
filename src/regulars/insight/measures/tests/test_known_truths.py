"""Open data sets whose answers are known: the measures must give them to the digit."""

import csv
import gzip
import os
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from regulars.insight.measures import computing, tables
from regulars.insight.warehouse.session import Session

pytestmark = pytest.mark.data
ROOT = Path(__file__).resolve().parents[5]
DATA = Path(os.environ.get("REGULARS_TEST_DATA", ROOT.parent / "shared" / "data"))


def needed(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"NOT PROVEN HERE: {DATA / name} is absent; set REGULARS_TEST_DATA to the folder of data sets")
    return DATA / name


def session_over(orders: pl.DataFrame) -> Session:
    orders = orders.with_columns(
        pl.int_range(1, pl.len() + 1).alias("order_id"),
        kind=pl.lit("purchase"),
        discount_minor=pl.lit(0),
        is_cancelled=pl.lit(False),
    )
    known = orders["customer_id"].drop_nulls().unique()
    customers = pa.table({"customer_id": known.to_arrow(), "country": pa.nulls(len(known), pa.string())})
    return Session.from_frames(tables.shaped({"orders": orders.to_arrow(), "customers": customers}), threads=2)


def test_online_retail():
    lines = pl.read_parquet(needed("online_retail/online_retail.parquet"))
    clean = lines.filter(
        pl.col("CustomerID").is_not_null(),
        ~pl.col("InvoiceNo").str.starts_with("C"),
        pl.col("Quantity") > 0,
        pl.col("UnitPrice") > 0,
    )
    minor = (pl.col("Quantity") * pl.col("UnitPrice") * 100).round(0, mode="half_away_from_zero").cast(pl.Int64)
    orders = clean.group_by("InvoiceNo").agg(
        customer_id=pl.col("CustomerID").first().cast(pl.Int64),
        placed_on=pl.col("InvoiceDate").first().dt.date(),
        currency=pl.lit("GBP"),
        goods_minor=minor.sum(),
    )
    with session_over(orders) as session:
        shop = computing.compute(session, currency="GBP", today=date(2026, 1, 1)).shop
    assert shop["overview"]["as_of"] == "2011-12-09"
    assert (shop["overview"]["customers"], shop["overview"]["orders"]) == (4338, 18532)
    assert shop["overview"]["gross_minor"] == 891_140_790
    back = shop["repeat_rate"]["came_back"]
    assert (back.count, back.n, f"{back.value:.3%}") == (2790, 4338, "64.315%")
    first = shop["retention"]["cohorts"][0]
    active = [885, 324, 286, 340, 321, 352, 321, 309, 313, 350, 331, 445, 235]
    assert [cell["active"].count for cell in first["cells"]] == active
    assert [cell["is_incomplete"] for cell in first["cells"]] == [False] * 12 + [True]


def test_cdnow():
    with gzip.open(needed("cdnow/cdnow_master.csv.gz"), "rt") as file:
        rows = list(csv.DictReader(file))
    orders = pl.DataFrame(rows).select(
        customer_id=pl.col("customer_id").cast(pl.Int64),
        placed_on=pl.col("date").str.to_date(),
        currency=pl.lit("USD"),
        goods_minor=(pl.col("spend").cast(pl.Decimal(12, 2)) * 100).cast(pl.Int64),
    )
    with session_over(orders) as session:
        result = computing.compute(session, currency="USD", today=date(2026, 1, 1))
        days = sum(row["purchase_days"] for row in session.rows(result.people()))
    assert result.shop["overview"]["customers"] == 23_570
    assert days == 67_591
    assert result.shop["overview"]["gross_minor"] == 250_031_563


def test_complete_journey():
    """Every basket a purchase; what the store receives is what it came to."""
    lines = pl.read_parquet(needed("completejourney/transactions.parquet"))
    minor = (pl.col("sales_value").cast(pl.Decimal(12, 2)) * 100).cast(pl.Int64)
    orders = lines.group_by("basket_id").agg(
        customer_id=pl.col("household_id").first().cast(pl.Int64),
        placed_on=pl.col("transaction_timestamp").min().dt.date(),
        currency=pl.lit("USD"),
        goods_minor=minor.sum(),
    )
    with session_over(orders) as session:
        shop = computing.compute(session, currency="USD", today=date(2026, 1, 1)).shop
    whole = shop["overview"]
    assert (whole["customers"], whole["orders"], whole["gross_minor"]) == (2_469, 155_848, 459_603_958)
    assert whole["first_on"] == "2017-01-01"
