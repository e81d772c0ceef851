"""`regulars demo`: `regulars up` with a living shop in it, in a home of its own so that it never meets real data."""

import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import click
from django.conf import settings

from regulars.facts.company import defaults
from regulars.kit import civil
from regulars.kit.refusals import Refusal
from regulars.main.cli import say
from regulars.main.up import serve
from regulars.runtime.database.ready import server
from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.accounts import database_account
from regulars.runtime.postgres.places import make_home, place_for
from regulars.runtime.serving.processes import Program
from regulars.simulator import homes

#: Set for the process that runs in the demo's own home.
_INSIDE = "REGULARS_DEMO"


class StillInUse(Refusal):
    code: ClassVar[str] = "demo.still_in_use"


def _move_into(home: Path) -> None:
    """Become the same command in the demo's home. A database of one's own is left alone: it may hold a real shop."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_DATABASE_")}
    inside = kept | {"REGULARS_HOME": str(home), _INSIDE: "1"}
    os.execve(sys.executable, [sys.executable, "-m", "regulars", *sys.argv[1:]], inside)  # noqa: S606 - ourselves


def _clear(home: Path) -> None:
    """Remove the demo's home and its database, wherever that had to be put. Nothing but a demo's home is removed."""
    if homes.shop_of(home) is None:
        return
    make_home(home)  # With the folder of the locks: of a demo that ended early it may be missing.
    if embedded.has_keeper(home):
        raise StillInUse(f"The demo in {home} is running. Stop it first: Ctrl-C in its terminal.")
    shutil.rmtree(place_for(home, account=database_account()).root, ignore_errors=True)
    shutil.rmtree(home)


def _live(every: float) -> None:
    with server(say=say):
        import_module("regulars.simulator.commands").live.main(["--every", str(every)], standalone_mode=False)


@click.command()
@click.option("--shoppers", type=click.IntRange(20, 200_000), default=3_000, show_default=True, help="How many people.")
@click.option("--years", type=click.FloatRange(0.1, 10), default=2.0, show_default=True, help="Since when.")
@click.option("--seed", default="regulars", show_default=True, help="Any word: the same one makes the same shop.")
@click.option("--fresh", is_flag=True, help="Throw the demo's data away and make the shop anew.")
@click.option(
    "--every", type=click.FloatRange(0.05), default=15.0, show_default=True, help="Seconds between live orders."
)
@click.option("--host", help="Listen here.  [default: REGULARS_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="And on this port.  [default: REGULARS_PORT or 8000]")
def demo(shoppers: int, years: float, seed: str, fresh: bool, every: float, host: str | None, port: int | None) -> None:
    """A living demo shop made by the simulator, in a home of its own.

    The home is `demo` under REGULARS_HOME, always with the embedded database. A second start finds the shop as it was
    left; while it runs, shoppers go on buying.
    """
    home = Path(settings.REGULARS_HOME)
    today = civil.day_of(datetime.now(UTC), ZoneInfo(defaults.ZONE))
    wanted = homes.Shop(shoppers, years, seed, today.isoformat())
    if os.environ.get(_INSIDE) != "1":
        home.mkdir(parents=True, exist_ok=True)
        home = home / "demo"
        if fresh:
            _clear(home)
        homes.claim(home, wanted)
        _move_into(home)

    # The simulator is imported only where it is needed: by who furnishes and by those who buy.
    def furnish(say: Callable[[str], None]) -> None:
        import_module("regulars.simulator.demo").furnish(home=home, wanted=wanted, say=say)

    shop = homes.claim(home, wanted)
    if shop.is_furnished:
        say(f"the demo shop is there already: {shop}; --fresh makes it anew")
    serve(
        host=host or settings.REGULARS_HOST,
        port=port or settings.REGULARS_PORT,
        before_open=None if shop.is_furnished else furnish,
        beside=[Program("shoppers", partial(_live, every), grace=10.0)],
    )


COMMANDS = (demo,)
