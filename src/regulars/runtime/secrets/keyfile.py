"""Secrets kept in files of their own under `<home>/keys`, 0600, outside the database and its backups."""

import os
import secrets
from pathlib import Path

from regulars.runtime import disk


def fresh() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def load_or_make(home: Path, name: str) -> str:
    """The secret called `name`, made with 256 random bits at first use. Two first users agree on one."""
    folder = home / "keys"
    path = folder / name
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    disk.write_once(path, fresh() + "\n")
    return path.read_text().strip()


def django_secret(home: Path) -> str:
    """Django's SECRET_KEY: `REGULARS_SECRET_KEY`, or the file."""
    return os.environ.get("REGULARS_SECRET_KEY") or load_or_make(home, "django")
