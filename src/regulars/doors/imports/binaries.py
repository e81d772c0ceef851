"""What a file that is no table seems to be, and what to do about it: told by how it begins."""

import unicodedata
import zipfile
from pathlib import Path

#: How files begin: https://www.iana.org/assignments/media-types and the formats' own specifications.
_BEGINNINGS = (
    (b"%PDF", "a PDF", "export the table as CSV or .xlsx instead"),
    (b"\x89PNG", "a picture (PNG)", "choose the file with the orders"),
    (b"\xff\xd8\xff", "a picture (JPEG)", "choose the file with the orders"),
    (b"GIF8", "a picture (GIF)", "choose the file with the orders"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and import the table inside"),
    (b"Rar!", "a RAR archive", "unpack it and import the table inside"),
    (b"BZh", "packed with bzip2", "unpack it and import the table inside"),
    (b"\xfd7zXZ\x00", "packed with xz", "unpack it and import the table inside"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it and import the table inside"),
    (b"SQLite format 3", "an SQLite database", "export the table of orders as CSV"),
    (b"{\\rtf", "a text document (RTF)", "save the table as CSV or .xlsx"),
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
        return "a tar archive", "unpack it and import the table inside"
    return None


def of_text(start: str) -> tuple[str, str] | None:
    """The same of a text, decoded."""
    plain = start.lstrip("\ufeff \t\r\n").lower()
    if plain.startswith(_PAGES):
        return (
            "a web page (HTML or XML), as some systems send for .xls or when nobody is signed in",
            "open it in a spreadsheet and save it as .xlsx, or export it as CSV",
        )
    if "".join(plain.split()).startswith(_JSON):
        return "JSON", "export the orders as CSV, Excel or Parquet"
    unseen = sum(unicodedata.category(letter)[0] == "C" and letter not in _PLAIN_BLANKS for letter in start)
    unseen += start.count("\ufffd")
    if unseen > _MOST_UNSEEN * len(start):
        return "no text but a program's own format", "export the orders as CSV, Excel or Parquet"
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
            "an Excel workbook or a ZIP archive that is cut off or damaged",
            "copy it again, or save it as .xlsx again",
        )
    if any(name.startswith("xl/") or name == "content.xml" for name in inside):
        return None
    if any(name.startswith("word/") for name in inside):
        return "a Word document", "save its table as CSV or .xlsx"
    if any(name.startswith("ppt/") for name in inside):
        return "a presentation", "export the orders as CSV or .xlsx"
    if any(name.endswith(".iwa") for name in inside):
        return "a Numbers document", "export it as CSV or Excel"
    files = ", ".join(name for name in inside if not name.endswith("/"))[:200] or "nothing"
    return f"a ZIP archive with {files} in it", "unpack it and import the table inside"


_STREAMS = {
    "EncryptedPackage": (
        "an Excel workbook with a password",
        "open it in Excel, take the password off (File, Info, Protect Workbook) and save it again",
    ),
    "WordDocument": ("a Word document", "save its table as CSV or .xlsx"),
    "PowerPoint Document": ("a presentation", "export the orders as CSV or .xlsx"),
}


def _is_in(path: Path, wanted: bytes) -> bool:
    block, before = 1 << 20, b""
    with path.open("rb") as file:
        while some := file.read(block):
            if wanted in before + some:
                return True
            before = some[-len(wanted) :]
    return False
