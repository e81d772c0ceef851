"""Secrets kept in files of their own under `<home>/keys`, 0600, outside the database and its backups."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from regulars.runtime import disk

#: 256 bits in base 64 have 43 characters; anything much shorter is a word somebody thought of.
SHORTEST = 32


class WeakKey(ImproperlyConfigured):
    """A key too short to be random."""


def fresh() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def load_or_make(home: Path, name: str) -> str:
    """The secret called `name`, made with 256 random bits at first use. Two first users agree on one.

    Raises WeakKey for a file that holds none: an empty one would be a key that everybody has.
    """
    folder = home / "keys"
    path = folder / name
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk.write_once(path, fresh() + "\n")
    return strong(path.read_text().strip(), str(path))


def strong(secret: str, where: str) -> str:
    """`secret` itself, which stands in `where`, when it is long enough to be random; WeakKey otherwise."""
    if len(secret) < SHORTEST:
        raise WeakKey(
            f"{where} has {len(secret)} characters; give {SHORTEST} random ones or more, or bring back what stood there"
        )
    return secret


def django_secret(home: Path) -> str:
    """Django's SECRET_KEY: `REGULARS_SECRET_KEY`, or the file."""
    return os.environ.get("REGULARS_SECRET_KEY") or load_or_make(home, "django")
