"""Currency signs say which currency an amount is in; none is thrown away."""

from pathlib import Path

import pytest

from regulars.doors.imports import mapping, order_files
from regulars.doors.imports.tests.builders import NOW, a_file, problems, read, row


def unnamed(order: str, price: str, **other: str) -> dict[str, str]:
    """A sale in a file without a column for its currency: one mug."""
    told = row(order, unit_price=price, quantity="1", **other)
    del told["currency"]
    return told


def net(path: Path, **told: str | None) -> object:
    return order_files.normalise(path, now=NOW, **told).totals["net_value"]


@pytest.mark.parametrize(
    ("price", "currency"),
    [
        ("£4.50", "GBP"),
        ("4,50 €", "EUR"),
        ("$4.50", "USD"),
        ("US$ 4.50", "USD"),
        ("HK$4.50", "HKD"),
        ("4.50元", "CNY"),
        ("RMB4.50", "CNY"),
        ("CNY 4.50", "CNY"),
        ("4.50 gbp", "GBP"),
        ("¥4.50", "CNY"),
        ("450円", "JPY"),
        ("$4.50 CAD", "CAD"),
    ],
)
def test_one_sign_throughout_settles_the_currency(tmp_path: Path, price: str, currency: str) -> None:
    path = a_file(tmp_path, [unnamed("A1", price), unnamed("A2", price.replace("4", "5"))])

    file = order_files.normalise(path, now=NOW, zone="Europe/London", currency="CNY")

    assert file.problems.is_empty()
    assert file.currency == currency
    assert list(file.totals["net_value"]) == [currency]
    assert any(f"is read as {currency}" in note for note in file.notes)


@pytest.mark.parametrize(("zone", "currency"), [("Asia/Tokyo", "JPY"), ("Asia/Shanghai", "CNY")])
def test_a_yen_sign_is_guessed_by_the_zone_and_said_to_be_a_guess(tmp_path: Path, zone: str, currency: str) -> None:
    file = order_files.normalise(a_file(tmp_path, [unnamed("A1", "¥450")]), now=NOW, zone_told=zone)

    assert file.currency == currency
    assert file.is_currency_assumed
    assert any("(a guess)" in note for note in file.notes)


def test_chinese_columns_have_yuan(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("订单号,下单时间,会员号,金额\nA1,2025-05-02,ines,￥450\n", encoding="utf-8")

    assert net(path, zone_told="Europe/London") == {"CNY": "450.00"}


def test_amounts_without_a_sign_are_in_the_only_one_there_is(tmp_path: Path) -> None:
    file = read(a_file(tmp_path, [unnamed("A1", "€4.50"), unnamed("A2", "4.50")]))

    assert file.totals["net_value"] == {"EUR": "9.00"}


def test_different_signs_give_each_row_its_own_currency_and_one_without_is_told(tmp_path: Path) -> None:
    rows = [unnamed("A1", "$100.00"), unnamed("A2", "£100.00"), unnamed("A3", "100 元"), unnamed("A4", "7.00")]

    file = read(a_file(tmp_path, rows))

    assert file.totals["net_value"] == {"CNY": "100.00", "GBP": "100.00", "USD": "100.00"}
    assert problems(file) == [(5, "unit_price", "7.00")]
    assert file.problems["problem"][0] == "has no currency sign, where the file's others have different ones"
    assert any("each row is in the currency of its own sign" in note for note in file.notes)


def test_a_sign_that_contradicts_the_column_keeps_its_row_out(tmp_path: Path) -> None:
    rows = [row("A1", unit_price="£4.50"), row("A2", unit_price="€4.50"), row("A3", unit_price="$1", currency="CAD")]

    file = read(a_file(tmp_path, rows))

    assert problems(file) == [(3, "unit_price", "€4.50")]
    (problem,) = file.problems.to_dicts()
    assert problem["problem"] == "has the sign of another currency than its row"
    assert "currency" in problem["mend"]
    assert file.totals["net_value"] == {"CAD": "2.00", "GBP": "9.00"}


def test_a_sign_that_contradicts_the_option_keeps_its_row_out(tmp_path: Path) -> None:
    path = a_file(tmp_path, [unnamed("A1", "$4.50"), unnamed("A2", "£4.50"), unnamed("A3", "4.50")])

    file = order_files.normalise(path, now=NOW, currency_told="CAD")

    assert problems(file) == [(3, "unit_price", "£4.50")]
    assert file.totals["net_value"] == {"CAD": "9.00"}


def test_two_signs_in_one_row_contradict_each_other(tmp_path: Path) -> None:
    rows = [unnamed("A1", "£4.50", discount="€1.00"), unnamed("A2", "£4.50 USD", discount="£1.00")]

    file = read(a_file(tmp_path, rows))

    assert problems(file) == [(2, "discount", "€1.00"), (3, "unit_price", "£4.50 USD")]


def test_sums_of_columns_keep_their_sign(tmp_path: Path) -> None:
    rows = [
        unnamed("A1", "€4.50", voucher="€1.00", staff="€0.50"),
        unnamed("A2", "€4.50", voucher="€1.00", staff="£0.50"),
        unnamed("A3", "€4.50", voucher="£1.00", staff="£0.50"),
    ]
    own = tmp_path / "own.yaml"
    own.write_text(
        "columns: {order: order, placed_at: placed_at, product: product, quantity: quantity, unit_price: unit_price,"
        " discount: {sum: [voucher, staff]}}"
    )

    file = read(a_file(tmp_path, rows), mapping.load(str(own)))

    assert [(line, column) for line, column, _ in problems(file)] == [(3, "voucher + staff"), (4, "voucher + staff")]
    assert file.totals["net_value"] == {"EUR": "3.00"}


@pytest.mark.parametrize("price", ["(£3.50)", "£(3.50)", "3.50-", "(3.50)", "-£3.50", "£-3.50"])
def test_accountants_negatives(tmp_path: Path, price: str) -> None:
    rows = [row("A1", amount="£10.00"), row("A2", amount=price)]
    for one in rows:
        del one["unit_price"], one["quantity"], one["product"]

    file = read(a_file(tmp_path, rows))

    assert file.problems.is_empty()
    assert file.totals["net_value"] == {"GBP": "6.50"}


def test_a_quantity_has_no_currency(tmp_path: Path) -> None:
    assert problems(read(a_file(tmp_path, [row("A1"), row("A2", quantity="£2")]))) == [(3, "quantity", "£2")]


def test_an_empty_currency_is_told_as_empty(tmp_path: Path) -> None:
    file = read(a_file(tmp_path, [row("A1"), row("A2", currency="")]))

    assert file.problems["problem"].to_list() == ["is empty"]


@pytest.mark.parametrize(("sign", "code"), [("RMB", "CNY"), ("rmb", "CNY"), ("£", "GBP"), ("€", "EUR"), ("HK$", "HKD")])
def test_a_sign_in_the_column_of_currencies_that_names_one_beyond_doubt_is_that_one(tmp_path, sign, code):
    file = read(a_file(tmp_path, [row("A1", currency=sign)]))

    assert file.problems.is_empty()
    assert file.tables["orders"]["currency"].to_list() == [code]
