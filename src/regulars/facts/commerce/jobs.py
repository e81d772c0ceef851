"""Each minute, what nobody came for is given back; each hour, flags that older orders do not have yet are set; every
ten minutes, sales that may have been told twice are looked for."""

from django.utils import timezone

from regulars.facts.commerce import _settling, doubles, holds
from regulars.facts.commerce.doubles import through
from regulars.kit.actors import Actor
from regulars.runtime.jobs.tasks import every, task

__all__ = ("expire_holds", "find_doubles", "settle_flags", "through")

_FLAGGED = 500_000
_BY = Actor("system", "commerce.expire_holds")


@task("commerce.expire_holds", lock="commerce.expire_holds")
def expire_holds(timestamp: int) -> None:
    """Harmless to repeat: what has ended stays as it ended."""
    holds.expire_due(at=timezone.now(), by=_BY)


@task("commerce.settle_flags", lock="commerce.settle_flags")
def settle_flags(timestamp: int) -> None:
    """So many orders an hour that nobody waits for it; nothing once all have them."""
    _settling.settle(most=_FLAGGED, by=Actor("system", "commerce.settle_flags"))


@task("commerce.find_doubles", lock="commerce.find_doubles")
def find_doubles(timestamp: int) -> None:
    """Of what came in since the last time. Harmless to repeat."""
    doubles.look(at=timezone.now())


every("* * * * *", expire_holds)
every("41 * * * *", settle_flags)
every("*/10 * * * *", find_doubles)
