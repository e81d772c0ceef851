"""Rights written into a shop on this machine: made, changed, ended, found again, and looked after."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from regulars.doors.connectors import writing
from regulars.doors.connectors.shopify.tests.builders import MAREK, caller, connected
from regulars.doors.connectors.shopify.tests.discounts import ShopWithDiscounts
from regulars.doors.connectors.shopify.tests.shopfront import opened
from regulars.facts.customers import customers
from regulars.oversight.outbound import rights
from regulars.oversight.outbound import writing as queue
from regulars.oversight.outbound.rights import Terms
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
FIVE = Terms(takes="amount", amount_minor=500, currency="USD", least_minor=2000, starts_at=MONDAY)


@pytest.fixture
def shop():
    front = ShopWithDiscounts(seed=7, now=MONDAY)
    with opened(front) as address:
        front.connection = connected(address).id
        queue.allow(connection=front.connection, codes=True, attributes=True, at=clock.now(), by=MAREK)
        yield front


def want(key="coupon-1", code="LI-5-OFF", terms=FIVE, customer=None):
    return rights.want_code(
        key=key, code=code, title="Five off", terms=terms, customer=customer, at=clock.now(), by=MAREK
    )


def write(shop):
    return writing.write_due(connection=shop.connection, caller=caller())


def states(shop):
    return [(row.what, row.state, row.error) for row in queue.of_connection(shop.connection)]


def customer(shop, ref):
    return customers.resolve_many(namespace="teas", refs=[str(ref)], at=MONDAY, by=MAREK, origin="live")[str(ref)]


def test_a_code_is_made_changed_and_ended_as_it_is_wanted(shop):
    want()
    assert write(shop) == 1
    [made] = shop.codes.values()
    assert (made["code"], made["title"], made["usageLimit"], made["status"]) == ("LI-5-OFF", "Five off", 1, "ACTIVE")
    assert made["customerGets"]["value"] == {"discountAmount": {"amount": "5.00", "appliesOnEachItem": False}}
    assert made["minimumRequirement"] == {"subtotal": {"greaterThanOrEqualToSubtotal": "20.00"}}
    assert made["context"] == {"all": "ALL"}
    want(terms=Terms(takes="percent", percent=Decimal("12.5"), starts_at=MONDAY, ends_at=MONDAY + timedelta(days=30)))
    assert write(shop) == 1
    [changed] = shop.codes.values()
    assert changed["customerGets"]["value"] == {"percentage": 0.125}
    assert changed["endsAt"] == "2026-04-01T10:00:00+00:00"
    rights.take_back(key="coupon-1", at=clock.now(), by=MAREK)
    assert write(shop) == 1
    assert [one["status"] for one in shop.codes.values()] == ["EXPIRED"]
    assert states(shop) == [("LI-5-OFF", "written", "")]
    assert write(shop) == 0


def test_a_code_for_one_customer_is_bound_to_them_and_free_shipping_is_a_code_too(shop):
    li = shop.add_customer()
    want(customer=customer(shop, li), terms=Terms(takes="shipping", starts_at=MONDAY))
    assert write(shop) == 1
    [made] = shop.codes.values()
    assert made["context"] == {"customers": {"add": [f"gid://shopify/Customer/{li}"]}}
    assert made["destination"] == {"all": True}


def test_a_code_whose_making_was_never_heard_of_is_found_and_not_made_twice(shop):
    want()
    assert write(shop) == 1
    [right] = queue.of_connection(shop.connection)
    # As after a kill between the shop's answer and our noting it.
    queue.Row.objects.filter(id=right.id).update(state="waiting", version=0, remote="")
    assert write(shop) == 1
    assert len(shop.codes) == 1
    assert states(shop) == [("LI-5-OFF", "written", "")]


def test_what_the_shop_will_not_have_says_why(shop):
    want(code="SUMMER")
    want("coupon-2", "EUROS", Terms(takes="amount", amount_minor=500, currency="EUR", starts_at=MONDAY))
    shop.codes["gid://shopify/DiscountCodeNode/1"] = {
        "id": "gid://shopify/DiscountCodeNode/1",
        "code": "summer",
        "title": "Their own",
        "status": "ACTIVE",
        "endsAt": None,
        "usageLimit": None,
    }
    assert write(shop) == 2
    assert sorted(states(shop)) == [("EUROS", "unsupported", "other_currency"), ("SUMMER", "refused", "code_taken")]
    assert len(shop.codes) == 1


def test_a_shop_that_does_not_let_us_write_rests_and_nothing_is_lost(shop):
    want()
    want("coupon-2", "MORE")
    shop.failures = [403]
    assert write(shop) == 0
    told = queue.of(shop.connection)
    assert (told.problem, queue.counts(shop.connection)) == ("not_allowed", {"waiting": 2})
    assert queue.with_work(at=clock.now()) == []
    assert write(shop) == 2
    assert (queue.of(shop.connection).problem, queue.counts(shop.connection)) == ("", {"written": 2})


def test_what_is_said_of_a_customer_stands_in_their_metafields(shop):
    li = shop.add_customer()
    known = customer(shop, li)
    rights.want_attributes(customer=known, told={"tier": "Gold", "points": "120"}, at=clock.now(), by=MAREK)
    assert write(shop) == 1
    assert shop.kept[li] == {"tier": "Gold", "points": "120"}
    rights.want_attributes(customer=known, told={"tier": "", "points": "80"}, at=clock.now(), by=MAREK)
    assert write(shop) == 1
    assert shop.kept[li] == {"points": "80"}
    gone = customer(shop, 4711)
    rights.want_attributes(customer=gone, told={"tier": "Gold"}, at=clock.now(), by=MAREK)
    assert write(shop) == 1
    assert ("4711", "dropped", "gone") in states(shop)


def test_what_somebody_changed_in_the_shop_is_found_a_day_later_and_mended(shop, monkeypatch):
    li = shop.add_customer()
    rights.want_attributes(customer=customer(shop, li), told={"tier": "Gold"}, at=clock.now(), by=MAREK)
    want()
    write(shop)
    monkeypatch.setattr(queue, "CHECKED_EACH", timedelta(0))
    assert writing.check(connection=shop.connection, caller=caller()) == 0
    shop.kept[li]["tier"] = "Platinum"
    shop.codes.clear()
    assert writing.check(connection=shop.connection, caller=caller()) == 2
    assert write(shop) == 2
    assert (shop.kept[li], [one["code"] for one in shop.codes.values()]) == ({"tier": "Gold"}, ["LI-5-OFF"])
    assert {row.drifts for row in queue.of_connection(shop.connection)} == {1}
