"""What a mapping leaves open: all rows of a file settle it, and the few that contradict the others are told."""

from pathlib import Path

import pytest

from regulars.doors.imports import mapping, reading, spilling
from regulars.doors.imports.settling import Undecided
from regulars.doors.imports.tests.builders import a_file, problems, read, row


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of some rows has many chunks and parts then, as a long one has."""
    monkeypatch.setattr(reading, "CHUNK", 4)
    monkeypatch.setattr(spilling, "PART", 4)


def many(count: int, **other: str) -> list[dict[str, str]]:
    return [row(f"A{number}", **other) for number in range(count)]


@pytest.mark.parametrize("place", [0, 9, 19])
def test_one_odd_number_is_a_row_to_mend_wherever_it_stands(tmp_path: Path, place: int) -> None:
    rows = many(20, unit_price="2,50")
    rows[place]["unit_price"] = "1.1"

    file = read(a_file(tmp_path, rows))

    (problem,) = file.problems.to_dicts()
    assert (problem["line_in_file"], problem["column"], problem["value"]) == (place + 2, "unit_price", "1.1")
    assert problem["problem"] == "has a decimal point, where the file's other numbers have a decimal comma"
    assert '`decimal: "."` in the mapping' in problem["mend"]
    assert file.totals["net_value"] == {"GBP": "95.00"}


def test_a_number_that_could_be_read_but_would_be_a_thousand_times_as_much_is_told(tmp_path: Path) -> None:
    rows = [*many(9, unit_price="2.50"), row("B1", unit_price="0,250")]

    assert problems(read(a_file(tmp_path, rows))) == [(11, "unit_price", "0,250")]


def test_the_decimal_sign_may_show_late(tmp_path: Path) -> None:
    rows = [*many(9, unit_price="1.250"), row("B1", unit_price="2,50")]

    file = read(a_file(tmp_path, rows))

    assert file.problems.is_empty()
    assert file.totals["net_value"] == {"GBP": "22505.00"}


def test_what_can_be_read_both_ways_waits_in_a_file_that_is_of_two_minds(tmp_path: Path) -> None:
    rows = [*many(9, unit_price="2,50"), *many(3, unit_price="2.50"), row("C1", unit_price="1.250")]

    file = read(a_file(tmp_path, rows))

    assert [line for line, _, _ in problems(file)] == [11, 12, 13, 14]
    assert file.problems["problem"][-1] == (
        "may be a thousand or a decimal, and the file has both decimal points and commas"
    )


def test_a_file_that_says_both_is_refused_with_a_line_of_each(tmp_path: Path) -> None:
    path = a_file(tmp_path, [*many(9, unit_price="2,50"), *many(8, unit_price="1.10")])

    with pytest.raises(Undecided, match=r"'2,50' in line 2 .*'1.10' in line 11 .*`decimal: \",\"`"):
        read(path)


@pytest.mark.parametrize("place", [0, 9, 19])
def test_one_odd_date_is_a_row_to_mend_wherever_it_stands(tmp_path: Path, place: int) -> None:
    rows = [*many(10, placed_at="13/04/2025"), *many(10, placed_at="05/04/2025")]
    for number, one in enumerate(rows):
        one["order"] = f"A{number}"
    rows[place]["placed_at"] = "04/14/2025"

    file = read(a_file(tmp_path, rows))

    (problem,) = file.problems.to_dicts()
    assert (problem["line_in_file"], problem["column"], problem["value"]) == (place + 2, "placed_at", "04/14/2025")
    assert problem["problem"] == "has the month first, where the file's other dates have the day first"
    assert "`dates:` in the mapping" in problem["mend"]
    assert file.tables["orders"].height == 19
    assert {day.month for day in file.tables["orders"]["placed_on"]} == {4}


def test_the_day_above_twelve_may_stand_at_the_end(tmp_path: Path) -> None:
    rows = [*many(19, placed_at="04/05/2025"), row("B1", placed_at="04/30/2025")]

    days = read(a_file(tmp_path, rows)).tables["orders"]["placed_on"]

    assert {(day.month, day.day) for day in days} == {(4, 5), (4, 30)}


def test_dates_of_both_kinds_are_refused_with_a_line_of_each(tmp_path: Path) -> None:
    rows = [*many(9, placed_at="13/04/2025"), row("B1", placed_at="04/13/2025"), *many(8, placed_at="04/14/2025")]

    with pytest.raises(Undecided, match=r"'13/04/2025' in line 2 .*'04/13/2025' in line 11 .*`dates:"):
        read(a_file(tmp_path, rows))


def test_dates_that_may_all_be_either_are_refused_with_the_line(tmp_path: Path) -> None:
    rows = [row("A1", placed_at="05/05/2025"), row("A2", placed_at="01/02/2025"), row("A3", placed_at="12/12/2024")]

    with pytest.raises(Undecided, match=r"'01/02/2025' in line 3 may start with the day or the month"):
        read(a_file(tmp_path, rows))


def test_years_of_two_and_of_four_digits_in_one_file(tmp_path: Path) -> None:
    rows = [row("A1", placed_at="13/04/25"), row("A2", placed_at="14/04/2025 10:00"), row("A3", placed_at="1/4/2025")]

    days = read(a_file(tmp_path, rows)).tables["orders"]["placed_on"]

    assert [day.isoformat() for day in days] == ["2025-04-13", "2025-04-14", "2025-04-01"]


def test_a_summed_column_is_read_as_the_file_writes_numbers_and_no_part_is_lost(tmp_path: Path) -> None:
    rows = [
        row("A1", unit_price="4,50", voucher="1,00", staff="0,50"),
        row("A2", unit_price="4,50", voucher="", staff="0,50"),
        row("A3", unit_price="4,50", voucher="1,00", staff="1.1"),
        row("A4", unit_price="4,50", voucher="x", staff=""),
    ]
    own = tmp_path / "own.yaml"
    own.write_text(
        "columns: {order: order, placed_at: placed_at, product: product, quantity: quantity, unit_price: unit_price,"
        " currency: currency, discount: {sum: [voucher, staff]}}"
    )

    file = read(a_file(tmp_path, rows), mapping.load(str(own)))

    assert problems(file) == [(4, "voucher + staff", "(1,00 + 1.1)"), (5, "voucher + staff", "(x)")]
    assert file.totals["net_value"] == {"GBP": "16.00"}


# --- discounts and what is rounded


@pytest.mark.parametrize("name", ["discount", "order_discount"])
def test_discounts_with_a_minus_throughout_are_what_was_taken_off(tmp_path: Path, name: str) -> None:
    rows = [row("A1", **{name: "-2"}), row("A2", **{name: "0"}), row("A3", **{name: ""}), row("A4", **{name: "-1.50"})]

    file = read(a_file(tmp_path, rows))

    assert file.problems.is_empty()
    assert file.tables["orders"]["total_minor"].to_list() == [700, 900, 900, 750]
    assert f"'{name}' has a minus throughout: it is read as what was taken off." in file.notes


@pytest.mark.parametrize("name", ["discount", "order_discount"])
def test_a_discount_with_a_minus_among_others_without_is_told(tmp_path: Path, name: str) -> None:
    rows = [*many(9, **{name: "-2"}), row("B1", **{name: "1"})]

    file = read(a_file(tmp_path, rows))

    assert {value for _, _, value in problems(file)} == {"-2"}
    assert set(file.problems["problem"]) == {"is negative in a row that is no return"}


def test_what_rounding_costs_is_said_by_currency(tmp_path: Path) -> None:
    rows = [
        row("A1", quantity="3", unit_price="0.335", currency="EUR"),
        row("A2", quantity="1", unit_price="120.5", currency="JPY"),
        row("A3", quantity="2", unit_price="120.5", currency="JPY"),
        *(row(f"B{number}", quantity="1", unit_price="0.333", currency="EUR") for number in range(9)),
    ]

    notes = read(a_file(tmp_path, rows)).notes

    told = "lines' quantity times price has more decimals than"
    assert f"10 {told} EUR and is rounded, halves up: -0.022 EUR in all." in notes
    assert f"1 {told} JPY and is rounded, halves up: +0.5 JPY in all." in notes


# --- one row a line, or one row an order


def order_rows(count: int) -> list[dict[str, str]]:
    return [
        {"order": f"A{number}", "placed_at": "2025-05-02 10:00", "customer": "ines", "amount": "9.00"}
        for number in range(count)
    ]


@pytest.mark.parametrize("place", [1, 3, 4, 30])
def test_an_order_that_stands_twice_in_a_file_of_orders_counts_once(tmp_path: Path, place: int) -> None:
    rows = order_rows(30)
    rows.insert(place, rows[0] | {"amount": "5.00"})

    file = read(a_file(tmp_path, rows))

    assert file.totals["orders"] == 30
    assert file.totals["net_value"] == {"GBP": "270.00"}
    assert file.conflicts.select("ref", "line_in_file", "kept", "left_out").rows() == [
        ("A0", place + 2, "line 2 of the file", f"line {place + 2} of the file")
    ]


@pytest.mark.parametrize("place", [1, 3, 4, 30])
def test_an_order_that_is_repeated_word_by_word_counts_once_and_is_no_conflict(tmp_path: Path, place: int) -> None:
    rows = order_rows(30)
    rows.insert(place, dict(rows[0]))

    file = read(a_file(tmp_path, rows))

    assert file.totals["net_value"] == {"GBP": "270.00"}
    assert file.conflicts.is_empty()
    assert "1 rows repeat an order or a numbered line word by word and count once." in file.notes


def test_the_mapping_may_say_that_rows_without_products_are_lines(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("grain: line\ncolumns: {order: order, placed_at: placed_at, customer: customer, amount: amount}")
    rows = order_rows(2)

    file = read(a_file(tmp_path, [*rows, rows[0] | {"amount": "5.00"}]), mapping.load(str(own)))

    assert file.totals["net_value"] == {"GBP": "23.00"}


def test_a_file_of_lines_whose_order_comes_again_elsewhere_with_another_day(tmp_path: Path) -> None:
    rows = [*many(30), row("A0", placed_at="2025-05-20 10:00", product="jug")]

    file = read(a_file(tmp_path, rows))

    assert file.totals["net_value"] == {"GBP": "270.00"}
    assert file.conflicts.select("ref", "line_in_file", "column", "kept", "left_out").rows() == [
        ("A0", 32, "day", "2025-05-02", "2025-05-20")
    ]
