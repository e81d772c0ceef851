"""How long events are kept, and those that a reader could not take."""

import pytest
from django.test import Client

from regulars.doors.console.tests.builders import signed_in
from regulars.doors.console.tests.sending import sources_that_send
from regulars.facts.events import events, following, retention, stream
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_a_manager_keeps_one_name_longer_and_lets_it_go_again():
    marek, ines = signed_in("manager"), signed_in("analyst", name="ines")
    answer = marek.post("/console/events/keep", {"kind": "track", "name": "Order Completed", "months": 60}, follow=True)
    assert "Placed an order: kept for 60 months." in answer.content.decode()
    assert retention.Rule("track", "Order Completed", 60, False) in retention.rules()
    assert "Change" not in read(ines, "/console/events/")
    assert ines.post("/console/events/keep", {"kind": "track", "months": 2}).status_code == 403
    assert marek.post("/console/events/keep", {"kind": "track", "months": 0}).status_code == 422
    marek.post("/console/events/drop", {"kind": "track", "name": "Order Completed"})
    assert all(not rule.name for rule in retention.rules())
    assert {line.verb for line in trail.of("events:track")} == {"events.keep", "events.keep.drop"}


def test_what_could_not_be_taken_is_tried_again_or_set_aside():
    marek, ines = signed_in("manager"), signed_in("analyst", name="ines")
    sources_that_send()
    following.follow_everything()
    numbers = [one.id for one in events.recent()]
    for event in numbers[:3]:
        stream.park(reader="profile", event=event, problem="ValueError at events/x.py:1")
    stream.park(reader="nobody-now", event=numbers[3], problem="KeyError")
    assert "4 events could not be taken" in read(marek, "/console/")
    assert "visitors and members" in read(marek, "/console/events/")
    assert "could not be taken" not in read(ines, "/console/events/")

    path = f"/console/events/parked/profile/{numbers[0]}"
    assert "It is taken." in marek.post(f"{path}/retry", follow=True).content.decode()
    assert marek.post(f"{path}/retry").status_code == 404
    assert marek.post("/console/events/parked/profile%00/1/retry").status_code == 404
    assert marek.post("/console/events/parked/profile%00/1/set-aside").status_code == 404
    assert ines.post("/console/events/parked/retry").status_code == 403
    marek.post(f"/console/events/parked/profile/{numbers[1]}/set-aside", {"why": "no_longer_needed"})
    assert trail.of(f"event:{numbers[1]}")[0].why == "no_longer_needed"
    answer = marek.post("/console/events/parked/retry", follow=True).content.decode()
    assert "1 taken, 0 whose time was over, 0 still parked, 0 not tried yet." in answer
    marek.post("/console/events/parked/set-aside", {"why": "cannot_be_done"})
    assert following.parked() == []
    assert "Every event was taken" in read(marek, "/console/events/")


def test_of_what_waits_for_frozen_points_it_says_so():
    marek = signed_in("manager")
    sources_that_send()
    following.follow_everything()
    frozen = "AccountFrozen points.account_frozen at loyalty/_ledger/account_rows.py:173"
    stream.park(reader="loyalty", event=events.recent()[0].id, problem=frozen)
    page = read(marek, "/console/events/")
    assert "The member&#x27;s points are frozen; it is taken by itself when they go on." in page
    assert "account_rows" not in page
