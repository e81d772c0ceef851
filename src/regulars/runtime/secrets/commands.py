"""For whoever keeps the machine: the master key, and changing it."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from django.conf import settings
from django.utils import timezone

from regulars.runtime.database.needs import without_database
from regulars.runtime.secrets import kit, rotation


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


@without_database
@keys_group.command("save")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def save(file: Path) -> None:
    """Write the keys into FILE behind a passphrase, to be kept apart from the backups.

    The passphrase is asked for, or taken from REGULARS_KEYS_PASSPHRASE. Nobody can open the file without it.
    """
    passphrase = os.environ.get("REGULARS_KEYS_PASSPHRASE") or click.prompt(
        "Passphrase", hide_input=True, confirmation_prompt=True, err=True
    )
    told = kit.save(home=Path(settings.REGULARS_HOME), file=file, passphrase=passphrase, at=datetime.now(UTC))
    click.echo(
        f"{file}: the master key {told.master} and the look-up key {told.lookup}. Keep it apart from the backups."
    )


COMMANDS: tuple[click.Command, ...] = (keys_group,)
