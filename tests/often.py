"""How often a property is tried."""

import os

#: `make long` tries each this many times as often as `make test`.
LONGER = 8 if os.environ.get("REGULARS_TEST_HEAVY") == "1" else 1


def often(examples: int) -> int:
    """`examples` in the suite; many times as many with `REGULARS_TEST_HEAVY=1`."""
    return examples * LONGER
