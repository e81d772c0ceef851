"""What this room tells the others."""

from dataclasses import dataclass
from typing import ClassVar

from regulars.runtime.notices.notice import Notice


@dataclass(frozen=True, kw_only=True)
class _OfAnAudience(Notice):
    audience: int

    @property
    def subject(self) -> str:
        return f"audience:{self.audience}"


@dataclass(frozen=True, kw_only=True)
class AudienceDefined(_OfAnAudience):
    """There is one more, or it asks something else from now on: its definition's number."""

    kind: ClassVar[str] = "audiences.audience_defined"

    definition: int


@dataclass(frozen=True, kw_only=True)
class AudienceArchived(_OfAnAudience):
    """Nobody is in it any more, and nobody comes in."""

    kind: ClassVar[str] = "audiences.audience_archived"


@dataclass(frozen=True, kw_only=True)
class AudienceFilled(_OfAnAudience):
    """Everybody was looked at for a new definition: so many are in now who were not, and the other way round. Nobody's
    own coming or going is told."""

    kind: ClassVar[str] = "audiences.audience_filled"

    entered: int
    left: int


@dataclass(frozen=True, kw_only=True)
class _OfSomebody(Notice):
    customer: int
    audience: int
    change: int

    @property
    def subject(self) -> str:
        return f"customer:{self.customer}"


@dataclass(frozen=True, kw_only=True)
class AudienceEntered(_OfSomebody):
    """Somebody came into an audience; the change says why."""

    kind: ClassVar[str] = "audiences.audience_entered"


@dataclass(frozen=True, kw_only=True)
class AudienceLeft(_OfSomebody):
    """Somebody left an audience; the change says why."""

    kind: ClassVar[str] = "audiences.audience_left"
