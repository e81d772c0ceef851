"""The shop's people decide within what works."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import transaction

from regulars.kit.actors import Actor
from regulars.runtime.preferences import preferences
from regulars.runtime.preferences.models import Value
from regulars.runtime.preferences.preferences import BadValue, Preference, between, read, write
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
LIN = Actor("operator", "1")

HOUR = Preference("tests.hour", int, default=21, check=between(0, 23))
WORD = Preference(
    "tests.word", str, default="calm", check=lambda word: "a word of few letters" if len(word) > 4 else None
)
IS_OPEN = Preference("tests.is_open", bool, default=True)
RATE = Preference("tests.rate", Decimal, default=Decimal("0.50"))
SINCE = Preference("tests.since", date, default=date(2020, 1, 1))
DAYS = Preference("tests.days", tuple[int, ...], default=(1, 2))
PHONE = Preference("tests.phone", str, default="", is_private=True)


@pytest.mark.parametrize(
    ("preference", "value"),
    [
        (HOUR, 8),
        (WORD, "loud"),
        (IS_OPEN, False),
        (RATE, Decimal("0.125")),
        (SINCE, date(2026, 2, 28)),
        (DAYS, (5, 6, 7)),
    ],
)
def test_what_is_written_is_read(preference, value):
    assert read(preference) == preference.default
    write(preference, value, at=MONDAY, by=LIN)
    assert read(preference) == value
    assert type(read(preference)) is type(value)


@pytest.mark.parametrize(
    ("preference", "value", "words"),
    [
        (HOUR, 24, "from 0 to 23"),
        (HOUR, "eight", "whole number"),
        (HOUR, True, "whole number"),
        (WORD, "shrill", "few letters"),
        (IS_OPEN, 1, "yes or no"),
        (DAYS, ("x",), "tests.days"),
    ],
)
def test_a_bad_value_is_refused_and_nothing_changes(preference, value, words):
    with pytest.raises(BadValue, match=words):
        write(preference, value, at=MONDAY, by=LIN)
    assert read(preference) == preference.default
    assert not Value.objects.exists()


def test_changes_leave_a_trail_and_no_change_leaves_none():
    for _ in range(2):
        write(HOUR, 8, at=MONDAY, by=LIN, why="winter")
    write(HOUR, 21, at=MONDAY, by=LIN)
    told = [(line.before, line.after, line.why) for line in trail.of("preference:tests.hour")]
    assert told == [({"value": 8}, {"value": 21}, ""), ({"value": 21}, {"value": 8}, "winter")]


def test_a_list_set_again_is_no_change():
    for _ in range(2):
        write(DAYS, (5, 6), at=MONDAY, by=LIN)
    [line] = trail.of("preference:tests.days")
    assert (line.before, line.after) == ({"value": [1, 2]}, {"value": [5, 6]})


def test_a_private_value_is_not_told():
    write(PHONE, "+44 20 7946 0958", at=MONDAY, by=LIN)
    [line] = trail.of("preference:tests.phone")
    assert (line.before, line.after) == (None, None)
    assert read(PHONE) == "+44 20 7946 0958"


def test_what_no_longer_fits_is_read_as_the_default_and_named():
    Value.objects.create(name="tests.hour", value=99, changed_at=MONDAY)
    Value.objects.create(name="tests.word", value=["x"], changed_at=MONDAY)
    Value.objects.create(name="tests.gone", value=1, changed_at=MONDAY)
    assert (read(HOUR), read(WORD)) == (21, "calm")
    assert preferences.unfit() == ["tests.hour", "tests.word"]


def test_reading_costs_one_query(django_assert_num_queries):
    write(HOUR, 8, at=MONDAY, by=LIN)
    with django_assert_num_queries(1):
        read(HOUR)


def test_an_undone_change_is_undone():
    with transaction.atomic():
        write(HOUR, 8, at=MONDAY, by=LIN)
        transaction.set_rollback(True)
    assert read(HOUR) == 21


def test_mistakes_are_found_where_a_preference_is_declared():
    with pytest.raises(ValueError, match="two preferences"):
        Preference("tests.hour", int, default=1)
    with pytest.raises(ValueError, match="its own check"):
        Preference("tests.other", int, default=99, check=between(0, 23))
    assert HOUR in preferences.declared()
