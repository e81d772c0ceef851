"""Files that know their customers by e-mail address or phone number alone."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from regulars.doors.imports import commands, order_files, orders, rejects
from regulars.doors.imports.tests.builders import NOW, a_file, problems, read, row
from regulars.facts.commerce import orders as recorded
from regulars.facts.customers import customers
from regulars.kit.actors import Actor

MAREK = Actor("operator", "1")


def bought(order: str, column: str, who: str, **other: str) -> dict[str, str]:
    """A purchase by somebody whose number nobody knows."""
    told = {column if name == "customer" else name: value for name, value in row(order, customer=who).items()}
    return told | other


@pytest.mark.parametrize("column", ["customer", "Email", "customer_email", "邮箱", "电子邮箱"])
def test_one_address_in_any_letters_is_one_customer(tmp_path: Path, column: str) -> None:
    rows = [
        bought("A1", column, "Ines@Example.org"),
        bought("A2", column, "ines@example.ORG "),
        bought("A3", column, "ｉnes@example.org"),
        bought("A4", column, "tomas@example.org"),
        bought("A5", column, ""),
    ]

    file = read(a_file(tmp_path, rows))

    assert file.problems.is_empty()
    assert file.tables["orders"]["customer_id"].to_list() == [1, 1, 1, 2, None]
    assert file.totals["customers"] == 2


@pytest.mark.parametrize("column", ["customer", "手机号", "会员手机", "phone"])
def test_one_phone_number_however_written_is_one_customer(tmp_path: Path, column: str) -> None:
    rows = [
        bought("A1", column, "13800138000"),
        bought("A2", column, "+86 138 0013 8000"),
        bought("A3", column, "+8613800138000"),
        bought("A4", column, "13900139000"),
    ]

    file = read(a_file(tmp_path, rows))

    assert file.problems.is_empty()
    assert file.tables["orders"]["customer_id"].to_list() == [1, 1, 1, 2]


def test_a_number_of_the_customers_own_counts_before_an_address(tmp_path: Path) -> None:
    rows = [row("A1", email="ines@example.org"), row("A2", customer="", email="ines@example.org")]

    file = read(a_file(tmp_path, rows))

    assert file.tables["customers"]["ref"].to_list() == ["ines"]
    assert file.totals["guest_lines"] == 1


def test_a_contact_that_is_none_is_told_masked_and_kept_whole_in_the_reject_file(tmp_path: Path) -> None:
    told = ("ines@example.org", "tomas@@example", "x")
    rows = [bought(f"A{number}", "email", who) for number, who in enumerate(told)]
    path = a_file(tmp_path, rows)

    assert problems(read(path)) == [(3, "email", "t***@example"), (4, "email", "****")]
    with order_files.walk(path, None, zone="UTC", currency="GBP", now=NOW, progress=lambda *_: None) as walked:
        walked.read()
        list(walked.parts())
        rejects.write(walked.source, walked.left_out, tmp_path / "rejects.csv")
    assert "tomas@@example" in (tmp_path / "rejects.csv").read_text()


def test_an_order_of_two_addresses_is_a_conflict_told_masked(tmp_path: Path) -> None:
    rows = [bought("A1", "email", "ines@example.org"), bought("A1", "email", "tomas@example.org", product="jug")]

    conflicts = read(a_file(tmp_path, rows)).conflicts

    assert conflicts.select("column", "kept", "left_out").rows() == [
        ("customer", "i***@example.org", "t***@example.org")
    ]


@pytest.mark.django_db
def test_an_import_keeps_only_a_hash_and_finds_the_customer_again(tmp_path: Path) -> None:
    first = [bought("A1", "email", "Ines@Example.org"), bought("A2", "email", "tomas@example.org")]
    again = [bought("A3", "email", "ines@example.org", placed_at="2025-05-09 10:00")]
    for rows in (first, again):
        assert orders.import_orders(a_file(tmp_path, rows), None, at=NOW, by=MAREK).is_whole

    (ines,) = customers.find_by_ref(ref="INES@example.org", namespace="orders")
    assert [order.ref for order in recorded.of_customer(ines)] == ["A3", "A1"]
    assert customers.refs_of(ines) == []


def test_the_report_counts_them_and_shows_nobody(tmp_path: Path) -> None:
    rows = [
        bought(f"A{month}", "手机号", "13800138000" if month % 2 else "+86 13800138000", placed_at=f"2025-0{month}-01")
        for month in range(1, 6)
    ]
    rows += [bought("B1", "手机号", "13900139000", placed_at="2025-05-30")]
    page = tmp_path / "page.html"

    asked = [str(a_file(tmp_path, rows)), "-o", str(page), "--as-of", "2025-12-01", "--json"]
    done = CliRunner().invoke(commands.report, asked)

    assert done.exit_code == 0, done.output
    for text in (page.read_text(), done.stdout):
        assert "13800138000" not in text
    assert "138****8000" in page.read_text()
