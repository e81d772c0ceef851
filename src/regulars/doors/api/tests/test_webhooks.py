"""Webhooks out through the API."""

import pytest

from regulars.doors.api.tests.builders import Program, problem
from regulars.oversight.outbound import endpoints
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db

ERP = {"name": "erp", "url": "https://erp.example.com/hooks", "kinds": ["commerce.order_recorded"]}


def test_an_endpoint_is_made_once_and_its_secret_told_once():
    li = Program()
    made = li.post("webhooks", ERP).json()
    assert made["id"].startswith("whe_")
    assert made["secret"].startswith("whsec_")
    assert li.post("webhooks", ERP).json() == {**made, "secret": ""}
    shown = li.get(f"webhooks/{made['id']}")
    assert made["secret"] not in shown.content.decode()
    assert (shown.json()["state"], shown.json()["waiting"]) == ("on", 0)
    assert [one["id"] for one in li.get("webhooks").json()["items"]] == [made["id"]]
    assert problem(li.post("webhooks", {**ERP, "kinds": []})) == (409, "webhooks.name_taken", "name")
    [line] = trail.of(f"webhook_endpoint:{endpoints.by_name('erp').id}")
    assert (line.verb, line.by) == ("webhooks.make", f"api:{li.key.id}")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"url": "http://erp.example.com/"}, "webhooks.bad_url", "url"),
        ({"url": "https://169.254.169.254/latest"}, "webhooks.bad_url", "url"),
        ({"url": "https://user:pw@example.com/"}, "webhooks.bad_url", "url"),
        ({"name": "My ERP"}, "webhooks.bad_name", "name"),
        ({"kinds": ["commerce.everything"]}, "webhooks.unknown_kind", "kinds"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(changes, code, field):
    assert problem(Program().post("webhooks", {**ERP, **changes})) == (422, code, field)


def test_it_is_changed_paused_resumed_rotated_and_retired():
    li = Program()
    made = li.post("webhooks", ERP).json()
    where = f"webhooks/{made['id']}"
    assert li.patch(where, {"url": "https://erp.example.com/new"}).json()["url"].endswith("/new")
    assert li.post(f"{where}/pause").json()["state"] == "paused"
    assert li.post(f"{where}/resume").json()["state"] == "on"
    rotated = li.post(f"{where}/rotate", {"overlap_hours": 1}).json()
    assert rotated["secret"] not in {"", made["secret"]}
    assert rotated["old_secret_until"] is not None
    assert li.post(f"{where}/rotate", {"overlap_hours": 0}).json()["old_secret_until"] is None
    assert li.post(f"{where}/replay", {"since": "2026-01-01T00:00:00Z"}).json()["is_replaying"]
    assert li.post(f"{where}/retire").json()["state"] == "retired"
    assert problem(li.post(f"{where}/pause"))[:2] == (409, "webhooks.retired")
    assert problem(li.get("webhooks/whe_00000000000000000000000000"))[:2] == (404, "webhooks.unknown")


def test_a_trial_waits_is_set_aside_and_sent_again_under_one_id():
    li = Program()
    where = f"webhooks/{li.post('webhooks', ERP).json()['id']}"
    trial = li.post(f"{where}/trial").json()
    assert (trial["kind"], trial["state"]) == ("webhooks.trial", "waiting")
    assert li.get(where).json()["waiting"] == 1
    message = f"{where}/messages/{trial['id']}"
    assert li.get(message).json() == trial
    assert li.post(f"{message}/set-aside").json()["state"] == "set_aside"
    assert problem(li.post(f"{message}/set-aside"))[:2] == (409, "webhooks.not_waiting")
    again = li.post(f"{message}/send-again").json()
    assert (again["id"], again["state"]) == (trial["id"], "waiting")
    li.post(f"{where}/trial")
    page = li.get(f"{where}/messages?limit=1&state=waiting").json()
    rest = li.get(f"{where}/messages?limit=1&cursor={page['next']}").json()
    assert [rest["items"][0]["id"], rest["next"]] == [trial["id"], None]
    none = "msg_" + "0" * 26
    assert problem(li.get(f"{where}/messages/{none}"))[:2] == (404, "webhooks.unknown_delivery")
    assert problem(li.get(f"{where}/messages/msg_%00"))[:2] == (404, "id.bad")


def test_what_can_be_heard_is_listed():
    assert "commerce.order_recorded" in Program().get("webhooks/kinds").json()["items"]
