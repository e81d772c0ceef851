import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from django.db import connection

from regulars.facts.customers import (
    _sealing,
    commands,
    customers,
    identity,
    looking,
    persons,
    profiles,
    reactions,
    suggesting,
)
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.models import Look, Review
from regulars.facts.customers.profiles import Profile
from regulars.facts.sources.notices import ImportEnded
from regulars.kit.actors import SYSTEM

pytestmark = pytest.mark.django_db
FAMILIES = ["Brown", "Diaz", "Shah", "Okafor", "Kowalski", "Weiss", "Nguyen", "Moreau", "Silva", "Haddad", "Ito", "Zhu"]
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

    identity.undecide(one=one, other=other, why=Reason.MISTAKE, key="open", at=MONDAY.replace(day=3), by=SYSTEM)
    identity.join(one=one, other=other, why=Reason.ASKED, key="join", at=MONDAY.replace(day=4), by=SYSTEM)
    assert suggesting.suggest(at=MONDAY, by=SYSTEM).asked == 0


def test_the_command_tells_what_it_asked() -> None:
    lin_twice()

    answer = CliRunner().invoke(commands.identity, ["suggest", "--json"])

    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output) == {"opened": 3, "alike": 1, "asked": 1, "gone": 0}


def test_who_is_not_alike_any_more_is_asked_about_no_more_and_again_when_it_is_so() -> None:
    _, other = lin_twice()
    suggesting.suggest(at=MONDAY, by=SYSTEM)
    far = {"given_name": "Olga", "family_name": "Petrova", "phone": "+447700900888", "address": "1 Quay, Hull"}
    profiles.describe(customer=other, profile=Profile(**far), key="far", at=MONDAY.replace(day=3), by=SYSTEM)

    done = suggesting.suggest(at=MONDAY.replace(day=4), by=SYSTEM)

    assert (done.alike, done.asked, done.gone) == (0, 0, 1)
    assert Review.objects.get(kind="likeness").state == "gone"
    near = {"given_name": "Lin", "family_name": "Wei", "phone": "+447700900123", "address": "12 Willow Street, Leeds"}
    profiles.describe(customer=other, profile=Profile(**near), key="near", at=MONDAY.replace(day=5), by=SYSTEM)
    assert suggesting.suggest(at=MONDAY.replace(day=6), by=SYSTEM).asked == 0
    assert Review.objects.get(kind="likeness").state == "open"


@pytest.mark.parametrize(("texts_kept", "is_opened_once"), [(100, True), (0, False)])
def test_a_large_shop_is_asked_the_same_and_opens_everybody_once_while_texts_fit_in_memory(
    texts_kept: int, is_opened_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = lin_twice()
    for number in range(12):
        birthday, digits = f"19{50 + 3 * number}-0{1 + number % 9}-1{number % 7}", f"{104729 * (number + 1):08}"
        told = {"phone": f"+4477{digits}", "address": f"{digits} Quay, Hull"}
        a_customer(f"c{number}", given_name="Tom", family_name=FAMILIES[number], birthday=birthday, **told)
    monkeypatch.setattr(suggesting, "_KEPT", 6)
    monkeypatch.setattr(suggesting, "_TEXTS_KEPT", texts_kept)
    opened: list[int] = []
    open_rows = _sealing.open_rows
    monkeypatch.setattr(_sealing, "open_rows", lambda rows, fields: opened.append(len(rows)) or open_rows(rows, fields))
    monkeypatch.setattr(suggesting, "_LOT", 5)
    monkeypatch.setattr(suggesting, "_LOT_OF_PAIRS", 7)

    done = suggesting.suggest(at=MONDAY, by=SYSTEM)

    assert (done.opened, done.asked) == (15, 1)
    assert (sum(opened) == 15) is is_opened_once
    assert Review.objects.filter(kind="likeness", one=one, other=other).exists()


def test_birthday_and_street_are_enough_to_be_compared_when_no_name_begins_alike() -> None:
    told = {"birthday": "1983-09-17", "address": "77 Orchard Crescent, Bath"}
    one = a_customer("k", given_name="Katarzyna", family_name="Wojciechowska", **told)
    other = a_customer("c", given_name="Catarzyna", family_name="Vojciechowska", **told)

    suggesting.suggest(at=MONDAY, by=SYSTEM)

    [review] = Review.objects.filter(kind="likeness")
    assert (review.one_id, review.other_id) == (one, other)
    assert {"birthday:same", "address:same"} <= set(review.signs)


@pytest.mark.parametrize(
    ("told", "given", "family"),
    [
        ({"display_name": "欧阳明华"}, "明华", "欧阳"),
        ({"display_name": "歐陽 明華"}, "明華", "歐陽"),
        ({"family_name": "欧", "given_name": "阳明华"}, "明华", "欧阳"),
        ({"display_name": "李明"}, "明", "李"),
        ({"display_name": "东方"}, "方", "东"),
        ({"display_name": "Ana Maria  Novak"}, "Ana Maria", "Novak"),
        ({"display_name": "Cher"}, None, "Cher"),
    ],
)
def test_a_name_told_as_one_is_parted_as_its_script_does(told: dict[str, str], given: str | None, family: str) -> None:
    found = suggesting.told(told)

    assert (found["given_name"], found["family_name"]) == (given, family)


def test_after_a_file_of_customers_one_look_is_asked_for_however_many_files() -> None:
    files = [("customers", 5), ("customers", 3), ("customers", 0), ("orders", 8)]
    told = [
        ImportEnded(run=number, what=what, rows_good=good, at=MONDAY, origin="history")
        for number, (what, good) in enumerate(files)
    ]
    lin_twice()

    reactions.file_came_in(told[2:])
    assert looking.last(at=MONDAY) is None
    reactions.file_came_in(told[:1])
    reactions.file_came_in(told)

    waiting = looking.last(at=MONDAY)
    assert waiting is not None
    assert (waiting.state, Look.objects.count()) == ("waiting", 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT args FROM procrastinate_jobs WHERE task_name = 'customers.suggest'")
        assert cursor.fetchall() == [(json.dumps({"look": waiting.id}),)]
    suggesting.suggest(at=MONDAY, by=SYSTEM, look=waiting.id)
    done = looking.last(at=MONDAY)
    assert done is not None
    assert (done.id, done.state, done.people, done.asked) == (waiting.id, "done", 3, 1)


def test_a_contact_of_many_and_a_contact_alone_suggest_nobody() -> None:
    for number in range(6):
        a_customer(f"guest-{number}", phone="+447400999888", given_name="Guest")
    a_customer("a", email="family@example.com", given_name="Ana")
    a_customer("b", email="family@example.com")

    assert suggesting.suggest(at=MONDAY, by=SYSTEM).asked == 0
