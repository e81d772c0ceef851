"""Keys outside the database: the master key that wraps the persons' keys, and the key of the look-ups."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from regulars.runtime.secrets.keyfile import load_or_make, strong

#: The file of the master key before this one.
BEFORE = "master.before"


def master_key() -> bytes:
    """32 bytes, from `REGULARS_MASTER_KEY` or the key file."""
    return _key("REGULARS_MASTER_KEY", "master", Path(settings.REGULARS_HOME))


def master_before() -> bytes | None:
    """The master key used before the last change, as long as it is kept: `REGULARS_MASTER_KEY_BEFORE` or its file."""
    home = Path(settings.REGULARS_HOME)
    if os.environ.get("REGULARS_MASTER_KEY_BEFORE") or (home / "keys" / BEFORE).exists():
        return _key("REGULARS_MASTER_KEY_BEFORE", BEFORE, home, as_="master")
    return None


def is_from_environment() -> bool:
    """Whether the master key is given by whoever deploys, and so changed by them too."""
    return bool(os.environ.get("REGULARS_MASTER_KEY"))


def keyring() -> dict[str, bytes]:
    """The master keys at hand, by fingerprint."""
    found = [master_key(), master_before()]
    return {fingerprint(key): key for key in found if key is not None}


def lookup_key() -> bytes:
    """32 bytes, from `REGULARS_LOOKUP_KEY` or the key file. Not the master key: that one changes, look-ups must not."""
    return _key("REGULARS_LOOKUP_KEY", "lookup", Path(settings.REGULARS_HOME))


def fingerprint(key: bytes) -> str:
    """Which master key it was, without telling it."""
    return hashlib.sha256(b"regulars fingerprint " + key).hexdigest()[:16]


def _key(variable: str, name: str, home: Path, *, as_: str | None = None) -> bytes:
    if given := os.environ.get(variable, ""):
        return _derived(strong(given, variable), as_ or name)
    try:
        stamp = (home / "keys" / name).stat()
    except FileNotFoundError:
        return _derived(load_or_make(home, name), as_ or name)
    return _from_file(home, name, as_ or name, (stamp.st_ino, stamp.st_mtime_ns))


@lru_cache(maxsize=8)
def _from_file(home: Path, name: str, as_: str, stamp: tuple[int, int]) -> bytes:
    """`stamp` tells one file from the next: a process that runs while the key is changed uses the new one at once."""
    return _derived(load_or_make(home, name), as_)


@lru_cache(maxsize=8)
def _derived(secret: str, name: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"regulars {name} 1".encode()).derive(secret.encode())
