"""`regulars insight refresh`."""

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import click

from regulars.insight.measures import estimates, refreshing
from regulars.kit.actors import SYSTEM
from regulars.kit.money import Money

#: Steps of the bar.
_WHOLE = 1_000


@click.group()
def insight() -> None:
    """What is concluded from the orders."""


@insight.command()
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Look from this day  [default: the last purchase's]")
@click.option("--json", "as_json", is_flag=True, help="Print all measures of the shop as JSON.")
def refresh(as_of: datetime | None, as_json: bool) -> None:
    """Compute every measure anew and store the readings that changed."""
    started = time.monotonic()
    day = None if as_of is None else as_of.date()
    if sys.stderr.isatty():
        with click.progressbar(length=_WHOLE, item_show_func=lambda what: what or "", file=sys.stderr) as bar:

            def hear(what: str, share: float) -> None:
                bar.update(max(0, round(share * _WHOLE) - bar.pos), what)

            done = refreshing.refresh(at=datetime.now(UTC), by=SYSTEM, as_of=day, hear=hear)
            hear("", 1)
    else:

        def tell(words: str) -> None:
            if not as_json:
                click.echo(words, err=True)

        done = refreshing.refresh(at=datetime.now(UTC), by=SYSTEM, as_of=day, tell=tell)
    seconds = round(time.monotonic() - started, 1)
    if as_json:
        facts: dict[str, Any] = {
            "as_of": done.as_of.isoformat(),
            "currency": done.currency,
            "customers": done.customers,
            "readings_changed": done.changed,
            "readings_removed": done.removed,
            "seconds": seconds,
            "shop": estimates.kept(done.shop),
        }
        click.echo(json.dumps(facts, ensure_ascii=False, indent=1))
        return
    rate, regulars = done.shop["repeat_rate"], done.shop["regulars_at_stake"]
    click.echo(f"As of {done.as_of}: {done.customers:,} customers, {done.changed:,} readings changed, {seconds} s.")
    back = rate["came_back"]
    if not back.lack:
        click.echo(
            f"Repeat rate {back.value:.1%} ({back.count:,} of {back.n:,},"
            f" 95 % between {back.low:.1%} and {back.high:.1%})."
        )
        at_stake = Money(regulars["at_stake_minor"], done.currency)
        click.echo(
            f"Regulars {regulars['regulars'].count:,}, slipping away {regulars['lapsing'].count:,},"
            f" value at stake {at_stake.decimal:,} {done.currency}."
        )


COMMANDS = (insight,)
