"""Commands as somebody types them, and what they said.

They run in forks of a process that has imported the house, where there is one: that is most of what a short one takes.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

from regulars.runtime.serving.tests import nursery

COMMAND = "import runpy; runpy.run_module('regulars', run_name='__main__', alter_sys=True)"


@dataclass(frozen=True)
class Ended:
    """As `subprocess.run` answers."""

    returncode: int
    stdout: str
    stderr: str


def regulars(*words: str, environment: Mapping[str, str]) -> Ended:
    """`regulars` with these words, and nothing else in its environment."""
    return program(COMMAND, *words, environment=environment)


def program(text: str, *arguments: str, environment: Mapping[str, str]) -> Ended:
    """As `python -c text …`."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code = nursery.start(
            text, *arguments, environment=environment, stdin=nursery.DEVNULL, stdout=out, stderr=err
        ).wait()
        out.seek(0)
        err.seek(0)
        return Ended(code, out.read(), err.read())
