"""How often a property is tried, and how much of what is long."""

import os
from collections.abc import Iterable
from typing import Any

import pytest

#: `make long` tries each this many times as often as `make test`.
LONGER = 8 if os.environ.get("REGULARS_TEST_HEAVY") == "1" else 1
#: Whether tests marked `slow` are done whole. `make test` leaves them out, or does a short form of them.
IS_WHOLE = LONGER > 1 or os.environ.get("REGULARS_TEST_SLOW") == "1"


def often(examples: int) -> int:
    """`examples` in the suite; many times as many with `REGULARS_TEST_HEAVY=1`."""
    return examples * LONGER


def a_few(first: int, values: Iterable[Any]) -> list[Any]:
    """Parameters of a test: the first of them are tried by `make test`, the others by `make slow`."""
    return [one if n < first else pytest.param(one, marks=pytest.mark.slow) for n, one in enumerate(values)]
