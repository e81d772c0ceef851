"""Which of two versions of the same thing counts: by its source's word, never by arrival. Pure."""

from collections.abc import Mapping
from typing import Literal, TypeVar

from regulars.facts.commerce.outcome import Word

#: `again` is the content on record, told at a later time: nothing changed, and the time does.
Verdict = Literal["new", "newer", "again", "same", "stale", "conflict"]
#: What an outcome says of each.
WORDS: Mapping[Verdict, Word] = {
    "new": "new",
    "newer": "changed",
    "again": "same",
    "same": "same",
    "stale": "stale",
    "conflict": "conflict",
}
#: A source's version number, or its time.
Mark = TypeVar("Mark")


def verdict(known: object, content: object, known_mark: Mark | None, told: Mark, *, is_dated: bool) -> Verdict:
    """What to do with `content` marked `told` where `known` is on record, marked `known_mark` (None: nobody told it).

    Marks are ordered. `is_dated`: the source said it; otherwise it is when the content came, and the same is no news.
    """
    if known_mark is None:
        return "new"
    later = told > known_mark  # type: ignore[operator]  # both are of one ordered type, which no protocol can say
    if known == content:
        return "again" if is_dated and later else "same"
    if later:
        return "newer"
    return "conflict" if told == known_mark else "stale"
