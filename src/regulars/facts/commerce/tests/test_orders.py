import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.facts.commerce import goods_returns, orders
from regulars.facts.commerce.orders import LineReport
from regulars.facts.commerce.tests.builders import DAY, MAREK, MONDAY, THE_SHOP, a_batch, a_return_batch, an_order
from tests.often import often

pytestmark = pytest.mark.django_db


def trail_verbs():
    with connection.cursor() as cursor:
        cursor.execute("SELECT verb FROM trail_line ORDER BY id")
        return [verb for (verb,) in cursor.fetchall()]


def matched(*refs):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sale.ref, paired.quantity, paired.amount_minor FROM commerce_return_match paired"
            " JOIN commerce_line line ON line.id = paired.line_id JOIN commerce_order sale ON sale.id = line.order_id"
            " JOIN commerce_return_line came ON came.id = paired.return_line_id"
            " JOIN commerce_return back ON back.id = came.goods_return_id WHERE back.ref = ANY(%s) ORDER BY 1, 2",
            [list(refs)],
        )
        return [(ref, float(quantity), amount) for ref, quantity, amount in cursor.fetchall()]


def test_an_order_is_on_record_once_however_often_it_is_told():
    first = orders.record(report=an_order(), at=MONDAY, by=THE_SHOP)
    again = orders.record(report=an_order(), at=MONDAY + DAY, by=THE_SHOP)
    assert again == first
    assert (first.goods_minor, first.total_minor, first.kind) == (8000, 8000, "purchase")
    assert [line.product_ref for line in first.lines] == ["coat"]
    assert trail_verbs().count("commerce.orders.record") == 1


def test_the_later_version_replaces_the_earlier_and_an_old_one_is_refused():
    orders.record(report=an_order(source_updated_at=MONDAY), at=MONDAY, by=THE_SHOP)
    newer = an_order(lines=[("coat", "1", "80.00"), ("hat", "2", "10.00")], source_updated_at=MONDAY + DAY)
    changed = orders.record(report=newer, at=MONDAY, by=THE_SHOP)
    assert changed.goods_minor == 10000
    with pytest.raises(orders.StaleReport):
        orders.record(report=an_order(source_updated_at=MONDAY), at=MONDAY, by=THE_SHOP)
    smaller = orders.record(report=an_order(source_updated_at=MONDAY + 2 * DAY), at=MONDAY, by=THE_SHOP)
    assert [(line.product_ref, line.quantity) for line in smaller.lines] == [("coat", 1), ("hat", 0)]
    assert smaller.total_minor == 8000


def test_other_content_without_an_update_time_is_a_conflict_and_the_first_stays():
    orders.record(report=an_order(), at=MONDAY, by=THE_SHOP)
    with pytest.raises(orders.ConflictingReport) as refusal:
        orders.record(report=an_order(lines=[("coat", "1", "8.00")]), at=MONDAY, by=THE_SHOP)
    assert refusal.value.code == "orders.conflict"
    assert orders.by_ref(namespace="shop", ref="1001").goods_minor == 8000


def test_a_batch_does_what_one_by_one_does():
    reports = [an_order(str(n), customer=["priya", "tomas", None][n % 3], at=MONDAY + n * DAY) for n in range(9)]
    done = orders.record_many(batch=a_batch(*reports), at=MONDAY, by=THE_SHOP)
    assert (done.new, done.same) == (9, 0)
    own = {"id": 0, "public_id": "", "customer_id": 0, "namespace": "", "recorded_at": MONDAY}
    batched = [replace(orders.get(done.ids[str(n)]), **own) for n in range(9)]
    one_by_one = [
        replace(orders.record(report=replace(report, namespace="other"), at=MONDAY, by=THE_SHOP), **own)
        for report in reports
    ]
    bare = [replace(view, lines=[replace(line, product_id=0) for line in view.lines]) for view in one_by_one]
    assert [replace(view, lines=[replace(line, product_id=0) for line in view.lines]) for view in batched] == bare
    again = orders.record_many(batch=a_batch(*reports), at=MONDAY, by=THE_SHOP)
    assert (again.new, again.same, again.ids) == (0, 9, done.ids)


