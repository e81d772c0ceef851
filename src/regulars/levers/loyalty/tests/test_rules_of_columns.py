"""What a rule says of many orders at once is what it says of each: points, lines, reasons, in any order of rules."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.levers.loyalty.rules import basis, columns, deciding
from regulars.levers.loyalty.rules.columns import BETWEEN, OrderColumns, Seen, TooLarge
from regulars.levers.loyalty.rules.grants import Grant, Missed, split
from regulars.levers.loyalty.rules.rule import day_number
from regulars.levers.loyalty.rules.views import Context, LineView, OrderView
from regulars.levers.loyalty.tests.orders_seen import TUESDAY, a_programme
from tests.often import often

RULES = (
    "id: a, kind: spend, points: 1, per: 1",
    "id: b, kind: spend, points: 3, per: '0.70', at_least: 20, from: 2026-03-02, until: 2026-03-05",
    "id: c, kind: item, points: 2",
    "id: d, kind: first_order, points: 50, at_least: 5",
    "id: e, kind: nth_order, nth: 3, points: 60",
    "id: f, kind: window_bonus, times: '1.5', multiplies: [a, c], from: 2026-03-01, until: 2026-03-04",
    "id: g, kind: window_bonus, points: 7, from: 2026-03-01, until: 2026-03-04",
    "id: h, kind: spend, points: 1, per: 500, funded_by: acme",
    "id: i, kind: spend, points: 2, per: 1, at_least: 10, where: {field: category, is: tea}",
    "id: j, kind: item, points: 4, where: {any: [{field: quantity, at_least: 2}, {field: product, is: coat}]}",
    "id: k, kind: spend, points: 1, per: 1, where: {all: [{field: weekday, is: tue}, {field: channel, is_not: web}]}",
    "id: l, kind: window_bonus, times: 2, multiplies: [i, k], from: 2026-03-01, until: 2026-03-04,"
    " where: {field: amount, more_than: 40}",
    "id: n, kind: nth_order, every: 2, points: 5, at_least: 3",
    "id: o, kind: streak, length: 3, period: week, points: 11, where: {field: category, is: tea}",
    "id: p, kind: surprise, points: 13, chance: 30, period: week, at_least: 3",
    "id: q, kind: surprise, points: 8, chance: 60, period: month, where: {field: category, is: tea}",
    "id: r, kind: tier_bonus, tiers: sky, times: {gold: '1.2', star: '1.7'}, multiplies: [a, p, j]",
    "id: s, kind: birthday_bonus, benefit: cake, multiplies: [a, r], at_least: 9",
    "id: m, kind: window_bonus, points: 9, from: 2026-03-01, until: 2026-03-04, where: {field: store, is_known: false}",
)
ABOVE = """
tiers:
  - id: sky
    levels: [{id: green}, {id: gold, all: [{what: orders, at_least: 2}]}, {id: star, all: [{what: spend, at_least: 9}]}]
