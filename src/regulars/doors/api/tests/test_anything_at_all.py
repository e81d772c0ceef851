"""Whatever is sent is either done or refused with a reason; it never breaks."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.doors.api.tests.builders import COAT_AND_HATS, Program, problem
from tests.often import often

texts = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    ["api", "GBP", "JPY", "CLF", "\x00", "\ud800"]
)
numbers = st.decimals(0, 10**12, allow_nan=False, places=6).map(str) | st.sampled_from(
    ["0", "00.50", "999999999999", "999999999999.9999", "999999999.999", "0.000001"]
)
instants = st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()) | st.sampled_from(
    ["1990-01-01T00:00:00Z", "1989-12-31T23:59:59-14:00", "2016-12-31T23:59:60Z", "2026-03-02t10:00z"]
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | numbers
    | instants,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
visible = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=40)
prices = st.decimals(0, 10**7, places=2).map(str) | numbers
line = st.fixed_dictionaries(
    {
        "product_ref": visible,
        "quantity": st.integers(1, 99).map(str) | numbers,
        "unit_price": prices,
    },
    optional={"amount": prices, "discount": prices, "title": visible},
)
#: Well-formed, so that most of them reach the database.
orders = st.fixed_dictionaries(
    {"ref": st.uuids().map(str), "lines": st.lists(line, min_size=1, max_size=4)},
    optional={
        "namespace": st.sampled_from(["api", "shop"]),
        "placed_at": st.sampled_from(["1990-01-01T00:00:00Z", "2016-02-29T23:59:59.999999-12:00"]),
        "currency": st.sampled_from(["GBP", "GBP", "JPY", "KWD", "CLF"]),
        "customer_ref": visible | st.sampled_from(["li@example.com", "+8613812341234"]),
        "country": st.sampled_from(["GB", "ZZ"]),
        "channel": visible,
        "store": visible,
        "discount": prices,
        "shipping": prices,
        "total": prices,
        "source_updated_at": st.sampled_from(["2026-01-01T00:00:00Z"]),
    },
)
odd = st.dictionaries(st.sampled_from([*COAT_AND_HATS, "tax", "why"]) | texts, anything, max_size=3)


@pytest.mark.django_db
def test_any_order_is_recorded_or_refused():
    till = Program()

    @settings(max_examples=often(30), deadline=None, suppress_health_check=list(HealthCheck))
    @given(told=orders, more=st.just({}) | odd)
    def tried(told: dict[str, Any], more: dict[str, Any]) -> None:
        answer = till.post("orders", raw=json.dumps(COAT_AND_HATS | told | more).encode())
        if answer.status_code != 200:
            status, _, _ = problem(answer)
            assert status in {409, 422}, answer.content

    tried()


@pytest.mark.django_db
def test_any_refund_is_paid_or_refused():
    till = Program()
    order = till.record()["id"]
    parts = st.decimals("0.001", "1.5", places=3).map(str) | numbers
    wanted = st.fixed_dictionaries({"number": st.integers(1, 3), "quantity": parts})
    refunds = st.fixed_dictionaries({"lines": st.lists(wanted, max_size=3)}, optional={"why": texts}) | odd

    @settings(max_examples=often(20), deadline=None, suppress_health_check=list(HealthCheck))
    @given(told=refunds, key=st.text(st.characters(min_codepoint=33, max_codepoint=127), min_size=1, max_size=9))
    def tried(told: dict[str, Any], key: str) -> None:
        answer = till.post(f"orders/{order}/refunds", told, key=key)
        if answer.status_code != 200:
            status, _, _ = problem(answer)
            assert status in {409, 422}, answer.content

    tried()
