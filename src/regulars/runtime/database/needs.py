"""Which commands run where there is no database."""

from typing import TypeVar

import click

C = TypeVar("C", bound=click.Command)

_WITHOUT: set[click.Command] = set()


def without_database(command: C) -> C:
    """Put it above `@click.command`: the command starts no server and waits for none."""
    _WITHOUT.add(command)
    return command


def needs_database(command: click.Command) -> bool:
    """Every command of a room does, unless it is marked."""
    return command not in _WITHOUT