def test_a_line_at_a_tenth_of_a_penny_is_a_purchase_and_a_free_one_is_not():
    cheap = orders.record(report=an_order("a", lines=[("pin", "1", "0.001")]), at=MONDAY, by=THE_SHOP)
    free = orders.record(report=an_order("b", lines=[("pin", "1", "0")]), at=MONDAY, by=THE_SHOP)
    assert (cheap.kind, cheap.goods_minor, free.kind) == ("purchase", 0, "giveaway")


def test_priyas_coat_comes_back_and_cannot_come_back_twice():
    coat = orders.record(report=an_order(lines=[("coat", "2", "80.00")], discount_minor=1001), at=MONDAY, by=THE_SHOP)
    one = goods_returns.refund(order=coat.id, lines={1: Decimal(1)}, key="rma-1", at=MONDAY + DAY, by=MAREK)
    assert goods_returns.refund(order=coat.id, lines={1: Decimal(1)}, key="rma-1", at=MONDAY, by=MAREK) == one
    with pytest.raises(goods_returns.OverRefund):
        goods_returns.refund(order=coat.id, lines={1: Decimal(2)}, key="rma-2", at=MONDAY, by=MAREK)
    rest = goods_returns.refund(order=coat.id, key="rma-3", at=MONDAY + DAY, by=MAREK)
    assert one.amount_minor + rest.amount_minor == 16000 - 1001
    assert (one.matched_minor, rest.matched_minor) == (one.amount_minor, rest.amount_minor)
    with pytest.raises(goods_returns.NothingLeft):
        goods_returns.refund(order=coat.id, key="rma-4", at=MONDAY + DAY, by=MAREK)


def test_a_cancelled_order_does_not_count_and_again_changes_nothing():
    order = orders.record(report=an_order(), at=MONDAY, by=THE_SHOP)
    orders.cancel(order=order.id, at=MONDAY + DAY, by=MAREK, why="customer changed her mind")
    again = orders.cancel(order=order.id, at=MONDAY + 2 * DAY, by=MAREK)
    assert again.cancelled_at == MONDAY + DAY
    assert trail_verbs().count("commerce.orders.cancel") == 1


def test_a_return_that_names_no_order_meets_the_oldest_purchase_even_when_that_comes_later():
    back = a_return_batch(("r1", "priya", None, MONDAY + 5 * DAY, [("coat", "3", 24000)]))
    goods_returns.record_many(batch=back, at=MONDAY, by=THE_SHOP)
    assert matched("r1") == []
    sales = [an_order("s1", at=MONDAY), an_order("s2", at=MONDAY + DAY), an_order("s3", at=MONDAY + 6 * DAY)]
    orders.record_many(batch=a_batch(*sales), at=MONDAY, by=THE_SHOP)
    goods_returns.match_namespace(namespace="shop")
    assert matched("r1") == [("s1", 1.0, 8000), ("s2", 1.0, 8000)]
    assert goods_returns.quantities(namespace="shop") == (3, 2)
    goods_returns.match_namespace(namespace="shop")
    assert matched("r1") == [("s1", 1.0, 8000), ("s2", 1.0, 8000)]


def test_a_return_that_names_its_order_is_not_given_another_and_leaves_the_rest_to_others():
    orders.record_many(batch=a_batch(an_order("s1"), an_order("s2", at=MONDAY + DAY)), at=MONDAY, by=THE_SHOP)
    back = a_return_batch(
        ("named", "priya", "s2", MONDAY + 2 * DAY, [("coat", "1", 8000)]),
        ("bare", "priya", None, MONDAY + 3 * DAY, [("coat", "2", 16000)]),
    )
    goods_returns.record_many(batch=back, at=MONDAY, by=THE_SHOP)
    assert matched("named") == [("s2", 1.0, 8000)]
    assert matched("bare") == [("s1", 1.0, 8000)]


