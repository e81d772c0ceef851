"""What a file's bytes are texts in, as far as they tell, and reading them as that; also out of gzip."""

import codecs
import gzip
import io
from itertools import islice
from pathlib import Path
from typing import IO, cast

from django.utils.translation import gettext_noop

_BLOCK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Of so many letters beyond ASCII is asked what they look like.
_SAMPLE = 5_000
#: Names of encodings as people know them.
SPOKEN = {
    "utf-8-sig": gettext_noop("UTF-8 with a byte order mark"),
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    "gb18030": gettext_noop("GB18030 (where Chinese looks wrong, say `encoding: big5` in the mapping)"),
    "big5hkscs": gettext_noop("Big5 (where Chinese looks wrong, say `encoding: gb18030` in the mapping)"),
    "cp1252": "Windows-1252",
}


def unpacked(path: Path) -> IO[bytes]:
    """The file's bytes, out of gzip where they are packed."""
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(path)) if is_packed else path.open("rb")


def decoded(path: Path, encoding: str) -> IO[str]:
    """The file's lines in that encoding."""
    # A byte that means nothing becomes U+FFFD, which the row's check reports; the rest of the file is read.
    # Every kind of line end becomes one.
    return io.TextIOWrapper(unpacked(path), encoding=encoding, errors="replace")


def encoding_of(path: Path) -> str:
    """What the file's bytes are texts in, as far as they tell."""
    with unpacked(path) as file:
        start = file.read(4096)
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name
    # Latin letters and digits in UTF-16 are every other byte nothing. A few such bytes are only torn rows.
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if 4 * max(even, odd) > len(start) // 2:
        return "utf-16-le" if odd > even else "utf-16-be"
    if _decodes(path, "utf-8") or _is_torn_utf8(path):
        return "utf-8"
    is_gb = _decodes(path, "gb18030")
    if _decodes(path, "big5hkscs"):
        # Either way nearly all bytes are Chinese letters; read wrongly, half of them are rare ones.
        simple = _everyday(path, "gb18030", "gb2312", 0xD7) if is_gb else 0.0
        if _everyday(path, "big5hkscs", "big5", 0xC6) > max(simple + 0.1, 0.7):
            return "big5hkscs"
    return "gb18030" if is_gb and _looks_chinese(path) else "cp1252"


def _decodes(path: Path, encoding: str) -> bool:
    """Whether the whole file does. A first part may be plain ASCII for megabytes."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with unpacked(path) as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _strange(path: Path, encoding: str) -> list[str]:
    """The first letters beyond ASCII."""
    with decoded(path, encoding) as text:
        strange = (letter for line in text if not line.isascii() for letter in line if letter > "\x7f")
        return list(islice(strange, _SAMPLE))


def _looks_chinese(path: Path) -> bool:
    """Whether most of the first letters beyond ASCII are among the common Chinese ones that GB2312 had first.

    GB18030 decodes nearly every byte, so that it decodes says little: Western letters become rare characters.
    """
    letters = _strange(path, "gb18030")
    return 2 * sum(map(_is_common, letters)) >= len(letters)


def _everyday(path: Path, encoding: str, of: str, last: int) -> float:
    """How many of the first letters beyond ASCII, from 0 to 1, are among those that the character set `of` has in its
    first, everyday part: up to the lead byte `last`."""
    letters = _strange(path, encoding)
    codes = [letter.encode(of, "ignore") for letter in letters]
    return sum(len(code) == 2 and code[0] <= last for code in codes) / max(len(letters), 1)


def _is_torn_utf8(path: Path) -> bool:
    """Whether it is UTF-8 but for some bytes. Other encodings' letters hardly ever make whole ones of UTF-8."""
    whole = torn = 0
    with decoded(path, "utf-8") as text:
        for line in text:
            if not line.isascii():
                broken = line.count("\ufffd")
                torn += broken
                whole += sum(letter > "\x7f" for letter in line) - broken
    return whole > 4 * torn


def _is_common(letter: str) -> bool:
    try:
        return len(letter.encode("gb2312")) == 2
    except UnicodeEncodeError:
        return False
