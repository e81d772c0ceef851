"""`regulars api-key`: for whoever can reach the machine's shell."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from regulars.facts.sources import api_keys
from regulars.kit.actors import SYSTEM


@click.group("api-key")
def api_key() -> None:
    """Keys for programs that use the JSON API."""


@api_key.command("make")
@click.argument("name")
@click.option(
    "--may", "may", multiple=True, required=True, metavar="ACTION", help="An action it may do, such as orders.write."
)
@click.option(
    "--days", type=click.IntRange(1, 3650), default=api_keys.LIFE.days, show_default=True, help="How long it works."
)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def make(name: str, may: tuple[str, ...], days: int, as_json: bool) -> None:
    """Make the key NAME and print it, this once."""
    now = datetime.now(UTC)
    made = api_keys.make(name=name, may=may, expires_at=now + timedelta(days=days), at=now, by=SYSTEM)
    if as_json:
        click.echo(json.dumps({"key": made.token, **_facts(made.key, now)}))
        return
    click.echo(
        f"{name} may {', '.join(sorted(made.key.may))} until {made.key.expires_at.date()}."
        " Keep the key now: it is shown this once.",
        err=True,
    )
    click.echo(made.token)


@api_key.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def list_keys(as_json: bool) -> None:
    """All keys, without their secrets."""
    now = datetime.now(UTC)
    keys = [_facts(key, now) for key in api_keys.every()]
    if as_json:
        click.echo(json.dumps(keys))
        return
    for key in keys:
        used = f"last used {key['last_used_on']}" if key["last_used_on"] else "never used"
        click.echo(f"{key['name']}  {key['prefix']}…  {key['state']}  {used}  {', '.join(key['may'])}")


@api_key.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """End the key NAME at once and for good."""
    api_keys.revoke(name=name, at=datetime.now(UTC), by=SYSTEM)
    click.echo(f"{name} opens nothing any more.", err=True)


def _facts(key: api_keys.ApiKey, now: datetime) -> dict[str, Any]:
    state = "revoked" if key.revoked_at else "works" if key.works(now) else "expired"
    return {
        "name": key.name,
        "prefix": key.prefix,
        "state": state,
        "may": sorted(key.may),
        "expires_at": key.expires_at.isoformat(),
        "last_used_on": key.last_used_on.isoformat() if key.last_used_on else None,
    }


COMMANDS: tuple[click.Command, ...] = (api_key,)
