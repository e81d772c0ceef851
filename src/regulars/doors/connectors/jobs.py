"""What is done aside: taking what came, reading on, polling by the clock, and sweeping up after whoever was killed."""

from datetime import timedelta

from django.db import transaction
from procrastinate.exceptions import AlreadyEnqueued

from regulars.doors.connectors import polling, shops, taking
from regulars.facts.sources import connections, cursors, inbox
from regulars.runtime.database import clock
from regulars.runtime.jobs.tasks import every, task

#: What has waited so long was left behind by somebody who was killed, or by a shop that could not be asked.
LEFT_BEHIND = timedelta(minutes=1)
_BATCH = 10_000


@task("connectors.take")
def take(delivery: int) -> None:
    """Take one delivery. Harmless to repeat: what is settled does not wait any more."""
    taking.take(delivery)


@task("connectors.walk")
def walk(connection: int, stream: str) -> None:
    """One slice of a walk; where more is left, another job goes on."""
    came = polling.walk(connection=connection, stream=stream)
    if came == "more":
        go_on(connection, stream)
    elif came == "ended":
        # Streams that waited for this one have their turn.
        for whose, waiting in cursors.under_way(at=clock.now()):
            if whose == connection:
                go_on(whose, waiting)


@task("connectors.tend", lock="connectors.tend")
def tend(timestamp: int) -> None:
    """Take what was left behind, and go on with walks that nobody takes further."""
    now = clock.now()
    taking.take_waiting(before=now - LEFT_BEHIND)
    for connection, stream in cursors.under_way(at=now):
        go_on(connection, stream)


@task("connectors.poll", lock="connectors.poll")
def poll(timestamp: int) -> None:
    """Begin a poll of every connection that is on."""
    now = clock.now()
    for connection in connections.every():
        if connection.state == "on" and connection.kind in shops.SHOPS:
            for stream in polling.begin_polls(connection=connection, at=now):
                go_on(connection.id, stream)


@task("connectors.forget_old", lock="connectors.forget_old")
def forget_old(timestamp: int) -> None:
    """Drop what was kept long enough."""
    while inbox.forget_old(at=clock.now(), most=_BATCH) >= _BATCH:
        continue


def go_on(connection: int, stream: str) -> None:
    """Have a job take the walk further; one that waits to do so is enough."""
    asked = walk.configure(queueing_lock=f"connectors.walk:{connection}:{stream}")
    try:
        with transaction.atomic():
            asked.defer(connection=connection, stream=stream)
    except AlreadyEnqueued:
        return


every("* * * * *", tend)
every("*/5 * * * *", poll)
every("29 3 * * *", forget_old)
