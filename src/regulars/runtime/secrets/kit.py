"""The keys in one file behind a passphrase, to be kept apart from the backups: without them a backup opens no name.

AES-256-GCM under a key that scrypt makes of the passphrase (n = 2^17, r = 8, p = 1: some 0.3 s and 128 MB a guess).
"""

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from regulars.kit.refusals import Refusal
from regulars.runtime import disk
from regulars.runtime.secrets import _master
from regulars.runtime.secrets.keyfile import strong

#: Files of `<home>/keys` that no other file can replace, and the variables that stand for them.
KEPT = {
    "master": "REGULARS_MASTER_KEY",
    "master.before": "REGULARS_MASTER_KEY_BEFORE",
    "lookup": "REGULARS_LOOKUP_KEY",
    "django": "REGULARS_SECRET_KEY",
}
_KIND = "regulars keys 1"
_SAVED = "saved.json"
#: What a guess costs: scrypt's n. A file does not say it; another number opens no file of before.
_GUESS = 2**17
SHORTEST_PASSPHRASE = 12


class BadKit(Refusal):
    """The file is no kit, or the passphrase is another one."""

    code = "keys.bad_kit"


class WeakPassphrase(Refusal):
    """Whoever finds the file may guess for as long as they like."""

    code = "keys.weak_passphrase"


@dataclass(frozen=True)
class Fingerprints:
    """Which keys they are, without telling them."""

    master: str
    lookup: str


def _found(home: Path, name: str) -> str:
    if given := os.environ.get(KEPT[name], ""):
        return given
    try:
        return (home / "keys" / name).read_text().strip()
    except FileNotFoundError:
        return ""


def at_hand(home: Path) -> dict[str, str]:
    """The keys of `home` by name, from the environment or its files. Makes none."""
    return {name: text for name in KEPT if (text := _found(home, name))}


def fingerprints_of(keys: Mapping[str, str]) -> Fingerprints:
    """Empty for a key that is not among them."""

    def one(name: str) -> str:
        return _master.fingerprint(_master._derived(strong(keys[name], name), name)) if keys.get(name) else ""

    return Fingerprints(one("master"), one("lookup"))


def save(*, home: Path, file: Path, passphrase: str, at: datetime) -> Fingerprints:
    """Write the keys of `home` into `file`, 0600, and note that it was done. Refuses with WeakPassphrase."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise WeakPassphrase(
            f"Give a passphrase of {SHORTEST_PASSPHRASE} characters or more; some words make a good one."
        )
    _master.master_key()
    _master.lookup_key()
    keys = at_hand(home)
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = AESGCM(_stretched(passphrase, salt)).encrypt(nonce, json.dumps(keys).encode(), _KIND.encode())
    told = fingerprints_of(keys)
    disk.write_whole(
        file,
        json.dumps(
            {"kind": _KIND, "saved_at": at.isoformat(), "master": told.master, "lookup": told.lookup}
            | {
                name: base64.b64encode(some).decode()
                for name, some in (("salt", salt), ("nonce", nonce), ("sealed", sealed))
            },
            indent=1,
        )
        + "\n",
    )
    disk.write_whole(
        home / "keys" / _SAVED, json.dumps({"at": at.isoformat(), "master": told.master, "lookup": told.lookup})
    )
    return told


def opened(file: Path, *, passphrase: str) -> dict[str, str]:
    """The keys that `file` holds, by name. Refuses with BadKit."""
    try:
        told: dict[str, Any] = json.loads(file.read_text())
        salt, nonce, sealed = (base64.b64decode(told[name]) for name in ("salt", "nonce", "sealed"))
        is_ours = told["kind"] == _KIND
    except (ValueError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        raise BadKit(f"{file} is no file that `regulars keys save` wrote, or it is damaged.")
    try:
        keys = json.loads(AESGCM(_stretched(passphrase, salt)).decrypt(nonce, sealed, _KIND.encode()))
    except InvalidTag:
        raise BadKit(f"The passphrase does not open {file}, or the file is damaged.") from None
    return {name: keys[name] for name in KEPT if keys.get(name)}


def bring_back(keys: Mapping[str, str], *, home: Path) -> None:
    """Put `keys` into the files of `home`. Another key that stands there already is left: BadKit."""
    folder = home / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in keys.items():
        file = folder / name
        if not disk.write_once(file, text + "\n") and file.read_text().strip() != text:
            raise BadKit(f"{file} holds another key than the one to be brought back. Move it away first.")


def is_saved(home: Path) -> bool:
    """Whether the keys of today have been written into a kit, wherever that is now."""
    try:
        told = json.loads((home / "keys" / _SAVED).read_text())
    except (FileNotFoundError, ValueError):
        return False
    now = fingerprints_of(at_hand(home))
    return (told.get("master"), told.get("lookup")) == (now.master, now.lookup)


def _stretched(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=_GUESS, r=8, p=1, maxmem=256 * 1024**2, dklen=32)
