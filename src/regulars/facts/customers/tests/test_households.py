from dataclasses import replace
from datetime import timedelta

import pytest

from regulars.facts.customers import finding, households, identity, persons
from regulars.facts.customers.households import InAnother, Role, SamePerson, TooMany, UnknownHousehold
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.tests.builders import MAREK, MONDAY, a_customer, a_key, described
from regulars.runtime import rooms
from regulars.runtime.trail import trail

DAY = timedelta(1)

pytestmark = pytest.mark.django_db


def test_a_family_with_one_phone_is_a_household_and_stays_two_people() -> None:
    li, mother, child = a_customer("li"), a_customer("mother"), a_customer("child")
    described(li, Profile(phone="13812341234"))
    described(mother, Profile(phone="13812341234"))
    home = households.form(members={li: Role.HEAD, mother: Role.PARENT}, key=a_key(), at=MONDAY, by=MAREK)
    assert households.form(members={li: Role.HEAD, mother: Role.PARENT}, key=a_key(), at=MONDAY, by=MAREK) == home
    home = households.add(
        household=home.public_id, customer=child, role=Role.CHILD, key=a_key(), at=MONDAY + DAY, by=MAREK
    )
    assert home.members == {li: Role.HEAD, mother: Role.PARENT, child: Role.CHILD}
    assert households.of(mother) == home
    assert rooms.fields()["customers.household_size"].read([li, 10**12]) == {li: 3}
    assert persons.of_many([li, mother, child]) == {li: li, mother: mother, child: child}
    assert finding.by_phone("13812341234", "CN") == [li, mother]
    subject = f"household:{home.public_id}"
    assert [line.verb for line in trail.of(subject)] == ["households.add", "households.form"]


def test_somebody_leaves_and_comes_to_another() -> None:
    li, mother, ines = a_customer("li"), a_customer("mother"), a_customer("ines")
    home = households.form(members={li: Role.HEAD, mother: Role.PARENT}, key=a_key(), at=MONDAY, by=MAREK)
    with pytest.raises(InAnother, match="let them leave it first"):
        households.form(members={li: Role.HEAD, ines: Role.PARTNER}, key=a_key(), at=MONDAY, by=MAREK)
    assert households.leave(customer=li, key=a_key(), at=MONDAY + DAY, by=MAREK)
    assert not households.leave(customer=li, key=a_key(), at=MONDAY + DAY, by=MAREK)
    other = households.form(members={li: Role.HEAD, ines: Role.PARTNER}, key=a_key(), at=MONDAY + DAY, by=MAREK)
    again = households.add(
        household=other.public_id, customer=ines, role=Role.OTHER, key=a_key(), at=MONDAY + 2 * DAY, by=MAREK
    )
    assert again.members[ines] is Role.OTHER
    assert households.of(mother) is not None
    assert households.of(mother) != other
    # The last character of an id that is another one.
    unknown = home.public_id[:-1] + ("0" if home.public_id[-1] != "0" else "1")
    with pytest.raises(UnknownHousehold):
        households.add(household=unknown, customer=ines, role=Role.OTHER, key=a_key(), at=MONDAY, by=MAREK)
    with pytest.raises(TooMany):
        households.form(members={}, key=a_key(), at=MONDAY, by=MAREK)


def test_a_person_lives_where_any_of_their_records_does() -> None:
    app, till, mother = a_customer("app"), a_customer("till"), a_customer("mother")
    home = households.form(members={till: Role.CHILD, mother: Role.HEAD}, key=a_key(), at=MONDAY, by=MAREK)
    identity.join(one=app, other=till, why=Reason.ASKED, key="join", at=MONDAY, by=MAREK)
    assert households.of(app) == replace(home, members={mother: Role.HEAD, app: Role.CHILD})
    identity.undecide(one=app, other=till, why=Reason.MISTAKE, key="part", at=MONDAY, by=MAREK)
    assert households.of(app) is None
    assert households.of(till) == home


