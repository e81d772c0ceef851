"""`regulars manage follow_audiences`: let customers come into audiences and leave them until told to stop."""

from typing import Any

from django.core.management.base import BaseCommand

from regulars.insight.audiences.following import Follower
from regulars.runtime import collecting
from regulars.runtime.stopping import stop_when_told


class Command(BaseCommand):
    help = "Let customers come into audiences and leave them as events come in and time goes by, until SIGTERM."
    #: They import every view of the house. `regulars up` starts this beside the web server, which does so anyway.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        collecting.seldom()
        Follower().run(stop_when_told())
