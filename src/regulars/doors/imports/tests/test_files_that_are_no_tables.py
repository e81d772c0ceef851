"""What people choose by mistake: told what it seems to be, and what to do."""

import gzip
import io
import lzma
import random
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from regulars.doors.imports import commands
from regulars.doors.imports.reading import UnreadableFile
from regulars.doors.imports.tests.builders import a_file, read, row, text_of

TEXT = text_of([row("A1"), row("A2")])


def a_zip(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, content in files.items():
            package.writestr(name.replace("__", "/").replace("_", "."), content)
    return out.getvalue()


def a_tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as package:
        one = tarfile.TarInfo("orders.csv")
        one.size = len(TEXT)
        package.addfile(one, io.BytesIO(TEXT.encode()))
    return out.getvalue()


def a_parquet() -> bytes:
    out = io.BytesIO()
    pl.DataFrame([row("A1")]).write_parquet(out)
    return out.getvalue()


def a_database() -> bytes:
    with sqlite3.connect(":memory:") as made:
        made.execute("CREATE TABLE orders (number)")
        return made.serialize()


def old_office(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1_000) + stream.encode("utf-16-le") + bytes(3_000)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (a_zip(orders_csv=TEXT), "a ZIP archive with orders.csv in it: unpack it"),
        (a_zip(word__document_xml="<w/>"), "a Word document: save its table"),
        (a_zip(orders_csv=TEXT * 20)[:300], "cut off or damaged: copy it again"),
        (old_office("EncryptedPackage"), "an Excel workbook with a password: open it in Excel, take the password off"),
        (old_office("WordDocument"), "a Word document"),
        (
            b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(3_000),
            r"a picture \(PNG\): choose the file with the orders",
        ),
        (b"\xff\xd8\xff\xe0" + random.Random(1).randbytes(3_000), "a picture"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "a PDF: export the table"),
        (a_tar(), "a tar archive: unpack it"),
        (gzip.compress(a_tar()), "a tar archive: unpack it"),
        (lambda: gzip.compress(a_parquet()), "a packed Parquet file: unpack it"),
        (lzma.compress(TEXT.encode()), "packed with xz: unpack it"),
        (a_database(), "an SQLite database: export the table"),
        (lambda: a_parquet()[:-40], "cut off or damaged; copy the file again"),
        (random.Random(2).randbytes(5_000), "a program's own format: export"),
        (bytes(range(16)) * 40 + b"\x01\x02\x03\n" * 300, "a program's own format: export"),
        (b"\n <!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page"),
        (b"<table><tr><td>order</td></tr></table>", "a web page"),
        (b'[\n  {"order": "A1", "quantity": 2}\n]', "JSON: export the orders"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes | Callable[[], bytes], told: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content if isinstance(content, bytes) else content())

    with pytest.raises(UnreadableFile, match=rf"^orders\.csv: .*{told}"):
        read(path)


@pytest.mark.parametrize("command", ["report", "import"])
@pytest.mark.parametrize(
    ("option", "value", "mend"),
    [
        ("--currency", "ZZZ", "use a three-letter ISO 4217 code"),
        ("--currency", "gbp", "write GBP"),
        ("--currency", "", "use a three-letter ISO 4217 code"),
        ("--zone", "Europe/Londn", "did you mean Europe/London?"),
        ("--zone", "", "use an IANA name"),
    ],
)
def test_an_option_that_means_nothing_is_refused_at_once(
    tmp_path: Path, command: str, option: str, value: str, mend: str
) -> None:
    path = a_file(tmp_path, [row("A1")])
    words = [*(["orders"] if command == "import" else []), str(path), option, value]

    told = CliRunner().invoke(commands.report if command == "report" else commands.import_group, words)

    assert told.exit_code == 2
    assert f"Invalid value for '{option}': {value!r} is unknown; {mend}" in told.output
    assert list(tmp_path.iterdir()) == [path]
