"""A program tells us of its shop: batches that come badly, one bad item among good ones, and everything once more."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from regulars.doors.connectors import commands, taking
from regulars.doors.connectors.tests.shopkeeping import (
    EXAMPLES,
    LONG_AGO,
    LONG_PAST,
    MAREK,
    badly,
    differences,
    kept,
    measured,
    recorded_orders,
    recorded_people,
    recorded_stock,
)
from regulars.facts.commerce import stock
from regulars.facts.customers import customers, profiles
from regulars.facts.sources import connections, inbox
from regulars.facts.sources.connectable import BadCredentials
from regulars.facts.sources.connections import Connection

OLD, NEW = "whsec_" + "a" * 32, "whsec_" + "b" * 32


def connected(name: str) -> Connection:
    return connections.connect(
        name=name, kind="generic", zone="Europe/London", credentials={"secret": OLD}, at=LONG_AGO, by=MAREK
    )


def post(connection: Connection, told: bytes, message: str, secret: str = OLD) -> tuple[int, dict[str, Any]]:
    now = datetime.now(UTC)
    answer = Client().post(
        f"/hooks/generic/{connection.public_id}",
        data=told,
        content_type="application/json",
        headers={
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(message, now, told.decode()),
        },
    )
    return answer.status_code, json.loads(answer.content or b"{}")


class Program:
    """A shop of somebody's own, which tells of each thing as it stands when it changes."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = datetime(2026, 3, 2, 8, tzinfo=UTC)
        self.things: dict[tuple[str, str], dict[str, Any]] = {}
        self.told: list[dict[str, Any]] = []
        self.orders: list[str] = []

    def set(self, kind: str, ref: str, **facts: object) -> None:
        self.things[kind, ref] = {"type": kind, "ref": ref, "updated_at": self.now.isoformat(), **facts}
        self.told.append(dict(self.things[kind, ref]))
        if kind == "order":
            self.orders.append(ref)

    def live(self, acts: int) -> None:
        for n in range(acts):
            self.now += timedelta(seconds=self.chance.choice([1, 30]))
            orders = self.orders
            act = self.chance.random()
            if act < 0.5 or not orders:
                ref, amount = f"o{n}", self.chance.randint(100, 9000)
                line = {"number": 1, "product_ref": "tea", "quantity": 1, "unit_price": f"{amount / 100:.2f}"}
                self.set(
                    *("order", ref),
                    number=ref,
                    placed_at=self.now.isoformat(),
                    currency="GBP",
                    customer_ref=self.chance.choice(["c1", "c2", None]),
                    lines=[line],
                    total=line["unit_price"],
                    paid="0",
                )
            elif act < 0.7:
                order = self.things["order", self.chance.choice(orders)]
                order |= {"paid": order["total"], "updated_at": self.now.isoformat()}
                self.told.append(dict(order))
            elif act < 0.85:
                order = self.things["order", self.chance.choice(orders)]
                order |= {"state": "cancelled", "updated_at": self.now.isoformat()}
                self.told.append(dict(order))
            else:
                self.set("customer", self.chance.choice(["c1", "c2"]), family_name=f"Nr{n}")
                level = {"variant_ref": "tea-1", "store": "leeds", "on_hand": self.chance.randint(0, 40)}
                self.told.append({"type": "stock", "updated_at": self.now.isoformat(), **level})
                self.things["stock", "tea-1"] = self.told[-1]

    def batches(self, told: list[dict[str, Any]], size: int = 3) -> list[bytes]:
        return [json.dumps({"items": told[at : at + size]}).encode() for at in range(0, len(told), size)]


def expected(program: Program) -> dict[str, Any]:
    found: dict[str, Any] = {"orders": {}, "people": {}, "stock": {}}
    for (kind, ref), one in program.things.items():
        if kind == "order":
            total = round(float(one["total"]) * 100)
            found["orders"][ref] = (
                *(one["customer_ref"], total, one.get("state") == "cancelled"),
                total if one["paid"] == one["total"] else 0,
            )
        elif kind == "customer":
            found["people"][ref] = one["family_name"]
        else:
            found["stock"]["tea-1", "leeds"] = one["on_hand"]
    return found


