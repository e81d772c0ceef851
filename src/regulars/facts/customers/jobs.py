"""What is shown of people follows when another source counts more; likely duplicates are looked for."""

from django.utils import timezone

from regulars.facts.customers import filling, profiles, reviews, suggesting
from regulars.facts.customers._looking_again import look_again
from regulars.kit.actors import SYSTEM, Actor
from regulars.runtime.jobs.tasks import every, task

__all__ = ["fill", "look_again", "show_anew", "suggest", "suggest_nightly"]

_BY = Actor("system", "customers.suggest")


@task("customers.show_anew", lock="customers.show_anew")
def show_anew() -> None:
    """Go over everybody of whom several sources said something. Harmless to repeat."""
    profiles.refold_everybody(at=timezone.now(), by=SYSTEM)


@task("customers.suggest", lock="customers.suggest")
def suggest(look: int) -> None:
    """Ask about likely duplicates. Harmless to repeat: it finds the same and asks nothing twice."""
    suggesting.suggest(at=timezone.now(), by=_BY, look=look)


@task("customers.suggest_nightly", lock="customers.suggest")
def suggest_nightly(timestamp: int) -> None:
    """The same each night, for those who came one by one."""
    reviews.look_again()
    suggesting.suggest(at=timezone.now(), by=_BY)


@task("customers.fill", lock="customers.fill")
def fill(timestamp: int) -> None:
    """Tables that came with a new release get what was there before. One query where all is done."""
    filling.go_on(at=timezone.now())


every("*/5 * * * *", fill)
every("29 1 * * *", suggest_nightly)
