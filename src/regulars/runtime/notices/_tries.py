"""When a notice that failed is tried again, and when not any more."""

from datetime import timedelta

#: With the waits below, a little over three hours: long enough for a person to mend what broke.
MOST_TRIES = 10
_LONGEST_WAIT = 3600.0


def wait_after(tries: int) -> timedelta:
    """1 s, 4 s, 16 s … after the first, second, third failure; an hour at most."""
    return timedelta(seconds=min(4.0 ** (tries - 1), _LONGEST_WAIT))