def recorded(program: Program, space: str) -> dict[str, Any]:
    people = {ref for kind, ref in program.things if kind == "customer"}
    orders = recorded_orders(space, [ref for kind, ref in program.things if kind == "order"], ["c1", "c2"])
    return {
        "orders": {
            ref: (one["customer"], one["total"], one["is_cancelled"], one["paid"]) for ref, one in orders.items()
        },
        "people": recorded_people(space, people),
        "stock": recorded_stock(space, ["tea-1"], program.now),
    }


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES <= 3)
@given(seed=st.integers(1, 10**9))
def test_told_badly_and_then_once_more_the_end_is_the_shops_own_state(db: None, seed: int) -> None:
    program = Program(seed)
    with transaction.atomic():
        connection = connected(f"ours-{seed}")
        program.live(25)
        for n, told in badly(list(enumerate(program.batches(program.told))), seed):
            assert post(connection, told, f"m{n}") == (200, {"taken": len(json.loads(told)["items"]), "refused": []})
        taking.take_waiting(connection=connection.id, limit=10_000)

        # At night it tells of everything as it stands, with a new secret that is not yet everywhere.
        connections.rotate_secret(connection=connection.id, credentials={"secret": NEW}, at=datetime.now(UTC), by=MAREK)
        for n, told in enumerate(program.batches(list(program.things.values()))):
            assert post(connection, told, f"night{n}", NEW if n % 2 else OLD)[0] == 200
        taking.take_waiting(connection=connection.id, limit=10_000)

        assert differences(recorded(program, connection.namespace), expected(program)) == []
        assert not inbox.search(connection=connection.id, state="not_understood")
        transaction.set_rollback(True)


@pytest.mark.skipif(not LONG_PAST, reason="long: make shopfronts")
def test_long_form_ten_thousand_orders_of_the_past(fresh_database: dict[str, str]) -> None:
    program = Program(2026)
    with kept(is_long=True):
        connection = connected("ours")
        # Half of what happens there is a new order.
        program.live(LONG_PAST * 2)
        with measured("messages", is_long=True):
            for n, told in badly(list(enumerate(program.batches(program.told, 50))), 2026):
                assert post(connection, told, f"m{n}")[0] == 200
            taking.take_waiting(connection=connection.id, limit=100_000)
        with measured("everything once more", is_long=True):
            for n, told in enumerate(program.batches(list(program.things.values()), 500)):
                assert post(connection, told, f"night{n}")[0] == 200
            taking.take_waiting(connection=connection.id, limit=100_000)
        assert differences(recorded(program, connection.namespace), expected(program)) == []
        assert not inbox.search(connection=connection.id, state="not_understood")


def test_a_bad_item_keeps_out_itself_alone_also_where_only_a_room_finds_it(db: None) -> None:
    connection, at = connected("ours"), "2026-03-02T08:00:00Z"
    told = json.dumps(
        {
            "items": [
                {"type": "stock", "variant_ref": "tea-1", "store": "x" * 150, "on_hand": 1, "updated_at": at},
                {"type": "customer", "ref": "c2", "updated_at": at, "family_name": "Li"},
                {"type": "customer", "ref": "c3", "updated_at": "08:00"},
            ]
        }
    ).encode()

    status, answer = post(connection, told, "m1")
    taking.take_waiting(connection=connection.id)

    assert (status, answer["taken"], answer["refused"][0]["field"]) == (200, 2, "updated_at")
    assert recorded_people("ours", ["c2"]) == {"c2": "Li"}
    [kept] = inbox.search(connection=connection.id)
    assert (kept.state, kept.came["ignored_refused"]) == ("not_understood", 1)
    assert kept.why.startswith("1 of its things")


def test_it_is_connected_by_a_command_with_its_secret_in_a_file(db: None, tmp_path: Path) -> None:
    file = tmp_path / "secret.json"
    file.write_text(json.dumps({"secret": OLD}))
    done = CliRunner().invoke(
        commands.connection,
        ["add", "our-shop", "--kind", "generic", "--credentials", str(file)],
        catch_exceptions=False,
    )

    assert done.exit_code == 0, done.output
    assert "/hooks/generic/con_" in done.output
    told = {"type": "customer", "ref": "c2", "updated_at": "2026-03-02T08:00:00Z", "family_name": "Li"}
    assert post(connections.by_name("our-shop"), json.dumps({"items": [told]}).encode(), "m1")[0] == 200


