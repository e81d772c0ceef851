"""What people send, and what they are told. Every problem names file, line, column, value and mend."""

import csv
import gzip
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from regulars.doors.imports import mapping, order_files, reading, rejects
from regulars.doors.imports.mapping import BadMapping
from regulars.doors.imports.reading import UnreadableFile
from regulars.doors.imports.settling import Undecided
from regulars.doors.imports.tests.builders import NOW, a_file, problems, read, row, text_of


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("quantity", "two", "is no number"),
        ("quantity", "", "is empty"),
        ("quantity", "1.2345", "has more than three decimals"),
        ("quantity", "999999999999999", "is too large"),
        ("unit_price", "4.5O", "is no number"),
        ("unit_price", "-4.50", "is negative in a row that is no return"),
        ("unit_price", "1,23.45", "is no number"),
        ("placed_at", "", "is empty"),
        ("placed_at", "yesterday", "is no date this file's other dates are written like"),
        ("placed_at", "2025-02-30", "is no date this file's other dates are written like"),
        ("placed_at", "1970-01-01 00:00:00", "is what systems write when they do not know the date (zero)"),
        ("placed_at", "1969-12-31 23:59:59", "is what systems write when they do not know the date (zero)"),
        ("placed_at", "1899-12-30", "is what systems write when they do not know the date (zero)"),
        ("placed_at", "1985-03-01", "is earlier than any date that is imported"),
        ("placed_at", "2099-12-31", "is in the future"),
        ("placed_at", "2025-06-03", "is in the future"),
        ("placed_at", "1746180000", "looks like a Unix time"),
        ("currency", "", "is empty"),
        ("currency", "¥", "is no currency"),
        ("currency", "$", "is no currency"),
        ("currency", "元", "is no currency"),
        ("currency", "XXX", "is no currency"),
        ("order", "", "is empty"),
        ("order", "A" * 201, "is too long"),
        ("product", "", "is empty"),
        ("product", "m\ufffdg", "has characters that cannot be read"),
        ("product", "mug\nblue", "has characters nobody can see"),
        ("customer", "ines\u200b", "has characters nobody can see"),
        ("customer", "ines@", "is no e-mail address and no phone number"),
        ("customer", "+86 (13) 8", "is no e-mail address and no phone number"),
    ],
)
def test_a_bad_row_is_told_and_the_others_come_in(tmp_path: Path, column: str, value: str, told: str) -> None:
    file = read(a_file(tmp_path, [row("A1"), row(**({"order": "A2"} | {column: value})), row("A3")]))

    (problem,) = file.problems.to_dicts()
    shown = {"ines@": "i***@", "+86 (13) 8": "****"}.get(value, value[:200])
    assert (problem["line_in_file"], problem["column"], problem["value"] or "") == (3, column, shown)
    assert problem["problem"] == told
    assert problem["mend"]
    assert file.tables["orders"].height == 2


def test_one_bad_line_keeps_its_whole_order_out(tmp_path: Path) -> None:
    path = a_file(tmp_path, [row("A1"), row("A2"), row("A2", product="jug", quantity="many"), row("A3")])

    file = read(path)

    assert problems(file) == [(4, "quantity", "many")]
    assert (file.tables["orders"].height, file.rows_held) == (2, 1)
    assert file.totals["lines"] == 2


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", "The file is in"),
        ("utf-8-sig", "UTF-8 with a byte order mark"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("gb18030", "GB18030"),
    ],
)
def test_chinese_files_in_every_encoding(tmp_path: Path, encoding: str, said: str) -> None:
    text = (
        "订单号,下单时间,会员号,商品编号,商品名称,数量,单价,币种\n"
        "1,2025/5/2 10:00,甲一,m1,骨瓷马克杯,2,4.50,CNY\n"
        "2,2025年5月3日 9:05,乙二,m2,龙井茶叶,1,88.00,CNY\n"
    )
    path = tmp_path / "orders.csv"
    path.write_bytes(text.encode(encoding))

    file = read(path)

    assert file.tables["products"].sort("ref")["title"].to_list() == ["骨瓷马克杯", "龙井茶叶"]
    assert file.tables["orders"]["placed_at"].dt.to_string("%F %R").to_list() == [
        "2025-05-02 09:00",
        "2025-05-03 08:05",
    ]
    assert file.totals["net_value"] == {"CNY": "97.00"}
    assert encoding == "utf-8" or any(said in note for note in file.notes)


