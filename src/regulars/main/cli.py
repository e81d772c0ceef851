"""The `regulars` command."""

import os
import sys

import click
from django.core.management import execute_from_command_line


@click.group()
@click.version_option(package_name="regulars")
def main() -> None:
    """Turn shoppers into regulars: one self-hosted system on one PostgreSQL."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "regulars.main.settings")


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Run a Django management command."""
    execute_from_command_line([sys.argv[0], *arguments])
