"""For whoever can reach the machine's shell: who works here, and a way back in."""

import json

import click
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from regulars.runtime.staff import operators


def address_of(handed: operators.Handed) -> str:
    """The whole address to open in a browser on this machine, or through whatever stands before it."""
    return f"http://{settings.REGULARS_HOST}:{settings.REGULARS_PORT}{reverse('console:welcome', args=[handed.token])}"


@click.group("operators")
def operators_group() -> None:
    """Who works here, and one-time links to let people in."""


@operators_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def list_operators(as_json: bool) -> None:
    """Everybody who works here."""
    people = operators.everybody()
    if as_json:
        rows = [
            {"id": p.id, "email": p.email, "role": p.role.value, "active": p.active, "invited": p.invited}
            for p in people
        ]
        click.echo(json.dumps(rows))
        return
    for person in people:
        state = "active" if person.active else "invited" if person.invited else "left"
        click.echo(f"{person.email}  {person.role.value}  {state}")


@operators_group.command("link")
@click.argument("email", required=False)
def link(email: str | None) -> None:
    """A one-time link: for the operator EMAIL to choose a new password; without EMAIL, for the very first operator."""
    if email:
        click.echo(address_of(operators.let_back_in(email=email, at=timezone.now())))
        return
    handed = operators.first_link(at=timezone.now())
    if handed is None:
        raise click.UsageError("Somebody works here already: name the operator's e-mail address.")
    click.echo(address_of(handed))


COMMANDS: tuple[click.Command, ...] = (operators_group,)
