"""Which of two versions of the same thing counts: by its source's time, never by arrival. Pure."""

from datetime import datetime
from typing import Literal

#: `again` is the content on record, told at a later time: nothing changed, and the time does.
Verdict = Literal["new", "newer", "again", "same", "stale", "conflict"]


def verdict(known: object, content: object, known_at: datetime | None, told_at: datetime, *, is_dated: bool) -> Verdict:
    """What to do with `content` told at `told_at` where `known` is on record since `known_at` (None: nobody told it).

    `is_dated`: the source said when. Otherwise `told_at` is when it came, and the same content is no news.
    """
    if known_at is None:
        return "new"
    if known == content:
        return "again" if is_dated and told_at > known_at else "same"
    if told_at > known_at:
        return "newer"
    return "stale" if told_at < known_at else "conflict"
