"""Who may approve a batch: above the programme's limit another than who asked for it."""

from collections.abc import Collection
from datetime import timedelta

from regulars.facts.sources import api_keys
from regulars.kit.actors import Actor
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._earning.regrant_rows import Regrant
from regulars.levers.loyalty.programme_files import Programme

#: In which what somebody gave without another counts together.
YEAR = timedelta(days=365)


def hands(row: Regrant) -> set[str]:
    """Who asked for it, and all that acts for them."""
    kind, _colon, number = row.asked_behind.partition(":")
    theirs = api_keys.hands_of(Actor("operator", number)) if kind == "operator" else []
    return {row.asked_by, *(str(one) for one in theirs)}


def is_same(by: str, theirs: Collection[str]) -> bool:
    """Whether that is one of these hands, or may be: a program that nobody answers for may be anybody's."""
    kind, _colon, number = by.partition(":")
    return by in theirs or (kind == "api" and api_keys.behind(Actor("api", number)) is None)


def _alone(row: Regrant) -> int:
    """How many parts of the programme's batches who asked for this one asked for and approved without another, within
    the year before: a large sum is not told in small ones."""
    mine = hands(row)
    others = Regrant.objects.filter(
        programme=row.programme_id, state__in=("running", "done"), approved_at__gt=row.asked_at - YEAR
    )
    return sum(
        given + taken
        for asked_by, approved_by, given, taken in others.values_list("asked_by", "approved_by", "given", "taken")
        if asked_by in mine and is_same(approved_by, mine)
    )


def needs_another(row: Regrant, programme: Programme) -> bool:
    """Whether who asked for it cannot approve it."""
    return programmes.needs_another(programme, row.given + row.taken + _alone(row))
