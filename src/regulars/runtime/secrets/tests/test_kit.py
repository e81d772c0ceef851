"""The keys in a file behind a passphrase."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from regulars.runtime.secrets import kit
from regulars.runtime.secrets.keyfile import fresh
from tests.often import IS_WHOLE

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PASSPHRASE = "seven green teapots"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings) -> Path:
    for name in kit.KEPT.values():
        monkeypatch.delenv(name, raising=False)
    settings.REGULARS_HOME = tmp_path / "home"
    if not IS_WHOLE:
        # What a guess costs those who guess is nothing that tests should wait for.
        monkeypatch.setattr(kit, "_GUESS", 2**4)
    return settings.REGULARS_HOME


def test_a_guess_costs_what_it_says() -> None:
    assert kit._GUESS == 2**17


@pytest.mark.slow(shortened=True)
def test_saved_keys_open_with_their_passphrase_alone_and_bring_the_same_keys_back(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    told = kit.save(home=home, file=file, passphrase=PASSPHRASE, at=MONDAY)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for text in kit.at_hand(home).values():
        assert text not in file.read_text()
    keys = kit.opened(file, passphrase=PASSPHRASE)
    assert keys == kit.at_hand(home)
    with pytest.raises(kit.BadKit, match="passphrase"):
        kit.opened(file, passphrase="seven green teapotz")
    spoiled = json.loads(file.read_text()) | {"sealed": "AAAA"}
    file.write_text(json.dumps(spoiled))
    with pytest.raises(kit.BadKit):
        kit.opened(file, passphrase=PASSPHRASE)
    file.write_text("[]")
    with pytest.raises(kit.BadKit, match="no file"):
        kit.opened(file, passphrase=PASSPHRASE)
    new = tmp_path / "new"
    kit.bring_back(keys, home=new)
    kit.bring_back(keys, home=new)
    assert kit.fingerprints_of(kit.at_hand(new)) == told
    assert stat.S_IMODE((new / "keys" / "master").stat().st_mode) == 0o600
    with pytest.raises(kit.BadKit, match="another key"):
        kit.bring_back(keys | {"master": fresh()}, home=new)


def test_a_short_passphrase_is_refused_and_a_changed_key_wants_saving_again(home: Path, tmp_path: Path) -> None:
    with pytest.raises(kit.WeakPassphrase):
        kit.save(home=home, file=tmp_path / "keys.json", passphrase="teapot", at=MONDAY)
    assert not kit.is_saved(home)
    kit.save(home=home, file=tmp_path / "keys.json", passphrase=PASSPHRASE, at=MONDAY)
    assert kit.is_saved(home)
    (home / "keys" / "master").write_text(fresh() + "\n")
    assert not kit.is_saved(home)
