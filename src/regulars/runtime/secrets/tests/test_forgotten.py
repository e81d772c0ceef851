"""Who was forgotten stays so when a backup is brought back."""

from datetime import UTC, datetime, timedelta

import pytest

from regulars.runtime.database import clock
from regulars.runtime.secrets import forgotten, vault
from regulars.runtime.secrets.forgotten import Forgotten
from regulars.runtime.secrets.models import ForgottenPerson, PersonKey


def a_person(number: int) -> None:
    vault.seal(person=number, table="t", column="c", row=1, plain="Priya Patel")


@pytest.mark.django_db
def test_whoever_was_forgotten_stands_on_the_list_by_number_alone(tmp_path):
    for number in (7, 8, -202603):
        a_person(number)
    assert forgotten.keep(tmp_path) == 0
    assert not (tmp_path / forgotten.LIST).exists()
    assert vault.forget(7)
    assert not vault.forget(9)
    # Strangers of a month are forgotten again by their time.
    assert vault.forget(-202603)
    assert [forgotten.keep(tmp_path) for _again in range(2)] == [1, 0]
    file = tmp_path / forgotten.LIST
    file.write_text(file.read_text() + '\n{"person": 1')
    a_person(7)
    assert vault.forget(8)
    assert forgotten.keep(tmp_path) == 1
    assert [one.person for one in forgotten.listed(tmp_path)] == [7, 8]
    assert "Priya" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_restored_database_forgets_anew_whoever_was_forgotten_after_its_moment(fresh_database):
    moment = clock.now()
    for number in (1, 2, 3):
        a_person(number)
    told = [Forgotten(1, moment - timedelta(days=1)), Forgotten(2, moment + timedelta(hours=1))]
    database = fresh_database["REGULARS_DATABASE_URL"]
    assert forgotten.again(database, moment, told) == 1
    assert list(PersonKey.objects.order_by("person").values_list("person", flat=True)) == [1, 3]
    assert list(ForgottenPerson.objects.values_list("person", "at")) == [(2, moment + timedelta(hours=1))]
    assert forgotten.again(database, moment, told) == 0
    assert forgotten.lately_again(moment)[0] == 1
    assert forgotten.lately_again(clock.now() + timedelta(days=1)) is None


def test_nobody_is_forgotten_anew_where_nobody_was(tmp_path):
    assert forgotten.listed(tmp_path) == []
    assert forgotten.again("postgresql://nowhere", datetime(2026, 1, 1, tzinfo=UTC), []) == 0
