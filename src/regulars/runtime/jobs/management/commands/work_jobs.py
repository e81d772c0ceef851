"""`regulars manage work_jobs`: do the jobs and keep the schedule until told to stop."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

from regulars.runtime import rooms
from regulars.runtime.jobs.rescue import STALLED


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

        with app.replace_connector(connector.get_worker_connector()):
            asyncio.run(work())
