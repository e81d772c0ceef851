"""Rows with cells too many or too few, marks nobody closed, cells without end: told, kept whole, alone."""

import csv
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from regulars.doors.imports import order_files, rejects
from regulars.doors.imports.reading import UnreadableFile
from regulars.doors.imports.tests.builders import HEADER, NOW, a_file, problems, read, row, text_of

COLUMNS = ("order", "placed_at", "customer", "product", "title", "quantity", "unit_price", "currency")


def reject(path: Path) -> Path:
    """The reject file of `path`."""
    place = path.with_name(f"{path.stem}.rejects.csv")
    with order_files.walk(
        path, None, zone="Europe/London", currency="GBP", now=NOW, progress=lambda *_: None
    ) as walked:
        walked.read()
        list(walked.parts())
        rejects.write(walked.source, walked.left_out, place)
    return place


def cells_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.reader(opened))


def lines_of(*lines: str, header: tuple[str, ...] = COLUMNS) -> str:
    return "\n".join([",".join(header), *lines]) + "\n"


def good(order: str, title: str = "a mug") -> str:
    return f"{order},2025-05-02 10:00,ines,mug,{title},2,4.50,GBP"


@pytest.mark.parametrize("quoted", [False, True])
def test_a_row_with_a_cell_too_many_keeps_it_in_the_reject_file(tmp_path: Path, quoted: bool) -> None:
    path = tmp_path / "orders.csv"
    torn = good("A2", title="mug, 茶" if quoted else "mug, blue")
    path.write_text(lines_of(good("A1"), torn.replace("A2", '"A2"') if quoted else torn, good("A3")))

    rejected = reject(path)

    title = "茶" if quoted else "blue"
    whole = ["A2", "2025-05-02 10:00", "ines", "mug", "mug", f" {title}", "2", "4.50", "GBP"]
    assert [one[3:] for one in cells_of(rejected)] == [list(COLUMNS), whole]
    first, again = read(path), read(rejected)
    assert problems(first) == [(3, "column 9", "GBP")]
    assert first.problems["problem"].to_list() == ["is in no column: the row has more cells than the header"]
    assert again.problems.select("value", "problem").equals(first.problems.select("value", "problem"))

    # As a spreadsheet does it: two cells made one, the others moved to the left, each row as wide as the widest.
    mended = cells_of(rejected)
    mended[0].append("")
    mended[1][7:9] = ["mug, blue"]
    mended[1].append("")
    with rejected.open("w", newline="") as opened:
        csv.writer(opened).writerows(mended)
    assert read(rejected).problems.is_empty()
    assert read(rejected).tables["lines"]["quantity"].cast(pl.Float64).to_list() == [2.0]


def test_a_row_with_too_few_cells_has_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(lines_of(good("A1"), "A2,2025-05-02 10:00,ines", '"A3",2025-05-02 10:00', good("A4")))

    rejected = reject(path)

    for file in (read(path), read(rejected)):
        assert [(column, value) for _, column, value in problems(file)] == [("product", None), ("customer", None)]
        assert set(file.problems["problem"]) == {"is not there: the row has fewer cells than the header"}
    assert [one[3:] for one in cells_of(rejected)[1:]] == [
        ["A2", "2025-05-02 10:00", "ines"],
        ["A3", "2025-05-02 10:00"],
    ]
    assert cells_of(rejected)[1][1] == "product is not there: the row has fewer cells than the header"


def test_what_a_row_that_does_not_fit_seems_to_say_decides_nothing(tmp_path: Path) -> None:
    torn = good("A2").replace("2025-05-02 10:00", "13/04/2025,04/13/2025").replace("4.50", "4,50")
    path = tmp_path / "orders.csv"
    path.write_text(lines_of(good("A1"), torn, good("A2", title="a jug")))

    file = read(path)

    assert [line for line, _, _ in problems(file)] == [3]
    assert (file.rows_held, file.tables["orders"].height) == (1, 1)
    assert not any("comma" in note or "read" in note for note in file.notes if not note.startswith("Read by"))


