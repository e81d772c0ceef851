"""What `regulars doctor` says of backups."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from regulars.runtime.backup import health
from regulars.runtime.checkups import Finding
from regulars.runtime.database import clock


def backups() -> Iterator[Finding]:
    found = health.look(home=Path(settings.REGULARS_HOME), at=clock.now())
    if found.is_external:
        yield Finding("Backup", "fine", "your PostgreSQL is backed up by you; nobody here looks whether it is")
        return
    for one in found.troubles:
        yield Finding("Backup", "wrong" if one.state == "wrong" else "warning", one.said, one.mend)
    if found.is_well and found.since is not None and found.proof is not None:
        words = (
            f"any moment since {found.since:%Y-%m-%d %H:%M} UTC; last proven by restoring it "
            f"at {found.proof.began_at:%Y-%m-%d %H:%M} UTC"
        )
        yield Finding("Backup", "fine", words)


CHECKUPS = (backups,)
