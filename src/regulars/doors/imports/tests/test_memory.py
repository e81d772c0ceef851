"""However many rows of a file are bad, reading it takes the same memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.often import LONGER

#: For each number of rows and how: reads a file of as many rows, every fifth with a text of its own for a quantity,
#: every tenth held back by it, writes its rejects, and prints how many and the most memory it took, in kilobytes; each
#: in a fork, which has the imports and nothing else behind it. Chunks and parts are small, so that the smaller file has
#: many, too. `kept` keeps in a list what should be laid aside: the mistake that the test must see.
CHILD = """
import os
import sys
import django
django.setup()
from datetime import UTC, datetime
from pathlib import Path
from regulars.doors.imports import left_out, order_files, reading, rejects, spilling
from regulars.doors.imports.left_out import LeftOut

folder = Path(sys.argv[1])
reading.CHUNK = spilling.PART = left_out._BUCKET = int(sys.argv[2])
for asked in sys.argv[3:]:
    child = os.fork()
    if child == 0:
        break
    if os.waitpid(child, 0)[1]:
        sys.exit(1)
else:
    sys.exit()
rows, how = int(asked.partition(" ")[0]), asked.partition(" ")[2]
path = folder / f"{rows}.csv"
with path.open("w") as file:
    file.write("order,placed_at,customer,product,quantity,unit_price,currency\\n")
    for number in range(rows):
        quantity = f"{number} of these as many as there were in the shop on that day" if number % 5 == 0 else "2"
        order = number - 1 if number % 10 == 1 else number
        file.write(f'A{order},2025-05-02 10:00,c{number % 997},p{number % 101},{quantity},4.50,GBP\\n')
if how == "kept":
    kept = []
    lay_aside = LeftOut.add_problems

    def keep(self, problems):
        kept.extend(problems.iter_rows(named=True))
        lay_aside(self, problems)

    LeftOut.add_problems = keep
now = datetime(2025, 6, 1, tzinfo=UTC)
with order_files.walk(path, None, zone="UTC", currency="GBP", now=now, progress=lambda *_: None) as walked:
    walked.read()
    for _ in walked.parts():
        pass
    written, _ = rejects.write(walked.source, walked.left_out, folder / "rejects.csv")
# Not getrusage: that counts what the process that started this one had taken.
most = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(written, most.split()[1])
"""


def most_memory(folder: Path, chunk: int, *asked: str) -> list[tuple[int, float]]:
    """Rows rejected, and megabytes, of each that is asked for."""
    # One thread of polars: each takes blocks of its own from the system, more or fewer as it comes.
    environment = os.environ | {"POLARS_MAX_THREADS": "1", "DJANGO_SETTINGS_MODULE": "regulars.main.settings"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), str(chunk), *asked],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    return [(int(written), int(kilobytes) / 1024) for written, kilobytes in lines]


SIZES = [
    pytest.param(2_000, 10_000, 60_000, 7, id="short"),
    pytest.param(5_000, 100_000, 400_000, 30, id="long", marks=pytest.mark.long),
]


@pytest.mark.longer
@pytest.mark.slow
@pytest.mark.parametrize(("chunk", "few", "many", "most"), SIZES)
def test_memory_does_not_grow_with_the_bad_rows(tmp_path: Path, chunk: int, few: int, many: int, most: int) -> None:
    """Growth in megabytes below `most`; kept in a list, the problems alone are above it, as `make long` makes sure."""
    mistaken = [f"{many} kept"] if LONGER > 1 else []
    (few_rejected, small), (many_rejected, large), *kept = most_memory(
        tmp_path, chunk, f"{few} laid aside", f"{many} laid aside", *mistaken
    )

    assert (few_rejected, many_rejected) == (few * 3 // 10, many * 3 // 10)
    assert large - small < most
    assert all(most < memory - small for _, memory in kept)
