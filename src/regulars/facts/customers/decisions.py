"""What somebody decided of two records, and what of it still counts. Questions; `identity` has the verbs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Q

from regulars.facts.customers import persons, projecting
from regulars.facts.customers.models import Decision


@dataclass(frozen=True)
class Decided:
    """What somebody decided last of two records."""

    one: int
    other: int
    verdict: Literal["join", "apart"]
    why: str
    at: datetime
    by: str


def of(records: Sequence[int]) -> list[Decided]:
    """What was decided last of each pair of which one is among these records and what still counts. One query."""
    rows = Decision.objects.filter(Q(one_id__in=records) | Q(other_id__in=records))
    latest = {(row.one_id, row.other_id): row for row in sorted(rows, key=_what_counts_last)}
    return [
        Decided(row.one_id, row.other_id, "join" if row.verdict == "join" else "apart", row.why, row.at, row.by)
        for row in latest.values()
        if row.verdict != "open"
    ]


def between(one: int, other: int) -> list[Decided]:
    """What holds of exactly these two records first, then of others of the same two people, the newest first. Two
    queries."""
    told = persons.records_of_many([one, other])
    mine, theirs = set(told[one]), set(told[other])
    pair = (min(one, other), max(one, other))
    found = [
        decided
        for decided in of(sorted(mine | theirs))
        if (decided.one, decided.other) == pair or (mine.isdisjoint(theirs) and _is_of_both(decided, mine, theirs))
    ]
    return sorted(found, key=lambda decided: ((decided.one, decided.other) == pair, decided.at), reverse=True)


def _is_of_both(decided: Decided, mine: set[int], theirs: set[int]) -> bool:
    pair = (decided.one, decided.other)
    return any(one in mine and other in theirs for one, other in (pair, pair[::-1]))


def _what_counts_last(row: Decision) -> tuple[datetime, int, int]:
    return row.at, projecting.CAREFUL[projecting.verdict(row.verdict)], row.id
