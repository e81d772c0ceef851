"""Rights in shops: wanted once, due in every shop that is written to, written until the shop has the wanted version."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from regulars.facts.customers import customers, identity
from regulars.facts.sources import connections
from regulars.kit.actors import Actor
from regulars.oversight.outbound import rights, writing
from regulars.oversight.outbound.rights import Terms
from regulars.oversight.outbound.writing import WAITS, AttributesDue, CodeDue
from regulars.runtime.database import clock
from regulars.runtime.notices.dispatch import react_to_everything
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MAREK = Actor("operator", "7")
FIVE_POUNDS = Terms(takes="amount", amount_minor=500, currency="GBP", starts_at=MONDAY)


def a_shop(name, *, codes=True, attributes=True, is_written_to=True):
    made = connections.connect(
        name=name, kind="shopify", zone="UTC", credentials={"client_secret": "s"}, at=MONDAY, by=MAREK
    )
    if is_written_to:
        writing.allow(connection=made.id, codes=codes, attributes=attributes, at=MONDAY, by=MAREK)
    return made.id


def known_as(**refs):
    """One person for each reference, by the shop's name."""
    found = {}
    for shop, ref in refs.items():
        found |= customers.resolve_many(namespace=shop, refs=[ref], at=MONDAY, by=MAREK, origin="live")
    return found


def a_code(key="coupon-1", code="LI-5-OFF", terms=FIVE_POUNDS, customer=None, at=MONDAY):
    return rights.want_code(key=key, code=code, title="Five off", terms=terms, customer=customer, at=at, by=MAREK)


def due(shop, at=MONDAY, limit=10):
    return writing.claim(connection=shop, limit=limit, at=at)


def write(shop, at=MONDAY):
    claimed = due(shop, at)
    for one in claimed.due:
        writing.written(claim=claimed.claim, due=one, remote="gid-1" if isinstance(one, CodeDue) else "", at=at)
    return claimed.due


def test_a_code_is_due_in_every_shop_that_takes_codes_and_in_no_other():
    tea, cake, far = a_shop("tea"), a_shop("cake", codes=False), a_shop("far", is_written_to=False)
    a_code()
    [one] = due(tea).due
    assert isinstance(one, CodeDue)
    assert (one.code, one.terms, one.is_active, one.remote, one.refs) == ("LI-5-OFF", FIVE_POUNDS, True, "", ())
    assert (due(cake).due, due(far).due) == ([], [])
    assert writing.with_work(at=MONDAY) == [tea]


def test_wanted_again_nothing_is_written_and_wanted_otherwise_it_is_until_the_shop_has_that():
    tea = a_shop("tea")
    first = a_code()
    assert len(write(tea)) == 1
    assert a_code() == first
    assert due(tea).due == []
    more = Terms(takes="percent", percent=Decimal("12.5"), starts_at=MONDAY)
    assert a_code(terms=more).version == 2
    claimed = due(tea)
    assert [(one.terms, one.remote) for one in claimed.due] == [(more, "gid-1")]
    # While it was being written, it was taken back.
    rights.take_back(key="coupon-1", at=MONDAY, by=MAREK, why="spent")
    writing.written(claim=claimed.claim, due=claimed.due[0], at=MONDAY)
    assert [one.is_active for one in write(tea)] == [False]
    assert writing.counts(tea) == {"written": 1}
    verbs = [line.verb for line in trail.by_actor(MAREK) if line.verb.startswith("rights.")]
    assert verbs == ["rights.take_back", "rights.want_code", "rights.want_code", "rights.allow"]


def test_a_shop_that_is_written_to_later_learns_all_that_is_wanted_then():
    li = known_as(tea="li")["li"]
    tea = a_shop("tea", is_written_to=False)
    a_code()
    a_code("coupon-2", "OVER")
    rights.take_back(key="coupon-2", at=MONDAY, by=MAREK)
    rights.want_attributes(customer=li, told={"tier": "Gold"}, at=MONDAY, by=MAREK)
    writing.allow(connection=tea, codes=True, attributes=True, at=MONDAY, by=MAREK)
    found = write(tea)
    assert [one.code for one in found if isinstance(one, CodeDue)] == ["LI-5-OFF"]
    assert [(one.ref, one.told) for one in found if isinstance(one, AttributesDue)] == [("li", {"tier": "Gold"})]
    writing.allow(connection=tea, codes=False, attributes=False, at=MONDAY, by=MAREK)
    a_code("coupon-3", "MORE")
    assert due(tea).due == []


