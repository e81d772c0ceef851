"""Tracking plans: learned from what comes, edited by people, watched and kept."""

import json
import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra.django import TestCase

from regulars.facts.events import following, messages, planning
from regulars.facts.events.messages import Envelope, Message, Rejected
from regulars.facts.events.tests.shoppers import MONDAY, a_source, identify, page, sender, sent, viewed
from regulars.facts.sources import plan, shapes, sources
from regulars.facts.sources.expectations import Expected
from regulars.facts.sources.plan import Came, Tracked
from regulars.facts.sources.sources import Source
from regulars.kit.actors import Actor
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NADIA = Actor("operator", "7")
VIEWED = ("track", "Product Viewed")


def a_week(source: Source, times: int = 25) -> None:
    for number in range(times):
        sent(
            source,
            viewed(f"u-{number}", properties={"product_id": str(number), "price": 20}),
            page("d-1", properties={"path": "/"}),
            identify(f"u-{number}", {"email": "li@example.com", "plan": "basic"}),
        )
    following.follow_everything()


def tracked(source: Source) -> Mapping[tuple[str, str], Tracked]:
    return {one.event: one for one in plan.of(source.id)}


def expected(source: Source, event: tuple[str, str] = VIEWED) -> dict[str, Expected]:
    return {one.path: one.expected for one in tracked(source)[event].properties if one.expected}


def differing(source: Source) -> list[tuple[str, str, str, str, int]]:
    told = plan.deviations(source=source.id, since=MONDAY.date())
    return sorted((one.code, one.event[1] or one.event[0], one.path, one.said, one.count) for one in told)


def test_a_plan_is_learned_accepted_and_watched() -> None:
    web = a_source()
    a_week(web)
    assert differing(web) == []

    after = plan.accept(source=web.id, at=MONDAY + 7 * DAY, by=NADIA)

    assert after.plan == "watching"
    assert expected(web) == {
        "": Expected("optional", frozenset(["object"])),
        "product_id": Expected("required", frozenset(["text"])),
        "price": Expected("required", frozenset(["number"])),
    }
    assert expected(web, ("identify", ""))["email"] == Expected("required", frozenset(["personal"]))
    assert [entry.verb for entry in trail.of(f"source:{web.id}")] == ["sources.change", "plan.accept", "sources.make"]

    # A deploy renames the event, writes prices as text and forgets a property.
    renamed = {"event": "product viewed", "properties": {"product_id": "1", "price": 1}}
    sent(web, viewed("li", properties={"price": "1.00"}), *[viewed("li", **renamed)] * 2)
    following.follow_everything()

    assert differing(web) == [
        ("missing_property", "Product Viewed", "product_id", "", 1),
        ("unexpected_event", "product viewed", "", "Product Viewed", 2),
        ("wrong_type", "Product Viewed", "price", "numeric_text", 1),
    ]
    one = plan.deviations(source=web.id, since=MONDAY.date())[0]
    assert one.example, "an example to look at"


def test_people_edit_the_plan_and_accepting_again_leaves_their_words() -> None:
    web = a_source()
    a_week(web)
    plan.accept(source=web.id, at=MONDAY, by=NADIA)

    plan.expect_property(source=web.id, event=VIEWED, path="price", presence="forbidden", kinds=[], at=MONDAY, by=NADIA)
    plan.drop_event(source=web.id, event=("page", ""), at=MONDAY, by=NADIA)
    plan.expect_event(source=web.id, event=("track", "Till Sale"), at=MONDAY, by=NADIA)
    plan.expect_event(source=web.id, event=("track", "Debug"), forbidden=True, at=MONDAY, by=NADIA)
    sent(web, viewed("li"), page("d-2"), {"type": "track", "event": "Debug", "userId": "li"})
    following.follow_everything()

    assert differing(web) == [
        ("unexpected_event", "Debug", "", "", 1),
        ("unexpected_event", "page", "", "", 1),
        ("unexpected_property", "Product Viewed", "name", "", 1),
    ]
    plan.accept(source=web.id, at=MONDAY, by=NADIA)
    assert expected(web)["price"].presence == "forbidden"
    assert expected(web)["name"].presence == "optional"
    assert ("page", "") in {event for event, one in tracked(web).items() if one.itself.expected}
    assert expected(web, ("track", "Debug")) == {"": Expected("forbidden", frozenset(["object"]))}
    plan.drop_property(source=web.id, event=VIEWED, path="name", at=MONDAY, by=NADIA)
    assert "name" not in expected(web)
    assert [entry.verb for entry in trail.of(f"source:{web.id}")][:2] == ["plan.drop_property", "plan.accept"]


