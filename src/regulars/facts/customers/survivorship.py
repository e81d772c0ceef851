"""Of all that several sources said of one field, the one value to show, and why. Pure: no database.

Each source's latest word on a field is kept, for each record of the person. The value of the surest source is shown;
of sources that are equally sure, the newest. Empty text is a word too: it withdraws what was said before it by sources
that are no surer. The answer depends on what was said and when, never on the order in which it came in.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple


class Said(NamedTuple):
    """A source's word on one field. `at` is in microseconds since 1970, UTC; `by` wrote it down, as in the trail."""

    text: str
    at: int
    by: str
    source: str
    record: int


class Standing(StrEnum):
    """What became of one word among the others."""

    SHOWN = "shown"
    #: Another word that is no less sure is newer.
    OLDER = "older"
    #: A surer source says something.
    OUTRANKED = "outranked"
    #: Somebody no less sure said later that there is nothing.
    WITHDRAWN = "withdrawn"
    #: It says itself that there is nothing.
    NOTHING = "nothing"


class Because(StrEnum):
    """Why the value shown is the one that is shown."""

    ONLY = "only"
    AGREED = "agreed"
    NEWEST = "newest"
    SUREST = "surest"
    WITHDRAWN = "withdrawn"
    NOTHING = "nothing"


def ranks(surest_first: Sequence[str]) -> dict[str, int]:
    """Source to how sure it is: the first is surest; whoever is not named is equally sure, and less than these."""
    return {source: len(surest_first) - place for place, source in enumerate(surest_first)}


def chosen(words: Iterable[Said], rank: Mapping[str, int]) -> Said | None:
    """The word to show; None where there is none, or it was withdrawn."""
    best: Said | None = None
    silences: list[Said] = []
    candidates: list[Said] = []
    for one in words:
        (candidates if one.text else silences).append(one)
    for one in candidates:
        if silences and any(_withdraws(silence, one, rank) for silence in silences):
            continue
        if best is None or _strength(one, rank) > _strength(best, rank):
            best = one
    return best


def explained(words: Sequence[Said], rank: Mapping[str, int]) -> tuple[Because, list[tuple[Said, Standing]]]:
    """Why the shown value is shown, and what became of each word, the shown one first, the others newest first."""
    best = chosen(words, rank)
    silences = [one for one in words if not one.text]
    told: list[tuple[Said, Standing]] = []
    for one in sorted(words, key=_time, reverse=True):
        if one is best:
            told.insert(0, (one, Standing.SHOWN))
        elif not one.text:
            told.append((one, Standing.NOTHING))
        elif any(_withdraws(silence, one, rank) for silence in silences):
            told.append((one, Standing.WITHDRAWN))
        else:
            assert best is not None
            is_outranked = rank.get(best.source, 0) > rank.get(one.source, 0)
            told.append((one, Standing.OUTRANKED if is_outranked else Standing.OLDER))
    live = [one for one, standing in told if standing not in (Standing.NOTHING, Standing.WITHDRAWN)]
    if best is None:
        return (Because.WITHDRAWN if any(one.text for one in words) else Because.NOTHING), told
    if len(live) == 1:
        return Because.ONLY, told
    if all(one.text == best.text for one in live):
        return Because.AGREED, told
    return (Because.NEWEST if max(live, key=_time) is best else Because.SUREST), told


def _time(one: Said) -> tuple[int, str, int]:
    # Of two words of the same instant the one of the older record counts, for no better reason than to be the same.
    return one.at, one.source, -one.record


def _strength(one: Said, rank: Mapping[str, int]) -> tuple[int, int, str, int]:
    return rank.get(one.source, 0), one.at, one.source, -one.record


def _withdraws(silence: Said, one: Said, rank: Mapping[str, int]) -> bool:
    return rank.get(silence.source, 0) >= rank.get(one.source, 0) and _time(silence) > _time(one)
