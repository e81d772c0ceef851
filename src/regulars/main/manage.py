"""`regulars manage …`: Django's own commands, with the database running for those that want one."""

import contextlib
import sys
import warnings

import click
from django.core.management import execute_from_command_line

from regulars.main.cli import say
from regulars.runtime.database.ready import server

WITHOUT_DATABASE = frozenset(
    {"help", "version", "check", "makemigrations", "makemessages", "compilemessages", "collectstatic", "diffsettings"}
)


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Run a Django management command. It migrates nothing by itself."""
    # makemigrations would like to compare with a database, and says at length that there is none.
    warnings.filterwarnings("ignore", "Got an error checking a consistent migration history")
    asks_only = not arguments or arguments[0] in WITHOUT_DATABASE or "--help" in arguments
    with contextlib.nullcontext() if asks_only else server(say=say):
        execute_from_command_line([sys.argv[0], *arguments])


COMMANDS = (manage,)
