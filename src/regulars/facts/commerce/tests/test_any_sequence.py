"""An order with its refunds and shipments comes to the same whatever came first, twice, or was lost and told again."""

from dataclasses import asdict, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.facts.commerce import goods_returns, orders, shipments
from regulars.facts.commerce.goods_returns import ReturnLineReport, ReturnReport
from regulars.facts.commerce.models import Order
from regulars.facts.commerce.order_reports import ORDER_STATES, TENDER_KINDS, TENDER_STATES
from regulars.facts.commerce.orders import LineReport, OrderReport, TenderReport
from regulars.facts.commerce.shipment_reports import EVENT_CODES, SHIPMENT_STATES
from regulars.facts.commerce.shipments import CarrierEvent, ShipmentReport
from regulars.facts.commerce.tests.builders import MONDAY, THE_SHOP
from tests.often import often

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
#: Few moments, so that many versions are told at one.
_moments = st.integers(0, 3).map(lambda n: MONDAY + n * HOUR)
_marks = st.fixed_dictionaries({"source_updated_at": st.none() | _moments, "version": st.none() | st.integers(1, 3)})
_lines = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(["coat", "hat"]), st.integers(1, 3), st.integers(0, 900)),
    max_size=3,
    unique_by=lambda line: line[0],
)
_tenders = st.lists(
    st.builds(
        TenderReport,
        ref=st.sampled_from(["t1", "t2"]),
        kind=st.sampled_from(TENDER_KINDS),
        state=st.sampled_from(TENDER_STATES),
        amount_minor=st.integers(0, 900),
    ),
    max_size=2,
    unique_by=lambda tender: tender.ref,
)


@st.composite
def _order(draw):
    lines = [LineReport(n, product, Decimal(many), Decimal(price) / 100) for n, product, many, price in draw(_lines)]
    return OrderReport(
        namespace="",
        ref="o1",
        placed_at=MONDAY,
        currency="GBP",
        lines=lines,
        customer_ref=draw(st.sampled_from([None, "priya", "tomas"])),
        discount_minor=draw(st.integers(0, 20)),
        total_minor=draw(st.none() | st.integers(0, 3000)),
        state=draw(st.none() | st.sampled_from(ORDER_STATES)),
        is_test=draw(st.booleans()),
        paid_minor=draw(st.none() | st.integers(0, 3000)),
        refunded_minor=draw(st.none() | st.integers(0, 300)),
        tenders=draw(_tenders),
        **draw(_marks),
    )


@st.composite
def _refund(draw):
    lines = draw(
        st.lists(
            st.builds(
                ReturnLineReport,
                product_ref=st.sampled_from(["coat", "hat"]),
                quantity=st.integers(1, 3).map(Decimal),
                amount_minor=st.integers(0, 900),
                of_line=st.none() | st.integers(1, 3),
            ),
            max_size=2,
        )
    )
    return ReturnReport(
        namespace="",
        ref=draw(st.sampled_from(["r1", "r2"])),
        order_ref="o1",
        returned_at=draw(_moments),
        currency="GBP",
        lines=lines,
        amount_minor=draw(st.none() | st.integers(0, 2000)),
        paid_back_minor=draw(st.none() | st.integers(0, 2000)),
        shipping_minor=draw(st.integers(0, 100)),
        is_void=draw(st.booleans()),
        **draw(_marks),
    )


@st.composite
def _shipment(draw):
    return ShipmentReport(
        namespace="",
        ref=draw(st.sampled_from(["s1", "s2"])),
        order_ref="o1",
        state=draw(st.sampled_from(SHIPMENT_STATES)),
        lines=[(n, Decimal(1)) for n in draw(st.sets(st.integers(1, 3)))],
        expected_at=draw(st.none() | _moments),
        events=draw(st.lists(st.builds(CarrierEvent, at=_moments, code=st.sampled_from(EVENT_CODES)), max_size=2)),
        **draw(_marks),
    )


def tell(namespace, reports):
    for report in reports:
        mine = replace(report, namespace=namespace)
        if isinstance(mine, OrderReport):
            orders.record(report=mine, at=MONDAY, by=THE_SHOP, on_tie="further")
        elif isinstance(mine, ReturnReport):
            goods_returns.record(report=mine, at=MONDAY, by=THE_SHOP)
        else:
            shipments.record(report=mine, at=MONDAY, by=THE_SHOP)


#: What is a number here, or says when we heard.
_OURS = {"id", "public_id", "namespace", "recorded_at", "order_id", "customer_id", "product_id", "order"}


def bare(view):
    return {name: value for name, value in asdict(view).items() if name not in _OURS}


def state(namespace):
    """All that is on record of it, without our numbers."""
    sale = orders.by_ref(namespace=namespace, ref="o1")
    lines = [line for line in bare(sale)["lines"] if line.pop("product_id") and line["quantity"]]
    back = goods_returns.of_order(sale.id)
    returned = []
    for one in sorted(back, key=lambda one: one.ref):
        told = bare(one) | {"is_the_buyers": one.customer_id == sale.customer_id}
        told["lines"] = [line for line in told["lines"] if line.pop("product_id") and line["quantity"]]
        returned.append(told)
    sent = [bare(one) for one in shipments.of_order(sale.id)]
    stands = orders.standing(sale.id)
    kept = Order.objects.values_list("set_off_minor", "over_refunded_minor").get(id=sale.id)
    assert kept == (stands.set_off_minor, stands.over_refunded_minor)
    return {
        "order": bare(sale) | {"lines": lines, "is_guests": sale.customer_id is None},
        "standing": bare(stands),
        "returns": returned,
        "shipments": sent,
    }


@given(data=st.data())
@settings(
    max_examples=often(4),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_it_comes_to_the_same(data):
    versions = data.draw(st.lists(_order(), min_size=1, max_size=3))
    others = data.draw(st.lists(_refund() | _shipment(), max_size=5))
    reports = [*versions, *others]
    shuffled = data.draw(st.permutations(reports))
    lost = data.draw(st.sets(st.integers(0, len(reports) - 1)))
    repeated = data.draw(st.lists(st.sampled_from(reports), max_size=3))
    with transaction.atomic():
        tell("one", reports)
        tell("other", [report for n, report in enumerate(shuffled) if n not in lost])
        tell("other", repeated)
        # What was lost is told again: what counts among it decides, in whatever order it comes.
        tell("other", data.draw(st.permutations([report for n, report in enumerate(shuffled) if n in lost])))
        assert state("other") == state("one")
        transaction.set_rollback(True)


@given(data=st.data())
@settings(
    max_examples=often(4),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_what_was_lost_on_the_way_does_not_matter_once_the_last_word_is_told(data):
    finals, earlier = [], []
    documents = [_order()] + [
        kind.map(lambda report, ref=ref: replace(report, ref=ref))
        for ref, kind in (("r1", _refund()), ("r2", _refund()), ("s1", _shipment()))
        if data.draw(st.booleans())
    ]
    for document in documents:
        told = data.draw(st.lists(document, min_size=1, max_size=3))
        for n, report in enumerate(told):
            dated = replace(report, source_updated_at=MONDAY + n * HOUR, version=None)
            if isinstance(dated, ShipmentReport):
                dated = replace(dated, events=[event for one in told[: n + 1] for event in one.events])
            (finals if n == len(told) - 1 else earlier).append(dated)
    heard = data.draw(st.sets(st.integers(0, len(earlier) - 1))) if earlier else set()
    with transaction.atomic():
        tell("one", finals)
        tell("other", data.draw(st.permutations([*finals, *(earlier[n] for n in heard)])))
        assert state("other") == state("one")
        transaction.set_rollback(True)