def test_a_newer_version_of_an_order_takes_its_matches_along():
    orders.record_many(batch=a_batch(an_order("s1", lines=[("coat", "2", "80.00")])), at=MONDAY, by=THE_SHOP)
    back = a_return_batch(("r1", "priya", None, MONDAY + DAY, [("coat", "2", 16000)]))
    goods_returns.record_many(batch=back, at=MONDAY, by=THE_SHOP)
    newer = an_order("s1", lines=[("coat", "1", "80.00")], source_updated_at=MONDAY + DAY)
    orders.record_many(batch=a_batch(newer), at=MONDAY, by=THE_SHOP)
    assert matched("r1") == [("s1", 1.0, 8000)]
    (line,) = orders.by_ref(namespace="shop", ref="s1").lines
    assert (line.quantity, line.returned_quantity) == (1, 1)


def test_the_pages_of_a_customer_follow_each_other():
    views = [orders.record(report=an_order(str(n), at=MONDAY + n * DAY), at=MONDAY, by=THE_SHOP) for n in range(5)]
    customer = views[0].customer_id
    page = orders.of_customer(customer, limit=2)
    rest = orders.of_customer(customer, before=(page[-1].placed_at, page[-1].id), limit=10)
    assert [view.ref for view in page + rest] == ["4", "3", "2", "1", "0"]


def test_questions_cost_one_query(django_assert_num_queries):
    order = orders.record(report=an_order(), at=MONDAY, by=THE_SHOP)
    with django_assert_num_queries(1):
        orders.get(order.id)
    with django_assert_num_queries(1):
        orders.of_customer(order.customer_id)


def test_the_civil_day_is_the_shops():
    late = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)  # one o'clock at night in Shanghai
    assert orders.record(report=an_order(at=late), at=late, by=THE_SHOP).placed_on.isoformat() == "2026-03-03"


