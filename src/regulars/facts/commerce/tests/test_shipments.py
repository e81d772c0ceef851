"""Where shipments stand, by what their sources and carriers say, whatever came first."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from regulars.facts.commerce import orders, shipment_reports, shipments
from regulars.facts.commerce.shipments import CarrierEvent, ShipmentReport
from regulars.facts.commerce.tests.builders import DAY, MONDAY, THE_SHOP, an_order

HOUR = timedelta(hours=1)


def a_shipment(ref="s1", *, order="1001", state="pending", lines=((1, Decimal(1)),), **more) -> ShipmentReport:
    return ShipmentReport(namespace="shop", ref=ref, order_ref=order, state=state, lines=lines, **more)


def told(*reports, origin="live"):
    done = shipments.record_all(reports=reports, at=MONDAY, by=THE_SHOP, origin=origin)
    return shipments.get(done.ids[reports[0].ref])


def said(*events):
    return [CarrierEvent(MONDAY + hours * HOUR, code) for hours, code in events]


@pytest.mark.parametrize(
    ("state", "at", "events", "found"),
    [
        ("pending", None, (), "pending"),
        ("pending", None, ((1, "picked_up"),), "on_its_way"),
        ("on_its_way", 2, ((1, "label_made"),), "on_its_way"),
        ("on_its_way", 2, ((3, "attempted"), (5, "out_for_delivery")), "out"),
        ("on_its_way", 2, ((2, "label_made"),), "on_its_way"),
        ("on_its_way", 2, ((2, "delivered"),), "delivered"),
        ("on_its_way", 2, ((3, "delayed"),), "on_its_way"),
        ("delivered", 9, ((3, "out_for_delivery"),), "delivered"),
        ("cancelled", 1, ((3, "delivered"),), "cancelled"),
        ("ready", 1, ((3, "collected"),), "collected"),
    ],
)
def test_the_later_word_counts_and_of_one_moment_the_further_along(state, at, events, found):
    since = None if at is None else MONDAY + at * HOUR
    for some in permutations(said(*events)):
        assert shipment_reports.standing(state, since, None, None, some)[0] == found


@pytest.mark.django_db
def test_an_order_goes_out_in_two_parcels_and_each_has_its_own_way():
    sale = orders.record(report=an_order(lines=[("coat", "2", "80.00")]), at=MONDAY, by=THE_SHOP)
    told(
        a_shipment("one", store="riverside", carrier="sf", tracking="SF1", state="on_its_way", shipped_at=MONDAY),
        a_shipment("two", store="warehouse-1", state="packed", promised_until=MONDAY + DAY),
    )
    one, two = shipments.of_order(sale.id)
    assert (one.store, one.tracking, one.lines, one.order_id) == ("riverside", "SF1", {1: 1}, sale.id)
    assert (two.state, two.is_late(MONDAY), two.is_late(MONDAY + 2 * DAY)) == ("packed", False, True)
    told(a_shipment("one", events=said((5, "delivered")), state="on_its_way"))
    assert [(change.what, change.at) for change in orders.history(sale.id)] == [
        ("placed", MONDAY),
        ("shipped", MONDAY),
        ("delivered", MONDAY + 5 * HOUR),
    ]


@pytest.mark.django_db
def test_a_shipment_before_its_order_waits_for_it():
    early = told(a_shipment(state="on_its_way"))
    assert (early.order_id, early.order_ref) == (None, "1001")
    sale = orders.record(report=an_order(), at=MONDAY, by=THE_SHOP)
    assert [one.id for one in shipments.of_order(sale.id)] == [early.id]
    assert "shipped" in [change.what for change in orders.history(sale.id)]


@pytest.mark.django_db
def test_what_the_carrier_says_is_added_also_with_an_older_report():
    told(a_shipment(state="on_its_way", source_updated_at=MONDAY + DAY))
    old = a_shipment(state="packed", source_updated_at=MONDAY, events=[CarrierEvent(MONDAY + 2 * DAY, "delivered")])
    view = told(old)
    assert (view.state, view.arrived_at, len(view.events)) == ("delivered", MONDAY + 2 * DAY, 1)


@pytest.mark.django_db
def test_a_pick_up_is_ready_and_then_fetched():
    view = told(a_shipment(mode="collect", store="riverside", state="ready", ready_at=MONDAY))
    assert (view.mode, view.state, view.arrived_at) == ("collect", "ready", None)
    fetched = told(a_shipment(mode="collect", store="riverside", state="collected", arrived_at=MONDAY + DAY))
    assert (fetched.state, fetched.arrived_at) == ("collected", MONDAY + DAY)


@pytest.mark.django_db
def test_what_is_expected_now_stands_beside_what_was_promised():
    report = a_shipment(
        mode="same_city",
        state="on_its_way",
        promised_from=MONDAY,
        promised_until=MONDAY + HOUR,
        expected_at=MONDAY + HOUR,
        source_updated_at=MONDAY,
    )
    late = replace(report, events=[CarrierEvent(MONDAY + HOUR, "delayed", MONDAY + 3 * HOUR)])
    view = told(late)
    assert (view.promised_until, view.expected_at) == (MONDAY + HOUR, MONDAY + 3 * HOUR)
    assert view.is_late(MONDAY)


@pytest.mark.django_db
def test_told_again_it_is_no_news():
    report = a_shipment(events=said((1, "picked_up")))
    told(report, report)
    told(report)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM notices_notice WHERE kind = 'commerce.shipment_moved'")
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "more",
    [
        {"state": "lost"},
        {"mode": "drone"},
        {"ref": " "},
        {"carrier": "x" * 101},
        {"lines": ((1, Decimal(0)),)},
        {"lines": ((1, Decimal(1)), (1, Decimal(1)))},
        {"events": (CarrierEvent(MONDAY, "eaten"),)},
    ],
)
def test_what_no_shipment_has_is_refused(more):
    with pytest.raises(shipments.BadShipment):
        shipments.record(report=replace(a_shipment(), **more), at=MONDAY, by=THE_SHOP)


@pytest.mark.django_db
def test_a_hundred_shipments_cost_what_one_costs(django_assert_max_num_queries):
    reports = [a_shipment(str(n), order=str(n), events=said((1, "picked_up"))) for n in range(100)]
    with django_assert_max_num_queries(25):
        shipments.record_all(reports=reports, at=MONDAY, by=THE_SHOP, origin="history")


@pytest.mark.django_db
def test_what_is_written_of_many_shipments_grows_with_their_number_alone():
    """A CASE with a branch for each of them took nine tenths of a shop's history."""
    for state in ("pending", "on_its_way"):
        version = {"pending": 1, "on_its_way": 2}[state]
        reports = [a_shipment(f"s{n}", state=state, version=version) for n in range(60)]
        with CaptureQueriesContext(connection) as asked:
            told(*reports)
        assert max(len(one["sql"]) for one in asked) < 40_000
