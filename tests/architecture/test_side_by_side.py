"""Tests in several processes: each is run once and told of, whatever becomes of the others."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(folder: Path, *arguments: str, **files: str) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return subprocess.run(
        # None of our plugins but the one.
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.side_by_side",
            "-p",
            "no:cacheprovider",
            "--processes=2",
            *arguments,
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )


def test_what_a_process_takes_along_is_done_by_others(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "-rf",
        test_ines="""
import os, signal, warnings
def test_a(): pass
def test_dies(): os.kill(os.getpid(), signal.SIGKILL)
def test_after_it(): warnings.warn("this machine lacks a printer")
""",
        test_marek="""
import pytest
@pytest.fixture(scope="session")
def shop():
    yield "open"
    open("closed", "a").write("x")
@pytest.mark.parametrize("number", range(20))
def test_numbers(number, shop): assert number != 7, print("the seventh")
def test_is_left_out(): pytest.skip("no snow")
""",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 failed, 21 passed, 1 skipped, 1 warning" in done.stdout
    assert "FAILED test_ines.py::test_dies" in done.stdout
    assert "The process that ran this test ended in the middle of it, with -9." in done.stdout
    assert "FAILED test_marek.py::test_numbers[7] - AssertionError" in done.stdout
    assert "this machine lacks a printer" in done.stdout
    assert "the seventh" in done.stdout
    assert (tmp_path / "closed").read_text() == "x"


def test_the_first_failure_ends_the_run_where_that_was_asked(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "-x",
        test_priya="""
import time
import pytest
@pytest.mark.parametrize("number", range(300))
def test_numbers(number):
    time.sleep(0.05)
    assert number != 1
""",
    )
    assert "1 failed" in done.stdout
    assert "stopping after 1 failures" in done.stdout
    assert done.returncode == 1


def test_a_module_that_computes_while_it_is_collected_is_refused(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        test_lena="""
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
def test_a(): pass
""",
    )
    assert done.returncode == 4
    assert "belongs into a test or a fixture" in done.stderr
