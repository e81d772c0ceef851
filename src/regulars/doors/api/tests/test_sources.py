"""Sources, their keys and their traffic through the API."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from regulars.doors.api.tests.builders import Program, problem
from regulars.facts.sources import sources, traffic, write_keys
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db

WEB = {"name": "web-shop", "kind": "web", "namespace": "shop", "zone": "Europe/London"}


def test_a_source_is_made_once_and_its_name_is_its_key():
    li = Program()
    made = li.post("sources", WEB, key="first").json()
    assert made["id"].startswith("src_")
    assert li.post("sources", WEB, key="again").json() == made
    assert problem(li.post("sources", {**WEB, "kind": "app"})) == (409, "sources.name_taken", "name")
    assert li.get(f"sources/{made['id']}").json() == made
    [line] = trail.of(f"source:{sources.by_name('web-shop').id}")
    assert (line.verb, line.by) == ("sources.make", f"api:{li.key.id}")


def test_a_key_is_told_once_and_revoked_for_good():
    li = Program()
    source = li.post("sources", WEB).json()["id"]
    made = li.post(f"sources/{source}/keys", {"kinds": ["track", "page"], "per_second": 50}).json()
    assert re.fullmatch(write_keys.PATTERN, made["token"])
    listed = li.get(f"sources/{source}/keys")
    assert made["token"] not in listed.content.decode()
    [key] = listed.json()["items"]
    assert (key["kinds"], key["per_second"], key["revoked_at"]) == (["page", "track"], 50, None)
    revoked = li.post(f"sources/{source}/keys/{key['number']}/revoke").json()
    assert revoked["revoked_at"]
    assert li.post(f"sources/{source}/keys/{key['number']}/revoke").json() == revoked
    other = li.post("sources", {**WEB, "name": "till"}).json()["id"]
    assert problem(li.post(f"sources/{other}/keys/{key['number']}/revoke"))[0] == 404


def test_the_pages_of_sources_and_of_keys_follow_each_other():
    li = Program()
    for name in ("c", "a", "b"):
        source = li.post("sources", {**WEB, "name": name}).json()["id"]
    first = li.get("sources?limit=2").json()
    assert [one["name"] for one in first["items"]] == ["a", "b"]
    assert [one["name"] for one in li.get(f"sources?limit=2&cursor={first['next']}").json()["items"]] == ["c"]
    made = [li.post(f"sources/{source}/keys").json()["number"] for _ in range(3)]
    first = li.get(f"sources/{source}/keys?limit=2").json()
    rest = li.get(f"sources/{source}/keys?limit=2&cursor={first['next']}").json()
    assert [one["number"] for one in first["items"] + rest["items"]] == made[::-1]


def test_what_is_given_changes_and_what_retires_gets_no_key():
    li = Program()
    source = li.post("sources", WEB).json()["id"]
    assert li.patch(f"sources/{source}", {"is_order_feed": True}).json()["is_order_feed"] is True
    assert problem(li.patch(f"sources/{source}", {"zone": "Mars/Base"}))[0] == 422
    assert li.post(f"sources/{source}/retire").json()["retired_at"]
    assert problem(li.post(f"sources/{source}/keys"))[:2] == (409, "sources.retired")


def test_traffic_tells_by_the_hour_how_messages_ended():
    li = Program()
    source = li.post("sources", WEB).json()["id"]
    now = datetime.now(UTC)
    number = sources.by_public_id(source).id
    traffic.count_many(counts={(number, "accepted"): 7, (number, "rejected"): 1}, at=now)
    told = li.get(f"sources/{source}/traffic").json()["items"]
    assert [(hour["verdict"], hour["count"]) for hour in told] == [("accepted", 7), ("rejected", 1)]
    old = (now - timedelta(days=99)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert problem(li.get(f"sources/{source}/traffic?since={old}"))[:2] == (422, "traffic.too_far_back")


def test_who_may_read_may_not_manage():
    reader = Program("sources.read", name="reader")
    assert problem(reader.post("sources", WEB))[:2] == (403, "key.not_granted")
    assert reader.get("sources").json() == {"items": [], "next": None}
