"""What this room tells the others."""

from dataclasses import dataclass
from typing import ClassVar

from regulars.runtime.notices.notice import Notice


@dataclass(frozen=True, kw_only=True)
class ReadingsComputed(Notice):
    """Every reading was computed anew in the run `run`; so many differ from before."""

    kind: ClassVar[str] = "measures.readings_computed"

    run: int
    changed: int

    @property
    def subject(self) -> str:
        """All refreshes in one line."""
        return "readings:all"
