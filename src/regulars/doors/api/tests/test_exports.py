"""Exports through the API."""

import json

import pytest

from regulars.doors.api.tests.builders import Program, problem
from regulars.oversight.outbound import exports

NIGHTLY = {"name": "nightly", "tables": ["orders"], "kind": "csv", "cadence": {"round": "daily", "hour": 3}}


@pytest.mark.django_db
def test_an_export_is_made_changed_paused_resumed_and_retired():
    li = Program()
    made = li.post("exports", NIGHTLY).json()
    assert (made["state"], made["cadence"]["hour"], made["keep"]) == ("on", 3, exports.KEEP)
    assert li.post("exports", NIGHTLY).json() == made
    assert [one["name"] for one in li.get("exports").json()["items"]] == ["nightly"]
    where = f"exports/{made['id']}"
    assert li.get(where).json() == made
    changed = li.patch(where, {"cadence": {"round": "weekly", "weekday": 7}, "keep": 3}).json()
    assert (changed["cadence"]["round"], changed["cadence"]["weekday"], changed["keep"]) == ("weekly", 7, 3)
    assert li.post(f"{where}/pause").json()["state"] == "paused"
    assert li.post(f"{where}/resume").json()["state"] == "on"
    run = li.post(f"{where}/runs", {"key": "k"}).json()
    assert li.post(f"{where}/runs", {"key": "k"}).json() == run
    assert [one["id"] for one in li.get(f"{where}/runs").json()["items"]] == [run["id"]]
    assert problem(li.get(f"{where}/runs/{run['id']}/files/orders.csv"))[:2] == (404, "exports.no_such_file")
    assert li.post(f"{where}/retire").json()["state"] == "retired"
    assert problem(li.post(f"{where}/runs", {"key": "l"}))[:2] == (409, "exports.retired")
    assert problem(li.post("exports", {**NIGHTLY, "kind": "parquet"})) == (409, "exports.name_taken", "name")
    assert "orders" in li.get("exports/tables").json()["items"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": "../up"}, "exports.bad_name", "name"),
        ({"tables": ["secrets"]}, "warehouse.unknown_table", "tables"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(changes, code, field):
    assert problem(Program().post("exports", {**NIGHTLY, **changes})) == (422, code, field)


def test_a_file_is_fetched(fresh_database, settings, tmp_path):
    settings.REGULARS_HOME = tmp_path
    li = Program()
    made = li.post("exports", NIGHTLY).json()
    run = li.post(f"exports/{made['id']}/runs", {"key": "k"}).json()
    exports.write(run["id"])
    [file] = li.get(f"exports/{made['id']}/runs").json()["items"][0]["files"]
    answer = li.get(f"exports/{made['id']}/runs/{run['id']}/files/{file['name']}")
    content = b"".join(answer.streaming_content)
    assert len(content) == file["size"]
    assert content.startswith(b'\xef\xbb\xbf"order_id"')
    assert "attachment" in answer["Content-Disposition"]
    assert json.loads((exports.folder() / "nightly" / "latest.json").read_text())["export"] == "nightly"
