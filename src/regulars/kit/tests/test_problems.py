"""Errors are named, not quoted."""

import pytest

from regulars.kit.problems import named
from regulars.kit.refusals import Refusal


def test_an_error_is_named_without_its_words():
    with pytest.raises(ValueError, match="li") as caught:
        raise ValueError("li.na@example.com")
    assert named(caught.value).startswith("ValueError at")
    assert "example.com" not in named(caught.value)


def test_a_refusal_is_named_with_its_code():
    class Full(Refusal):
        code = "tests.full"

    with pytest.raises(Full) as caught:
        raise Full("the basket of Li Na is full")
    assert named(caught.value).startswith("Full tests.full at")
    assert "Li Na" not in named(caught.value)
