"""Each minute, what nobody came for is given back; each hour, flags that older orders do not have yet are set."""

from django.utils import timezone

from regulars.facts.commerce import _settling, holds
from regulars.kit.actors import Actor
from regulars.runtime.jobs.tasks import every, task

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


every("* * * * *", expire_holds)
every("41 * * * *", settle_flags)
