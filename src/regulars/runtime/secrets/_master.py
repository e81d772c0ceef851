"""Keys outside the database: the master key that wraps the persons' keys, and the key of the look-ups."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from regulars.runtime.secrets.keyfile import load_or_make

#: 256 bits in base 64 have 43 characters; anything much shorter is a word somebody thought of.
SHORTEST = 32


class WeakKey(ValueError):
    """A key from the environment that is too short to be random."""


def master_key() -> bytes:
    """32 bytes, from `REGULARS_MASTER_KEY` or the key file."""
    return _key("REGULARS_MASTER_KEY", "master", Path(settings.REGULARS_HOME))


def lookup_key() -> bytes:
    """32 bytes, from `REGULARS_LOOKUP_KEY` or the key file. Not the master key: that one changes, look-ups must not."""
    return _key("REGULARS_LOOKUP_KEY", "lookup", Path(settings.REGULARS_HOME))


def fingerprint(key: bytes) -> str:
    """Which master key it was, without telling it."""
    return hashlib.sha256(b"regulars fingerprint " + key).hexdigest()[:16]


def _key(variable: str, name: str, home: Path) -> bytes:
    given = os.environ.get(variable, "")
    if given and len(given) < SHORTEST:
        raise WeakKey(f"{variable} has {len(given)} characters; give {SHORTEST} random ones or more")
    return _derived(given, name) if given else _from_file(home, name)


@lru_cache(maxsize=8)
def _from_file(home: Path, name: str) -> bytes:
    return _derived(load_or_make(home, name), name)


@lru_cache(maxsize=8)
def _derived(secret: str, name: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"regulars {name} 1".encode()).derive(secret.encode())
