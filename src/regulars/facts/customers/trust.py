"""Which sources count more than others when they say different things of somebody."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from regulars.facts.customers import jobs
from regulars.facts.customers._statements import SURER_SOURCES
from regulars.kit.actors import Actor
from regulars.runtime.preferences import preferences


def surer_sources() -> tuple[str, ...]:
    """The sources that count more whatever the time, the surest first; all others are equally sure. One query."""
    return preferences.read(SURER_SOURCES)


def set_surer_sources(*, sources: Sequence[str], at: datetime, by: Actor, why: str = "") -> None:
    """Say which sources count more, the surest first. What is shown of people follows in the background.

    Refuses with `preferences.BadValue`.
    """
    with transaction.atomic():
        before = preferences.read(SURER_SOURCES)
        preferences.write(SURER_SOURCES, tuple(sources), at=at, by=by, why=why)
        if preferences.read(SURER_SOURCES) != before:
            jobs.show_anew.defer()