def test_what_is_said_of_somebody_goes_to_every_name_that_a_shop_has_for_them():
    tea, cake = a_shop("tea"), a_shop("cake")
    people = known_as(tea="li@tea", cake="li-cake", far="li-far")
    li, other = customers.find_by_ref(ref="li-cake")[0], people["li-far"]
    rights.want_attributes(customer=li, told={"tier": "Gold", "points": "120"}, at=MONDAY, by=MAREK)
    rights.want_attributes(customer=other, told={"tier": "None"}, at=MONDAY, by=MAREK)
    assert due(tea).due == []
    assert [(one.ref, one.told) for one in write(cake)] == [("li-cake", {"tier": "Gold", "points": "120"})]
    # Names that are not given stay; the same again is nothing new.
    rights.want_attributes(customer=li, told={"points": "80"}, at=MONDAY, by=MAREK)
    assert [one.told for one in write(cake)] == [{"tier": "Gold", "points": "80"}]
    rights.want_attributes(customer=li, told={"points": "80"}, at=MONDAY, by=MAREK)
    assert due(cake).due == []


def test_joined_people_are_one_in_every_shop_and_parted_ones_two_again():
    tea = a_shop("tea")
    known = customers.resolve_many(namespace="tea", refs=["li", "li-2"], at=MONDAY, by=MAREK, origin="live")
    react_to_everything()
    rights.want_attributes(customer=known["li"], told={"tier": "Gold"}, at=MONDAY, by=MAREK)
    rights.want_attributes(customer=known["li-2"], told={"tier": "None"}, at=MONDAY, by=MAREK)
    write(tea)
    joined = {"one": known["li"], "other": known["li-2"], "why": identity.Reason.ASKED, "at": MONDAY, "by": MAREK}
    identity.join(**joined, key="join")
    react_to_everything()
    assert {one.ref: one.told for one in write(tea, at=clock.now())} == {"li-2": {"tier": "Gold"}}
    identity.undecide(**joined, key="undo")
    react_to_everything()
    assert {one.ref: one.told for one in write(tea, at=clock.now())} == {"li-2": {"tier": "None"}}


def test_a_name_that_went_to_somebody_of_whom_nothing_is_wanted_is_written_no_more():
    tea = a_shop("tea")
    known = customers.resolve_many(namespace="tea", refs=["li", "li-2"], at=MONDAY, by=MAREK, origin="live")
    joined = {"one": known["li"], "other": known["li-2"], "why": identity.Reason.ASKED, "at": MONDAY, "by": MAREK}
    identity.join(**joined, key="join")
    rights.want_attributes(customer=known["li"], told={"tier": "Gold"}, at=MONDAY, by=MAREK)
    assert {one.ref for one in write(tea)} == {"li", "li-2"}
    identity.undecide(**joined, key="undo")
    react_to_everything()
    assert {row.what: row.state for row in writing.of_connection(tea)} == {"li": "written", "li-2": "dropped"}
    rights.want_attributes(customer=known["li"], told={"tier": "Silver"}, at=MONDAY, by=MAREK)
    assert {one.ref for one in write(tea)} == {"li"}


def test_two_writers_never_have_the_same_and_a_killed_ones_runs_out():
    tea = a_shop("tea")
    for number in range(3):
        a_code(f"coupon-{number}", f"CODE-{number}")
    first, second = due(tea, limit=2), due(tea)
    assert (len(first.due), len(second.due)) == (2, 1)
    assert due(tea).due == []
    later = MONDAY + writing.CLAIM
    assert len(due(tea, at=later).due) == 3
    # What the first one writes now, though it lost the claim, does not count as the second's.
    writing.written(claim=first.claim, due=first.due[0], at=later)
    assert writing.counts(tea) == {"waiting": 3}


def test_it_is_tried_ten_times_in_a_little_over_three_days_and_then_left_until_asked_for():
    tea = a_shop("tea")
    a_code()
    at, tries = MONDAY, 0
    while (claimed := due(tea, at=at)).due:
        [one] = claimed.due
        writing.failed(claim=claimed.claim, due=one, code="status_503", why="busy", at=at)
        tries += 1
        [row] = writing.of_connection(tea)
        at = row.due_at
    assert (tries, row.state, row.error) == (len(WAITS) + 1, "refused", "status_503")
    assert timedelta(days=3) < at - MONDAY < timedelta(days=4)
    assert writing.again(right=row.id, at=at, by=MAREK).state == "waiting"
    assert len(due(tea, at=at).due) == 1


@pytest.mark.parametrize(
    ("is_unsupported", "state", "tries_again"), [(False, "refused", True), (True, "unsupported", True)]
)
def test_what_a_shop_refuses_waits_for_other_terms_and_what_it_cannot_say_for_none(is_unsupported, state, tries_again):
    tea = a_shop("tea")
    a_code()
    claimed = due(tea)
    [one] = claimed.due
    writing.refused(claim=claimed.claim, due=one, code="no", why="not so", is_unsupported=is_unsupported, at=MONDAY)
    assert [row.state for row in writing.of_connection(tea)] == [state]
    a_code(terms=Terms(takes="shipping", starts_at=MONDAY))
    assert bool(due(tea).due) is tries_again


