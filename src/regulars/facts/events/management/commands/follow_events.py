"""`regulars manage follow_events`: bring events to visitors and customers until told to stop."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from regulars.facts.events.following import Follower
from regulars.runtime import collecting
from regulars.runtime.stopping import stop_when_told


class Command(BaseCommand):
    help = "Bring events to visitors and customers, until SIGTERM. Several may run side by side."
    #: They import every view of the house. `regulars up` starts this beside the web server, which does so anyway.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="read what has been taken in by now, then stop")
        parser.add_argument("--patience", type=float, default=30.0, help="seconds that --once may take (30)")

    def handle(self, *args: Any, once: bool, patience: float, **options: Any) -> None:
        follower = Follower()
        if once:
            if not follower.drain(patience=patience):
                raise CommandError(f"events are still waiting after {patience:g} s: see /metrics")
            return
        collecting.seldom()
        follower.run(stop_when_told())
