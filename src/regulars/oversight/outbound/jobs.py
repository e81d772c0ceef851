"""The sender runs beside the jobs; exports that are due are started, and what ended long ago is forgotten."""

import threading

from regulars.oversight.outbound import deliveries, exports
from regulars.oversight.outbound._sending import Sender
from regulars.runtime.database import clock
from regulars.runtime.jobs.tasks import alongside, every, task

_BATCH = 10_000


@alongside
def send(stop: threading.Event) -> None:
    """Several senders may run side by side."""
    Sender().run(stop)


@task("outbound.forget_old", lock="outbound.forget_old")
def forget_old(timestamp: int) -> None:
    while deliveries.forget_old(at=clock.now(), most=_BATCH) == _BATCH:
        continue


@task("outbound.start_exports", lock="outbound.start_exports")
def start_exports(timestamp: int) -> None:
    exports.start_due(at=clock.now())


every("47 3 * * *", forget_old)
every("* * * * *", start_exports)
