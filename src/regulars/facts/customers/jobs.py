"""What is shown of people follows when another source counts more."""

from django.utils import timezone

from regulars.facts.customers import profiles
from regulars.kit.actors import SYSTEM
from regulars.runtime.jobs.tasks import task


@task("customers.show_anew", lock="customers.show_anew")
def show_anew() -> None:
    """Go over everybody of whom several sources said something. Harmless to repeat."""
    profiles.refold_everybody(at=timezone.now(), by=SYSTEM)
