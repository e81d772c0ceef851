"""The client libraries, each in a program of its own, as a shop would use it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.clients import node

SENDERS = Path(__file__).with_name("senders")
CHROMIUM = os.environ.get("REGULARS_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
#: Seconds until a client gives one request up, and until it gives up altogether: long, as they double pauses.
TIMEOUT, PATIENCE = 2, 240


@dataclass(frozen=True)
class Client:
    """One library: its program, and what it needs of this machine. `is_browser` sends each message by itself,
    unless it `is_batching`."""

    name: str
    program: str
    is_javascript: bool = False
    is_browser: bool = False
    is_batching: bool = False

    def lacks(self) -> str:
        """What this machine has not and the client needs; empty where it can be run."""
        try:
            if self.is_javascript:
                node.packages()
        except node.Lacking as lacking:
            return str(lacking)
        if self.is_browser and not Path(CHROMIUM).exists():
            return f"Chromium, looked for at {CHROMIUM}; REGULARS_CHROMIUM names another place"
        return ""

    def start(self, *, address: str, key: str, what: str, more: Mapping[str, Any]) -> "subprocess.Popen[str]":
        """The running program, of a client that lacks nothing."""
        told: dict[str, Any] = {"address": address, "key": key, "what": what, "timeout": TIMEOUT, "patience": PATIENCE}
        if self.is_javascript:
            told["packages"] = str(node.packages())
        if self.is_browser:
            told |= {"chromium": CHROMIUM, "isBatching": self.is_batching}
        run = "node" if self.program.endswith(".mjs") else sys.executable
        return subprocess.Popen(
            [run, str(SENDERS / self.program), json.dumps({**told, **more})],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


CLIENTS = (
    Client("segment-analytics-python", "segment_python.py"),
    Client("rudder-sdk-python", "rudder_python.py"),
    Client("@segment/analytics-node", "analytics_node.mjs", is_javascript=True),
    Client("@segment/analytics-next", "analytics_browser.py", is_javascript=True, is_browser=True),
)
#: The browser's library another way.
BATCHING = replace(CLIENTS[-1], name="@segment/analytics-next, batching", is_batching=True)


def ended(running: "subprocess.Popen[str]", *, patience: float = PATIENCE + 30) -> dict[str, Any]:
    """What the program said at its end; a failure when it failed or hung for longer than `patience` seconds."""
    try:
        out, problems = running.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        running.kill()
        out, problems = running.communicate()
    assert running.returncode == 0, f"{out}\n{problems}"
    told: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return told
