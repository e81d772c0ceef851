"""What would be missing after a fork."""

from pathlib import Path

#: Threads of libraries that only tidy up, and are not missed.
WHO_TIDY_UP = ("jemalloc_bg_thd", "polars-ooc-clea")


def at_work() -> list[str]:
    """Names of this process's other threads. A fork takes one along: what they were to do is waited for without end."""
    names = [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if name not in WHO_TIDY_UP][1:]
