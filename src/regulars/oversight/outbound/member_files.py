"""Who is in an audience as a file to take away: ids and since when, as CSV, XLSX or Parquet. Memory does not grow with
the members; nothing in it is personal, so nothing in it can be a formula."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from django.utils.translation import gettext_lazy as _

from regulars.facts.customers import profiles
from regulars.insight.audiences import members
from regulars.insight.audiences.audiences import Audience
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

Kind = Literal["csv", "xlsx", "parquet"]
CONTENT_TYPES: Mapping[Kind, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
#: Rows of one sheet, its head included.
LONGEST_SHEET = 1_048_576
_SCHEMA = pa.schema([("customer", pa.string()), ("since_at", pa.timestamp("us", tz="UTC"))])
_Row = tuple[str, datetime]


class TooLongForASheet(Refusal):
    """A spreadsheet holds no more rows."""

    code = "audiences.too_long_for_a_sheet"


def write(*, audience: Audience, kind: Kind, at: datetime, by: Actor) -> IO[bytes]:
    """The file, at its beginning; it is gone when it is closed. `customer` is the public id; times are UTC.

    Leaves a line in the trail. Refuses an XLSX of more members than a sheet has rows.
    """
    if kind == "xlsx" and audience.members >= LONGEST_SHEET:
        raise TooLongForASheet(
            _("kind: xlsx holds %(longest_sheet)s members and there are %(members)s; take csv or parquet")
            % {"longest_sheet": f"{LONGEST_SHEET - 1:,}", "members": f"{audience.members:,}"},
            field="kind",
            value=kind,
        )
    with ExitStack() as closing:
        out = closing.enter_context(tempfile.TemporaryFile(prefix="regulars-members-"))
        written = _FORMATS[kind](_batches(audience.number), out)
        trail.record(
            by=by, verb="audiences.export", subject=f"audience:{audience.number}", at=at, after={"members": written}
        )
        out.seek(0)
        closing.pop_all()
        return out


def _batches(audience: int) -> Iterator[list[_Row]]:
    for batch in members.batches(audience):
        ids = profiles.public_ids([one.customer for one in batch])
        yield [(ids[one.customer], one.since_at.astimezone(UTC)) for one in batch]


def _csv(batches: Iterable[list[_Row]], out: IO[bytes]) -> int:
    written = 0
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow(_SCHEMA.names)
    for batch in batches:
        writer.writerows((customer, since.strftime("%Y-%m-%dT%H:%M:%SZ")) for customer, since in batch)
        written += len(batch)
    text.detach()
    return written


def _parquet(batches: Iterable[list[_Row]], out: IO[bytes]) -> int:
    written = 0
    with pq.ParquetWriter(out, _SCHEMA, compression="zstd") as writer:
        for batch in batches:
            people, since = zip(*batch, strict=True)
            arrays = [pa.array(people, _SCHEMA.field(0).type), pa.array(since, _SCHEMA.field(1).type)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA))
            written += len(batch)
    return written


def _xlsx(batches: Iterable[list[_Row]], out: IO[bytes]) -> int:
    written = 0
    # Rows go to a file of their own as soon as the next one begins.
    with tempfile.TemporaryDirectory(prefix="regulars-sheet-") as folder:
        path = Path(folder) / "members.xlsx"
        with xlsxwriter.Workbook(path, {"constant_memory": True, "tmpdir": folder, "remove_timezone": True}) as book:
            page, head = book.add_worksheet("members"), book.add_format({"bold": True})
            moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
            page.set_column(0, 0, 34)
            page.set_column(1, 1, 18)
            page.write_row(0, 0, ["customer", "since_at (UTC)"], head)
            for batch in batches:
                for customer, since in batch:
                    written += 1
                    page.write_string(written, 0, customer)
                    page.write_datetime(written, 1, since, moment)
        with path.open("rb") as made:
            while piece := made.read(1 << 20):
                out.write(piece)
    return written


_FORMATS = {"csv": _csv, "xlsx": _xlsx, "parquet": _parquet}
