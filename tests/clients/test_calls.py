"""The same seven calls through every client library, unmodified: one shape of rows, whoever wrote the request."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from regulars.facts.events import times
from regulars.runtime.secrets import vault
from tests.clients.clients import BATCHING, CLIENTS, Client, ended
from tests.loudly import skip_loudly
from tests.often import a_few

LI = "li-wei-7"
DEVICE = "device-before-7"
EMAIL = "li.wei@shop.example"
TRAITS = {"email": EMAIL, "firstName": "Wei", "plan": "gold", "visits": 12}
PROPERTIES = {
    "product_id": "tea-250",
    "title": "绿茶 250 g",
    "price": 19.90,
    "total": 1234567.89,
    "in_stock": True,
    "tags": ["spring", "新"],
    "maker": {"region": "Hangzhou", "since": 1897},
    "nothing": None,
    "search": f"tea for {EMAIL}",
}
KEPT = {**PROPERTIES, "price": Decimal("19.9"), "total": Decimal("1234567.89"), "search": "tea for (contact)"}
EVENTS = (
    "SELECT id, kind, name, visitor, device, user_ref, device_ref, message_id, occurred_at, sent_at, received_at,"
    " why_then, origin, data::text AS data FROM events_event WHERE source = %s ORDER BY kind, name"
)


@pytest.fixture(scope="module", params=a_few(len(CLIENTS), [*CLIENTS, BATCHING]), ids=lambda client: client.name)
def sent(request, server, a_source):
    client: Client = request.param
    if lacking := client.lacks():
        skip_loudly(lacking)
    source, key = a_source(f"calls-{[*CLIENTS, BATCHING].index(client)}")
    began = datetime.now(UTC)
    before = (began - timedelta(days=3)).replace(microsecond=0)
    calls = {"user": LI, "device": DEVICE, "traits": TRAITS, "properties": PROPERTIES, "before": before.isoformat()}
    running = client.start(address=server.address, key=key, what="calls", more={"calls": calls, "batch": 20})
    return client, source, began, before, ended(running)


@pytest.fixture
def rows(sent, ask):
    _, source, *_ = sent
    return {
        (row["kind"], row["name"]): row | {"data": json.loads(row["data"], parse_float=Decimal)}
        for row in ask(EVENTS, source)
    }


def test_nothing_fails(sent):
    *_, said = sent

    assert said["failed"] == []
    assert said.get("said", []) == []


def test_every_call_is_one_row_of_its_kind(sent, rows, ask):
    _, source, *_ = sent

    assert list(rows) == [
        (1, "Product Viewed"),
        (1, "Store Visited"),
        (2, ""),
        (3, "Home"),
        (4, "Basket"),
        (5, ""),
        (6, ""),
    ]
    assert len({row["message_id"] for row in rows.values()}) == 7
    assert ask("SELECT count(*) AS n FROM sources_quarantined WHERE source_id = %s", source) == [{"n": 0}]


def test_they_are_about_the_same_person(sent, rows):
    client, *_ = sent

    assert {row["user_ref"] for row in rows.values()} == {LI}
    assert len({row["visitor"] for row in rows.values()}) == 1
    devices = {(row["device"], row["device_ref"]) for row in rows.values()}
    if client.is_browser:
        ((device, ref),) = devices
        assert device is not None
        assert len(ref) == 36
    else:
        assert devices == {(None, None)}


def test_properties_and_traits_are_kept_to_the_digit_in_one_place(rows):
    assert rows[1, "Product Viewed"]["data"]["properties"] == KEPT
    assert rows[1, "Store Visited"]["data"]["properties"] == {"store": "xuhui"}
    assert rows[2, ""]["data"]["traits"] == {"plan": "gold", "visits": 12}
    # A page's own address and title are told by the browser's library alone.
    assert rows[3, "Home"]["data"]["properties"]["section"] == "spring"
    assert rows[4, "Basket"]["data"]["properties"]["lines"] == 2
    assert rows[5, ""]["data"]["traits"] == {"level": "gold"}
    assert rows[5, ""]["data"]["groupId"] == "club-7"
    assert rows[6, ""]["data"]["previousId"] == DEVICE


def test_times_are_when_it_happened(sent, rows):
    _, _, began, before, _ = sent

    for (_, name), row in rows.items():
        assert row["why_then"] == times.Why.TOLD
        assert row["origin"] == "live"
        assert row["sent_at"] is not None
        if name == "Store Visited":
            assert row["occurred_at"] == before
        else:
            assert began - timedelta(seconds=1) <= row["occurred_at"] <= row["received_at"]


def test_what_is_personal_is_sealed_and_nowhere_else(sent, rows, ask):
    _, source, *_ = sent
    plain = ask("SELECT event::text AS line FROM events_event AS event WHERE source = %s", source)
    sealed = ask("SELECT event, sealed_for, sealed FROM events_hidden")
    opened = {
        one["event"]: json.loads(
            vault.open_(
                person=one["sealed_for"],
                table="events_hidden",
                column="sealed",
                row=one["event"],
                sealed=bytes(one["sealed"]),
            )
        )
        for one in sealed
    }

    assert [row for row in plain if EMAIL in row["line"] or "Wei" in row["line"]] == []
    assert opened[rows[1, "Product Viewed"]["id"]]["properties.search"] == PROPERTIES["search"]
    assert opened[rows[2, ""]["id"]]["traits.email"] == EMAIL
    assert opened[rows[2, ""]["id"]]["traits.firstName"] == "Wei"
