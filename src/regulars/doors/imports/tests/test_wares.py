"""Products, prices and stock from files: totals, what stays out and why, and again changes nothing."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from regulars.doors.imports import commands, ware_files, wares
from regulars.doors.imports.tests.test_real_data import DATA
from regulars.doors.imports.ware_files import What
from regulars.facts.commerce import catalogue, categories, prices, stock, variants
from regulars.facts.company import company, stores
from regulars.facts.sources import import_runs
from regulars.kit.actors import Actor

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
BY = Actor("import", "test")

PRODUCTS = '''product,sku,barcode,title,title_zh,category,brand,status,size,colour,updated_at
coat,coat-s,4006381333931,Winter coat,冬衣,Clothes > Coats,Hug,active,S,,2026-01-02 10:00
coat,coat-m,4006381333932,Winter coat,冬衣,Clothes > Coats,Hug,active,M,"red ""deep""",2026-01-02 10:00
scarf,,,Scarf,,Clothes/Scarves,,draft,,,
coat,coat-s,4006381333931,Winter coat,冬衣,Clothes > Coats,Hug,active,S,,2026-01-02 10:00
tie,,,Tie,,,,on the moon,,,
,x,,Nothing,,,,,,,
'''
PRICES = """product,sku,store,channel,price,sale_price,valid_from,valid_until
coat,,,,80.00,,2026-01-01,
coat,coat-m,,,85.00,70,2026-02-01,2026-02-10
coat,,S1,,79.5,,2026-01-01,
coat,,S1,web,1,,2026-01-01,
scarf,,,,-1,,2026-01-01,
scarf,,,,12.345,,2026-01-01,
scarf,,,,twelve,,2026-01-01,
scarf,,,,12,,2026-02-01,2026-01-01
scarf,,,,12,,,
"""
STOCK = """sku,product,store,quantity,may_oversell,updated_at
coat-m,coat,S1,5,no,2026-03-01 10:00
coat-m,coat,S2,-2,,2026-03-01 10:00
,scarf,S1,1.5,yes,2026-03-01 10:00
coat-s,coat,S1,many,,2026-03-01 10:00
coat-s,coat,,1,,2026-03-01 10:00
coat-s,coat,S1,0.0001,,2026-03-01 10:00
coat-m,coat,S1,4,no,2026-02-01 10:00
"""


@pytest.fixture
def shop(db: None) -> None:
    company.settle(name="Tea", currency="GBP", zone="Europe/London", language="en", country="GB", at=NOW, by=BY)


def bring(tmp_path: Path, what: What, text: str, **more: object) -> wares.Imported:
    path = tmp_path / f"{what}.csv"
    path.write_text(text, encoding="utf-8")
    return wares.import_wares(what, path, None, at=NOW, by=BY, **more)


def problems(done: wares.Imported) -> list[tuple[int, str]]:
    return [(row["line_in_file"], row["column"]) for row in done.problems.to_dicts()]


@pytest.mark.usefixtures("shop")
def test_a_catalogue_comes_in_with_its_tree_and_its_forms(tmp_path: Path) -> None:
    done = bring(tmp_path, "products", PRODUCTS)
    assert done.recorded()["products"] == {**_NONE, "new": 2}
    assert done.recorded()["variants"] == {**_NONE, "new": 2}
    assert done.totals == {
        "rows": 6,
        "products": 2,
        "variants": 2,
        "with_title": 3,
        "with_category": 3,
        "with_brand": 2,
        "with_barcode": 2,
        "repeated_rows": 1,
        "outdated_rows": 0,
        "rejected_rows": 2,
    }
    assert problems(done) == [(6, "status"), (7, "product")]
    coat = next(ware for ware in catalogue.page().items if ware.ref == "coat")
    assert (coat.title, coat.titles, coat.category, coat.brand) == (
        "Winter coat",
        {"zh-hans": "冬衣"},
        "Clothes > Coats",
        "Hug",
    )
    forms = {form.ref: form for form in catalogue.variants_of(coat.id)}
    assert forms["coat-s"].gtin == "04006381333931"
    assert forms["coat-m"].gtin is None
    assert forms["coat-m"].options == {"size": "M", "colour": 'red "deep"'}
    assert [one.path for one in categories.tree()] == ["Clothes", "Clothes > Coats", "Clothes > Scarves"]
    again = bring(tmp_path, "products", PRODUCTS)
    assert (again.came["new"], again.came["changed"], again.came["same"]) == (0, 0, 4)
    run = import_runs.recent()[0]
    assert (run.kind, run.state, run.came["same"]) == ("products", "done", 4)
    newer = (
        PRODUCTS.splitlines()[0]
        + "\ncoat,coat-s,,Warm coat,,,,,,,2026-02-02\ncoat,coat-m,,Old coat,,,,draft,,,2025-01-01\n"
    )
    assert bring(tmp_path, "products", newer).recorded()["variants"] == {**_NONE, "same": 1, "stale": 1}
    assert catalogue.by_public_id(coat.public_id).title == "Warm coat"


_NONE = {"new": 0, "changed": 0, "same": 0, "stale": 0, "conflicts": 0, "refs_in_conflict": []}


@pytest.mark.usefixtures("shop")
def test_prices_come_in_and_what_is_none_stays_out_with_its_mend(tmp_path: Path) -> None:
    done = bring(tmp_path, "prices", PRICES)
    assert done.came == {"new": 4, "changed": 0, "same": 0, "stale": 0, "conflicts": 0}
    assert done.totals["price_sum"] == {"GBP": "256.50"}
    assert problems(done) == [
        (5, "channel"),
        (6, "price"),
        (7, "price"),
        (8, "price"),
        (9, "valid_until"),
    ]
    found = variants.find_many(namespace="orders", refs=["coat-m"])["coat-m"]
    asked = {"product": found[1], "currency": "GBP", "variant": found[0]}
    assert prices.at(**asked, at=datetime(2026, 2, 5, tzinfo=UTC)).minor == 7000
    assert prices.at(**asked, at=NOW).minor == 8000
    assert prices.at(**asked, at=NOW, store=stores.by_code("S1").id).minor == 7950
    assert done.reject_file is not None
    again = bring(tmp_path, "prices", PRICES)
    assert (again.came["new"], again.came["same"]) == (0, 4)


@pytest.mark.usefixtures("shop")
def test_stock_comes_in_and_an_older_count_changes_nothing(tmp_path: Path) -> None:
    done = bring(tmp_path, "stock", STOCK)
    assert (done.came["new"], done.rows_outdated) == (3, 1)
    assert (done.totals["levels"], done.totals["units"]) == (3, "4.5")
    assert problems(done) == [(5, "quantity"), (6, "store"), (7, "quantity")]
    coat = variants.find_many(namespace="orders", refs=["coat-m"])["coat-m"][0]
    there = stores.resolve_many(codes=["S1", "S2"], at=NOW, by=BY)
    found = stock.available_many([(coat, there["S1"]), (coat, there["S2"])], at=NOW)
    assert list(found.values()) == [Decimal(5), Decimal(-2)]
    older = STOCK.splitlines()[0] + "\ncoat-m,coat,S1,9,no,2026-02-01 10:00\n"
    assert bring(tmp_path, "stock", older).came["stale"] == 1
    assert bring(tmp_path, "stock", STOCK).came["same"] == 3


@pytest.mark.usefixtures("shop")
def test_a_dry_run_writes_nothing_and_both_languages_are_spoken(tmp_path: Path) -> None:
    assert bring(tmp_path, "products", PRODUCTS, dry_run=True).run is None
    assert not catalogue.page().items
    path = tmp_path / "库存.csv"
    path.write_text("货号,门店,库存\nA1,S1,3\nA2,S1,x\n", encoding="utf-8")
    told = CliRunner().invoke(commands.import_group, ["stock", str(path), "--lang", "zh"])
    assert told.exit_code == commands.ROWS_LEFT_OUT
    assert "库存记录" in told.output
    facts = CliRunner().invoke(commands.import_group, ["stock", str(path), "--json"])
    assert json.loads(facts.output)["recorded"]["stock"]["same"] == 1


@pytest.mark.data
@pytest.mark.usefixtures("shop")
def test_the_products_of_completejourney_are_all_there() -> None:
    path = DATA / "completejourney" / "products.parquet"
    if not path.exists():
        pytest.skip(f"THE REAL DATA IS NOT HERE: {path}; set REGULARS_TEST_DATA")
    told = ware_files.load("products", "completejourney")
    done = wares.import_wares("products", path, told, at=NOW, by=BY, dry_run=True)
    assert (done.totals["rows"], done.totals["products"], done.rows_rejected) == (92_331, 92_331, 0)
