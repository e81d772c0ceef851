"""How large a workbook is once it is unpacked, before anybody unpacks it: a file of a few kilobytes may hold gigabytes.

What reads workbooks takes a sheet into memory whole, from its first cell to its last one, also where there is nothing
between them: two cells in opposite corners are seventeen thousand million.
"""

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from django.utils.translation import gettext

#: In bytes, unpacked. A sheet of a million rows and twenty columns has about half of it.
LARGEST = 1 << 30
#: What is packed more tightly than this and is not small holds nothing but repetition. Sheets come to 5 to 40.
TIGHTEST, SMALL = 250, 32 << 20
#: Cells of a sheet between its corners: all rows that Excel has, in sixty columns.
MOST_CELLS = 1_048_576 * 60
_BLOCK = 1 << 20
_CELL = re.compile(rb'\br="([A-Z]{1,4})([0-9]{1,9})"')
#: No reference to a cell is longer.
_LONGEST = 32


def why_too_large(path: Path) -> str | None:
    """Why a workbook is larger than can be read, in words and with the mend; None where it is not, or is no package.

    Reads it once, and never more than `LARGEST` of it.
    """
    try:
        with zipfile.ZipFile(path) as package:
            return _too_packed(package.infolist()) or _too_wide(package)
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError):
        # Its reader says what is wrong with it; old workbooks are no packages, and have 65,536 rows at most.
        return None


def _too_packed(parts: Sequence[zipfile.ZipInfo]) -> str | None:
    whole = sum(part.file_size for part in parts)
    if whole > LARGEST:
        return _said(gettext("it holds %(size)s MB when unpacked, more than %(most)s") % _megabytes(whole, LARGEST))
    for part in parts:
        if part.file_size > SMALL and part.file_size > TIGHTEST * max(part.compress_size, 1):
            return _said(gettext("it holds %(size)s MB of nothing but repetition") % _megabytes(part.file_size, 0))
    return None


def _too_wide(package: zipfile.ZipFile) -> str | None:
    for part in package.infolist():
        if part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml"):
            columns, rows = _corner(package, part)
            if columns * rows > MOST_CELLS:
                found = gettext("its cells reach to row %(row)s in column %(column)s, with little between")
                return _said(found % {"row": rows, "column": columns})
    return None


def _corner(package: zipfile.ZipFile, part: zipfile.ZipInfo) -> tuple[int, int]:
    """The last column and the last row of which a cell of the sheet says that it stands there."""
    columns = rows = 0
    left = b""
    with package.open(part) as sheet:
        while block := sheet.read(_BLOCK):
            text = left + block
            for letters, row in _CELL.findall(text):
                rows = max(rows, int(row))
                columns = max(columns, _column(letters))
            left = text[-_LONGEST:]
    return columns, rows


def _column(letters: bytes) -> int:
    """The number of a column, from 1: A, Z, AA, XFD."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _megabytes(size: int, most: int) -> dict[str, int]:
    return {"size": size >> 20, "most": most >> 20}


def _said(what: str) -> str:
    return gettext("%(what)s; delete what is empty around the table, or save it as CSV or in several files") % {
        "what": what
    }
