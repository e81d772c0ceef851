"""Workbooks that are small on disk and large in memory are refused before they are unpacked."""

import zipfile
from pathlib import Path

import pytest

from regulars.doors.imports import reading, workbook_size
from regulars.doors.imports.reading import UnreadableFile


def workbook(path: Path, sheet: bytes, **more: bytes) -> Path:
    """A package like those of Excel, with one sheet."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/workbook.xml", b"<workbook/>")
        package.writestr("xl/worksheets/sheet1.xml", sheet)
        for name, content in more.items():
            package.writestr(f"xl/{name}.xml", content)
    return path


def test_two_cells_in_opposite_corners_are_refused(tmp_path: Path) -> None:
    sheet = b'<sheetData><row r="1"><c r="A1"/></row><row r="1048576"><c r="XFD1048576"/></row></sheetData>'
    with pytest.raises(UnreadableFile) as refused:
        reading.open_file(workbook(tmp_path / "corners.xlsx", sheet))
    assert "row 1048576 in column 16384" in refused.value.message
    assert "save it as CSV" in refused.value.message


def test_what_is_packed_too_tightly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile) as refused:
        reading.open_file(workbook(tmp_path / "bomb.xlsx", b"<sheetData/>", sharedStrings=b" " * (40 << 20)))
    assert "40 MB of nothing but repetition" in refused.value.message


def test_what_is_too_large_unpacked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_size, "LARGEST", 1 << 20)
    with pytest.raises(UnreadableFile, match="3 MB when unpacked, more than 1"):
        reading.open_file(workbook(tmp_path / "large.xlsx", b"<sheetData/>", sharedStrings=b"x" * (3 << 20)))


@pytest.mark.parametrize(("letters", "number"), [(b"A", 1), (b"Z", 26), (b"AA", 27), (b"XFD", 16384)])
def test_columns_have_numbers(letters: bytes, number: int) -> None:
    assert workbook_size._column(letters) == number


def test_a_cell_on_the_edge_of_two_blocks_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_size, "_BLOCK", 7)
    with zipfile.ZipFile(workbook(tmp_path / "edge.xlsx", b'<c r="A1"/><c r="XFD1048576"/><c r="B2"/>')) as package:
        assert workbook_size._corner(package, package.getinfo("xl/worksheets/sheet1.xml")) == (16384, 1048576)
