"""Where the server's files and its socket are, for a given REGULARS_HOME."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from regulars.runtime.postgres.accounts import Account, may_enter
from regulars.runtime.postgres.trouble import DatabaseTrouble

#: Holds what the database's system user could not reach under REGULARS_HOME.
ELSEWHERE = Path("/var/lib/regulars")
#: Names the folder outside the home, once one was chosen: a later change of rights must not start an empty database.
POINTER = "database-place"
#: The socket's file name has a port in it, though nothing listens on a port.
PORT = 5432
#: sockaddr_un holds 108 bytes on Linux and 104 elsewhere, the closing zero included.
LONGEST_SOCKET = 103


@dataclass(frozen=True)
class Place:
    """`root` holds `data`; `socket` is the socket's folder. `why_elsewhere` is empty where `root` is in the home."""

    home: Path
    root: Path
    socket: Path
    why_elsewhere: str

    @property
    def data(self) -> Path:
        return self.root / "data"


def run_folder(home: Path) -> Path:
    """Locks and states of running processes."""
    return home / "run"


def make_home(home: Path) -> None:
    """The home and the folders every process of it needs."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        run_folder(home).mkdir(mode=0o700, exist_ok=True)
        (home / "logs").mkdir(mode=0o700, exist_ok=True)
    except OSError as problem:
        raise DatabaseTrouble(
            f"REGULARS_HOME is {home}, and nothing can be written there ({problem.strerror}). "
            f"Set REGULARS_HOME to a folder that this user may write to."
        ) from problem
    for folder in (home, run_folder(home), home / "logs"):
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise DatabaseTrouble(
                f"{folder} belongs to another user. Run the command as the user that made this REGULARS_HOME, "
                f"or set REGULARS_HOME to a folder of your own."
            )


def own_folder(folder: Path, *, account: Account) -> Path:
    """Make `folder`, 0700 and `account`'s; refuse one that somebody else has put there."""
    try:
        folder.mkdir(mode=0o700, parents=True)
        os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
            raise DatabaseTrouble(
                f"{folder} must be a folder of the system user {account.name} with rights 0700, and it is not. "
                f"Look at it, then remove it or mend its owner and rights."
            ) from None
    return folder


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]


def _root(home: Path, account: Account) -> tuple[Path, str]:
    pointer = home / POINTER
    if pointer.exists():
        chosen = Path(pointer.read_text().strip())
        return chosen, f"{home}/{POINTER} names it"
    if may_enter(home, account=account):
        return home / "postgres", ""
    chosen = ELSEWHERE / _fingerprint(home)
    ELSEWHERE.mkdir(mode=0o755, parents=True, exist_ok=True)
    pointer.write_text(f"{chosen}\n")
    return chosen, f"the system user {account.name}, which the database runs as, cannot enter {home}"


def has_cluster(home: Path) -> bool:
    """Whether a database stands for `home`. Makes nothing."""
    pointer = home / POINTER
    root = Path(pointer.read_text().strip()) if pointer.exists() else home / "postgres"
    return (root / "data").exists()


def _socket(root: Path, account: Account) -> Path:
    beside = root / "socket"
    if len(os.fsencode(beside / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET:
        return beside
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    short = Path(runtime) if runtime and not account.steps_down and Path(runtime).is_dir() else Path("/tmp")  # noqa: S108 - own_folder() refuses a folder that is not ours
    return short / f"regulars-{_fingerprint(root)}"


def place_for(home: Path, *, account: Account) -> Place:
    """The folders for `home`, made where missing, with rights that let in nobody but `account` (and root)."""
    make_home(home)
    root, why = _root(home, account)
    own_folder(root, account=account)
    socket = own_folder(_socket(root, account), account=account)
    return Place(home, root, socket, why)
