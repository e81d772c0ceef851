"""Whether what two records tell of names and birthdays speaks for one person, against it, or not at all. Pure.

A family hands its phone, its mailbox and its card around, and an operator gives a number to somebody new: who proves
one of these need not be who proved it before. What else they told decides. Nothing here is likely: words are the same,
or clearly others, or say nothing.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Literal

from rapidfuzz.distance import OSA

Verdict = Literal["same", "other", "silent"]

_CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_NO_LETTER = re.compile(r"[\W\d_]+")
#: What systems and hurried people write in the place of a name.
_NOBODYS_NAME = re.compile(
    r"(微信用户|支付宝用户|用户|会员|顾客|客户|先生|女士|小姐|匿名|游客|wechat user|user|customer|member|guest|test"
    r"|unknown|anonymous|none|null|mr|mrs|ms)\s*"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: Shorter words that differ in one letter are other words.
_LONG_ENOUGH = 4


@dataclass(frozen=True)
class Words:
    """What was told of a record: whole names as `name` makes them, and days of birth as texts with their year."""

    names: frozenset[str] = frozenset()
    birthdays: frozenset[str] = frozenset()


def name(*, given: str, family: str, display: str) -> str:
    """The whole name in the form that is compared; empty where it is nobody's, hidden by stars, or too short."""
    whole = f"{family} {given}" if given and family else display or given or family
    if "*" in whole:
        return ""
    spread = unicodedata.normalize("NFKD", whole.casefold())
    plain = unicodedata.normalize("NFKC", "".join(letter for letter in spread if not unicodedata.combining(letter)))
    words = sorted(_NO_LETTER.sub(" ", plain).split())
    if _NOBODYS_NAME.fullmatch(" ".join(words)):
        return ""
    if _CJK.search(whole):
        # The blank between family and given name says nothing; their order does.
        tidy = _NO_LETTER.sub("", unicodedata.normalize("NFKC", whole.casefold()))
        return tidy if len(tidy) > 1 else ""
    return " ".join(words)


def birthday(text: str) -> str:
    """The day of birth where it has its year in the common calendar; empty where it tells less."""
    return text if _DAY.fullmatch(text) else ""


def compare(mine: Iterable[Words], theirs: Iterable[Words]) -> Verdict:
    """Two people, each by the words of all their records. Another name or another birthday outweighs all that agrees;
    who goes by two names is known by both."""
    told = _both(mine, theirs)
    return "other" if "other" in told else "same" if "same" in told else "silent"


def agree_on_both(mine: Iterable[Words], theirs: Iterable[Words]) -> bool:
    """Whether both a name and a birthday are the same."""
    return set(_both(mine, theirs)) == {"same"}


def _both(mine: Iterable[Words], theirs: Iterable[Words]) -> tuple[Verdict, Verdict]:
    """Of names, and of birthdays."""
    one, other = _together(mine), _together(theirs)
    return (
        # A name in letters says nothing of one in characters, and does not drown what two in characters say.
        _best(_names(a, b) for a, b in product(one.names, other.names) if _script(a) == _script(b)),
        _best(_days(a, b) for a, b in product(one.birthdays, other.birthdays)),
    )


def _together(words: Iterable[Words]) -> Words:
    told = list(words)
    return Words(
        frozenset[str]().union(*(one.names for one in told)), frozenset[str]().union(*(one.birthdays for one in told))
    )


def _script(name: str) -> bool:
    return _CJK.search(name) is not None


def _best(verdicts: Iterable[Verdict]) -> Verdict:
    """Of all that two records said of one thing: once the same is the same, and only all others are others."""
    found = set(verdicts)
    return "same" if "same" in found else "silent" if "silent" in found or not found else "other"


def _names(one: str, other: str) -> Verdict:
    if _CJK.search(one):
        if one == other:
            return "same"
        # Given names are each family's own choice, so one of two signs tells without the family's; another sign is a
        # sister, or a slip: nobody knows.
        return "same" if one.endswith(other) or other.endswith(one) else "other"
    mine, theirs = one.split(), other.split()
    if mine == theirs:
        # A first name alone is shared by many.
        return "same" if len(mine) > 1 else "silent"
    few, many = sorted((mine, theirs), key=len)
    return "silent" if all(any(_may_be(word, longer) for longer in many) for word in few) else "other"


def _may_be(one: str, other: str) -> bool:
    """The same word, an initial of it, or a slip of the finger."""
    if len(one) == 1 or len(other) == 1:
        return one[0] == other[0]
    return one == other or (min(len(one), len(other)) >= _LONG_ENOUGH and OSA.distance(one, other) == 1)


def _days(one: str, other: str) -> Verdict:
    distance = OSA.distance(one, other)
    return "same" if distance == 0 else "silent" if distance == 1 else "other"
