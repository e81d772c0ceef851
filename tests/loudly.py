"""Skipping so that nobody overlooks it."""

import os
import warnings
from typing import NoReturn

import pytest


def skip_loudly(what_is_missing: str) -> NoReturn:
    """Skip with a warning that stands in the summary; a failure where CI is set: there all is to be tested."""
    words = f"not tested, because this machine lacks {what_is_missing}"
    if os.environ.get("CI"):
        pytest.fail(words)
    warnings.warn(words, stacklevel=2)
    pytest.skip(words)
