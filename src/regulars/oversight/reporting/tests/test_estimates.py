"""What readers see of an estimate, and the files they take away."""

import csv
import io
from datetime import date
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from django.utils import translation
from python_calamine import CalamineWorkbook

from regulars.insight.measures import estimates as made
from regulars.insight.measures.estimates import Estimate
from regulars.oversight.reporting import estimates, sheets


@pytest.mark.parametrize(
    ("estimate", "en", "zh"),
    [
        (
            made.exact(123_456, 9, "money", "buyers"),
            ("£1,235", "exact", "9 buyers"),
            ("£1,235", "精确值", "9 位购买者"),
        ),
        (
            made.share(81, 263, "customers"),
            ("30.8%", "25.5–36.6%", "263 customers"),
            ("30.8%", "25.5–36.6%", "263 位顾客"),
        ),
        (Estimate(24, 99, 21, 30, "days", "gaps"), ("24 days", "21–30", "99 gaps"), ("24 天", "21–30", "99 个间隔")),
        (
            made.unknown("no_margin_told", "money", "buyers", n=1),
            ("–", "no cost is known, and no margin told", "1 buyer"),
            ("–", "成本未知，也未填写毛利率", "1 位购买者"),
        ),
    ],
)
def test_no_number_stands_alone(estimate: Estimate, en: tuple[str, ...], zh: tuple[str, ...]):
    for language, words in (("en", en), ("zh-hans", zh)):
        with translation.override(language):
            shown = estimates.written(estimate, "GBP")
            assert (shown.value, shown.sure, shown.rests_on) == words


COLUMNS: dict[str, sheets.ColumnKind] = {"name": "text", "on": "date", "n": "whole", "value": "exact", "done": "bool"}
ROWS: list[list[sheets.Cell]] = [
    ["=HYPERLINK(1)", date(2026, 3, 1), 7, Decimal("12.50"), True],
    ["复购率", date(2026, 4, 1), 8, None, False],
]


def test_csv_runs_no_formula():
    text = sheets.sheet("csv", COLUMNS, ROWS, name="figures").decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        ["name", "on", "n", "value", "done"],
        ["'=HYPERLINK(1)", "2026-03-01", "7", "12.50", "true"],
        ["复购率", "2026-04-01", "8", "", "false"],
    ]


def test_xlsx_holds_texts_as_texts():
    book = CalamineWorkbook.from_filelike(io.BytesIO(sheets.sheet("xlsx", COLUMNS, ROWS, name="figures")))
    assert book.get_sheet_by_index(0).to_python() == [
        ["name", "on", "n", "value", "done"],
        ["=HYPERLINK(1)", date(2026, 3, 1), 7.0, 12.5, True],
        ["复购率", date(2026, 4, 1), 8.0, "", False],
    ]


def test_parquet_is_exact():
    told = pq.read_table(io.BytesIO(sheets.sheet("parquet", COLUMNS, ROWS, name="figures"))).to_pylist()
    assert told[0] == {
        "name": "=HYPERLINK(1)",
        "on": date(2026, 3, 1),
        "n": 7,
        "value": Decimal("12.500000"),
        "done": True,
    }
    assert told[1]["value"] is None


def test_months_that_may_be_more_say_so():
    several = Estimate(3, 40, 2, 7, "months", "buyers", is_open=True)
    one = Estimate(1, 40, 1, 1, "months", "buyers")
    assert [(told.value, told.sure) for told in (estimates.written(several, "GBP"), estimates.written(one, "GBP"))] == [
        ("3 months", "2–7 or more"),
        ("1 month", "1"),
    ]
    assert Estimate.from_json(several.as_json()) == several
