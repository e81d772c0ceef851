"""What connectors say in a code, of a message or of a shop, the console says in words."""

import re
from pathlib import Path

import pytest

from regulars.doors import connectors
from regulars.doors.console import inbox_words, shop_words


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        ("Not(?:Understood|Taken)", inbox_words.WHY),
        ("Forged", shop_words.REFUSED),
        ("CallFailed", shop_words.WENT_WRONG),
        ("(?:WontTake|CannotSay)", shop_words.WENT_WRONG),
    ],
)
def test_every_reason_of_a_connector_has_words_in_the_readers_language(raised: str, words: dict[str, object]) -> None:
    folder = Path(connectors.__file__).parent
    codes = {
        code
        for file in folder.rglob("*.py")
        if "tests" not in file.parts
        for code in re.findall(rf'\b{raised}\(\s*"([a-z_]+)"', file.read_text())
    }
    assert codes
    assert codes <= words.keys()
