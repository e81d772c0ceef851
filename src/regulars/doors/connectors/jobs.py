"""What is done aside: taking what came, reading on, polling by the clock, and sweeping up after whoever was killed."""

import threading
from datetime import datetime, timedelta

from django.db import transaction
from procrastinate.exceptions import AlreadyEnqueued

from regulars.doors.connectors import looking, polling, shops, taking, writing
from regulars.facts.sources import connections, cursors, inbox
from regulars.oversight.outbound import writing as rights
from regulars.runtime.database import clock
from regulars.runtime.jobs.tasks import alongside, every, task

#: What has waited so long was left behind by somebody who was killed, or by a shop that could not be asked.
LEFT_BEHIND = timedelta(minutes=1)
#: Seconds between looks for rights that are to be written.
LOOK = 2.0
_BATCH = 10_000


@alongside
def hand_on(stop: threading.Event) -> None:
    """A right that is wanted is in the shops within seconds."""
    while not stop.wait(LOOK):
        for connection in rights.with_work(at=clock.now()):
            write_on(connection)


@task("connectors.take")
def take(delivery: int) -> None:
    """Take one delivery. Harmless to repeat: what is settled does not wait any more."""
    taking.take_from(delivery)


@task("connectors.walk")
def walk(connection: int, stream: str) -> None:
    """One slice of a walk; where more is left, another job goes on."""
    came = polling.walk(connection=connection, stream=stream)
    if came == "more":
        go_on(connection, stream)
    elif came == "rests":
        known = {one.stream: one.rest_until for one in cursors.of(connection)}
        go_on(connection, stream, at=known[stream])
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


@task("connectors.write")
def write(connection: int) -> None:
    """Write what is due in one shop, for a while."""
    if writing.write_due(connection=connection) >= writing.MOST:
        write_on(connection)


@task("connectors.look_after_rights", lock="connectors.look_after_rights")
def look_after_rights(timestamp: int) -> None:
    """What became known of people by themselves, and what shops were told a day ago: is it still so?"""
    now = clock.now()
    for one in rights.every():
        if one.codes or one.attributes:
            rights.spread_all(connection=one.connection, at=now)
            writing.check(connection=one.connection)


@task("connectors.look", lock="connectors.look")
def look(timestamp: int) -> None:
    """Ask every shop whether some of what it told of is still there."""
    for connection in connections.every():
        if connection.state == "on" and connection.kind in shops.SHOPS:
            looking.look(connection=connection, at=clock.now())


@task("connectors.forget_old", lock="connectors.forget_old")
def forget_old(timestamp: int) -> None:
    """Drop what was kept long enough."""
    while inbox.forget_old(at=clock.now(), most=_BATCH) >= _BATCH:
        continue


def write_on(connection: int) -> None:
    """Have a job write what is due in the shop; one that waits to do so is enough."""
    asked = write.configure(queueing_lock=f"connectors.write:{connection}", lock=f"connectors.write:{connection}")
    try:
        with transaction.atomic():
            asked.defer(connection=connection)
    except AlreadyEnqueued:
        return


def go_on(connection: int, stream: str, *, at: datetime | None = None) -> None:
    """Have a job take the walk further, now or then; one that waits to do so is enough."""
    asked = walk.configure(queueing_lock=f"connectors.walk:{connection}:{stream}", schedule_at=at)
    try:
        with transaction.atomic():
            asked.defer(connection=connection, stream=stream)
    except AlreadyEnqueued:
        return


every("* * * * *", tend)
every("*/5 * * * *", poll)
every("11 * * * *", look_after_rights)
every("29 3 * * *", forget_old)
every("47 2 * * *", look)
