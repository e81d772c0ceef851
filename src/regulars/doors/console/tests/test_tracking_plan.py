"""The tracking plan and the alarms on the console's pages."""

from datetime import UTC, datetime, timedelta

import pytest

from regulars.doors.console.tests.builders import signed_in
from regulars.doors.console.tests.sending import DONE, sent, sources_that_send
from regulars.facts.events import following
from regulars.facts.sources import alarms, plan, sources, traffic
from regulars.facts.sources.sources import Source
from regulars.kit.actors import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def web() -> Source:
    made = sources_that_send()
    following.follow_everything()
    return made


def read(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def a_silent_till() -> None:
    till = sources.by_name("till.oxford")
    now = datetime.now(UTC)
    for hours in range(24 * 7 * 4, 5, -1):
        traffic.count_many(counts={(till.id, "accepted"): 50}, at=now - timedelta(hours=hours))
    alarms.look(at=now, by=SYSTEM)


def test_a_manager_accepts_what_came_and_then_blocks(web):
    marek = signed_in("manager", name="marek")
    where = f"/console/sources/{web.public_id}/plan"
    assert "Tea Brewed" in read(marek, where)

    marek.post(f"{where}/accept")
    assert sources.get(web.id).plan == "watching"
    sent(web, {**DONE[-1], "event": "tea brewed"}, at=datetime.now(UTC))
    following.follow_everything()
    page = read(marek, where)
    assert "Did they mean “Tea Brewed”?" in page
    assert "The plan does not have this event" in page

    tea = {"call": "track", "name": "Tea Brewed"}
    marek.post(f"{where}/property", {**tea, "path": "minutes", "presence": "required", "kinds": ["number"]})
    marek.post(f"{where}/event", {**tea, "name": "Debug", "act": "forbid"})
    marek.post(f"{where}/event", {"call": "page", "act": "drop"})
    marek.post(f"{where}/mode", {"mode": "blocking"})

    planned = plan.blocking()[web.id]
    assert planned.events["track", "Tea Brewed"]["minutes"].presence == "required"
    assert planned.events["track", "Debug"][""].presence == "forbidden"
    assert ("page", "") not in planned.events
    marek.post(f"{where}/property", {**tea, "path": "minutes", "act": "drop"})
    marek.post(f"{where}/mode", {"mode": "learning"})
    assert plan.of(web.id) == []


def test_who_may_only_read_changes_nothing(web):
    rosa = signed_in("analyst", name="rosa")
    where = f"/console/sources/{web.public_id}/plan"

    assert "Accept what came" not in read(rosa, where)
    assert [rosa.post(f"{where}/{act}").status_code for act in ("accept", "mode", "event", "property")] == [403] * 4


def test_a_refusal_is_told_in_words(web):
    marek = signed_in("manager")
    where = f"/console/sources/{web.public_id}/plan"

    answer = marek.post(f"{where}/mode", {"mode": "blocking"}, follow=True)

    assert "Nothing is expected yet." in answer.content.decode()
    assert marek.get("/console/sources/src_00000000000000000000000000/plan").status_code == 404


def test_an_alarm_stands_on_today_at_the_sources_and_at_its_plan_until_it_was_meant(web):
    a_silent_till()
    marek = signed_in("manager", name="marek")
    till = sources.by_name("till.oxford")
    where = f"/console/sources/{till.public_id}/plan"

    for path in ("/console/", "/console/sources/", f"/console/sources/{till.public_id}/", where):
        assert "Fell silent" in read(marek, path), path
    (alarm,) = alarms.going_on()
    act = f"/console/sources/{till.public_id}/alarms/{alarm.id}"
    marek.post(act)
    assert "I see to it" not in read(marek, where)
    assert marek.post(f"/console/sources/{web.public_id}/alarms/{alarm.id}").status_code == 404
    marek.post(act, {"meant": "yes"})
    assert alarms.going_on() == []
    assert "was meant" in read(marek, where)
