"""Asking about customers and the shop: masks, pages, and ids that are nobody's."""

from datetime import UTC, datetime

import pytest

from regulars.doors.api.tests.builders import MAREK, Program, problem
from regulars.facts.company import company
from regulars.facts.customers import customers, profiles
from regulars.facts.sources import api_keys

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)


def test_a_customer_is_shown_masked_and_nothing_of_her_in_plain():
    till = Program()
    who = till.record(country="GB")["customer"]
    profiles.describe(
        customer=customers.by_public_id(who).id,
        profile=profiles.Profile(
            given_name="Priya",
            family_name="Raman",
            email="priya.raman@example.com",
            phone="+447700900123",
            birthday="1990-12-31",
            address="1 Long Lane",
            note="likes hats",
        ),
        key="told",
        at=NOW,
        by=MAREK,
    )
    answer = till.get(f"customers/{who}")
    told = answer.json()
    assert set(told) == {
        "id",
        "origin",
        "country",
        "language",
        "first_seen_at",
        "masked_name",
        "masked_email",
        "masked_phone",
    }
    assert (told["id"], told["country"], told["origin"]) == (who, "GB", "live")
    assert told["masked_email"].endswith("@example.com")
    for secret in ("Priya", "Raman", "priya.raman", "7700900", "1990", "Long Lane", "hats"):
        assert secret not in answer.content.decode()


def test_a_key_that_may_reveal_contacts_gets_masks_here_too():
    who = Program().record()["customer"]
    curious = Program("members.read", "contacts.reveal", name="curious")
    assert "masked_name" in curious.get(f"customers/{who}").json()


def test_the_pages_of_a_customers_orders_follow_each_other():
    till = Program()
    for n in range(5):
        told = till.record(ref=str(n), placed_at=f"2026-03-0{n + 1}T10:00:00.{n:06d}Z")
    till.record(ref="marek", customer_ref="marek")
    seen, cursor = [], ""
    while True:
        page = till.get(f"customers/{told['customer']}/orders?limit=2&cursor={cursor}").json()
        seen += [order["ref"] for order in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == ["4", "3", "2", "1", "0"]


def test_a_cursor_of_another_list_is_refused():
    till = Program()
    priya = till.record(ref="0")["customer"]
    till.record(ref="1")
    marek = till.record(ref="m", customer_ref="marek")["customer"]
    cursor = till.get(f"customers/{priya}/orders?limit=1").json()["next"]
    for wrong in (cursor[:-2], "x", "W10", "%00", cursor + "A" * 2000):
        assert problem(till.get(f"customers/{priya}/orders?cursor={wrong}")) == (422, "paging.bad_cursor", "cursor")
    assert problem(till.get(f"customers/{marek}/orders?cursor={cursor}")) == (422, "paging.bad_cursor", "cursor")


@pytest.mark.parametrize("limit", ["0", "-1", "201", "many", "1" * 5000])
def test_a_page_has_a_sensible_size(limit):
    till = Program()
    who = till.record()["customer"]
    status, _, field = problem(till.get(f"customers/{who}/orders?limit={limit}"))
    assert (status, field) == (422, "limit")


def test_the_shop_says_who_it_is():
    till = Program()
    assert till.get("shop").json()["is_settled"] is False
    company.settle(name="Hüte", currency="EUR", zone="Europe/Berlin", language="en", country="DE", at=NOW, by=MAREK)
    assert till.get("shop").json() == {
        "name": "Hüte",
        "currency": "EUR",
        "zone": "Europe/Berlin",
        "language": "en",
        "country": "DE",
        "is_settled": True,
    }


NOBODYS = ["0" * 26, "7" + "z" * 25, "8" + "z" * 25, "z" * 27, "1", "", "%00", "é", "../../shop", "%F0%9F%8E%A9"]


@pytest.mark.parametrize("letters", NOBODYS)
def test_an_id_that_is_nobodys_is_not_found_whatever_it_looks_like(letters):
    till = Program()
    till.record()
    for path in ("customers/{}", "customers/{}/orders", "customers/{}/readings"):
        assert problem(till.get(path.format(f"cus_{letters}")))[0] == 404
    assert problem(till.get(f"orders/ord_{letters}"))[0] == 404
    assert problem(till.post(f"orders/ord_{letters}/cancel"))[0] == 404
    assert problem(till.post(f"orders/ord_{letters}/refunds", key="rma-1"))[0] == 404


def test_numbers_of_rows_and_ids_of_other_kinds_open_nothing():
    till = Program()
    told = till.record()
    row = customers.by_public_id(told["customer"]).id
    for wrong in (str(row), f"cus_{row}", told["id"], told["customer"].replace("cus_", "ord_")):
        assert problem(till.get(f"customers/{wrong}"))[0] == 404
    assert problem(till.get(f"orders/{told['customer']}"))[0] == 404


def test_a_revoked_key_opens_nothing():
    till = Program()
    assert till.get("shop").status_code == 200
    api_keys.revoke(name="till", at=datetime.now(UTC), by=MAREK)
    assert problem(till.get("shop"))[:2] == (401, "key.missing_or_wrong")
