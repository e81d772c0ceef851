"""Sales told twice, through the API: looked for, listed, decided, taken back."""

import pytest

from regulars.doors.api.tests.builders import Program, problem
from regulars.facts.commerce import doubles

pytestmark = pytest.mark.django_db


def test_a_sale_of_two_numbers_counts_once_when_a_key_says_so_and_twice_when_it_takes_that_back():
    till = Program()
    first, later = till.record(), till.record(ref="1002", placed_at="2026-03-02T10:00:30+00:00")
    assert till.get("doubles").json() == {"items": [], "next": None}
    assert till.post("doubles/look").json()["ended_at"] is None
    doubles.go_through()
    [pair] = till.get("doubles").json()["items"]
    assert (pair["first"]["id"], pair["later"]["id"]) == (first["id"], later["id"])
    assert (pair["customer"], pair["alike"], pair["waits"]) == (first["customer"], "source", True)

    done = till.post(f"doubles/{pair['id']}/confirm", {"why": "customer"}).json()
    assert (done["state"], done["why"], done["later"]["counts"]) == ("same", "customer", False)
    assert till.post(f"doubles/{pair['id']}/confirm").json() == done
    assert till.get("doubles?state=same").json()["items"] == [done]
    assert till.get(f"orders/{later['id']}/standing").json()["word"] == "double"
    assert [one["id"] for one in till.get("orders?kind=double").json()["items"]] == [later["id"]]
    assert problem(till.post(f"doubles/{pair['id']}/dismiss"))[:2] == (409, "doubles.decided_otherwise")
    assert till.post(f"doubles/{pair['id']}/reopen").json()["later"]["counts"] is True
    assert till.post(f"doubles/{pair['id']}/dismiss", {"why": "receipts"}).json()["state"] == "two"
    assert till.get(f"doubles/{pair['id']}").json()["waits"] is False
    assert problem(till.post("doubles/dbl_00000000000000000000000000/confirm"))[:2] == (404, "doubles.unknown")
    assert problem(till.post(f"doubles/{pair['id']}/confirm", {"why": "odd"}))[0] == 422
    reader = Program("orders.read", name="reader")
    assert problem(reader.post(f"doubles/{pair['id']}/reopen"))[0] == 403
