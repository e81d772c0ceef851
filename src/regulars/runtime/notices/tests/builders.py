"""Notices about people who shop here."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from django.db import transaction

from regulars.kit.actors import SYSTEM
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.outbox import announce

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Bought(Notice):
    kind: ClassVar[str] = "tests.bought"

    person: str
    number: int = 0

    @property
    def subject(self) -> str:
        return f"customer:{self.person}"


@dataclass(frozen=True, kw_only=True)
class Greeted(Notice):
    kind: ClassVar[str] = "tests.greeted"

    person: str

    @property
    def subject(self) -> str:
        return f"customer:{self.person}"


def tell(person: str, number: int = 0, origin: str = "live") -> int:
    """Announce that `person` bought something, in a transaction of its own or the test's."""
    with transaction.atomic():
        return announce(Bought(person=person, number=number, at=MONDAY, origin=origin), by=SYSTEM, verb="tests.buy")
