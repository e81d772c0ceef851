"""How names begin, for a look-up that never sees the names: short keyed hashes of their first letters."""

import re
import unicodedata

from regulars.runtime.secrets import lookup

#: Fewer letters of an alphabet would find half the shop; more would make the table large for little.
SHORTEST, LONGEST = 2, 6
#: One Chinese character is a family name already.
LONGEST_CJK = 3
#: Half the bytes of a hash: a false find is one in 2^64, and the table is half as large.
_BYTES = 8
_CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def is_cjk(text: str) -> bool:
    """Whether the text begins with a character that is a word, or part of one, by itself."""
    return _CJK.match(text) is not None


def prefixes(name: str) -> set[str]:
    """The beginnings a name is found by: of each word, and of the whole in scripts without blanks."""
    found: set[str] = set()
    for word in _tidy(name).split():
        if is_cjk(word):
            found.update(word[:length] for length in range(1, min(LONGEST_CJK, len(word)) + 1))
        else:
            found.update(word[:length] for length in range(min(SHORTEST, len(word)), min(LONGEST, len(word)) + 1))
    return found


def sought(text: str) -> str:
    """The beginning to look for; empty when the text is too short. Letters beyond those kept do not count."""
    words = _tidy(text).split()
    if not words:
        return ""
    if is_cjk(words[0]):
        return words[0][:LONGEST_CJK]
    return words[0][:LONGEST] if len(words[0]) >= SHORTEST else ""


def digest(prefix: str) -> bytes:
    """The keyed hash of a beginning: 8 bytes."""
    return lookup.digest("name", prefix)[:_BYTES]


def _tidy(text: str) -> str:
    """Small letters without accents, in compatible forms, so that Ana finds Ána and full-width letters are letters."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFKC", "".join(letter for letter in spread if not unicodedata.combining(letter)))
