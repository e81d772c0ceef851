"""Request ids, metrics, and a database that is away."""

import asyncio
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory

from regulars.runtime.serving import health, observed
from regulars.runtime.serving.middleware import RouteAndDatabase
from regulars.runtime.serving.observed import Observed
from regulars.runtime.serving.processes import Program, Running
from regulars.runtime.serving.registry import Registry, escaped


def answered_id(given: bytes | None, method: str = "GET") -> str:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {}

    headers = [(b"x-request-id", given)] if given is not None else []
    asyncio.run(Observed(app)({"type": "http", "method": method, "headers": headers}, receive, send))
    return str(dict(sent[0]["headers"])[b"x-request-id"].decode())


def test_a_callers_request_id_is_kept_if_it_is_harmless() -> None:
    assert answered_id(b"shop-7.a_B") == "shop-7.a_B"
    for bad in (b"", b"a b", b"a\nb", "编号".encode(), b"x" * 65, None):
        made = answered_id(bad)
        assert len(made) == 16
        assert made.isalnum()


def test_counts_of_several_workers_are_added_up(tmp_path: Path) -> None:
    first, second = Registry(), Registry()
    first.keep_in(tmp_path)
    first.observe_request(route="/console/", method="GET", status=200, seconds=0.02)
    first.count_unknown_key(3)
    first.save()
    # As another process would leave it.
    (tmp_path / "other.json").write_text(next(tmp_path.glob("*.json")).read_text())
    second.keep_in(tmp_path / "elsewhere")
    assert 'regulars_requests_total{route="/console/",method="GET",status="200"} 2' in first.text()
    assert 'regulars_request_seconds_bucket{route="/console/",le="0.025"} 2' in first.text()
    assert "regulars_ingest_unknown_key_total 6" in first.text()
    assert "/console/" not in second.text()


def test_requests_that_are_counted_at_once_do_not_take_each_others_snapshot(tmp_path: Path) -> None:
    registry = Registry()
    registry.keep_in(tmp_path)
    with ThreadPoolExecutor(4) as several:
        # A scrape saves in a thread of its own while the event loop counts.
        list(several.map(lambda _: registry.save(), range(400)))
    assert "regulars_requests_total" in registry.text()


def test_a_snapshot_that_cannot_be_written_fails_no_request(tmp_path: Path) -> None:
    registry = Registry()
    registry.keep_in(tmp_path / "metrics")
    (tmp_path / "metrics").rmdir()
    registry.observe_request(route="/console/", method="GET", status=200, seconds=0.02)
    (tmp_path / "metrics").mkdir()
    assert 'regulars_requests_total{route="/console/",method="GET",status="200"} 1' in registry.text()


def test_a_made_up_method_makes_no_series_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()
    monkeypatch.setattr(observed, "REGISTRY", registry)
    for method in ("PROPFIND", "FROM-INES-1", "get", "PUT"):
        answered_id(None, method)
    said = registry.text()
    assert 'method="OTHER",status="204"} 3' in said
    assert 'method="PUT",status="204"} 1' in said
    assert "INES" not in said


@pytest.mark.parametrize(("goes", "status"), [(True, "499"), (False, "500")])
def test_a_caller_who_goes_before_the_answer_is_no_failure_of_ours(
    monkeypatch: pytest.MonkeyPatch, goes: bool, status: str
) -> None:
    registry = Registry()
    monkeypatch.setattr(observed, "REGISTRY", registry)

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect" if goes else "http.request"}

    async def send(_message: Any) -> None:
        pytest.fail("there is no answer")

    asyncio.run(Observed(app)({"type": "http", "method": "GET", "headers": []}, receive, send))

    assert f'method="GET",status="{status}"}} 1' in registry.text()


def test_labels_are_escaped() -> None:
    assert escaped('a"b\\c\nd') == 'a\\"b\\\\c\\nd'


