"""Files on their way into the database: once each, the newest version, and the same end after any interruption."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.db import IntegrityError, connection

from regulars.doors.imports import commands, orders, rejects, spilling
from regulars.doors.imports.tests.builders import NOW, a_file, row, text_of
from regulars.facts.commerce import goods_returns
from regulars.facts.commerce import orders as recorded
from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.facts.sources import import_runs
from regulars.kit.actors import Actor
from regulars.runtime.serving.tests.nursery import Nursery

MAREK = Actor("operator", "1")


def bring_in(path: Path, **options: Any) -> orders.Imported:
    return orders.import_orders(path, None, at=NOW, by=MAREK, **options)


def history_of(ref: str) -> list[tuple[str, int]]:
    (customer,) = customers.find_by_ref(ref=ref)
    return [(order.ref, order.total_minor) for order in recorded.of_customer(customer)]


@pytest.mark.django_db
def test_a_file_comes_in_once_however_often_it_is_sent(tmp_path: Path) -> None:
    path = a_file(tmp_path, [row("A1"), row("A2", placed_at="2025-05-09 10:00"), row("A3", customer="")])

    first, second = bring_in(path), bring_in(path)

    assert (first.orders.new, first.orders.same) == (3, 0)
    assert (second.orders.new, second.orders.same) == (0, 3)
    assert history_of("ines") == [("A2", 900), ("A1", 900)]
    guest = recorded.by_ref(namespace="orders", ref="A3")
    assert guest is not None
    assert guest.customer_id is None
    assert first.totals == second.totals


@pytest.mark.django_db
def test_across_imports_the_update_time_decides(tmp_path: Path) -> None:
    bring_in(a_file(tmp_path, [row("A1", updated_at="2025-05-03")]))

    newer = bring_in(a_file(tmp_path, [row("A1", updated_at="2025-05-04", quantity="3")]))
    older = bring_in(a_file(tmp_path, [row("A1", updated_at="2025-05-02", quantity="7")]))
    unsaid = bring_in(a_file(tmp_path, [row("A1", quantity="8")]))

    assert (newer.orders.changed, older.orders.stale, unsaid.orders.conflicts) == (1, 1, 1)
    assert unsaid.orders.refs_in_conflict == ["A1"]
    assert not unsaid.is_whole
    assert history_of("ines") == [("A1", 1350)]


@pytest.mark.django_db
def test_an_older_file_that_comes_later_gives_a_return_its_purchase(tmp_path: Path) -> None:
    back = bring_in(a_file(tmp_path, [row("R1", quantity="-2", placed_at="2025-05-20 12:00")]))
    bought = bring_in(a_file(tmp_path, [row("A1")]))
    again = bring_in(a_file(tmp_path, [row("A1")]))

    assert (back.totals["matched_quantity"], back.totals["unmatched_quantity"]) == ("0", "2")
    assert (bought.totals["matched_quantity"], bought.totals["unmatched_quantity"]) == ("2", "0")
    assert again.totals["matched_quantity"] == "2"
    (customer,) = customers.find_by_ref(ref="ines")
    (document,) = goods_returns.of_customer(customer)
    assert (document.amount_minor, document.matched_minor, document.order_id) == (900, 900, None)


@pytest.mark.django_db
def test_a_return_that_names_its_order_finds_it_anywhere_in_the_file(tmp_path: Path) -> None:
    rows = [
        row("R1", kind="return", returned_order="A2", placed_at="2025-05-20 12:00"),
        row("A1", kind="sale", returned_order=""),
        row("A2", kind="sale", returned_order=""),
    ]

    bring_in(a_file(tmp_path, rows))

    order = recorded.by_ref(namespace="orders", ref="A2")
    assert order is not None
    assert [line.returned_quantity for line in order.lines] == [2]


@pytest.mark.django_db
def test_rejected_rows_come_in_once_mended(tmp_path: Path) -> None:
    path = a_file(tmp_path, [row("A1"), row("A2"), row("A2", product="jug", quantity="x")])

    first = bring_in(path)
    assert first.reject_file == tmp_path / "orders.rejects.csv"
    assert (first.rows_bad, first.rows_held, first.rows_rejected) == (1, 1, 2)
    first.reject_file.write_text(first.reject_file.read_text(encoding="utf-8-sig").replace(",x,", ",1,"))
    second = bring_in(first.reject_file)
    third = bring_in(a_file(tmp_path, [row("A1"), row("A2"), row("A2", product="jug", quantity="1")]))

    assert (second.orders.new, second.is_whole) == (1, True)
    assert (third.orders.new, third.orders.same, third.orders.conflicts) == (0, 2, 0)


@pytest.mark.django_db
def test_a_reject_file_that_is_not_wholly_mended_is_left_alone(tmp_path: Path) -> None:
    mended = bring_in(a_file(tmp_path, [row("A1", quantity="x"), row("A2", quantity="y")])).reject_file
    assert mended is not None
    mended.write_text(mended.read_text(encoding="utf-8-sig").replace(",x,", ",1,"))
    work = mended.read_bytes()

    again = bring_in(mended)
    once_more = bring_in(again.reject_file or mended)

    assert mended.read_bytes() == work
    assert again.reject_file == tmp_path / "orders.rejects.2.csv"
    assert once_more.reject_file == tmp_path / "orders.rejects.3.csv"


@pytest.mark.django_db
def test_the_file_itself_is_no_place_for_its_rejects(tmp_path: Path) -> None:
    path = a_file(tmp_path, [row("A1", quantity="x")])
    (tmp_path / "here").symlink_to(tmp_path)

    with pytest.raises(rejects.OntoItself, match=r"choose another"):
        orders.import_orders(path, None, at=NOW, by=MAREK, reject_file=tmp_path / "here" / "orders.csv")

    assert import_runs.recent() == []
    assert "regulars_problem" not in path.read_text()


@pytest.mark.django_db
def test_files_of_several_years_keep_their_rejects_apart(tmp_path: Path) -> None:
    years = [a_file(tmp_path, [row(f"A{year}", quantity="x")], f"orders.{year}.csv") for year in (2024, 2025)]

    written = [bring_in(path).reject_file for path in years]

    assert written == [tmp_path / "orders.2024.rejects.csv", tmp_path / "orders.2025.rejects.csv"]


@pytest.mark.django_db
def test_a_dry_run_records_and_writes_nothing(tmp_path: Path) -> None:
    path = a_file(tmp_path, [row("A1"), row("A2", quantity="x")])
    done = bring_in(path, dry_run=True)

    assert (done.run, done.rows_good, done.rows_bad, done.rows_rejected) == (None, 1, 1, 1)
    assert done.reject_file is None
    assert list(tmp_path.iterdir()) == [path]
    asked = orders.import_orders(path, None, at=NOW, by=MAREK, dry_run=True, reject_file=tmp_path / "bad.csv")
    assert asked.reject_file == tmp_path / "bad.csv"
    assert asked.reject_file.exists()
    assert recorded.by_ref(namespace="orders", ref="A1") is None
    assert import_runs.recent() == []


@pytest.mark.django_db
def test_the_run_is_on_record_with_its_totals(tmp_path: Path) -> None:
    done = bring_in(a_file(tmp_path, [row("A1"), row("A2", quantity="x")]))

    (run,) = import_runs.recent()
    assert (run.id, run.state, run.rows_read, run.rows_good, run.rejects) == (done.run, "done", 2, 1, 1)
    assert run.totals["net_value"] == {"GBP": "9.00"}
    assert run.rejects_file.endswith("orders.rejects.csv")


@pytest.mark.django_db
def test_the_command_prints_facts_and_says_by_its_exit_code_what_is_left_out(tmp_path: Path) -> None:
    good = a_file(tmp_path, [row("A1")], "good.csv")
    bad = a_file(tmp_path, [row("B1"), row("B2", quantity="x")], "bad.csv")
    run = CliRunner().invoke

    whole = run(commands.import_group, ["orders", str(good), "--json"])
    partly = run(commands.import_group, ["orders", str(bad)])

    assert whole.exit_code == 0
    facts = json.loads(whole.stdout)
    assert facts["totals"]["clean_value"] == {"GBP": "9.00"}
    assert facts["recorded"]["orders"]["new"] == 1
    assert partly.exit_code == commands.ROWS_LEFT_OUT
    assert "bad.csv:3: quantity: 'x' is no number; write digits with a point before the decimals" in partly.stdout
    assert "Net value" in partly.stdout
    assert facts["shop_settled"] == {
        "name": "good",
        "currency": "GBP",
        "zone": "Asia/Shanghai",
        "language": "zh-hans",
        "country": "CN",
        "guessed": ["name", "currency", "zone", "language", "country"],
        "is_settled": False,
    }
    assert "shop settle" not in partly.stdout


@pytest.mark.django_db
def test_a_shop_that_is_settled_by_guess_can_be_mended_and_is_told_how(tmp_path: Path) -> None:
    told = CliRunner().invoke(commands.import_group, ["orders", str(a_file(tmp_path, [row("A1")], "my_shop.csv"))])

    assert "its zone Asia/Shanghai, its language zh-hans, its country CN" in told.stdout
    assert "`regulars shop settle`" in told.stdout
    assert "Nobody chose name, currency, zone, language, country: `regulars shop settle --name 'my shop'" in told.stdout


@pytest.mark.django_db
def test_what_the_mapping_says_of_the_shop_is_no_guess(tmp_path: Path) -> None:
    path = tmp_path / "cds.csv"
    path.write_text("customer_id,date,cds,spend\n1,1997-01-01,1,3.00\n")

    assert bring_in(path).settled is not None
    assert company.shop().is_settled


@pytest.mark.django_db
def test_options_do_not_make_another_source_of_a_file_that_is_known(tmp_path: Path) -> None:
    path = tmp_path / "cds.csv"
    path.write_text("customer_id,date,cds,spend\n1,1997-01-01,1,3.00\n")

    plain = bring_in(path)
    told = bring_in(path, zone="America/Chicago", currency="CAD")

    assert (plain.mapping.name, plain.mapping.zone, plain.mapping.currency) == ("cdnow", "America/New_York", "USD")
    assert (told.mapping.name, told.mapping.zone, told.mapping.currency) == ("cdnow", "America/Chicago", "CAD")
    assert (told.orders.new, told.orders.conflicts) == (0, 1)


@pytest.mark.django_db
def test_a_run_ends_when_it_ended_and_says_nothing_of_rows_when_it_broke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise IntegrityError("DETAIL: Failing row contains (1, Ines Gonzalez).")

    bring_in(a_file(tmp_path, [row("A1")]))
    monkeypatch.setattr(recorded, "record_many", broken)
    with pytest.raises(IntegrityError):
        bring_in(a_file(tmp_path, [row("A2")]))

    failed, done = import_runs.recent()
    assert (failed.state, done.state) == ("failed", "done")
    assert "IntegrityError" in failed.problem
    assert "Ines" not in failed.problem
    for run in (failed, done):
        assert run.finished_at is not None
        assert run.finished_at > run.started_at


STATE = """
SELECT json_build_object(
  'orders', (SELECT json_agg(o ORDER BY o) FROM (SELECT sale.ref, identifier.value, sale.placed_at, sale.kind,
     sale.total_minor, line.number, product.ref AS product, line.quantity, line.amount_minor, line.returned_quantity
     FROM commerce_order AS sale JOIN commerce_line AS line ON line.order_id = sale.id
     JOIN commerce_product AS product ON product.id = line.product_id
     LEFT JOIN customers_identifier AS identifier ON identifier.customer_id = sale.customer_id) AS o),
  'returns', (SELECT json_agg(r ORDER BY r) FROM (SELECT back.ref, back.amount_minor, back.matched_minor,
     line.number, line.quantity, line.matched_quantity FROM commerce_return AS back
     JOIN commerce_return_line AS line ON line.goods_return_id = back.id) AS r),
  'matches', (SELECT json_agg(m ORDER BY m) FROM (SELECT back.ref, sale.ref AS sale, came.number, paired.quantity,
     paired.amount_minor FROM commerce_return_match AS paired
     JOIN commerce_return_line AS came ON came.id = paired.return_line_id
     JOIN commerce_return AS back ON back.id = came.goods_return_id
     JOIN commerce_line AS line ON line.id = paired.line_id
     JOIN commerce_order AS sale ON sale.id = line.order_id) AS m)
)::text
"""


def a_long_file(folder: Path) -> Path:
    """Sales of 160 people, some of which come back."""
    rows = [
        row(
            f"A{number // 6}" if number % 10 else f"R{number}",
            placed_at=f"202{number % 4 + 1}-05-{number % 28 + 1:02d} 10:00" if not number % 10 else "2020-05-02 10:00",
            customer=f"c{number // 6 % 160}",
            product=f"p{number % 6 % 3}",
            quantity="-1" if number % 10 == 0 else "2",
        )
        for number in range(4_800)
    ]
    path = folder / "long.csv"
    path.write_text(text_of(rows))
    return path


def state() -> str:
    with connection.cursor() as cursor:
        cursor.execute(STATE)
        return str(cursor.fetchone()[0])


#: Small parts: there are moments between them to be killed at.
SMALL = """
from regulars.doors.imports import commands, spilling
spilling.PART = 800
"""


def written() -> tuple[int, int, int]:
    """Import runs, orders, and matches on record."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM sources_import_run), (SELECT count(*) FROM commerce_order),"
            " (SELECT count(*) FROM commerce_return_match)"
        )
        counts = cursor.fetchone()
        return counts[0], counts[1], counts[2]