def test_who_became_one_person_lives_where_they_came_last_until_they_are_parted() -> None:
    app, till, mother, wang = (a_customer(name) for name in ("app", "till", "mother", "wang"))
    parents = households.form(members={app: Role.CHILD, mother: Role.HEAD}, key=a_key(), at=MONDAY, by=MAREK)
    own = households.form(members={till: Role.PARTNER, wang: Role.HEAD}, key=a_key(), at=MONDAY + DAY, by=MAREK)
    effects = identity.preview_join(one=app, other=till, at=MONDAY).effects
    assert ("households", 1) in [(str(one.what), one.count) for one in effects]
    identity.join(one=app, other=till, why=Reason.ASKED, key="join", at=MONDAY + 2 * DAY, by=MAREK)

    now = households.of(app)
    assert now is not None
    assert (now.public_id, now.members) == (own.public_id, {app: Role.PARTNER, wang: Role.HEAD})
    left = households.of(mother)
    assert left is not None
    assert left.members == {mother: Role.HEAD}
    assert [one.public_id for one in households.left_by_joining(app)] == [parents.public_id]
    assert households.size_of_many([app, till, mother, wang]) == {app: 2, till: 2, mother: 1, wang: 2}

    identity.undecide(one=app, other=till, why=Reason.MISTAKE, key="part", at=MONDAY + 3 * DAY, by=MAREK)
    assert households.of(app) == parents
    assert households.of(till) == own
    assert households.left_by_joining(app) == []


def test_of_two_records_of_a_person_none_comes_to_a_second_household_and_both_leave() -> None:
    app, till, mother, wang = (a_customer(name) for name in ("app", "till", "mother", "wang"))
    parents = households.form(members={till: Role.CHILD, mother: Role.HEAD}, key=a_key(), at=MONDAY, by=MAREK)
    identity.join(one=app, other=till, why=Reason.ASKED, key="join", at=MONDAY, by=MAREK)
    others = households.form(members={wang: Role.HEAD}, key=a_key(), at=MONDAY, by=MAREK)
    with pytest.raises(InAnother):
        households.add(
            household=others.public_id, customer=app, role=Role.PARTNER, key=a_key(), at=MONDAY + DAY, by=MAREK
        )
    with pytest.raises(InAnother):
        households.form(members={app: Role.PARTNER, wang: Role.HEAD}, key=a_key(), at=MONDAY + DAY, by=MAREK)

    identity.undecide(one=app, other=till, why=Reason.MISTAKE, key="part-1", at=MONDAY, by=MAREK)
    households.add(household=others.public_id, customer=app, role=Role.OTHER, key=a_key(), at=MONDAY, by=MAREK)
    identity.join(one=app, other=till, why=Reason.ASKED, key="again", at=MONDAY + DAY / 2, by=MAREK)
    # Whichever of the two is named, and although each lives somewhere.
    assert households.leave(customer=app, key=a_key(), at=MONDAY + DAY, by=MAREK)
    assert households.of(till) is None
    assert households.of(mother) == replace(parents, members={mother: Role.HEAD})
    home = households.add(
        household=others.public_id, customer=app, role=Role.PARTNER, key=a_key(), at=MONDAY + DAY, by=MAREK
    )
    assert home.members == {wang: Role.HEAD, app: Role.PARTNER}
    identity.undecide(one=app, other=till, why=Reason.MISTAKE, key="part", at=MONDAY + 2 * DAY, by=MAREK)
    assert (households.of(app), households.of(till)) == (home, parents)


def test_two_records_of_one_person_are_no_household() -> None:
    app, till = a_customer("app"), a_customer("till")
    identity.join(one=app, other=till, why=Reason.ASKED, key="join", at=MONDAY, by=MAREK)
    with pytest.raises(SamePerson):
        households.form(members={app: Role.HEAD, till: Role.CHILD}, key=a_key(), at=MONDAY, by=MAREK)
    assert households.of(app) is None
