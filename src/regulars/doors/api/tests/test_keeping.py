"""How long events are kept, and those that a reader could not take, as programs see them."""

from datetime import UTC, datetime

import pytest

from regulars.doors.api.tests.builders import Program, problem
from regulars.facts.events import stream
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_one_name_is_kept_longer_and_follows_its_kind_again():
    li = Program()
    told = li.post("event-retention", {"kind": "track", "name": "Order Completed", "months": 60}).json()
    assert told == {"kind": "track", "name": "Order Completed", "months": 60, "is_default": False}
    assert told in li.get("event-retention").json()["items"]
    assert problem(li.post("event-retention", {"kind": "track", "months": 0}))[:2] == (422, "request.invalid")
    left = li.post("event-retention/drop", {"kind": "track", "name": "Order Completed"}).json()["items"]
    assert all(not rule["name"] for rule in left)


def test_what_is_parked_is_listed_tried_again_and_set_aside():
    li = Program("operations.read", "operations.mend")
    for number in (5, 6, 7):
        stream.park(reader="profile", event=number, problem="ValueError at events/x.py:1")
    first = li.get("parked-events?limit=2").json()
    rest = li.get(f"parked-events?limit=2&cursor={first['next']}").json()
    assert [one["event"] for one in first["items"] + rest["items"]] == [7, 6, 5]
    stream.register([stream.Reader("profile")])
    assert li.post("parked-events/profile/5/retry").json() == {"said": "over"}
    assert problem(li.post("parked-events/profile/5/retry"))[:2] == (404, "events.not_parked")
    li.post("parked-events/profile/6/set-aside", {"why": "cannot_be_done"})
    assert trail.of("event:6")[0].why == "cannot_be_done"
    assert li.post("parked-events/retry").json() == {"taken": 0, "over": 1, "still": 0, "left": 0}
    assert li.get("parked-events").json()["items"] == []
