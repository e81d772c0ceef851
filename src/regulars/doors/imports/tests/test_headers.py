"""Where the header stands: below titles, on another sheet, or where the mapping says."""

from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from regulars.doors.imports import customer_files, mapping, order_files
from regulars.doors.imports.mapping import BadMapping
from regulars.doors.imports.tests.builders import HEADER, NOW, problems, read, row

SALES = [list(HEADER), list(row("A1").values()), list(row("A2", quantity="two").values())]
TITLE = [["Monthly export of my shop"], [], ["May, June", "", "final"]]


def a_book(folder: Path, **sheets: list[list[str]]) -> Path:
    path = folder / "orders.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, cells in enumerate(rows):
                sheet.write_row(number, 0, cells)
    return path


def test_titles_above_the_header_are_passed_over(tmp_path: Path) -> None:
    file = read(a_book(tmp_path, Sales=[*TITLE, *SALES]))

    assert problems(file) == [(6, "quantity", "two")]
    assert file.totals["net_value"] == {"GBP": "9.00"}
    assert "The header is in row 4; what stands above it is not read." in file.notes


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_titles_in_a_csv(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("Export, May\n\n" + "\n".join(mark.join(cells) for cells in SALES), encoding="utf-8")

    file = read(path)

    assert problems(file) == [(5, "quantity", "two")]
    assert "The header is in line 3; what stands above it is not read." in file.notes


def test_the_sheet_with_orders_is_found_and_told(tmp_path: Path) -> None:
    file = read(a_book(tmp_path, Notes=[["hello"]], Sales=SALES, Empty=[]))

    assert file.rows_read == 2
    assert "Read from the sheet 'Sales'; the workbook also has 'Notes', 'Empty'." in file.notes


def test_a_sheet_that_is_told_counts(tmp_path: Path) -> None:
    path = a_book(tmp_path, May=SALES, June=[SALES[0], list(row("B1", unit_price="1").values())])

    file = order_files.normalise(path, now=NOW, sheet="June")

    assert file.totals["net_value"] == {"GBP": "2.00"}


def test_a_header_row_that_is_told_counts(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "header_row: 2\ncolumns: {order: order, placed_at: placed_at, product: product, quantity: quantity,"
        " unit_price: unit_price, currency: currency}"
    )
    path = a_book(tmp_path, Sales=[SALES[0], *SALES])

    assert read(path, mapping.load(str(own))).rows_read == 2


def test_where_nothing_fits_the_refusal_says_where_it_looked(tmp_path: Path) -> None:
    path = a_book(tmp_path, Notes=[["hello"]], Other=[["world"]])

    with pytest.raises(
        BadMapping, match=r"row 1 of the sheet 'Notes' \(the workbook also has 'Other'\).*`header_row:`"
    ):
        read(path)


def test_a_header_row_is_a_number(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("header_row: first\ncolumns: {order: order}")

    with pytest.raises(BadMapping, match="header_row"):
        mapping.load(str(own))


def test_files_of_customers_have_titles_and_sheets_too(tmp_path: Path) -> None:
    people = [["会员号", "姓名", "城市"], ["C-1", "李雷", "上海"]]
    book = a_book(tmp_path, Notes=[["hello"]], People=[*TITLE, *people])

    with customer_files.walk(book, None, zone="Asia/Shanghai", region="CN", now=NOW) as walked:
        walked.read()

        people_read = pl.concat(list(walked.parts()))["ref"].to_list()

    assert people_read == ["C-1"]
