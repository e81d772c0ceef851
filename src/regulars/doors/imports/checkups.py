"""Whether the watched folders can be watched."""

from collections.abc import Iterator

from regulars.doors.imports import watching
from regulars.runtime.checkups import Checkup, Finding

WHAT = "Watched folders"


def _folders() -> Iterator[Finding]:
    watched = watching.watched()
    wrong = {one.name: why for one in watched if (why := watching.why_not(one))}
    for name, why in wrong.items():
        yield Finding(WHAT, "warning", f"{name}: {why.partition(': ')[2]}", "Look at the folder and whose it is.")
    if watched and not wrong:
        yield Finding(WHAT, "fine", f"{len(watched)} folders are watched")


CHECKUPS: tuple[Checkup, ...] = (_folders,)
