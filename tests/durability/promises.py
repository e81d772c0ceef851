"""What is put to the test here: work that is acknowledged, and a list of what is there afterwards."""

import os
import threading
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Recorder:
    """Writes down what was acknowledged, on a disk of its own, synced before it counts. For any number of threads."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a")
        self._lock = threading.Lock()
        self.acknowledged: list[str] = []

    def write_down(self, ids: Sequence[str]) -> None:
        with self._lock:
            self._file.write("".join(f"{one}\n" for one in ids))
            self._file.flush()
            os.fsync(self._file.fileno())
            self.acknowledged += ids

    def close(self) -> None:
        self._file.close()


class Promise(Protocol):
    """Something that says "recorded" and must keep its word, as the door of events does."""

    def workload(self, *, recorder: Recorder, until: threading.Event) -> None:
        """Work and write down each id as soon as it was acknowledged; whatever fails is tried again as it was.

        Returns soon after `until` is set. Called in several threads at once.
        """

    def present(self) -> Counter[str]:
        """What is there now, and how often."""

    def faults(self) -> list[str]:
        """What does not agree with itself, or was refused for want of what had been acknowledged; in words."""

    def remark(self) -> str:
        """What else there is to say of the whole trial."""


@dataclass(frozen=True)
class Kept:
    """How a promise was kept: ids that were acknowledged and are not there, ids that are there more than once."""

    acknowledged: int
    present: int
    lost: Collection[str]
    doubled: Collection[str]

    @property
    def whole(self) -> bool:
        return not self.lost and not self.doubled

    def __str__(self) -> str:
        return (
            f"{self.acknowledged:,} acknowledged, {self.present:,} present, {len(self.lost):,} lost,"
            f" {len(self.doubled):,} doubled"
        )


def compare(acknowledged: Collection[str], present: Counter[str]) -> Kept:
    """`acknowledged` beside what is there."""
    return Kept(
        len(acknowledged),
        len(present),
        sorted(set(acknowledged) - set(present)),
        sorted(one for one, times in present.items() if times > 1),
    )


class Working:
    """A promise under load, in threads."""

    def __init__(self, promise: Promise, *, recorder: Recorder, workers: int) -> None:
        self._recorder = recorder
        self._until = threading.Event()
        self._problems: list[BaseException] = []

        def work() -> None:
            try:
                promise.workload(recorder=recorder, until=self._until)
            except BaseException as problem:
                self._problems.append(problem)

        self._threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def got(self, count: int) -> bool:
        """Whether so many have been acknowledged so far; raises what a worker was surprised by."""
        if self._problems:
            raise self._problems[0]
        return len(self._recorder.acknowledged) >= count

    def stop(self) -> None:
        """Returns when nobody works any more; raises what a worker was surprised by."""
        self._until.set()
        for thread in self._threads:
            thread.join()
        self.got(0)
