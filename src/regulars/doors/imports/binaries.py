"""What a file that is no table seems to be, and what to do about it: told by how it begins."""

import unicodedata
import zipfile
from pathlib import Path

from django.utils.translation import gettext, gettext_noop

#: How files begin: https://www.iana.org/assignments/media-types and the formats' own specifications.
_BEGINNINGS = (
    (b"%PDF", gettext_noop("a PDF"), gettext_noop("export the table as CSV or .xlsx instead")),
    (b"\x89PNG", gettext_noop("a picture (PNG)"), gettext_noop("choose the file with the orders")),
    (b"\xff\xd8\xff", gettext_noop("a picture (JPEG)"), gettext_noop("choose the file with the orders")),
    (b"GIF8", gettext_noop("a picture (GIF)"), gettext_noop("choose the file with the orders")),
    (b"7z\xbc\xaf\x27\x1c", gettext_noop("a 7z archive"), gettext_noop("unpack it and import the table inside")),
    (b"Rar!", gettext_noop("a RAR archive"), gettext_noop("unpack it and import the table inside")),
    (b"BZh", gettext_noop("packed with bzip2"), gettext_noop("unpack it and import the table inside")),
    (b"\xfd7zXZ\x00", gettext_noop("packed with xz"), gettext_noop("unpack it and import the table inside")),
    (b"\x28\xb5\x2f\xfd", gettext_noop("packed with zstd"), gettext_noop("unpack it and import the table inside")),
    (b"SQLite format 3", gettext_noop("an SQLite database"), gettext_noop("export the table of orders as CSV")),
    (b"{\\rtf", gettext_noop("a text document (RTF)"), gettext_noop("save the table as CSV or .xlsx")),
)
_PAGES = ("<!doctype", "<html", "<table", "<head", "<meta", "<?xml", "<workbook")
_JSON = ('{"', '[{"', "[[", "[{")
#: Of the characters at the start of a text, so many are never ones that nobody can see.
_MOST_UNSEEN = 0.08
_PLAIN_BLANKS = "\t\n\r\f\v\x1a\ufeff"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def of_bytes(start: bytes) -> tuple[str, str] | None:
    """What a file that begins so is, and the mend; None for what may be a table."""
    for beginning, what, mend in _BEGINNINGS:
        if start.startswith(beginning):
            return what, mend
    if start[257:262] == b"ustar":
        return gettext_noop("a tar archive"), gettext_noop("unpack it and import the table inside")
    return None


def of_text(start: str) -> tuple[str, str] | None:
    """The same of a text, decoded."""
    plain = start.lstrip("\ufeff \t\r\n").lower()
    if plain.startswith(_PAGES):
        return (
            gettext_noop("a web page (HTML or XML), as some systems send for .xls or when nobody is signed in"),
            gettext_noop("open it in a spreadsheet and save it as .xlsx, or export it as CSV"),
        )
    if "".join(plain.split()).startswith(_JSON):
        return "JSON", gettext_noop("export the orders as CSV, Excel or Parquet")
    unseen = sum(unicodedata.category(letter)[0] == "C" and letter not in _PLAIN_BLANKS for letter in start)
    unseen += start.count("\ufffd")
    if unseen > _MOST_UNSEEN * len(start):
        return gettext_noop("no text but a program's own format"), gettext_noop(
            "export the orders as CSV, Excel or Parquet"
        )
    return None


def of_package(path: Path) -> tuple[str, str] | None:
    """What a ZIP or an old Office file is, where it is no workbook; None for what may be one."""
    with path.open("rb") as file:
        if file.read(8) == _OLD_OFFICE:
            names = {name for name in _STREAMS if _is_in(path, name.encode("utf-16-le"))}
            return next((_STREAMS[name] for name in _STREAMS if name in names), None)
    try:
        with zipfile.ZipFile(path) as package:
            inside = package.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return (
            gettext_noop("an Excel workbook or a ZIP archive that is cut off or damaged"),
            gettext_noop("copy it again, or save it as .xlsx again"),
        )
    if any(name.startswith("xl/") or name == "content.xml" for name in inside):
        return None
    if any(name.startswith("word/") for name in inside):
        return gettext_noop("a Word document"), gettext_noop("save its table as CSV or .xlsx")
    if any(name.startswith("ppt/") for name in inside):
        return gettext_noop("a presentation"), gettext_noop("export the orders as CSV or .xlsx")
    if any(name.endswith(".iwa") for name in inside):
        return gettext_noop("a Numbers document"), gettext_noop("export it as CSV or Excel")
    files = ", ".join(name for name in inside if not name.endswith("/"))[:200] or gettext("nothing")
    return gettext("a ZIP archive with %(files)s in it") % {"files": files}, gettext_noop(
        "unpack it and import the table inside"
    )


_STREAMS = {
    "EncryptedPackage": (
        gettext_noop("an Excel workbook with a password"),
        gettext_noop("open it in Excel, take the password off (File, Info, Protect Workbook) and save it again"),
    ),
    "WordDocument": (gettext_noop("a Word document"), gettext_noop("save its table as CSV or .xlsx")),
    "PowerPoint Document": (gettext_noop("a presentation"), gettext_noop("export the orders as CSV or .xlsx")),
}


def _is_in(path: Path, wanted: bytes) -> bool:
    block, before = 1 << 20, b""
    with path.open("rb") as file:
        while some := file.read(block):
            if wanted in before + some:
                return True
            before = some[-len(wanted) :]
    return False
