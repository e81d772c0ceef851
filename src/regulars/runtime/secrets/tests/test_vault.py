import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.runtime.secrets import _master, keyfile, lookup, vault
from regulars.runtime.secrets.models import PersonKey
from regulars.runtime.secrets.vault import Damaged, Forgotten, Plain, Sealed

LI, INES = 101, 102


def seal(plain: str = "li@example.com", person: int = LI) -> bytes:
    return vault.seal(person=person, table="profile", column="email", row=person, plain=plain)


def open_(sealed: bytes, **elsewhere: Any) -> str:
    cell = {"person": LI, "table": "profile", "column": "email", "row": LI} | elsewhere
    return vault.open_(**cell, sealed=sealed)


@pytest.mark.django_db
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=300))
def test_every_text_comes_back(plain: str) -> None:
    plain = plain.encode("utf-8", "replace").decode()
    sealed = seal(plain)
    assert open_(sealed) == plain
    assert sealed != seal(plain)
    assert len(plain) < 4 or plain.encode() not in sealed


@pytest.mark.django_db
@pytest.mark.parametrize("elsewhere", [{"column": "phone"}, {"table": "other"}, {"row": 7}, {"person": INES}])
def test_a_value_opens_in_its_own_cell_only(elsewhere: dict[str, Any]) -> None:
    seal("ines@example.com", INES)
    with pytest.raises(Damaged):
        open_(seal(), **elsewhere)


@pytest.mark.django_db
def test_a_changed_byte_is_noticed() -> None:
    sealed = seal()
    for place in range(len(sealed)):
        with pytest.raises(Damaged):
            open_(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])
    with pytest.raises(Damaged):
        open_(b"")


@pytest.mark.django_db
def test_a_forgotten_person_stays_forgotten() -> None:
    li, ines = seal(), seal("ines@example.com", INES)
    assert vault.forget(LI)
    assert not vault.forget(LI)
    with pytest.raises(Forgotten, match="nobody can read this any more"):
        open_(li)
    assert vault.open_many([Sealed(LI, "profile", "email", LI, li), Sealed(INES, "profile", "email", INES, ines)]) == [
        None,
        "ines@example.com",
    ]
    seal("li again")
    with pytest.raises(Damaged):
        open_(li)


@pytest.mark.django_db
def test_another_master_key_opens_nothing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal()
    assert PersonKey.objects.get(person=LI).master == _master.fingerprint(_master.master_key())
    monkeypatch.setenv("REGULARS_MASTER_KEY", "another-master-key-of-more-than-32-letters")
    with pytest.raises(Damaged, match="bring back the key file"):
        open_(sealed)
    monkeypatch.setenv("REGULARS_MASTER_KEY", "secret")
    with pytest.raises(keyfile.WeakKey, match="32 random ones"):
        open_(sealed)


@pytest.mark.parametrize("spoiled", ["", "\n", "secret\n"])
def test_a_key_file_that_holds_no_key_is_no_key(tmp_path: Path, spoiled: str) -> None:
    assert keyfile.load_or_make(tmp_path, "master") == keyfile.load_or_make(tmp_path, "master")
    (tmp_path / "keys" / "master").write_text(spoiled)
    with pytest.raises(keyfile.WeakKey, match="bring back what stood there"):
        keyfile.load_or_make(tmp_path, "master")
    assert (tmp_path / "keys" / "master").read_text() == spoiled


@pytest.mark.django_db
def test_many_cost_as_little_as_one(django_assert_num_queries: Callable[[int], Any]) -> None:
    texts = [Plain(number, "profile", "note", number, f"note {number}") for number in range(500)]
    with django_assert_num_queries(3):
        sealed = vault.seal_many(texts)
    with django_assert_num_queries(1):
        vault.seal_many(texts)
    with django_assert_num_queries(1):
        opened = vault.open_many(
            [
                Sealed(text.person, text.table, text.column, text.row, bytes_)
                for text, bytes_ in zip(texts, sealed, strict=True)
            ]
        )
    assert opened == [text.plain for text in texts]
    assert vault.seal_many([]) == vault.open_many([]) == []


def test_two_who_seal_first_agree_on_one_key(fresh_database: dict[str, str]) -> None:
    sealed: list[bytes] = []
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        sealed.append(seal())
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [open_(each) for each in sealed] == ["li@example.com"] * 4


def test_digests_are_keyed_and_kept_apart_by_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    phone = lookup.digest("phone", "+8613812341234")
    assert phone == lookup.digest("phone", "+8613812341234")
    assert len(phone) == 32
    assert phone != lookup.digest("name", "+8613812341234")
    monkeypatch.setenv("REGULARS_LOOKUP_KEY", "another-lookup-key-of-more-than-32-letters")
    assert phone != lookup.digest("phone", "+8613812341234")


def test_key_files_are_their_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGULARS_MASTER_KEY", raising=False)
    monkeypatch.setattr("django.conf.settings.REGULARS_HOME", tmp_path)
    first = _master.master_key()
    assert first == _master.master_key() != _master.lookup_key()
    assert {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "keys").iterdir()} == {
        "master": 0o600,
        "lookup": 0o600,
    }
