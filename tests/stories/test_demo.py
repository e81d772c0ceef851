"""`regulars demo` as somebody has it who has just heard of it: one command, a shop full of people, Ctrl-C."""

import http.client
import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from regulars.main.demo import _clear as clear_demo
from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.tests.builders import a_home, until
from regulars.simulator import homes
from tests.stories import asking
from tests.stories.test_up import a_free_port, environment, gone

#: What follows the words about the first sign-in, from its path on.
LINK = r"makes you the owner[^\[]*?http://127\.0\.0\.1:\d+(/console/\S+)"


class Demo:
    """A running `regulars demo`, whose home will be `home`."""

    def __init__(self, home: Path, *, shoppers: int) -> None:
        self.port = a_free_port()
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        words = ["demo", "--shoppers", str(shoppers), "--every", "0.3", "--port", str(self.port)]
        # A database of somebody's own is set, and must be left alone.
        asked = environment(home.parent, REGULARS_DATABASE_URL="postgresql://nobody@127.0.0.1:9/real_shop")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "regulars", *words],
            env=asked,
            text=True,
            stdout=self._said,
            stderr=subprocess.STDOUT,
        )

    def said(self) -> str:
        self._said.seek(0)
        return self._said.read()

    def wait_until_open(self) -> None:
        until(lambda: "Ctrl-C" in self.said() or self.process.poll() is not None, seconds=180)
        assert self.process.poll() is None, self.said()

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def end(self) -> None:
        """Ctrl-C, and nothing is left."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.said()
        until(gone(family))


@contextmanager
def demo(home: Path, *, shoppers: int = 150) -> Iterator[Demo]:
    running = Demo(home, shoppers=shoppers)
    try:
        running.wait_until_open()
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()


def ask(home: Path, question: str) -> int:
    running = embedded.facts(home)
    assert running is not None
    with psycopg.connect(running.reader) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.slow
def test_one_command_opens_a_living_shop_and_the_next_start_finds_it_again():
    with a_home("demo") as home:
        with demo(home) as first:
            assert first.get("/healthz")[0] == 200
            # It is said after the first lines.
            until(lambda: re.search(LINK, first.said()) is not None)
            link = re.search(LINK, first.said())
            assert link is not None
            assert first.get(link[1])[0] == 200
            assert ask(home, "SELECT count(*) FROM measures_reading") > 120
            repeat_rate = "(SELECT value->'came_back' AS told FROM measures_shop_reading WHERE name = 'repeat_rate')"
            assert ask(home, f"SELECT (told->>'value')::float * (told->>'n')::float FROM {repeat_rate} AS rate") > 50
            until(lambda: ask(home, "SELECT count(*) FROM commerce_order WHERE origin = 'live'") > 1)
            assert ask(home, "SELECT count(*) FROM commerce_order WHERE origin = 'history'") > 300
            fresh = asking.regulars("demo", "--fresh", environment=environment(home.parent))
            assert fresh.returncode == 1
            assert "Stop it first" in fresh.stderr
            first.end()
        with demo(home) as second:
            assert "the demo shop is there already: 150 shoppers" in second.said()
            assert ask(home, "SELECT count(*) FROM commerce_order WHERE origin = 'history'") > 300
            second.end()
        lost_and_brought_back(home)


def lost_and_brought_back(home: Path) -> None:
    """Its machine is lost, all but the backups and the file of keys; an empty one has the shop again."""
    passphrase = {"REGULARS_KEYS_PASSPHRASE": "seven green teapots"}
    made = asking.regulars("backup", "--json", environment=environment(home))
    assert made.returncode == 0, made.stderr
    keys = home.parent / "keys.json"
    saved = asking.regulars("keys", "save", str(keys), environment=environment(home, **passphrase))
    assert saved.returncode == 0, saved.stderr
    with embedded.running(home):
        people = ask(home, "SELECT count(*) FROM secrets_person_key")
        orders = ask(home, "SELECT count(*) FROM commerce_order")
    with a_home() as new:
        to = ("restore", "--from", str(home / "backups"), "--to", "latest")
        refused = asking.regulars(*to, environment=environment(new))
        assert (refused.returncode, "--keys" in refused.stderr) == (1, True), refused.stderr
        done = asking.regulars(*to, "--keys", str(keys), "--json", environment=environment(new, **passphrase))
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["wrong"] == []
        with embedded.running(new):
            assert ask(new, "SELECT count(*) FROM secrets_person_key") == people > 100
            assert ask(new, "SELECT count(*) FROM commerce_order") == orders


@pytest.mark.parametrize("arguments", [[], ["--fresh"]])
def test_somebodys_own_folder_called_demo_is_left_alone(tmp_path: Path, arguments: list[str]):
    thesis = tmp_path / "demo/thesis.docx"
    (tmp_path / "demo/run").mkdir(parents=True)
    thesis.write_text("nine years")
    refused = asking.regulars("demo", *arguments, environment=environment(tmp_path))
    assert refused.returncode == 1
    assert "was not made by `regulars demo`" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert thesis.read_text() == "nine years"


def test_a_demo_that_ended_before_it_had_a_database_is_removed(tmp_path: Path):
    home = tmp_path / "demo"
    homes.claim(home, homes.Shop(20, 0.1, "short", "2026-11-01"))
    clear_demo(home)
    assert not home.exists()
