"""Each night what is too old goes, and the month that begins soon gets its place; sources are listened to."""

from django.utils import timezone

from regulars.facts.events import _past, _taking_over, listening, retention
from regulars.kit.actors import Actor, ActorKind
from regulars.runtime.jobs.tasks import every, task


@task("events.remove", lock="events.remove")
def remove(timestamp: int) -> None:
    """Harmless to repeat; what was begun is gone on with."""
    retention.remove(at=timezone.now())


@task("events.make_months")
def make_months(timestamp: int) -> None:
    """Ahead, so that the first event of a month does not wait for it."""
    retention.make_months(at=timezone.now())


@task("events.listen", lock="events.listen")
def listen(timestamp: int) -> None:
    """Whether sources fell silent, or send other than planned. Harmless to repeat."""
    listening.look(at=timezone.now())


@task("events.apply_past_orders", lock="events.apply_past_orders")
def apply_past_orders(source: int, by_kind: ActorKind, by_id: str) -> None:
    """Harmless to repeat; what was begun is gone on with."""
    _past.walk(source=source, at=timezone.now(), by=Actor(by_kind, by_id))


@task("events.take_over_trait", lock="events.take_over_trait")
def take_over_trait(code: str) -> None:
    """What was told of it before goes into profiles. Harmless to repeat."""
    _taking_over.take_over(code)


every("41 2 * * *", remove)
every("7 * * * *", make_months)
every("*/5 * * * *", listen)
