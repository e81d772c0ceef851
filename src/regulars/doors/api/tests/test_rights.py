"""Rights through the API."""

from datetime import UTC, datetime

import pytest

from regulars.doors.api.tests.builders import MAREK, Program, problem
from regulars.facts.customers import customers
from regulars.facts.sources import connections

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
FIVE = {"takes": "amount", "amount": "5.00", "currency": "GBP", "least": "20", "starts_at": "2026-03-02T10:00:00Z"}
CODE = {"code": "LI-5-OFF", "title": "Five off", "terms": FIVE}


def li_of_teas() -> str:
    known = customers.resolve_many(namespace="teas", refs=["li"], at=MONDAY, by=MAREK, origin="live")
    return customers.get(known["li"]).public_id


def teas() -> str:
    made = connections.connect(name="teas", kind="shopify", zone="UTC", credentials={"k": "s"}, at=MONDAY, by=MAREK)
    return made.public_id


def test_a_code_is_wanted_once_changed_and_taken_back():
    program = Program()
    made = program.put("rights/codes/coupon-1", CODE | {"customer": li_of_teas()}).json()
    assert (made["code"], made["terms"]["amount"], made["terms"]["least"], made["version"]) == (
        *("LI-5-OFF", "5.00", "20.00"),
        1,
    )
    assert program.put("rights/codes/coupon-1", CODE | {"customer": made["customer"]}).json() == made
    percent = {"takes": "percent", "percent": "12.5", "starts_at": "2026-03-02T10:00:00Z", "uses": None}
    changed = program.put("rights/codes/coupon-1", CODE | {"terms": percent, "customer": made["customer"]}).json()
    assert (changed["terms"]["percent"], changed["terms"]["uses"], changed["version"]) == ("12.5", None, 2)
    assert not program.post("rights/codes/coupon-1/take-back").json()["is_active"]
    assert program.get("rights/codes/coupon-1").json()["version"] == 3
    assert problem(program.get("rights/codes/none"))[:2] == (404, "rights.unknown_code")


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"code": "5 % off"}, 422, "rights.bad_code", "code"),
        ({"terms": FIVE | {"currency": None}}, 422, "rights.bad_code", "currency"),
        ({"terms": FIVE | {"amount": "5.001"}}, 422, "number.too_fine", "amount"),
        ({"terms": FIVE | {"takes": "percent"}}, 422, "rights.bad_code", "percent"),
        ({"customer": "cus_00000000000000000000000000"}, 404, "customers.unknown", "customer"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(changes, status, code, field):
    assert problem(Program().put("rights/codes/coupon-1", CODE | changes)) == (status, code, field)


def test_what_is_said_of_a_customer_and_how_it_stands_in_a_shop():
    program, li, shop = Program(), li_of_teas(), teas()
    assert program.get(f"connections/{shop}/writing").json()["counts"] == {}
    told = program.put(f"connections/{shop}/writing", {"codes": True, "attributes": True}).json()
    assert (told["codes"], told["attributes"], told["problem"]) == (True, True, "")
    program.put("rights/codes/coupon-1", CODE | {"customer": li})
    rights = program.put(f"customers/{li}/rights", {"attributes": {"tier": "Gold"}}).json()
    assert rights == program.get(f"customers/{li}/rights").json()
    assert (rights["attributes"], [one["code"] for one in rights["codes"]]) == ({"tier": "Gold"}, ["LI-5-OFF"])
    assert program.get(f"connections/{shop}/writing").json()["counts"] == {"waiting": 2}
    first = program.get(f"connections/{shop}/rights?limit=1").json()
    second = program.get(f"connections/{shop}/rights?limit=1&cursor={first['next']}").json()
    assert [one["what"] for one in (*first["items"], *second["items"])] == ["li", "LI-5-OFF"]
    assert second["next"] is None
    bad = program.put(f"customers/{li}/rights", {"attributes": {"Tier": "Gold"}})
    assert problem(bad)[:2] == (422, "rights.bad_attribute")
