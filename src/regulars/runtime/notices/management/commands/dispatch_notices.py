"""`regulars manage dispatch_notices`: hand notices to their listeners until told to stop."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from regulars.runtime.notices.dispatch import Dispatcher
from regulars.runtime.stopping import stop_when_told


class Command(BaseCommand):
    help = "Hand notices to the rooms that listen, until SIGTERM. Several may run side by side."
    #: They import every view of the house. `regulars up` starts this beside the web server, which does so anyway.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="deliver what has been announced by now, then stop")
        parser.add_argument("--patience", type=float, default=30.0, help="seconds that --once may take (30)")

    def handle(self, *args: Any, once: bool, patience: float, **options: Any) -> None:
        dispatcher = Dispatcher()
        if once:
            if not dispatcher.drain(patience=patience):
                raise CommandError(f"notices are still waiting after {patience:g} s: see `regulars doctor`")
            return
        dispatcher.run(stop_when_told())
