"""A backup that was never restored is a hope. The drill restores the newest one beside the shop and has it examined."""

import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from regulars.kit.refusals import Refusal
from regulars.runtime.backup import bases, examining, restoring
from regulars.runtime.backup.bases import Tell, quietly
from regulars.runtime.backup.models import Proof
from regulars.runtime.postgres.accounts import database_account
from regulars.runtime.postgres.places import POINTER, place_for
from regulars.runtime.secrets import kit

#: The home of the copy, under the home of the shop; it goes when the drill ends.
DRILL = "drill"
_LONGEST_WORDS = 2_000


@dataclass(frozen=True)
class Proven:
    """How a drill ended. `reached_at` is the last change in the copy; `said` what did not hold, empty where all did."""

    began_at: datetime
    seconds: float
    base: str
    reached_at: datetime | None
    segments: int
    bytes: int
    accounts: int
    held: bool
    said: str


def last() -> Proven | None:
    """The newest drill. One query."""
    return next(iter(recent(1)), None)


def recent(most: int) -> list[Proven]:
    """The newest drills. One query."""
    return [
        Proven(
            one.began_at,
            one.seconds,
            one.base,
            one.reached_at,
            one.segments,
            one.bytes,
            one.accounts,
            one.held,
            one.said,
        )
        for one in Proof.objects.order_by("-began_at", "-id")[:most]
    ]


def prove(*, home: Path, at: datetime, tell: Tell = quietly) -> Proven:
    """Restore the newest base with all its log into a home of its own, examine it, and write down how it was.

    The copy wants as much room as the database. Refuses with BackupsOff and BackupBusy; all else is an answer.
    """
    folder = bases.folder_of(home)
    with bases.alone(folder):
        proven = _tried(home, folder, at=at, tell=tell)
    Proof.objects.create(**{name: getattr(proven, name) for name in Proven.__dataclass_fields__})
    return proven


def _tried(home: Path, folder: Path, *, at: datetime, tell: Tell) -> Proven:
    began = time.monotonic()
    label, size = "", 0
    reached, segments, accounts = None, 0, 0
    drill = home / DRILL
    try:
        _remove(drill)
        drill.mkdir(mode=0o711)
        planned = restoring.plan(folder, to=None, now=at)
        label, size = planned.base.label, planned.base.files_bytes
        restored = restoring.restore(planned, home=drill, durable=False, tell=tell)
        reached, segments = restored.reached_at, restored.segments
        tell("examine", 0, 0)
        keys = kit.at_hand(home)
        restoring.check_keys(planned.base, kit.fingerprints_of(keys))
        examined = examining.examine(drill, keys=keys)
        accounts, wrong = examined.accounts, examined.wrong
    except (Refusal, OSError) as problem:
        wrong = [str(problem)]
    finally:
        _remove(drill)
    return Proven(
        began_at=at,
        seconds=round(time.monotonic() - began, 1),
        base=label,
        reached_at=reached,
        segments=segments,
        bytes=size,
        accounts=accounts,
        held=not wrong,
        said="\n".join(wrong)[:_LONGEST_WORDS],
    )


def _remove(drill: Path) -> None:
    """Also of a drill that was killed: its server, and its files wherever they had to be put."""
    if not drill.exists():
        return
    if (drill / POINTER).exists() or (drill / "postgres").exists():
        place = place_for(drill, account=database_account())
        restoring.clear(place)
        restoring.end_server(place)
        shutil.rmtree(place.root, ignore_errors=True)
    shutil.rmtree(drill, ignore_errors=True)
