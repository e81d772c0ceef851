"""A logical copy of somebody's own PostgreSQL, which we have no hands on: `pg_dump`, as its owner, read through once.

It is one moment, not any moment. Who keeps a PostgreSQL for a living keeps its log too, with its own tools.
"""

import os
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from regulars.kit.refusals import Refusal
from regulars.runtime import disk
from regulars.runtime.backup.bases import BackupFailed, folder_of
from regulars.runtime.postgres.binaries import find_binaries

_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}


class NoOwner(Refusal):
    """The app's role may not read everything that a restore wants."""

    code = "backup.no_owner"


@dataclass(frozen=True)
class Dump:
    file: Path
    bytes: int


def dump(*, home: Path, at: datetime) -> Dump:
    """The database of REGULARS_DATABASE_OWNER_URL in one file of pg_dump's custom format, 0600. Refuses with NoOwner
    and BackupFailed; a file that is there is whole."""
    owner = os.environ.get("REGULARS_DATABASE_OWNER_URL")
    if not owner:
        raise NoOwner(
            "A copy of your own PostgreSQL is made as the role that owns the database: set REGULARS_DATABASE_OWNER_URL."
        )
    told = conninfo_to_dict(owner)
    environment = {"PATH": os.defpath, "LC_ALL": "C"} | {
        _VARIABLES[name]: str(value) for name, value in told.items() if name in _VARIABLES and value is not None
    }
    folder = folder_of(home) / "dumps"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{at:%Y%m%dT%H%M%SZ}.dump"
    half = file.with_name(f".{file.name}")
    binaries = find_binaries()
    try:
        _run([binaries.program("pg_dump"), "--format=custom", f"--file={half}", "--no-password"], environment)
        _run([binaries.program("pg_restore"), f"--file={os.devnull}", str(half)], environment)
    except BackupFailed:
        half.unlink(missing_ok=True)
        raise
    disk.settle(half, file)
    return Dump(file, file.stat().st_size)


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", env=environment, umask=0o077)
    if done.returncode != 0:
        raise BackupFailed(" ".join(done.stderr.strip().splitlines()[-3:]))
