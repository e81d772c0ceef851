"""The system user that the server runs as. PostgreSQL refuses to run as root, rightly."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The user made when root starts the server on a machine that has none of the usual ones.
OURS = "regulars"


@dataclass(frozen=True)
class Account:
    """A system user. `steps_down` when root has to become it."""

    name: str
    uid: int
    gid: int
    steps_down: bool

    def for_process(self) -> dict[str, Any]:
        """What `subprocess` needs to run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.steps_down else {}


def _named(name: str) -> Account | None:
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, found.pw_uid, found.pw_gid, steps_down=True)


def _made() -> Account | None:
    for command in (
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", OURS],
        ["adduser", "-S", "-D", "-H", OURS],
    ):
        if shutil.which(command[0]) and subprocess.run(command, check=False, capture_output=True).returncode == 0:
            return _named(OURS)
    return None


def database_account() -> Account:
    """Whoever runs this; for root the user `regulars`, else `postgres`, else a new `regulars`, else `nobody`."""
    uid = os.geteuid()
    if uid != 0:
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = str(uid)
        return Account(name, uid, os.getegid(), steps_down=False)
    found = _named(OURS) or _named("postgres") or _made() or _named("nobody")
    if found is None:
        raise LookupError("this machine has no system user that a database could run as, not even nobody")
    return found


def may_enter(folder: Path, *, account: Account) -> bool:
    """Whether `account` can enter `folder` and all above it; asked of the kernel, so access lists count too."""
    if not account.steps_down:
        return os.access(folder, os.X_OK)
    return subprocess.run(["test", "-x", folder], check=False, cwd="/", **account.for_process()).returncode == 0
