"""Files that people send."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

from regulars.doors.imports import order_files
from regulars.doors.imports.order_files import OrderFile

#: When the tests import; later dates are the future.
NOW = datetime(2025, 6, 1, tzinfo=UTC)
HEADER = ("order", "placed_at", "customer", "product", "quantity", "unit_price", "currency")


def row(order: str = "A1", **other: str) -> dict[str, str]:
    """Ines bought two mugs in May, unless the test says otherwise."""
    usual = dict(zip(HEADER, (order, "2025-05-02 10:00", "ines", "mug", "2", "4.50", "GBP"), strict=True))
    return usual | other


def text_of(rows: list[dict[str, str]], delimiter: str = ",", newline: str = "\n") -> str:
    """CSV with the first row's keys as header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def a_file(folder: Path, rows: list[dict[str, str]], name: str = "orders.csv") -> Path:
    """Written as UTF-8 with commas."""
    path = folder / name
    path.write_text(text_of(rows), encoding="utf-8")
    return path


def read(path: Path, mapping: order_files.OrderMapping | None = None) -> OrderFile:
    """Without a database, in a British shop."""
    return order_files.normalise(path, mapping, now=NOW, zone="Europe/London", currency="GBP")


def problems(file: OrderFile) -> list[tuple[int, str, str]]:
    """Line, column and value of each."""
    return [(one["line_in_file"], one["column"], one["value"]) for one in file.problems.iter_rows(named=True)]
