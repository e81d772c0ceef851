"""Names of events, and what each tells."""

from decimal import Decimal

import pytest
from django.utils import translation
from hypothesis import given

from regulars.facts.events import spec, words
from regulars.facts.events.messages import DECODER
from regulars.facts.events.tests.test_messages import OBJECTS


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("Product Viewed", "Product Viewed"),
        ("Viewed Product", "Product Viewed"),
        ("product_viewed", "Product Viewed"),
        ("productViewed", "Product Viewed"),
        ("PRODUCT  VIEWED", "Product Viewed"),
        ("Viewed Product Category", "Product List Viewed"),
        ("Started Order", "Checkout Started"),
        ("Updated Order", "Order Updated"),
        ("Completed Order", "Order Completed"),
        ("Order Canceled", "Order Cancelled"),
        ("Till Sale", "Till Sale"),
        ("Hat Tried On", "Hat Tried On"),
    ],
)
def test_one_thing_under_several_names(told, name):
    assert spec.canonical(told) == name


def test_every_event_has_words_in_both_languages():
    for language in ("en", "zh-hans"):
        with translation.override(language):
            read = {one.name: words.of(one.name) for one in spec.KNOWN}
        assert len(set(read.values())) == len(read)
        assert all(said.isascii() == (language == "en") for said in read.values())
    assert words.of("Hat Tried On") == "Hat Tried On"


def test_an_order_is_read_with_the_digits_it_was_written_with():
    told = DECODER.decode(
        b'{"order_id":50314,"total":"27.50","revenue":25.00,"shipping":3,"tax":2e0,"discount":2.5,"currency":"usd",'
        b'"products":[{"product_id":"507f","sku":"45-32","name":"Monopoly","price":19.10,"quantity":1,"position":1},'
        b'{"sku":"46-32","price":"3.00","quantity":"2"}]}'
    )

    order, problems = spec.order(told)

    assert problems == []
    assert (order.order_id, order.currency) == ("50314", "USD")
    assert [str(amount) for amount in (order.total, order.revenue, order.shipping, order.tax, order.discount)] == [
        "27.50",
        "25.00",
        "3",
        "2",
        "2.5",
    ]
    assert [(one.ref, str(one.price), one.quantity, one.position) for one in order.products] == [
        ("507f", "19.10", Decimal(1), 1),
        ("46-32", "3.00", Decimal(2), None),
    ]


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (b'{"total":"$27.50"}', "total: '$27.50'; send a number like 19.90, without currency and grouping"),
        (b'{"total":"1,027.50"}', "total: '1,027.50'; send a number like 19.90, without currency and grouping"),
        (b'{"total":true}', "total: 'True'; send a number like 19.90, without currency and grouping"),
        (b'{"total":{}}', "total: send a number like 19.90, without currency and grouping"),
        (b'{"tax":1e12}', "tax: '1E+12'; send an amount that somebody pays, in the currency's main unit"),
        (b'{"products":{}}', "products: send a list of at most 10000 objects"),
        (b'{"products":["coat"]}', "products[0]: 'coat'; send an object"),
        (
            b'{"products":[{"price":1},{"price":"a lot"}]}',
            "products[1].price: 'a lot'; send a number like 19.90, without currency and grouping",
        ),
        (b'{"order_id":["5"]}', "order_id: send text"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_mend(told, problem):
    _, problems = spec.order(DECODER.decode(told))

    assert [str(one) for one in problems] == [problem]


def test_a_rating_may_be_text():
    read = spec.read("Product Reviewed", {"review_id": "r1", "product_id": "p1", "rating": "5"})

    assert read == spec.Read(spec.Review("r1", "p1", Decimal(5)), [])


def test_a_denied_coupon_has_two_spellings():
    assert spec.read("Coupon Denied", {"coupon": "MAY"}) == spec.read("Coupon Denied", {"coupon_id": "MAY"})


@given(properties=OBJECTS)
def test_every_event_can_be_read_whatever_it_tells(properties):
    for one in spec.KNOWN:
        assert spec.read(one.name, properties) is not None
    assert spec.read("Hat Tried On", properties) is None
