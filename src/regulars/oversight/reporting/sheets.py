"""Small tables as files to take away: CSV and XLSX that run no formula, and Parquet."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

Kind = Literal["csv", "xlsx", "parquet"]
Cell = str | int | Decimal | date | bool | None
ColumnKind = Literal["text", "whole", "exact", "date", "bool"]

CONTENT_TYPES: Mapping[Kind, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
#: What a spreadsheet takes for a formula. https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"[\t\r\n ]*[=+\-@＝＋－＠]|[\t\r\n]")
_ARROW: Mapping[ColumnKind, pa.DataType] = {
    "text": pa.string(),
    "whole": pa.int64(),
    "exact": pa.decimal128(38, 6),
    "date": pa.date32(),
    "bool": pa.bool_(),
}


def sheet(kind: Kind, columns: Mapping[str, ColumnKind], rows: Sequence[Sequence[Cell]], *, name: str) -> bytes:
    """The file. `name` is the sheet's in XLSX. `exact` are decimals of at most six places."""
    return _KINDS[kind](columns, rows, name)


def _csv(columns: Mapping[str, ColumnKind], rows: Sequence[Sequence[Cell]], _name: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    # Without the mark Excel reads Chinese as if it were the machine's old code page.
    return out.getvalue().encode("utf-8-sig")


def _xlsx(columns: Mapping[str, ColumnKind], rows: Sequence[Sequence[Cell]], name: str) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        page, head, day = book.add_worksheet(name[:31]), book.add_format({"bold": True}), "yyyy-mm-dd"
        days = book.add_format({"num_format": day})
        for place, title in enumerate(columns):
            page.write_string(0, place, title, head)
        for number, row in enumerate(rows, 1):
            for place, cell in enumerate(row):
                match cell:
                    case None:
                        pass
                    case bool():
                        page.write_boolean(number, place, cell)
                    case int() | Decimal():
                        page.write_number(number, place, cell)
                    case date():
                        page.write_datetime(number, place, cell, days)
                    case _:
                        page.write_string(number, place, str(cell))
        page.freeze_panes(1, 0)
        page.set_column(0, len(columns) - 1, 16)
    return out.getvalue()


def _parquet(columns: Mapping[str, ColumnKind], rows: Sequence[Sequence[Cell]], _name: str) -> bytes:
    arrays = [pa.array([row[place] for row in rows], _ARROW[kind]) for place, kind in enumerate(columns.values())]
    out = io.BytesIO()
    pq.write_table(pa.table(dict(zip(columns, arrays, strict=True))), out, compression="zstd")
    return out.getvalue()


def _safe(cell: Cell) -> str | int | Decimal:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str) and _FORMULA.match(cell):
        return "'" + cell
    return cell


_KINDS = {"csv": _csv, "xlsx": _xlsx, "parquet": _parquet}