def test_western_letters_are_not_taken_for_chinese(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(text_of([row("A1", product="Café crème"), row("A2", product="Käse")]).encode("cp1252"))

    file = read(path)

    assert file.tables["products"]["ref"].sort().to_list() == ["Café crème", "Käse"]
    assert any("Windows-1252" in note for note in file.notes)


def test_a_file_whose_first_foreign_letter_comes_late(tmp_path: Path) -> None:
    rows = [row(f"A{number}") for number in range(40_000)] + [row("B1", product="茶叶")]
    path = tmp_path / "orders.csv"
    path.write_bytes(text_of(rows).encode("gb18030"))

    assert "茶叶" in read(path).tables["products"]["ref"].to_list()


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_separators_and_line_ends(tmp_path: Path, delimiter: str, newline: str) -> None:
    path = tmp_path / "orders.csv"
    rows = [row("A1", title=f"a {delimiter} \n b"), row("A2", title="", quantity="x")]
    path.write_bytes(text_of(rows, delimiter, newline).encode())

    file = read(path)

    assert problems(file) == [(4, "quantity", "x")]
    assert file.tables["products"]["title"].to_list() == [f"a {delimiter} \n b"]


def test_line_ends_of_every_kind_in_one_file(tmp_path: Path) -> None:
    lines = text_of([row("A1"), row("A2"), row("A3"), row("A4", quantity="x")]).splitlines()
    path = tmp_path / "orders.csv"
    path.write_bytes((lines[0] + "\r\n" + lines[1] + "\n" + lines[2] + "\r" + lines[3] + "\n\n" + lines[4]).encode())

    file = read(path)

    assert file.tables["orders"].height == 3
    assert problems(file) == [(6, "quantity", "x")]


def test_a_packed_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(text_of([row("A1")]).encode()))

    assert read(path).tables["orders"].height == 1


def test_decimal_commas_are_found(tmp_path: Path) -> None:
    rows = [
        row("A1", unit_price="1.234,56"),
        row("A2", unit_price="1.234"),
        row("A3", unit_price="7,5", quantity="0,5"),
    ]

    file = read(a_file(tmp_path, rows))

    assert file.tables["lines"]["unit_price"].cast(pl.String).to_list() == ["1234.560000", "1234.000000", "7.500000"]
    assert file.totals["net_value"] == {"GBP": "4940.87"}
    assert "Decimals are written with a comma." in file.notes


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        (("1.234", "5.678"), "may be a thousand or a decimal"),
        (("1,234", "5,678"), "may be a thousand or a decimal"),
        (("4,50", "4.50"), "has a decimal point"),
    ],
)
def test_decimals_that_cannot_be_told_are_refused(tmp_path: Path, prices: tuple[str, str], told: str) -> None:
    path = a_file(tmp_path, [row("A1", unit_price=prices[0]), row("A2", unit_price=prices[1])])

    with pytest.raises(Undecided, match=told):
        read(path)


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        (("13/04/2025", "01/04/2025"), [date(2025, 4, 13), date(2025, 4, 1)]),
        (("4/13/2025 8:05", "4/1/2025 17:30"), [date(2025, 4, 13), date(2025, 4, 1)]),
        (("4/13/2025 8:05 PM", "4/1/2025 5:30 AM"), [date(2025, 4, 13), date(2025, 4, 1)]),
        (("01.04.2025", "02.04.2025 10:00"), [date(2025, 4, 1), date(2025, 4, 2)]),
        (("13/04/25", "01/04/25"), [date(2025, 4, 13), date(2025, 4, 1)]),
        (("2025-04-13T08:05:09Z", "2025-04-01T23:30:00+00:00"), [date(2025, 4, 13), date(2025, 4, 2)]),
        (("20250413", "20250401"), [date(2025, 4, 13), date(2025, 4, 1)]),
        (("45760", "45748.5"), [date(2025, 4, 13), date(2025, 4, 1)]),
    ],
)
def test_dates_as_people_write_them(tmp_path: Path, dates: tuple[str, str], days: list[date]) -> None:
    file = read(a_file(tmp_path, [row("A1", placed_at=dates[0]), row("A2", placed_at=dates[1])]))

    assert file.problems.is_empty()
    assert file.tables["orders"]["placed_on"].to_list() == days


@pytest.mark.parametrize("dates", [("03/04/2025", "05/04/2025"), ("13/04/2025", "04/13/2025")])
def test_dates_that_cannot_be_told_are_refused(tmp_path: Path, dates: tuple[str, str]) -> None:
    path = a_file(tmp_path, [row("A1", placed_at=dates[0]), row("A2", placed_at=dates[1])])

    with pytest.raises(Undecided, match="day"):
        read(path)


