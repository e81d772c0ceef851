"""Mappings that people write: what means nothing is refused by name, before the file is read."""

from pathlib import Path

import pytest

from regulars.doors.imports import mapping
from regulars.doors.imports.mapping import BadMapping
from regulars.doors.imports.reading import UnreadableFile
from regulars.doors.imports.tests.builders import a_file, read, row

_COLUMNS = {name: name for name in ("order", "placed_at", "product", "quantity", "unit_price", "currency")}


def written(folder: Path, more: str = "", **columns: str) -> mapping.OrderMapping:
    file = folder / "own.yaml"
    lines = [f"  {name}: {column}\n" for name, column in (_COLUMNS | columns).items()]
    file.write_text(f"columns:\n{''.join(lines)}{more}\n", encoding="utf-8")
    return mapping.load(str(file))


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ("dates: 5", "dates"),
        ("dates: [nonsense]", "dates"),
        ("rules: {kind: return}", "rules"),
        ("encoding: 5", "encoding"),
        ("encoding: no", "encoding"),
        ("delimiter: ';;'", "delimiter"),
        ("delimiter: 5", "delimiter"),
        ("delimiter: '\"'", "delimiter"),
        ("decimal: 5", "decimal"),
    ],
)
def test_a_key_that_means_nothing_is_refused_by_name(tmp_path: Path, told: str, field: str) -> None:
    with pytest.raises(BadMapping) as refused:
        written(tmp_path, told)
    assert refused.value.facts["field"] == field


@pytest.mark.parametrize(
    "column",
    [
        "null",
        "[]",
        "{}",
        "{join: []}",
        "{column: []}",
        "{constant: null}",
        "{values: {a: b}}",
        "{column: quantity, values: [a]}",
        "{column: quantity, values: a}",
    ],
)
def test_a_column_that_is_nowhere_is_refused_by_its_field(tmp_path: Path, column: str) -> None:
    with pytest.raises(BadMapping, match="quantity"):
        written(tmp_path, quantity=column)


@pytest.mark.parametrize("told", ["dates: null", "rules: null", "delimiter: null", "sheet: 1"])
def test_what_is_left_empty_is_as_if_it_were_not_there(tmp_path: Path, told: str) -> None:
    assert read(a_file(tmp_path, [row()]), written(tmp_path, told)).rows_read == 1


def test_one_form_of_dates_needs_no_list(tmp_path: Path) -> None:
    file = read(a_file(tmp_path, [row(placed_at="03/04/2024")]), written(tmp_path, 'dates: "%d/%m/%Y"'))

    assert [day.isoformat() for day in file.tables["orders"]["placed_on"]] == ["2024-04-03"]


def test_an_encoding_that_no_file_is_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="idna"):
        read(a_file(tmp_path, [row()]), written(tmp_path, "encoding: idna"))


@pytest.mark.parametrize("said", ["yes", "Yes", "TRUE", "on"])
def test_yes_and_no_are_what_the_file_says_however_yaml_reads_them(tmp_path: Path, said: str) -> None:
    own = written(tmp_path, kind="{column: came_back, values: {yes: return, no: sale}}")
    file = read(a_file(tmp_path, [row(came_back="no"), row("A2", came_back=said)]), own)

    assert file.totals["return_documents"] == 1


def test_other_columns_are_added_up_to_compare(tmp_path: Path) -> None:
    rows = [
        row("A1", voucher="1,234.50"),
        row("A2", voucher=""),
        row("A3", voucher="£0.25", placed_at="never"),
    ]
    file = read(a_file(tmp_path, rows), written(tmp_path, "control: [voucher]"))

    assert file.rows_held + len(file.problems) == 1
    assert file.totals["control_sums"] == {"voucher": "1234.75"}
    assert file.totals["control_rows"] == {"voucher": 2}


@pytest.mark.parametrize("told", ["control: voucher", "control: [voucher, voucher]"])
def test_what_to_add_up_is_a_list_of_columns_each_once(tmp_path: Path, told: str) -> None:
    with pytest.raises(BadMapping) as refused:
        written(tmp_path, told)
    assert refused.value.facts["field"] == "control"


def test_a_column_to_add_up_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match=r"control.*voucher"):
        read(a_file(tmp_path, [row()]), written(tmp_path, "control: [voucher]"))
