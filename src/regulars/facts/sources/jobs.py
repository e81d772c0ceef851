"""Each night what nobody looked at leaves the quarantine."""

from django.utils import timezone

from regulars.facts.sources import quarantine, traffic
from regulars.runtime.jobs.tasks import every, task


@task("sources.clear", lock="sources.clear")
def clear(timestamp: int) -> None:
    """Harmless to repeat."""
    quarantine.clear(at=timezone.now())
    traffic.clear(at=timezone.now())


every("23 3 * * *", clear)
