"""A real Medusa for a test: installed, with a database of its own, started, spoken to, and stopped again.

Packages are installed once, in exact versions, into a cache folder outside the project. `REGULARS_PEER_MEDUSA` may name
a folder that has them already, in its `node_modules`.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regulars.runtime.postgres.accounts import database_account
from regulars.runtime.postgres.binaries import find_binaries, reachable

HERE = Path(__file__).parent
MODULE = HERE.parent.parent / "extras" / "medusa-subscriber" / "regulars.ts"
MAIL, PASSWORD = "peer@shop.example", "a password for a test"
#: Seconds for a start, on a machine that does other things too.
STARTS_WITHIN = 300


class Lacking(Exception):
    """What this machine has not."""


def packages() -> Path:
    """The folder that holds `node_modules`."""
    if (own := os.environ.get("REGULARS_PEER_MEDUSA")) and (Path(own) / "node_modules").is_dir():
        return Path(own)
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Lacking("Node 20 or newer and npm, with which a real Medusa is installed (700 MB, some minutes)")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "regulars"
    asked = (HERE / "package.json").read_bytes()
    folder = cache / f"medusa-{hashlib.sha256(asked).hexdigest()[:12]}"
    done = folder / "installed"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_bytes(asked)
        say("installing Medusa from npm, once: 700 MB, some minutes …")
        installing = subprocess.run(
            ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if installing.returncode != 0:
            raise Lacking(f"packages of npm that could not be installed: {installing.stderr.strip()[-400:]}")
        done.touch()
    return folder


def say(words: str) -> None:
    print(f"peer-medusa: {words}", flush=True)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True)
class Medusa:
    """A running shop: where it is, which version, and its keys."""

    address: str
    version: str
    key: str

    def ask(self, method: str, path: str, body: object = None, *, key: str = "") -> Any:
        """One call of the Admin API; of the Store API where `key`, a publishable one, is given."""
        headers = {"Content-Type": "application/json"}
        if key:
            headers["x-publishable-api-key"] = key
        else:
            headers["Authorization"] = "Basic " + b64encode(f"{self.key}:".encode()).decode()
        return _call(method, self.address + path, headers, body)


def _call(method: str, url: str, headers: Mapping[str, str], body: object) -> Any:
    written = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, method=method, headers=dict(headers), data=written)
    try:
        with urllib.request.urlopen(asked, timeout=120) as reply:
            return json.loads(reply.read() or b"null")
    except urllib.error.HTTPError as refused:
        raise AssertionError(f"{method} {url}: {refused.code} {refused.read()[:500]!r}") from refused


@contextlib.contextmanager
def database() -> Iterator[str]:
    """The URL of an empty database, on the embedded binaries, listening on this machine alone."""
    account, port = database_account(), free_port()
    # Whom root steps down to has to be let in.
    folder = Path(tempfile.mkdtemp(prefix="regulars-peer-"))
    binaries = reachable(find_binaries(), account=account, shelf=folder)
    if account.steps_down:
        os.chown(folder, account.uid, account.gid)
    try:
        data, log = folder / "database", folder / "database.log"
        making = ["-U", "medusa", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        _run([binaries.program("initdb"), "-D", str(data), *making], cwd=folder, **account.for_process())
        server = subprocess.Popen(
            [binaries.program("postgres"), "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1",
             "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"],
            cwd=folder, stdout=log.open("wb"), stderr=subprocess.STDOUT, **account.for_process(),
        )  # fmt: skip
        try:
            _until(lambda: _answers(port), server, log)
            _run([binaries.program("createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "medusa", "medusa"])
            yield f"postgres://medusa@127.0.0.1:{port}/medusa"
        finally:
            # Fast: its clients are gone, or have to go.
            _stop(server, signal.SIGINT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def shop(folder: Path, *, hook_url: str, secret: str, port: int) -> Iterator[Medusa]:
    """A shop that tells `hook_url`, on an empty database."""
    project = folder / "shop"
    (project / "src" / "subscribers").mkdir(parents=True)
    packed = packages()
    for name in ("package.json", "medusa-config.js"):
        shutil.copy(HERE / name, project)
    (project / "node_modules").symlink_to(packed / "node_modules")
    # As a build of the shop would make it.
    _run(
        [str(packed / "node_modules/.bin/esbuild"), str(MODULE), "--format=cjs", "--platform=node",
         f"--outfile={project / 'src/subscribers/regulars.js'}"]
    )  # fmt: skip
    medusa = str(packed / "node_modules/.bin/medusa")
    with database() as url:
        known = {
            **os.environ,
            "DATABASE_URL": url,
            "MEDUSA_DISABLE_TELEMETRY": "1",
            "NODE_ENV": "production",
            "REGULARS_HOOK_URL": hook_url,
            "REGULARS_SECRET": secret,
        }
        say("making its tables …")
        _run([medusa, "db:migrate"], cwd=project, env=known)
        _run([medusa, "user", "-e", MAIL, "-p", PASSWORD], cwd=project, env=known)
        log = folder / "shop.log"
        server = subprocess.Popen(
            [medusa, "start", "--host", "127.0.0.1", "-p", str(port)],
            cwd=project, env=known, stdout=log.open("wb"), stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            _until(lambda: _is_well(port), server, log)
            yield _opened(f"http://127.0.0.1:{port}", packed)
        finally:
            # It has children of its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            _stop(server, signal.SIGKILL)


def _opened(address: str, packed: Path) -> Medusa:
    told = json.loads((packed / "node_modules/@medusajs/medusa/package.json").read_text(encoding="utf-8"))
    plain = {"Content-Type": "application/json"}
    token = _call("POST", f"{address}/auth/user/emailpass", plain, {"email": MAIL, "password": PASSWORD})["token"]
    headers = {**plain, "Authorization": f"Bearer {token}"}
    made = _call("POST", f"{address}/admin/api-keys", headers, {"type": "secret", "title": "Regulars"})
    return Medusa(address, told["version"], made["api_key"]["token"])


def _run(command: Sequence[str], **more: Any) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{Path(command[0]).name} {command[1]}: {(done.stdout + done.stderr).strip()[-1500:]}")


def _until(is_so: Any, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while not is_so():
        if server.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"it did not start: {log.read_text(errors='replace')[-1500:]}")
        time.sleep(0.3)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _is_well(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
        return bool(reply.status == 200)
    return False


def _stop(server: subprocess.Popen[bytes], how: signal.Signals) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=20 if how is signal.SIGKILL else 0.1)
        return
    server.send_signal(how)
    server.wait(timeout=60)
