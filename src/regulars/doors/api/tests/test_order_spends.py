"""Points spent for an order through the API: named, listed where it does not stand, given back or left."""

from datetime import timedelta

import pytest

from regulars.doors.api.tests.builders import Program, problem
from regulars.doors.api.tests.test_points import gives, has, priya, told
from regulars.levers.loyalty import order_spends
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db


def test_points_spent_for_orders_that_never_come_are_listed_and_given_back_or_left():
    till = Program()
    li = priya(till)
    gives(till, li, "100", "k1")
    named = {"order": {"ref": "1002", "namespace": "shop"}}
    told(till.post(f"customers/{li}/points/redeem", {"amount": "10", **named}, key="k2"))
    hold = told(till.post(f"customers/{li}/points/holds", {"amount": "20", "order": {"ref": "A-7"}}, key="k3"))
    told(till.post(f"points/holds/{hold['id']}/capture", key="k4"))
    hold = told(till.post(f"customers/{li}/points/holds", {"amount": "30"}, key="k5"))
    told(till.post(f"points/holds/{hold['id']}/capture", {"order": {"ref": "1001", "namespace": "shop"}}, key="k6"))
    other = till.post(f"customers/{li}/points/redeem", {"amount": "10", "order": {"ref": "9"}}, key="k2")
    assert problem(other)[:2] == (409, "points.key_used_otherwise")
    assert len(told(till.get("points/order-spends?state=waiting"))["items"]) == 3
    order_spends.settle(at=clock.now() + timedelta(hours=25))
    assert [one["ref"] for one in told(till.get("points/order-spends?state=stands"))["items"]] == ["1001"]
    left, back = told(till.get("points/order-spends"))["items"]
    assert [left[name] for name in ("customer", "spent", "left", "namespace", "ref", "order", "state")] == [
        *(li, "20", "20", "api", "A-7", None, "missing")
    ]
    # It is not time yet by the clock: the order may still come.
    early = till.post(f"points/order-spends/{back['id']}/give-back")
    assert problem(early)[:2] == (409, "points.order_stands")
    assert told(till.post(f"points/order-spends/{left['id']}/leave"))["state"] == "left"
    assert told(till.post(f"points/order-spends/{left['id']}/leave"))["state"] == "left"
    assert has(till, li)[0] == "40"
    assert problem(till.post("points/order-spends/osp_00000000000000000000000000/leave"))[:2] == (
        *(404, "points.unknown_order_spend"),
    )
    assert problem(Program("points.read", name="eyes").post(f"points/order-spends/{back['id']}/leave"))[0] == 403