def test_the_clock_that_skips_an_hour_and_the_one_that_repeats_it(tmp_path: Path) -> None:
    rows = [row("A1", placed_at="2025-03-30 01:30"), row("A2", placed_at="2024-10-27 01:30")]

    placed = read(a_file(tmp_path, rows)).tables["orders"]["placed_at"].dt.to_string("%F %R").to_list()

    assert placed == ["2025-03-30 01:30", "2024-10-27 00:30"]


def test_negative_quantities_are_returns_of_their_own(tmp_path: Path) -> None:
    rows = [row("A1", quantity="5"), row("A2", quantity="-2", placed_at="2025-05-20 12:00"), row("A3", quantity="0")]

    file = read(a_file(tmp_path, rows))

    assert file.tables["returns"].select("order_id", "amount_minor", "matched_minor").rows() == [(None, 900, 900)]
    assert file.totals["matched_quantity"] == "2"
    assert file.tables["orders"].height == 2


def test_more_came_back_than_was_bought(tmp_path: Path) -> None:
    rows = [row("A1"), row("A2", quantity="-5", placed_at="2025-05-20 12:00"), row("A3", placed_at="2025-05-21 12:00")]

    totals = read(a_file(tmp_path, rows)).totals

    assert (totals["matched_quantity"], totals["unmatched_quantity"]) == ("2", "3")


def test_an_order_that_stands_twice_with_different_content(tmp_path: Path) -> None:
    rows = [row("A1"), row("A2"), row("A1", customer="tomas"), row("A1", placed_at="2025-05-09 10:00", product="jug")]

    file = read(a_file(tmp_path, rows))

    assert file.conflicts.select("line_in_file", "ref", "column", "kept", "left_out").rows() == [
        (4, "A1", "customer", "ines", "tomas"),
        (5, "A1", "day", "2025-05-02", "2025-05-09"),
    ]
    assert file.totals["net_value"] == {"GBP": "18.00"}


def test_line_numbers_that_come_twice(tmp_path: Path) -> None:
    rows = [row("A1", line="1"), row("A1", line="1"), row("A1", line="2"), row("A1", line="2", product="jug")]

    file = read(a_file(tmp_path, rows))

    assert file.tables["lines"]["number"].to_list() == [1, 2]
    assert file.conflicts["column"].to_list() == ["line"]


def test_the_newest_version_in_a_file_counts(tmp_path: Path) -> None:
    rows = [
        row("A1", quantity="9", updated_at="2025-05-03"),
        row("A1", quantity="1", updated_at="2025-05-05"),
        row("A1", product="jug", quantity="1", updated_at="2025-05-05"),
        row("A1", quantity="7", updated_at="2025-05-04"),
    ]

    file = read(a_file(tmp_path, rows))

    assert file.tables["lines"]["quantity"].cast(pl.Float64).to_list() == [1.0, 1.0]
    assert file.conflicts.is_empty()


def test_rows_of_an_order_scattered_over_the_file_come_together(tmp_path: Path) -> None:
    rows = [row(f"A{number % 700}", product=f"p{number}") for number in range(2_100)]

    file = read(a_file(tmp_path, rows))

    assert file.tables["orders"].height == 700
    assert file.tables["lines"].group_by("order_id").len()["len"].unique().to_list() == [3]


def test_guests_and_those_whom_systems_call_nobody(tmp_path: Path) -> None:
    file = read(a_file(tmp_path, [row("A1", customer=""), row("A2", customer="guest"), row("A3", customer="0")]))

    assert file.tables["orders"]["customer_id"].null_count() == 3
    assert file.totals["guest_lines"] == 3


