"""Processes of the house that tests kill: forked from one that has imported it, as `regulars up` has them.

Importing the house costs a process a second and more of a core; what is killed after a moment of work is mostly that.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

#: For a line that lists a command's words it forks and says the pid; for a line with a pid it waits and says the end.
HOUSE = """
import gc, json, os, sys, traceback
import django
django.setup()
from regulars.main.cli import main

exec(sys.argv[1])
gc.freeze()
for line in sys.stdin:
    told = json.loads(line)
    if isinstance(told, int):
        print(os.waitstatus_to_exitcode(os.waitpid(told, 0)[1]), flush=True)
        continue
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        code = 1
        try:
            main(told)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    print(pid, flush=True)
"""


class Child:
    """One running command, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, house: "subprocess.Popen[str]", pid: int) -> None:
        self._house, self._process = house, psutil.Process(pid)
        self.pid = pid
        #: None while it runs, below zero when a signal ended it.
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and self._process.status() == psutil.STATUS_ZOMBIE:
            self.returncode = int(asked(self._house, self.pid))
        return self.returncode

    def wait(self, timeout: float = 120) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            assert time.monotonic() < end, f"it has not ended after {timeout} s"
            time.sleep(0.005)
        return code

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()


class Nursery:
    """A process in `environment` that forks commands of ours, after `first`, Python that may import and change modules.

    Ends with the block; what it forked and is still running is killed.
    """

    def __init__(self, environment: Mapping[str, str], *, first: str = "") -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the block
        self._house = subprocess.Popen(
            [sys.executable, "-c", HOUSE, first],
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "regulars.main.settings"} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            cwd=Path.cwd(),
        )
        self._children: list[Child] = []

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            if child.poll() is None:
                child.kill()
                child.wait()
        self._house.communicate()
        self._said.close()

    def start(self, *words: str) -> Child:
        """`regulars` with these words."""
        child = Child(self._house, int(asked(self._house, words)))
        self._children.append(child)
        return child

    def said(self) -> str:
        """What all of them have printed."""
        self._said.seek(0)
        return self._said.read()


def asked(house: "subprocess.Popen[str]", what: object) -> str:
    """What it answers to one line."""
    assert house.stdin is not None
    assert house.stdout is not None
    house.stdin.write(json.dumps(what) + "\n")
    house.stdin.flush()
    answer = house.stdout.readline()
    assert answer, "the nursery has ended"
    return answer
