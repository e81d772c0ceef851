"""Points by hand: at once up to a limit, beyond it when a second person agrees."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from regulars.facts.sources import api_keys
from regulars.kit.actors import SYSTEM, Actor
from regulars.levers.loyalty import adjustments, points
from regulars.levers.loyalty.models import Act, Request
from regulars.levers.loyalty.tests.builders import FRIDAY, MAREK, MONDAY, a_member, has, key, said, spends
from regulars.runtime.preferences.preferences import write

pytestmark = pytest.mark.django_db
ASTRID = Actor("operator", "8")


def proposes(who, amount, *, by=MAREK, key_="", **more) -> adjustments.Proposed:
    return adjustments.propose(
        customer=who, amount=amount, reason=more.pop("reason", "amends"), key=key_ or key(), at=MONDAY, by=by, **more
    )


@pytest.fixture(autouse=True)
def _a_hundred_alone():
    write(adjustments.APPROVAL_ABOVE, 100, at=MONDAY, by=SYSTEM)


def test_a_small_sum_is_given_at_once_and_says_why():
    priya = a_member()
    done = proposes(priya, 100).done
    assert done is not None
    assert has(priya) == (0, 100, 0, 0)
    assert said(priya) == ["adjust: to make up for something that went wrong"]
    assert adjustments.waiting() == []


def test_a_large_one_waits_until_somebody_else_agrees():
    priya = a_member()
    asked = proposes(priya, 101, key_="form-1").request
    assert asked is not None
    assert has(priya) == (0, 0, 0, 0)
    assert (adjustments.count_waiting(), [one.id for one in adjustments.waiting()]) == (1, [asked.id])
    with pytest.raises(adjustments.OwnRequest):
        adjustments.approve(request=asked.id, at=MONDAY, by=MAREK)
    first = adjustments.approve(request=asked.id, at=FRIDAY, by=ASTRID)
    assert adjustments.approve(request=asked.id, at=FRIDAY, by=ASTRID) == first
    assert has(priya, at=FRIDAY) == (0, 101, 0, 0)
    [told] = adjustments.of_customer(priya)
    assert (told.state, told.asked_by, told.decided_by, told.decided_at) == (
        "approved",
        "operator:7",
        "operator:8",
        FRIDAY,
    )
    with pytest.raises(adjustments.AlreadyDecided):
        adjustments.turn_down(request=asked.id, at=FRIDAY, by=ASTRID)


def test_a_large_sum_is_not_told_in_small_ones_but_another_may_give_his():
    priya, bo = a_member(), a_member("bo")
    assert proposes(priya, 60).done
    assert proposes(priya, 60).request
    assert proposes(priya, -60).request
    assert proposes(priya, 40).done
    assert proposes(priya, 60, by=ASTRID).done
    assert proposes(bo, 60).done


def test_told_again_it_is_the_same_and_told_otherwise_it_is_refused():
    priya = a_member()
    small, large = proposes(priya, 50, key_="small"), proposes(priya, 500, key_="large")
    assert proposes(priya, 50, key_="small") == small
    assert proposes(priya, 500, key_="large") == large
    write(adjustments.APPROVAL_ABOVE, 0, at=MONDAY, by=SYSTEM)
    assert proposes(priya, 50, key_="small") == small
    for key_ in ("small", "large"):
        with pytest.raises(points.KeyUsedOtherwise):
            proposes(priya, 51, key_=key_)
    assert (Request.objects.count(), Act.objects.count()) == (1, 1)


def a_key(name, *, by=MAREK, **more) -> Actor:
    return api_keys.make(name=name, may=["points.manage"], at=MONDAY, by=by, **more).key.actor


def test_whoever_answers_for_a_programs_key_is_no_second_person():
    priya, till = a_member(), a_key("till")
    asked = proposes(priya, 500, by=till).request
    assert (asked.asked_by, asked.asked_behind) == (str(till), "operator:7")
    for one in (
        MAREK,
        till,
        a_key("another"),
        a_key("made-for-him", by=SYSTEM, made_for=MAREK),
        a_key("nobodys", by=SYSTEM),
    ):
        with pytest.raises(adjustments.OwnRequest):
            adjustments.approve(request=asked.id, at=FRIDAY, by=one)
        with pytest.raises(adjustments.OwnRequest):
            adjustments.turn_down(request=asked.id, at=FRIDAY, by=one)
    with pytest.raises(IntegrityError), transaction.atomic():
        Request.objects.filter(id=asked.id).update(state="approved", decided_by="operator:7", decided_at=FRIDAY)
    adjustments.approve(request=asked.id, at=FRIDAY, by=ASTRID)
    assert has(priya, at=FRIDAY) == (0, 500, 0, 0)
    mine = proposes(priya, 500, by=till).request
    assert adjustments.withdraw(request=mine.id, at=FRIDAY, by=MAREK).state == "withdrawn"


def test_a_large_sum_is_not_told_in_small_ones_by_somebody_and_their_programs():
    priya, till, other = a_member(), a_key("till"), a_key("other")
    assert proposes(priya, 60, by=till).done
    assert proposes(priya, 60).request
    assert proposes(priya, 60, by=other).request
    assert proposes(priya, 40).done
    assert proposes(priya, 60, by=ASTRID).done


def test_a_key_that_nobody_answers_for_gives_a_little_and_asks_for_nothing_more():
    priya, nobodys = a_member(), a_key("nobodys", by=SYSTEM)
    assert proposes(priya, 60, by=nobodys).done
    with pytest.raises(adjustments.NobodyAnswers, match="--for"):
        proposes(priya, 60, by=nobodys)
    assert has(priya) == (0, 60, 0, 0)


def test_what_is_turned_down_or_taken_back_is_never_done():
    priya = a_member()
    one, other = (proposes(priya, 500).request for _turn in range(2))
    assert adjustments.turn_down(request=one.id, at=FRIDAY, by=ASTRID).state == "turned_down"
    with pytest.raises(adjustments.OwnRequest):
        adjustments.withdraw(request=other.id, at=FRIDAY, by=ASTRID)
    assert adjustments.withdraw(request=other.id, at=FRIDAY, by=MAREK).state == "withdrawn"
    for asked in (one, other):
        with pytest.raises(adjustments.AlreadyDecided):
            adjustments.approve(request=asked.id, at=FRIDAY, by=ASTRID)
    assert has(priya) == (0, 0, 0, 0)


def test_what_was_spent_meanwhile_cannot_be_taken_and_still_waits():
    priya = a_member(points=300)
    asked = proposes(priya, -200, reason="misuse").request
    spends(priya, 150)
    with pytest.raises(points.NotEnoughPoints), transaction.atomic():
        adjustments.approve(request=asked.id, at=MONDAY, by=ASTRID)
    assert adjustments.by_public_id(asked.public_id).state == "waiting"


def test_more_than_there_is_waits_for_nobody():
    priya = a_member(points=360)
    with pytest.raises(points.NotEnoughPoints, match="5000 points are asked for and 360 can be spent"):
        proposes(priya, -5000, reason="misuse")
    assert adjustments.waiting() == []


@pytest.mark.parametrize(
    ("amount", "reason", "refusal"), [(0, "service", points.BadAmount), (5, "because", adjustments.BadReason)]
)
def test_what_could_never_be_done_does_not_wait(amount, reason, refusal):
    with pytest.raises(refusal):
        proposes(a_member(), amount, reason=reason)


def test_the_database_knows_that_nobody_approves_their_own():
    asked = proposes(a_member(), 500).request
    with pytest.raises(IntegrityError), transaction.atomic():
        Request.objects.filter(id=asked.id).update(
            state="approved", decided_by="operator:7", decided_at=MONDAY + timedelta(1)
        )
