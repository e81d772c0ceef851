"""From what a browser tells to who is in an audience: at once, whoever it turns out to be, and out again on time."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.facts.events import following, stream
from regulars.facts.events.stream import Event
from regulars.facts.events.tests.shoppers import a_source, identify, sent, viewed
from regulars.insight.audiences import audiences, members
from regulars.insight.audiences import following as live
from regulars.insight.audiences.asking import Kept
from regulars.insight.audiences.models import Audience, Due, Touched
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db


class Shop:
    """A shop with one source of events, and what its audiences heard."""

    def __init__(self) -> None:
        company.settle(
            name="Teas",
            currency="CNY",
            zone="Asia/Shanghai",
            language="zh-hans",
            country="CN",
            at=clock.now(),
            by=SYSTEM,
        )
        self.web, self._kept = a_source(), Kept()
        self._reader = stream.Reader("audiences", take=self._take, after=following.PROFILES)
        self.looked: list[int] = []
        stream.register([self._reader])

    def _take(self, events: Sequence[Event]) -> None:
        self.looked.append(len(events))
        live.take(events, self._kept)

    def told(self, *events: Mapping[str, Any], ago: timedelta = timedelta(minutes=1)) -> None:
        """These come in, and everything is read: by the house's readers, then for the audiences."""
        sent(self.web, *events, at=clock.now() - ago)
        following.follow_everything()
        stream.step(self._reader, 2**40)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def did(name: str) -> dict[str, Any]:
    return {"did": "events.events", "where": [{"column": "name", "is": name}]}


VIEWED = did("Product Viewed")


def an_audience(name: str, node: dict[str, Any]) -> int:
    made = audiences.define(
        name=name,
        condition={"version": 1, "zone": "Asia/Shanghai", "if": node},
        key=name,
        at=clock.now(),
        by=SYSTEM,
    )
    return made.number


def of_li() -> list[str]:
    found = customers.find_by_ref(ref="li", namespace="shop")
    return sorted(audiences.get(one.audience).name for one in members.of_customer(found[0])) if found else []


def test_who_looks_twice_is_in_at_once_and_is_looked_at_again_when_the_first_look_is_a_week_ago(shop: Shop) -> None:
    keen = an_audience("Keen", {**VIEWED, "during": {"last": {"days": 7}}, "count": {"at_least": 2}})
    shop.told(viewed("li"), ago=timedelta(days=6, hours=18))
    assert of_li() == []
    shop.told(viewed("li"))
    assert of_li() == ["Keen"]
    [due] = Due.objects.filter(audience=keen)
    assert timedelta(hours=5) < due.due_at - clock.now() < timedelta(hours=7)
    [step] = members.steps(audience=keen)
    assert (step.entered, step.because, step.evidence) == (True, "facts", {"n1": [True, 2]})


def test_what_a_browser_did_before_its_owner_signed_in_counts_from_then_on(shop: Shop) -> None:
    an_audience("Keen", {**VIEWED, "count": {"at_least": 2}})
    shop.told(viewed(anonymousId="tab"), viewed(anonymousId="tab"))
    assert of_li() == []
    shop.told(identify("li", {}, anonymousId="tab"))
    assert of_li() == ["Keen"]


def test_nobody_is_looked_at_for_what_no_audience_asks(shop: Shop) -> None:
    an_audience("Keen", VIEWED)
    shop.told(viewed("li"))
    before = Touched.objects.count()
    shop.told({"type": "track", "event": "Cart Viewed", "userId": "li"})
    assert Touched.objects.count() == before


def test_who_is_in_is_not_asked_for_one_more_and_leaves_when_the_last_is_over(shop: Shop) -> None:
    keen = an_audience("Keen", {**VIEWED, "during": {"last": {"hours": 2}}})
    Audience.objects.filter(id=keen).update(filled_with=1, filled_at=clock.now())
    shop.told(viewed("li"), ago=timedelta(minutes=119))
    assert of_li() == ["Keen"]
    [due] = Due.objects.filter(audience=keen)
    touched = Touched.objects.count()
    shop.told(viewed("li"))
    # A look at everybody that has begun before heeds it all the same.
    assert Touched.objects.count() == touched + 1
    assert Due.objects.get(audience=keen).due_at == due.due_at
    Due.objects.update(due_at=clock.now())
    assert live.Follower().look_at_due()
    assert of_li() == ["Keen"]
    assert Due.objects.get(audience=keen).due_at > clock.now() + timedelta(minutes=100)


def test_until_everybody_was_looked_at_for_it_who_is_in_says_nothing(shop: Shop) -> None:
    keen = an_audience("Keen", VIEWED)
    Audience.objects.filter(id=keen).update(filled_with=1, filled_at=clock.now())
    shop.told(viewed("li"))
    assert of_li() == ["Keen"]
    wanted = {"version": 1, "zone": "Asia/Shanghai", "if": {**VIEWED, "count": {"at_least": 3}}}
    audiences.change(audience=keen, condition=wanted, key="three", at=clock.now(), by=SYSTEM)
    shop.told(viewed("li"))
    assert of_li() == []


def test_put_in_the_cart_and_not_bought_within_the_hour(shop: Shop) -> None:
    bought_nothing = {**did("Order Completed"), "within": {"hours": 1}, "missing": True}
    left = an_audience("Left the cart", {"sequence": [did("Product Added"), bought_nothing]})
    shop.told({"type": "track", "event": "Product Added", "userId": "li"}, ago=timedelta(minutes=59))
    assert of_li() == []
    [due] = Due.objects.filter(audience=left)
    assert timedelta(0) < due.due_at - clock.now() < timedelta(minutes=2)
    shop.told({"type": "track", "event": "Product Added", "userId": "ann"}, ago=timedelta(minutes=61))
    assert members.page(left).items[0].customer == customers.find_by_ref(ref="ann", namespace="shop")[0]
    shop.told({"type": "track", "event": "Order Completed", "userId": "ann"}, ago=timedelta(minutes=30))
    assert members.page(left).items == ()
