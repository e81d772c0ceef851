"""Sales told twice, in the console: side by side, decided by a manager, linked from Today."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from regulars.doors.console.tests.builders import MONDAY, signed_in
from regulars.doors.console.tests.test_orders import an_order
from regulars.facts.commerce import doubles, orders
from regulars.facts.company import company
from regulars.kit.actors import SYSTEM
from regulars.runtime.preferences.preferences import read

pytestmark = pytest.mark.django_db


def text(client, path) -> str:
    return " ".join(client.get(path).content.decode().split())


def test_a_pair_waits_on_today_is_decided_and_taken_back():
    company.settle(
        name="Willow", currency="GBP", zone="Europe/London", language="en", country="GB", at=MONDAY, by=SYSTEM
    )
    told = [
        an_order(f"<{n}>", number=f"#100{n}", customer_ref=who, at=MONDAY + timedelta(seconds=20 * n))
        for n, who in enumerate(("priya", "priya", "li", "li"))
    ]
    manager, assistant = signed_in("manager"), signed_in("shop_assistant")
    page = text(manager, "/console/told-twice/")
    assert "No sale looks told twice" in page
    assert "told twice" not in text(manager, "/console/")
    assert manager.post("/console/told-twice/look").status_code == 302
    assert "are being looked through" in text(manager, "/console/told-twice/")
    doubles.go_through()
    pairs = doubles.listed().items
    assert "2 sales look told twice" in text(manager, "/console/")

    with CaptureQueriesContext(connection) as spent:
        page = text(manager, "/console/told-twice/")
    assert len(spent) == 11, [query["sql"][:80] for query in spent]
    assert "Told twice by one source within a minute" in page
    assert "20 seconds apart" in page
    assert "&lt;1&gt;" in page
    mine = text(assistant, "/console/told-twice/")
    assert "#1001" in mine
    assert "counts no more</button>" not in mine
    address = f"/console/told-twice/{pairs[1].public_id}"
    assert assistant.post(address, {"act": "confirm", "why": "store"}).status_code == 403

    answer = manager.post(address, {"act": "confirm", "why": "store"}, follow=True).content.decode()
    assert "It is one sale" in answer
    assert (
        "somebody decided otherwise"
        in manager.post(address, {"act": "dismiss", "why": "store"}, follow=True).content.decode()
    )
    page = text(manager, "/console/told-twice/?state=same")
    assert "manager decided it on" in page
    assert "the store was asked" in page
    page = text(manager, f"/console/orders/{told[1]}/")
    assert "It tells of the same sale as order" in page
    assert "Found to be told twice" in page
    assert manager.post(address, {"act": "reopen", "state": "same"}).status_code == 302
    assert orders.by_public_id(told[1]).kind == "purchase"
    assert manager.post(address, {"act": "odd"}).status_code == 404
    assert manager.post("/console/told-twice/minutes", {"minutes": 9}).status_code == 403
    signed_in("owner").post("/console/told-twice/minutes", {"minutes": 9})
    assert read(doubles.MINUTES) == 9