@pytest.mark.parametrize(
    "masked",
    [
        {"family_name": "L*", "given_name": "***", "email": "l***@wei.cn", "phone": "138****5678", "address": "******"},
        {"family_name": "[redacted]", "given_name": "*明", "email": "[deleted]", "phone": "REDACTED", "address": "●●●"},
    ],
)
def test_a_mask_never_takes_the_place_of_what_is_known(db: None, masked: dict[str, str]) -> None:
    connection = connected("ours")
    plain = {
        "family_name": "Li",
        "given_name": "Wei",
        "email": "li@wei.cn",
        "phone": "+8613812345678",
        "address": "3*4 Tea Lane",
    }
    for hour, told in ((8, plain), (9, masked)):
        item = {"type": "customer", "ref": "c2", "updated_at": f"2026-03-02T{hour:02}:00:00Z", **told}
        post(connection, json.dumps({"items": [item]}).encode(), f"m{hour}")
    taking.take_waiting(connection=connection.id)

    [number] = customers.find_many(namespace="ours", refs=["c2"]).values()
    assert profiles.opened([number], list(plain)) == {number: plain}


def test_a_misspelled_secret_is_no_new_secret(db: None, tmp_path: Path) -> None:
    connection, file = connected("ours"), tmp_path / "secret.json"
    file.write_text(json.dumps({"secert": NEW}))
    done = CliRunner().invoke(commands.connection, ["rotate", "ours", "--credentials", str(file), "--hours", "0"])

    assert isinstance(done.exception, BadCredentials)
    assert "send secret" in str(done.exception)
    assert connections.secrets_of(connection=connection.id, at=datetime.now(UTC)).keys("secret") == (OLD,)


def level(ref: str, **other: object) -> dict[str, Any]:
    told = {"variant_ref": ref, "store": "leeds", "on_hand": 4, "updated_at": "2026-03-02T10:00:00Z"}
    return {"type": "stock", **told, **other}


def test_a_message_of_half_characters_is_answered_and_stops_nobody(db: None):
    connection = connected("odd-till")
    for number, item in enumerate(({"type": "\ud800"}, {**level("tea"), "a\ud800": 1}, {**level("tea"), "a\0b": 1})):
        status, told = post(connection, json.dumps({"items": [item]}).encode(), f"odd-{number}")
        assert (status, told["taken"]) == (422, 0)

    assert taking.take_waiting(connection=connection.id) == 3
    assert {one.code for one in inbox.search(connection=connection.id)} == {"refused"}


def test_a_topic_of_half_a_character_is_kept(db: None):
    connection = connected("odd-topic")
    kept = inbox.keep(connection=connection.id, key="k", topic="a\ud800\0", body=b"\xff", at=LONG_AGO)
    inbox.settle(number=kept.id, as_="not_understood", code="odd", why="b\ud800\0", at=LONG_AGO)
    assert (inbox.get(kept.id).topic, inbox.get(kept.id).why) == ("a??", "b??")


def test_one_poisoned_delivery_is_settled_and_the_next_is_taken(db: None, monkeypatch: pytest.MonkeyPatch):
    connection = connected("poisoned-till")
    for name in ("bad", "good"):
        assert post(connection, json.dumps({"items": [level(name)]}).encode(), name)[0] == 200
    bad, good = sorted(one.id for one in inbox.search(connection=connection.id))
    hold_many, record_many = inbox.hold_many, stock.record_many

    def broken(**asked: Any) -> list[tuple[inbox.Delivery, bytes | None]]:
        held = hold_many(**asked)
        if bad in {one.id for one, _ in held}:
            raise pl.exceptions.ComputeError("poison")
        return held

    monkeypatch.setattr(inbox, "hold_many", broken)
    assert taking.take_waiting(connection=connection.id) == 2
    assert (inbox.get(bad).state, inbox.get(bad).code, inbox.get(good).state) == ("not_understood", "our_fault", "done")
    assert inbox.get(bad).why.startswith("ComputeError")

    def poisoned(*, told: pl.DataFrame, **more: Any) -> object:
        if "bad" in told["variant_ref"].to_list():
            raise pl.exceptions.ComputeError("poison")
        return record_many(told=told, **more)

    monkeypatch.setattr(stock, "record_many", poisoned)
    items = [
        level("bad", updated_at="2026-03-02T11:00:00Z"),
        level("good", on_hand=7, updated_at="2026-03-02T11:00:00Z"),
    ]
    assert post(connection, json.dumps({"items": items}).encode(), "both")[0] == 200
    assert taking.take_waiting(connection=connection.id) == 1
    [both, *_] = inbox.search(connection=connection.id)
    assert (both.state, both.code) == ("not_understood", "our_fault")
    assert both.came == {"new": 1} or both.came == {"changed": 1}
