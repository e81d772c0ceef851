"""A program at the door, with a key in its pocket."""

import json
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.test import Client

from regulars.facts.sources import api_keys
from regulars.kit.actors import Actor

MAREK = Actor("operator", "7")
EVERYTHING = (
    *("orders.read", "orders.write", "members.read", "members.edit", "insight.read", "company.read"),
    *("company.write",),
    *("preferences.read", "preferences.change", "consent.manage", "contacts.reveal"),
    *("sources.read", "sources.manage", "quarantine.read", "quarantine.mend", "events.read"),
    *("webhooks.read", "webhooks.manage", "exports.read", "exports.manage"),
    *("rights.read", "rights.write"),
    *("identity.read", "identity.decide", "identity.rules"),
    *("catalogue.read", "catalogue.write"),
    *("audiences.manage", "members.export"),
    *("points.read", "points.manage", "points.award", "points.spend", "benefits.use", "memberships.money"),
)

#: Priya buys a coat and two hats.
COAT_AND_HATS: dict[str, Any] = {
    "ref": "1001",
    "namespace": "shop",
    "placed_at": "2026-03-02T10:00:00+00:00",
    "currency": "GBP",
    "customer_ref": "priya",
    "lines": [
        {"product_ref": "coat", "title": "Coat", "quantity": "1", "unit_price": "80.00"},
        {"product_ref": "hat", "quantity": "2", "unit_price": "9.995"},
    ],
}


class Program:
    """Calls the API with one key."""

    def __init__(self, *may: str, name: str = "till") -> None:
        made = api_keys.make(name=name, may=may or EVERYTHING, at=datetime.now(UTC), by=MAREK)
        self.key, self.token = made.key, made.token
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str) -> HttpResponse:
        return Client().get(f"/api/v1/{path}", headers=self.headers)

    def post(self, path: str, body: Any = None, *, key: str | None = None, raw: bytes | None = None) -> HttpResponse:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        return Client(raise_request_exception=False).post(
            f"/api/v1/{path}", data, content_type="application/json", headers=headers
        )

    def patch(self, path: str, body: Any, *, key: str | None = None) -> HttpResponse:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        return Client(raise_request_exception=False).patch(
            f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers
        )

    def put(self, path: str, body: Any) -> HttpResponse:
        return Client(raise_request_exception=False).put(
            f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=self.headers
        )

    def delete(self, path: str, *, key: str | None = None) -> HttpResponse:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        return Client(raise_request_exception=False).delete(f"/api/v1/{path}", headers=headers)

    def record(self, **changes: Any) -> dict[str, Any]:
        answer = self.post("orders", COAT_AND_HATS | changes)
        assert answer.status_code == 200, answer.content
        return dict(answer.json())


def problem(answer: HttpResponse) -> tuple[int, str, str | None]:
    """Status, code and field of a refusal, which must look like one."""
    assert answer["Content-Type"] == "application/problem+json", answer.content
    told = json.loads(answer.content)
    assert told["status"] == answer.status_code
    assert told["detail"]
    assert "Traceback" not in answer.content.decode()
    return told["status"], told["code"], told.get("field")
