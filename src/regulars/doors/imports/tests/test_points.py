"""Files of points: what members had in another system."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regulars.doors.imports import commands, points
from regulars.doors.imports.mapping import BadMapping
from regulars.doors.imports.tests.builders import NOW, a_file
from regulars.facts.customers import customers, profiles
from regulars.facts.customers.profiles import Profile
from regulars.kit.actors import Actor
from regulars.levers.loyalty import earlier, freezing, opening
from regulars.levers.loyalty import points as ledger
from regulars.levers.loyalty.opening import Opening

pytestmark = pytest.mark.django_db
MAREK = Actor("operator", "1")


def a_customer(ref: str, **told: str) -> int:
    made = customers.resolve_many(namespace="orders", refs=[ref], at=NOW, by=MAREK, origin="history")[ref]
    if told:
        profiles.describe(customer=made, profile=Profile(**told), key=ref, at=NOW, by=MAREK)
    return made


@pytest.fixture
def li() -> int:
    return a_customer("li", email="li@example.cn")


def bring_in(path: Path, **options: Any) -> points.Imported:
    return points.import_points(path, None, at=options.pop("at", NOW), by=MAREK, **options)


def row(**told: str) -> dict[str, str]:
    return {"customer": "", "email": "", "points": "100", "expires_on": "", "earned_at": ""} | told


def has(customer: int) -> int:
    return ledger.balance(customer=customer, at=NOW).available


def test_what_members_had_comes_in_with_its_ends_and_the_totals_to_compare(tmp_path, li):
    bo = a_customer("bo")
    path = a_file(
        tmp_path,
        [
            row(customer="li", points="1250", expires_on="2180-12-31", earned_at="2025-03-01 10:00"),
            row(email="LI@example.cn", points="50"),
            row(customer="bo", points="7"),
        ],
    )
    done = bring_in(path)
    assert (done.rows_good, done.rows_rejected, done.rows) == (3, 0, points.Came(new=3))
    assert done.totals == {
        "rows": 3,
        "customers": 3,
        "points": "1307",
        "rows_that_end": 1,
        "repeated_rows": 0,
        "rejected_rows": 0,
    }
    assert (has(li), has(bo)) == (1300, 7)
    assert [one.on for one in ledger.expiring(customer=li, at=NOW)] == [date(2180, 12, 31), None]


def test_the_same_file_again_brings_nothing_and_another_amount_stays_out(tmp_path, li):
    path = a_file(tmp_path, [row(customer="li")])
    bring_in(path)
    assert bring_in(path).rows == points.Came(same=1)
    done = bring_in(a_file(tmp_path, [row(customer="li", points="101")]))
    assert (done.rows, done.rows_rejected) == (points.Came(conflicts=1), 1)
    assert [one["problem"] for one in done.problems.to_dicts()] == ["brought something else along before"]
    assert has(li) == 100


def test_a_dry_run_says_all_of_it_and_writes_nothing(tmp_path, li):
    done = bring_in(a_file(tmp_path, [row(customer="li"), row(customer="nobody")]), dry_run=True)
    assert (done.run, done.rows_good, done.rows_rejected, done.totals["points"]) == (None, 1, 1, "100")
    assert has(li) == 0


@pytest.mark.parametrize("batch", [1, points.BATCH])
def test_a_row_that_stands_twice_counts_once_in_the_totals_too(tmp_path, li, monkeypatch, batch):
    monkeypatch.setattr(points, "BATCH", batch)
    path = a_file(tmp_path, [row(customer="li", points="300"), row(customer="li", points="300")])
    for dry_run in (True, False):
        done = bring_in(path, dry_run=dry_run)
        assert (done.rows_read, done.rows_good, done.rows_repeated, done.rows_rejected) == (2, 1, 1, 0)
        assert (done.totals["points"], done.totals["repeated_rows"]) == ("300", 1)
        assert "Rows that stand in the file a second time, and count once: 1." in done.notes
    assert (done.rows, has(li)) == (points.Came(new=1), 300)


@pytest.mark.parametrize("batch", [1, points.BATCH])
def test_of_rows_that_stand_twice_and_say_different_things_none_is_taken(tmp_path, li, monkeypatch, batch):
    monkeypatch.setattr(points, "BATCH", batch)
    path = a_file(tmp_path, [row(customer="li", points="300"), row(customer="li", points="301")])
    for dry_run in (True, False):
        done = bring_in(path, dry_run=dry_run)
        assert (done.rows_good, done.rows_repeated, done.rows_rejected, done.totals["points"]) == (0, 0, 2, "0")
        assert {one["problem"] for one in done.problems.to_dicts()} == {
            "stands in the file twice and says different things"
        }
    assert (done.rows, has(li)) == (points.Came(conflicts=1), 0)


@pytest.mark.parametrize(
    ("wrong", "column", "problem"),
    [
        ({"points": ""}, "points", "is empty"),
        ({"points": "many"}, "points", "is no number"),
        ({"points": "-5"}, "points", "is below zero"),
        ({"points": "1.5"}, "points", "has more decimals than these points have"),
        ({"expires_on": "2020-01-01"}, "expires_on", "is over: these points are gone"),
        ({"expires_on": "soon"}, "expires_on", "is no date this file's other dates are written like"),
        ({"earned_at": "2190-01-01"}, "earned_at", "is in the future"),
        ({"customer": "stranger"}, "customer", "is no number of a customer in the source 'orders'"),
        ({"customer": "", "email": "nobody@example.cn"}, "customer", "is nobody we know"),
        ({"customer": "", "email": "both@example.cn"}, "customer", "is several people"),
        ({"customer": ""}, "customer", "means nobody"),
    ],
)
def test_a_bad_row_stays_out_with_its_mend_and_the_others_come_in(tmp_path, li, wrong, column, problem):
    for name in ("one", "two"):
        a_customer(name, email="both@example.cn")
    good = row(customer="li", expires_on="2180-12-31", earned_at="2025-01-01")
    done = bring_in(a_file(tmp_path, [good, row(customer="li", expires_on="2181-12-31") | wrong]))
    [told] = done.problems.to_dicts()
    assert (told["line_in_file"], told["column"], told["problem"]) == (3, column, problem)
    assert (done.rows_good, done.rows_rejected, has(li)) == (1, 1, 100)


def test_a_member_whose_points_are_frozen_stays_out_and_comes_in_when_they_go_on(tmp_path, li):
    bo = a_customer("bo")
    freezing.freeze(customer=li, why="dispute", key="f", at=NOW, by=MAREK)
    path = a_file(tmp_path, [row(customer="li", points="300"), row(customer="bo", points="50")])
    done = bring_in(path)
    assert (done.rows.new, done.rows_rejected, has(bo)) == (1, 1, 50)
    assert done.reject_file is not None
    assert "is of a member whose points are frozen" in done.reject_file.read_text("utf-8")
    freezing.thaw(customer=li, key="t", at=NOW, by=MAREK)
    done = bring_in(path)
    assert (done.rows.new, done.rows.same, done.rows_rejected, has(li)) == (1, 1, 0, 300)


def test_a_file_that_says_no_points_is_refused(tmp_path, li):
    path = tmp_path / "members.csv"
    path.write_text("customer\nli\n")
    with pytest.raises(BadMapping, match="points"):
        bring_in(path)


def test_the_command_says_it_in_both_languages(tmp_path, li):
    path = a_file(tmp_path, [row(customer="li")])
    run = CliRunner().invoke(commands.import_group, ["points", str(path), "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.output)["recorded"] == {"points": {"new": 1, "same": 0, "conflicts": 0}}
    chinese = CliRunner().invoke(commands.import_group, ["points", str(path), "--lang", "zh"])
    assert "1 行已有" in chinese.output


def test_whose_numbers_were_looked_for_is_said_and_how_to_say_otherwise(tmp_path):
    shop = customers.resolve_many(namespace="corner-shop", refs=["li"], at=NOW, by=MAREK, origin="history")["li"]
    path = a_file(tmp_path, [row(customer="li")])
    told = CliRunner().invoke(commands.import_group, ["points", str(path), "--dry-run"]).output
    assert "'li' is no number of a customer in the source 'orders'; say with --source whose numbers they are" in told
    chinese = CliRunner().invoke(commands.import_group, ["points", str(path), "--dry-run", "--lang", "zh"]).output
    assert "不是来源 'orders' 中的顾客编号; 请用 --source 指明这些编号属于哪个来源" in chinese
    assert bring_in(path, source="corner-shop").rows_good == 1
    assert has(shop) == 100


def happened(**told: str) -> dict[str, str]:
    return {"customer": "li", "ref": "", "points": "100", "type": "", "date": "2025-03-01 10:00"} | told


def test_what_became_of_points_there_comes_in_with_its_sums_and_moves_none(tmp_path, li):
    path = a_file(
        tmp_path,
        [
            happened(ref="1", points="300", type="Earned"),
            happened(ref="2", points="120", type="Redemption"),
            happened(ref="3", points="-80", type="过期", date="2025-03-09 00:00"),
            happened(ref="4", points="-5", type="adjustment"),
            happened(ref="5", points="-10"),
            happened(ref="6", points="1"),
        ],
    )
    done = bring_in(path, is_history=True)
    assert done.problems.to_dicts() == []
    assert (done.rows_good, done.rows, done.unequal) == (6, points.Came(new=6), 1)
    assert done.totals == {
        "rows": 6,
        "customers": 1,
        "earned": "301",
        "spent": "-130",
        "ended": "-80",
        "changed": "-5",
        "balance": "86",
        "repeated_rows": 0,
        "rejected_rows": 0,
    }
    assert has(li) == 0
    assert earlier.sums(customer=li).balance == 86
    assert bring_in(path, is_history=True).rows == points.Came(same=6)
    opening.bring(told=[Opening("1", li, 86, NOW)], source="orders", at=NOW, by=MAREK)
    assert bring_in(path, is_history=True).unequal == 0
    other = bring_in(a_file(tmp_path, [happened(ref="1", points="301", type="Earned")]), is_history=True)
    assert [one["problem"] for one in other.problems.to_dicts()] == ["brought something else along before"]


@pytest.mark.parametrize("batch", [1, points.BATCH])
def test_a_line_of_history_that_stands_twice_is_summed_once(tmp_path, li, monkeypatch, batch):
    a_customer("bo")
    monkeypatch.setattr(points, "BATCH", batch)
    told = [("9001", "1500", "earned"), ("9003", "-10", "expired"), ("9003", "-10", "expired")]
    path = a_file(tmp_path, [happened(ref=ref, points=many, type=kind) for ref, many, kind in told])
    done = bring_in(path, is_history=True)
    assert (done.totals["ended"], done.totals["balance"], done.totals["repeated_rows"]) == ("-10", "1490", 1)
    assert (done.rows, earlier.sums(customer=li).balance) == (points.Came(new=2), 1490)
    again = a_file(tmp_path, [happened(ref="9001", points="1400"), happened(ref="9001", points="1400")])
    done = bring_in(again, is_history=True)
    assert (done.rows, done.rows_good, done.rows_repeated, done.rows_rejected) == (points.Came(conflicts=1), 0, 0, 2)
    whose = a_file(tmp_path, [happened(ref="9009"), happened(ref="9009", customer="bo")])
    done = bring_in(whose, is_history=True)
    assert (done.rows, done.rows_rejected) == (points.Came(conflicts=1), 2)


@pytest.mark.parametrize(
    ("wrong", "column", "problem"),
    [
        ({"points": "0"}, "points", "is zero"),
        ({"points": "-5", "type": "earned"}, "points", "is below zero, of points that were earned"),
        ({"type": "magic"}, "type", "is nothing that becomes of points"),
        ({"ref": ""}, "ref", "is empty"),
        ({"date": ""}, "date", "is empty"),
        ({"date": "2190-01-01 00:00"}, "date", "is in the future"),
        ({"customer": "stranger"}, "customer", "is no number of a customer in the source 'orders'"),
    ],
)
def test_a_bad_row_of_history_stays_out_with_its_mend(tmp_path, li, wrong, column, problem):
    path = a_file(tmp_path, [happened(ref="1"), happened(ref="2") | wrong])
    done = bring_in(path, is_history=True)
    [told] = done.problems.to_dicts()
    assert (told["line_in_file"], told["column"], told["problem"]) == (3, column, problem)
    assert (done.rows_good, done.rows_rejected) == (1, 1)


def test_history_whose_rows_have_no_names_is_refused(tmp_path, li):
    path = a_file(tmp_path, [{"customer": "li", "points": "5", "date": "2025-03-01"}])
    with pytest.raises(BadMapping, match="the number that the other system gave each row"):
        bring_in(path, is_history=True)


def test_the_command_takes_history_and_says_who_differs(tmp_path, li):
    path = a_file(tmp_path, [happened(ref="1")])
    run = CliRunner().invoke(commands.import_group, ["points", str(path), "--history"])
    assert run.exit_code == 0, run.output
    assert "history does not come to what was brought along for them: 1." in run.output
    told = CliRunner().invoke(commands.import_group, ["points", str(path), "--history", "--json"])
    assert json.loads(told.output)["recorded"]["points"]["customers_that_differ"] == 1
