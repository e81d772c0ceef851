"""The `regulars` command: its own few commands and those of every room."""

import os
import sys
from functools import cache

import click
import django
from django.core.management import execute_from_command_line

from regulars.runtime import rooms


class House(click.Group):
    """The commands declared here and those of the rooms, which are looked into only when one of theirs is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted({*super().list_commands(context), *_of_rooms()})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return super().get_command(context, name) or _of_rooms().get(name)


@cache
def _of_rooms() -> dict[str, click.Command]:
    django.setup()
    found: dict[str, click.Command] = {}
    for module in rooms.modules("commands"):
        for command in module.COMMANDS:
            assert command.name, command
            if command.name in found:
                raise RuntimeError(f"Two rooms offer the command {command.name!r}; {module.__name__} is the second.")
            found[command.name] = command
    return found


@click.group(cls=House)
@click.version_option(package_name="regulars")
def main() -> None:
    """Turn shoppers into regulars: one self-hosted system on one PostgreSQL."""


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "regulars.main.settings")


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Run a Django management command."""
    execute_from_command_line([sys.argv[0], *arguments])
