"""Each minute, what nobody came for is given back."""

from django.utils import timezone

from regulars.facts.commerce import holds
from regulars.kit.actors import Actor
from regulars.runtime.jobs.tasks import every, task

_BY = Actor("system", "commerce.expire_holds")


@task("commerce.expire_holds", lock="commerce.expire_holds")
def expire_holds(timestamp: int) -> None:
    """Harmless to repeat: what has ended stays as it ended."""
    holds.expire_due(at=timezone.now(), by=_BY)


every("* * * * *", expire_holds)
