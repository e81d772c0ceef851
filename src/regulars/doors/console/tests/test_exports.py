"""Exports in the console: set up, written, fetched, retired."""

import pytest
from django.utils.translation import override

from regulars.doors.console import exports as screen
from regulars.doors.console.tests.builders import signed_in
from regulars.kit.actors import SYSTEM
from regulars.oversight.outbound import exports
from regulars.oversight.outbound.cadence import Cadence

NIGHTLY = {
    "name": "nightly",
    "kind": "csv",
    "round": "weekly",
    "hour": "3",
    "weekday": "7",
    "day": "1",
    "keep": "7",
    "tables": ["orders"],
}


@pytest.mark.django_db
def test_an_export_is_set_up_paused_resumed_and_retired():
    ana = signed_in("manager")
    assert "Nothing is exported yet" in ana.get("/console/exports/").content.decode()
    assert ana.post("/console/exports/make", NIGHTLY).status_code == 302
    nightly = exports.by_name("nightly")
    assert (nightly.cadence, nightly.keep, nightly.tables) == (Cadence("weekly", 3, 7, 1), 7, ("orders",))
    where = f"/console/exports/{nightly.public_id}/"
    listed = ana.get("/console/exports/").content.decode()
    assert "every Sunday at 03:00" in listed
    assert "never written" in listed
    for act, state in (("pause", "paused"), ("resume", "on"), ("run", "on"), ("retire", "retired")):
        assert ana.post(f"{where}act", {"act": act}).status_code == 302
        assert exports.get(nightly.id).state == state
    assert "waits" in ana.get(where).content.decode()
    assert ana.post(f"{where}act", {"act": "run"}).status_code == 404


@pytest.mark.django_db
def test_one_that_is_written_again_is_not_called_unwritten():
    ana = signed_in("manager")
    ana.post("/console/exports/make", NIGHTLY)
    assert "not written yet" in ana.get("/console/exports/").content.decode()
    nightly = exports.by_name("nightly")
    exports.run_now(export=nightly.id, key="again", at=nightly.made_at, by=SYSTEM)
    assert "not written yet" not in ana.get("/console/exports/").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "My export"}, "Use small letters, digits"),
        ({"tables": ["secrets"]}, "secrets"),
        ({"keep": "0"}, "keep"),
        ({"hour": "24"}, "24"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(changes, words):
    answer = signed_in("manager").post("/console/exports/make", NIGHTLY | changes)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert exports.every() == []


def test_a_file_is_fetched_by_who_may_read_and_others_may_not(fresh_database, settings, tmp_path):
    settings.REGULARS_HOME = tmp_path
    signed_in("manager").post("/console/exports/make", NIGHTLY)
    nightly = exports.by_name("nightly")
    run = exports.run_now(export=nightly.id, key="k", at=nightly.made_at, by=SYSTEM)
    exports.write(run.id)
    where = f"/console/exports/{nightly.public_id}/"
    reader = signed_in("read_only")
    page = reader.get(where).content.decode()
    assert "orders.csv" in page
    assert "Write it now" not in page
    answer = reader.get(f"{where}runs/{run.id}/orders.csv")
    assert b"".join(answer.streaming_content).startswith(b'\xef\xbb\xbf"order_id"')
    assert reader.get(f"{where}runs/{run.id}/secrets.csv").status_code == 404
    assert signed_in("agent").get(where).status_code == 403


@pytest.mark.parametrize(
    ("cadence", "english", "chinese"),
    [
        (Cadence("hourly"), "every hour", "每小时"),
        (Cadence("daily", 4), "every day at 04:00", "每天 04:00"),
        (Cadence("weekly", 4, 1), "every Monday at 04:00", "每周一 04:00"),
        (Cadence("monthly", 4, day=31), "on day 31 of each month at 04:00", "每月 31 日 04:00"),
    ],
)
def test_when_it_comes_round_in_words(cadence, english, chinese):
    assert screen.in_words(cadence) == english
    with override("zh-hans"):
        assert screen.in_words(cadence) == chinese
