"""What is told before points lapse, what events earn as they come in, and caps that many reach for at once."""

import threading
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from regulars.facts.events.stream import Event
from regulars.levers.loyalty import earning, explaining, hearing, warning
from regulars.levers.loyalty.models import Counter, Warned
from regulars.levers.loyalty.rules.views import EventView
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, a_member, has
from regulars.levers.loyalty.tests.test_earning import SPEND, a_programme, an_order, buyer, comes_back, settles

ROLLING = "pending: {until: placed, days: 0}\nexpiry: {kind: rolling, months: 1}\nnotice_days: [14, 3]"


def told() -> list[tuple[str, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT body ->> 'expires_on', (body ->> 'amount')::bigint, (body ->> 'days')::int FROM notices_notice"
            " WHERE kind = 'loyalty.points_expire_soon' ORDER BY id"
        )
        return list(cursor.fetchall())


@pytest.mark.django_db
def test_points_that_lapse_soon_are_told_of_once_on_each_day_that_was_asked_for():
    a_programme(SPEND, above=ROLLING)
    priya = buyer(an_order())
    settles(an_order())
    settles(an_order("1002", at=MONDAY + timedelta(days=20)), at=MONDAY + timedelta(days=20))
    # 2 March and a month: the last day is 2 April.
    for day, found in ((date(2026, 3, 18), 0), (date(2026, 3, 19), 1), (date(2026, 3, 20), 0), (date(2026, 3, 31), 1)):
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        assert warning.warn_due(at=at, by=MAREK) == found
        assert warning.warn_due(at=at, by=MAREK) == 0
    assert told() == [("2026-04-02", 40, 14), ("2026-04-02", 40, 3)]
    assert Warned.objects.count() == 2
    (due,) = warning.due_page(currency="points", days=14, at=MONDAY + 20 * DAY).items
    assert (due.customer, due.parts, due.expires_on) == (priya, 40, date(2026, 4, 2))


@pytest.mark.django_db
def test_who_loses_points_soon_is_listed_by_day_and_page_by_page():
    a_programme(SPEND, above=ROLLING)
    for place in range(5):
        settles(an_order(str(place), customer=f"c{place}", at=MONDAY + place // 2 * DAY), at=FRIDAY)
    days = warning.due_days(currency="points", days=40, at=FRIDAY)
    assert [(one.on.day, one.customers, one.parts) for one in days] == [(2, 2, 80), (3, 2, 80), (4, 1, 40)]
    seen, cursor = [], None
    while True:
        page = warning.due_page(currency="points", days=40, at=FRIDAY, cursor=cursor, limit=2)
        seen += [one.expires_on.day for one in page.items]
        if (cursor := page.next) is None:
            break
    assert seen == [2, 2, 3, 3, 4]
    third = warning.due_page(currency="points", days=40, at=FRIDAY, on=date(2026, 4, 3))
    assert [one.expires_on.day for one in third.items] == [3, 3]
    assert warning.due_days(currency="points", days=3, at=FRIDAY) == []


@pytest.mark.django_db
def test_who_was_not_told_in_time_is_told_once_and_not_of_days_that_passed():
    a_programme(SPEND, above=ROLLING)
    settles(an_order())
    assert warning.warn_due(at=datetime(2026, 3, 31, 12, tzinfo=UTC), by=MAREK) == 1
    assert told() == [("2026-04-02", 40, 3)]
    assert warning.warn_due(at=datetime(2026, 4, 3, 12, tzinfo=UTC), by=MAREK) == 0


@pytest.mark.django_db
def test_an_order_is_explained_rule_by_rule():
    a_programme(SPEND, "{id: fifth, kind: nth_order, nth: 5, points: 60}", code="tried")
    order = an_order(lines=(("coat", "1", "80.00"), ("hat", "1", "1.00")))
    settles(order)
    comes_back(order, ["0", "1"], key="r")
    settles(order, at=FRIDAY)
    (decided,) = explaining.of_order(order)
    assert (decided.programme, decided.version, decided.evidence["order_number"]) == ("tried", 1, 1)
    assert [(one.rule, one.points, one.because) for one in decided.rules] == [
        ("spend", "40", "80.00 GBP spent, 1 for each 2.00 GBP"),
        ("fifth", "0", "4 more orders until then"),
    ]
    assert decided.rules[0].lines == {1: 40}


def an_event(number: int, name: str, visitor: UUID, **properties) -> Event:
    values = dict.fromkeys(Event.__dataclass_fields__) | {
        "id": number,
        "name": name,
        "visitor": visitor,
        "occurred_at": MONDAY,
        "origin": "live",
        "data": {"properties": properties},
    }
    return Event(**values)


@pytest.mark.django_db
def test_reviews_in_the_stream_earn_once_each(monkeypatch):
    cap = "caps: [{per: member, period: month, most: 90}]"
    a_programme(
        f"{{id: review, kind: event, event: review, points: 10, once: about, {cap}}}",
        "{id: photo, kind: event, event: review, points: 5, once: ever, where: {field: property.photo, is: true}}",
    )
    priya, hers, nobodys = a_member(), UUID(int=1), UUID(int=2)
    monkeypatch.setattr(hearing.events, "customers_of", lambda visitors: {hers: priya} if hers in visitors else {})
    slice_ = [
        an_event(1, "Product Reviewed", hers, product_id="coat", photo=True),
        an_event(2, "review", hers, product_id="coat"),
        an_event(3, "review", hers, product_id="hat", photo=True),
        an_event(4, "review", nobodys, product_id="hat"),
        an_event(5, "Product Viewed", hers, product_id="hat"),
    ]
    hearing.take(slice_)
    hearing.take(slice_)
    assert has(priya) == (0, 25, 0, 0)


@pytest.mark.django_db
def test_the_stream_is_read_once_a_programme_wants_events_and_from_then_on():
    assert not hearing.listen()
    a_programme("{id: hello, kind: event, event: sign_up, points: 10}", from_at=MONDAY)
    assert not hearing.listen()


def test_twenty_who_reach_for_the_same_cap_at_once_get_it_all_and_not_a_point_more(fresh_database):
    everyone = "caps: [{per: everyone, period: day, most: 130}]"
    a_programme(f"{{id: visit, kind: event, event: visit, points: 10, once: ever, {everyone}}}")
    people = [a_member(f"c{number}") for number in range(20)]
    troubles, start = [], threading.Barrier(len(people))

    def visits(customer: int) -> None:
        try:
            start.wait()
            seen = EventView("visit", MONDAY, MONDAY.date())
            earning.award_for_event(customer=customer, event=seen, at=MONDAY, by=THE_SHOP)
        except Exception as trouble:
            troubles.append(trouble)
        finally:
            connection.close()

    threads = [threading.Thread(target=visits, args=(one,)) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert sum(has(one)[1] for one in people) == 130
    assert Counter.objects.get().used == 130
