"""A provider tells of money for memberships: by Stripe's webhook and by our own format."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from standardwebhooks import Webhook

from regulars.doors.connectors import taking
from regulars.doors.connectors.stripe.tests.test_translate import INVOICE, an_event, signature
from regulars.facts.customers import customers
from regulars.facts.sources import connections, inbox
from regulars.facts.sources.connections import Connection
from regulars.kit import ids
from regulars.kit.actors import SHELL, SYSTEM
from regulars.levers.loyalty import memberships, programmes
from regulars.levers.loyalty.memberships import Consent, MembershipView
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
PROGRAMME = """
programme: club
money: GBP
rules: [{id: spend, kind: spend, points: 1, per: 1}]
plans:
  - {id: monthly, price: "9.90", every: month, terms: {version: v1, en: Pay by the month., zh: 按月付费。}}
"""
KEY = "whsec_" + "a" * 32


@pytest.fixture
def mine() -> MembershipView:
    at = clock.now() - timedelta(hours=1)
    made = programmes.draft(text=PROGRAMME, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    li = customers.resolve_many(namespace="shop", refs=["li"], at=at, by=SYSTEM, origin="live")["li"]
    return memberships.join(
        customer=li, plan="club.monthly", consent=Consent("v1", "en", "web"), key="j", at=clock.now(), by=SYSTEM
    )


def connected(kind: Any) -> Connection:
    return connections.connect(
        name="billing", kind=kind, zone="UTC", credentials={"secret": KEY}, at=clock.now(), by=SYSTEM
    )


def tells(connection: Connection, kind: str, told: dict[str, Any], number: str, **more: Any) -> int:
    body = json.loads(an_event(kind, told, **more)) | {"id": number}
    raw = json.dumps(body).encode()
    answer = Client().post(
        f"/hooks/stripe/{connection.public_id}",
        data=raw,
        content_type="application/json",
        headers={"stripe-signature": signature(raw, at=clock.now(), secret=KEY)},
    )
    taking.take_waiting(connection=connection.id)
    return answer.status_code


def stands(one: MembershipView) -> tuple[str, bool, int]:
    now = memberships.get(one.id, at=clock.now())
    return now.state, now.is_paid, now.meter.paid.minor


def test_an_invoice_pays_a_membership_once_a_part_that_goes_back_ends_nothing_and_all_of_it_does(mine):
    billing = connected("stripe")
    ours = INVOICE | {"parent": {"subscription_details": {"metadata": {"membership": mine.public_id}}}}
    assert stands(mine) == ("waiting", False, 0)
    assert tells(billing, "invoice.payment_failed", ours, "evt_0") == 200
    assert stands(mine) == ("waiting", False, 0)
    for number in ("evt_1", "evt_1", "evt_2"):
        assert tells(billing, "invoice.paid", ours, number) == 200
    assert stands(mine) == ("active", True, 990)
    charge = {"id": "ch_1", "currency": "gbp", "amount": 990, "refunded": False, "invoice": "in_1"}
    tells(billing, "charge.refunded", charge | {"amount_refunded": 300}, "evt_3")
    assert stands(mine) == ("active", True, 690)
    before = {"previous_attributes": {"amount_refunded": 300}}
    whole = charge | {"amount_refunded": 990, "refunded": True}
    for number in ("evt_4", "evt_5"):
        tells(billing, "charge.refunded", whole, number, data=before)
    assert stands(mine) == ("ended", True, 0)
    kinds = [one.kind for one in memberships.history(mine.id)]
    assert (kinds.count("paid"), kinds.count("refunded")) == (1, 2)


def test_money_of_nobodys_membership_is_kept_to_look_at_and_taken_again_once_it_is_somebodys(mine):
    billing = connected("stripe")
    charge = {"id": "ch_1", "currency": "gbp", "amount_refunded": 990, "refunded": True, "invoice": "in_1"}
    tells(billing, "charge.refunded", charge, "evt_1")
    tells(billing, "invoice.paid", INVOICE | {"metadata": {"membership": ids.public("mbs", uuid4())}}, "evt_2")
    waiting = inbox.search(connection=billing.id, state="not_understood")
    assert [one.code for one in waiting] == ["memberships.unknown", "no_membership"]
    assert stands(mine) == ("waiting", False, 0)
    tells(billing, "invoice.paid", INVOICE | {"metadata": {"membership": mine.public_id}}, "evt_3")
    inbox.replay(number=waiting[1].id, at=clock.now(), by=SYSTEM)
    taking.take_waiting(connection=billing.id)
    assert stands(mine)[0] == "ended", "it went back what was paid since"
    forged = Client().post(f"/hooks/stripe/{billing.public_id}", data=b"{}", content_type="application/json")
    assert forged.status_code == 401


def test_a_program_of_any_provider_tells_it_in_our_own_format(mine):
    billing = connected("generic")

    def posts(number: str, *items: dict[str, Any]) -> dict[str, Any]:
        now, told = clock.now(), json.dumps({"items": list(items)})
        headers = {
            "webhook-id": number,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(KEY).sign(number, now, told),
        }
        answer = Client().post(
            f"/hooks/generic/{billing.public_id}", data=told, content_type="application/json", headers=headers
        )
        taking.take_waiting(connection=billing.id)
        return dict(json.loads(answer.content))

    paid = {
        "type": "membership_payment",
        "membership": mine.public_id,
        "payment": "p-1",
        "state": "paid",
        "amount": "9.90",
        "currency": "GBP",
    }
    assert posts("m1", paid, paid | {"state": "maybe"})["taken"] == 1
    assert stands(mine) == ("active", True, 990)
    back = {"type": "membership_payment", "payment": "r-1", "of": "p-1", "state": "refunded", "currency": "GBP"}
    posts("m2", back | {"amount": "5"})
    assert stands(mine) == ("active", True, 490)
    posts("m3", back | {"amount": "4.90", "payment": "r-2"})
    assert stands(mine) == ("ended", True, 0)
    refused = posts("m4", {name: value for name, value in paid.items() if name != "membership"})
    assert refused["refused"][0]["field"] == "membership"
