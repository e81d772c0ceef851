"""What the simulated shop says of its goods: believable, the same each time, and in step with what it sells for."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from regulars.facts.commerce import barcodes
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.simulator import shelves
from regulars.simulator.catalogue import PRODUCTS, STORES
from regulars.simulator.world import Plan

PLAN = Plan(shoppers=10, until=date(2026, 11, 20), years=1.0, seed="shelves")


def test_every_product_has_two_languages_and_a_barcode_of_its_own():
    frame = shelves.catalogue_frame()
    assert frame["product"].to_list() == [one.ref for one in PRODUCTS]
    assert frame["barcode"].n_unique() == frame.height
    assert all(map(barcodes.gtin, frame["barcode"]))
    assert frame.filter(product="home-03b").select("title_en", "title_zh").row(0) == (
        "Paper lantern, moss green",
        "纸灯笼 苔绿",
    )


def test_prices_are_those_it_sells_for_and_a_fifth_less_in_its_sales():
    frame = shelves.price_frame(PLAN).with_columns(pl.col("price", "sale_price").cast(pl.Float64))
    assert frame.filter(pl.col("sale_price").is_null()).height == len(PRODUCTS)
    reduced = frame.filter(pl.col("sale_price").is_not_null())
    assert ((reduced["price"] * 0.8 - reduced["sale_price"]).abs() < 0.01).all()
    last = reduced.filter(pl.col("valid_from") == pl.col("valid_from").max())
    assert last.select("valid_from", "valid_until").row(0) == ("2026-11-09T16:00:00+00:00", "2026-11-12T16:00:00+00:00")
    assert 80 < last.height < 140


def test_shelves_are_fuller_where_more_is_sold_and_the_same_each_time():
    frame = shelves.stock_frame(PLAN)
    sums = dict(frame.group_by("store").agg(pl.col("quantity").sum()).iter_rows())
    assert sums[STORES[0].code] > 1.5 * sums[STORES[-1].code]
    assert 0 < frame.filter(quantity=0).height < frame.height / 20
    assert frame.equals(shelves.stock_frame(PLAN))


@pytest.mark.parametrize(("there", "bought", "after"), [(9, 2, 7), (9, 6, 3), (4, 2, 14), (1, 5, 12)])
def test_what_is_sold_in_a_store_is_missing_there_until_it_is_filled_up(there, bought, after):
    line = LineReport(number=1, product_ref="tea-01a", quantity=Decimal(bought), unit_price=Decimal(38))
    sold = OrderReport(
        namespace="demo",
        ref="L1",
        placed_at=datetime(2026, 11, 20, tzinfo=UTC),
        currency="CNY",
        store="xuhui",
        lines=[line],
    )
    [told] = shelves.left(sold, {"tea-01a": Decimal(there)})
    assert (told.variant_ref, told.store, told.on_hand) == ("tea-01a", "xuhui", Decimal(after))
    assert shelves.left(sold, {}) == []
