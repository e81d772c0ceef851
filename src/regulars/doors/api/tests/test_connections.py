"""Connections through the API."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from regulars.doors.api.tests.builders import MAREK, Program, problem
from regulars.facts.sources import connectable, connections, inbox, privacy_requests
from regulars.oversight.outbound import rights, writing
from regulars.oversight.outbound.rights import Terms

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
TEAS = {
    "name": "teas",
    "kind": "shopify",
    "zone": "Europe/London",
    "settings": {"shop": "leafy-teas.myshopify.com"},
    "credentials": {"client_secret": "shpss_secret"},
    "trial": False,
}


def test_a_shop_is_connected_read_paused_rotated_and_let_go():
    li = Program()
    kinds = {one["kind"]: one for one in li.get("connections/kinds").json()["items"]}
    assert [one["name"] for one in kinds["shopify"]["credentials"] if one["is_required"]] == ["client_secret"]
    answer = li.post("connections", TEAS)
    made = answer.json()
    assert "shpss_secret" not in answer.content.decode()
    assert (made["state"], made["path"]) == ("on", f"/hooks/shopify/{made['id']}")
    assert li.post("connections", TEAS).json() == made
    where = f"connections/{made['id']}"
    assert "orders" in li.post(f"{where}/backfill").json()["streams"]
    assert li.post(f"{where}/backfill").json()["streams"] == []
    assert {one["walk"] for one in li.get(where).json()["streams"]} == {"backfill"}
    assert li.post(f"{where}/pause").json()["state"] == "paused"
    assert li.post(f"{where}/resume").json()["state"] == "on"
    rotated = li.post(f"{where}/rotate", {"credentials": {"client_secret": "shpss_new"}}).json()
    assert rotated["old_secret_until"] is not None
    for told, field in (({"client_secert": "shpss_newer"}, "client_secert"), ({}, "credentials")):
        refused = li.post(f"{where}/rotate", {"credentials": told, "overlap_hours": 0})
        assert problem(refused) == (422, "connections.bad", field)
    assert li.get(where).json()["old_secret_until"] == rotated["old_secret_until"]
    assert li.post(f"{where}/poll").json()["streams"] == []
    assert li.post(f"{where}/disconnect").json()["state"] == "retired"
    assert problem(li.post(f"{where}/pause"))[:2] == (409, "connections.retired")
    assert [one["name"] for one in li.get("connections").json()["items"]] == ["teas"]


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"kind": "abacus"}, 422, "connections.no_connector", "kind"),
        ({"settings": {"shop": "https://leafy"}}, 422, "connections.bad", "shop"),
        ({"name": "My shop"}, 422, "connections.bad", "name"),
        ({"zone": "Moon/Base"}, 422, "civil.unknown_zone", "zone"),
        ({"credentials": {}}, 422, "connections.bad", "client_secret"),
        ({"credentials": {"client_secert": "s"}}, 422, "connections.bad", "client_secert"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(changes, status, code, field):
    assert problem(Program().post("connections", TEAS | changes)) == (status, code, field)


def test_what_was_not_understood_is_taken_again_or_set_aside():
    li = Program()
    made = li.post("connections", TEAS).json()
    other = li.post("connections", TEAS | {"name": "cakes"}).json()
    kept = inbox.keep(connection=connections.by_name("teas").id, key="k", topic="orders/create", body=b"{}", at=NOW)
    inbox.settle(number=kept.id, as_="not_understood", code="no_ref", why="id: has no id", at=NOW)
    where = f"connections/{made['id']}"
    assert li.get(where).json()["deliveries"] == {"not_understood": 1}
    [shown] = li.get(f"{where}/deliveries?state=not_understood").json()["items"]
    assert (shown["code"], shown["why"]) == ("no_ref", "id: has no id")
    assert li.post(f"{where}/deliveries/{kept.id}/replay").json()["state"] == "waiting"
    inbox.settle(number=kept.id, as_="not_understood", code="no_ref", why="id: has no id", at=NOW)
    assert li.post(f"{where}/deliveries/{kept.id}/set-aside").json()["state"] == "set_aside"
    away = li.post(f"connections/{other['id']}/deliveries/{kept.id}/replay")
    assert problem(away)[:2] == (404, "inbox.unknown")


def test_the_shop_is_asked_to_send_its_messages(monkeypatch):
    li = Program()
    made = li.post("connections", TEAS).json()
    asked = []
    known = connectable.of("shopify")
    told = replace(known, subscribe=lambda one, url: asked.append((one.name, url)) or ["orders/create"])
    monkeypatch.setattr(connectable, "of", lambda kind: told)
    done = li.post(f"connections/{made['id']}/subscribe").json()
    assert (done["topics"], asked) == (["orders/create"], [("teas", done["url"])])
    assert done["url"].endswith(made["path"])
    li.post(f"connections/{made['id']}/disconnect")
    assert problem(li.post(f"connections/{made['id']}/subscribe"))[:2] == (409, "connections.retired")


def test_what_people_asked_of_their_shop_is_answered():
    li = Program()
    made, other = (li.post("connections", TEAS | {"name": name}).json() for name in ("teas", "cakes"))
    number = connections.by_name("teas").id
    privacy_requests.ask(connection=number, kind="redact", ref="77", key="k", asked_at=NOW, at=NOW, by=MAREK)
    [asked] = li.get(f"connections/{made['id']}/requests").json()["items"]
    assert (asked["kind"], asked["ref"], asked["settled_at"]) == ("redact", "77", None)
    assert li.get(f"connections/{other['id']}/requests").json()["items"] == []
    path = f"requests/{asked['number']}/settle"
    away = li.post(f"connections/{other['id']}/{path}", {"how": "done"})
    assert problem(away)[:2] == (404, "privacy_requests.unknown")
    assert problem(li.post(f"connections/{made['id']}/{path}", {"how": "  "}))[0] == 422
    done = li.post(f"connections/{made['id']}/{path}", {"how": "deleted"}).json()
    assert done["how"] == "deleted"
    assert li.post(f"connections/{made['id']}/{path}", {"how": "again"}).json() == done
    assert li.get(f"connections/{made['id']}/requests").json()["items"] == []


def test_a_right_is_written_again():
    li = Program()
    made = li.post("connections", TEAS).json()
    number = connections.by_name("teas").id
    writing.allow(connection=number, codes=True, attributes=False, at=NOW, by=MAREK)
    terms = Terms(takes="percent", percent=Decimal(10), starts_at=NOW)
    rights.want_code(key="one", code="TEN", title="Ten off", terms=terms, at=NOW, by=MAREK)
    assert len(writing.claim(connection=number, limit=5, at=NOW).due) == 1
    [right] = li.get(f"connections/{made['id']}/rights").json()["items"]
    again = li.post(f"connections/{made['id']}/rights/{right['id']}/again").json()
    assert (again["state"], again["attempts"]) == ("waiting", 0)
    for wrong in (right["id"] + 1, 2**63 - 1):
        refused = li.post(f"connections/{made['id']}/rights/{wrong}/again")
        assert problem(refused)[:2] == (404, "rights.unknown")
