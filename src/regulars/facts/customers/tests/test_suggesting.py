import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from regulars.facts.customers import commands, customers, identity, persons, profiles, suggesting
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.models import Review
from regulars.facts.customers.profiles import Profile
from regulars.kit.actors import SYSTEM

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def a_customer(ref: str, **told: str) -> int:
    made = customers.resolve_many(namespace="shop", refs=[ref], at=MONDAY, by=SYSTEM, origin="history")[ref]
    profiles.describe(customer=made, profile=Profile(**told), key=ref, at=MONDAY, by=SYSTEM)
    return made


def lin_twice() -> tuple[int, int]:
    told = {"family_name": "Wei", "phone": "+447700900123", "address": "12 Willow Street, Leeds"}
    a_customer("ana", given_name="Ana", family_name="Novak", birthday="1971-05-06", address="3 Mill Lane, York")
    one = a_customer("lin", given_name="Lin", birthday="1990-03-04", email="lin@example.com", **told)
    return one, a_customer("lin again", given_name="Lin", birthday="1990-04-03", **told)


def test_likely_duplicates_are_asked_about_once_with_signs_and_joined_by_nobody() -> None:
    one, other = lin_twice()

    first = suggesting.suggest(at=MONDAY, by=SYSTEM)
    again = suggesting.suggest(at=MONDAY, by=SYSTEM)

    (review,) = Review.objects.filter(kind="likeness")
    assert (first.asked, again.asked) == (1, 0)
    assert (review.kind, review.one_id, review.other_id, review.state) == ("likeness", one, other, "open")
    assert review.score is not None
    assert review.score >= suggesting.AT_LEAST
    assert {"given_name:same", "birthday:typo", "phone:same"} <= set(review.signs)
    assert persons.of(other) == other


def test_who_is_kept_apart_or_one_person_is_not_asked_about() -> None:
    one, other = lin_twice()
    identity.keep_apart(one=one, other=other, why=Reason.FAMILY, key="apart", at=MONDAY, by=SYSTEM)
    assert suggesting.suggest(at=MONDAY, by=SYSTEM).asked == 0

    identity.join(one=one, other=other, why=Reason.ASKED, key="join", at=MONDAY.replace(day=3), by=SYSTEM)
    assert suggesting.suggest(at=MONDAY, by=SYSTEM).asked == 0


def test_the_command_tells_what_it_asked() -> None:
    lin_twice()

    answer = CliRunner().invoke(commands.identity, ["suggest", "--json"])

    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output) == {"opened": 2, "alike": 1, "asked": 1}