@pytest.mark.parametrize(
    ("refused", "act"),
    [
        (plan.NothingExpected, lambda source: plan.accept(source=source, at=MONDAY, by=NADIA)),
        (plan.NothingExpected, lambda source: plan.set_mode(source=source, mode="blocking", at=MONDAY, by=NADIA)),
        (plan.BadExpectation, lambda source: plan.set_mode(source=source, mode="asleep", at=MONDAY, by=NADIA)),
        (plan.UnknownInPlan, lambda source: plan.drop_event(source=source, event=VIEWED, at=MONDAY, by=NADIA)),
        (
            plan.UnknownInPlan,
            lambda source: plan.expect_property(
                source=source, event=VIEWED, path="a", presence="required", kinds=[], at=MONDAY, by=NADIA
            ),
        ),
        (
            plan.BadExpectation,
            lambda source: plan.expect_property(
                source=source, event=VIEWED, path="a", presence="perhaps", kinds=[], at=MONDAY, by=NADIA
            ),
        ),
        (
            plan.BadExpectation,
            lambda source: plan.expect_property(
                source=source, event=VIEWED, path="a", presence="required", kinds=["float"], at=MONDAY, by=NADIA
            ),
        ),
        (
            plan.BadEvent,
            lambda source: plan.expect_event(source=source, event=("track", "li@example.com"), at=MONDAY, by=NADIA),
        ),
        (plan.BadEvent, lambda source: plan.expect_event(source=source, event=("alias", ""), at=MONDAY, by=NADIA)),
        (sources.UnknownSource, lambda _: plan.accept(source=0, at=MONDAY, by=NADIA)),
    ],
)
def test_what_no_plan_can_be_is_refused(refused: type[Exception], act: Callable[[int], Any]) -> None:
    web = a_source()

    with pytest.raises(refused):
        act(web.id)

    assert sources.get(web.id).plan == "learning"


def test_names_made_of_numbers_do_not_fill_the_tables() -> None:
    web = a_source()
    sent(web, *[viewed("li")] * 3)
    following.follow_everything()
    for start in range(0, 500, 100):
        sent(
            web,
            *[
                {"type": "track", "event": f"Viewed {number}", "userId": "li", "properties": {f"p{number}": 1}}
                for number in range(start, start + 100)
            ],
        )
    following.follow_everything()

    assert len(plan.of(web.id)) == plan.MOST_NAMES
    assert differing(web) == [("too_many_names", "track", "", "", 201)]
    assert tracked(web)[VIEWED].itself.came == 3

    sent(web, *[viewed("li", properties={f"p{n}": 1 for n in range(k, k + 60)}) for k in range(0, 300, 60)])
    following.follow_everything()

    assert len(tracked(web)[VIEWED].properties) == plan.MOST_PROPERTIES + 1


def test_reading_costs_a_handful_of_statements_however_many_events(
    django_assert_max_num_queries: Any,
) -> None:
    web = a_source()
    a_week(web)
    plan.accept(source=web.id, at=MONDAY, by=NADIA)
    told = [
        Came(number, web.id, ("track", f"Event {number % 20}"), shapes.of({"a": number}), MONDAY)
        for number in range(500)
    ]

    with django_assert_max_num_queries(6):
        plan.observe(told=told)
    with django_assert_max_num_queries(3):
        plan.observe(told=told)


def test_history_teaches_nothing() -> None:
    web = a_source()

    sent(web, viewed("li"), origin="history")
    following.follow_everything()

    assert plan.of(web.id) == []


def read(source: Source, told: Mapping[str, Any]) -> Message:

    found = messages.read(
        json.dumps({"messageId": "m", **told}).encode(), envelope=Envelope({}, None, MONDAY), sender=sender(source)
    )
    assert isinstance(found, Message)
    return found


def test_a_plan_that_blocks_says_why() -> None:
    web = a_source()
    a_week(web)
    plan.accept(source=web.id, at=MONDAY, by=NADIA)
    assert plan.blocking() == {}
    plan.set_mode(source=web.id, mode="blocking", at=MONDAY, by=NADIA)
    planned = plan.blocking()[web.id]

    def why(told: Mapping[str, Any]) -> str | None:
        no = planning.turned_away(read(web, told), planned)
        assert no is None or (isinstance(no, Rejected) and no.code == "blocked_by_plan")
        return no and no.why

    assert why(viewed("li", properties={"product_id": "1", "price": 2, "new": "x"})) is None
    assert why(identify("li", {"email": "li@example.com", "plan": "basic"})) is None
    assert why({"type": "alias", "userId": "li", "previousId": "d-1"}) is None
    assert why(viewed("li", event="product_viewed")) == (
        "event: 'product_viewed' is not in the tracking plan; did you mean 'Product Viewed'?"
    )
    assert why(viewed("li", properties={"price": 2})) == (
        "product_id: 'Product Viewed' must have it by the tracking plan; send it"
    )
    assert why(viewed("li", properties={"product_id": True, "price": "2"})) == (
        "price: it is numeric_text and the tracking plan has number; send that; and 1 more"
    )
    assert why(identify("li", {"plan": "basic"})) == (
        "email: a call of identify must have it by the tracking plan; send it"
    )


class Learning(TestCase):
    @settings(max_examples=15, deadline=None)
    @given(
        some.lists(
            some.tuples(
                some.sampled_from(["A", "B", "C"]),
                some.dictionaries(some.sampled_from("abcd"), some.sampled_from([1, "1", "x", None, [{"e": 1}]])),
            ),
            min_size=1,
            max_size=30,
        ),
        some.integers(0, 1000),
    )
    def test_learning_is_the_same_in_any_order_and_any_batches(
        self, events: list[tuple[str, dict[str, Any]]], seed: int
    ) -> None:
        chance = random.Random(seed)
        learned = []
        for name in ("one", "other"):
            source = a_source(name)
            came = [
                Came(number, source.id, ("track", event), shapes.of(told), MONDAY)
                for number, (event, told) in enumerate(events)
            ]
            if name == "other":
                chance.shuffle(came)
            while came:
                size = len(came) if name == "one" else chance.randint(1, len(came))
                plan.observe(told=came[:size])
                came = came[size:]
            learned.append(plan.proposal(source.id))
        assert learned[0] == learned[1]
        with connection.cursor() as cursor:
            cursor.execute("SELECT sum(count) FROM sources_observed GROUP BY source_id")
            assert len(set(cursor.fetchall())) == 1