def test_numbers_that_pandas_made_fractions_of(tmp_path: Path) -> None:
    file = read(
        a_file(tmp_path, [row("A1", customer="17850.0"), row("A2", customer=""), row("A3", customer="13047.0")])
    )

    assert file.tables["customers"]["ref"].sort().to_list() == ["13047", "17850"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "no header"),
        (b"order,order\n1,2\n", "twice"),
        (b"PAR1nonsense", "copy the file again"),
        (b"PK\x03\x04nonsense", "save it as .xlsx again"),
        (gzip.compress(b"order,placed_at\n1,2025-01-01\n" * 500, mtime=0)[:-30], "cut off|export it again"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "orders.bin"
    path.write_bytes(content)

    with pytest.raises(UnreadableFile, match=told):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("wide.csv", ",".join(f"c{place}" for place in range(20_000)).encode() + b"\n", "more than 16,384 columns"),
        ("endless.csv.gz", gzip.compress(b"order;" * (3 << 20), 1), "a line has more than 16 MB"),
    ],
)
def test_what_would_not_fit_into_memory_is_refused(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(UnreadableFile, match=told):
        read(path)


def test_a_file_without_a_needed_column_says_which(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("number,when,what\n1,2025-01-01,mug\n")

    with pytest.raises(BadMapping, match=r"needs a column for order.*number, when, what.*--map"):
        read(path)


def test_a_comma_in_a_text_cell_makes_no_thousands_of_excels_numbers(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ("order", "placed_at", "customer", "product", "quantity", "unit_price"))
        sheet.write_row(1, 0, ("1", "2025-04-13", "ines", "tea", 1.234, 20.5))
        sheet.write_row(2, 0, ("2", "2025-04-13", "ines", "tea", 1, "20,50"))

    file = read(path)

    assert problems(file) == [(3, "unit_price", "20,50")]
    assert file.tables["lines"]["quantity"].cast(pl.Float64).to_list() == [1.234]


def test_excel_with_its_dates_numbers_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("导出")
        day = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for place, name in enumerate(("订单号", "下单时间", "会员号", "商品编号", "数量", "单价")):
            sheet.write(1, place, name)
        sheet.write_row(3, 0, (1001, 45760.5, 17850, "m1", 2, 4.5))
        sheet.write_row(4, 0, ("1002", "", "ines", "m2", 1, 12.999))
        sheet.write_datetime(4, 1, datetime(2025, 4, 14, 9, 30), day)  # noqa: DTZ001 - a spreadsheet has no zones
        sheet.write_row(5, 0, (1003, "soon", "", "m2", 1, 3))

    file = read(path)

    assert problems(file) == [(6, "下单时间", "soon")]
    assert file.tables["customers"]["ref"].sort().to_list() == ["17850", "ines"]
    assert file.tables["orders"]["placed_at"].dt.to_string("%F %R").to_list() == [
        "2025-04-13 11:00",
        "2025-04-14 08:30",
    ]
    assert file.totals["net_value"] == {"GBP": "22.00"}


def test_the_reject_file_is_safe_to_open_and_comes_in_once_mended(tmp_path: Path) -> None:
    rows = [
        row("A1"),
        row("A2", product='=HYPERLINK("http://evil")', quantity="-1x"),
        row("A2", product="+1+1", unit_price="-4.50"),
        row("A3", product="@mug", quantity="x"),
    ]
    path = a_file(tmp_path, rows)
    with order_files.walk(
        path, None, zone="Europe/London", currency="GBP", now=NOW, progress=lambda *_: None
    ) as walked:
        walked.read()
        list(walked.parts())
        rejected = tmp_path / "rejects.csv"
        count, _ = rejects.write(walked.source, walked.left_out, rejected)

    assert count == 3
    assert rejected.read_bytes().startswith(b"\xef\xbb\xbf")
    with rejected.open(encoding="utf-8-sig", newline="") as opened:
        told = list(csv.DictReader(opened))
    assert [one["product"] for one in told] == ['\'=HYPERLINK("http://evil")', "'+1+1", "'@mug"]
    assert [one["unit_price"] for one in told] == ["4.50", "-4.50", "4.50"]
    assert [one["regulars_row"] for one in told] == ["2", "3", "4"]
    assert told[0]["regulars_problem"] == "quantity: '-1x' is no number"

    mended = (
        rejected.read_text(encoding="utf-8-sig")
        .replace("'-1x,", "1,")
        .replace(",x,", ",1,")
        .replace("-4.50,GBP", "4.50,GBP")
    )
    rejected.write_text(mended, encoding="utf-8-sig")
    again = read(rejected)

    assert again.problems.is_empty()
    assert again.tables["orders"].height == 2
    assert again.tables["products"]["ref"].sort().to_list() == ["+1+1", '=HYPERLINK("http://evil")', "@mug"]


def test_wide_signs_blanks_and_names_of_columns_are_safe_to_open_too(tmp_path: Path) -> None:
    hostile = {"product": "＝1+1", "quantity": "x", '=HYPERLINK("http://evil")': " @SUM(A1)"}
    path = a_file(tmp_path, [row("A1", **hostile)])
    with order_files.walk(
        path, None, zone="Europe/London", currency="GBP", now=NOW, progress=lambda *_: None
    ) as walked:
        walked.read()
        list(walked.parts())
        _, rejected = rejects.write(walked.source, walked.left_out, tmp_path / "rejects.csv")

    cells = next(csv.DictReader(rejected.read_text(encoding="utf-8-sig").splitlines()))
    assert {cells["product"], cells['\'=HYPERLINK("http://evil")']} == {"'＝1+1", "' @SUM(A1)"}
    again = reading.open_file(rejected)
    assert '=HYPERLINK("http://evil")' in again.columns


def test_a_reason_stands_beside_an_empty_cell_too(tmp_path: Path) -> None:
    path = a_file(tmp_path, [row("A1"), row("A2", quantity="")])
    with order_files.walk(
        path, None, zone="Europe/London", currency="GBP", now=NOW, progress=lambda *_: None
    ) as walked:
        walked.read()
        list(walked.parts())
        rejected = tmp_path / "rejects.csv"
        rejects.write(walked.source, walked.left_out, rejected)

    with rejected.open(encoding="utf-8-sig", newline="") as opened:
        (told,) = csv.DictReader(opened)
    assert told["regulars_problem"] == "quantity is empty"


def test_made_up_order_numbers_stay_when_rows_come_back_mended(tmp_path: Path) -> None:
    path = tmp_path / "cds.csv"
    path.write_text("customer_id,date,cds,spend\n1,1997-01-01,1,x\n2,1997-01-02,1,12.00\n2,1997-01-02,bad,7.00\n")
    cdnow = mapping.load("cdnow")
    with order_files.walk(path, cdnow, zone="UTC", currency="USD", now=NOW, progress=lambda *_: None) as walked:
        walked.read()
        (first,) = walked.parts()
        rejected = tmp_path / "cds.rejects.csv"
        rejects.write(walked.source, walked.left_out, rejected)
    rejected.write_text(rejected.read_text(encoding="utf-8-sig").replace(",bad,", ",1,").replace(",x\n", ",3.00\n"))

    with order_files.walk(rejected, cdnow, zone="UTC", currency="USD", now=NOW, progress=lambda *_: None) as walked:
        walked.read()
        (second,) = walked.parts()

    assert first.orders["ref"].to_list() == ["2-1997-01-02-2"]
    assert second.orders["ref"].to_list() == ["1-1997-01-01-1", "2-1997-01-02-3"]


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("discount", "99", "is more than the price"),
        ("shipping", "-5", "is negative in a row that is no return"),
        ("tax", "-5", "is negative in a row that is no return"),
        ("shipping", "9999999999999", "is too large"),
        ("tax", "999999999999", "is too large"),
        ("discount", "9999999999999", "is too large"),
        ("order_discount", "9999999999999", "is too large"),
        ("order_discount", "9.01", "is more than the order is worth"),
        ("line", "-5", "is negative"),
    ],
)
def test_amounts_that_would_turn_an_order_round(tmp_path: Path, column: str, value: str, told: str) -> None:
    file = read(a_file(tmp_path, [row("A1", **{column: "0"}), row("A2", **{column: value})]))

    assert problems(file)[0] == (3, column, value)
    assert file.problems["problem"][0] == told
    assert file.tables["orders"]["total_minor"].to_list() == [900]


