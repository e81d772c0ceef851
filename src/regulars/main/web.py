"""The web server: forked by `regulars up`, or by itself: `python -m regulars.main.web HOST PORT STATIC`.

It has imported the house; workers are forked from it, so that they share its memory and a lost one is back at once.
"""

import gc
import sys
from multiprocessing import set_start_method
from pathlib import Path

from django.db import connections
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from regulars.main import asgi
from regulars.runtime.serving.logs import logging_settings

WORKERS = 2
#: Browsers ask for static files again after ten minutes, so that an upgrade is seen soon.
STATIC_SECONDS = 600


def main() -> None:
    """Serve until told to end."""
    host, port, static = sys.argv[1:4]
    serve(host=host, port=int(port), static=Path(static))


def serve(*, host: str, port: int, static: Path) -> None:
    """Serve the house and the files of `static` until told to end."""
    # A connection must not be shared by two processes.
    connections.close_all()
    set_start_method("fork")
    # What is here now stays: collecting garbage in a worker need not look at it, nor copy its pages by touching them.
    gc.collect()
    gc.freeze()
    try:
        _served(host=host, port=port, static=static)
    finally:
        # Frozen, some libraries' objects would stay until the end, and be reported as lost.
        gc.unfreeze()


def _served(*, host: str, port: int, static: Path) -> None:
    Granian(
        f"{asgi.__name__}:{asgi.in_a_worker.__name__}",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        workers=WORKERS,
        websockets=False,
        log_level=LogLevels.info,
        log_dictconfig=_granian_logging(),
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        static_path_route=["/static"],
        static_path_mount=[static],
        static_path_expires=STATIC_SECONDS,
    ).serve()


def _granian_logging() -> dict[str, object]:
    ours = logging_settings(as_json=True)
    return ours | {"loggers": {"_granian": {"level": "WARNING"}, "granian.access": {"level": "WARNING"}}}


if __name__ == "__main__":
    main()
