"""The packages of npm that the tests use: installed once into a cache folder outside the project."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).with_name("package.json")


class Lacking(Exception):
    """What this machine has not."""


@cache
def packages() -> Path:
    """The folder that holds `node_modules`. Raises `Lacking` where Node, npm or the packages cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Lacking("Node and npm, with which Segment's JavaScript clients are run")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "regulars"
    folder = cache / f"clients-{hashlib.sha256(PACKAGE.read_bytes()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "installed"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.copy(PACKAGE, folder)
            installing = subprocess.run(
                ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=folder,
                capture_output=True,
                text=True,
            )
            if installing.returncode != 0:
                raise Lacking(f"packages of npm that could not be installed: {installing.stderr.strip()[-400:]}")
            done.touch()
    return folder
