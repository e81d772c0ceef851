"""What `regulars up` runs beside the database. Whoever imports this has imported the whole house, to fork from it."""

import gc
from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from regulars.main import web
from regulars.main.cli import say
from regulars.runtime import rooms
from regulars.runtime.database.ready import server
from regulars.runtime.serving.processes import Program

#: Programs' names, and the management commands they live for.
WORKERS = {
    "jobs": "work_jobs",
    "rescue": "rescue_jobs",
    "notices": "dispatch_notices",
    "events": "follow_events",
    "audiences": "follow_audiences",
}


def with_database(body: Callable[[], object]) -> None:
    """Each process holds the database for itself: it stays while one of them lives."""
    with server(say=say):
        body()


def programs(*, host: str, port: int) -> list[Program]:
    """In the order of starting."""
    for kind in ("jobs", "reactions"):
        # What the workers import first of all, so that it is here once for all of them.
        list(rooms.modules(kind))
    found = [
        Program(name, partial(with_database, partial(call_command, command)), grace=30.0)
        for name, command in WORKERS.items()
    ]
    static = Path(settings.STATIC_ROOT)
    found.append(Program("web", partial(web.serve, host=host, port=port, static=static)))
    # What is here now stays: collecting garbage in a child need not look at it, nor copy its pages by touching them.
    gc.collect()
    gc.freeze()
    return found
