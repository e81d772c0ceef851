"""Bases, tidying and drills by the clock, while the shop is open."""

from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from regulars.runtime.backup import bases, proving, shelf
from regulars.runtime.backup.bases import BackupBusy
from regulars.runtime.backup.keeping import KEEP_DAYS
from regulars.runtime.database import clock
from regulars.runtime.database.ready import is_external
from regulars.runtime.jobs.tasks import every, task
from regulars.runtime.postgres.accounts import database_account
from regulars.runtime.postgres.archive import folder_in_use, line_of, receiving
from regulars.runtime.postgres.places import place_for
from regulars.runtime.preferences import preferences
from regulars.runtime.secrets import forgotten

#: Hours of UTC in which shops of China sleep; a machine that is off then catches up at any hour.
NIGHT = range(18, 21)
WANTED, AT_NIGHT = timedelta(hours=26), timedelta(hours=20)
PROOF_WANTED, PROOF_AT_NIGHT = timedelta(days=8), timedelta(days=7)


def is_due(last: datetime | None, *, at: datetime, wanted: timedelta, at_night: timedelta) -> bool:
    """At night when the last one is `at_night` old, else when it is `wanted` old."""
    return last is None or at - last >= (at_night if at.hour in NIGHT else wanted)


@task("backup.tend", lock="backup")
def tend(timestamp: int) -> None:
    """A base and a drill where they are due, what is no longer needed removed. Mostly it only reads some names."""
    home, at = Path(settings.REGULARS_HOME), clock.now()
    folder = None if is_external() else folder_in_use(home)
    now = receiving(home)
    if folder is None or now is None or now.state != "receiving":
        # The doctor and Today say so.
        return
    try:
        _tend(home, folder, at)
    except BackupBusy:
        return


def _tend(home: Path, folder: Path, at: datetime) -> None:
    line = line_of(place_for(home, account=database_account()))
    theirs = [one for one in shelf.bases(folder) if one.line == line]
    # Without one of its own a new line of the log restores nothing.
    newest = theirs[0].began_at if theirs else None
    if is_due(newest, at=at, wanted=WANTED, at_night=AT_NIGHT):
        bases.make(home=home, fast=newest is None)
    bases.tidy(home=home, at=at, keep_days=preferences.read(KEEP_DAYS))
    proof = proving.last()
    if is_due(proof.began_at if proof else None, at=at, wanted=PROOF_WANTED, at_night=PROOF_AT_NIGHT):
        proving.prove(home=home, at=at)


@task("backup.keep_forgotten", lock="backup.forgotten")
def keep_forgotten(timestamp: int) -> None:
    """Who was forgotten is written beside the backups. Harmless to repeat."""
    folder = None if is_external() else folder_in_use(Path(settings.REGULARS_HOME))
    if folder is not None and folder.is_dir():
        forgotten.keep(folder)


every("*/10 * * * *", tend)
every("* * * * *", keep_forgotten)
