"""What this room tells the others."""

from dataclasses import dataclass
from typing import ClassVar

from regulars.runtime.notices.notice import Notice


@dataclass(frozen=True, kw_only=True)
class EndpointSwitchedOff(Notice):
    """Nothing is sent there any more until somebody switches it on: it failed for days, or said that it is gone."""

    kind: ClassVar[str] = "outbound.endpoint_switched_off"

    endpoint: int
    why: str

    @property
    def subject(self) -> str:
        """In order per endpoint."""
        return f"webhook_endpoint:{self.endpoint}"
