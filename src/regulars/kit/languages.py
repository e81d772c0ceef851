"""The languages the house speaks, each by its own name."""

from typing import Final, Literal

NAMES: Final = {"en": "English", "zh-hans": "简体中文"}
CODES: Final = tuple(NAMES)

#: As texts beside code are keyed, where gettext does not reach: measures and reports.
Language = Literal["en", "zh"]
