"""`regulars events`, `regulars quarantine`: what could not be taken, how long events are kept, reading them again."""

import json
from datetime import UTC, datetime
from typing import TextIO

import click

from regulars.facts.events import aside, following, past_orders, retention
from regulars.facts.events import orders as of_orders
from regulars.facts.events import replay as replaying
from regulars.facts.events.messages import KINDS
from regulars.facts.sources import quarantine, sources
from regulars.kit.actors import SHELL, SYSTEM
from regulars.kit.refusals import Refusal

_MOST_SHOWN = 1_000


@click.group()
def events() -> None:
    """Events: what was parked, how long they are kept, reading them again."""


@events.command()
@click.option("--notes", is_flag=True, help="Events that were taken but for a part of them.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def parked(notes: bool, as_json: bool) -> None:
    """Events that a reader of the stream could not take, newest first."""
    found = following.parked(notes=notes)
    if as_json:
        told = [
            {"reader": one.reader, "event": one.event, "problem": one.problem, "parked_at": one.parked_at.isoformat()}
            for one in found
        ]
        click.echo(json.dumps(told))
        return
    for one in found:
        click.echo(f"{one.reader}  {one.event}  {one.problem}")
    if not found:
        click.echo("Nothing is parked.", err=True)


@events.command()
@click.argument("reader")
@click.argument("event", type=int)
def retry(reader: str, event: int) -> None:
    """Let READER take the parked EVENT now."""
    if following.retry(reader=reader, event=event, at=datetime.now(UTC), by=SYSTEM):
        click.echo(f"{reader} has taken {event}.", err=True)
    else:
        click.echo(f"The time of {event} is over; it is parked no more.", err=True)


@events.command()
def retry_all() -> None:
    """Let the readers take all that is parked now, a thousand at once, oldest first."""
    done = following.try_all_again(at=datetime.now(UTC), by=SYSTEM)
    click.echo(f"{done.taken} taken, {done.over} over, {done.still} still parked, {done.left} not tried.", err=True)


@events.command()
@click.argument("reader")
@click.argument("event", type=int)
@click.option("--why", type=click.Choice(aside.WHYS), required=True, help="The trail keeps it.")
@click.option("--note", is_flag=True, help="A note: the event was taken but for a part of it.")
def set_aside(reader: str, event: int, why: aside.Why, note: bool) -> None:
    """Nobody waits any more for READER to take the parked EVENT; the event stays."""
    try:
        following.set_aside(reader=reader, event=event, is_note=note, why=why, at=datetime.now(UTC), by=SYSTEM)
    except following.NotParked as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo(f"{event} is set aside.", err=True)


@events.command()
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def orders(as_json: bool) -> None:
    """Events of the order feed that put nothing on record: they failed, or wait for their order. Newest first."""
    found = of_orders.problems(limit=_MOST_SHOWN)
    if as_json:
        told = [
            {
                "event": one.event,
                "name": one.name,
                "order": one.ref,
                "occurred_at": one.occurred_at.isoformat(),
                "state": one.state,
                "code": one.code,
                "problem": one.why,
            }
            for one in found
        ]
        click.echo(json.dumps(told))
        return
    for one in found:
        click.echo(f"{one.event}  {one.name}  {one.state}  {one.why}")
    if not found:
        click.echo("Every event of an order is on record.", err=True)


@events.command()
@click.argument("event", type=int)
def retry_order(event: int) -> None:
    """Try again to put on record what EVENT tells of an order, as after the shop's settings were mended."""
    try:
        done = of_orders.retry(event=event, at=datetime.now(UTC), by=SYSTEM)
    except of_orders.NotAnOrderEvent as refusal:
        raise click.ClickException(refusal.message) from refusal
    if done.state == "failed":
        raise click.ClickException(done.why)
    click.echo(f"{event} {'waits for its order' if done.state == 'waiting' else 'is on record'}.", err=True)


@events.command()
@click.argument("source")
def retry_orders(source: str) -> None:
    """Try again all events of orders of SOURCE (its name) that failed or wait, a thousand at once, oldest first."""
    done = of_orders.retry_all(source=_source(source), at=datetime.now(UTC), by=SYSTEM)
    click.echo(
        f"{done.applied} on record now, {done.waiting} wait for their order, {done.failed} failed again,"
        f" {done.left} not tried yet.",
        err=True,
    )


@events.command("past-orders")
@click.argument("source")
@click.option("--apply", "is_to_apply", is_flag=True, help="Put them on record, as history.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def of_the_past(source: str, is_to_apply: bool, as_json: bool) -> None:
    """Events of orders that SOURCE (its name) sent before it was the order feed: how many, and putting them on record.

    What an import or another source has told, too, would count twice.
    """
    number = _source(source)
    found = past_orders.count(source=number)
    if is_to_apply:
        try:
            past_orders.apply(source=number, at=datetime.now(UTC), by=SYSTEM)
        except Refusal as refusal:
            raise click.ClickException(refusal.message) from refusal
    if as_json:
        at = {"first_at": found.first_at, "last_at": found.last_at}
        told = {"events": found.events, **{name: one and one.isoformat() for name, one in at.items()}}
        click.echo(json.dumps({**told, "applied": is_to_apply}))
    else:
        between = f", {found.first_at:%Y-%m-%d} to {found.last_at:%Y-%m-%d}" if found.first_at and found.last_at else ""
        click.echo(f"{found.events} events of orders{between}{'; put on record' if is_to_apply else ''}.")


@events.command()
@click.argument("event", type=int)
@click.option("--why", type=click.Choice(aside.WHYS), required=True, help="The trail keeps it.")
def set_order_aside(event: int, why: aside.Why) -> None:
    """Nobody waits for what EVENT tells of an order any more; `retry-order` brings it back."""
    try:
        of_orders.set_aside(event=event, why=why, at=datetime.now(UTC), by=SYSTEM)
    except (of_orders.NotAnOrderEvent, of_orders.OnRecord) as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo(f"{event} is set aside.", err=True)


@events.command()
@click.argument("source")
@click.option("--code", default="", help="Only those that failed for this reason, such as no_products.")
@click.option("--why", type=click.Choice(aside.WHYS), required=True, help="The trail keeps it.")
def set_orders_aside(source: str, code: str, why: aside.Why) -> None:
    """Set aside the events of orders of SOURCE (its name) that failed, a thousand at once, oldest first."""
    count = of_orders.set_aside_all(source=_source(source), code=code, why=why, at=datetime.now(UTC), by=SYSTEM)
    click.echo(f"{count} set aside.", err=True)


@events.command()
def rebuild() -> None:
    """Forget what was concluded of visitors and read all events that are kept again; the house stays up meanwhile."""
    following.rebuild(at=datetime.now(UTC), by=SYSTEM)
    click.echo(
        "The events are read again from the first one; regulars_events_behind in /metrics tells how far.", err=True
    )


@events.command()
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def kept(as_json: bool) -> None:
    """For how many months events are kept, by kind and by name."""
    found = retention.rules()
    if as_json:
        click.echo(json.dumps([{"kind": one.kind, "name": one.name, "months": one.months} for one in found]))
        return
    for one in found:
        click.echo(f"{one.kind:<9} {one.months:>3} months  {one.name or '(all others)'}")


@events.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("months", type=int)
@click.option("--name", default="", help="Only events of this name.  [default: all of the kind]")
def keep(kind: str, months: int, name: str) -> None:
    """Keep events of KIND for so many MONTHS. What is older goes in the next night and does not come back."""
    retention.keep(kind=kind, name=name, months=months, at=datetime.now(UTC), by=SYSTEM)
    click.echo(f"{name or kind}: {months} months.", err=True)


@events.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("name")
def keep_as_others(kind: str, name: str) -> None:
    """Events of NAME are kept as long as the others of their KIND again."""
    retention.drop(kind=kind, name=name, at=datetime.now(UTC), by=SYSTEM)
    click.echo(f"{name}: as the others.", err=True)


def _source(name: str) -> int:
    try:
        return sources.by_name(name).id
    except sources.UnknownSource as refusal:
        raise click.ClickException(refusal.message) from refusal


@click.group("quarantine")
def in_quarantine() -> None:
    """Messages that were not taken: reading one, sending it again. The console lists them."""


@in_quarantine.command("open")
@click.argument("number", type=int)
def open_one(number: int) -> None:
    """Print what message NUMBER said; who opened it is written down."""
    try:
        text = quarantine.opened(number=number, at=datetime.now(UTC), by=SHELL)
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo(text)


@in_quarantine.command()
@click.argument("number", type=int)
@click.option("--mended", type=click.File(encoding="utf-8"), help="A file with the mended message, or batch of them.")
@click.option("--despite-plan", is_flag=True, help="Let it in although the source's tracking plan blocks it.")
def send(number: int, mended: TextIO | None, despite_plan: bool) -> None:
    """Send message NUMBER again, as it came or mended."""
    try:
        done = replaying.replay(
            quarantined=number,
            mended=None if mended is None else mended.read(),
            despite_plan=despite_plan,
            at=datetime.now(UTC),
            by=SHELL,
        )
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    if done.said in ("rejected", "conflict"):
        raise click.ClickException(done.why)
    click.echo(f"{done.accepted} taken, {done.duplicates} known already, {done.rejected} rejected.", err=True)


COMMANDS = (events, in_quarantine)