@pytest.mark.crash
def test_killed_and_run_again_it_ends_as_if_nothing_had_happened(
    tmp_path: Path, fresh_databases: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(spilling, "PART", 800)
    # The same keys here and there.
    settings.REGULARS_HOME = tmp_path
    path = a_long_file(tmp_path)

    def run() -> orders.Imported:
        return orders.import_orders(path, None, at=datetime.now(UTC), by=MAREK, currency="GBP")

    kills = 0
    with (
        fresh_databases() as reached,
        Nursery(reached | {"REGULARS_HOME": str(tmp_path)}, first=SMALL) as nursery,
    ):
        for number in (1, 2):
            process = nursery.start("import", "orders", str(path), "--currency", "GBP", "--json")
            while process.poll() is None:
                runs, sold, matched = written()
                # Once amid the orders, once amid the matching.
                if runs == number and (sold if number == 1 else matched):
                    process.kill()
                    kills += 1
                    break
                time.sleep(0.005)
            process.wait()
        assert run().is_whole
        interrupted = state()
        states = [one.state for one in import_runs.recent()]
    with fresh_databases():
        assert run().is_whole
        uninterrupted = state()

    assert kills >= 1
    assert states[0] == "done"
    # The second may have come to its end before the signal reached it.
    assert 1 <= states.count("interrupted") <= kills
    assert "running" not in states
    assert interrupted == uninterrupted


@pytest.mark.django_db
def test_the_first_file_says_whose_house_it_is_and_later_ones_do_not(tmp_path: Path) -> None:
    first = bring_in(a_file(tmp_path, [row("A1", currency="EUR"), row("A2", currency="EUR")], "my_shop.csv"))
    second = bring_in(a_file(tmp_path, [row("B1", currency="USD")], "another.csv"))

    assert first.settled is not None
    assert second.settled is None
    shop = company.shop()
    assert (shop.name, shop.currency, shop.is_settled) == ("my shop", "EUR", False)


@pytest.mark.django_db
def test_days_are_those_of_the_shop_whatever_the_zone_of_the_file(tmp_path: Path) -> None:
    company.settle(name="Tea", currency="GBP", zone="Asia/Shanghai", language="zh-hans", country="CN", at=NOW, by=MAREK)

    bring_in(a_file(tmp_path, [row("A1", placed_at="2025-05-02T20:00:00Z")]))

    order = recorded.by_ref(namespace="orders", ref="A1")
    assert order is not None
    assert order.placed_on.isoformat() == "2025-05-03"
