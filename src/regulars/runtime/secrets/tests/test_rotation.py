"""The master key changes, what is sealed stays readable, and nothing is thrown away too early."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from django.utils import timezone

from regulars.kit.refusals import Refusal
from regulars.runtime.secrets import commands, rotation, vault
from regulars.runtime.secrets.models import PersonKey
from regulars.runtime.secrets.rotation import Keys
from regulars.runtime.secrets.vault import Damaged, Plain, Sealed

pytestmark = pytest.mark.django_db
LI, INES, TOMAS = 101, 102, 103
LATER = timedelta(hours=2)


@pytest.fixture(autouse=True)
def home(settings, tmp_path, monkeypatch):
    monkeypatch.delenv("REGULARS_MASTER_KEY", raising=False)
    settings.REGULARS_HOME = tmp_path
    return tmp_path


def seal(person, plain="li@example.com"):
    return vault.seal(person=person, table="profile", column="email", row=person, plain=plain)


def open_(person, sealed):
    return vault.open_(person=person, table="profile", column="email", row=person, sealed=sealed)


def test_a_new_master_key_opens_what_the_old_one_did(home):
    li, ines = seal(LI), seal(INES, "ines@example.com")
    old = (home / "keys" / "master").read_text()

    assert rotation.rotate() == 2

    assert (home / "keys" / "master").read_text() != old
    assert (home / "keys" / "master").stat().st_mode & 0o777 == 0o600
    assert rotation.state() == Keys(present=2, before=0, unknown=0)
    assert rotation.retire(at=timezone.now() + LATER)
    assert not (home / "keys" / "master.before").exists()
    assert open_(LI, li) == "li@example.com"
    assert open_(INES, ines) == "ines@example.com"
    assert not rotation.retire(at=timezone.now())


def test_the_key_before_stays_while_somebody_needs_it(home, monkeypatch):
    li = seal(LI)
    with monkeypatch.context() as patch:
        patch.setattr(rotation, "rewrap", lambda: 0)  # Killed right after the files were changed.
        rotation.rotate()
    seal(TOMAS)
    assert rotation.state() == Keys(present=1, before=1, unknown=0)
    assert open_(LI, li) == "li@example.com"
    for no in (lambda: rotation.retire(at=timezone.now() + LATER), rotation.rotate):
        with pytest.raises(rotation.Unfinished):
            no()
    assert rotation.rewrap() == 1
    with pytest.raises(rotation.Unfinished, match="less than an hour"):
        rotation.retire(at=timezone.now())
    assert rotation.retire(at=timezone.now() + LATER)
    assert open_(LI, li) == "li@example.com"


def test_a_lost_master_key_is_said_and_counted(home):
    li = seal(LI)
    (home / "keys" / "master").unlink()
    with pytest.raises(Damaged, match="bring back the key file"):
        open_(LI, li)
    assert rotation.state() == Keys(present=0, before=0, unknown=1)
    with pytest.raises(Damaged):
        rotation.rewrap()
    answer = CliRunner().invoke(commands.keys_group, ["state", "--json"])
    assert (answer.exit_code, json.loads(answer.output)) == (1, {"present": 0, "before": 0, "unknown": 1})


def test_a_key_from_the_environment_is_changed_there(monkeypatch):
    first, second = "first " + "x" * 40, "second " + "y" * 40
    monkeypatch.setenv("REGULARS_MASTER_KEY", first)
    li = seal(LI)
    with pytest.raises(Refusal, match="REGULARS_MASTER_KEY_BEFORE"):
        rotation.rotate()
    monkeypatch.setenv("REGULARS_MASTER_KEY", second)
    monkeypatch.setenv("REGULARS_MASTER_KEY_BEFORE", first)
    assert rotation.rewrap() == 1
    monkeypatch.delenv("REGULARS_MASTER_KEY_BEFORE")
    assert open_(LI, li) == "li@example.com"


def test_the_commands_do_the_whole_change():
    def run(*words):
        return CliRunner().invoke(commands.keys_group, words).output

    seal(LI)
    assert run("state") == "1 with the present master key, 0 with the one before, 0 lost\n"
    assert run("rotate").startswith("1 persons")
    assert run("rewrap").startswith("0 persons")
    assert rotation.state().present == 1


def test_two_thousand_people_with_keys_cost_one_query_each_way(django_assert_num_queries):
    people = range(1, 2001)
    plain = [Plain(person, "profile", "email", person, f"{person}@example.com") for person in people]
    vault.seal_many(plain)
    with django_assert_num_queries(1):
        sealed = vault.seal_many(plain)
    cells = [Sealed(p.person, p.table, p.column, p.row, s) for p, s in zip(plain, sealed, strict=True)]
    with django_assert_num_queries(1):
        assert vault.open_many(cells) == [p.plain for p in plain]
    assert PersonKey.objects.count() == 2000
