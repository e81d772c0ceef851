"""A database of its own for a command that fills one, such as a benchmark: made, used, and gone with its folder."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click


def run(command: Sequence[str]) -> None:
    """`regulars` with these arguments, in a home of its own that is removed afterwards.

    Raises `click.ClickException` when it did not come to its end.
    """
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        # The database's own system user must get in, or the database would be made elsewhere and outlive this folder.
        Path(folder).chmod(0o711)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_DATABASE_")}
        done = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-m", "regulars", *command], env=kept | {"REGULARS_HOME": f"{folder}/home"}, check=False
        )
    if done.returncode:
        raise click.ClickException(f"regulars {' '.join(command[:2])} did not come to its end")
