"""For whoever can reach the machine's shell: how far the listeners are, and what they gave up on."""

import json
from dataclasses import asdict

import click
from django.utils import timezone

from regulars.kit.actors import SHELL
from regulars.runtime.notices import dead_letters, lag
from regulars.runtime.trail.asking import few_words


@click.group("notices")
def notices_group() -> None:
    """What rooms tell each other: how far listeners are, and dead letters."""


@notices_group.command("lag")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def show_lag(as_json: bool) -> None:
    """How far behind each listener is, and which open transactions hold the stream back."""
    listeners, holders = lag.of_listeners(), lag.holders(longer_than=10)
    if as_json:
        click.echo(
            json.dumps({"listeners": [asdict(one) for one in listeners], "holders": [asdict(h) for h in holders]})
        )
        return
    for one in listeners:
        parked = f", {one.waiting} waiting, {one.dead} dead" if one.waiting or one.dead else ""
        click.echo(f"{one.listener}: {one.behind} behind ({one.seconds:.0f} s), {one.handled} handled{parked}")
    for holder in holders:
        click.echo(
            f"Process {holder.pid} of the database ({holder.state}) holds the stream back for {holder.seconds:.0f} s."
        )
    if not listeners:
        click.echo("Nobody listens.")


@notices_group.command("dead")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def show_dead(as_json: bool) -> None:
    """Notices a listener gave up on."""
    letters = dead_letters.dead(limit=200)
    if as_json:
        click.echo(json.dumps([asdict(letter) for letter in letters], default=str))
        return
    for letter in letters:
        click.echo(f"{letter.id}  {letter.subscriber}  {letter.kind}  {letter.subject}  {letter.error}")
    if not letters:
        click.echo("No dead letters.")


@notices_group.command("replay")
@click.argument("letters", type=int, nargs=-1, required=True)
def replay(letters: tuple[int, ...]) -> None:
    """Try the dead LETTERS again at once."""
    for letter in letters:
        dead_letters.replay(letter=letter, at=timezone.now(), by=SHELL)


@notices_group.command("discard")
@click.argument("letter", type=int)
@click.option("--why", callback=few_words, required=True, help="A few words for the trail.")
def discard(letter: int, why: str) -> None:
    """Set the dead or waiting LETTER aside; the notices behind it go on."""
    dead_letters.discard(letter=letter, at=timezone.now(), by=SHELL, why=why)


COMMANDS: tuple[click.Command, ...] = (notices_group,)
