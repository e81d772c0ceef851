"""What `regulars doctor` says of one thing, and how rooms have it look at theirs.

A room's `checkups.py` has `CHECKUPS`, a tuple of functions that yield findings. They write nothing, take
seconds at most however large the shop is, and are asked when every migration is there. What the database itself makes
impossible needs none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

State = Literal["fine", "warning", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One look at one thing. `mend` is empty where nothing is to be done."""

    what: str
    state: State
    said: str
    mend: str = ""


Checkup = Callable[[], Iterator[Finding]]
