"""The languages the house speaks, each by its own name; and whether a language tag names a language at all."""

import re
from functools import cache
from typing import Final, Literal

from babel import Locale

NAMES: Final = {"en": "English", "zh-hans": "简体中文"}
CODES: Final = tuple(NAMES)

#: As texts beside code are keyed, where gettext does not reach: measures and reports.
Language = Literal["en", "zh"]

_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
#: Codes that say that no language is meant.
_NONE = frozenset({"und", "mul", "zxx"})


def is_language(tag: str) -> bool:
    """Whether a tag like `zh-Hans` or `en` begins with a language that there is; scripts and countries stay unlooked
    at. Reads the list of languages once, some 0.1 s."""
    return bool(_TAG.fullmatch(tag)) and tag.partition("-")[0] in _known()


@cache
def _known() -> frozenset[str]:
    return frozenset(Locale("en").languages) - _NONE
