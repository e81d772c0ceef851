"""`regulars up` from start to stop, as somebody at a terminal has it, with processes killed on the way."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.tests.builders import DEBIAN_15, SOURCE, a_home, migrate_as_the_template, until
from regulars.runtime.serving.tests import nursery
from tests.loudly import skip_loudly
from tests.often import IS_WHOLE
from tests.stories import asking


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, **more: str) -> dict[str, str]:
    """Of somebody whose only setting is the home; the test run's own database stays out of it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
    return kept | {"REGULARS_HOME": str(home), "PYTHONPATH": SOURCE, "COLUMNS": "200"} | more


class Up:
    """A running `regulars up`; `forked` from a process that has imported the house."""

    def __init__(self, home: Path, *, forked: bool = True, **more: str) -> None:
        self.port = a_free_port()
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        words = ["up", "--port", str(self.port)]
        self.process: nursery.Running = (
            nursery.command(*words, environment=environment(home, **more), stdout=self._said, stderr=subprocess.STDOUT)
            if forked
            else subprocess.Popen(
                [sys.executable, "-m", "regulars", *words],
                env=environment(home, **more),
                text=True,
                stdout=self._said,
                stderr=subprocess.STDOUT,
            )
        )

    def said(self) -> str:
        self._said.seek(0)
        return self._said.read()

    def wait_until_open(self) -> None:
        until(lambda: "Ctrl-C" in self.said() or self.process.poll() is not None, seconds=120)
        assert self.process.poll() is None, self.said()

    def get(self, path: str, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def web_server(self) -> psutil.Process:
        """It has the same name as its workers, whose parent it is."""
        for one in psutil.Process(self.process.pid).children():
            # Others come and go while they are looked at.
            with contextlib.suppress(psutil.NoSuchProcess):
                if one.name() == "regulars web":
                    return one
        raise AssertionError("there is no web server")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._said.close()


@contextmanager
def up(home: Path, *, forked: bool = True, **more: str) -> Iterator[Up]:
    running = Up(home, forked=forked, **more)
    try:
        running.wait_until_open()
        yield running
    finally:
        running.close()


def gone(family: list[psutil.Process]) -> Callable[[], bool]:
    def look() -> bool:
        return all(not one.is_running() or one.status() == psutil.STATUS_ZOMBIE for one in family)

    def safely() -> bool:
        try:
            return look()
        except psutil.NoSuchProcess:
            return False

    return safely


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """One migrated home for the tests of this file; each leaves it stopped."""
    with a_home() as folder:
        if not IS_WHOLE:
            with embedded.running(folder) as database:
                migrate_as_the_template(database)
        yield folder


def test_it_opens_answers_and_stops_with_nothing_left(home: Path) -> None:
    with up(home) as shop:
        assert f"http://127.0.0.1:{shop.port}/console/" in shop.said()
        until(lambda: "/console/welcome/" in shop.said())
        assert shop.get("/healthz")[:2] == (200, "ok\n")
        assert json.loads(shop.get("/readyz")[1]) == {"ready": True}
        assert "regulars_database_up 1" in shop.get("/metrics")[1]
        family = shop.family()
        assert len(family) > 5
        shop.process.send_signal(signal.SIGTERM)
        assert shop.process.wait(60) == 0, shop.said()
        until(gone(family))
        assert "stopped" in shop.said()


@pytest.mark.slow
@pytest.mark.crash
def test_it_opens_survives_losses_and_stops_with_nothing_left(home: Path) -> None:
    # As at a terminal: a process that has nothing imported.
    with up(home, forked=False) as shop:
        assert f"http://127.0.0.1:{shop.port}/console/" in shop.said()
        assert "PostgreSQL" in shop.said()
        until(lambda: "/console/welcome/" in shop.said())
        link = next(word for word in shop.said().split() if "/console/welcome/" in word)
        assert shop.get(link.removeprefix(f"http://127.0.0.1:{shop.port}"))[0] == 200
        assert shop.get("/healthz")[:2] == (200, "ok\n")
        assert json.loads(shop.get("/readyz")[1]) == {"ready": True}
        assert shop.get("/static/admin/css/base.css")[0] == 200

        answer = shop.get("/healthz", **{"X-Request-ID": "from-ines.1"})
        assert answer[2]["X-Request-ID"] == "from-ines.1"
        assert "\r" not in shop.get("/healthz", **{"X-Request-ID": "bad id"})[2]["X-Request-ID"]
        assert " " not in shop.get("/healthz", **{"X-Request-ID": "bad id"})[2]["X-Request-ID"]
        metrics = shop.get("/metrics")[1]
        assert 'regulars_requests_total{route="/healthz",method="GET",status="200"}' in metrics
        assert "regulars_database_up 1" in metrics

        second = asking.regulars("up", "--port", str(a_free_port()), environment=environment(home))
        assert second.returncode == 1
        assert f"already up for {home}: process {shop.process.pid}" in second.stderr
        other_home = asking.regulars("up", "--port", str(shop.port), environment=environment(home / "other"))
        assert other_home.returncode == 1
        assert f"Port {shop.port} of 127.0.0.1 is in use" in other_home.stderr

        doctor = asking.regulars("doctor", "--json", environment=environment(home))
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
        assert {one["state"] for one in json.loads(doctor.stdout)} <= {"fine", "warning"}

        web = shop.web_server()
        web.kill()
        until(lambda: "ended by itself (killed by SIGKILL)" in shop.said())
        until(shop.is_ready)
        # One of the two workers of the new web server dies; the other answers, and a new one comes.
        web = shop.web_server()
        until(lambda: len(web.children()) == 2)
        lost = web.children()[0]
        lost.kill()
        until(lambda: len(web.children()) == 2 and lost not in web.children())
        until(shop.is_ready)
        before = embedded.facts(home)
        assert before is not None
        os.kill(before.server, signal.SIGKILL)
        until(lambda: (now := embedded.facts(home)) is not None and now.server != before.server)
        until(shop.is_ready)
        os.kill(before.keeper, signal.SIGKILL)
        until(lambda: (now := embedded.facts(home)) is not None and now.keeper != before.keeper)
        assert shop.is_ready()

        # The server has been taken over, so it is no child of the new keeper.
        family = [*shop.family(), psutil.Process(embedded.ensure(home).server)]
        assert len(family) > 5
        shop.process.send_signal(signal.SIGTERM)
        assert shop.process.wait(60) == 0, shop.said()
        until(gone(family))
        assert "stopped" in shop.said()
        token = link.rstrip("/").split("/")[-1]
        assert not [file.name for file in (home / "logs").iterdir() if token in file.read_text()]
        lines = (home / "logs" / "web.log").read_text().splitlines()
        requests = [json.loads(line) for line in lines if '"regulars.requests"' in line]
        assert any(one["request_id"] == "from-ines.1" and one["route"] == "/healthz" for one in requests)


@pytest.mark.crash
def test_a_killed_supervisor_leaves_nobody_behind(home: Path) -> None:
    with up(home) as shop:
        family = shop.family()
        shop.process.kill()
        shop.process.wait()
        until(gone(family))
        assert not embedded.has_keeper(home)


@pytest.mark.slow
def test_your_own_postgresql_15() -> None:
    if not DEBIAN_15.exists():
        skip_loudly("PostgreSQL 15: install Debian's postgresql-15")
    with a_home() as servers, a_home() as home, embedded.running(servers, bin_folder=DEBIAN_15) as fifteen:
        asked = environment(home, REGULARS_DATABASE_URL=fifteen.app)
        refused = asking.regulars("up", "--port", str(a_free_port()), environment=asked)
        assert refused.returncode == 1
        assert "Set REGULARS_DATABASE_OWNER_URL" in refused.stderr
        with up(home, REGULARS_DATABASE_URL=fifteen.app, REGULARS_DATABASE_OWNER_URL=fifteen.owner) as shop:
            assert shop.is_ready()
            assert "PostgreSQL 15." in shop.said()
            assert fifteen.app.split(":")[2].split("@")[0] not in shop.said(), "a password on the screen"
            shop.process.send_signal(signal.SIGINT)
            assert shop.process.wait(60) == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"REGULARS_PORT": "eighty"}, "REGULARS_PORT is 'eighty'; it must be a number from 1 to 65535"),
        ({"REGULARS_HOST": "no.such.host.invalid"}, "no such address is known"),
        ({"REGULARS_DATABASE_URL": "mysql://somewhere/x"}, "must start with postgresql://"),
        ({"REGULARS_DATABASE_URL": "postgresql://priya:pw-secret@/x?host=/nowhere"}, "this database does not answer"),
    ],
)
def test_a_bad_setting_is_said_in_one_line(settings: dict[str, str], words: str) -> None:
    with a_home() as home:
        asked = environment(home, **({"REGULARS_PORT": str(a_free_port())} | settings))
        refused = asking.regulars("up", environment=asked)
    assert refused.returncode == 1
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "pw-secret" not in refused.stderr
