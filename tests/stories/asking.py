"""Commands as somebody types them, in processes that need not import once more what others wrote.

Most of what a short command takes is importing polars, Django and the like. Here one process has done so and forks;
of the house nothing is imported in it, so each command reads its own settings, as from a shell.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from regulars.runtime.postgres.tests.builders import SOURCE

COMMAND = "import runpy; runpy.run_module('regulars', run_name='__main__', alter_sys=True)"
#: Forks for each line, waits, and says how it ended.
DOORSTEP = """
import json, os, sys
import altair, babel.dates, click, django.core.management, django.db.models, django.forms, django.template, duckdb, ibis
import ibis.backends.duckdb, numpy, phonenumbers, polars, procrastinate, psutil, psycopg, psycopg_pool, pyarrow
import pydantic, rich.console, rich.panel, rich.table, yaml

assert not any(name.partition(".")[0] == "regulars" for name in sys.modules)
for line in sys.stdin:
    told = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.environ.clear()
        os.environ.update(told["environment"])
        for path, number in ((os.devnull, 0), (told["out"], 1), (told["err"], 2)):
            os.dup2(os.open(path, os.O_RDWR), number)
        sys.argv = ["regulars", *told["arguments"]]
        exec(told["program"], {"__name__": "__main__"})
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """As `subprocess.run` answers."""

    returncode: int
    stdout: str
    stderr: str


class Doorstep:
    """Where commands are asked for, one after the other, until it is closed."""

    def __init__(self, folder: Path) -> None:
        self._out, self._err = folder / "out", folder / "err"
        self._process = subprocess.Popen(
            [sys.executable, "-c", DOORSTEP],
            env={name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
            | {"PYTHONPATH": SOURCE},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def regulars(self, *words: str, environment: Mapping[str, str]) -> Ended:
        """`regulars` with these words, and nothing else in its environment."""
        return self.program(COMMAND, *words, environment=environment)

    def program(self, program: str, *arguments: str, environment: Mapping[str, str]) -> Ended:
        """As `python -c program …`."""
        self._out.write_text("")
        self._err.write_text("")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = {"program": program, "arguments": arguments, "environment": dict(environment)}
        self._process.stdin.write(json.dumps(told | {"out": str(self._out), "err": str(self._err)}) + "\n")
        self._process.stdin.flush()
        code = self._process.stdout.readline()
        assert code, "the doorstep has ended"
        return Ended(int(code), self._out.read_text(), self._err.read_text())

    def close(self) -> None:
        self._process.communicate()
        # What the answers were written to, in the memory of the run: the run empties it in any case.
        shutil.rmtree(self._out.parent, ignore_errors=True)


@lru_cache
def doorstep() -> Doorstep:
    """One for all that this process asks for, opened when it asks first."""
    opened = Doorstep(Path(tempfile.mkdtemp(prefix="regulars-doorstep-")))
    atexit.register(opened.close)
    return opened
