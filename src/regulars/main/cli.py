"""The `regulars` command."""

import contextlib
import errno
import functools
import os
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import click
from django.core.exceptions import ImproperlyConfigured

from regulars.kit.refusals import Refusal
from regulars.main.offered import Offered, offered
from regulars.runtime.serving.parents import end_with_supervisor

#: The commands of this floor: where each is, and its line in the help. Imported when called.
OWN = {
    "up": Offered("up", "Run everything: database, web, workers.", "regulars.main.up"),
    "demo": Offered("demo", "A living demo shop made by the simulator, in a home of its own.", "regulars.main.demo"),
    "doctor": Offered(
        "doctor", "Look at everything that must be right, and say how to mend what is not.", "regulars.main.doctor"
    ),
    "bench": Offered(
        "bench", "Measure how fast it is, beside a limit measured in the same run.", "regulars.main.bench"
    ),
    "manage": Offered("manage", "Run a Django management command.", "regulars.main.manage"),
}


#: What a machine says no to, through no fault of the program.
OUTSIDE = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE),
    *(errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, None),
}


def say(words: str) -> None:
    """Progress for the person at the terminal, beside what the command prints."""
    click.echo(words, err=True)


def _within_database(body: Callable[..., Any]) -> Callable[..., Any]:
    # Django's settings must be set up before anything of it is imported.
    ready = import_module("regulars.runtime.database.ready")

    @functools.wraps(body)
    def run(*arguments: Any, **options: Any) -> Any:
        with ready.database_ready(say=say):
            return body(*arguments, **options)

    return run


@contextlib.contextmanager
def in_plain_words() -> Iterator[None]:
    """What was foreseen to go wrong is said in a line, without a traceback. Raises `click.ClickException`."""
    try:
        yield
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    except ImproperlyConfigured as wrong:
        raise click.ClickException(str(wrong)) from wrong
    except OSError as problem:
        if problem.errno not in OUTSIDE:
            raise
        # Polars gives no number and says everything in one sentence.
        words = f"{problem.strerror}." if problem.strerror else str(problem)
        where = f"{problem.filename}: " if problem.filename else ""
        raise click.ClickException(where + words) from problem


def give_database(command: click.Command) -> click.Command:
    """Let `command`, or every command under it, begin with a database that is ready."""
    needs = import_module("regulars.runtime.database.needs")
    if isinstance(command, click.Group):
        for below in command.commands.values():
            give_database(below)
    elif command.callback is not None and needs.needs_database(command):
        command.callback = _within_database(command.callback)
    return command


class House(click.Group):
    """The rooms' commands and our own. Only the one that is called is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*OWN, *offered()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        one = OWN.get(cmd_name) or offered().get(cmd_name)
        if one is None:
            return None
        # Rooms' commands import models, which need Django set up; the database itself comes later, if at all.
        import_module("django").setup()
        listed: tuple[click.Command, ...] = import_module(one.module).COMMANDS
        found = next(command for command in listed if command.name == cmd_name)
        return found if cmd_name in OWN else give_database(found)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        known = OWN | offered()
        with formatter.section("Commands"):
            formatter.write_dl([(name, known[name].summary) for name in sorted(known)])

    def invoke(self, ctx: click.Context) -> Any:
        with in_plain_words():
            return super().invoke(ctx)


@click.group(cls=House)
@click.version_option(package_name="regulars")
def main() -> None:
    """Turn shoppers into regulars: one self-hosted system on one PostgreSQL."""
    end_with_supervisor()


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "regulars.main.settings")
