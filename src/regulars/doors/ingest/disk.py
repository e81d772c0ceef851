"""How much room the database has left: events stop coming in before it stops."""

import os
import shutil
import time
from pathlib import Path

from django.conf import settings

from regulars.runtime.database.ready import is_external
from regulars.runtime.postgres import embedded

#: Bytes that are kept free for everything else: a ledger has to go on where events can wait.
RESERVE = int(os.environ.get("REGULARS_DISK_RESERVE_MB", "1024")) * 1_000_000
_EVERY = 1.0


class Disk:
    """Looks once a second at the disk of the embedded database, or at `REGULARS_DATABASE_DISK` for one of your own."""

    def __init__(self) -> None:
        self._looked_at = float("-inf")
        self._is_full = False

    def is_full(self) -> bool:
        """Whether less than `RESERVE` is free. False where the disk cannot be seen from here."""
        now = time.monotonic()
        if now - self._looked_at >= _EVERY:
            self._looked_at, self._is_full = now, _is_full()
        return self._is_full


def _folder() -> Path | None:
    if told := os.environ.get("REGULARS_DATABASE_DISK"):
        return Path(told)
    if is_external():
        return None
    running = embedded.facts(Path(settings.REGULARS_HOME))
    return None if running is None else Path(running.data)


def _is_full() -> bool:
    folder = _folder()
    if folder is None:
        return False
    try:
        return shutil.disk_usage(folder).free < RESERVE
    except OSError:
        return False