def test_a_version_from_the_future_would_be_the_last(tmp_path: Path) -> None:
    rows = [row("A1", updated_at="2025-06-01"), row("A2", updated_at="2099-01-01")]

    assert problems(read(a_file(tmp_path, rows))) == [(3, "updated_at", "2099-01-01")]


def test_numbers_that_are_too_large_together(tmp_path: Path) -> None:
    rows = [
        row("A1"),
        row("A2", quantity="90000000", unit_price="90000000000"),
        row("A3", quantity="-90000000", unit_price="90000000000"),
    ]
    file = read(a_file(tmp_path, rows))
    assert [(line, column) for line, column, _ in problems(file)] == [(3, "unit_price"), (4, "unit_price")]

    priced = [{**row(), "amount": "9.00"}, {**row("A2", quantity="0.001"), "amount": "99999999999"}]
    for one in priced:
        del one["unit_price"]
    file = read(a_file(tmp_path, priced))
    assert [(line, column) for line, column, _ in problems(file)] == [(3, "amount")]


def test_an_amount_that_is_negative_beside_a_price_that_is_not(tmp_path: Path) -> None:
    file = read(a_file(tmp_path, [row("A1", amount="9.00"), row("A2", amount="-9.00")]))

    assert problems(file) == [(3, "amount", "-9.00")]


