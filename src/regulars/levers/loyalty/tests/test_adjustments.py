"""Points by hand: at once up to a limit, beyond it when a second person agrees."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from regulars.facts.customers import identity
from regulars.facts.sources import api_keys
from regulars.kit.actors import SYSTEM, Actor
from regulars.levers.loyalty import adjustments, checkups, points, wallets
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty.models import Act, Lot, Request
from regulars.levers.loyalty.tests.builders import (
    FRIDAY,
    MAREK,
    MONDAY,
    THE_SHOP,
    a_member,
    an_award,
    has,
    key,
    said,
    spends,
    takes_back,
)
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


def test_what_waited_until_its_last_day_was_over_is_not_given_any_more():
    priya = a_member()
    asked = proposes(priya, 101, expires_on=MONDAY.date()).request
    with pytest.raises(points.AlreadyOver):
        adjustments.approve(request=asked.id, at=FRIDAY, by=ASTRID)
    assert adjustments.count_waiting() == 1
    adjustments.approve(request=asked.id, at=MONDAY, by=ASTRID)
    adjustments.approve(request=asked.id, at=FRIDAY, by=ASTRID)
    assert has(priya) == (0, 101, 0, 0)


def test_a_large_sum_is_not_told_in_small_ones_but_another_may_give_his():
    priya, bo = a_member(), a_member("bo")
    assert proposes(priya, 60).done
    assert proposes(priya, 60).request
    assert proposes(priya, -60).request
    assert proposes(priya, 40).done
    assert proposes(priya, 60, by=ASTRID).done
    assert proposes(bo, 60).done


def test_what_was_given_to_each_record_counts_for_the_person_whoever_is_joined_or_parted():
    priya, li, bo = a_member("priya", points=5), a_member("li", points=5), a_member("bo", points=5)
    asked = {"why": identity.Reason.ASKED, "at": MONDAY, "by": MAREK}
    assert proposes(li, 60).done
    identity.join(one=priya, other=li, key=key(), **asked)
    assert proposes(li, 60).request
    assert proposes(priya, -60).request
    assert proposes(priya, 30).done
    identity.keep_apart(one=priya, other=li, key=key(), **asked)
    # What the other had is the other's again.
    assert (proposes(priya, 80).request is None, proposes(li, 50).request is None) == (False, False)
    assert (proposes(priya, 70).request is None, proposes(li, 40).request is None) == (True, True)
    identity.join(one=priya, other=bo, key=key(), **asked)
    assert proposes(bo, 60, by=ASTRID).done
    identity.keep_apart(one=priya, other=bo, key=key(), **asked)
    assert proposes(bo, 60, by=ASTRID).request, "which stands on the account that it left"


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


def owes(who, amount) -> None:
    """Points that were spent before they were taken back."""
    coat = an_award(who, amount)
    spends(who, amount)
    takes_back(coat)


def forgives(who, *, by=MAREK, **more) -> adjustments.Proposed:
    told = {"reason": "amends", "key": key(), "at": FRIDAY} | more
    return adjustments.propose_to_forgive(customer=who, by=by, **told)


def test_a_little_that_is_owed_is_forgiven_at_once_and_more_than_is_owed_never():
    priya = a_member()
    owes(priya, 80)
    with pytest.raises(points.BadAmount, match="80 is owed"):
        forgives(priya, amount=81)
    for _turn in range(2):
        assert forgives(priya, amount=30, key="form-1").done
    assert has(priya) == (0, 0, 0, 50)
    for _turn in range(2):
        assert forgives(priya, key="form-2").done
    assert has(priya) == (0, 0, 0, 0)
    assert said(priya)[-1] == "write_off: to make up for something that went wrong"
    with pytest.raises(points.BadAmount, match="0 is owed"):
        forgives(priya)
    with pytest.raises(adjustments.BadReason):
        forgives(priya, reason="because")


def test_much_that_is_owed_is_forgiven_when_somebody_else_agrees_and_small_sums_add_up():
    priya = a_member()
    owes(priya, 170)
    assert forgives(priya, amount=60).done
    asked = forgives(priya, amount=60, key="form").request
    assert (asked.what, asked.amount, asked.reason) == ("forgive", 60, "amends")
    assert forgives(priya, amount=60, key="form").request == asked
    with pytest.raises(adjustments.OwnRequest):
        adjustments.approve(request=asked.id, at=FRIDAY, by=MAREK)
    first = adjustments.approve(request=asked.id, at=FRIDAY, by=ASTRID)
    assert adjustments.approve(request=asked.id, at=FRIDAY, by=ASTRID) == first
    assert has(priya, at=FRIDAY) == (0, 0, 0, 50)
    # What was paid meanwhile needs no forgiving: it waits until somebody turns it down.
    asked = forgives(priya).request
    an_award(priya, 10, at=FRIDAY)
    with pytest.raises(points.BadAmount):
        adjustments.approve(request=asked.id, at=FRIDAY, by=ASTRID)
    assert [one.id for one in adjustments.waiting()] == [asked.id]


def an_ended_award(who, amount) -> int:
    entry = an_award(who, amount, expires_on=date(2026, 3, 3))
    return Lot.objects.get(origin_entry=entry).id


def revives(who, lot, **more) -> adjustments.Proposed:
    told = {"reason": "service", "key": key(), "at": FRIDAY, "by": MAREK, "expires_on": date(2026, 3, 31)} | more
    return adjustments.propose_to_reinstate(customer=who, lot=lot, **told)


def test_what_ended_is_valid_again_booked_or_not_and_much_of_it_when_somebody_else_agrees():
    priya, bo = a_member(), a_member("bo")
    little, much = an_ended_award(priya, 40), an_ended_award(priya, 200)
    spends(priya, 10)
    for _turn in range(2):
        assert [(one.lot, one.ended) for one in wallets.ended(customer=priya, at=FRIDAY)] == [(much, 200), (little, 30)]
        clockwork.book_due(at=FRIDAY, by=THE_SHOP)
    for _turn in range(2):
        assert revives(priya, little, key="form").done
    assert has(priya, at=FRIDAY) == (0, 30, 0, 0)
    asked = revives(priya, much).request
    assert (asked.what, asked.lot, asked.amount, asked.expires_on) == ("reinstate", much, 200, date(2026, 3, 31))
    with pytest.raises(points.AlreadyOver):
        adjustments.approve(request=asked.id, at=FRIDAY + timedelta(days=40), by=ASTRID)
    adjustments.approve(request=asked.id, at=FRIDAY, by=ASTRID)
    assert has(priya, at=FRIDAY) == (0, 230, 0, 0)
    assert wallets.ended(customer=priya, at=FRIDAY) == []
    with pytest.raises(points.NothingToReverse):
        revives(priya, little)
    with pytest.raises(points.UnknownEntry):
        revives(bo, little)
    assert list(checkups.broken()) == []


def test_an_award_lasts_longer_by_hand_and_never_shorter():
    priya, bo = a_member(), a_member("bo")
    lot = Lot.objects.get(origin_entry=an_award(priya, 5000, expires_on=date(2026, 3, 31))).id
    told = {"lot": lot, "reason": "service", "at": FRIDAY, "by": MAREK}
    for _turn in range(2):
        adjustments.prolong(customer=priya, expires_on=date(2026, 4, 30), key="form", **told)
    assert [str(one.on) for one in points.expiring(customer=priya, at=FRIDAY)] == ["2026-04-30"]
    assert said(priya)[-1] == "extend: by customer service"
    for day in (date(2026, 4, 30), date(2026, 4, 1)):
        with pytest.raises(adjustments.NotLater, match="2026-04-30"):
            adjustments.prolong(customer=priya, expires_on=day, key=key(), **told)
    with pytest.raises(points.UnknownEntry):
        adjustments.prolong(customer=bo, expires_on=date(2026, 5, 1), key=key(), **told)
    adjustments.prolong(customer=priya, expires_on=None, key=key(), **told)
    assert [one.on for one in points.expiring(customer=priya, at=FRIDAY)] == [None]
