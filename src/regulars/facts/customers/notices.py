"""What this room tells the others. An import of the past makes customers quietly: its own room tells of the batch."""

from dataclasses import dataclass
from typing import ClassVar

from regulars.runtime.notices.notice import Notice


@dataclass(frozen=True, kw_only=True)
class CustomerSeen(Notice):
    """Somebody new, met just now."""

    kind: ClassVar[str] = "customers.customer_seen"

    customer: int

    @property
    def subject(self) -> str:
        return f"customer:{self.customer}"


@dataclass(frozen=True, kw_only=True)
class CustomerDescribed(Notice):
    """Fields of a customer's profile changed: their names, and which contacts somebody else is known by."""

    kind: ClassVar[str] = "customers.customer_described"

    customer: int
    fields: tuple[str, ...]
    shared: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return f"customer:{self.customer}"
