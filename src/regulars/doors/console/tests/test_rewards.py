"""Rewards in the console: written, opened, filled with codes; taken for a member, sent, taken back."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from regulars.doors.console import rewards as board_of
from regulars.doors.console.rewards import About, _initial
from regulars.doors.console.tests.builders import signed_in
from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.kit.actors import SYSTEM, Actor
from regulars.kit.money import Money
from regulars.levers.loyalty import points, redemptions, rewards
from regulars.levers.loyalty.rewards import Terms
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
THE_SHOP = Actor("connector", "shop")
MUG = {
    "code": "mug",
    "en": "A mug",
    "zh": "杯子",
    "kind": "goods",
    "handed": "sent",
    "currency": "points",
    "price": "100",
    "stock": "3",
    "low_at": "3",
    "per": "ever",
    "cancel_days": "5",
}


@pytest.fixture(autouse=True)
def _a_shop_in_london():
    company.settle(
        name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=clock.now(), by=SYSTEM
    )


@pytest.fixture
def li() -> str:
    """A member with 250 points; her public id."""
    number = customers.resolve_many(namespace="till", refs=["li"], at=clock.now(), by=THE_SHOP, origin="live")["li"]
    points.award(customer=number, amount=250, key="given", at=clock.now(), by=THE_SHOP)
    return customers.get(number).public_id


def plain(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def shown(client: Client, path: str) -> str:
    answer = client.get(f"/console/{path}")
    assert answer.status_code == 200, answer.content[:300]
    return plain(answer)


def writes(client: Client, **more):
    return client.post("/console/rewards/write", MUG | more, follow=True)


def acts(client: Client, act: str, code="mug", **more) -> str:
    return plain(client.post(f"/console/rewards/of/{code}/act", {"act": act, **more}, follow=True))


def test_a_reward_is_written_opened_taken_sent_and_taken_back(li, monkeypatch):
    manager = signed_in("manager")
    assert "No rewards yet" in shown(manager, "rewards/")
    assert "Saved." in plain(writes(manager))
    assert "draft" in shown(manager, "rewards/")
    assert "Members can take it now." in acts(manager, "open")
    page = manager.get(f"/console/members/{li}/points/")
    assert "A mug · 100 points" in plain(page)
    told = {"reward": "mug", "key": uuid4().hex, "back": f"/console/members/{li}/points/"}
    for _twice in range(2):
        assert "It is theirs." in plain(manager.post(f"/console/members/{li}/rewards/take", told, follow=True))
    [mug] = redemptions.of_customer(customers.by_public_id(li).id)
    board = shown(manager, "rewards/")
    assert "few left" in board
    assert "To send or hand over 1" in board
    said = {"act": "ship", "tracking": "Priya, 5 High Street"}
    words = plain(manager.post(f"/console/rewards/taken/{mug.public_id}", said, follow=True))
    assert "letters and digits" in words, "an address is no number"
    sent = {"act": "ship", "tracking": " RM-7 "}
    assert "It is on its way." in plain(manager.post(f"/console/rewards/taken/{mug.public_id}", sent, follow=True))
    assert "RM-7" in shown(manager, "rewards/")
    monkeypatch.setattr(board_of, "WAITING_SHOWN", 1)
    for key in ("p1", "p2"):
        number = customers.by_public_id(li).id
        redemptions.give(customer=number, reward="mug", key=key, at=clock.now(), by=THE_SHOP)
    board = shown(manager, "rewards/")
    assert "To send or hand over 2 The 1 that wait longest are shown." in board
    assert "On its way 1" in board
    monkeypatch.undo()
    back = {"act": "cancel", "why": "damaged"}
    assert "It is taken back" in plain(manager.post(f"/console/rewards/taken/{mug.public_id}", back, follow=True))
    assert "it was damaged" in shown(manager, f"members/{li}/points/")
    assert points.balance(customer=customers.by_public_id(li).id, at=clock.now()).available == 250


def test_what_waits_for_money_is_on_the_board_until_it_is_paid(li):
    manager = signed_in("manager")
    writes(manager, cash="5.00", stock="1")
    acts(manager, "open")
    one = redemptions.take(customer=customers.by_public_id(li).id, reward="mug", key="w", at=clock.now(), by=THE_SHOP)
    board = shown(manager, "rewards/")
    assert "Waits for money 1" in board
    assert "kept until" in board
    paid = {"act": "pay", "payment": "psp-1"}
    assert "It is paid" in plain(manager.post(f"/console/rewards/taken/{one.public_id}", paid, follow=True))
    board = shown(manager, "rewards/")
    assert "Waits for money" not in board
    assert "To send or hand over 1" in board


def test_what_cannot_be_is_refused_at_its_field():
    manager = signed_in("manager")
    for wrong, words in (
        ({"price": "1.5"}, "1.5"),
        ({"zh": ""}, "required"),
        ({"code": "Tea mug"}, "a letter first"),
        ({"kind": "partner"}, "name the partner"),
        ({"price": "0"}, "needs a limit for each person"),
        ({"opens_on": "2026-03-02", "closes_on": "2026-03-01"}, "close after it opens"),
        ({"cash": "1.001"}, "1.001"),
    ):
        refused = writes(manager, **wrong)
        assert refused.status_code == 422
        assert words in plain(refused), wrong
    assert rewards.every() == []


def test_codes_come_into_the_pool_and_are_told_to_whoever_takes_one(li):
    manager = signed_in("manager")
    writes(manager, kind="coupon", handed="code", stock="", cancel_days="0")
    assert "2 codes are new, 1 were there." in acts(manager, "codes", codes="TEA-1\nTEA-2\n\nTEA-1\n")
    acts(manager, "open")
    told = {"reward": "mug", "key": "k"}
    assert "TEA-1" in plain(manager.post(f"/console/members/{li}/rewards/take", told, follow=True))
    assert "TEA-1" not in shown(manager, "rewards/of/mug/")
    assert "Codes in the pool 1" in shown(manager, "rewards/of/mug/")


def test_it_is_changed_closed_and_stocked_up():
    manager = signed_in("manager")
    writes(manager)
    assert "Left 8" in acts(manager, "stock", more="5", key="s")
    assert "Left 8" in acts(manager, "stock", more="5", key="s")
    assert "Enter a whole number" in acts(manager, "stock", more="many", key="t")
    acts(manager, "open")
    assert "Nobody can take it any more." in acts(manager, "close")
    was = rewards.get("mug").changed_at.isoformat()
    assert "another reward has this code" in plain(writes(manager, price="120"))
    writes(manager, price="120", closes_on="2190-01-31", opens_on="2026-01-01", seen=was)
    assert rewards.get("mug").left == 8, "stock has its own act"
    with connection.cursor() as cursor:
        # The clock of a test stands still.
        cursor.execute("UPDATE loyalty_reward SET changed_at = changed_at + interval '1 second'")
    assert "somebody changed it" in plain(writes(manager, price="130", seen=was))
    assert "Left no end" in acts(manager, "no_end")
    assert "Left 3" in acts(manager, "count", left="3")
    again = manager.get("/console/rewards/of/mug/").content.decode()
    assert 'value="120"' in again
    assert 'value="2190-01-31"' in again


def test_what_a_program_said_is_not_lost_when_a_name_is_mended():
    opens = datetime(2026, 5, 1, 18, tzinfo=UTC)
    told = Terms(
        kind="partner",
        handed="sent",
        titles={"en": "A mag", "zh": "杯子"},
        price=100,
        cash=Money(900, "USD"),
        partner="bean",
        owed=Money(500, "EUR"),
        opens_at=opens,
        closes_at=opens + timedelta(days=900),
    )
    rewards.put(code="mug", terms=told, at=clock.now(), by=THE_SHOP)
    # As it may stand once its programme is over.
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE loyalty_reward SET level_prices = '{\"old.status.gold\": 50}', from_level = 'old.status.gold'"
        )
    before = rewards.get("mug").terms
    manager = signed_in("manager")
    page = manager.get("/console/rewards/of/mug/").content.decode()
    assert "Money on top of the points, USD" in page
    form = About(money="GBP", view=rewards.get("mug"), initial=_initial(rewards.get("mug"), "Europe/London"))
    posted = {name: form[name].value() for name in form.fields if form[name].value() not in (None, "")}
    assert "Saved." in plain(manager.post("/console/rewards/write", posted | {"en": "A mug"}, follow=True))
    assert rewards.get("mug").terms == replace(before, titles={"en": "A mug", "zh": "杯子"})


def test_who_only_looks_changes_nothing(li):
    manager, reader = signed_in("manager"), signed_in("read_only")
    writes(manager)
    assert "A mug" in shown(reader, "rewards/")
    assert reader.post("/console/rewards/of/mug/act", {"act": "open"}).status_code == 403
    assert reader.post(f"/console/members/{li}/rewards/take", {"reward": "mug", "key": "k"}).status_code == 403
    assert reader.get("/console/rewards/new").status_code == 403
    assert manager.get("/console/rewards/of/nothing/").status_code == 404


def test_what_costs_money_too_is_theirs_once_somebody_wrote_that_it_is_paid(li):
    manager = signed_in("manager")
    writes(manager, cash="4.50", handed="done")
    acts(manager, "open")
    page = f"/console/members/{li}/points/"
    assert "A mug · 100 points + £4.50" in plain(manager.get(page))
    told = {"reward": "mug", "key": uuid4().hex, "back": page}
    assert "once £4.50 are paid" in plain(manager.post(f"/console/members/{li}/rewards/take", told, follow=True))
    [mug] = redemptions.of_customer(customers.by_public_id(li).id)
    pays = {"act": "pay", "back": page}
    path = f"/console/rewards/taken/{mug.public_id}"
    assert "number of the payment" in plain(manager.post(path, pays | {"payment": "two words"}, follow=True))
    assert "It is paid, and theirs." in plain(manager.post(path, pays | {"payment": "till-7"}, follow=True))
    assert "To send or hand over 1" in shown(manager, "rewards/")


def test_a_manager_gives_a_present_and_an_agent_does_not(li):
    manager = signed_in("manager")
    writes(manager, price="900", most="1")
    acts(manager, "open")
    page = f"/console/members/{li}/points/"
    told = {"act": "give", "reward": "mug", "back": page}
    assert signed_in("agent").post(f"/console/members/{li}/rewards/take", told | {"key": "a"}).status_code == 403
    assert "Give them a present" in plain(manager.get(page))
    assert "a present" in plain(manager.post(f"/console/members/{li}/rewards/take", told | {"key": "b"}, follow=True))
    assert [one.is_gift for one in redemptions.of_customer(customers.by_public_id(li).id)] == [True]
    assert points.balance(customer=customers.by_public_id(li).id, at=clock.now()).available == 250


def test_a_reward_of_which_none_is_left_is_not_said_to_be_had(li):
    manager = signed_in("manager")
    writes(manager, stock="1")
    acts(manager, "open")
    manager.post(f"/console/members/{li}/rewards/take", {"reward": "mug", "key": "k"})
    board = shown(manager, "rewards/")
    assert "none left" in board
    assert "can be taken" not in board
    page = manager.get("/console/rewards/of/mug/").content.decode()
    assert page.count('<details class="part" open') == 1, "what is said is not folded away, what is not is"
