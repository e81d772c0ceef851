"""What becomes of orders, through the door: versions, tenders, refunds in any sequence, shipments, where they stand."""

import pytest

from regulars.doors.api.tests.builders import COAT_AND_HATS, Program, problem

pytestmark = pytest.mark.django_db

REFUND = {
    "ref": "r1",
    "namespace": "shop",
    "order_ref": "1001",
    "returned_at": "2026-03-04T10:00:00Z",
    "currency": "GBP",
    "lines": [{"product_ref": "coat", "quantity": "1", "amount": "80.00", "of_line": 1}],
    "store": "station",
}
SHIPMENT = {
    "ref": "s1",
    "namespace": "shop",
    "order_ref": "1001",
    "state": "on_its_way",
    "carrier": "sf",
    "tracking": "SF1",
    "lines": [{"number": 1, "quantity": "1"}],
    "promised_until": "2026-03-03T10:00:00Z",
    "events": [{"at": "2026-03-03T12:00:00Z", "code": "delivered"}],
}


def test_an_order_comes_back_with_all_it_was_told_with():
    more = {
        "number": "#1001",
        "state": "completed",
        "fees": "1.00",
        "tenders": [
            {"ref": "t1", "kind": "gift_card", "state": "captured", "amount": "20.99"},
            {"ref": "t2", "kind": "card", "state": "captured", "amount": "80.00", "at": "2026-03-02T10:00:00Z"},
        ],
        "shop_currency": "CNY",
        "rate": "9.25",
        "till": "3",
        "taken_by": "staff-7",
        "fulfilment": "carry_out",
        "version": 4,
        "total": "101.00",
    }
    lines = [COAT_AND_HATS["lines"][0] | {"personalisation": ["engraving"], "sku": "C"}, COAT_AND_HATS["lines"][1]]
    till = Program()
    told = till.record(**more, lines=lines)
    same = more.keys() - {"tenders"}
    assert {name: told[name] for name in same} == {name: more[name] for name in same}
    assert (told["paid"], told["expected_total"], told["differs"]) == ("100.99", "100.99", "0.01")
    assert [tender["kind"] for tender in told["tenders"]] == ["gift_card", "card"]
    assert (told["lines"][0]["personalisation"], told["lines"][0]["sku"]) == (["engraving"], "C")
    stands = till.get(f"orders/{told['id']}/standing").json()
    assert (stands["word"], stands["paid"], stands["kept"]) == ("part_paid", "100.99", "100.99")
    assert stands["tenders"] == {"gift_card": "20.99", "card": "80.00"}


def test_a_refund_and_a_shipment_may_come_before_their_order():
    till = Program()
    refund = till.post("returns", REFUND).json()
    shipment = till.post("shipments", SHIPMENT).json()
    assert (refund["order"], shipment["order"]) == (None, None)
    order = till.record()
    [back] = till.get(f"orders/{order['id']}/returns").json()
    assert (back["id"], back["order"], back["customer"]) == (refund["id"], order["id"], order["customer"])
    assert (back["matched"], back["store"]) == ("80.00", "station")
    [sent] = till.get(f"orders/{order['id']}/shipments").json()
    assert (sent["id"], sent["state"], sent["is_late"]) == (shipment["id"], "delivered", True)
    assert till.get(f"shipments/{sent['id']}").json() == sent
    assert till.get(f"returns/{back['id']}").json() == back
    stands = till.get(f"orders/{order['id']}/standing").json()
    assert (stands["word"], stands["refunded"], stands["goods_kept"]) == ("part_refunded", "80.00", "19.99")
    changes = till.get(f"orders/{order['id']}/history").json()["changes"]
    assert [change["what"] for change in changes] == ["placed", "delivered", "refunded"]
    assert changes[0]["source"].startswith("api:")


def test_orders_are_listed_by_kind_number_and_what_differs():
    till = Program()
    first = till.record(number="#7")
    test = till.record(ref="2", is_test=True)
    odd = till.record(ref="3", total="50.00")

    def listed(query=""):
        return [order["id"] for order in till.get(f"orders?{query}").json()["items"]]

    assert listed() == [odd["id"], test["id"], first["id"]]
    assert listed("kind=test") == [test["id"]]
    assert listed("ref=%237") == listed("ref=1001") == [first["id"]]
    assert listed("differs=true") == [odd["id"]]
    page = till.get("orders?limit=2").json()
    assert [order["id"] for order in till.get(f"orders?limit=2&cursor={page['next']}").json()["items"]] == [first["id"]]


@pytest.mark.parametrize(
    ("path", "body", "wanted"),
    [
        ("returns", REFUND | {"lines": []}, (422, "returns.nothing_came_back", "lines")),
        ("returns", REFUND | {"returned_at": "2199-01-01T00:00:00Z"}, (422, "orders.in_the_future", "returned_at")),
        ("returns", REFUND | {"reason": "It did not fit Anna"}, (422, "request.invalid", "reason")),
        ("returns", REFUND | {"currency": "XXX"}, (422, "money.unknown_currency", "currency")),
        ("shipments", SHIPMENT | {"state": "lost"}, (422, "request.invalid", "state")),
        ("shipments", SHIPMENT | {"lines": [{"number": 1, "quantity": "0"}]}, (422, "shipments.bad_field", "lines[1]")),
        ("orders", COAT_AND_HATS | {"rate": "2"}, (422, "orders.bad_field", "rate")),
        (
            "orders",
            COAT_AND_HATS | {"tenders": [{"ref": "a", "kind": "card", "state": "captured", "amount": "1"}] * 2},
            (422, "orders.bad_field", "tenders[0].ref"),
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(path, body, wanted):
    assert problem(Program().post(path, body)) == wanted


def test_an_older_or_other_refund_is_in_the_way():
    till = Program()
    newer = REFUND | {"source_updated_at": "2026-03-05T10:00:00Z"}
    till.post("returns", newer)
    assert problem(till.post("returns", newer | {"money": "1.00"}))[:2] == (409, "returns.conflict")
    older = REFUND | {"source_updated_at": "2026-03-04T10:00:00Z", "money": "1.00"}
    assert problem(till.post("returns", older))[:2] == (409, "returns.stale")
    assert problem(till.get("returns/ret_00000000000000000000000000"))[0] == 404
    assert problem(till.get("shipments/shp_00000000000000000000000000"))[0] == 404


def test_something_is_said_of_a_product():
    till = Program()
    till.record()
    [coat] = [one for one in till.get("products").json()["items"] if one["ref"] == "coat"]
    assert till.put(
        "attributes/fabric", {"kind": "choice", "choices": ["wool"], "titles": {"en": "Fabric"}}
    ).json() == {
        "code": "fabric",
        "kind": "choice",
        "choices": ["wool"],
        "titles": {"en": "Fabric"},
    }
    path = f"products/{coat['id']}/attributes"
    assert till.patch(path, {"values": {"fabric": "wool"}}).json() == {"values": {"fabric": "wool"}}
    assert till.get(path).json() == {"values": {"fabric": "wool"}}
    assert problem(till.patch(path, {"values": {"fabric": "silk"}})) == (422, "attributes.bad_value", "fabric")
    assert problem(till.put("attributes/fabric", {"kind": "text"})) == (409, "attributes.kind_is_settled", "kind")
    assert [one["code"] for one in till.get("attributes").json()["items"]] == ["fabric"]
