"""`regulars manage work_jobs`: do the jobs and keep the schedule until told to stop."""

import asyncio
import logging
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

from regulars.runtime import rooms
from regulars.runtime.jobs.rescue import STALLED
from regulars.runtime.jobs.tasks import all_alongside

logger = logging.getLogger(__name__)
#: Seconds after which what failed alongside is begun again, and which it gets to end in.
BEGUN_AGAIN, GRACE = 5.0, 20.0


def keep_going(work: Callable[[threading.Event], None], stop: threading.Event) -> None:
    """Run it until `stop` is set; begin it again when it fails."""
    while not stop.is_set():
        try:
            work(stop)
        except Exception:
            logger.exception("%s broke, and is begun again", work.__qualname__)
            stop.wait(BEGUN_AGAIN)
        finally:
            connections.close_all()


class Command(BaseCommand):
    help = "Do jobs and keep the schedule, until SIGTERM: what is running is finished first."
    #: They import every view of the house. `regulars up` starts this beside the web server, which does so anyway.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--concurrency", type=int, default=2, help="jobs at a time (2)")
        parser.add_argument("--heartbeat", type=float, default=5.0, help="seconds between signs of life (5)")
        parser.add_argument("--poll", type=float, default=5.0, help="seconds between looks for work nobody told of (5)")

    def handle(self, *args: Any, concurrency: int, heartbeat: float, poll: float, **options: Any) -> None:
        for _ in rooms.modules("jobs"):
            pass  # Importing it makes its jobs and schedules known.
        connector = app.connector
        assert isinstance(connector, DjangoConnector)

        async def work() -> None:
            async with app.open_async():
                await app.run_worker_async(
                    concurrency=concurrency,
                    fetch_job_polling_interval=poll,
                    update_heartbeat_interval=heartbeat,
                    stalled_worker_timeout=max(STALLED.total_seconds(), 3 * heartbeat),
                )

        stop = threading.Event()
        beside = [threading.Thread(target=keep_going, args=(one, stop), daemon=True) for one in all_alongside()]
        for thread in beside:
            thread.start()
        try:
            with app.replace_connector(connector.get_worker_connector()):
                asyncio.run(work())
        finally:
            stop.set()
            for thread in beside:
                thread.join(GRACE)
