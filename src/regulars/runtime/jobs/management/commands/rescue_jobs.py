"""`regulars manage rescue_jobs`: give back the jobs of workers that died, until told to stop."""

import logging
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection

from regulars.runtime.jobs import rescue
from regulars.runtime.stopping import stop_when_told

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Give back the jobs of workers that died, until SIGTERM. Several may run side by side."
    #: They import every view of the house. `regulars up` starts this beside the web server, which does so anyway.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one sweep, then stop")
        parser.add_argument(
            "--every", type=float, default=rescue.SWEEP_EVERY.total_seconds(), help="seconds between sweeps (15)"
        )
        parser.add_argument(
            "--stalled",
            type=float,
            default=rescue.STALLED.total_seconds(),
            help="seconds without a sign of life after which a worker counts as dead (30)",
        )

    def handle(self, *args: Any, once: bool, every: float, stalled: float, **options: Any) -> None:
        stop = stop_when_told()
        while not stop.is_set():
            try:
                rescued = rescue.sweep(stalled=timedelta(seconds=stalled))
                if rescued.given_back or rescued.given_up:
                    logger.warning("jobs: %d given back, %d given up", rescued.given_back, rescued.given_up)
            except (OperationalError, InterfaceError) as lost:
                if once:
                    raise
                connection.close()
                logger.warning("jobs: lost the database (%s), trying again", type(lost).__name__)
            if once:
                return
            stop.wait(every)
