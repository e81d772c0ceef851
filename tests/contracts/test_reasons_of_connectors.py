"""What connectors say of a message in a code, the console says in words."""

import re
from pathlib import Path

from regulars.doors import connectors
from regulars.doors.console import inbox_words


def test_every_reason_of_a_connector_has_words_in_the_readers_language() -> None:
    folder = Path(connectors.__file__).parent
    codes = {
        code
        for file in folder.rglob("*.py")
        if "tests" not in file.parts
        for code in re.findall(r'Not(?:Understood|Taken)\(\s*"([a-z_]+)"', file.read_text())
    }
    assert codes
    assert codes <= inbox_words.WHY.keys()
