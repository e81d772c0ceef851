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
#: Chinese family names of two characters, as they are written today and were before.
_DOUBLES = (
    "欧阳司马上官诸葛夏侯东方皇甫尉迟公孙慕容令狐宇文长孙司徒司空端木南宫西门百里轩辕独孤呼延闻人申屠太史淳于单于公冶宗政濮阳钟离"
    "鲜于闾丘公羊澹台赫连万俟东郭拓跋完颜纳兰左丘南门第五梁丘即墨达奚谷梁段干"
    "歐陽司馬諸葛東方尉遲公孫長孫南宮西門軒轅獨孤聞人單于濮陽鍾離鮮于閭丘澹臺赫連萬俟東郭完顏納蘭南門達奚穀梁"
)
_DOUBLE = frozenset(_DOUBLES[place : place + 2] for place in range(0, len(_DOUBLES), 2))
_CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def is_cjk(text: str) -> bool:
    """Whether the text begins with a character that is a word, or part of one, by itself."""
    return _CJK.match(text) is not None


def parted(whole: str) -> tuple[str, str]:
    """Given name and family name of a name that was told as one. A Chinese family name is written first, in one
    character or, of names of three and more, in two of a list; others come last."""
    whole = " ".join(whole.split())
    if not is_cjk(whole):
        family_last = whole.rpartition(" ")
        return family_last[0], family_last[2]
    whole = whole.replace(" ", "")
    length = 2 if is_double(whole) else 1
    return whole[length:], whole[:length]


def is_double(whole: str) -> bool:
    """Whether a Chinese name of three characters or more begins with a family name of two."""
    return len(whole) > 2 and whole[:2] in _DOUBLE


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
