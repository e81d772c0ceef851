"""Walks through everybody, page by page: where rules changed, of which nobody is told, and again where that is asked
for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from django.db import connection
from django.db.models import Case, QuerySet, When

from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit.actors import Origin
from regulars.levers.loyalty._walks.rows import WalkRow

#: Beyond every id.
END = 2**63 - 1
_Row = TypeVar("_Row", bound=WalkRow)
_Page = TypeVar("_Page")
_PAGE = f"""
SELECT id FROM {CUSTOMERS} WHERE id > %s AND id <= %s AND person_id IS NULL ORDER BY id LIMIT %s
"""  # noqa: S608 - of a constant


class Rules(Protocol):
    """By what people are looked at. `basis` is another where the rules are."""

    @property
    def programme(self) -> int: ...
    @property
    def basis(self) -> str: ...


def people(after: int, size: int, *, until: int = END) -> Iterator[list[int]]:
    """Everybody after that number up to and with another, so many at a time. One query a page."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PAGE, [after, until, size])
            page = [number for (number,) in cursor.fetchall()]
        if page:
            yield page
        if len(page) < size:
            return
        after = page[-1]


@dataclass(frozen=True)
class Walks(Generic[_Row]):
    """The walks of one kind, which `rows` keep."""

    rows: type[_Row]

    def go_on(
        self, rules: Rules, at: datetime, pages: Callable[[int, Callable[[], Origin]], Iterator[tuple[int, _Page]]]
    ) -> Iterator[_Page]:
        """On from where it stopped, as far as whoever asks goes on asking; nothing where it is at its end. `pages` does
        the next ones after a customer, and says the last one of each; asked for each, its origin is live where people
        are told."""
        walk = self._begun(rules)
        if walk.done_at is not None:
            return
        row = self._rows().filter(id=walk.id, basis=walk.basis)
        for last, page in pages(walk.after, lambda: self._origin(row)):
            row.update(after=last)
            yield page
        row.update(done_at=Case(When(again=True, then=None), default=at), after=0, again=False)

    def anew(self, *, tells: bool) -> None:
        """Everybody is to be looked at again: at night; and when history came in, of which nobody is told. Where a walk
        is under way it begins again where it ends, and tells nobody of anything once history came in."""
        quiet = {} if tells else self.rows.telling(False)
        self._rows().filter(done_at__isnull=True).update(again=True, **quiet)
        self._rows().filter(done_at__isnull=False).update(after=0, done_at=None, **self.rows.telling(tells))

    def is_done(self, rules: Rules, at: datetime) -> None:
        """Everybody was looked at by these rules otherwise."""
        walk = self._begun(rules)
        self._rows().filter(id=walk.id, basis=walk.basis).update(done_at=at)

    def _rows(self) -> QuerySet[_Row]:
        return self.rows._default_manager.all()

    def _begun(self, rules: Rules) -> _Row:
        quiet: dict[str, Any] = {"basis": rules.basis, **self.rows.telling(False)}
        row, is_made = self._rows().get_or_create(programme_id=rules.programme, defaults=quiet)
        if not is_made and row.basis != rules.basis:
            self._rows().filter(id=row.id).update(after=0, again=False, done_at=None, **quiet)
            row.refresh_from_db()
        return row

    def _origin(self, row: QuerySet[_Row]) -> Origin:
        # History that comes in meanwhile, and rules that become others, are told to nobody.
        return "live" if row.filter(**self.rows.telling(True)).exists() else "history"