def test_empty_cells_beyond_the_header_are_nothing(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(lines_of(good("A1") + ",", good("A2") + ",,,", '"A3"' + good("A3")[2:] + ",,"))

    assert read(path).problems.is_empty()


def test_excel_rows_that_are_wider_than_the_header(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, tuple(row("A1").values()))
        sheet.write_row(2, 0, (*row("A2").values(), "", "see my mail"))

    file = read(path)

    assert problems(file) == [(3, "column 9", "see my mail")]
    assert cells_of(reject(path))[1][-2:] == ["", "see my mail"]


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ([good(f"B{number}") for number in range(3)], "to the end of the file"),
        ([good(f"B{number}") for number in range(2_500)], "over more lines than a cell has"),
        ([good("B0"), good("B1", title='"a jug"'), good("B2")], "until another cell opens"),
        ([good("B0"), good("B1", title='""'), good("B2", title='"a ""big"" jug"')], "over empty cells"),
        ([good("B0"), good("B1", title='a jug"')], "until a mark of another row"),
    ],
)
def test_a_mark_that_is_never_closed_takes_no_other_row_with_it(tmp_path: Path, after: list[str], why: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(lines_of(good("A1"), good("A2", title='"mug'), *after))

    file = read(path)

    assert problems(file) == [(3, "title", '"mug')], why
    assert file.problems["problem"].to_list() == ["begins with a quotation mark that is not closed in its row"]
    assert file.tables["orders"].height == 1 + len(after)

    rejected = reject(path)
    (told,) = cells_of(rejected)[1:]
    assert told[3:] == ["A2", "2025-05-02 10:00", "ines", "mug", '"mug', "2", "4.50", "GBP"]
    again = read(rejected)
    assert again.problems.select("column", "value", "problem").equals(
        file.problems.select("column", "value", "problem")
    )
    rejected.write_text(rejected.read_text(encoding="utf-8-sig").replace('"""mug"', "mug"))
    assert read(rejected).problems.is_empty()


def test_several_marks_that_are_never_closed_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(lines_of(*(good(f"A{number}", title='"mug' if number % 2 else "mug") for number in range(9))))

    file = read(path)

    assert [line for line, _, _ in problems(file)] == [3, 5, 7, 9]
    assert file.tables["orders"].height == 5


def test_a_mark_that_opens_in_the_last_line_and_in_the_first_cell(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(lines_of(good("A1"), good('"A2').rstrip("\n")).rstrip("\n"))

    assert problems(read(path)) == [(3, "order", '"A2')]


def test_cells_of_several_lines_stay_as_they_are(tmp_path: Path) -> None:
    titles = ["a mug\nand a plate, blue", 'with ""marks"",\n\n\nand, commas,\n', "\n".join(["a long story"] * 900)]
    path = tmp_path / "orders.csv"
    path.write_text(lines_of(*(good(f"A{place}", title=f'"{title}"') for place, title in enumerate(titles))))
    rows = [row("A9", product=f"p{place}", quantity="x" if place == 2 else "1") for place in range(3)]

    file = read(path)

    assert file.problems.is_empty()
    assert file.tables["orders"].height == 3
    assert problems(
        read(a_file(tmp_path, [row("A1", title="two\nlines"), *(one | {"title": ""} for one in rows)]))
    ) == [(6, "quantity", "x")]


def test_a_mark_that_is_not_closed_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(lines_of(good("A1")).replace("title", '"title'))

    with pytest.raises(UnreadableFile, match=r"orders.csv, line 1: in the header, '\"title' begins with a quotation"):
        read(path)


@pytest.mark.parametrize("mark", ["", '"'])
@pytest.mark.parametrize("place", [1, 40])
def test_a_cell_without_end_is_one_bad_row(tmp_path: Path, mark: str, place: int) -> None:
    lines = [good(f"A{number}") for number in range(50)]
    lines[place] = good("A99", title=f"{mark}{'x' * 200_000}{mark}")
    path = tmp_path / "orders.csv"
    path.write_text(lines_of(*lines))

    file = read(path)

    assert problems(file) == [(place + 2, "title", "x" * 60 + "…")]
    assert file.tables["orders"].height == 49
    rejected = reject(path)
    assert cells_of(rejected)[1][7] == "x" * 200_000
    assert [column for _, column, _ in problems(read(rejected))] == ["title"]


@pytest.mark.parametrize("mark", [";", "\t", "|", ","])
@pytest.mark.parametrize("first", ["sep={}\n", '"sep={}"\n', "\ufeffSEP={}\r\n"])
def test_excels_line_that_names_the_separator(tmp_path: Path, mark: str, first: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(first.format(mark) + text_of([row("A1"), row("A2", quantity="x")], mark), encoding="utf-8")

    file = read(path)

    assert problems(file) == [(4, "quantity", "x")]
    assert file.tables["orders"].height == 1


def test_a_row_with_two_problems_has_both_once(tmp_path: Path) -> None:
    rejected = reject(a_file(tmp_path, [row("A1"), row("A2", quantity="x", unit_price="")]))

    (told,) = cells_of(rejected)[1:]
    assert told[1] == "1) quantity: 'x' is no number; 2) unit_price is empty"
    assert told[2] == "1) write digits with a point before the decimals, and nothing else; 2) fill it in"
