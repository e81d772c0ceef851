"""Whether what is recorded could be brought back: for the doctor, Today and the page of backups."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from regulars.runtime.backup import proving, shelf
from regulars.runtime.backup.proving import Proven
from regulars.runtime.backup.shelf import Base
from regulars.runtime.database.ready import is_external
from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.archive import SLOT, Receiving, folder_in_use, receiving
from regulars.runtime.secrets import forgotten, kit

#: A base is made every night; a proof every week.
#: How long Today says that people were forgotten anew.
TOLD_FOR = timedelta(days=30)
OLD_BASE, OLD_PROOF = timedelta(hours=36), timedelta(days=14)
#: What the server keeps for the archive, in bytes, before it is called late. Some segments are ordinary.
LATE_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class Trouble:
    """`state`: wrong (nothing or not all could be restored), warning, or note (it could be better)."""

    state: Literal["wrong", "warning", "note"]
    said: str
    mend: str


@dataclass(frozen=True)
class Health:
    """`folder` is None where backups are off or the database is somebody else's; `behind_bytes` None where unknown."""

    is_external: bool
    folder: Path | None
    receiving: Receiving | None
    behind_bytes: int | None
    bases: list[Base]
    free_bytes: int
    proof: Proven | None
    troubles: list[Trouble]

    @property
    def newest(self) -> Base | None:
        return self.bases[0] if self.bases else None

    @property
    def since(self) -> datetime | None:
        """The first moment of those that can be brought back without a gap up to now."""
        line = self.receiving.line if self.receiving else ""
        return min((one.finished_at for one in self.bases if one.line == line), default=None)

    @property
    def is_well(self) -> bool:
        return all(one.state == "note" for one in self.troubles)


def look(*, home: Path, at: datetime) -> Health:
    """The folder's names and small files, and two short queries."""
    if is_external():
        return Health(True, None, None, None, [], 0, None, [])
    folder = folder_in_use(home)
    if folder is None:
        off = Trouble(
            "warning",
            _("Backups are switched off (REGULARS_BACKUPS=off)."),
            _("Set REGULARS_BACKUPS to a folder, best on another disk, and start again."),
        )
        return Health(False, None, receiving(home), None, [], 0, proving.last(), [off])
    found = shelf.bases(folder)
    now, proof, behind = receiving(home), proving.last(), _behind()
    troubles = [
        *_of_the_log(now, behind, folder),
        *_of_the_bases(found, at),
        *_of_the_proof(proof, found, at),
        *_of_the_place(home, folder),
        *_of_the_forgotten(at),
    ]
    free = shutil.disk_usage(folder).free if folder.is_dir() else 0
    return Health(False, folder, now, behind, found, free, proof, troubles)


def _behind() -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint FROM pg_replication_slots"
            " WHERE slot_name = %s",
            [SLOT],
        )
        row = cursor.fetchone()
    return None if row is None else row[0]


def _of_the_log(now: Receiving | None, behind: int | None, folder: Path) -> list[Trouble]:
    if now is not None and now.state == "full":
        return [
            Trouble(
                "wrong",
                _("There is no room for backups, so they have stopped; the shop goes on. %(words)s")
                % {"words": now.words},
                _("Make room, or set REGULARS_BACKUPS to a folder on another disk and start again."),
            )
        ]
    if now is None or now.state != "receiving":
        return [
            Trouble(
                "wrong",
                _("What is recorded is not being copied. %(words)s") % {"words": now.words if now else ""},
                _("Look at the rights of %(folder)s and at logs/database.log in the home.") % {"folder": folder},
            )
        ]
    if behind is not None and behind > LATE_BYTES:
        return [
            Trouble(
                "warning",
                _("The copy of what is recorded is %(megabytes)s MB behind.") % {"megabytes": f"{behind >> 20:,}"},
                _("Look whether the disk of %(folder)s is slow or full.") % {"folder": folder},
            )
        ]
    return []


def _of_the_bases(found: list[Base], at: datetime) -> list[Trouble]:
    now = _("`regulars backup` makes one now; while `regulars up` runs, one is made every night.")
    if not found:
        return [Trouble("warning", _("There is no backup yet."), now)]
    if at - found[0].finished_at > OLD_BASE:
        hours = round((at - found[0].finished_at).total_seconds() / 3600)
        return [Trouble("wrong", _("The newest backup is %(hours)s hours old.") % {"hours": f"{hours:,}"}, now)]
    return []


def _of_the_proof(proof: Proven | None, found: list[Base], at: datetime) -> list[Trouble]:
    now = _("`regulars backup --prove` tries one now; while `regulars up` runs, one is tried every week.")
    if proof is None:
        return [Trouble("warning", _("No backup has been proven by restoring it."), now)] if found else []
    if not proof.held:
        first = proof.said.split("\n")[0]
        return [Trouble("wrong", _("The last trial restore failed: %(words)s") % {"words": first}, now)]
    if at - proof.began_at > OLD_PROOF:
        days = (at - proof.began_at).days
        return [Trouble("warning", _("The last proven restore is %(days)s days old.") % {"days": f"{days:,}"}, now)]
    return []


def _of_the_forgotten(at: datetime) -> list[Trouble]:
    found = forgotten.lately_again(at - TOLD_FOR)
    if found is None:
        return []
    count, last = found
    words = ngettext(
        "%(count)s person who was forgotten after the moment that was restored on %(day)s is forgotten again.",
        "%(count)s people who were forgotten after the moment that was restored on %(day)s are forgotten again.",
        count,
    )
    return [
        Trouble(
            "warning",
            words % {"count": f"{count:,}", "day": last.date().isoformat()},
            _(
                "Their keys are gone, so nothing sealed of them opens. Look whether anything else of theirs has to go:"
                " docs/how-to/back-up-and-restore.md."
            ),
        )
    ]


def _of_the_place(home: Path, folder: Path) -> list[Trouble]:
    found = []
    running = embedded.facts(home)
    data = Path(running.data) if running else home
    if folder.is_dir() and data.exists() and folder.stat().st_dev == data.stat().st_dev:
        found.append(
            Trouble(
                "note",
                _("The backups are on the same disk as the database, and would be lost with it."),
                _("Set REGULARS_BACKUPS to a folder on another disk, or copy %(folder)s to another machine.")
                % {"folder": folder},
            )
        )
    if not kit.is_saved(home):
        found.append(
            Trouble(
                "note",
                _("The keys have not been saved. Without them no name or address in a backup ever opens again."),
                _("`regulars keys save FILE` writes them behind a passphrase; keep the file apart from the backups."),
            )
        )
    return found
