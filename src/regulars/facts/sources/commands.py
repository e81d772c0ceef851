"""`regulars api-key` and `regulars source`: for whoever can reach the machine's shell."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from regulars.facts.company import company
from regulars.facts.sources import api_keys, models, quarantine, sources, traffic, write_keys
from regulars.kit.actors import SYSTEM, Actor
from regulars.runtime.staff import operators

#: `list` tells how messages of this long ended.
LATELY = timedelta(hours=24)


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
@click.option(
    "--for", "email", metavar="E-MAIL", help="Who of the staff answers for what it does: no second eye is theirs then."
)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def make(name: str, may: tuple[str, ...], days: int, email: str | None, as_json: bool) -> None:
    """Make the key NAME and print it, this once."""
    now = datetime.now(UTC)
    made_for = None if email is None else _somebody(email)
    made = api_keys.make(
        name=name, may=may, made_for=made_for, expires_at=now + timedelta(days=days), at=now, by=SYSTEM
    )
    if as_json:
        click.echo(json.dumps({"key": made.token, **_facts(made.key, now)}))
        return
    click.echo(
        f"{name} may {', '.join(sorted(made.key.may))} until {made.key.expires_at.date()}."
        " Keep the key now: it is shown this once.",
        err=True,
    )
    click.echo(made.token)


def _somebody(email: str) -> Actor:
    one = operators.find(email)
    if one is None:
        raise click.ClickException(f"--for: nobody of the staff has the address {email!r}.")
    return operators.actor(one.id)


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


@click.group("source")
def source() -> None:
    """Websites, apps, tills and servers that send events, and their write keys."""


@source.command("make")
@click.argument("name")
@click.option("--kind", type=click.Choice(models.SOURCE_KINDS), default="web", show_default=True)
@click.option(
    "--namespace",
    default="shop",
    show_default=True,
    help="The same for all sources that give people the same ids.",
)
@click.option("--zone", help="For times told without an offset, such as Asia/Shanghai.  [default: the shop's]")
@click.option("--order-feed", is_flag=True, help="Its order events become orders. For one source of each sale only.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def make_source(name: str, kind: str, namespace: str, zone: str | None, order_feed: bool, as_json: bool) -> None:
    """Make the source NAME. The same again changes nothing."""
    made = sources.make(
        name=name,
        kind=kind,
        namespace=namespace,
        zone=zone or company.shop().zone,
        is_order_feed=order_feed,
        at=datetime.now(UTC),
        by=SYSTEM,
    )
    if as_json:
        click.echo(json.dumps(_source_facts(made)))
        return
    click.echo(f"{name} may send as soon as it has a key: regulars source key {name}", err=True)
    click.echo(made.public_id)


@source.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def list_sources(as_json: bool) -> None:
    """All sources, with how their messages of the last 24 hours ended."""
    now = datetime.now(UTC)
    hours = traffic.since(now - LATELY)
    found = []
    for one in sources.every():
        mine = [hour for hour in hours if hour.source == one.id]
        keys = write_keys.of_source(one.id)
        found.append(
            {
                **_source_facts(one),
                "lately": _lately(mine),
                "last_at": max(hour.last_at for hour in mine).isoformat() if mine else None,
                "quarantine": quarantine.waiting(one.id),
                "keys": [_write_key_facts(key) for key in keys],
            }
        )
    if as_json:
        click.echo(json.dumps(found))
        return
    for told in found:
        open_keys = [key["prefix"] + "…" for key in told["keys"] if key["revoked_at"] is None]
        sent = ", ".join(f"{count} {verdict}" for verdict, count in told["lately"].items()) or "nothing in 24 hours"
        state = "retired" if told["retired_at"] else ", ".join(open_keys) or "no key"
        click.echo(f"{told['name']}  {told['kind']}  {told['namespace']}  {state}  {sent}")


@source.command("key")
@click.argument("name")
@click.option(
    "--kinds",
    multiple=True,
    type=click.Choice(write_keys.KINDS),
    help="A call it may make; again for more.  [default: all]",
)
@click.option(
    "--per-second",
    type=int,
    default=write_keys.PER_SECOND,
    show_default=True,
    help="Messages a second it may send for long.",
)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def make_write_key(name: str, kinds: tuple[str, ...], per_second: int, as_json: bool) -> None:
    """Make another write key for the source NAME and print it, this once."""
    made = write_keys.make(
        source=sources.by_name(name).id, kinds=kinds, per_second=per_second, at=datetime.now(UTC), by=SYSTEM
    )
    if as_json:
        click.echo(json.dumps({"key": made.token, **_write_key_facts(made.key)}))
        return
    click.echo(f"{name} sends with this key. Keep it now: it is shown this once.", err=True)
    click.echo(made.token)


@source.command("revoke")
@click.argument("name")
@click.argument("prefix")
def revoke_write_key(name: str, prefix: str) -> None:
    """End the key of the source NAME that begins with PREFIX, at once and for good."""
    found = [key for key in write_keys.of_source(sources.by_name(name).id) if key.prefix.startswith(prefix[:8])]
    if len(found) != 1:
        raise click.UsageError(
            f"{len(found)} keys of {name} begin with {prefix[:8]!r}; give one key's beginning as `regulars source list"
            " --json` shows it"
        )
    write_keys.revoke(key=found[0].id, at=datetime.now(UTC), by=SYSTEM)
    click.echo(f"{found[0].prefix}… opens nothing any more.", err=True)


@source.command("retire")
@click.argument("name")
def retire(name: str) -> None:
    """The source NAME sends no more, for good; what it sent stays."""
    sources.retire(source=sources.by_name(name).id, at=datetime.now(UTC), by=SYSTEM)
    click.echo(f"{name} sends no more.", err=True)


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


def _source_facts(one: sources.Source) -> dict[str, Any]:
    return {
        "id": one.public_id,
        "name": one.name,
        "kind": one.kind,
        "namespace": one.namespace,
        "zone": one.zone,
        "is_order_feed": one.is_order_feed,
        "plan": one.plan,
        "made_at": one.made_at.isoformat(),
        "retired_at": one.retired_at.isoformat() if one.retired_at else None,
    }


def _write_key_facts(key: write_keys.WriteKey) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "kinds": sorted(key.kinds),
        "per_second": key.per_second,
        "made_at": key.made_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }


def _lately(hours: Sequence[traffic.Hour]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for hour in hours:
        counts[hour.verdict] = counts.get(hour.verdict, 0) + hour.count
    return dict(sorted(counts.items()))


COMMANDS: tuple[click.Command, ...] = (api_key, source)
