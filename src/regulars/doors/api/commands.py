"""`regulars openapi`."""

from pathlib import Path

import click

from regulars.doors.api.v1.api import written
from regulars.runtime.database.needs import without_database


@without_database
@click.command()
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file  [default: print it]")
def openapi(output: Path | None) -> None:
    """Describe the JSON API as an OpenAPI 3.1 document."""
    if output is None:
        click.echo(written(), nl=False)
    else:
        output.write_text(written(), encoding="utf-8")


COMMANDS: tuple[click.Command, ...] = (openapi,)
