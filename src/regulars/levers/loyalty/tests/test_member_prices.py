"""What a member pays, and what they may see before others."""

from decimal import Decimal

import pytest

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.kit.money import Money
from regulars.levers.loyalty import benefits, member_prices
from regulars.levers.loyalty.member_prices import Cart, CartLine
from regulars.levers.loyalty.rules import benefit_prices
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, a_member, key
from regulars.levers.loyalty.tests.orders_seen import a_line, a_programme, an_order
from regulars.levers.loyalty.tests.test_benefits import a_club
from regulars.levers.loyalty.tests.test_earning import buyer
from regulars.levers.loyalty.tests.test_tiers import buys

TEA = "{field: category, is: tea}"


def a_price(*told: str):
    listed = "\n".join(f"  - {{id: b{n}, kind: member_price, {one}}}" for n, one in enumerate(told))
    return a_programme("id: s, kind: spend, points: 1, per: 1", above=f"benefits:\n{listed}").benefits


@pytest.mark.parametrize(
    ("price", "line", "off"),
    [
        ("percent: 10", a_line(1, "10.00"), 100),
        ("percent: 10", a_line(1, "0.05"), 1),
        ("percent: 10", a_line(1, "0.04"), 0),
        ("percent: 15", a_line(1, "9.99", quantity=3), 450),
        ("percent: 100", a_line(1, "10.00"), 1000),
        ("amount_off: 3", a_line(1, "10.00", quantity=2), 600),
        ("amount_off: 30", a_line(1, "10.00", quantity=2), 2000),
        (f"percent: 10, where: {TEA}", a_line(1, "10.00", category="tea"), 100),
        (f"percent: 10, where: {TEA}", a_line(1, "10.00", category="coffee"), 0),
        (f"percent: 10, where: {TEA}", a_line(1, "10.00"), 0),
        ("percent: 10", a_line(1, "10.00", is_gift_card=True), 0),
        ("percent: 10", a_line(1, "0.00"), 0),
    ],
)
def test_what_is_taken_off_a_line(price, line, off):
    assert benefit_prices.off(*a_price(price), an_order(line), line) == off


def test_of_each_line_the_best_price_counts_and_they_never_add_up():
    ten, three = a_price("percent: 10", f"amount_off: 3, where: {TEA}")
    order = an_order(a_line(1, "10.00", category="tea"), a_line(2, "50.00", category="tea"), a_line(3, "20.00"))
    found = benefit_prices.best(order, [ten, three])
    assert {number: (one.place, one.minor) for number, one in found.items()} == {1: (1, 300), 2: (0, 500), 3: (0, 200)}


@pytest.mark.parametrize(
    ("discounts", "saved"), [({}, 0), ({1: 100}, 100), ({1: 300}, 120), ({2: 100}, 0), ({1: 50, 3: 500}, 50 + 250)]
)
def test_what_an_orders_own_discounts_say_was_saved(discounts, saved):
    """Each line cost 9.00, 9.00 and 20.00 after its discount; the price is for tea, the second is none."""
    [price] = a_price(f"percent: 10, where: {TEA}")
    order = an_order(a_line(1, "9.00", category="tea"), a_line(2, "9.00"), a_line(3, "20.00", category="tea"))
    assert benefit_prices.taken_off(price, order, discounts) == saved


@pytest.mark.django_db
def test_a_till_asks_what_a_member_pays_and_tells_that_it_was_bought():
    a_club(
        "{id: tea, kind: member_price, percent: 10, per: month, where: {field: category, is: tea},"
        " for: [{tiers: status, from: silver, most: 1}]}",
        "{id: early, kind: early_access, hours: 24, for: [{tiers: status, from: silver}]}",
        "{id: earlier, kind: early_access, hours: 48, for: [{tiers: status, from: gold}]}",
    )
    priya, li = buyer(buys("priya", "150.00")), a_member("li")
    cart = Cart(
        "GBP",
        [CartLine("oolong", Decimal(2), 2_000, category="tea"), CartLine("cup", Decimal(1), 900, category="cups")],
    )
    priced = member_prices.prices(customer=priya, cart=cart, at=FRIDAY)
    assert [(line.number, line.off.minor, line.benefit) for line in priced.lines] == [(1, 200, "club.tea"), (2, 0, "")]
    assert (priced.off, priced.benefits) == (Money(200, "GBP"), ["club.tea"])
    assert member_prices.prices(customer=li, cart=cart, at=FRIDAY).off == Money(0, "GBP")
    euros = Cart("EUR", cart.lines)
    assert member_prices.prices(customer=priya, cart=euros, at=FRIDAY).off == Money(0, "EUR")

    def bought(who):
        line = LineReport(1, "oolong", Decimal(2), Decimal("10.00"), category="tea", discount_minor=200)
        report = OrderReport(
            namespace="shop", ref=key(), customer_ref=who, placed_at=FRIDAY, currency="GBP", lines=[line]
        )
        return orders.record(report=report, at=FRIDAY, by=THE_SHOP).id

    order, anothers = bought("priya"), bought("li")
    for whose, at in ((anothers, FRIDAY), (10**9, FRIDAY)):
        with pytest.raises(benefits.BadUse) as refused:
            benefits.use(customer=priya, benefit="club.tea", order=whose, key=key(), at=at, by=THE_SHOP)
        assert refused.value.facts["field"] == "order"
    used = benefits.use(customer=priya, benefit="club.tea", order=order, key=key(), at=FRIDAY, by=THE_SHOP)
    assert used.saved == Money(200, "GBP")
    assert member_prices.prices(customer=priya, cart=cart, at=FRIDAY).off == Money(0, "GBP"), "used up for the month"

    opens = FRIDAY + 2 * DAY
    seen = member_prices.early(customer=priya, opens_at=opens, at=FRIDAY)
    assert (seen.may_see, seen.sees_from, seen.benefit, seen.hours) == (False, opens - DAY, "club.early", 24)
    assert member_prices.early(customer=priya, opens_at=opens, at=opens - DAY).may_see
    waits = member_prices.early(customer=li, opens_at=opens, at=FRIDAY)
    assert (waits.may_see, waits.sees_from, waits.benefit) == (False, opens, "")
    assert member_prices.early(customer=li, opens_at=MONDAY, at=MONDAY).may_see
    benefits.give(customer=li, benefit="club.earlier", reason="goodwill", most=None, key=key(), at=FRIDAY, by=MAREK)
    assert member_prices.early(customer=li, opens_at=opens, at=FRIDAY).may_see
