"""A watched folder is connected by the same command as a shop, though its files come in at another door."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from regulars.doors.connectors import commands, taking
from regulars.doors.connectors.tests.shopkeeping import LONG_AGO, MAREK
from regulars.facts.sources import connections, inbox


def run(*words: str) -> Result:
    return CliRunner().invoke(commands.connection, list(words))


def test_a_folder_is_added_and_listed(db: None, tmp_path: Path) -> None:
    assert "folder: a watched folder" in run("kinds").output

    done = run("add", "till", "--kind", "folder", "--set", f"folder={tmp_path}", "--set", "orders=shopify", "--json")

    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["path"], told["settings"]["orders"]) == (str(tmp_path), "shopify")
    assert str(tmp_path) in run("list").output
    assert run("add", "other", "--kind", "folder", "--set", "folder=in").exit_code != 0


def test_what_it_told_cannot_be_taken_by_a_connector(db: None, tmp_path: Path) -> None:
    run("add", "till", "--kind", "folder", "--set", f"folder={tmp_path}")
    one = connections.by_name("till")
    kept = inbox.keep(connection=one.id, key="orders/1", topic="orders", body=b"{}", at=LONG_AGO)
    inbox.settle(number=kept.id, as_="not_understood", code="rows_left_out", at=LONG_AGO)
    inbox.replay(number=kept.id, at=LONG_AGO, by=MAREK)

    assert taking.take_waiting(connection=one.id) == 1
    assert inbox.get(kept.id).code == "not_a_message"


def test_the_trail_takes_no_address_with_the_reason_for_setting_aside():
    told = CliRunner().invoke(commands.connection, ["set-aside", "till", "1", "--why", "asked by li@example.com"])

    assert told.exit_code == 2
    assert "--why" in told.output
