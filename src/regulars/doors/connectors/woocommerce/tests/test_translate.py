"""What WooCommerce's JSON means, field by field."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from regulars.doors.connectors.reading import NotUnderstood, document
from regulars.doors.connectors.reports import (
    Ask,
    CustomerTold,
    Ignored,
    OrderTold,
    PriceTold,
    ProductTold,
    RefundTold,
    StockTold,
)
from regulars.doors.connectors.woocommerce.tests.builders import about, sample
from regulars.doors.connectors.woocommerce.translate import read, translate
from regulars.facts.commerce.order_reports import OrderReport, check


def an_order(**other: object) -> OrderReport:
    [told] = [one for one in read("orders", sample("order", **other), about()) if isinstance(one, OrderTold)]
    return told.report


def test_an_order_of_a_shop_whose_prices_have_the_tax_in_them():
    report = an_order()

    check(report, sums=True)
    assert report.ref == "9007199254740993"
    assert (report.number, report.currency, report.customer_ref, report.country) == ("T-2041", "EUR", None, "AT")
    # In the night the clocks went forward: the shop's own clock has no such hour, UTC has.
    assert report.placed_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert report.source_updated_at == datetime(2026, 3, 30, 9, 0, 5, tzinfo=UTC)
    assert (report.total_minor, report.shipping_minor, report.fees_minor, report.discount_minor) == (
        3983,
        490,
        120,
        240,
    )
    assert (report.prices_include_tax, report.tax_minor) == (True, 664)
    assert report.total_minor == sum(line.amount_minor or 0 for line in report.lines) + 490 + 120 - 240
    assert (report.paid_minor, report.refunded_minor) == (3983, 1332)
    [tender] = report.tenders
    assert (tender.kind, tender.state, tender.amount_minor) == ("card", "captured", 3983)


def test_lines_stand_by_age_and_cost_what_stood_at_the_shelf():
    gone, oolong = an_order().lines

    assert (gone.product_ref, gone.variant_ref, gone.amount_minor) == ("custom-item", None, 916)
    assert (oolong.product_ref, oolong.variant_ref, oolong.title) == ("71", "72", "Oolong")
    assert (oolong.unit_price, oolong.quantity) == (Decimal("9.990000"), 3)
    assert (oolong.amount_minor, oolong.discount_minor) == (2697, 300)


def test_without_tax_in_the_prices_it_is_told_apart():
    report = an_order(prices_include_tax=False, refunds=[], refund_details=[])

    assert [line.amount_minor for line in report.lines] == [763, 2248]
    assert (report.shipping_minor, report.fees_minor, report.discount_minor, report.tax_minor) == (408, 100, 200, 664)


@pytest.mark.parametrize(
    ("status", "state", "kind"),
    [
        ("checkout-draft", "draft", "captured"),
        ("pending", "placed", "captured"),
        ("completed", "completed", "captured"),
        ("refunded", "completed", "captured"),
        ("cancelled", "cancelled", "captured"),
        ("failed", "cancelled", "captured"),
        ("trash", "cancelled", "captured"),
        ("wc-packed", "completed", "captured"),
        ("someone-elses", "placed", "captured"),
    ],
)
def test_what_a_status_means(status: str, state: str, kind: str):
    told = read("orders", sample("order", status=status), about(statuses="packed=completed"))
    [report] = [one.report for one in told if isinstance(one, OrderTold)]

    assert report.state == state
    assert (report.cancelled_at is not None) == (state == "cancelled")
    assert report.tenders[0].state == kind


@pytest.mark.parametrize(
    ("status", "paid", "tender"),
    [("pending", 0, "pending"), ("cancelled", 0, "voided"), ("failed", 0, "failed"), ("completed", None, "captured")],
)
def test_who_has_no_day_of_payment_has_not_paid(status: str, paid: int | None, tender: str):
    report = an_order(status=status, date_paid_gmt=None)

    assert (report.paid_minor, report.tenders[0].state) == (paid, tender)


def test_a_refund_turns_its_signs_round_and_finds_its_line():
    [told] = [one for one in read("orders", sample("order"), about()) if isinstance(one, RefundTold)]
    refund, [line] = told.report, told.report.lines

    assert (refund.ref, refund.order_ref, refund.amount_minor, refund.shipping_minor) == (
        *("2050", "9007199254740993"),
        *(1332, 360),
    )
    assert (line.product_ref, line.quantity, line.amount_minor, line.of_line) == ("71", 1, 899, 2)
    assert refund.reason == ""


def test_what_a_customer_wrote_on_a_line_stays_outside_and_only_named_fields_count():
    [report] = [
        one.report
        for one in read("orders", sample("order"), about(personalised="Engraving,Card"))
        if isinstance(one, OrderTold)
    ]

    assert [line.personalisation for line in report.lines] == [(), ("engraving",)]
    assert "love" not in repr(report)
    assert all(line.personalisation == () for line in an_order().lines)


def test_a_price_raised_by_hand_is_no_discount():
    raised = sample("order")["line_items"][1] | {"total": "10.000000", "total_tax": "2.000000"}
    [line] = an_order(line_items=[raised], total="14.70").lines

    assert (line.amount_minor, line.discount_minor, line.unit_price) == (1200, 0, Decimal("12.000000"))


def test_sums_that_do_not_add_up_stay_as_they_are_and_only_rounding_is_evened():
    def amounts(total: str) -> list[int | None]:
        return [line.amount_minor for line in an_order(total=total).lines]

    assert amounts("39.84") == [916, 2698]
    assert amounts("39.85") == [917, 2698]
    assert amounts("49.85") == [916, 2697]


def test_a_variable_product_has_forms_and_each_costs_something():
    told = read("products", sample("product"), about())
    [product] = [one for one in told if isinstance(one, ProductTold)]

    assert (product.title, product.category, product.brand, product.status) == ("Oolong", "Tea", "Leafy", "active")
    # A form changed after its product did.
    assert product.told_at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    large, small = product.variants
    assert (large.ref, large.options, large.barcode, large.status) == (
        "72",
        {"Size": "Large"},
        "4006381333931",
        "active",
    )
    assert small.status == "draft"
    assert [(one.variant_ref, one.list_minor, one.sale_minor) for one in told if isinstance(one, PriceTold)] == [
        ("72", 1150, 999),
        ("73", 799, None),
    ]


def test_stock_is_as_of_the_moment_it_was_asked_for_and_a_shared_heap_is_nobodys():
    told = read("stock", sample("product"), about(store="leeds"))
    [level] = [one for one in told if isinstance(one, StockTold)]

    assert (level.variant_ref, level.store, level.on_hand, level.may_oversell) == ("72", "leeds", -2, True)
    assert level.told_at == datetime(2026, 3, 30, 9, 5, tzinfo=UTC)
    assert Ignored(why="shared_stock") in told


def test_a_simple_product_is_its_own_form_and_one_thrown_away_is_discontinued():
    own = sample("product")["variations"][0] | {"id": 80, "type": "simple", "parent_id": 0, "status": "trash"}
    told = read("products", own | {"name": "Tin", "asked_at": "2026-03-30T09:05:00", "categories": []}, about())
    [product] = [one for one in told if isinstance(one, ProductTold)]

    assert (product.ref, [one.ref for one in product.variants]) == ("80", ["80"])
    assert (product.status, product.variants[0].status) == ("discontinued", "discontinued")


def test_an_account_that_was_only_made_is_as_old_as_it_is():
    [told] = read("customers", sample("customer"), about())

    assert isinstance(told, CustomerTold)
    assert told.told_at == told.first_seen_at == datetime(2025, 11, 2, 9, 10, 11, tzinfo=UTC)
    assert (told.profile.given_name, told.profile.family_name, told.profile.country) == ("Priya", "Nair", "GB")
    assert told.profile.address == "4 Mill Lane, LS1 1AA, Leeds, GB"
    assert read("customers", sample("customer", role="shop_manager"), about()) == [Ignored(why="staff")]


@pytest.mark.parametrize(
    ("topic", "doc", "asks"),
    [
        ("order.created", {"id": 5, "parent_id": 0}, Ask(stream="orders", ref="5", gone="order")),
        ("order.deleted", {"id": 5}, Ask(stream="orders", ref="5", gone="order")),
        ("customer.updated", {"id": 7}, Ask(stream="customers", ref="7", gone="customer")),
        ("product.deleted", {"id": 9}, Ask(stream="products", ref="9", gone="product_or_variant")),
        ("product.updated", {"id": 72, "parent_id": 71}, Ask(stream="products", ref="71")),
        ("coupon.created", {"id": 3}, Ignored(why="coupon")),
        ("action.woocommerce_add_to_cart", {"action": "x"}, Ignored(why="action")),
    ],
)
def test_a_message_says_for_what_to_ask(topic: str, doc: dict[str, object], asks: object):
    assert translate(topic, json.dumps(doc).encode(), None, about()) == [asks]


@pytest.mark.parametrize(
    ("topic", "body", "code"),
    [
        ("subscription.created", b'{"id": 1}', "unknown_topic"),
        ("order.updated", b'{"code": "woocommerce_rest_cannot_view"}', "no_ref"),
        ("order.updated", b"webhook_id=5&", "not_json"),
        ("order.updated", b"[]", "not_an_object"),
        ("order.updated", b'{"id": 5.5}', "bad_ref"),
    ],
)
def test_what_cannot_be_understood_says_why(topic: str, body: bytes, code: str):
    with pytest.raises(NotUnderstood) as refused:
        translate(topic, body, None, about())
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("currency", None, "no_currency"),
        ("currency", "XXQ", "bad_currency"),
        ("total", "a lot", "bad_number"),
        ("date_created_gmt", "2026-02-30T00:00:00", "bad_time"),
        ("line_items", {"id": 1}, "not_a_list"),
        ("id", True, "bad_ref"),
    ],
)
def test_a_field_that_cannot_be_is_named(name: str, value: object, code: str):
    with pytest.raises(NotUnderstood) as refused:
        read("orders", sample("order", **{name: value}), about())
    assert refused.value.code == code
    assert name in refused.value.why


def test_numbers_are_read_as_they_stand():
    line = an_order(**document(json.dumps(sample("order")).encode())).lines[1]

    assert line.unit_price == Decimal("9.990000")
