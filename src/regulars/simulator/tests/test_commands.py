"""`regulars simulate` as its user meets it."""

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from regulars.doors.imports.commands import import_group
from regulars.simulator.commands import simulate


def run(*arguments: str) -> Result:
    return CliRunner().invoke(simulate, ["--until", "2026-11-01", "--shoppers", "40", *arguments])


def test_it_writes_orders_and_truth_and_says_what_it_made(tmp_path: Path):
    orders, truth = tmp_path / "orders.csv", tmp_path / "truth.parquet"
    result = run("-o", str(orders), "--truth", str(truth), "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.output)
    found = pl.read_csv(orders, infer_schema=False)
    assert facts["lines"] + facts["return_lines"] == found.height
    assert facts["orders"] == found.filter(kind="sale").get_column("order").n_unique()
    assert pl.read_parquet(truth).height == facts["shoppers"] == 40
    assert "2026-11-01" in run("-o", str(orders)).output


def test_csv_and_parquet_say_the_same(tmp_path: Path):
    run("-o", str(tmp_path / "orders.csv"))
    run("-o", str(tmp_path / "orders.parquet"))
    typed, text = pl.read_parquet(tmp_path / "orders.parquet"), pl.read_csv(tmp_path / "orders.csv")
    assert typed.drop("placed_at", "unit_price", "discount").equals(text.drop("placed_at", "unit_price", "discount"))
    assert typed.select(pl.sum("unit_price").cast(pl.Float64)).item() == round(text.get_column("unit_price").sum(), 2)


def test_it_refuses_kindly(tmp_path: Path):
    wrong_ending = run("-o", str(tmp_path / "orders.xlsx"))
    assert (wrong_ending.exit_code, "ends in .csv or .parquet" in wrong_ending.output) == (1, True)
    wrong_zone = run("-o", str(tmp_path / "orders.csv"), "--zone", "Asia/Shangai")
    assert (wrong_zone.exit_code, "did you mean Asia/Shanghai?" in wrong_zone.output) == (1, True)


@pytest.mark.django_db
def test_the_customers_beside_the_orders_come_in_whole_under_the_same_numbers(tmp_path: Path) -> None:
    orders, members = tmp_path / "orders.csv", tmp_path / "members.csv"
    assert run("-o", str(orders), "--customers", str(members)).exit_code == 0

    told = CliRunner().invoke(import_group, ["customers", str(members), "--json"])

    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    bought = set(pl.read_csv(orders)["customer"].drop_nulls())
    assert bought <= set(pl.read_csv(members)["customer"])
    assert facts["recorded"]["customers"]["new"] == facts["rows_read"] >= len(bought)
