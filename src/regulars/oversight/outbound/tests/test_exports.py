"""Exports: written whole or not at all, once when due, safe in a spreadsheet, exact in Parquet."""

import csv
import hashlib
import json
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from django.db import connection

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.insight.warehouse import exporting
from regulars.kit.actors import Actor
from regulars.oversight.outbound import _export_files, exports
from regulars.oversight.outbound.cadence import Cadence
from regulars.oversight.outbound.commands import export as command
from regulars.runtime.trail import trail

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MAREK = Actor("operator", "7")
NIGHTLY = Cadence("daily", 3)
#: As a spreadsheet would run it, and as somebody hides it.
EVIL = ('=HYPERLINK("http://evil.example","Click")', "\t=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "＝1+1")


@pytest.fixture(autouse=True)
def a_home(settings, tmp_path):
    settings.REGULARS_HOME = tmp_path


@pytest.fixture
def asked(monkeypatch):
    """The runs a worker would do."""
    found: list[int] = []
    monkeypatch.setattr(_export_files.write, "defer", lambda run: found.append(run))
    return found


def buys(ref, title="Coat", price="80.00"):
    line = LineReport(1, f"sku-{ref}", Decimal(1), Decimal(price), title=title)
    report = OrderReport(namespace="shop", ref=ref, customer_ref="li", placed_at=MONDAY, currency="GBP", lines=[line])
    return orders.record(report=report, at=MONDAY, by=MAREK)


def an_export(kind="csv", tables=("orders", "products"), keep=2, name="nightly"):
    return exports.make(name=name, tables=tables, kind=kind, cadence=NIGHTLY, keep=keep, at=MONDAY, by=MAREK)


def written(export, key="first"):
    run = exports.run_now(export=export.id, key=key, at=MONDAY, by=MAREK)
    return exports.write(run.id)


def rows_of(export, run, name):
    with exports.file(export=export.id, run=run.id, name=name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_spreadsheet_finds_no_formula_and_everything_else_as_it_was(asked, fresh_database):
    titles = (*EVIL, "围巾, 红色", 'a "quoted" hat', "3-in-1 coat", "-5 °C boots")
    for number, title in enumerate(titles):
        buys(str(number), title=title)
    export = an_export()
    run = written(export)
    shown = [row["title"] for row in rows_of(export, run, "products.csv")]
    assert shown == [f"'{one}" for one in EVIL] + ["围巾, 红色", 'a "quoted" hat', "3-in-1 coat", "'-5 °C boots"]
    [first, *_] = rows_of(export, run, "orders.csv")
    assert (first["total_minor"], first["placed_at"][:19], first["placed_on"]) == (
        "8000",
        "2026-03-02T10:00:00",
        "2026-03-02",
    )
    exact = written(an_export("parquet", name="exact"))
    found = pq.read_table(exports.file(export=exact.export, run=exact.id, name="products.parquet"))
    assert found["title"].to_pylist() == list(titles)


def test_the_manifest_says_what_each_file_holds(asked, fresh_database):
    buys("1")
    export = an_export()
    run = written(export)
    above = exports.folder() / "nightly"
    manifest = json.loads((exports.folder() / run.folder / "manifest.json").read_text())
    assert manifest == json.loads((above / "latest.json").read_text())
    for told in manifest["files"]:
        content = (exports.folder() / run.folder / told["file"]).read_bytes()
        assert (told["bytes"], told["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert {told["table"]: told["rows"] for told in manifest["files"]} == {"orders": 1, "products": 1}
    assert sorted(one.name for one in above.iterdir()) == [run.folder.split("/")[1], "latest.json"]


def test_without_tables_all_of_them_are_written_those_without_a_row_too(asked, fresh_database):
    export = an_export(tables=())
    run = written(export)
    assert [one.table for one in run.files] == list(exporting.names())
    assert rows_of(export, run, "orders.csv") == []


@pytest.mark.django_db
def test_what_is_due_is_started_once_and_of_a_week_of_silence_one(asked):
    export = an_export()
    assert export.due_at == datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
    assert exports.start_due(at=export.due_at - timedelta(seconds=1)) == 0
    assert exports.start_due(at=export.due_at) == 1
    assert exports.start_due(at=export.due_at) == 0
    assert exports.start_due(at=export.due_at + timedelta(days=7)) == 1
    assert exports.get(export.id).due_at == export.due_at + timedelta(days=8)
    assert asked == [run.id for run in reversed(exports.runs(export.id))]


def test_a_run_asked_for_twice_is_one_and_written_again_it_is_left_alone(asked, fresh_database):
    buys("1")
    export = an_export()
    first = written(export)
    buys("2")
    assert written(export).files == first.files
    assert asked == [first.id]
    assert [line.verb for line in trail.of(f"export:{export.id}")] == ["exports.run_now", "exports.make"]


def test_killed_while_writing_nothing_half_is_seen_and_the_next_try_is_whole(asked, fresh_database, monkeypatch):
    buys("1")
    export = an_export()
    run = exports.run_now(export=export.id, key="k", at=MONDAY, by=MAREK)

    def die(*_args):
        raise SystemExit("killed")

    monkeypatch.setattr(_export_files, "_manifest", die)
    with pytest.raises(SystemExit):
        exports.write(run.id)
    above = exports.folder() / "nightly"
    assert [one.name for one in above.iterdir() if not one.name.startswith(".")] == []
    monkeypatch.undo()
    exports.write(run.id)
    [found] = exports.runs(export.id)
    assert (found.state, found.problem) == ("done", "")
    assert [one.name for one in above.iterdir() if one.name.startswith(".")] == []


def test_a_run_that_two_write_at_once_is_written_by_one(asked, fresh_database, monkeypatch):
    buys("1")
    export = an_export()
    run = exports.run_now(export=export.id, key="k", at=MONDAY, by=MAREK)
    began, writes = threading.Barrier(2), []
    really = exporting.write

    def slowly(*args, **told):
        writes.append(threading.current_thread().name)
        time.sleep(0.3)
        return really(*args, **told)

    def beside():
        began.wait(5)
        exports.write(run.id)
        connection.close()

    monkeypatch.setattr(exporting, "write", slowly)
    other = threading.Thread(target=beside)
    other.start()
    began.wait(5)
    exports.write(run.id)
    other.join(20)
    assert len(writes) == 1
    assert exports.runs(export.id)[0].state == "done"
    assert exports.file(export=export.id, run=run.id, name="orders.csv").is_file()


def test_what_goes_wrong_stands_on_the_run(asked, fresh_database, monkeypatch):
    export = an_export()
    run = exports.run_now(export=export.id, key="k", at=MONDAY, by=MAREK)
    (exports.folder()).mkdir()
    (exports.folder() / "nightly").write_text("in the way")
    with pytest.raises(FileExistsError):
        exports.write(run.id)
    [failed] = exports.runs(export.id)
    assert failed.state == "failed"
    assert "FileExistsError" in failed.problem


def test_old_files_are_swept_and_other_peoples_left_alone(asked, fresh_database, monkeypatch):
    export = an_export(keep=2)
    for key in ("a", "b"):
        written(export, key)
    rmtree = shutil.rmtree

    def held(folder, ignore_errors=False, **more):
        if not ignore_errors and not more:
            raise PermissionError(folder)
        rmtree(folder, ignore_errors=ignore_errors, **more)

    with monkeypatch.context() as stuck:
        stuck.setattr(_export_files.shutil, "rmtree", held)
        written(export, "c")
    assert all(run.folder for run in exports.runs(export.id)), "what could not be removed is not forgotten"
    _export_files.sweep(export.id)
    above = exports.folder() / "nightly"
    (above / "mine.txt").write_text("mine")
    newest, middle, oldest = exports.runs(export.id)
    assert (bool(newest.folder), bool(middle.folder), oldest.folder) == (True, True, "")
    assert len([one for one in above.iterdir() if one.is_dir()]) == 2
    with pytest.raises(exports.NoSuchFile):
        exports.file(export=export.id, run=oldest.id, name="orders.csv")
    with pytest.raises(exports.NoSuchFile):
        exports.file(export=export.id, run=newest.id, name="../../../etc/passwd")


@pytest.mark.django_db
def test_paused_resumed_changed_and_retired(asked):
    export = an_export()
    assert exports.pause(export=export.id, at=MONDAY, by=MAREK).state == "paused"
    assert exports.start_due(at=MONDAY + timedelta(days=3)) == 0
    later = MONDAY + timedelta(days=5)
    assert exports.resume(export=export.id, at=later, by=MAREK).due_at > later
    changed = exports.change(export=export.id, cadence=Cadence("hourly"), kind="parquet", at=later, by=MAREK)
    assert (changed.cadence.round, changed.kind, changed.due_at) == ("hourly", "parquet", later + timedelta(hours=1))
    assert exports.retire(export=export.id, at=later, by=MAREK).state == "retired"
    with pytest.raises(exports.ExportRetired):
        exports.run_now(export=export.id, key="k", at=later, by=MAREK)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"name": "My Export"}, exports.BadExportName),
        ({"name": "../up"}, exports.BadExportName),
        ({"tables": ["secrets"]}, exporting.UnknownTable),
        ({"keep": 0}, exports.BadKeep),
    ],
)
def test_what_cannot_be_is_refused(given, refusal):
    with pytest.raises(refusal):
        an_export(**given)


@pytest.mark.django_db
def test_a_name_is_one_exports_for_good():
    made = an_export()
    assert an_export() == made
    with pytest.raises(exports.ExportNameTaken):
        an_export(kind="parquet")


@pytest.mark.django_db
def test_it_is_kept_by_command_too(asked):
    def says(*words):
        answer = CliRunner().invoke(command, words, catch_exceptions=False)
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    assert "orders" in says("tables").splitlines()
    made = json.loads(says("add", "boss", "--kind", "csv", "--every", "monthly", "--table", "orders", "--json"))
    assert (made["tables"], made["every"], made["last_run"]) == (["orders"], "monthly", None)
    says("run", "boss", "--key", "k")
    says("pause", "boss")
    [shown] = json.loads(says("list", "--json"))
    assert (shown["state"], shown["last_run"]["state"]) == ("paused", "waiting")
    says("resume", "boss")
    says("retire", "boss")
    assert "boss  retired  csv  monthly" in says("list")
