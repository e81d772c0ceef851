"""What orders earn, and what becomes of it when something comes back: stories with people."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from regulars.facts.commerce import goods_returns, orders, shipments
from regulars.facts.commerce.orders import LineReport, OrderReport, TenderReport
from regulars.facts.commerce.shipments import ShipmentReport
from regulars.kit import civil
from regulars.kit.actors import SHELL
from regulars.levers.loyalty import checkups, earning, keeping, points, programmes
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty._ledger.wallet import NewLot
from regulars.levers.loyalty.expiring import Expiry
from regulars.levers.loyalty.models import Counter, Earning, Lot, Pledge
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.rules.views import EventView
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, has, said, spends
from regulars.runtime.database import clock
from regulars.runtime.notices.dispatch import react_to_everything

pytestmark = pytest.mark.django_db

LATER = MONDAY + timedelta(days=90)
SPEND = "{id: spend, kind: spend, points: 1, per: 2}"


def a_programme(
    *rules: str, above: str = "pending: {until: placed, days: 0}", code="tried", from_at=None, zone="Europe/London"
) -> str:
    text = f"programme: {code}\nmoney: GBP\nzone: {zone}\n{above}\nrules:\n" + "".join(f"  - {one}\n" for one in rules)
    made = programmes.draft(text=text, at=MONDAY - DAY, by=MAREK)
    programmes.approve(programme=code, version=made.number, cost=0, at=MONDAY - DAY, by=SHELL)
    programmes.activate(programme=code, version=made.number, at=from_at or MONDAY - DAY, by=MAREK)
    return code


def an_order(ref="1001", *, customer="priya", at=MONDAY, lines=(("coat", "1", "80.00"),), origin="live", **more) -> int:
    report = OrderReport(
        namespace="shop",
        ref=ref,
        customer_ref=customer,
        placed_at=at,
        currency=more.pop("currency", "GBP"),
        lines=[LineReport(n, *one[:1], *map(Decimal, one[1:])) for n, one in enumerate(lines, 1)],
        **more,
    )
    return orders.record(report=report, at=at, by=THE_SHOP, origin=origin).id


def settles(order, *, at=MONDAY):
    return earning.award_for_order(order=order, at=at, by=THE_SHOP)


def buyer(order) -> int:
    return orders.get(order).customer_id


def comes_back(order, quantities, *, key, at=FRIDAY):
    numbers = {
        line.number: Decimal(quantity) for line, quantity in zip(orders.get(order).lines, quantities, strict=True)
    }
    goods_returns.refund(order=order, lines={n: q for n, q in numbers.items() if q}, at=at, by=MAREK, key=key)


def test_a_returned_coat_takes_its_points_with_it():
    a_programme(SPEND)
    coat = an_order()
    settles(coat)
    priya = buyer(coat)
    assert has(priya) == (0, 40, 0, 0)

    comes_back(coat, ["1"], key="rma-1")
    settles(coat, at=FRIDAY)

    assert has(priya, at=FRIDAY) == (0, 0, 0, 0)
    assert said(priya) == ["award: 80.00 GBP spent, 1 for each 2.00 GBP", "reverse: goods came back"]
    assert settles(coat, at=FRIDAY).decided == 0


def test_partial_returns_in_any_order_end_equal():
    """A shirt and two hats for 35.01, 10 % off: whatever comes back first, the same is left at the end."""
    a_programme("{id: spend, kind: spend, points: 3, per: '0.70'}", "{id: each, kind: item, points: 2}")
    ends = set()
    for name, ways in (("li", ["100", "010", "010"]), ("amira", ["010", "100", "010"]), ("sam", ["120"])):
        order = an_order(
            name,
            customer=name,
            lines=(("shirt", "1", "15.01"), ("hat", "2", "10.00"), ("sock", "3", "1.99")),
            discount_minor=410,
        )
        settles(order)
        for number, way in enumerate(ways):
            comes_back(order, list(way), key=f"{name}{number}")
            settles(order, at=FRIDAY)
        row = Earning.objects.get(subject=f"order:{order}")
        ends.add((has(buyer(order), at=FRIDAY), str(row.lines)))
    assert len(ends) == 1


def test_points_spent_before_the_coat_came_back_are_owed_and_paid_by_the_next_order():
    a_programme(SPEND)
    coat = an_order()
    settles(coat)
    priya = buyer(coat)
    points.redeem(customer=priya, amount=30, key="mug", at=MONDAY, by=THE_SHOP)
    comes_back(coat, ["1"], key="rma-2")
    settles(coat, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 0, 0, 30)

    settles(an_order("1002", at=FRIDAY), at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 10, 0, 0)


def test_a_cancelled_order_earns_nothing_and_one_edited_upward_earns_the_difference():
    a_programme(SPEND)
    first, second = an_order(), an_order("1002", source_updated_at=MONDAY)
    settles(first)
    settles(second)
    priya = buyer(first)
    orders.cancel(order=first, at=FRIDAY, by=MAREK)
    settles(first, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 40, 0, 0)

    an_order("1002", lines=(("coat", "1", "80.00"), ("hat", "1", "21.00")), source_updated_at=FRIDAY)
    settles(second, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 50, 0, 0)
    assert said(priya)[-2:] == ["reverse: the order was cancelled", "award: 101.00 GBP spent, 1 for each 2.00 GBP"]


def test_of_an_order_paid_in_part_with_points_the_money_earns_and_a_refund_takes_its_share_of_that():
    a_programme(SPEND)
    tenders = [TenderReport("a", "card", "captured", 6000), TenderReport("b", "points", "captured", 2000)]
    order = an_order(lines=(("hat", "4", "20.00"),), tenders=tenders)
    settles(order)
    assert has(buyer(order)) == (0, 30, 0, 0)
    comes_back(order, ["1"], key="r1")
    settles(order, at=FRIDAY)
    # 60.00 kept, three quarters of it paid with money: 45.00.
    assert has(buyer(order), at=FRIDAY) == (0, 22, 0, 0)


def test_points_wait_until_the_goods_arrived_and_can_no_longer_be_sent_back():
    a_programme(SPEND, above="pending: {until: delivered, days: 14, at_once: 25}\ndebt: {limit: 100}")
    order = an_order()
    settles(order)
    priya = buyer(order)
    assert has(priya) == (30, 10, 0, 0)
    shipments.record(
        report=ShipmentReport(namespace="shop", ref="s1", order_ref="1001", state="delivered", arrived_at=FRIDAY),
        at=FRIDAY,
        by=THE_SHOP,
    )
    settles(order, at=FRIDAY)
    # Friday 6 March and 14 whole days: until the midnight after the 20th.
    assert has(priya, at=datetime(2026, 3, 20, 23, 59, tzinfo=UTC)) == (30, 10, 0, 0)
    assert has(priya, at=datetime(2026, 3, 21, tzinfo=UTC)) == (0, 40, 0, 0)


def test_what_can_be_spent_before_it_is_theirs_stays_within_the_debt_limit_over_all_their_orders():
    a_programme(SPEND, above="pending: {until: placed, days: 30, at_once: 100}\ndebt: {limit: 50}")
    coats = [an_order(f"coat {n}", at=MONDAY + n * DAY) for n in range(3)]
    for n, coat in enumerate(coats):
        settles(coat, at=MONDAY + n * DAY)
    priya = buyer(coats[0])
    assert has(priya, at=MONDAY + 2 * DAY) == (70, 50, 0, 0)
    spends(priya, 50, at=MONDAY + 2 * DAY)
    for n, coat in enumerate(coats):
        comes_back(coat, ["1"], key=f"back {n}", at=FRIDAY)
        settles(coat, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 0, 0, 50), "nothing had to be forgiven"
    hat = an_order("hat", at=FRIDAY)
    settles(hat, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (40, 0, 0, 50), "nothing more before that is paid"
    assert has(priya, at=FRIDAY + 40 * DAY) == (0, 0, 0, 10)
    late = an_order("late", at=FRIDAY + 40 * DAY, lines=(("coat", "1", "200.00"),))
    settles(late, at=FRIDAY + 40 * DAY)
    assert has(priya, at=FRIDAY + 40 * DAY) == (60, 30, 0, 0)


def test_what_nobody_tells_to_be_delivered_counts_as_delivered_some_day():
    a_programme(SPEND, above="pending: {until: delivered, days: 14, at_latest_days: 30}")
    order = an_order()
    settles(order)
    assert has(buyer(order), at=MONDAY + 44 * DAY) == (40, 0, 0, 0)
    assert has(buyer(order), at=MONDAY + 45 * DAY) == (0, 40, 0, 0)


def test_pounds_and_euros_at_the_rate_that_was_captured():
    a_programme(SPEND)
    euros = an_order("e", currency="EUR", shop_currency="GBP", rate=Decimal("0.85"), lines=(("coat", "2", "50.00"),))
    settles(euros)
    assert has(buyer(euros)) == (0, 42, 0, 0)
    comes_back(euros, ["1"], key="r")
    settles(euros, at=FRIDAY)
    assert has(buyer(euros), at=FRIDAY) == (0, 21, 0, 0)
    unknown = an_order("u", customer="li", currency="USD")
    settles(unknown)
    assert Earning.objects.get(subject=f"order:{unknown}").missed == {"spend": ["no_rate", {"currency": "USD"}]}


def test_caps_hold_and_what_comes_back_frees_them():
    a_programme(
        "{id: spend, kind: spend, points: 1, per: 1,"
        " caps: [{per: member, period: day, most: 120}, {per: member, period: day, most: 100}]}",
        above="pending: {until: placed, days: 0}\ncaps: [{per: everyone, period: month, most: 150}]",
    )
    one, two, three = an_order("1"), an_order("2"), an_order("3", customer="li")
    for order in (one, two, three):
        settles(order)
    assert (has(buyer(one))[1], has(buyer(three))[1]) == (100, 50)
    comes_back(one, ["1"], key="r")
    settles(one, at=FRIDAY)
    assert sorted(Counter.objects.values_list("period", "used")) == [("day", 20), ("day", 50), ("month", 70)]
    four = an_order("4", at=MONDAY + timedelta(hours=1))
    settles(four)
    assert has(buyer(four), at=FRIDAY)[1] == 100


def test_the_first_order_that_stands_is_the_first():
    a_programme("{id: first, kind: first_order, points: 50}")
    first = an_order("1")
    settles(first)
    orders.cancel(order=first, at=MONDAY, by=MAREK)
    settles(first)
    second = an_order("2", at=FRIDAY)
    settles(second, at=FRIDAY)
    settles(an_order("3", at=FRIDAY + DAY), at=FRIDAY + DAY)
    assert has(buyer(second), at=FRIDAY + DAY) == (0, 50, 0, 0)


def test_an_order_earns_by_the_version_that_was_active_when_it_was_placed_and_goes_on_by_it():
    a_programme(SPEND)
    old = an_order("1", at=MONDAY)
    settles(old)
    a_programme("{id: spend, kind: spend, points: 1, per: 1}", from_at=FRIDAY)
    late, new = an_order("2", at=MONDAY + DAY), an_order("3", at=FRIDAY)
    settles(late, at=FRIDAY)
    settles(new, at=FRIDAY)
    comes_back(old, ["1"], key="r")
    settles(old, at=FRIDAY)
    assert has(buyer(old), at=FRIDAY) == (0, 40 + 80, 0, 0)
    before = an_order("0", customer="li", at=MONDAY - 30 * DAY)
    assert settles(before).decided == 0


def test_activity_keeps_points_and_what_lapsed_before_it_stays_lapsed():
    a_programme(SPEND, above="pending: {until: placed, days: 0}\nexpiry: {kind: activity, months: 1}")
    settles(an_order("1"))
    second = an_order("2", at=MONDAY + 20 * DAY)
    settles(second, at=MONDAY + 20 * DAY)
    priya = buyer(second)
    # 2 March and a month is 2 April; the order of 22 March keeps both until 22 April.
    assert has(priya, at=datetime(2026, 4, 22, 22, tzinfo=UTC)) == (0, 80, 0, 0)
    assert has(priya, at=datetime(2026, 4, 22, 23, tzinfo=UTC)) == (0, 0, 0, 0)
    late = an_order("3", at=datetime(2026, 4, 24, 9, tzinfo=UTC))
    settles(late, at=datetime(2026, 4, 24, 9, tzinfo=UTC))
    assert has(priya, at=datetime(2026, 4, 24, 9, tzinfo=UTC)) == (0, 40, 0, 0)


@pytest.mark.parametrize(
    "since", ["{kind: activity, months: 2}", "{kind: activity, days: 9}", "{kind: rolling, months: 1}", "{kind: never}"]
)
def test_activity_keeps_points_by_the_terms_they_were_given_with_whatever_a_version_says_since(since):
    above = "pending: {until: placed, days: 0}\nexpiry: "
    a_programme(SPEND, above=above + "{kind: activity, months: 1}")
    settles(an_order("1"))
    a_programme(SPEND, above=above + since, from_at=MONDAY + DAY)
    settles(an_order("2", at=MONDAY + 20 * DAY), at=MONDAY + 20 * DAY)
    assert Lot.objects.earliest("id").expires_on == date(2026, 4, 22)
    settles(an_order("3", at=MONDAY + 25 * DAY), at=MONDAY + 25 * DAY)
    assert Lot.objects.earliest("id").expires_on == date(2026, 4, 27)


def test_activity_keeps_points_that_are_held():
    a_programme(SPEND, above="pending: {until: placed, days: 0}\nexpiry: {kind: activity, months: 1}")
    settles(first := an_order("1"))
    held = points.hold(customer=buyer(first), amount=40, lasts=60 * DAY, key="h", at=MONDAY, by=THE_SHOP)
    settles(an_order("2", at=MONDAY + 20 * DAY), at=MONDAY + 20 * DAY)
    points.release(hold=held.id, key="r", at=MONDAY + 40 * DAY, by=THE_SHOP)
    assert has(buyer(first), at=MONDAY + 40 * DAY) == (0, 80, 0, 0)


def test_who_spends_points_keeps_the_others():
    """Points lapse a year after they were used last, and using them is spending them, too."""
    now = clock.now()
    above = "pending: {until: placed, days: 0}\nexpiry: {kind: activity, months: 12}"
    a_programme(SPEND, above=above, from_at=now - 400 * DAY)
    react_to_everything()
    settles(first := an_order("1", at=now - 300 * DAY), at=now - 300 * DAY)
    priya = buyer(first)
    points.redeem(customer=priya, amount=10, key="tea", at=now - DAY, by=THE_SHOP)
    react_to_everything()
    lasts = Expiry("activity", 12).last_day(civil.day_of(now - DAY, civil.zone("Europe/London")))
    assert Lot.objects.get().expires_on == lasts
    assert said(priya)[-1].startswith("extend")
    basket = points.hold(customer=priya, amount=5, lasts=7 * DAY, key="hold", at=now - DAY, by=THE_SHOP)
    points.capture(hold=basket.id, key="capture", at=now, by=THE_SHOP)
    react_to_everything()
    assert Lot.objects.get().expires_on > lasts
    points.redeem(customer=priya, amount=1, key="again", at=now, by=THE_SHOP)
    before = len(said(priya))
    react_to_everything()
    assert len(said(priya)) == before


def test_who_spent_points_in_time_has_the_others_back_that_lapsed_before_it_was_heard():
    a_programme(SPEND, above="pending: {until: placed, days: 0}\nexpiry: {kind: activity, months: 1}")
    settles(first := an_order("1"))
    last, heard = datetime(2026, 4, 2, 20, tzinfo=UTC), datetime(2026, 4, 3, 9, tzinfo=UTC)
    priya = buyer(first)
    points.redeem(customer=priya, amount=10, key="tea", at=last, by=THE_SHOP)
    clockwork.book_due(at=heard, by=THE_SHOP)
    assert has(priya, at=heard) == (0, 0, 0, 0)
    for _ in range(2):
        keeping.keep(customer=priya, currency="points", done_at=last, key="k", at=heard, by=THE_SHOP)
    assert has(priya, at=heard) == (0, 30, 0, 0)
    assert Lot.objects.get().expires_on == date(2026, 5, 2)


def test_what_a_point_is_worth_names_the_version_that_says_so():
    above = "pending: {until: placed, days: 0}\ncurrency: {worth: '0.0%s'}"
    for number, worth in enumerate("12", 1):
        a_programme(SPEND, above=above % worth, from_at=MONDAY + (number - 1) * DAY)
    first, second = an_order("1"), an_order("2", at=FRIDAY)
    for order in (first, second):
        settles(order, at=FRIDAY)
    old = an_order("3", origin="history", customer="li", at=MONDAY - DAY)
    sum(earning.backfill(programme="tried", at=FRIDAY, by=SHELL), earning.Posted())
    told = Lot.objects.order_by("subject").values_list("subject", "standalone_price", "estimate_version")
    assert list(told) == [
        (f"order:{first}", Decimal("0.01"), 1),
        (f"order:{second}", Decimal("0.02"), 2),
        (f"order:{old}", Decimal("0.02"), 2),
    ]


WORTH = "pending: {until: placed, days: 0}\ncurrency: {worth: '0.01'}"
FIRST = "{id: first, kind: first_order, points: 60}"
PARTNERS = "{id: fund, kind: partner, funded_by: tea_house, points: 1, per: 1, where: {field: product, is: coat}}"


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize(
    ("above", "rules", "order", "prices"),
    [
        # 80.00 paid for a coat worth 80.00 and 40 points worth 0.40: 8000 * 40 / 8040.
        (WORTH, [SPEND], {}, {"spend": 39}),
        # Of 80.00 and 1.00 in points by two rules, each has its share of what was paid.
        (WORTH, [SPEND, FIRST], {}, {"spend": 39, "first": 59}),
        # Half of what it is worth is paid back in points: a third of the money stands for them.
        (WORTH, ["{id: half, kind: spend, points: 50, per: 1}"], {}, {"half": 2666}),
        # Less than a penny is none.
        (WORTH, [SPEND], {"lines": (("tea", "1", "2.00"),)}, {"spend": 0}),
        # What a partner pays for is no part of the price, and takes none of the others'.
        (WORTH, [SPEND, PARTNERS], {}, {"spend": 39, "fund": None}),
        ("pending: {until: placed, days: 0}", [SPEND], {}, {"spend": None}),
        # By halves of a point: 39.5 of them, worth 0.395.
        (
            WORTH.replace("worth: '0.01'", "code: coins, worth: '0.01', decimals: 1"),
            ["{id: spend, kind: spend, points: '0.5', per: 1}"],
            {"lines": (("coat", "1", "79.00"),)},
            {"spend": 39},
        ),
    ],
)
def test_the_price_of_points_is_their_share_of_what_was_paid(above, rules, order, prices, history):
    a_programme(*rules, above=above)
    bought = an_order(**order, origin="history" if history else "live")
    if history:
        sum(earning.backfill(programme="tried", at=FRIDAY, by=SHELL), earning.Posted())
    else:
        settles(bought)
    found = {rule.partition(".")[2]: price for rule, price in Lot.objects.values_list("rule", "allocated_price_minor")}
    assert found == prices
    assert set(Lot.objects.values_list("allocated_price_minor", "price_currency")) == {
        (price, "" if price is None else "GBP") for price in prices.values()
    }


def test_a_review_earns_once_for_each_product():
    cap = "caps: [{per: member, period: month, most: 15}]"
    a_programme(f"{{id: review, kind: event, event: review, points: 10, once: about, {cap}}}")
    priya = buyer(an_order())
    for about in ("coat", "coat", "hat"):
        seen = EventView("review", MONDAY, MONDAY.date(), about=about)
        earning.award_for_event(customer=priya, event=seen, at=MONDAY, by=THE_SHOP)
    assert has(priya) == (0, 15, 0, 0)
    assert said(priya) == ["award: for: review", "award: for: review (without the cap it were 10)"]


def test_a_pledge_follows_what_is_kept():
    a_programme("{id: trees, kind: donation, percent: 1, cause: trees}")
    order = an_order(lines=(("hat", "2", "40.00"),))
    settles(order)
    comes_back(order, ["1"], key="r")
    settles(order, at=FRIDAY)
    moved = Pledge.objects.order_by("id").values_list("from_book", "to_book", "minor")
    assert list(moved) == [("shop", "promised", 80), ("promised", "shop", 40)]


def test_a_partner_pays_for_the_points_of_its_goods():
    a_programme(
        "{id: acme, kind: partner, points: 1, per: 1, funded_by: acme, where: {field: product, is: coat}}", SPEND
    )
    order = an_order(lines=(("coat", "1", "80.00"), ("hat", "1", "20.00")))
    settles(order)
    lots = Lot.objects.order_by("id").values_list("rule", "original", "funding", "partner")
    assert list(lots) == [("tried.acme", 80, "partner", "acme"), ("tried.spend", 50, "issuance", "")]


def test_two_programmes_give_their_own_points():
    a_programme(SPEND)
    a_programme(
        "{id: spend, kind: spend, points: '0.5', per: 1}",
        code="stars",
        above="currency: {code: stars, decimals: 1}\npending: {until: placed, days: 0}",
    )
    order = an_order()
    settles(order)
    assert points.balance(customer=buyer(order), at=MONDAY, currency="stars").available == 400
    assert has(buyer(order)) == (0, 40, 0, 0)


def test_what_happens_to_orders_is_heard():
    a_programme(SPEND)
    react_to_everything()
    order = an_order(at=MONDAY)
    react_to_everything()
    comes_back(order, ["1"], key="r")
    react_to_everything()
    assert said(buyer(order)) == ["award: 80.00 GBP spent, 1 for each 2.00 GBP", "reverse: goods came back"]


def test_history_is_posted_by_back_fill_alone_and_again_changes_nothing():
    bought = [an_order(str(n), customer=f"c{n % 3}", at=MONDAY - n * DAY, origin="history") for n in range(10)]
    comes_back(bought[4], ["1"], key="r", at=FRIDAY)
    a_programme(SPEND, from_at=FRIDAY, above="pending: {until: placed, days: 0}\nexpiry: {kind: rolling, days: 5}")
    done = sum(earning.backfill(programme="tried", at=LATER, by=SHELL, size=4), earning.Posted())
    assert (done.decided, done.awards, done.awarded, done.taken_back) == (10, 10, 400, 40)
    again = sum(earning.backfill(programme="tried", at=LATER, by=SHELL, size=3), earning.Posted())
    assert again == earning.Posted()
    # Of the past everything has lapsed by its own clock.
    assert has(buyer(bought[0]), at=LATER) == (0, 0, 0, 0)


@pytest.mark.parametrize("pending", ["{until: placed, days: 0}", "{until: placed, days: 30, at_once: 100}"])
def test_an_order_that_stands_again_gives_nothing_twice_that_was_forgiven_meanwhile(pending):
    a_programme(SPEND, above=f"pending: {pending}\ndebt: {{limit: 40}}")
    order = an_order(source_updated_at=MONDAY, lines=(("coat", "1", "160.00"),))
    settles(order)
    priya = buyer(order)
    spends(priya, has(priya)[1])
    before = has(priya)
    for n in range(1, 4):
        an_order(source_updated_at=MONDAY + n * DAY, lines=(("tea", "1", "0.10"),))
        settles(order, at=MONDAY + n * DAY)
        assert has(priya, at=MONDAY + n * DAY)[3] <= 40
        an_order(source_updated_at=MONDAY + n * DAY + DAY / 2, lines=(("coat", "1", "160.00"),))
        settles(order, at=MONDAY + n * DAY + DAY / 2)
    assert sum(has(priya, at=MONDAY + 60 * DAY)[:2]) == sum(before[:2]), "80 earned"
    assert list(checkups.broken()) == []


def test_what_a_decision_gave_twice_is_found_and_what_grew_with_its_order_is_not():
    a_programme(SPEND)
    coat, hat = an_order(), an_order("1002", customer="li", lines=[("hat", "1", "20.00")], source_updated_at=MONDAY)
    settles(coat)
    settles(hat)
    an_order("1002", customer="li", lines=[("hat", "2", "20.00")], source_updated_at=FRIDAY)
    settles(hat, at=FRIDAY)
    assert Lot.objects.filter(subject=f"order:{hat}").count() == 2
    assert list(checkups.broken()) == []
    once = Lot.objects.get(subject=f"order:{coat}")
    again = NewLot(once.record_id, 40, Reason("awarded"), subject=once.subject, rule=once.rule, earning=once.earning_id)
    points.award_many(lots=[again], key="twice", at=FRIDAY, by=THE_SHOP)
    assert [(one.account, one.invariant) for one in checkups.broken()] == [(once.account_id, "decisions")]
    # Taken back by hand, it is there once.
    points.reverse(entry=Lot.objects.latest("id").origin_entry_id, key="back", at=FRIDAY, by=MAREK)
    assert list(checkups.broken()) == []