def test_what_a_shop_says_otherwise_a_day_later_is_written_again_and_counted():
    tea = a_shop("tea")
    a_code()
    write(tea)
    tomorrow = MONDAY + writing.CHECKED_EACH
    assert writing.to_check(connection=tea, limit=5, at=tomorrow - timedelta(seconds=1)) == []
    [one] = writing.to_check(connection=tea, limit=5, at=tomorrow)
    writing.checked(due=one, is_as_told=True, at=tomorrow)
    assert writing.to_check(connection=tea, limit=5, at=tomorrow) == []
    writing.checked(due=one, is_as_told=False, at=tomorrow)
    [row] = writing.of_connection(tea)
    assert (row.state, row.drifts) == ("waiting", 1)
    assert len(write(tea, at=tomorrow)) == 1


def test_a_code_bound_to_somebody_tells_each_shop_its_own_name_for_them():
    tea, cake = a_shop("tea"), a_shop("cake")
    li = known_as(tea="li-tea")["li-tea"]
    a_code(customer=li)
    assert ([one.refs for one in due(tea).due], [one.refs for one in due(cake).due]) == ([["li-tea"]], [()])
    assert [one.code for one in rights.codes_of(li)] == ["LI-5-OFF"]


def test_a_shop_that_fails_as_a_whole_rests_longer_each_time():
    tea = a_shop("tea")
    a_code()
    writing.rest(connection=tea, code="not_allowed", why="no right", at=MONDAY)
    assert writing.with_work(at=MONDAY) == []
    first = writing.of(tea)
    writing.rest(connection=tea, code="not_allowed", why="no right", at=MONDAY)
    second = writing.of(tea)
    assert (second.failing_since, second.rest_until > first.rest_until) == (MONDAY, True)
    assert writing.with_work(at=second.rest_until) == [tea]
    writing.well(connection=tea)
    assert (writing.of(tea).problem, writing.with_work(at=MONDAY)) == ("", [tea])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"code": "10% off"}, "code"),
        ({"key": ""}, "key"),
        ({"terms": Terms(takes="percent", percent=Decimal(101), starts_at=MONDAY)}, "percent"),
        ({"terms": Terms(takes="amount", amount_minor=500, starts_at=MONDAY)}, "amount_minor"),
        ({"terms": Terms(takes="shipping", starts_at=MONDAY, ends_at=MONDAY)}, "ends_at"),
        ({"terms": Terms(takes="shipping", starts_at=MONDAY, uses=0)}, "uses"),
    ],
)
def test_what_no_shop_would_take_is_refused(given, field):
    with pytest.raises(rights.BadCode) as refused:
        a_code(**given)
    assert refused.value.facts["field"] == field


def test_one_code_is_one_right_and_keeps_what_people_type():
    a_code()
    with pytest.raises(rights.CodeTaken):
        a_code("coupon-2")
    with pytest.raises(rights.BadCode):
        a_code(code="OTHER")
    rights.take_back(key="coupon-1", at=MONDAY, by=MAREK)
    assert a_code("coupon-2").is_active


@pytest.mark.parametrize("told", [{"Tier": "Gold"}, {"tier": "a\nb"}, {"tier": "x" * 201}])
def test_attributes_that_shops_do_not_keep_are_refused(told):
    li = known_as(tea="li")["li"]
    with pytest.raises(rights.BadAttribute):
        rights.want_attributes(customer=li, told=told, at=MONDAY, by=MAREK)


def test_a_code_taken_back_while_nothing_was_written_is_ended_when_it_is_again():
    tea = a_shop("tea")
    a_code()
    write(tea)
    writing.allow(connection=tea, codes=False, attributes=True, at=MONDAY, by=MAREK)
    rights.take_back(key="coupon-1", at=MONDAY, by=MAREK)
    assert due(tea).due == []
    writing.allow(connection=tea, codes=True, attributes=True, at=MONDAY, by=MAREK)
    assert [one.is_active for one in write(tea)] == [False]


def test_a_code_is_one_right_in_small_letters_too_and_stays_its_customers():
    li, ana = known_as(tea="li")["li"], known_as(tea="ana")["ana"]
    a_code(customer=li)
    with pytest.raises(rights.CodeTaken):
        a_code("coupon-2", "li-5-off")
    with pytest.raises(rights.BadCode):
        a_code(customer=ana)


def test_what_nobody_can_write_to_is_not_allowed():
    made = connections.connect(
        name="till", kind="generic", zone="UTC", credentials={"secret": "s"}, at=MONDAY, by=MAREK
    )
    with pytest.raises(writing.CannotBeWritten):
        writing.allow(connection=made.id, codes=True, attributes=False, at=MONDAY, by=MAREK)
