"""One customer at a time: who comes in, who leaves, when they are looked at again, and what is told of it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.insight.audiences import _writing, audiences, deciding, following
from regulars.insight.audiences._writing import Changed, Decided
from regulars.insight.audiences.asking import Kept
from regulars.insight.audiences.following import Follower
from regulars.insight.audiences.models import Audience, Change, Definition, Due
from regulars.insight.audiences.tests.builders import (
    BUYERS,
    LATELY,
    MAREK,
    an_audience,
    asking,
    bought,
    called_off,
    came_and_went,
    inside,
    the,
    told,
)
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop() -> None:
    company.settle(
        name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=clock.now(), by=SYSTEM
    )


def look(*people: int) -> Decided:
    return deciding.decide(people, because="facts", kept=Kept())


def test_who_buys_comes_in_and_is_told_of() -> None:
    buyers = an_audience("Buyers", BUYERS)
    priya = bought("priya", ref="1")
    assert look(priya) == Decided(entered=1)
    assert inside(buyers) == {priya}
    assert audiences.get(buyers.number).members == 1
    assert came_and_went(priya) == [("Buyers", True, "facts")]
    assert told("audiences.audience_entered") == [f"customer:{priya}"]


def test_looking_again_changes_nothing() -> None:
    buyers = an_audience("Buyers", BUYERS)
    priya = bought("priya", ref="1")
    look(priya)
    assert look(priya, priya) == Decided()
    assert inside(buyers) == {priya}
    assert len(came_and_went(priya)) == 1


def test_an_order_taken_back_takes_its_buyer_out_and_says_what_was_seen() -> None:
    buyers = an_audience("Buyers", BUYERS)
    priya = bought("priya", ref="1")
    look(priya)
    called_off("1")
    assert look(priya) == Decided(left=1)
    assert inside(buyers) == set()
    assert audiences.get(buyers.number).members == 0
    last = Change.objects.latest("id")
    assert (last.entered, last.evidence) == (False, {"n1": [False, 0]})


def test_who_will_leave_soon_is_looked_at_then_and_leaves_without_a_new_fact() -> None:
    lately = an_audience("Lately", LATELY)
    priya, tomas = bought("priya", ref="1", days_ago=29.5), bought("tomas", ref="2", days_ago=3)
    look(priya, tomas)
    assert inside(lately) == {priya, tomas}
    [due] = Due.objects.all()
    assert due.customer_id == priya
    in_half_a_day = clock.now() + timedelta(hours=12)
    assert abs(due.due_at - in_half_a_day) < timedelta(minutes=1)


def test_when_the_time_has_come_they_are_looked_at() -> None:
    lately = an_audience("Lately", LATELY)
    priya = bought("priya", ref="1", days_ago=31.5)
    is_in = Changed(lately.number, 1, priya, entered=True, because="facts", evidence={"n1": [True, 1]})
    _writing.write([is_in], clock.now())
    Due.objects.create(audience_id=lately.number, customer_id=priya, due_at=clock.now() - timedelta(seconds=1))
    assert Follower().look_at_due() is True
    assert inside(lately) == set()
    assert came_and_went(priya)[-1] == ("Lately", False, "time")
    assert Follower().look_at_due() is False


def test_of_many_due_at_one_midnight_nobody_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_DUE", 3)
    lately, ever = an_audience("Lately", LATELY), an_audience("Ever", BUYERS)
    priya, tomas = bought("priya", ref="1"), bought("tomas", ref="2")
    midnight = clock.now() - timedelta(seconds=1)
    for one in (lately, ever):
        for customer in (priya, tomas):
            Due.objects.create(audience_id=one.number, customer_id=customer, due_at=midnight)
    follower = Follower()
    while follower.look_at_due():
        pass
    assert inside(lately) == inside(ever) == {priya, tomas}


def ten_times(made: Sequence[audiences.Audience]) -> None:
    """Nine more of each."""
    more = [
        (Audience(name=f"{one.name}, {again}", definition=1, made_at=one.made_at), one.condition)
        for one in made
        for again in range(9)
    ]
    Audience.objects.bulk_create([row for row, _ in more])
    Definition.objects.bulk_create(
        [
            Definition(audience=row, number=1, condition=asked, key=row.name, told=b"", at=row.made_at, by="operator:7")
            for row, asked in more
        ]
    )


def test_a_batch_costs_no_more_statements_than_one_customer_does() -> None:
    """Fifty audiences: of a field, of orders, of events, each with windows and sequences, some asking for another."""
    viewed = {"did": "events.events", "where": [{"column": "name", "is": "Product Viewed"}]}
    nodes: list[dict[str, Any]] = [
        {"field": "customers.country", "is_not": "FR"},
        {**BUYERS, "count": {"is": 0}},
        {**viewed, "during": {"last": {"hours": 3}}, "count": {"is": 0}},
        {"not": {**viewed, "sum": "value", "amount": {"more_than": "10.00"}}},
        {"sequence": [viewed, {**BUYERS, "within": {"days": 2}, "missing": True}]},
    ]
    ten_times([an_audience(f"Audience {number}", node) for number, node in enumerate(nodes)])
    at = clock.now()
    made = customers.resolve_many(
        namespace="till", refs=[f"c-{number}" for number in range(201)], at=at, by=MAREK, origin="live"
    )
    first, *others = sorted(made.values())
    kept = Kept()
    # Reads what the audiences ask, once.
    deciding.decide([first], because="facts", kept=kept)
    first, *others = others
    with CaptureQueriesContext(connection) as of_one:
        deciding.decide([first], because="facts", kept=kept)
    with CaptureQueriesContext(connection) as of_many:
        decided = deciding.decide(others, because="facts", kept=kept)
    assert decided.entered == 40 * len(others)
    assert len(of_many) == len(of_one) <= 24, [one["sql"][:80] for one in of_many.captured_queries]


def test_an_audience_may_ask_who_is_in_another() -> None:
    buyers = an_audience("Buyers", BUYERS)
    hundred = {"did": "commerce.orders", "sum": "total", "amount": {"at_least": "100"}}
    fans = an_audience("Fans", {"all": [{"audience": buyers.id}, hundred]})
    priya, tomas = bought("priya", ref="1", pounds="100"), bought("tomas", ref="2", pounds="99.99")
    look(priya, tomas)
    assert inside(buyers) == {priya, tomas}
    assert inside(fans) == {priya}
    called_off("1")
    deciding.decide([priya], because="facts", kept=Kept(), only={buyers.number})
    assert inside(fans) == set()


def test_nobody_is_in_an_archived_audience_and_a_restored_one_waits_for_a_look() -> None:
    buyers = an_audience("Buyers", BUYERS)
    priya = bought("priya", ref="1")
    look(priya)
    gone = audiences.archive(audience=buyers.number, at=clock.now(), by=MAREK)
    assert gone.archived_at is not None
    assert inside(buyers) == set()
    assert look(priya) == Decided()
    back = audiences.restore(audience=buyers.number, at=clock.now(), by=MAREK)
    assert (back.archived_at, back.members, back.is_filling) == (None, 0, True)
    assert look(the("priya")) == Decided(entered=1)


def test_an_audience_that_cannot_be_asked_any_more_stops_nobody() -> None:
    buyers = an_audience("Buyers", BUYERS)
    lost = an_audience("Lost", BUYERS)
    gone = asking({"field": "customers.trait.gone", "is": "yes"})
    Definition.objects.create(
        audience_id=lost.number, number=2, condition=gone, key="2", told=b"", at=clock.now(), by="operator:7"
    )
    Audience.objects.filter(id=lost.number).update(definition=2)
    priya = bought("priya", ref="1")
    assert look(priya) == Decided(entered=1)
    assert inside(buyers) == {priya}
    assert "customers.trait.gone cannot be asked" in Kept().look().problems[lost.number]
