"""For whoever keeps the machine: the master key, and changing it."""

import json
from dataclasses import asdict

import click
from django.utils import timezone

from regulars.runtime.secrets import rotation


@click.group("keys")
def keys_group() -> None:
    """The master key that wraps every person's key, and changing it."""


@keys_group.command("state")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def state(as_json: bool) -> None:
    """How many persons' keys which master key wraps. Exit code 1 if some cannot be opened."""
    keys = rotation.state()
    if as_json:
        click.echo(json.dumps(asdict(keys)))
    else:
        click.echo(
            f"{keys.present} with the present master key, {keys.before} with the one before, {keys.unknown} lost"
        )
    if keys.unknown:
        raise click.exceptions.Exit(1)


@keys_group.command("rotate")
def rotate() -> None:
    """Make a new master key and wrap every person's key anew. Back the new key file up, apart from the database."""
    click.echo(f"{rotation.rotate()} persons' keys are wrapped by a new master key.")


@keys_group.command("rewrap")
def rewrap() -> None:
    """Wrap what the master key before still wraps."""
    click.echo(f"{rotation.rewrap()} persons' keys wrapped anew.")


@keys_group.command("retire")
def retire() -> None:
    """Throw the master key before away, once nothing needs it."""
    click.echo("It is gone." if rotation.retire(at=timezone.now()) else "There is none.")


COMMANDS: tuple[click.Command, ...] = (keys_group,)
