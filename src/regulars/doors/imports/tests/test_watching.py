"""Files that are dropped into a watched folder."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from regulars.doors.imports import checkups, commands, orders, watching
from regulars.doors.imports.tests.builders import row, text_of
from regulars.doors.imports.watching import FolderNotThere, NotWatched
from regulars.facts.commerce import orders as on_record
from regulars.facts.commerce import prices, variants
from regulars.facts.company import company
from regulars.facts.sources import connections, folders, import_runs, inbox
from regulars.facts.sources.connections import BadConnection, Connection
from regulars.kit.actors import Actor

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MAREK = Actor("operator", "7")


@pytest.fixture
def shop(db: None) -> None:
    company.settle(name="Tea", currency="GBP", zone="Europe/London", language="en", country="GB", at=NOW, by=MAREK)


def watched(folder: Path, *, name: str = "till", **settings: str) -> Connection:
    told = folders.check({"folder": str(folder), **settings})
    return connections.connect(
        name=name, kind="folder", zone="Europe/London", credentials={}, settings=told, at=NOW, by=MAREK
    )


def look(connection: Connection) -> list[tuple[str, str]]:
    return [(f"{one.kind}/{one.name}", one.became) for one in watching.look(connection=connection, at=NOW)]


def drop(folder: Path, name: str, text: str, *, is_marked: bool = True) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if is_marked:
        path.with_name(path.name + ".done").touch()
    return path


def files(folder: Path, *places: str) -> list[str]:
    """What lies there, without the moment before each name."""
    return sorted(path.name.partition("-")[2] or path.name for place in places for path in (folder / place).iterdir())


def test_files_of_every_kind_come_in_by_themselves_under_the_connections_name(shop: None, tmp_path: Path) -> None:
    connection = watched(tmp_path)
    assert look(connection) == []

    drop(tmp_path, "products/p.csv", "product,sku,title\nmug,mug-1,A mug\n")
    drop(tmp_path, "prices/p.csv", "product,sku,price,valid_from\nmug,mug-1,4.50,2026-01-01\n")
    drop(tmp_path, "stock/s.csv", "sku,product,store,quantity\nmug-1,mug,S1,5\n")
    drop(tmp_path, "customers/c.csv", "customer,name\nines,Ines Ode\n")
    pl.DataFrame([row("A1"), row("A2", customer="li")]).write_parquet(tmp_path / "orders" / "o.parquet")
    (tmp_path / "orders" / "o.parquet.done").touch()

    assert look(connection) == [
        *(("orders/o.parquet", "done"), ("customers/c.csv", "done"), ("products/p.csv", "done")),
        *(("prices/p.csv", "done"), ("stock/s.csv", "done")),
    ]
    assert on_record.by_ref(namespace="till", ref="A2") is not None
    [(form, product)] = variants.find_many(namespace="till", refs=["mug-1"]).values()
    price = prices.at(product=product, currency="GBP", at=NOW, variant=form)
    assert price is not None
    assert price.list_minor == 450
    assert {one.topic: one.state for one in inbox.search(connection=connection.id)} == dict.fromkeys(
        folders.FILES, "done"
    )
    assert files(tmp_path, "done/orders") == ["o.parquet"]
    assert files(tmp_path, "orders", ".taking/orders", "failed/orders") == []
    heard = connections.get(connection.id).heard_at
    assert heard is not None


def test_a_file_that_still_grows_waits_and_one_that_stood_still_is_taken(shop: None, tmp_path: Path) -> None:
    connection = watched(tmp_path)
    path = drop(tmp_path, "orders/o.csv", text_of([row("A1")]), is_marked=False)
    drop(tmp_path, "orders/half.csv.part", "order", is_marked=False)
    drop(tmp_path, "orders/.hidden", "order", is_marked=False)

    assert look(connection) == []
    path.write_text(text_of([row("A1"), row("A2")]))
    assert look(connection) == []
    assert look(connection) == [("orders/o.csv", "done")]
    assert on_record.by_ref(namespace="till", ref="A2") is not None
    assert look(connection) == []
    assert sorted(one.name for one in (tmp_path / "orders").iterdir()) == [".hidden", "half.csv.part"]


def test_with_markers_nothing_else_counts(shop: None, tmp_path: Path) -> None:
    connection = watched(tmp_path, ready="marker")
    path = drop(tmp_path, "orders/o.csv", text_of([row()]), is_marked=False)

    assert [look(connection) for _ in range(3)] == [[], [], []]
    path.with_name("o.csv.done").touch()
    assert look(connection) == [("orders/o.csv", "done")]
    assert files(tmp_path, "orders") == []


def test_the_same_content_comes_in_once_under_any_name(shop: None, tmp_path: Path) -> None:
    connection = watched(tmp_path)
    text = text_of([row()])
    drop(tmp_path, "orders/o.csv", text)
    assert look(connection) == [("orders/o.csv", "done")]

    drop(tmp_path, "orders/again.csv", text)
    assert look(connection) == [("orders/again.csv", "repeated")]
    assert len(import_runs.recent()) == 1
    [kept] = inbox.search(connection=connection.id)
    assert (kept.state, kept.repeats) == ("done", 1)


def test_bad_rows_lie_beside_their_file_and_come_back_mended(shop: None, tmp_path: Path) -> None:
    connection = watched(tmp_path)
    drop(tmp_path, "orders/o.csv", text_of([row("A1"), row("A2", quantity="many")]))

    assert look(connection) == [("orders/o.csv", "partly")]
    [rejects] = (tmp_path / "done" / "orders").glob("*.rejects.csv")
    [kept] = inbox.search(connection=connection.id)
    assert (kept.state, kept.code) == ("not_understood", "rows_left_out")

    drop(tmp_path, "orders/mended.csv", rejects.read_text(encoding="utf-8-sig").replace("many", "3"))
    assert look(connection) == [("orders/mended.csv", "done")]
    assert on_record.by_ref(namespace="till", ref="A2") is not None


def test_what_is_no_table_fails_with_the_reason_beside_it_and_may_be_tried_again(shop: None, tmp_path: Path) -> None:
    mapped = tmp_path / "till.yaml"
    connection = watched(tmp_path / "in_", customers=str(mapped)) if (tmp_path / "in_").mkdir() is None else None
    assert connection is not None
    drop(tmp_path / "in_", "customers/c.csv", "nr;who\nines;Ode\n")
    drop(tmp_path / "in_", "orders/o.csv", "nothing that anybody knows\n1\n")

    assert look(connection) == [("orders/o.csv", "failed"), ("customers/c.csv", "failed")]
    [why] = (tmp_path / "in_" / "failed" / "customers").glob("*.why.txt")
    assert "there is no file" in why.read_text()

    mapped.write_text("source: till\ncolumns: {customer: nr, family_name: who}\n")
    drop(tmp_path / "in_", "customers/c.csv", "nr;who\nines;Ode\n")
    assert look(connection) == [("customers/c.csv", "done")]
    states = {one.topic: one.state for one in inbox.search(connection=connection.id)}
    assert states == {"customers": "done", "orders": "not_understood"}


def test_links_lead_nowhere(shop: None, tmp_path: Path) -> None:
    outside = tmp_path / "secrets.csv"
    outside.write_text(text_of([row("S1")]))
    folder = tmp_path / "in_"
    folder.mkdir()
    connection = watched(folder)
    look(connection)
    (folder / "orders" / "o.csv").symlink_to(outside)
    (folder / "orders" / "o.csv.done").touch()
    os.mkfifo(folder / "orders" / "pipe.csv")

    assert look(connection) == [("orders/o.csv", "failed"), ("orders/pipe.csv", "failed")]
    assert on_record.by_ref(namespace="till", ref="S1") is None
    assert outside.exists()

    (folder / "stock").rmdir()
    (folder / "stock").symlink_to(tmp_path)
    with pytest.raises(FolderNotThere):
        watching.look(connection=connection, at=NOW)
    [finding] = checkups.CHECKUPS[0]()
    assert finding.state == "warning"


def test_who_is_killed_while_taking_goes_on_where_it_was(
    shop: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = watched(tmp_path)

    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    moments = ((orders, "import_orders"), (watching, "_keep"), (watching, "_free"))
    for n, (where, name) in enumerate(moments):
        drop(tmp_path, f"orders/o{n}.csv", text_of([row(f"B{n}")]))
        with monkeypatch.context() as patched:
            patched.setattr(where, name, killed)
            with pytest.raises(Killed):
                watching.look(connection=connection, at=NOW)
        assert files(tmp_path, ".taking/orders") == [f"o{n}.csv"]
        assert look(connection) == [(f"orders/o{n}.csv", "done")]
        assert on_record.by_ref(namespace="till", ref=f"B{n}") is not None

    assert files(tmp_path, "done/orders") == ["o0.csv", "o1.csv", "o2.csv"]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "folder"),
        ({"folder": "in"}, "folder"),
        ({"folder": "/"}, "folder"),
        ({"folder": "/srv/../etc"}, "folder"),
        ({"folder": "/srv/in", "ready": "soon"}, "ready"),
        ({"folder": "/srv/in", "orders": "own/till.yaml"}, "orders"),
        ({"folder": "/srv/in", "events": "x"}, "events"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(settings: dict[str, str], field: str) -> None:
    with pytest.raises(BadConnection) as refused:
        folders.check(settings)
    assert refused.value.facts["field"] == field


def test_it_can_be_looked_into_by_hand(shop: None, tmp_path: Path) -> None:
    watched(tmp_path)
    drop(tmp_path, "orders/o.csv", text_of([row()]))

    done = CliRunner().invoke(commands.import_group, ["watch", "till", "--json"], catch_exceptions=False)
    [told] = json.loads(done.output)
    assert (told["connection"], told["name"], told["became"]) == ("till", "o.csv", "done")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("订" * 81 + ".csv", "订" * 65 + ".csv"),
        ("o" * 250 + ".csv", "o" * 196 + ".csv"),
        (os.fsdecode("订单.csv".encode("gb18030")), "订单.csv"),
    ],
    ids=["long-in-bytes", "long", "gb18030"],
)
def test_a_file_of_any_name_a_disk_takes_comes_in(shop: None, tmp_path: Path, name: str, told: str) -> None:
    connection = watched(tmp_path)
    drop(tmp_path, f"orders/{name}", text_of([row(), row("A2", quantity="two")]), is_marked=False)

    assert look(connection) == []
    assert look(connection) == [(f"orders/{told}", "partly")]
    assert files(tmp_path, "done/orders") == [told, f"{told}.rejects.csv"]


def test_a_folder_in_trouble_holds_up_no_other_and_is_told_of(
    shop: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(tmp_path, name="a-broken-one")
    watched(tmp_path, name="the-next")
    seen: list[str] = []

    def looked(*, connection: Connection, at: datetime) -> list[watching.File]:
        seen.append(connection.name)
        if connection.name == "a-broken-one":
            raise PermissionError("orders")
        return []

    monkeypatch.setattr(watching, "look", looked)
    with pytest.raises(PermissionError):
        watching.look_into_all()
    assert seen == ["a-broken-one", "the-next"]


def test_a_name_that_is_none_of_a_watched_folder_is_refused(shop: None, tmp_path: Path) -> None:
    watched(tmp_path)
    with pytest.raises(NotWatched) as refused:
        CliRunner().invoke(commands.import_group, ["watch", "tilll"], catch_exceptions=False)
    assert "till" in refused.value.message
