"""Stores in the console: found, told, mended by who may."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from regulars.doors.console import stores as screen
from regulars.doors.console.tests.builders import MONDAY, signed_in
from regulars.facts.commerce import stock
from regulars.facts.commerce.stock import StockReport
from regulars.facts.company import channels, opening, stores
from regulars.facts.company.opening import Hours
from regulars.kit.actors import SYSTEM
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db

WORKDAYS = {weekday: opening.read("09:00-18:00") for weekday in range(1, 6)}


def a_store(code: str = "S1", name: str = "Willow & Loaf <East>", **more) -> int:
    return stores.describe(code=code, name=name, at=MONDAY, by=SYSTEM, **more).id


def test_without_stores_the_page_says_how_they_come():
    assert "or are added below" in signed_in("manager").get("/console/stores/").content.decode()
    page = signed_in("shop_assistant").get("/console/stores/").content.decode()
    assert "No store yet" in page
    assert "Add a store" not in page


def test_a_manager_adds_a_store_and_says_all_of_it():
    ana = signed_in("manager")
    assert (
        ana.post("/console/stores/add", {"code": "S7", "name": "Harbour", "zone": "Europe/Lisbon"}).status_code == 302
    )
    again = ana.post("/console/stores/add", {"code": "S7", "name": "Other", "zone": ""})
    assert again.status_code == 422
    assert "with this code already" in again.content.decode()
    number = stores.by_code("S7").id
    where = f"/console/stores/{number}/"
    place = {"address": "Rua Augusta 7", "city": "Lisboa", "latitude": "38.71", "longitude": "-9.14"}
    for act, told in (
        ("about", {"name": "Harbour Lisbon", "zone": "Europe/Lisbon"}),
        ("place", place | {"offers_pickup": "on"}),
        ("week", {f"day{weekday}": "10:00-13:00, 14:00-19:00" for weekday in range(1, 7)}),
        ("day", {"day": "2099-12-25", "act": "closed"}),
        ("day", {"day": "2099-12-24", "hours": "10:00-14:00", "act": "hours"}),
    ):
        assert ana.post(where + act, told).status_code == 302, act
    found = stores.get(number)
    assert (found.name, found.zone, found.offers_pickup) == ("Harbour Lisbon", "Europe/Lisbon", True)
    assert (found.place.city, found.place.latitude) == ("Lisboa", Decimal("38.71"))
    hours = stores.hours_of([number])[number]
    assert [str(span) for span in hours.week[6]] == ["10:00-13:00", "14:00-19:00"]
    assert 7 not in hours.week
    assert hours.exceptions[date(2099, 12, 25)] == ()
    page = ana.get(where).content.decode()
    assert "10:00–13:00, 14:00–19:00" in page
    assert "25 Dec 2099" in page
    ana.post(where + "day", {"day": "2099-12-25", "act": "as_ever"})
    assert list(stores.hours_of([number])[number].exceptions) == [date(2099, 12, 24)]
    verbs = [entry.verb for entry in trail.of(f"store:{number}", limit=20)]
    assert {"company.stores.locate", "company.stores.set_hours", "company.stores.set_exceptions"} <= set(verbs)


def test_a_new_name_leaves_the_channel_as_it_is():
    number = a_store(channel="outlets")
    signed_in("manager").post(f"/console/stores/{number}/about", {"name": "East", "zone": ""})
    [outlets] = [one for one in channels.every() if one.code == "outlets"]
    assert (stores.get(number).name, stores.get(number).channel_id) == ("East", outlets.id)


@pytest.mark.parametrize(
    ("act", "told", "words"),
    [
        ("about", {"name": " ", "zone": ""}, "This field is required"),
        ("about", {"name": "East", "zone": "Europe/Nowhere"}, "Write the time zone as"),
        ("place", {"latitude": "38.7"}, "both or neither"),
        ("place", {"latitude": "91", "longitude": "0"}, "less than or equal to 90"),
        ("week", {"day3": "nine to five"}, "<b>Wednesday</b>: Write hours as"),
        ("week", {"day1": "09:00-18:00, 17:00-20:00"}, "none of which overlap"),
        ("day", {"day": "soon", "act": "closed"}, "Say which day"),
        ("day", {"day": "2099-01-01", "act": "hours", "hours": ""}, "say that it is closed"),
        ("day", {"day": "2099-01-01", "act": "hours", "hours": "10-12"}, "Write hours as"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(act, told, words):
    number = a_store()
    answer = signed_in("manager").post(f"/console/stores/{number}/{act}", told)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not stores.hours_of([number])[number].is_told
    assert stores.get(number).name == "Willow & Loaf <East>"


def test_a_shop_assistant_reads_and_changes_nothing():
    number, bo = a_store(), signed_in("shop_assistant")
    page = bo.get(f"/console/stores/{number}/").content.decode()
    assert "Willow &amp; Loaf &lt;East&gt;" in page
    assert "Nobody has told its hours" in page
    assert "Nobody has told its stock" in page
    assert '<details class="aside"' not in page
    assert bo.post(f"/console/stores/{number}/about", {"name": "Mine"}).status_code == 403


@pytest.mark.parametrize(
    ("at", "state", "then"),
    [
        ("2026-03-02T10:00", "open now", ""),
        ("2026-03-02T08:00", "closed", "opens at 09:00"),
        ("2026-03-06T18:00", "closed", "opens Monday 09:00"),
        ("2026-03-04T12:00", "closed", "opens Thursday 09:00"),
    ],
)
def test_the_door_says_whether_it_is_open_and_what_comes_next(at, state, then):
    hours = Hours(WORKDAYS, {date(2026, 3, 4): ()})
    door = screen._door(hours, datetime.fromisoformat(at).replace(tzinfo=UTC), "UTC")
    assert (door.state, door.then) == (state, then)


def test_stores_are_found_paged_and_cost_the_same_however_many():
    for number in range(60):
        a_store(f"S{number:02}", f"Store {number}")
    stores.set_hours(store=a_store("S00", "Store 0"), week=WORKDAYS, at=MONDAY, by=SYSTEM)
    client = signed_in("agent")
    client.get("/console/stores/")
    with CaptureQueriesContext(connection) as spent:
        page = client.get("/console/stores/").content.decode()
    assert len(spent) == 5, [query["sql"][:90] for query in spent]
    assert "60 stores" in page
    assert "after=S49" in page
    assert "Store 59" in client.get("/console/stores/?after=S49").content.decode()
    assert "No store fits" in client.get("/console/stores/?q=nowhere").content.decode()
    one = client.get("/console/stores/?q=s07", headers={"HX-Request": "true", "HX-Target": "list"}).content.decode()
    assert "1 store<" in one
    assert "<html" not in one


def test_a_store_shows_what_lately_moved_there():
    number = a_store()
    for variant, count in (("tea-01", "5"), ("pot-01", "0")):
        report = StockReport("till", variant, "S1", Decimal(count))
        stock.record(report=report, at=MONDAY, by=SYSTEM)
    client = signed_in("agent")
    client.get(f"/console/stores/{number}/")
    with CaptureQueriesContext(connection) as spent:
        page = client.get(f"/console/stores/{number}/").content.decode()
    assert len(spent) == 10, [query["sql"][:90] for query in spent]
    assert "2 variants are told of" in page
    assert "1 of them cannot be had" in page
    assert "tea-01" in page
