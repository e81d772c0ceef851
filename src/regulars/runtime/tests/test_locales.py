"""Machines whose locale is none of UTF-8, such as GB18030: what we read and write is in UTF-8 all the same."""

import os
import subprocess
import sys
from pathlib import Path

from regulars.runtime.postgres.tests.builders import SOURCE


def in_ascii(*arguments: str) -> str:
    """What Python prints in a locale that has no letter beyond ASCII: where it guesses, it fails."""
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": SOURCE, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", *arguments],
        env=os.environ | plain,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_says_what_it_can_do() -> None:
    assert "doctor" in in_ascii("-m", "regulars", "--help")


def test_a_page_is_written_in_utf_8(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    writes = f"disk.write_whole(Path({str(page)!r}), chr(0x56DE))"
    in_ascii("-c", f"from pathlib import Path; from regulars.runtime import disk; {writes}")
    assert page.read_bytes() == "回".encode()