def test_all_rows_of_an_order_that_takes_off_too_much_wait(tmp_path: Path) -> None:
    rows = [row("A1", order_discount="0"), row("A2", order_discount="20"), row("A2", product="jug", order_discount="")]

    file = read(a_file(tmp_path, rows))

    assert problems(file) == [(3, "order_discount", "20.00")]
    assert (file.rows_held, file.tables["orders"].height) == (1, 1)


def test_a_header_without_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order,placed_at,customer,product,quantity,unit_price\n")

    with pytest.raises(UnreadableFile, match=r"orders.csv: there is a header and no row under it"):
        read(path)


def test_a_few_torn_bytes_spoil_their_rows_and_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    text = text_of(
        [row("A1", title="骨瓷马克杯" * 3), row("A2", title="@"), row("A3", title="#"), row("A4", title="茶叶")]
    )
    path.write_bytes(text.encode().replace(b"@", b"\xff\xfe").replace(b"#", b"\x00"))

    file = read(path)

    assert {line for line, _, _ in problems(file)} == {3, 4}
    assert sorted(file.tables["products"]["title"].to_list()) == ["骨瓷马克杯" * 3]
    assert file.tables["orders"].height == 2


def test_an_order_that_runs_over_midnight_is_one(tmp_path: Path) -> None:
    late = row("A1", placed_at="2025-05-02 23:59")
    early = row("A1", product="jug", placed_at="2025-05-03 00:00")

    file = read(a_file(tmp_path, [late, early]))

    assert file.conflicts.is_empty()
    assert file.tables["orders"]["total_minor"].to_list() == [1800]
    assert file.tables["orders"]["placed_on"].to_list() == [date(2025, 5, 2)]


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("quantity", "NaN", "is what programs write for no number"),
        ("unit_price", "nan", "is what programs write for no number"),
        ("unit_price", "#N/A", "is what a spreadsheet writes where a formula failed"),
        ("quantity", "#REF!", "is what a spreadsheet writes where a formula failed"),
        ("customer", "#REF!", "is what a spreadsheet writes where a formula failed"),
    ],
)
def test_what_programs_write_for_nothing_is_named(tmp_path: Path, column: str, value: str, told: str) -> None:
    file = read(a_file(tmp_path, [row("A1"), row("A2", **{column: value})]))

    (problem,) = file.problems.to_dicts()
    assert (problem["line_in_file"], problem["value"], problem["problem"]) == (3, value, told)


def test_an_amount_nobody_needs_may_be_nothing(tmp_path: Path) -> None:
    file = read(a_file(tmp_path, [row("A1", discount="NaN"), row("A2", discount="1.00")]))

    assert file.problems.is_empty()
    assert file.totals["net_value"] == {"GBP": "17.00"}


@pytest.mark.parametrize("column", ["order", "placed_at", "product", "customer"])
@pytest.mark.parametrize("word", ["Total", "Grand total:", "合计"])
def test_a_total_under_the_table_is_one_problem(tmp_path: Path, column: str, word: str) -> None:
    total = dict.fromkeys(row(), "") | {"quantity": "2", "unit_price": "9.00", column: word}

    file = read(a_file(tmp_path, [row("A1"), total]))

    assert problems(file) == [(3, column, word)]
    assert file.problems["problem"][0] == "looks like a total under the table, not like an order"


@pytest.mark.parametrize(
    ("encoding", "title"), [("big5", "北海道牛奶餅乾與綠茶禮盒"), ("gb18030", "北海道牛奶饼干与绿茶礼盒")]
)
def test_traditional_and_simple_chinese_are_told_apart(tmp_path: Path, encoding: str, title: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(text_of([row("A1", title=title), row("A2", title=title)]).encode(encoding))

    file = read(path)

    assert file.tables["products"]["title"].to_list() == [title]
    assert any("`encoding:" in note for note in file.notes)


def test_what_somebody_mended_is_not_written_over_by_another_run(tmp_path: Path) -> None:
    path = a_file(tmp_path, [row("A1"), row("A2", quantity="two")])
    place = rejects.place(path, None)

    def again() -> Path:
        with order_files.walk(path, None, zone="Europe/London", currency="GBP", now=NOW, progress=print) as file:
            file.read()
            return rejects.write(file.source, file.left_out, place)[1]

    assert again() == again() == place
    place.write_text(place.read_text().replace("two", "2"))

    assert again() == again() == tmp_path / "orders.rejects.2.csv"
    assert ",2,4.50" in place.read_text()
