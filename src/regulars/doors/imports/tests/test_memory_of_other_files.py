"""However many customers or events a file has, reading it takes the same memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.often import LONGER

#: For each number of rows, kind and how: reads a file of as many rows, every tenth bad, writes its rejects, and prints
#: how many rows were good and the most memory it took, in kilobytes; each in a fork, which has the imports and nothing
#: else behind it. Chunks and parts are small, so that the smaller file has many, too. `kept` keeps in a list what
#: should be laid aside: the mistake that the test must see.
CHILD = """
import os
import sys
import django
django.setup()
from datetime import UTC, datetime
from pathlib import Path
from regulars.doors.imports import customer_files, event_files, left_out, reading, rejects, spilling
from regulars.facts.events.messages import Sender
from regulars.kit import civil

reading.CHUNK = spilling.PART = left_out._BUCKET = event_files.BATCH = 800
folder = Path(sys.argv[1])
for asked in sys.argv[2:]:
    child = os.fork()
    if child == 0:
        break
    if os.waitpid(child, 0)[1]:
        sys.exit(1)
else:
    sys.exit()
rows, kind, how = asked.split(" ", 2)
rows = int(rows)
now = datetime(2025, 6, 1, tzinfo=UTC)
path = folder / f"{kind}-{rows}.csv"
with path.open("w") as file:
    if kind == "customers":
        file.write("customer,name,address,birthday\\n")
        for number in range(rows):
            day = "never" if number % 10 == 0 else "1990-12-31"
            file.write(f"c{number},Ines {number},{number} Kings Road that goes on for a while in Leeds,{day}\\n")
    else:
        file.write("event,time,user_id,price,place\\n")
        for number in range(rows):
            at = "never" if number % 10 == 0 else "2025-05-02 10:00"
            file.write(f"Product Viewed,{at},c{number % 997},4.50,{number} is where it was seen in the shop\\n")
sender = Sender(id=1, namespace="orders", zone=civil.zone("UTC"), keyed=b"k" * 32)
opened = (
    customer_files.walk(path, None, zone="UTC", region="CN", now=now)
    if kind == "customers"
    else event_files.walk(path, None, zone="UTC", sender=lambda _: sender, now=now)
)
kept = []
with opened as walked:
    walked.read()
    for part in walked.parts():
        if kind == "events":
            walked.came(part, None)
        if how == "kept":
            kept.append(part if kind == "events" else part.to_dicts())
    rejects.write(walked.source, walked.left_out, folder / "rejects.csv")
# Not getrusage: that counts what the process that started this one had taken.
most = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(walked.rows_good, most.split()[1])
"""


def most_memory(folder: Path, *asked: str) -> list[tuple[int, float]]:
    """Rows that are good, and megabytes, of each that is asked for."""
    # One thread of polars: each takes blocks of its own from the system, more or fewer as it comes.
    environment = os.environ | {"POLARS_MAX_THREADS": "1", "DJANGO_SETTINGS_MODULE": "regulars.main.settings"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), *asked],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    return [(int(good), int(kilobytes) / 1024) for good, kilobytes in lines]


@pytest.mark.longer
@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Growth in megabytes below `most`; kept in a list, the rows alone are above it, as `make long` makes sure."""
    few, many, most = 4_000, 18_000, 6
    kinds = ("customers", "events")
    mistaken = [f"{many} {kind} kept" for kind in kinds] if LONGER > 1 else []
    found = most_memory(tmp_path, *(f"{rows} {kind} laid aside" for kind in kinds for rows in (few, many)), *mistaken)

    assert [good for good, _ in found[:4]] == [few * 9 // 10, many * 9 // 10] * 2
    (small, large, small_too, large_too), kept = (
        [memory for _, memory in found[:4]],
        [memory for _, memory in found[4:]],
    )
    assert large - small < most, "customers"
    assert large_too - small_too < most, "events"
    assert all(most < memory - before for memory, before in zip(kept, (small, small_too), strict=False))
