"""What each kind of rule gives, over which lines, and what it says of it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from regulars.levers.loyalty.rules import KINDS, basis, deciding, reasons
from regulars.levers.loyalty.rules.grants import Reason, split
from regulars.levers.loyalty.rules.rule import points_text
from regulars.levers.loyalty.rules.streak import run_until
from regulars.levers.loyalty.rules.views import Context, EventView
from regulars.levers.loyalty.tests.orders_seen import TUESDAY, a_line, a_programme, an_order, decided, given
from tests.often import often

SPEND = "id: s, kind: spend, points: 1, per: 2"
PARTNER = "id: s, kind: partner, points: 1, per: 1, funded_by: acme"
COAT = a_line(1, "80.00", category="Coats", brand="Acme", product="coat")
TEA = a_line(2, "5.00", quantity=4, category="Tea", product="tea")


@pytest.mark.parametrize(
    ("rule", "order", "points"),
    [
        (SPEND, an_order(), 40),
        (SPEND, an_order(a_line(1, "1.99")), 0),
        (SPEND, an_order(a_line(1, "1.99"), a_line(2, "0.01")), 1),
        # What came back, what was called off, what is not paid and what was paid with points earn nothing.
        (SPEND, an_order(a_line(1, "20.00", quantity=4, kept=3)), 30),
        (SPEND, an_order(counts=False), 0),
        (SPEND, an_order(paid=0), 0),
        (SPEND, an_order(paid=4000), 20),
        (SPEND, an_order(tenders={"card": 6000, "points": 2000}), 30),
        (SPEND, an_order(tenders={"card": 6000, "gift_card": 2000}), 30),
        (f"{SPEND}, include: [gift_cards_used]", an_order(tenders={"card": 6000, "gift_card": 2000}), 40),
        (SPEND, an_order(COAT, a_line(2, "50.00", is_gift_card=True)), 40),
        (f"{SPEND}, include: [gift_cards_sold]", an_order(COAT, a_line(2, "50.00", is_gift_card=True)), 65),
        # Discounts of the order, shipping and tax.
        (SPEND, an_order(discount_minor=1000), 35),
        (SPEND, an_order(shipping_minor=500), 40),
        (f"{SPEND}, include: [shipping]", an_order(shipping_minor=500), 42),
        (SPEND, an_order(tax_minor=1600), 40),
        (f"{SPEND}, include: [tax]", an_order(tax_minor=1600), 48),
        (SPEND, an_order(tax_minor=1600, prices_include_tax=True), 32),
        (f"{SPEND}, include: tax", an_order(tax_minor=1600, prices_include_tax=True), 40),
        (SPEND, an_order(a_line(1, "80.00", tax_minor=1000), prices_include_tax=True, tax_minor=1600), 35),
        (SPEND, an_order(money_back_minor=2000), 30),
        # Another currency, at the rate that was captured; none is known.
        (SPEND, an_order(rate=Fraction(5, 4), currency="EUR"), 50),
        (SPEND, an_order(rate=None, currency="EUR"), 0),
        # Where, when, what and by which means.
        (f"{SPEND}, where: {{field: category, is: Tea}}", an_order(COAT, TEA), 10),
        (f"{SPEND}, where: {{field: category, is: Hats}}", an_order(COAT, TEA), 0),
        (f"{SPEND}, where: {{field: channel, is: store}}", an_order(channel="store"), 40),
        (f"{SPEND}, where: {{field: store, in: [bond, soho]}}", an_order(store="soho"), 40),
        (f"{SPEND}, where: {{field: weekday, is: tue}}", an_order(), 40),
        (f"{SPEND}, where: {{field: weekday, is: wed}}", an_order(), 0),
        (f"{SPEND}, tenders: [wallet]", an_order(tenders={"wallet": 2000, "card": 6000}), 10),
        (f"{SPEND}, tenders: [wallet]", an_order(), 0),
        (f"{SPEND}, at_least: 100", an_order(), 0),
        (f"{SPEND}, from: 2026-03-03, until: 2026-03-04", an_order(), 40),
        (f"{SPEND}, from: 2026-03-04", an_order(), 0),
        (f"{SPEND}, until: 2026-03-03", an_order(), 0),
        # Other kinds.
        ("id: s, kind: item, points: 3", an_order(COAT, TEA), 15),
        ("id: s, kind: item, points: 3", an_order(COAT, a_line(2, "5.00", quantity=4, kept=Decimal("2.5"))), 9),
        (
            "id: s, kind: partner, points: 1, per: 1, funded_by: acme, where: {field: brand, is: Acme}",
            an_order(COAT, TEA),
            80,
        ),
    ],
)
def test_orders(rule, order, points):
    assert given(rule, order=order) == ({"s": points} if points else {})


@pytest.mark.parametrize(
    ("rule", "context", "points"),
    [
        ("kind: first_order, points: 50", Context(order_number=1), 50),
        ("kind: first_order, points: 50", Context(order_number=2), 0),
        ("kind: first_order, points: 50", Context(), 0),
        ("kind: nth_order, points: 60, nth: 5", Context(order_number=5), 60),
        ("kind: nth_order, points: 60, nth: 5", Context(order_number=10), 0),
        ("kind: nth_order, points: 60, every: 5", Context(order_number=10), 60),
        ("kind: nth_order, points: 60, every: 5", Context(order_number=11), 0),
        ("kind: streak, points: 9, length: 4, period: week", Context(streaks={"r": 4}), 9),
        ("kind: streak, points: 9, length: 4, period: week", Context(streaks={"r": 8}), 9),
        ("kind: streak, points: 9, length: 4, period: week", Context(streaks={"r": 5}), 0),
        ("kind: streak, points: 9, length: 4, period: week", Context(streaks={"r": 0}), 0),
        ("kind: spend, points: 1, per: 1, only_if: {field: customers.country, is: GB}", Context(fits={"r": True}), 80),
        ("kind: spend, points: 1, per: 1, only_if: {field: customers.country, is: GB}", Context(fits={"r": False}), 0),
        ("kind: audience_bonus, points: 5, audience: aud_regulars", Context(audiences={"aud_regulars": "2026"}), 5),
        ("kind: audience_bonus, points: 5, audience: aud_regulars", Context(), 0),
    ],
)
def test_what_was_so_of_the_customer(rule, context, points):
    assert given(f"id: r, {rule}", context=context) == ({"r": points} if points else {})


def test_a_weekend_of_double_points_adds_what_makes_it_double_and_no_more():
    week = "id: week, kind: window_bonus, times: 3, multiplies: [s], from: 2026-03-02, until: 2026-03-09"
    assert given(week, SPEND) == {"s": 40, "week": 80}
    assert given(week, SPEND, order=an_order(at=TUESDAY + timedelta(days=7))) == {"s": 40}
    half = "id: half, kind: window_bonus, times: '1.5', multiplies: [s], from: 2026-03-02, until: 2026-03-09"
    # 39 points and a half of them: 19.5, rounded down.
    assert given(half, SPEND, order=an_order(a_line(1, "78.00"))) == {"s": 39, "half": 19}


@pytest.mark.parametrize(
    ("times", "multiplies", "points"),
    [("", "[s]", None), ("2", "[s]", 39), ("1.5", "[s]", 19), ("2", "[s, more]", 39 + 19), ("1.5", "[s, more]", 29)],
)
def test_a_birthday_multiplies_what_the_file_says_with_levels_or_beside_them(times, multiplies, points):
    found = given(
        f"id: cake, kind: birthday_bonus, benefit: birthday, multiplies: {multiplies}",
        "id: more, kind: tier_bonus, tiers: status, times: {gold: '1.5'}, multiplies: [s]",
        SPEND,
        order=an_order(a_line(1, "78.00")),
        context=Context(tiers={"status": "gold"}, birthdays={"birthday": times} if times else {}),
        above="tiers: [{id: status, levels: [{id: gold, all: [{what: orders, at_least: 2}]}]}]\n"
        "benefits: [{id: birthday, kind: birthday_multiplier, times: 2, for: [{tiers: status, from: gold}]}]",
    )
    assert found == {"s": 39, "more": 19} | ({} if points is None else {"cake": points})


@pytest.mark.parametrize(("level", "points"), [("", 0), ("silver", 0), ("gold", 19), ("platinum", 39)])
def test_a_level_earns_more_by_what_other_rules_gave(level, points):
    levels = ", ".join(f"{{id: {one}, all: [{{what: orders, at_least: 2}}]}}" for one in ("silver", "gold", "platinum"))
    more = "id: more, kind: tier_bonus, tiers: status, times: {gold: '1.5', platinum: 2}, multiplies: [s]"
    found = given(
        more,
        SPEND,
        order=an_order(a_line(1, "78.00")),
        context=Context(tiers={"status": level} if level else {}),
        above=f"tiers: [{{id: status, levels: [{levels}]}}]",
    )
    assert found == {"s": 39} | ({"more": points} if points else {})


def test_a_cap_that_lets_less_through_is_said_and_what_multiplies_it_multiplies_less():
    double = "id: w, kind: window_bonus, times: 2, multiplies: [s], from: 2026-03-02, until: 2026-03-09"
    answers = decided(SPEND, double, limit=lambda rule, parts: min(parts, 10))
    assert {grant.rule: grant.parts for grant in answers.grants} == {"s": 10, "w": 10}
    assert (
        reasons.said(answers.grants[0].because) == "80.00 GBP spent, 1 for each 2.00 GBP (without the cap it were 40)"
    )
    assert reasons.said(decided(SPEND, limit=lambda rule, parts: 0).missed[0].why).startswith("the most that can be")


def test_points_of_an_order_are_split_over_its_lines_to_the_last_part():
    lines = (a_line(1, "1.00"), a_line(2, "1.00"), a_line(3, "1.00"))
    (grant,) = decided("id: s, kind: spend, points: 10, per: 3", order=an_order(*lines)).grants
    assert grant.lines == {1: 4, 2: 3, 3: 3}
    assert split(5, []) == {0: 5}


def test_a_surprise_is_drawn_once_for_each_member_and_month():
    rule = "id: luck, kind: surprise, points: 30, chance: 20, period: month"
    lucky = [m for m in range(1000) if given(rule, context=Context(member=str(m), seed="x"))]
    assert 150 < len(lucky) < 250
    later = an_order(at=TUESDAY + timedelta(days=20))
    assert lucky == [m for m in range(1000) if given(rule, context=Context(member=str(m), seed="x"), order=later)]
    april = an_order(at=TUESDAY + timedelta(days=40))
    assert lucky != [m for m in range(1000) if given(rule, context=Context(member=str(m), seed="x"), order=april)]


def test_a_pledge_is_money_of_the_shops_and_no_points():
    answers = decided("id: d, kind: donation, percent: '1.5', cause: trees")
    assert not answers.grants
    assert [(pledge.cause, pledge.minor) for pledge in answers.pledges] == [("trees", 120)]
    assert not decided("id: d, kind: donation, percent: 1, cause: trees", order=an_order(a_line(1, "0.99"))).pledges


@pytest.mark.parametrize(
    ("rule", "event", "points", "subject"),
    [
        ("event: review, once: about, points: 5", {"about": "coat"}, 5, "event:review:7:coat"),
        ("event: review, once: day, points: 5", {"about": "coat"}, 5, "event:review:7:2028-02-29"),
        ("event: review, once: month, points: 5", {}, 5, "event:review:7:2028-02"),
        ("event: review, once: week, points: 5", {}, 5, "event:review:7:2028-W09"),
        ("event: birthday, points: 5", {"name": "birthday"}, 5, "event:birthday:7:2028"),
        ("event: sign_up, points: 5", {"name": "sign_up"}, 5, "event:sign_up:7:"),
        (
            "event: review, once: ever, points: 5, where: {field: property.stars, at_least: '4'}",
            {"properties": {"stars": 5}},
            5,
            "event:review:7:",
        ),
        (
            "event: review, once: ever, points: 5, where: {field: property.stars, at_least: '4'}",
            {"properties": {"stars": 3}},
            0,
            "event:review:7:",
        ),
        (
            "event: review, once: ever, points: 5, where: {field: property.photo, is: true}",
            {"properties": {"photo": True}},
            5,
            "event:review:7:",
        ),
        (
            "event: visit, once: day, points: 5, where: {field: store, is: soho}",
            {"name": "visit", "store": "soho"},
            5,
            "event:visit:7:2028-02-29",
        ),
        ("event: review, once: ever, points: 5, until: 2028-02-29", {}, 0, "event:review:7:"),
    ],
)
def test_events(rule, event, points, subject):
    programme = a_programme(f"id: e, kind: event, {rule}", above="caps: [{per: member, period: day, most: 50}]")
    seen = EventView(
        **({"name": "review", "at": datetime(2028, 2, 29, 9, tzinfo=UTC), "on": date(2028, 2, 29)} | event)
    )
    answers = deciding.of_event(programme.of_events, seen, Context(), programme.terms)
    assert sum(grant.parts for grant in answers.grants) == points
    assert programme.of_events[0].subject(seen, "7") == subject


@pytest.mark.parametrize(
    ("rule", "order", "context", "says"),
    [
        ("kind: spend, points: 2, per: 5", an_order(a_line(1, "0.90")), Context(), "1.60 GBP more would give 1 points"),
        (SPEND[7:], an_order(a_line(1, "1.50")), Context(), "0.50 GBP more would give 1 points"),
        (f"{SPEND[7:]}, at_least: 100", an_order(), Context(), "20.00 GBP more is needed: it begins at 100.00 GBP"),
        ("kind: nth_order, nth: 5, points: 1", an_order(), Context(order_number=3), "2 more orders until then"),
        (
            "kind: streak, length: 4, period: week, points: 1",
            an_order(),
            Context(streaks={"r": 3}),
            "1 more weeks in a row until then",
        ),
        ("kind: first_order, points: 1", an_order(), Context(order_number=7), "not the first order: it is number 7"),
        (
            "kind: spend, points: 1, per: 1",
            an_order(currency="EUR", rate=None),
            Context(),
            "nobody knows what EUR was worth",
        ),
    ],
)
def test_why_not_is_said(rule, order, context, says):
    (missed,) = decided(f"id: r, {rule}", order=order, context=context).missed
    assert reasons.said(missed.why) == says


def test_more_that_is_said_to_be_enough_is_enough():
    rule = "id: r, kind: spend, points: 3, per: '9.99'"
    (missed,) = decided(rule, order=an_order(a_line(1, "1.23"))).missed
    more = Decimal(str(missed.why.facts["money"]).split()[0])
    assert not given(rule, order=an_order(a_line(1, Decimal("1.22") + more)))
    assert given(rule, order=an_order(a_line(1, Decimal("1.23") + more)))["r"] >= 1


def test_every_reason_has_a_sentence():
    facts = dict.fromkeys(
        [
            "money",
            "points",
            "per",
            "items",
            "number",
            "length",
            "times",
            "percent",
            "cause",
            "currency",
            "day",
            "least",
            "more",
        ],
        1,
    )
    facts |= {"event": "x", "chance": 1, "nth": 1, "audience": "", "since": ""}
    for code in reasons.codes():
        assert "%(" not in reasons.said(Reason(code, facts))


def test_days_weeks_and_months_in_a_row():
    days = [date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 31)]
    assert run_until(date(2028, 4, 1), days, "month") == 4
    assert run_until(date(2028, 3, 31), [date(2028, 3, 1)], "month") == 0
    assert run_until(date(2028, 4, 3), [date(2028, 3, 27), date(2028, 3, 20)], "week") == 3
    assert run_until(date(2028, 4, 3), [date(2028, 4, 1)], "day") == 1


@settings(max_examples=often(40), deadline=None)
@examples(
    st.lists(st.tuples(st.integers(1, 9999), st.integers(1, 4)), min_size=1, max_size=4),
    st.integers(0, 500),
    st.data(),
)
def test_in_whatever_order_parts_come_back_the_end_is_the_same_and_no_line_gives_back_more_than_it_got(
    wares, discount, data
):
    steps = [line for line, (_, quantity) in enumerate(wares, 1) for _ in range(data.draw(st.integers(0, quantity)))]
    rules = a_programme(SPEND, "id: i, kind: item, points: 2", "id: f, kind: first_order, points: 7, at_least: 10")
    discount = min(discount, sum(price * quantity for price, quantity in wares))

    def after(back):
        lines = [
            a_line(n, Decimal(price) / 100, quantity=q, kept=q - back.count(n)) for n, (price, q) in enumerate(wares, 1)
        ]
        order = an_order(*lines, discount_minor=discount)
        return deciding.of_order(rules.of_orders, order, Context(order_number=1), rules.terms)

    ends = set()
    for way in [steps, data.draw(st.permutations(steps)), data.draw(st.permutations(steps))]:
        before = {grant.rule: grant.parts for grant in after([]).grants}
        for many in range(len(way) + 1):
            now = {grant.rule: grant.parts for grant in after(way[:many]).grants}
            assert all(now.get(rule, 0) <= parts for rule, parts in before.items())
            before = {rule: now.get(rule, 0) for rule in before}
        ends.add(str(after(way).answers))
    assert len(ends) == 1
    for grant in after(steps).grants:
        assert sum(grant.lines.values()) == grant.parts


def test_every_kind_is_tried_here():
    told = Path(__file__).read_text("utf-8")
    assert [kind for kind in KINDS if f"kind: {kind}" not in told] == []


def test_points_with_decimals():
    half = "id: h, kind: spend, points: '0.5', per: 1"
    assert given(half, above="currency: {code: cups, decimals: 1}") == {"h": 400}
    assert points_text(400, 1) == "40.0"
    assert basis.of(an_order()).minor == 8000
