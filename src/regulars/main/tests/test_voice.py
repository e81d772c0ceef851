"""What `regulars up` tells at the terminal: where there is none any more, the shop is served all the same."""

import errno
import io
import logging
import sys
from pathlib import Path

import pytest
from rich.console import Console

from regulars.main.up import Voice


class Gone(io.StringIO):
    """A terminal that was closed, or a pipe nobody reads."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, _text: str) -> int:
        raise OSError(self.number, "gone")


@pytest.mark.parametrize("number", [errno.EIO, errno.EPIPE])
def test_a_terminal_that_is_gone_ends_nothing(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "out").open("w") as out:
        # Of a broken pipe Rich leads the whole process's output into nothing.
        monkeypatch.setattr(sys, "stdout", out)
        voice = Voice(Console(file=Gone(number)), logging.getLogger("tests.voice"))
        for _ in range(2):
            voice.hear("web", {"said": "a worker was lost", "level": "warning"})
            voice.say("stopping")
