"""When a message that failed is tried again, and when not any more. Pure."""

import random
from datetime import timedelta

#: Waits after the first, second … failed try, as the Standard Webhooks scheme proposes: ten tries in a little over
#: three days, close together at first.
WAITS: tuple[timedelta, ...] = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_TRIES = len(WAITS) + 1
#: Each wait is longer by up to this share, so that what failed together does not come back together.
JITTER = 0.1
#: What stood behind others of its subject is not tried for another three days: it ends this long after it was told.
MOST_AGE = timedelta(days=4)
#: A receiver may ask for more patience than the schedule has, up to this.
LONGEST_ASKED = timedelta(hours=6)
#: An endpoint that has failed so often in a row is asked by one message at a time, this far apart.
FAILURES_BEFORE_REST = 10
REST = timedelta(minutes=1)
#: It failed this long without one success: it is switched off.
OFF_AFTER = timedelta(days=5)
#: When an endpoint answers again after this many failures in a row, what waits is spread over so long and goes.
FAILURES_BEFORE_WAKING = 5
WOKEN_WITHIN = timedelta(minutes=5)


def wait_after(
    tries: int, *, age: timedelta, asked: timedelta | None = None, chance: float | None = None
) -> timedelta | None:
    """How long to wait after failed try number `tries` (from 1) of a message that old; None when it is given up.

    `asked` is the receiver's Retry-After. `chance` in [0, 1) chooses the jitter; left out, it is random.
    """
    if tries >= MOST_TRIES or age >= MOST_AGE:
        return None
    drawn = random.random() if chance is None else chance  # noqa: S311 - spreads load, guards nothing
    wait = WAITS[tries - 1] * (1 + JITTER * drawn)
    return wait if asked is None else max(wait, min(asked, LONGEST_ASKED))
