"""The doctor's look at a restored copy, in processes that know nothing of the shop it is a copy of."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import regulars
from regulars.runtime.secrets import kit

#: What the doctor says of the machine and not of the copy.
_OF_THE_MACHINE = frozenset({"Disk", "Home", "Secrets", "Backup", "Python"})


@dataclass(frozen=True)
class Examined:
    """`wrong` in the doctor's words, empty where everything holds; accounts of points whose books were added up."""

    wrong: list[str]
    accounts: int


def environment(home: Path, *, keys: Mapping[str, str]) -> dict[str, str]:
    """Of a command that shall see the copy in `home` and nothing of the shop but its keys."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("REGULARS_DATABASE") and name not in kit.KEPT.values()
    }
    source = str(Path(regulars.__file__).parent.parent)
    return (
        kept
        | {
            "REGULARS_HOME": str(home),
            "REGULARS_BACKUPS": "off",
            # It ends with us, and does not take our supervisor's absence for its own.
            "REGULARS_SUPERVISOR": str(os.getpid()),
            "PYTHONPATH": os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        | {kit.KEPT[name]: text for name, text in keys.items()}
    )


def examine(home: Path, *, keys: Mapping[str, str]) -> Examined:
    """`regulars doctor` and `regulars doctor ledger` on the database of `home`. Takes seconds, starts its server."""
    asked = environment(home, keys=keys)
    wrong, accounts = [], 0
    for words in (["doctor"], ["doctor", "ledger"]):
        done = subprocess.run(
            [sys.executable, "-m", "regulars", *words, "--json"],
            check=False,
            capture_output=True,
            text=True,
            env=asked,
            cwd="/",
        )
        try:
            told = json.loads(done.stdout)
        except ValueError:
            last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
            wrong.append(f"regulars {' '.join(words)}: {last}")
            continue
        if isinstance(told, list):
            wrong += [
                f"{one['what']}: {one['said']}"
                for one in told
                if one["state"] == "wrong" and one["what"] not in _OF_THE_MACHINE
            ]
        else:
            accounts = told["accounts"]
            wrong += [f"account {number}: {', '.join(broken)}" for number, broken in told["broken"].items()]
    return Examined(wrong, accounts)
