"""When a notice that failed is tried again, and when not any more."""

import traceback
from datetime import timedelta
from pathlib import Path

from regulars.kit.refusals import Refusal

#: With the waits below, a little over three hours: long enough for a person to mend what broke.
MOST_TRIES = 10
_LONGEST_WAIT = 3600.0


def wait_after(tries: int) -> timedelta:
    """1 s, 4 s, 16 s … after the first, second, third failure; an hour at most."""
    return timedelta(seconds=min(4.0 ** (tries - 1), _LONGEST_WAIT))


def named(problem: BaseException) -> str:
    """What failed and where, without the message: a message may quote a person's data."""
    code = f" {problem.code}" if isinstance(problem, Refusal) else ""
    frames = traceback.extract_tb(problem.__traceback__)
    ours = [frame for frame in frames if "regulars" in Path(frame.filename).parts] or list(frames)
    where = f" at {'/'.join(Path(ours[-1].filename).parts[-3:])}:{ours[-1].lineno}" if ours else ""
    return f"{type(problem).__name__}{code}{where}"[:200]
