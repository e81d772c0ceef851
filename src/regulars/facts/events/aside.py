"""Why somebody set aside what could not be taken. Pure; codes, because a free text might name somebody."""

from typing import Final, Literal, get_args

Why = Literal["mended_otherwise", "no_longer_needed", "cannot_be_done"]
WHYS: Final[tuple[Why, ...]] = get_args(Why)
