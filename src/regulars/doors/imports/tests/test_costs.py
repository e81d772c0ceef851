"""Files of what was spent to win customers."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from regulars.doors.imports import commands
from regulars.doors.imports import costs as importing
from regulars.doors.imports.cost_files import month_of
from regulars.doors.imports.costs import NotTheShopsCurrency
from regulars.doors.imports.mapping import BadMapping
from regulars.doors.imports.tests.builders import NOW, a_file
from regulars.facts.company import channels, company
from regulars.insight.measures import costs
from regulars.insight.measures.scope import Cost
from regulars.kit.actors import Actor

pytestmark = pytest.mark.django_db
MAREK = Actor("operator", "1")
MAY = date(2025, 5, 1)


@pytest.fixture(autouse=True)
def _shop() -> None:
    told = {"name": "Hats", "currency": "GBP", "zone": "Europe/London", "language": "en", "country": "GB"}
    company.settle(**told, at=NOW, by=MAREK)
    channels.describe(code="web", name="Online Shop", kind="web", at=NOW, by=MAREK)


def bring_in(path: Path, **options: Any) -> importing.Imported:
    return importing.import_costs(path, None, at=NOW, by=MAREK, **options)


def row(month: str = "2025-05", channel: str = "web", amount: str = "10.50") -> dict[str, str]:
    return {"month": month, "channel": channel, "amount": amount}


def test_what_was_spent_comes_in_by_month_and_channel(tmp_path):
    rows = [row(), row("2025-05-31", "online shop", "1,000.00"), row(channel="", amount="7"), row("2025年4月")]
    path = a_file(tmp_path, rows, "costs.csv")
    assert bring_in(path, dry_run=True).totals["costs"] == {"GBP": "1028.00"}
    assert costs.told() == ()
    done = bring_in(path)
    assert (done.rows_good, done.rows_rejected, done.noted) == (4, 0, costs.Noted(3, 0, 0))
    april = Cost(date(2025, 4, 1), "web", 1050)
    assert costs.told() == (april, Cost(MAY, "", 700), Cost(MAY, "web", 101_050))
    assert bring_in(path).noted == costs.Noted(0, 0, 3)
    # A file tells all of a month and channel; of others nothing.
    assert bring_in(a_file(tmp_path, [row()], "later.csv")).noted == costs.Noted(0, 1, 0)
    assert costs.told() == (april, Cost(MAY, "", 700), Cost(MAY, "web", 1050))


def test_a_bad_row_stays_out_with_its_mend_and_the_others_come_in(tmp_path):
    bad = [
        row("May"),
        row("2025-13"),
        row(""),
        row("2180-07"),
        row(channel="radio"),
        row(amount="-1"),
        row(amount="much"),
        row(amount=""),
        row(amount="1.005"),
        row(amount="€5"),
    ]
    path = a_file(tmp_path, [row(), *bad], "costs.csv")
    run = CliRunner().invoke(commands.import_group, ["costs", str(path), "--json"])
    assert run.exit_code == commands.ROWS_LEFT_OUT, run.output
    told = json.loads(run.output)
    assert (told["rows_good"], told["rows_rejected"]) == (1, len(bad))
    assert [one["line_in_file"] for one in told["problems"]] == list(range(3, 3 + len(bad)))
    assert costs.told() == (Cost(MAY, "web", 1050),)
    chinese = CliRunner().invoke(commands.import_group, ["costs", str(path), "--lang", "zh"])
    assert "1 条已有" in chinese.output
    assert "不是店铺的渠道" in chinese.output


def test_other_forms_of_files(tmp_path):
    path = tmp_path / "costs.xlsx"
    cells = {"月份": [datetime(2025, 5, 1)], "渠道": ["web"], "花费": [12.5], "币种": ["gbp"]}  # noqa: DTZ001 - as Excel has it
    pl.DataFrame(cells).write_excel(path)
    assert bring_in(path).noted.new == 1
    assert costs.told() == (Cost(MAY, "web", 1250),)
    with pytest.raises(BadMapping):
        bring_in(a_file(tmp_path, [{"month": "2025-05", "channel": "web"}], "none.csv"))
    with pytest.raises(NotTheShopsCurrency):
        bring_in(a_file(tmp_path, [row()], "euro.csv"), currency="EUR")
    signed = a_file(tmp_path, [row(amount="£3")], "signed.csv")
    assert bring_in(signed, currency="GBP").noted == costs.Noted(0, 1, 0)


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2025-05", MAY),
        ("2025/5", MAY),
        ("2025.05", MAY),
        ("202505", MAY),
        ("2025年5月", MAY),
        ("2025年5月31日", MAY),
        ("2025-05-31 10:00:00", MAY),
        ("20250531", None),
        ("05/2025", None),
        ("2025-13", None),
        ("0000-05", None),
        ("1250.5", None),
    ],
)
def test_a_month_is_read_from_what_people_write(text: str, month: date | None):
    assert month_of(text) == month
