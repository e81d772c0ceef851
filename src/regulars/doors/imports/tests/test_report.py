"""`regulars report`: one page from one file, equal to what an import and a refresh give."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regulars.doors.imports import mapping, orders, report
from regulars.doors.imports.commands import report as report_command
from regulars.doors.imports.rejects import OntoItself
from regulars.doors.imports.tests.builders import NOW, a_file, row
from regulars.facts.company import company
from regulars.insight.measures import catalogue, readings, refreshing
from regulars.kit.actors import SYSTEM, Actor
from tests.often import a_few

FILE = Actor("import", "1")
DATA = Path(os.environ.get("REGULARS_TEST_DATA", Path(__file__).parents[6] / "shared" / "data"))
EVIL = "<script>alert(1)</script>"

TEAS = [
    row("A1", placed_at="2025-01-01 10:00"),
    row("A2", placed_at="2025-01-08 10:00"),
    row("A3", placed_at="2025-01-15 10:00"),
    row("B1", placed_at="2025-01-10 23:30", customer="tomas", unit_price="80.00", quantity="1"),
    row("B2", placed_at="2025-02-11 09:00", customer="tomas", product="pot"),
    row("C1", placed_at="2025-04-01 12:00", customer="priya"),
    row("G1", placed_at="2025-05-01 12:00", customer=""),
    row("F1", placed_at="2025-03-01 12:00", customer="priya", product="sample", unit_price="0"),
    row("R1", placed_at="2025-01-20 12:00", customer="tomas", quantity="-1", unit_price="80.00"),
    row("R2", placed_at="2025-01-21 12:00", customer="ines", product="never bought", quantity="-1"),
]


def made(path: Path, **told: Any) -> report.Made:
    return report.make(path, None, **{"language": "en", "now": NOW, "zone": "Europe/London", "currency": "GBP"} | told)


def test_the_page_and_the_stored_readings_agree_to_the_digit(
    fresh_database: dict[str, str], tmp_path: Path, settings: Any
):
    settings.REGULARS_HOME = tmp_path
    company.settle(name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=NOW, by=SYSTEM)
    path = a_file(tmp_path, TEAS)
    orders.import_orders(path, None, at=NOW, by=FILE)
    refreshing.refresh(at=NOW, by=SYSTEM)

    page = made(path)

    assert page.shop["overview"]["returned_minor"] == 8000
    assert page.shop["overview"]["unmatched_returns_minor"] == 450
    for measure in catalogue.SHOP:
        stored = readings.shop(measure.name)
        assert stored is not None
        assert stored.value == page.shop[measure.name], measure.name
    assert [(r.last_on.isoformat(), r.at_stake_minor) for r in readings.lapsing() if r.last_on] == [
        (regular["last_on"], regular["at_stake_minor"]) for regular in page.lapsing
    ]
    assert [regular["ref"] for regular in page.lapsing] == ["ines"]


MIXED = [
    *TEAS,
    *(
        row("U1", customer="lu", currency="USD", product=f"p{number}", placed_at="2025-05-01 20:30")
        for number in range(20)
    ),
    row("U2", customer="lu", currency="USD", placed_at="2025-05-03 03:30"),
]


@pytest.mark.parametrize(
    "told", a_few(1, [{}, {"zone": "UTC", "currency": "USD"}, {"currency": "GBP"}, {"zone": "America/New_York"}])
)
def test_a_first_import_and_the_page_agree_on_whose_shop_it_is(
    fresh_database: dict[str, str], tmp_path: Path, settings: Any, told: dict[str, str]
):
    settings.REGULARS_HOME = tmp_path
    path = a_file(tmp_path, MIXED)
    orders.import_orders(path, None, at=NOW, by=FILE, **told)
    stored = refreshing.refresh(at=NOW, by=SYSTEM)

    page = report.make(path, None, language="en", now=NOW, **told)

    assert company.shop().currency == told.get("currency", "USD")
    # A shop's readings hold more than a page of one file: what became of groups over time, for one.
    assert page.shop.keys() <= stored.shop.keys()
    assert page.shop == {name: stored.shop[name] for name in page.shop}


@pytest.mark.long
@pytest.mark.data
def test_on_a_real_shop_too(fresh_database: dict[str, str], tmp_path: Path, settings: Any):
    path = DATA / "online_retail" / "online_retail.parquet"
    if not path.exists():
        pytest.skip(f"THE REAL DATA IS NOT HERE: {path}; set REGULARS_TEST_DATA")
    settings.REGULARS_HOME = tmp_path
    now = datetime(2026, 11, 1, tzinfo=UTC)
    company.settle(name="Gifts", currency="GBP", zone="Europe/London", language="en", country="GB", at=now, by=SYSTEM)
    chosen = mapping.load("online_retail")
    orders.import_orders(path, chosen, at=now, by=FILE)
    stored = refreshing.refresh(at=now, by=SYSTEM)
    page = report.make(path, chosen, language="en", now=now)
    # A shop's readings hold more than a page of one file: what became of groups over time, for one.
    assert page.shop.keys() <= stored.shop.keys()
    assert page.shop == {name: stored.shop[name] for name in page.shop}
    assert (page.shop["overview"]["orders"], page.shop["overview"]["gross_minor"]) == (18_532, 891_140_790)
    assert (page.shop["repeat_rate"]["came_back"].count, page.shop["repeat_rate"]["came_back"].n) == (2_790, 4_338)
    assert "2,790 of them came back on another day: 64.3%." in page.html


def test_nothing_in_the_file_becomes_part_of_the_page(tmp_path: Path):
    rows = [row(f"A{day}", placed_at=f"2025-01-{day:02} 10:00", customer=EVIL, product=EVIL) for day in (1, 8, 15)]
    rows += [row("Z", placed_at="2025-05-01 10:00", customer="b"), row("Y", quantity=EVIL), row("X", currency=EVIL)]
    page = made(a_file(tmp_path, rows, name="a&b<i>.csv"))
    assert [regular["ref"] for regular in page.lapsing] == [EVIL]
    assert page.rejected == 2
    assert "<script>" not in page.html
    assert "a&amp;b&lt;i&gt;.csv" in page.html


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row("A1", placed_at="nonsense")], "No purchase was found in this file."),
        ([row("A1", customer="")], "This file does not say who bought."),
        ([{key: value for key, value in row("A1").items() if key != "customer"}], "This file does not say who bought."),
        ([row("A1")], "One customer bought from you. Nobody has come back"),
    ],
)
def test_little_files_get_kind_words(tmp_path: Path, rows: list[dict[str, str]], words: str):
    assert words in made(a_file(tmp_path, rows)).html


def run(*told: str) -> Any:
    return CliRunner().invoke(report_command, told, catch_exceptions=False, env={"LC_ALL": "en_GB.UTF-8"})


def test_what_the_file_does_not_say_is_said_on_top(tmp_path: Path):
    bare = [{name: value for name, value in order.items() if name != "currency"} for order in TEAS]
    path, page = str(a_file(tmp_path, bare)), tmp_path / "not" / "there" / "page.html"
    result = run(path, "-o", str(page))
    assert result.exit_code == 0
    assert "amounts are taken to be CNY. Say it with --currency" in result.stderr
    written = page.read_text(encoding="utf-8")
    assert '<html lang="en">' in written
    assert written.index("amounts are taken to be CNY") < written.index("customers bought from you")
    told = ["--currency", "GBP", "--zone", "Europe/London", "--language", "en"]
    facts = json.loads(run(path, "-o", str(page), "--json").stdout)
    assert facts["assumed"] == ["currency", "zone", "language"]
    result = run(path, "-o", str(page), "--json", *told)
    assert (json.loads(result.stdout)["assumed"], result.stderr) == ([], "")


def test_orders_in_two_currencies_are_told_on_top(tmp_path: Path):
    html = made(a_file(tmp_path, MIXED)).html
    assert html.index("Orders not in GBP: 2.") < html.index("customers bought from you")


def test_a_file_of_nothing_is_no_success(tmp_path: Path):
    result = run(str(a_file(tmp_path, [row("A1", placed_at="nonsense")])), "-o", str(tmp_path / "page.html"))
    assert result.exit_code == 1
    assert "No purchase was found" in result.stdout


def test_a_place_nobody_can_write_to_is_told_before_the_work(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):  # the command line turns it into one plain sentence
        run(str(a_file(tmp_path, TEAS)), "-o", str(tmp_path / "file" / "page.html"))


def test_the_page_never_takes_the_place_of_the_order_file(tmp_path: Path):
    path = a_file(tmp_path, TEAS)

    with pytest.raises(OntoItself):
        CliRunner().invoke(report_command, [str(path), "-o", str(path)], catch_exceptions=False)
    assert path.read_text().startswith("order,")


def test_the_command_writes_the_page_and_says_what_is_on_it(tmp_path: Path):
    path, page = a_file(tmp_path, TEAS), tmp_path / "page.html"
    told = ["--currency", "GBP", "--zone", "Europe/London", "--lang", "zh", "-o", str(page)]
    result = CliRunner().invoke(report_command, [str(path), *told], catch_exceptions=False)
    assert result.exit_code == 0
    assert "有 3 位顾客在您这里买过东西" in result.output
    assert page.read_text(encoding="utf-8").startswith('<!doctype html>\n<html lang="zh-Hans">')
    result = CliRunner().invoke(report_command, [str(path), *told, "--json"], catch_exceptions=False)
    assert json.loads(result.output)["shop"]["repeat_rate"]["came_back"]["n"] == 3


def test_what_was_wrong_with_rows_is_said_in_the_readers_language(tmp_path: Path):
    path, page = a_file(tmp_path, [*TEAS, row("X1", quantity="two"), row("X2", quantity="")]), tmp_path / "page.html"
    path.write_text(path.read_text() + "X3,2025-05-02\n")
    result = CliRunner().invoke(report_command, [str(path), "--lang", "zh", "-o", str(page)], catch_exceptions=False)
    assert "未读入的行：3；" in result.output
    told = page.read_text(encoding="utf-8")
    assert all(
        words in told for words in ("quantity: 不是数字", "quantity: 为空", "customer: 缺失：该行的单元格比表头少")
    )
