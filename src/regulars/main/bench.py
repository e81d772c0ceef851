"""`regulars bench NAME`: the rooms' benchmarks, each a ratio to a limit measured in the same run."""

import click

from regulars.main.cli import give_database
from regulars.runtime import rooms


def benchmarks() -> dict[str, click.Command]:
    """What the rooms' `benchmarks.py` offer, by name."""
    return {command.name or "": command for module in rooms.modules("benchmarks") for command in module.BENCHMARKS}


class Benches(click.Group):
    """One command a benchmark, found through the rooms, and `all`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["all", *sorted(benchmarks())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "all":
            return everything
        found = benchmarks().get(cmd_name)
        return None if found is None else give_database(found)


@click.group(cls=Benches)
def bench() -> None:
    """Measure how fast it is, beside a limit measured in the same run."""


@click.command("all")
@click.pass_context
def everything(ctx: click.Context) -> None:
    """Every benchmark with its default size, one after the other."""
    for name, command in sorted(benchmarks().items()):
        click.echo(f"── {name}")
        ctx.invoke(give_database(command))


COMMANDS = (bench,)
