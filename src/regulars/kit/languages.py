"""The languages the house speaks, each by its own name."""

from typing import Final

NAMES: Final = {"en": "English", "zh-hans": "简体中文"}
CODES: Final = tuple(NAMES)