benefits: [{id: cake, kind: birthday_multiplier, times: "1.5", days: 3, for: [{tiers: sky, from: gold}]}]
"""
amounts = st.integers(0, 9_999)
taxes = st.none() | st.integers(0, 900)
goods = st.sampled_from([("", ""), ("coat", ""), ("green", "tea"), ("black", "tea"), ("cup", "ware")])
lines = st.tuples(
    *(amounts, st.sampled_from(["1", "2", "0.5", "3", "1.25"]), st.integers(0, 4), st.booleans(), taxes, goods)
)
tenders = st.dictionaries(st.sampled_from(["card", "points", "gift_card"]), st.integers(0, 9_000), max_size=2)
told = st.tuples(
    *(st.lists(lines, max_size=4), st.integers(-2, 3), st.integers(1, 4), amounts, st.integers(0, 12_000), amounts),
    *(tenders, st.booleans(), st.integers(0, 2_000), st.sampled_from([0, 395]), st.sampled_from(["", "web", "till"])),
)


def _order(one) -> tuple[OrderView, Context]:
    wares, day, number, discount, kept, back, paid, with_tax, tax, shipping, channel = one
    told = []
    for n, (amount, quantity, gone, is_card, of_line, (product, category)) in enumerate(wares, 1):
        whole = Decimal(quantity)
        kept_of_it = max(whole - gone, Decimal(0))
        line = LineView(n, whole, kept_of_it, amount, product, category, tax_minor=of_line)
        told.append(replace(line, is_gift_card=is_card and n > 1))
    total = max(sum(line.amount_minor for line in told) - discount % 300, 0)
    at = TUESDAY + timedelta(days=day)
    view = OrderView(
        placed_at=at,
        placed_on=at.date(),
        currency="GBP",
        lines=tuple(told),
        total_minor=total,
        due_minor=total - back % 400,
        kept_minor=kept if kept < 9_000 else total,
        discount_minor=discount % 300,
        money_back_minor=back % 500 if back > 5_000 else 0,
        tenders=paid,
        prices_include_tax=with_tax,
        tax_minor=tax,
        shipping_minor=shipping,
        channel=channel,
        store="leeds" if channel == "till" else "",
    )
    levels = {"sky": ["green", "gold", "star"][kept % 3]} if kept % 4 else {}
    return view, Context(
        member=str(number),
        seed="drawn",
        order_number=number,
        streaks={"o": (number * 3 + day) % 7},
        tiers=levels,
        birthdays={"cake": ["1.5", "3"][discount % 2]} if discount % 3 else {},
    )


def _columns(orders: list[tuple[OrderView, Context]]) -> OrderColumns:
    each = [line for order, _ in orders for line in order.lines]
    begins = np.cumsum([0, *(len(order.lines) for order, _ in orders)])

    def of(*values: int) -> columns.Numbers:
        return np.array(values, np.int64)

    def texts(values: Iterable[str]) -> columns.Texts:
        return np.array([*values], object)

    paid = [max(sum(order.tenders.values()), order.total_minor) if order.tenders else 0 for order, _ in orders]
    no_money = [order.tenders.get("points", 0) + order.tenders.get("gift_card", 0) for order, _ in orders]
    told = basis.Paid(
        begins=begins,
        is_taxed=np.array([line.tax_minor is not None for line in each], bool),
        line_tax_minor=of(*(line.tax_minor or 0 for line in each)),
        shipping_minor=of(*(order.shipping_minor for order, _ in orders)),
        tax_minor=of(*(order.tax_minor for order, _ in orders)),
        prices_include_tax=np.array([order.prices_include_tax for order, _ in orders], bool),
        money_minor=of(*paid) - of(*no_money),
        paid_minor=of(*paid),
        quantity=of(*(int(line.quantity.scaleb(3)) for line in each)),
        kept=of(*(int(line.kept.scaleb(3)) for line in each)),
        amount_minor=of(*(line.amount_minor for line in each)),
        is_gift_card=np.array([line.is_gift_card for line in each], bool),
        discount_minor=of(*(order.discount_minor for order, _ in orders)),
        due_minor=of(*(order.due_minor for order, _ in orders)),
        kept_minor=of(*(order.kept_minor for order, _ in orders)),
        money_back_minor=of(*(order.money_back_minor for order, _ in orders)),
    )
    weights, whole, over, under = basis.of_columns(told)
    return OrderColumns(
        placed_on=of(*(day_number(order.placed_on) for order, _ in orders)),
        number=of(*(context.order_number or 0 for _, context in orders)),
        begins=begins,
        line=of(*(line.number for line in each)),
        items=of(*(int(line.kept.scaleb(3)) for line in each)),
        weights=weights,
        whole=whole,
        over=over,
        under=under,
        seen=Seen(
            goods=texts(BETWEEN.join((line.product, line.category, line.brand, line.sku)) for line in each),
            quantity=told.quantity,
            amount_minor=told.amount_minor,
            placed_at=of(*(int(order.placed_at.timestamp()) * 1_000_000 for order, _ in orders)),
            channel=texts(order.channel for order, _ in orders),
            store=texts(order.store for order, _ in orders),
            fulfilment=texts(order.fulfilment for order, _ in orders),
            currency="GBP",
        ),
        runs={"week": of(*(context.streaks["o"] for _, context in orders))},
        member=of(*(int(context.member) for _, context in orders)),
        seed="drawn",
        tiers={"sky": texts(context.tiers.get("sky", "") for _, context in orders)},
        birthdays={"cake": texts(context.birthdays.get("cake", "") for _, context in orders)},
    )


@settings(max_examples=often(200))
@given(st.lists(told, min_size=1, max_size=6))
def test_of_many_orders_each_rule_says_what_it_says_of_each(said):
    orders = [_order(one) for one in said]
    programme = a_programme(*RULES, above=ABOVE)
    assert all(rule.is_of_columns for rule in programme.of_orders)
    told = _columns(orders)
    answers = deciding.of_columns(programme.of_orders, told, programme.terms)
    for n, (order, context) in enumerate(orders):
        decision = deciding.of_order(programme.of_orders, order, context, programme.terms)
        stretch = slice(told.begins[n], told.begins[n + 1])
        for one in decision.answers:
            mine = answers[one.rule]
            assert isinstance(one, Grant | Missed)
            why = one.because if isinstance(one, Grant) else one.why
            assert (mine.code[n], json.loads(mine.facts[n])) == (why.code, dict(why.facts)), one.rule
            shares = zip(told.line[stretch].tolist(), mine.shares[stretch].tolist(), strict=True)
            parts, over = (one.parts, one.lines) if isinstance(one, Grant) else (0, {})
            assert (mine.parts[n], {line: share for line, share in shares if share}) == (parts, over), one.rule


@settings(max_examples=often(200))
@given(st.lists(st.tuples(st.integers(0, 500), st.lists(st.integers(1, 90), min_size=1, max_size=5)), max_size=5))
def test_parts_are_split_over_the_lines_of_many_as_over_those_of_one(said):
    weights = np.array([weight for _, some in said for weight in some], np.int64)
    begins = np.cumsum([0, *(len(some) for _, some in said)])
    found = columns.split(np.array([parts for parts, _ in said], np.int64), weights, begins)
    for n, (parts, some) in enumerate(said):
        one = split(parts, list(enumerate(some, 1)))
        assert found[begins[n] : begins[n + 1]].tolist() == [one.get(line, 0) for line in range(1, len(some) + 1)]


def test_what_64_bits_might_not_hold_is_refused():
    with pytest.raises(TooLarge):
        columns.split(np.array([2**40]), np.array([2**40]), np.array([0, 1]))


@pytest.mark.parametrize(
    "rule",
    [
        "id: a, kind: spend, points: 1, per: 1, tenders: [card]",
        "id: a, kind: spend, points: 1, per: 1, include: [shipping]",
        "id: a, kind: first_order, points: 1, only_if: {field: customers.country, is: GB}",
        "id: a, kind: surprise, points: 3, chance: 5, period: month, only_if: {field: customers.country, is: GB}",
        "id: a, kind: audience_bonus, audience: aud_regulars, points: 3",
    ],
)
def test_what_is_asked_of_payments_and_customers_is_asked_order_by_order(rule):
    assert not any(one.is_of_columns for one in a_programme(rule).rules)
