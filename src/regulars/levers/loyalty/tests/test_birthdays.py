"""Birthdays earn on the day, once a year, whoever tells what of them."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from regulars.facts.customers import identity, persons, profiles
from regulars.facts.customers.identity import Reason as Why
from regulars.facts.customers.profiles import Profile
from regulars.levers.loyalty import celebrating, examination, explaining, freezing, programmes
from regulars.levers.loyalty.models import Account, Lot
from regulars.levers.loyalty.tests.builders import DAY, MAREK, THE_SHOP, a_member, an_award, has, key
from regulars.levers.loyalty.tests.test_earning import a_programme
from regulars.runtime.notices.dispatch import react_to_everything

pytestmark = pytest.mark.django_db
CAKE = "{id: cake, kind: event, event: birthday, points: 50}"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def born(day, *, ref="priya", at=None, lunar="") -> int:
    one = a_member(ref)
    told = Profile(birthday=day or None, lunar_birthday=lunar or None)
    profiles.describe(customer=one, profile=told, key=key(), at=at or NOON - 9 * DAY, by=MAREK)
    return one


def celebrates(at, **how) -> int:
    return celebrating.celebrate(at=at, by=THE_SHOP, **how)


def programme(zone="Europe/London", from_at=None, code="tried", more="") -> None:
    a_programme(
        CAKE,
        above="pending: {until: placed, days: 0}\nexpiry: {kind: rolling, days: 30}" + more,
        from_at=from_at or NOON - 9 * DAY,
        code=code,
        zone=zone,
    )


def test_who_has_their_birthday_is_given_points_that_day_and_once():
    programme()
    priya, li = born("1990-03-10"), born("--03-11", ref="li")
    assert [celebrates(NOON + n * DAY / 24) for n in range(3)] == [1, 0, 0]
    assert (has(priya, at=NOON), has(li, at=NOON)) == ((0, 50, 0, 0), (0, 0, 0, 0))
    assert celebrates(NOON + DAY) == 1
    assert celebrates(NOON + 365 * DAY) == 1
    assert list(Lot.objects.filter(record_id=priya).values_list("earned_at__year", flat=True)) == [2026, 2027]


@pytest.mark.parametrize(
    ("zone", "at"),
    [
        ("Asia/Shanghai", datetime(2026, 3, 9, 16, 1, tzinfo=UTC)),
        ("Europe/London", datetime(2026, 3, 10, 0, 1, tzinfo=UTC)),
        ("America/Los_Angeles", datetime(2026, 3, 10, 7, 1, tzinfo=UTC)),
    ],
)
def test_the_day_begins_in_the_programmes_zone(zone, at):
    programme(zone)
    born("1990-03-10")
    assert (celebrates(at - timedelta(minutes=2)), celebrates(at)) == (0, 1)


@pytest.mark.parametrize(
    ("year", "day", "given"), [(2027, 27, 0), (2027, 28, 1), (2028, 28, 0), (2028, 29, 1), (2100, 28, 1)]
)
def test_the_29th_of_february_is_kept_on_the_last_day_of_february(year, day, given):
    programme()
    born("1992-02-29")
    assert celebrates(datetime(year, 2, day, 12, tzinfo=UTC)) == given


@pytest.mark.parametrize(
    ("at", "given"), [((2027, 2, 28), 0), ((2027, 3, 1), 1), ((2028, 2, 29), 1), ((2028, 3, 1), 0), ((2100, 3, 1), 1)]
)
def test_where_a_programme_says_march_the_29th_is_kept_on_the_first_of_march(at, given):
    programme(more="\nleap_birthdays: march")
    born("1992-02-29")
    assert celebrates(datetime(*at, 12, tzinfo=UTC)) == given


def test_every_year_has_one_for_who_was_born_on_the_29th():
    programme(from_at=datetime(2026, 3, 1, tzinfo=UTC))
    priya = born("1992-02-29")
    days = [
        datetime(year, month, day, 12, tzinfo=UTC)
        for year in (2027, 2028, 2029)
        for month, day in ((2, 27), (2, 28), *(((2, 29),) if year == 2028 else ()), (3, 1))
    ]
    assert sum(celebrates(at) for at in days) == 3
    assert Lot.objects.filter(record_id=priya).count() == 3


@pytest.mark.slow
def test_a_birthday_of_the_chinese_calendar_is_kept_as_it_falls_though_twice_in_a_year():
    programme("Asia/Shanghai")
    li = born("", ref="li", lunar="1990-12-01")
    # The first of the twelfth month comes twice in 2027.
    first = datetime(2027, 1, 1, 4, tzinfo=UTC)
    found = [str((first + day * DAY).date()) for day in range(364) if celebrates(first + day * DAY)]
    assert found == ["2027-01-08", "2027-12-28"]
    assert Lot.objects.filter(record_id=li).count() == 2


def test_who_changes_the_day_has_no_second_one_neither_in_the_year_nor_at_its_turn():
    programme()
    priya = born("1990-03-10")
    assert celebrates(NOON) == 1
    for day, at in (
        ("1990-03-11", NOON + DAY),
        ("1990-12-31", datetime(2026, 12, 31, 12, tzinfo=UTC)),
        ("1990-01-01", datetime(2027, 1, 1, 12, tzinfo=UTC)),
    ):
        born(day, at=at - DAY / 4)
        assert celebrates(at) == 0, day
    born("1990-03-10", at=datetime(2027, 3, 9, tzinfo=UTC))
    assert celebrates(datetime(2027, 3, 10, 12, tzinfo=UTC)) == 1
    assert Lot.objects.filter(record_id=priya).count() == 2


def test_two_records_that_are_one_person_have_one_birthday():
    programme()
    one, other = born("1990-03-10"), born("1990-03-12", ref="priya2")
    assert celebrates(NOON) == 1
    identity.join(one=one, other=other, why=Why.ASKED, key="j", at=NOON, by=MAREK)
    assert celebrates(NOON + 2 * DAY) == 0
    assert celebrates(NOON + 365 * DAY) + celebrates(NOON + 367 * DAY) == 1


def test_a_rule_that_is_switched_on_during_the_day_gives_to_whose_day_it_is_and_to_nobody_of_yesterday():
    born("1990-03-10")
    born("1990-03-09", ref="li")
    assert celebrates(NOON) == 0
    programme(from_at=NOON + DAY / 4)
    assert celebrates(NOON + DAY / 3) == 1


def test_who_tells_it_on_the_day_has_it_whoever_was_looked_at_before():
    programme()
    priya, _li = a_member(), born("1990-05-05", ref="li")
    assert celebrates(NOON) == 0
    born("1990-03-10", at=NOON + DAY / 24)
    born("1990-03-10", ref="sam", at=NOON + DAY / 24)
    assert celebrates(NOON + DAY / 12) == 2
    assert has(priya, at=NOON + DAY / 12)[1] == 50


def test_days_on_which_nothing_ran_are_made_up_for_and_a_week_at_most():
    programme()
    for number in range(1, 10):
        born(f"1990-03-1{number}", ref=f"c{number}")
    assert celebrates(NOON) == 0
    assert celebrates(NOON + 3 * DAY) == 3
    assert celebrates(NOON + 3 * DAY) == 0
    # The last of them is not due yet, and the fourth was eight days ago.
    assert celebrates(NOON + 12 * DAY) == 5
    first = Lot.objects.earliest("id")
    assert (first.earned_at.date(), first.expires_on) == (date(2026, 3, 11), date(2026, 4, 10))


def test_page_by_page_and_stopped_between_nobody_is_missed_and_nobody_has_it_twice():
    programme()
    for number in range(7):
        born("1990-03-10", ref=f"c{number}")
    assert celebrates(NOON, size=2, most=2) == 2
    assert celebrates(NOON + DAY / 24, size=2, most=4) == 4
    assert celebrates(NOON + DAY, size=2) == 1


def test_two_programmes_keep_the_day_each_in_its_own_zone():
    programme("Asia/Shanghai")
    programme("America/Los_Angeles", code="other")
    born("1990-03-10")
    assert celebrates(datetime(2026, 3, 9, 17, tzinfo=UTC)) == 1
    assert celebrates(datetime(2026, 3, 10, 8, tzinfo=UTC)) == 1


def test_after_a_programme_ended_no_birthday_earns():
    programme()
    born("1990-03-10")
    programmes.end(programme="tried", at=NOON - DAY, by=MAREK)
    assert celebrates(NOON) == 0


def froze(who, *, by_the_doctor):
    if not by_the_doctor:
        freezing.freeze(customer=who, why="dispute", key=key(), at=NOON - DAY, by=MAREK)
        return lambda at: freezing.thaw(customer=who, key=key(), at=at, by=MAREK)
    an_award(who, 5, at=NOON - DAY)
    account = Account.objects.get(customer_id=who).id
    Account.objects.filter(id=account).update(frozen_at=NOON - DAY, frozen_why="balances")
    return lambda at: examination.thaw(account=account, at=at, by=MAREK)


@pytest.mark.parametrize("by_the_doctor", [False, True])
def test_whose_points_are_frozen_keeps_nobody_else_waiting_and_has_theirs_when_they_go_on(by_the_doctor):
    programme()
    priya, li = born("1990-03-10"), born("1990-03-10", ref="li")
    goes_on = froze(priya, by_the_doctor=by_the_doctor)
    before = has(priya, at=NOON)[1]
    assert [celebrates(NOON + n * DAY / 24) for n in range(3)] == [1, 0, 0]
    assert (has(priya, at=NOON)[1], has(li, at=NOON)[1]) == (before, 50)
    assert explaining.events_of(priya).items == (), "nothing was decided of theirs yet"
    later = NOON + 40 * DAY
    assert celebrating.make_up(customer=priya, at=later, by=THE_SHOP) == 0, "they are frozen still"
    assert late_jobs() == []
    goes_on(later)
    assert late_jobs() == [{"customer": priya}]
    assert [celebrating.make_up(customer=priya, at=later, by=THE_SHOP) for _ in range(2)] == [1, 0]
    # They last as long as if the birthday were now.
    last = later + 30 * DAY
    assert (has(priya, at=last)[1], has(priya, at=last + DAY)[1]) == (before + 50, before)
    assert celebrates(NOON + 365 * DAY) == 2
    assert Lot.objects.filter(record_id=priya, rule="tried.cake").count() == 2


def test_two_that_waited_for_records_that_are_one_person_by_now_are_given_once():
    programme()
    priya, other = born("1990-03-10"), born("1990-03-12", ref="priya2")
    for who in (priya, other):
        freezing.freeze(customer=who, why="dispute", key=key(), at=NOON - DAY, by=MAREK)
    assert [celebrates(NOON), celebrates(NOON + 2 * DAY)] == [0, 0]
    identity.join(one=priya, other=other, why=Why.ASKED, key="j", at=NOON + 3 * DAY, by=MAREK)
    react_to_everything()
    later = NOON + 5 * DAY
    person = persons.of(priya)
    freezing.thaw(customer=person, key=key(), at=later, by=MAREK)
    assert [celebrating.make_up(customer=person, at=later, by=THE_SHOP) for _ in range(2)] == [1, 0]
    assert has(person, at=later)[1] == 50
    assert celebrates(NOON + 365 * DAY) + celebrates(NOON + 367 * DAY) == 1


def test_a_birthday_that_waits_under_one_programme_is_not_decided_by_another_of_the_same_rule():
    programme()
    priya = born("1990-03-10")
    freezing.freeze(customer=priya, why="dispute", key=key(), at=NOON - DAY, by=MAREK)
    assert celebrates(NOON) == 0
    freezing.thaw(customer=priya, key=key(), at=NOON, by=MAREK)
    programme(from_at=NOON - DAY, code="other")
    assert celebrates(NOON + DAY / 24) == 1
    assert list(Lot.objects.values_list("rule", flat=True)) == ["other.cake"]
    assert celebrating.make_up(customer=priya, at=NOON + DAY / 12, by=THE_SHOP) == 1
    assert sorted(Lot.objects.values_list("rule", flat=True)) == ["other.cake", "tried.cake"]


def late_jobs():
    with connection.cursor() as cursor:
        cursor.execute("SELECT args::text FROM procrastinate_jobs WHERE task_name = 'loyalty.celebrate_late'")
        return [json.loads(told) for (told,) in cursor.fetchall()]


def test_a_birthday_of_the_chinese_calendar_that_waited_is_of_its_own_year():
    programme("Asia/Shanghai", from_at=datetime(2026, 12, 1, tzinfo=UTC))
    li = born("", ref="li", lunar="1990-12-01", at=datetime(2026, 12, 2, tzinfo=UTC))
    freezing.freeze(customer=li, why="dispute", key=key(), at=datetime(2026, 12, 3, tzinfo=UTC), by=MAREK)
    day = datetime(2027, 1, 8, 4, tzinfo=UTC)
    assert celebrates(day) == 0
    freezing.thaw(customer=li, key=key(), at=day + 20 * DAY, by=MAREK)
    assert celebrating.make_up(customer=li, at=day + 20 * DAY, by=THE_SHOP) == 1
    assert [one.subject.split("/")[0].rsplit(":", 1)[1] for one in Lot.objects.all()] == ["2026"]