@pytest.mark.django_db
def test_health_readiness_and_metrics(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"
    assert json.loads(client.get("/readyz").content) == {"ready": True}
    said = client.get("/metrics").content.decode()
    assert "regulars_database_bytes " in said
    assert client.post("/healthz").status_code == 405


def test_not_ready_says_why(monkeypatch: pytest.MonkeyPatch, rf: RequestFactory) -> None:
    monkeypatch.setattr(health, "_not_ready", lambda: "2 migrations are pending")
    answer = health.readyz(rf.get("/readyz"))
    assert answer.status_code == 503
    assert json.loads(answer.content)["because"] == "2 migrations are pending"


def test_a_database_that_hangs_is_told_in_time(monkeypatch: pytest.MonkeyPatch, rf: RequestFactory) -> None:
    over, asked = Event(), []

    def hang() -> str:
        asked.append(1)
        over.wait(10)
        return ""

    monkeypatch.setattr(health, "_ask", hang)
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.1)
    began = time.monotonic()
    answers = [health.readyz(rf.get("/readyz")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503] * 3
    assert "does not answer" in answers[0].content.decode()
    assert time.monotonic() - began < 2
    assert asked == [1]  # those who come meanwhile wait for the same answer
    over.set()
    assert health.readyz(rf.get("/readyz")).status_code == 200


def _middleware_says(problem: Exception, rf: RequestFactory) -> Any:
    return RouteAndDatabase(lambda _request: pytest.fail("not called")).process_exception(rf.get("/"), problem)


def test_a_database_that_is_away_is_a_503_and_other_troubles_are_not(rf: RequestFactory) -> None:
    away = OperationalError("gone")
    away.__cause__ = psycopg.errors.AdminShutdown()
    answer = _middleware_says(away, rf)
    assert (answer.status_code, answer["Retry-After"]) == (503, "3")
    locked = OperationalError("no")
    locked.__cause__ = psycopg.errors.LockNotAvailable()
    assert _middleware_says(locked, rf) is None
    assert _middleware_says(ValueError("a bug"), rf) is None


def _stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("here")
    time.sleep(60)


def test_a_program_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    heard: list[str] = []
    stubborn = Program("stubborn", _stubborn, grace=0.3)
    running = Running(stubborn, logs=tmp_path, hear=lambda _name, told: heard.append(str(told["said"])))
    running.start()
    process = running.process
    assert process is not None
    while "here" not in heard:
        assert process.poll() is None
    running.stop()
    assert process.returncode == -9
    assert "did not end in 0.3 s and is killed" in heard


def test_what_a_program_says_and_how_it_ends_is_heard_and_it_starts_again(tmp_path: Path) -> None:
    heard: list[dict[str, object]] = []

    def broken() -> None:
        print('{"said": "one", "level": "warning"}')
        raise KeyError("priya@example.org")

    running = Running(Program("broken", broken), logs=tmp_path, hear=lambda _name, told: heard.append(told))
    running.start()
    end = time.monotonic() + 60
    while len([told for told in heard if "error" in told]) < 2:
        assert time.monotonic() < end
        running.look()
    running.stop()
    assert {"said": "one", "level": "warning"} in heard
    # As every other error: its type and where, not what it quotes.
    assert [told["error"] for told in heard if "error" in told] == ["KeyError", "KeyError"]
    assert "ended by itself (exit code 1); starts again in 0.5 s" in [told["said"] for told in heard]
    assert "priya" not in (tmp_path / "broken.log").read_text()


def test_nothing_of_the_parent_stays_open_in_a_program(tmp_path: Path) -> None:
    """A lock held by a child as well would outlive its holder."""
    with (tmp_path / "lock").open("w") as held:
        assert held.fileno() > 2
        running = Running(Program("child", _what_is_open), logs=tmp_path, hear=_nobody)
        running.start()
        assert running.process is not None
        assert running.process.wait(60) == 0
        running.stop()
    # The one that is listed is the folder itself, while it is read.
    assert (tmp_path / "child.log").read_text() == "['0', '1', '2', '3']\n"


def _what_is_open() -> None:
    print(sorted(file.name for file in Path("/proc/self/fd").iterdir()))


def _nobody(_name: str, _told: dict[str, object]) -> None:
    """Listens."""
