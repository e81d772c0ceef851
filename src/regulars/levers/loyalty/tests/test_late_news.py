"""Earning when news comes late, twice, corrected, or about somebody else: stories."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction

from regulars.facts.commerce import kept, shipments
from regulars.facts.commerce.shipments import ShipmentReport
from regulars.facts.customers import identity
from regulars.facts.customers.identity import Reason as Why
from regulars.kit.conditions.vocabulary import Asked, Vocabulary
from regulars.levers.loyalty import checkups, earning, points
from regulars.levers.loyalty._earning import seeing
from regulars.levers.loyalty._ledger import books, clockwork
from regulars.levers.loyalty.models import Counter
from regulars.levers.loyalty.programme_files import BadProgramme
from regulars.levers.loyalty.rules.views import EventView
from regulars.levers.loyalty.tests import orders_seen
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, has, key
from regulars.levers.loyalty.tests.test_earning import SPEND, a_programme, an_order, buyer, comes_back, settles

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def the_books_agree_after_each():
    yield
    assert not list(checkups.broken())


def arrives(ref, at, *, told_at):
    report = ShipmentReport(
        namespace="shop", ref=f"s{ref}", order_ref=ref, state="delivered", arrived_at=at, source_updated_at=told_at
    )
    shipments.record(report=report, at=told_at, by=THE_SHOP)


def test_a_delivery_that_is_corrected_and_corrected_back_counts_as_told_last():
    a_programme(SPEND, above="pending: {until: delivered, days: 14}")
    order = an_order()
    settles(order)
    for hours, day in ((1, FRIDAY), (2, FRIDAY + DAY), (3, FRIDAY), (4, FRIDAY + DAY)):
        told_at = FRIDAY + DAY + hours * (DAY / 24)
        arrives("1001", day, told_at=told_at)
        settles(order, at=told_at)
    assert has(buyer(order), at=datetime(2026, 3, 21, 23, tzinfo=UTC)) == (40, 0, 0, 0)
    assert has(buyer(order), at=datetime(2026, 3, 22, 0, tzinfo=UTC)) == (0, 40, 0, 0)


def test_an_event_about_something_with_a_long_name_earns_and_what_differs_at_its_end_is_another():
    rule = "a-rule-with-a-name-as-long-as-they-may-be"[:40]
    a_programme(
        f"{{id: {rule}, kind: event, event: product_reviewed_in_the_newsletter_of, points: 10, once: about,"
        " caps: [{per: member, period: day, most: 100}]}"
    )
    priya = buyer(an_order())
    long = "https://shop.example/" + "y" * 200
    for about in ("x" * 59 + "1", "x" * 59 + "1", long + "2", long):
        seen = EventView("product_reviewed_in_the_newsletter_of", MONDAY, MONDAY.date(), about=about)
        earning.award_for_event(customer=priya, event=seen, at=MONDAY, by=THE_SHOP)
    assert has(priya) == (0, 30, 0, 0)


def test_more_points_than_can_be_counted_are_refused():
    priya = buyer(an_order())
    points.award(customer=priya, amount=books.MOST, key=key(), at=MONDAY, by=THE_SHOP)
    with pytest.raises(points.BadAmount):
        points.award(customer=priya, amount=1, key=key(), at=MONDAY, by=THE_SHOP)
    assert has(priya) == (0, books.MOST, 0, 0)


def test_a_hold_whose_time_ran_out_is_refused_as_expired_though_nobody_booked_it():
    priya = buyer(an_order())
    points.award(customer=priya, amount=50, key=key(), at=MONDAY, by=THE_SHOP)
    hold = points.hold(customer=priya, amount=50, key=key(), at=MONDAY, by=THE_SHOP, lasts=DAY)
    with pytest.raises(points.HoldIsOver, match="expired"):
        points.capture(hold=hold.id, key=key(), at=FRIDAY, by=THE_SHOP)


def test_programmes_whose_codes_look_alike_take_back_their_own():
    for code in ("gold_x", "goldax"):
        a_programme(SPEND, code=code)
    order = an_order()
    settles(order)
    comes_back(order, ["1"], key="r")
    settles(order, at=FRIDAY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT rule, original, taken_back FROM loyalty_lot ORDER BY id")
        assert cursor.fetchall() == [("gold_x.spend", 40, 40), ("goldax.spend", 40, 40)]


def test_under_a_cap_returns_of_two_orders_in_any_order_end_equal_and_none_earns_by_a_return():
    a_programme("{id: spend, kind: spend, points: 1, per: 1, caps: [{per: member, period: day, most: 100}]}")
    ends = []
    for name, ways in (("li", "ab"), ("amira", "ba")):
        first, second = (an_order(f"{name}{n}", customer=name, lines=(("hat", "2", "40.00"),)) for n in "12")
        settles(first)
        settles(second)
        assert has(buyer(first))[1] == 100
        seen = [100]
        for way in ways:
            order = first if way == "a" else second
            comes_back(order, ["2" if way == "a" else "1"], key=f"{name}{way}")
            settles(order, at=FRIDAY)
            seen.append(has(buyer(order), at=FRIDAY)[1])
        assert seen == sorted(seen, reverse=True), seen
        ends.append(seen[-1])
    assert ends[0] == ends[1]


def test_an_order_that_was_somebody_elses_earns_for_whose_it_is():
    a_programme(SPEND)
    order = an_order(customer="priya", source_updated_at=MONDAY)
    settles(order)
    priya = buyer(order)
    an_order(customer="li", source_updated_at=FRIDAY, at=MONDAY)
    li = buyer(order)
    assert li != priya
    settles(order, at=FRIDAY)
    assert (has(priya, at=FRIDAY), has(li, at=FRIDAY)) == ((0, 0, 0, 0), (0, 40, 0, 0))
    comes_back(order, ["1"], key="r", at=FRIDAY + DAY)
    settles(order, at=FRIDAY + DAY)
    assert (has(priya, at=FRIDAY + DAY), has(li, at=FRIDAY + DAY)) == ((0, 0, 0, 0), (0, 0, 0, 0))


@pytest.mark.parametrize("swept", [False, True])
def test_who_bought_in_time_keeps_their_points_though_it_is_told_after_the_last_day(swept):
    a_programme(SPEND, above="pending: {until: placed, days: 0}\nexpiry: {kind: activity, months: 1}")
    settles(an_order("1"))
    # Of the last day, 2 April, told the day after.
    last, told = datetime(2026, 4, 2, 20, tzinfo=UTC), datetime(2026, 4, 3, 9, tzinfo=UTC)
    second = an_order("2", at=last)
    if swept:
        clockwork.book_due(at=told, by=THE_SHOP)
    settles(second, at=told)
    assert has(buyer(second), at=told) == (0, 80, 0, 0)


def test_an_older_order_told_later_is_no_second_first_order():
    a_programme("{id: first, kind: first_order, points: 50}", "{id: second, kind: nth_order, nth: 2, points: 7}")
    second = an_order("2", at=MONDAY + DAY)
    settles(second, at=MONDAY + DAY)
    first = an_order("1", at=MONDAY)
    settles(first, at=FRIDAY)
    assert has(buyer(first), at=FRIDAY)[1] == 50


@pytest.mark.parametrize("caps", ["", ", caps: [{per: member, period: day, most: 5}]"])
def test_a_surprise_comes_once_a_period(caps):
    a_programme(
        f"{{id: luck, kind: surprise, points: 5, chance: 100, period: day{caps}}}",
        above="seed: s\npending: {until: placed, days: 0}",
    )
    for ref in "12":
        settles(an_order(ref))
    order = an_order("3", at=FRIDAY)
    settles(order, at=FRIDAY)
    assert has(buyer(order), at=FRIDAY)[1] == 10


def test_whether_somebody_is_among_the_highest_percent_is_no_ground_for_points():
    asked = Vocabulary({"measures.spent": Asked("measures.spent", "decimal", "spent")}, {}, "GBP")
    for word in ("highest", "lowest"):
        told = f"id: spend, kind: spend, points: 1, per: 2, only_if: {{field: measures.spent, {word}: {{percent: 10}}}}"
        with pytest.raises(BadProgramme, match="make an audience of them"):
            orders_seen.a_programme(told, customers=asked)


def test_what_a_person_may_have_at_most_is_counted_for_the_person():
    a_programme("{id: spend, kind: spend, points: 1, per: 1, caps: [{per: member, period: day, most: 100}]}")
    one, two = an_order("1", customer="priya"), an_order("2", customer="priya2")
    identity.join(one=buyer(one), other=buyer(two), why=Why.ASKED, key="j", at=MONDAY, by=MAREK)
    settles(one)
    settles(two)
    assert has(buyer(one))[1] == 100
    assert list(Counter.objects.filter(used__gt=0).values_list("used", flat=True)) == [100]


def test_caps_that_two_records_began_apart_count_together_from_when_they_are_one_person():
    a_programme("{id: spend, kind: spend, points: 1, per: 1, caps: [{per: member, period: year, most: 200}]}")
    one, two = an_order("1", customer="priya"), an_order("2", customer="priya2")
    settles(one)
    settles(two)
    identity.join(one=buyer(one), other=buyer(two), why=Why.ASKED, key="j", at=MONDAY, by=MAREK)
    assert has(buyer(one))[1] == 160, "what was given stays"
    settles(an_order("3", customer="priya2"))
    assert has(buyer(one))[1] == 200
    settles(an_order("4", customer="priya"))
    assert has(buyer(one))[1] == 200
    # What the one gives back is free again for both.
    comes_back(two, ["1"], key="b")
    settles(two)
    settles(an_order("5", customer="priya"))
    assert has(buyer(one), at=FRIDAY)[1] == 200


@pytest.mark.parametrize(
    "told",
    [
        "INSERT INTO loyalty_posting (entry_id, number, lot_id, from_book, to_book, amount)"
        " SELECT entry_id, 9, 0, from_book, to_book, 1 FROM loyalty_posting",
        "INSERT INTO loyalty_posting (entry_id, number, lot_id, from_book, to_book, amount)"
        " SELECT 0, 9, lot_id, from_book, to_book, 1 FROM loyalty_posting",
        # Of very many, one: they are looked at by their range first.
        "INSERT INTO loyalty_posting (entry_id, number, lot_id, from_book, to_book, amount)"
        " SELECT entry_id + n / 200, 9 + n, lot_id, from_book, to_book, 1"
        " FROM loyalty_posting, generate_series(1, 200) AS n",
        "INSERT INTO loyalty_posting (entry_id, number, record_id, from_book, to_book, amount)"
        " SELECT entry_id, 9, 0, 'transit', 'available', 1 FROM loyalty_posting",
        "INSERT INTO loyalty_lot (origin_entry_id, record_id, account_id, original, funding, earned_at, available)"
        " SELECT origin_entry_id, 0, account_id, 1, 'issuance', earned_at, 1 FROM loyalty_lot",
        "INSERT INTO loyalty_lot (origin_entry_id, record_id, account_id, original, funding, earned_at, available,"
        " earning_id) SELECT origin_entry_id, record_id, account_id, 1, 'issuance', earned_at, 1, 0 FROM loyalty_lot",
        "UPDATE loyalty_lot SET account_id = 0",
    ],
)
def test_the_database_refuses_what_refers_to_what_is_not_there(told):
    points.award(customer=buyer(an_order()), amount=1, key=key(), at=MONDAY, by=THE_SHOP)
    with pytest.raises(IntegrityError, match="not there"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(told)


@pytest.mark.parametrize("named_by", ["an award", "a decision"])
def test_nobody_removes_a_record_that_points_name(named_by):
    order = an_order()
    if named_by == "an award":
        points.award(customer=buyer(order), amount=1, key=key(), at=MONDAY, by=THE_SHOP)
    else:
        a_programme("{id: spend, kind: spend, points: 1, per: 1000}")
        settles(order)
    refused = pytest.raises(IntegrityError, match="refers to this record")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM customers_customer WHERE id = %s", [buyer(order)])


def test_of_the_past_audiences_count_that_somebody_was_in_by_then(monkeypatch):
    programme = orders_seen.a_programme(
        "id: club, kind: audience_bonus, audience: aud_regulars, points: 5",
        "id: spend, kind: spend, points: 1, per: 1, only_if: {audience: aud_regulars}",
    )
    order = an_order(at=MONDAY)
    since = {"aud_regulars": (MONDAY + DAY).isoformat()}
    monkeypatch.setattr(seeing, "memberships", lambda people, _asked: dict.fromkeys(people, since))
    for of_the_past, counts in ((False, True), (True, False)):
        told = kept.of([order]).values()
        found = seeing.contexts(
            list(told), programme, programme.of_orders, ZoneInfo("Europe/London"), of_the_past=of_the_past
        )
        assert found[order].fits == {"spend": counts}
        assert found[order].audiences == (since if counts else {})