@given(
    lines=st.lists(
        st.tuples(st.sampled_from(["coat", "hat"]), st.integers(1, 4), st.integers(0, 900)), min_size=1, max_size=4
    ),
    discount=st.integers(0, 300),
    asked=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3)), max_size=6),
    whole_first=st.booleans(),
)
@settings(max_examples=often(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_refunds_never_add_up_to_more_than_was_paid_and_all_of_them_to_all_of_it(lines, discount, asked, whole_first):
    with transaction.atomic():
        goods = [(product, str(quantity), str(Decimal(price) / 100)) for product, quantity, price in lines]
        total = sum(quantity * price for _, quantity, price in lines)
        report = an_order(lines=goods, discount_minor=min(discount, total))
        sale = orders.record(report=report, at=MONDAY, by=THE_SHOP)
        back = []
        for n, (number, quantity) in enumerate(asked):
            with contextlib.suppress(goods_returns.OverRefund):
                back.append(
                    goods_returns.refund(
                        order=sale.id, lines={number: Decimal(quantity)}, key=str(n), at=MONDAY, by=MAREK
                    )
                )
        if not whole_first or back:
            with contextlib.suppress(goods_returns.NothingLeft):
                back.append(goods_returns.refund(order=sale.id, key="rest", at=MONDAY, by=MAREK))
            assert sum(one.amount_minor for one in back) == sale.goods_minor - sale.discount_minor
            assert all(line.returned_quantity == line.quantity for line in orders.get(sale.id).lines)
            assert all(one.amount_minor == goods_returns.get(one.id).matched_minor for one in back)
        transaction.set_rollback(True)


def test_an_order_refunded_in_full_and_then_shrunk_pays_nothing_more():
    first = an_order(source_updated_at=MONDAY)
    sale = orders.record(report=first, at=MONDAY, by=THE_SHOP)
    goods_returns.refund(order=sale.id, key="rma-1", at=MONDAY, by=MAREK)
    smaller = an_order(lines=[("coat", "1", "5.00"), ("pin", "1", "3.00")], source_updated_at=MONDAY + DAY)
    orders.record(report=smaller, at=MONDAY, by=THE_SHOP)
    with pytest.raises(goods_returns.OverRefund):
        goods_returns.refund(order=sale.id, key="rma-2", at=MONDAY, by=MAREK)


def test_a_key_answers_for_what_it_was_asked_alone():
    sale = orders.record(report=an_order(lines=[("coat", "2", "80.00")]), at=MONDAY, by=THE_SHOP)
    goods_returns.refund(order=sale.id, lines={1: Decimal(1)}, key="rma-1", at=MONDAY, by=MAREK)
    assert goods_returns.refund(order=sale.id, lines={1: Decimal("1.0")}, key="rma-1", at=MONDAY, by=MAREK)
    with pytest.raises(goods_returns.KeyUsedElsewhere):
        goods_returns.refund(order=sale.id, key="rma-1", at=MONDAY, by=MAREK)


def test_a_cancelled_order_takes_its_refunds_along_and_gives_no_new_ones():
    sale = orders.record(report=an_order(), at=MONDAY, by=THE_SHOP)
    back = goods_returns.refund(order=sale.id, key="rma-1", at=MONDAY, by=MAREK)
    assert back.matched_minor == 8000
    orders.cancel(order=sale.id, at=MONDAY + DAY, by=MAREK)
    assert goods_returns.get(back.id).matched_minor == 0
    with pytest.raises(goods_returns.OrderIsCancelled):
        goods_returns.refund(order=sale.id, key="rma-2", at=MONDAY, by=MAREK)


def test_a_line_costs_what_is_left_after_its_own_discount():
    line = LineReport(1, "coat", Decimal(1), Decimal("80.00"), discount_minor=1000)
    sale = orders.record(report=replace(an_order(), lines=[line]), at=MONDAY, by=THE_SHOP)
    assert (sale.goods_minor, sale.total_minor, sale.lines[0].amount_minor) == (7000, 7000, 7000)
    assert goods_returns.refund(order=sale.id, key="rma-1", at=MONDAY, by=MAREK).amount_minor == 7000


@pytest.mark.parametrize(
    "wrong",
    [
        {"discount_minor": 8001},
        {"discount_minor": -1},
        {"shipping_minor": -1},
        {"tax_minor": -1},
        {"total_minor": -1},
        {"lines": [LineReport(1, "coat", Decimal(1), Decimal("80.00"), discount_minor=8001)]},
        {"lines": [LineReport(1, "coat", Decimal(-1), Decimal("80.00"))]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_amount_no_purchase_has_is_refused_by_name(wrong):
    with pytest.raises(orders.BadAmount):
        orders.record(report=replace(an_order(), **wrong), at=MONDAY, by=THE_SHOP)


def test_a_purchase_told_live_after_its_return_is_matched():
    back = a_return_batch(("r1", "priya", None, MONDAY + DAY, [("coat", "1", 8000)]))
    goods_returns.record_many(batch=back, at=MONDAY, by=THE_SHOP)
    orders.record(report=an_order("s1", at=MONDAY), at=MONDAY + 2 * DAY, by=THE_SHOP)
    assert matched("r1") == [("s1", 1.0, 8000)]


def test_a_return_that_turns_out_to_be_somebody_elses_gives_the_purchase_back():
    orders.record_many(batch=a_batch(an_order("s1")), at=MONDAY, by=THE_SHOP)
    rows = [("coat", "1", 8000)]
    mine = a_return_batch(("r1", "priya", None, MONDAY + DAY, rows), ("r2", "priya", None, MONDAY + 2 * DAY, rows))
    goods_returns.record_many(batch=mine, at=MONDAY, by=THE_SHOP)
    assert (matched("r1"), matched("r2")) == ([("s1", 1.0, 8000)], [])
    theirs = a_return_batch(("r1", "tomas", None, MONDAY + DAY, rows))
    theirs = replace(theirs, returns=theirs.returns.with_columns(source_updated_at=pl.lit(MONDAY + 3 * DAY)))
    goods_returns.record_many(batch=theirs, at=MONDAY, by=THE_SHOP)
    assert (matched("r1"), matched("r2")) == ([], [("s1", 1.0, 8000)])
