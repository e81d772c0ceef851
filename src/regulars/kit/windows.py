"""Half-open windows: the start belongs to them, the end does not, so neighbours share nothing and miss nothing."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Generic, TypeVar

from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _

Moment = TypeVar("Moment", date, datetime)


class BadWindow(Refusal):
    """Ends before it starts, mixes days with instants, or has an instant without a zone."""

    code = "window.bad"


@dataclass(frozen=True)
class Window(Generic[Moment]):
    """From `start` up to but not including `end`: two days, or two instants (kept in UTC). May be empty."""

    start: Moment
    end: Moment

    def __post_init__(self) -> None:
        if type(self.start) is not type(self.end):
            raise BadWindow(
                _("window: %(start)r and %(end)r are of two kinds; give two days or two instants")
                % {"start": self.start, "end": self.end},
                field="end",
                value=repr(self.end),
            )
        for name in ("start", "end"):
            moment = getattr(self, name)
            if isinstance(moment, datetime):
                # Python compares two instants of one zone by their clock faces, which is wrong in folds; UTC has none.
                object.__setattr__(self, name, in_utc(moment, name))
        if self.end < self.start:
            raise BadWindow(
                _("end: %(end)s is before the start %(start)s; swap them")
                % {"end": self.end.isoformat(), "start": self.start.isoformat()},
                field="end",
                value=self.end.isoformat(),
            )

    @property
    def is_empty(self) -> bool:
        return self.start == self.end

    def __contains__(self, moment: Moment) -> bool:
        return self.start <= moment < self.end

    def overlaps(self, other: "Window[Moment]") -> bool:
        """Whether they share a moment; touching is not sharing, and an empty window shares nothing."""
        return max(self.start, other.start) < min(self.end, other.end)

    def intersect(self, other: "Window[Moment]") -> "Window[Moment] | None":
        """The shared part, or None when there is none."""
        if not self.overlaps(other):
            return None
        return Window(max(self.start, other.start), min(self.end, other.end))


def in_utc(instant: datetime, field: str) -> datetime:
    """The same instant in UTC; refused without a zone."""
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise BadWindow(
            _("%(field)s: %(value)s has no zone; say which clock it was read from")
            % {"field": field, "value": instant.isoformat()},
            field=field,
            value=instant.isoformat(),
        )
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)
