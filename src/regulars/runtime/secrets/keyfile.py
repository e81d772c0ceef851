"""Secrets kept in files of their own under `<home>/keys`, 0600, outside the database and its backups."""

import os
import secrets
from pathlib import Path


def load_or_make(home: Path, name: str) -> str:
    """The secret called `name`, made with 256 random bits at first use. Two first users agree on one."""
    folder = home / "keys"
    path = folder / name
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = folder / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # A hard link fails where the name is taken, so the first writer wins and the file is never half written.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text().strip()


def django_secret(home: Path) -> str:
    """Django's SECRET_KEY: `REGULARS_SECRET_KEY`, or the file."""
    return os.environ.get("REGULARS_SECRET_KEY") or load_or_make(home, "django")
