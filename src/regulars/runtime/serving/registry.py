"""Counts and durations of requests, in Prometheus's text format.

Several web workers serve one shop, and a scrape reaches only one of them. So each leaves a snapshot of its counts in
`run/metrics`, and the one that is asked adds them up. The supervisor empties the folder when it starts.
"""

import json
import logging
import os
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

#: Upper bounds of the histogram's buckets, in seconds.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0)
SNAPSHOT_EVERY = 1.0
Key = tuple[str, str, int]

log = logging.getLogger(__name__)


def escaped(label: str) -> str:
    """A label's value as the text format wants it."""
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


class Registry:
    """This process's counts, and those that the other workers have left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Of the one who writes the snapshot: a scrape does so in a thread of its own.
        self._saving = threading.Lock()
        self._requests: dict[Key, int] = defaultdict(int)
        self._buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS) + 1))
        self._seconds: dict[str, float] = defaultdict(float)
        self._unknown_keys = 0
        self._folder: Path | None = None
        self._saved_at = 0.0

    def keep_in(self, folder: Path) -> None:
        """Leave snapshots in `folder` from now on."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def observe_request(self, *, route: str, method: str, status: int, seconds: float) -> None:
        bucket = next((place for place, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
        with self._lock:
            self._requests[route, method, status] += 1
            self._buckets[route][bucket] += 1
            self._seconds[route] += seconds
        if time.monotonic() - self._saved_at > SNAPSHOT_EVERY:
            try:
                self.save()
            except OSError:
                # The request was answered; its count is in memory, and in the next snapshot there is room for.
                log.warning("the counts of requests could not be written down")

    def count_unknown_key(self, messages: int) -> None:
        """So many messages came with a write key nobody made; they are kept nowhere else."""
        with self._lock:
            self._unknown_keys += messages

    def _left(self) -> list[dict[str, Any]]:
        return [json.loads(file.read_text()) for file in self._folder.glob("*.json")] if self._folder else [self._own()]

    def _own(self) -> dict[str, Any]:
        with self._lock:
            return {
                "requests": [[*key, count] for key, count in self._requests.items()],
                "buckets": dict(self._buckets),
                "seconds": dict(self._seconds),
                "unknown_keys": self._unknown_keys,
            }

    def save(self) -> None:
        """Leave this process's counts for the others."""
        if self._folder is None:
            return
        with self._saving:
            self._saved_at = time.monotonic()
            half = self._folder / f".{os.getpid()}"
            half.write_text(json.dumps(self._own()))
            half.replace(self._folder / f"{os.getpid()}.json")

    def text(self) -> str:
        """All workers' requests and durations."""
        self.save()
        left = self._left()
        requests: dict[Key, int] = defaultdict(int)
        buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS) + 1))
        seconds: dict[str, float] = defaultdict(float)
        for one in left:
            for route, method, status, count in one["requests"]:
                requests[route, method, status] += count
            for route, counts in one["buckets"].items():
                buckets[route] = [a + b for a, b in zip(buckets[route], counts, strict=True)]
            for route, total in one["seconds"].items():
                seconds[route] += total
        lines = ["# HELP regulars_requests_total Requests answered.", "# TYPE regulars_requests_total counter"]
        for (route, method, status), count in sorted(requests.items()):
            labels = f'route="{escaped(route)}",method="{escaped(method)}",status="{status}"'
            lines.append(f"regulars_requests_total{{{labels}}} {count}")
        lines += ["# HELP regulars_request_seconds Time to answer.", "# TYPE regulars_request_seconds histogram"]
        for route, counts in sorted(buckets.items()):
            label, running = f'route="{escaped(route)}"', 0
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
                running += count
                lines.append(f'regulars_request_seconds_bucket{{{label},le="{bound}"}} {running}')
            lines.append(f"regulars_request_seconds_sum{{{label}}} {seconds[route]:.6f}")
            lines.append(f"regulars_request_seconds_count{{{label}}} {running}")
        lines += [
            "# HELP regulars_ingest_unknown_key_total Messages with a write key nobody made; they are kept nowhere.",
            "# TYPE regulars_ingest_unknown_key_total counter",
            f"regulars_ingest_unknown_key_total {sum(one.get('unknown_keys', 0) for one in left)}",
        ]
        return "\n".join(lines) + "\n"


REGISTRY = Registry()
