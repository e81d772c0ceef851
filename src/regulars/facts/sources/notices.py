"""What sources tell other rooms: that one fell silent, speaks again, or sends other than planned; that a file is in."""

from dataclasses import dataclass
from typing import ClassVar

from regulars.runtime.notices.notice import Notice


@dataclass(frozen=True, kw_only=True)
class _OfASource(Notice):
    source: int
    alarm: int

    @property
    def subject(self) -> str:
        """In order per source."""
        return f"source:{self.source}"


@dataclass(frozen=True, kw_only=True)
class SourceFellSilent(_OfASource):
    """So little comes that it is no accident."""

    kind: ClassVar[str] = "sources.fell_silent"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class SourceSpokeAgain(_OfASource):
    """It sends as usual, or was retired."""

    kind: ClassVar[str] = "sources.spoke_again"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class PlanBroken(_OfASource):
    """What comes is not as its plan says."""

    kind: ClassVar[str] = "sources.plan_broken"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class ImportEnded(Notice):
    """A file was walked to its end, or the run gave up: what came in until then stays. `what` is the run's kind."""

    kind: ClassVar[str] = "sources.import_ended"
    version: ClassVar[int] = 1

    run: int
    what: str
    rows_good: int

    @property
    def subject(self) -> str:
        """Each run for itself."""
        return f"import_run:{self.run}"
