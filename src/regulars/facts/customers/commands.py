"""`regulars identity suggest` and `settle`."""

import json
import sys
from dataclasses import asdict

import click

from regulars.facts.customers import identity as people
from regulars.facts.customers import suggesting
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import clock


@click.group("identity")
def identity() -> None:
    """Which records are one person."""


@identity.command("suggest")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def suggest(as_json: bool) -> None:
    """Look for customers who are likely one person and ask about them under Identity review. Joins nobody."""

    def progress(done: int, of: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{done:,} of {of:,} profiles", nl=done == of, err=True)

    done = suggesting.suggest(at=clock.now(), by=SYSTEM, progress=progress)
    if as_json:
        click.echo(json.dumps(asdict(done)))
    else:
        click.echo(
            f"Profiles compared: {done.opened:,}. Pairs that are alike: {done.alike:,}. New questions: {done.asked:,}."
        )


@identity.command("settle")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def settle(as_json: bool) -> None:
    """Work out anew who is who, from all evidence and decisions. Where nothing is wrong it changes nothing.

    Joins that were refused and stayed on record, as older versions left them, are taken back.
    """
    cleared = people.clear_refused_joins(at=clock.now(), by=SYSTEM)
    done = people.settle_everybody(at=clock.now(), by=SYSTEM)
    if as_json:
        told = {"joined": len(done.joined), "parted": len(done.parted), "refused_joins_cleared": cleared}
        click.echo(json.dumps(told))
    else:
        click.echo(f"Joins that had been refused and are off the record: {cleared:,}.")
        click.echo(f"Records that joined their person: {len(done.joined):,}. That left one: {len(done.parted):,}.")


COMMANDS = (identity,)
