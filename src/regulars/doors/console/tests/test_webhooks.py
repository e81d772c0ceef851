"""Webhooks in the console: who hears what, how it goes, and what a manager can do about it."""

import pytest
from django.test import Client
from django.utils.translation import override

from regulars.doors.console import webhooks
from regulars.doors.console.tests.builders import signed_in
from regulars.oversight.outbound import deliveries, endpoints
from regulars.oversight.outbound.endpoints import Endpoint

pytestmark = pytest.mark.django_db


def added(client: Client, **changes: object) -> tuple[Endpoint, str]:
    told = {"name": "erp", "url": "https://erp.example.com/hooks", "kinds": ["commerce.order_recorded"]} | changes
    answer = client.post("/console/webhooks/make", told)
    assert answer.status_code == 200, answer.content
    return endpoints.by_name(str(told["name"])), answer.content.decode()


def test_an_endpoint_is_added_and_its_secret_shown_once():
    ana = signed_in("owner")
    assert "Nobody listens yet" in ana.get("/console/webhooks/").content.decode()
    erp, shown = added(ana, description="Orders for the warehouse")
    assert "whsec_" in shown
    page = ana.get(f"/console/webhooks/{erp.public_id}/").content.decode()
    assert "whsec_" not in page
    assert "An order came in" in page
    listed = ana.get("/console/webhooks/").content.decode()
    assert "erp" in listed
    assert "Orders for the warehouse" in listed
    assert "nothing sent yet" in listed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "http://10.0.0.1/"}, "a public host, port 443 or 8443"),
        ({"name": "My ERP"}, "Use small letters, digits"),
        ({"kinds": ["nothing"]}, "nothing"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(changes, words):
    told = {"name": "erp", "url": "https://erp.example.com/hooks"} | changes
    answer = signed_in("manager").post("/console/webhooks/make", told)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert endpoints.every() == []


def test_it_is_tried_paused_resumed_rotated_replayed_and_retired():
    ana = signed_in("manager")
    erp, _ = added(ana)
    where = f"/console/webhooks/{erp.public_id}/"
    for act, state in (("pause", "paused"), ("resume", "on"), ("trial", "on")):
        assert ana.post(f"{where}act", {"act": act}).status_code == 302
        assert endpoints.get(erp.id).state == state
    [trial] = deliveries.of_endpoint(erp.id)
    assert "not tried yet" in ana.get(where).content.decode()
    assert ana.post(f"{where}messages/{trial.message_id}/again").status_code == 302
    assert "whsec_" in ana.post(f"{where}rotate").content.decode()
    assert ana.post(f"{where}replay", {"days": "7"}).status_code == 302
    assert "being sent again" in ana.get(where).content.decode()
    assert ana.post(f"{where}replay", {"days": "8"}).status_code == 404
    assert ana.post(f"{where}act", {"act": "fly"}).status_code == 404
    assert ana.post(f"{where}act", {"act": "retire"}).status_code == 302
    assert ana.post(f"{where}act", {"act": "resume"}).status_code == 404
    assert "Retire it for good" not in ana.get(where).content.decode()


def test_who_may_only_look_sees_no_button_and_the_others_see_nothing():
    erp, _ = added(signed_in("owner"))
    where = f"/console/webhooks/{erp.public_id}/"
    analyst = signed_in("analyst")
    assert 'value="trial"' not in analyst.get(where).content.decode()
    assert analyst.post(f"{where}act", {"act": "pause"}).status_code == 403
    assert signed_in("shop_assistant").get(where).status_code == 403
    assert analyst.get(f"/console/webhooks/whe_{'0' * 26}/").status_code == 404


def test_trouble_is_said_in_words_and_in_chinese():
    assert webhooks.trouble("", 204) == ""
    assert webhooks.trouble("status", 503) == "it answered with an error (503)"
    with override("zh-hans"):
        assert webhooks.trouble("tls", None) == "证书不受信任，或属于别的域名"
    erp, _ = added(signed_in("owner"))
    chinese = signed_in("manager", language="zh-hans").get(f"/console/webhooks/{erp.public_id}/").content.decode()
    assert "尚未发送" in chinese
    assert "来了一张订单" in chinese
