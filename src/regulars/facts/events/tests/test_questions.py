"""What is asked about events, and what an answer costs."""

from datetime import timedelta

import pytest

from regulars.facts.customers import customers
from regulars.facts.events import events
from regulars.facts.events.following import follow_everything
from regulars.facts.events.tests.shoppers import MONDAY, a_source, page, sent, viewed

pytestmark = pytest.mark.django_db


def li() -> int:
    (found,) = customers.find_by_ref(ref="li", namespace="shop")
    return found


def test_a_customers_events_are_those_of_all_their_visitors_newest_first(django_assert_num_queries):
    source = a_source()
    for month in (0, 40, 80):
        at = MONDAY - timedelta(days=month)
        sent(source, page("tab-1"), viewed("li", f"Game {month}", anonymousId="tab-1"), viewed("wei"), at=at)
    follow_everything()

    who = li()
    with django_assert_num_queries(1):
        found = events.of_customer(who)
    assert [(one.kind, one.properties.get("name")) for one in found] == [
        ("track", "Game 0"),
        ("page", None),
        ("track", "Game 40"),
        ("page", None),
        ("track", "Game 80"),
        ("page", None),
    ]
    paged, before = [], None
    while chunk := events.of_customer(li(), before=before, limit=2):
        paged += chunk
        before = (chunk[-1].occurred_at, chunk[-1].id)
    assert paged == found
    assert len(events.of_customer(li(), kinds=["page"])) == 3


def test_what_came_in_last_by_source_and_name(django_assert_num_queries):
    web, app = a_source(), a_source("app")
    sent(web, viewed("li"), page("tab-1"))
    sent(app, viewed("wei", "Chess"))

    with django_assert_num_queries(1):
        found = events.recent(source=web.id)
    assert [one.name for one in found] == ["Home", "Product Viewed"]
    assert [one.user_ref for one in events.recent(name="Product Viewed")] == ["wei", "li"]
    assert events.recent(after=found[0].id)[0].source == app.id
    assert len(events.recent(before=found[0].id)) == 1


def test_a_rare_event_is_found_by_looking_on(monkeypatch):
    monkeypatch.setattr(events, "LOOKED_THROUGH", 3)
    web = a_source()
    sent(web, viewed("li", "Rare", event="Sung"), *[viewed("wei") for _ in range(6)])

    first = events.look(name="Sung")
    second = events.look(name="Sung", before=first.on_before)
    third = events.look(name="Sung", before=second.on_before)

    assert [[one.name for one in looked.events] for looked in (first, second, third)] == [[], [], ["Sung"]]
    assert third.on_before is None
    assert events.look(limit=2).on_before == events.recent(limit=2)[-1].id
    assert events.look(limit=7).on_before is None


def test_a_customers_events_are_narrowed_before_they_are_cut():
    web, app = a_source(), a_source("app")
    sent(web, viewed("li", event="Sung"))
    sent(app, *[viewed("li") for _ in range(3)], at=MONDAY + timedelta(hours=1))
    follow_everything()

    assert [one.name for one in events.of_customer(li(), name="Sung", limit=1)] == ["Sung"]
    assert [one.source for one in events.of_customer(li(), source=web.id, limit=1)] == [web.id]


def test_one_event_or_a_refusal(django_assert_num_queries):
    (verdict,) = sent(a_source(), viewed("li"))
    with django_assert_num_queries(1):
        assert events.one(verdict.event or 0).properties == {"product_id": "monopoly", "name": "Monopoly"}
    with pytest.raises(events.UnknownEvent):
        events.one(17)


def test_a_customer_in_a_glance(django_assert_num_queries):
    source = a_source()
    later = MONDAY + timedelta(hours=1)
    sent(source, page("tab-1"), page("tab-1"), viewed("li", anonymousId="tab-1"))
    sent(source, viewed("li", "Chess"), at=later)
    follow_everything()

    who = li()
    with django_assert_num_queries(1):
        told = events.summary(who)
    assert told is not None
    assert (told.visitors, told.events, told.first_seen_at, told.last_seen_at) == (2, 4, MONDAY, later)
    assert list(told.counts.items()) == [(":page", 2), ("Product Viewed", 2)]
    assert [product.title for product in told.viewed] == ["Chess", "Monopoly"]
    assert events.summary(-1) is None
