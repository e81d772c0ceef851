"""The web server's process: `python -m regulars.main.web HOST PORT STATIC`. Started by `regulars up`."""

import sys
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from regulars.runtime.serving.logs import logging_settings
from regulars.runtime.serving.parents import end_with_supervisor

WORKERS = 2
#: Browsers ask for static files again after ten minutes, so that an upgrade is seen soon.
STATIC_SECONDS = 600


def main() -> None:
    """Serve until told to end."""
    end_with_supervisor()
    host, port, static = sys.argv[1:4]
    Granian(
        "regulars.main.asgi:application",
        address=host,
        port=int(port),
        interface=Interfaces.ASGINL,
        workers=WORKERS,
        websockets=False,
        log_level=LogLevels.info,
        log_dictconfig=_granian_logging(),
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        static_path_route=["/static"],
        static_path_mount=[Path(static)],
        static_path_expires=STATIC_SECONDS,
    ).serve()


def _granian_logging() -> dict[str, object]:
    ours = logging_settings(as_json=True)
    return ours | {"loggers": {"_granian": {"level": "WARNING"}, "granian.access": {"level": "WARNING"}}}


if __name__ == "__main__":
    main()
