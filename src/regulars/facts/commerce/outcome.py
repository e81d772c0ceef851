"""What a batch came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """What became of each reference. `ids` holds the number of every document that is on record now."""

    ids: Mapping[str, int]
    new: int = 0
    changed: int = 0
    same: int = 0
    stale: Sequence[str] = field(default_factory=tuple)
    conflicts: Sequence[str] = field(default_factory=tuple)
