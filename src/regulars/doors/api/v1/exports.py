"""Exports: published tables written to files by the clock, their runs, and the files themselves."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact, sources
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.insight.warehouse import exporting
from regulars.insight.warehouse.exporting import Kind
from regulars.kit import paging
from regulars.oversight.outbound import exports
from regulars.oversight.outbound.cadence import Cadence, Round
from regulars.oversight.outbound.exports import Export, Run
from regulars.runtime.database import clock
from regulars.runtime.serving.files import FileSent

router = Router(tags=["exports"])

Tables = Annotated[list[exact.Code], Field(max_length=200)]
Key = Annotated[str, Field(min_length=1, max_length=60)]


class CadenceIn(exact.Told):
    """When it comes round, on the shop's clock. `weekday` (1 is Monday) is for weekly, `day` for monthly."""

    round: Round
    hour: Annotated[int, Field(ge=0, le=23)] = 3
    weekday: Annotated[int, Field(ge=1, le=7)] = 1
    day: Annotated[int, Field(ge=1, le=31, description="A shorter month has it on its last day.")] = 1

    def value(self) -> Cadence:
        """As the room has it."""
        return Cadence(self.round, self.hour, self.weekday, self.day)


class ExportIn(exact.Told):
    """What is written when. All published tables unless `tables` names some."""

    name: exact.Code
    tables: Tables = []
    kind: Kind
    cadence: CadenceIn
    keep: Annotated[int, Field(ge=1, le=exports.MOST_KEPT, description="Runs whose files are kept.")] = exports.KEEP


class ExportChangeIn(exact.Told):
    """What is given is changed, from the next run on; the rest stays."""

    tables: Tables | None = None
    kind: Kind | None = None
    cadence: CadenceIn | None = None
    keep: Annotated[int, Field(ge=1, le=exports.MOST_KEPT)] | None = None


class RunIn(exact.Told):
    """`key` makes a repeat harmless: the same again is the same run."""

    key: Key


class CadenceOut(exact.Shown):
    """When it comes round, on the shop's clock."""

    round: str
    hour: int
    weekday: int
    day: int


class ExportOut(exact.Shown):
    """One export. `state` is on, paused or retired."""

    id: str
    name: str
    tables: list[str]
    kind: str
    cadence: CadenceOut
    keep: int
    state: str
    due_at: datetime
    made_at: datetime


class ExportsOut(exact.Shown):
    """A page of exports by name, and the cursor of the next page."""

    items: list[ExportOut]
    next: str | None


class FileOut(exact.Shown):
    """One file. `size` in bytes, `sha256` in hexadecimal."""

    table: str
    name: str
    rows: int
    size: int
    sha256: str


class RunOut(exact.Shown):
    """One writing. `state` is waiting, running, done or failed; `folder` is empty when its files are not kept."""

    id: int
    state: str
    wanted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    folder: str
    files: list[FileOut]
    problem: str


class RunsOut(exact.Shown):
    """A page of runs, newest first, and the cursor of the next page."""

    items: list[RunOut]
    next: str | None


class TablesOut(exact.Shown):
    """What can be written."""

    items: list[str]


@router.get("/exports/tables", auth=ApiKey("exports.read"), response=TablesOut, operation_id="list_export_tables")
def list_tables(request: HttpRequest) -> TablesOut:
    """The published tables, by name."""
    return TablesOut(items=list(exporting.names()))


@router.get("/exports", auth=ApiKey("exports.read"), response=ExportsOut, operation_id="list_exports")
def list_exports(request: HttpRequest, limit: int = 50, cursor: str = "") -> ExportsOut:
    """All exports by name, retired ones too."""
    size = paging.check_size(limit)
    (after,) = paging.decode(cursor, "exports", str) if cursor else ("",)
    rows = sorted((one for one in exports.every() if one.name > str(after)), key=lambda one: one.name)
    page = paging.cut(rows[: size + 1], size, of="exports", key=lambda one: (one.name,))
    return ExportsOut(items=[_out(one) for one in page.items], next=page.next)


@router.post("/exports", auth=ApiKey("exports.manage"), response=ExportOut, operation_id="make_export")
def make_export(request: HttpRequest, body: ExportIn) -> ExportOut:
    """A new export. Its name is its key: the same again changes nothing."""
    made = exports.make(
        name=body.name,
        tables=body.tables,
        kind=body.kind,
        cadence=body.cadence.value(),
        keep=body.keep,
        at=clock.now(),
        by=caller(request),
    )
    return _out(made)


@router.get("/exports/{export}", auth=ApiKey("exports.read"), response=ExportOut, operation_id="get_export")
def get_export(request: HttpRequest, export: str) -> ExportOut:
    """One export."""
    return _out(exports.by_public_id(export))


@router.patch("/exports/{export}", auth=ApiKey("exports.manage"), response=ExportOut, operation_id="change_export")
def change_export(request: HttpRequest, export: str, body: ExportChangeIn) -> ExportOut:
    """Change what is given. Again changes nothing."""
    changed = exports.change(
        export=_number(export),
        tables=body.tables,
        kind=body.kind,
        cadence=None if body.cadence is None else body.cadence.value(),
        keep=body.keep,
        at=clock.now(),
        by=caller(request),
    )
    return _out(changed)


@router.post("/exports/{export}/pause", auth=ApiKey("exports.manage"), response=ExportOut, operation_id="pause_export")
def pause_export(request: HttpRequest, export: str) -> ExportOut:
    """The clock does not write it. Again changes nothing."""
    return _out(exports.pause(export=_number(export), at=clock.now(), by=caller(request)))


@router.post(
    "/exports/{export}/resume", auth=ApiKey("exports.manage"), response=ExportOut, operation_id="resume_export"
)
def resume_export(request: HttpRequest, export: str) -> ExportOut:
    """The clock writes it again, from its next time on. Again changes nothing."""
    return _out(exports.resume(export=_number(export), at=clock.now(), by=caller(request)))


@router.post(
    "/exports/{export}/retire", auth=ApiKey("exports.manage"), response=ExportOut, operation_id="retire_export"
)
def retire_export(request: HttpRequest, export: str) -> ExportOut:
    """It is not written any more, for good; its files stay. Again changes nothing."""
    return _out(exports.retire(export=_number(export), at=clock.now(), by=caller(request)))


@router.post("/exports/{export}/runs", auth=ApiKey("exports.manage"), response=RunOut, operation_id="run_export")
def run_export(request: HttpRequest, export: str, body: RunIn) -> RunOut:
    """Have it written as soon as a worker is free, beside its clock."""
    return _run_out(exports.run_now(export=_number(export), key=body.key, at=clock.now(), by=caller(request)))


@router.get("/exports/{export}/runs", auth=ApiKey("exports.read"), response=RunsOut, operation_id="list_export_runs")
def list_runs(request: HttpRequest, export: str, limit: int = 50, cursor: str = "") -> RunsOut:
    """Its runs, newest first."""
    size = paging.check_size(limit)
    (before,) = paging.decode(cursor, "export_runs", int) if cursor else (None,)
    rows = exports.runs(_number(export), before=before if isinstance(before, int) else None, limit=size + 1)
    page = paging.cut(rows, size, of="export_runs", key=lambda one: (one.id,))
    return RunsOut(items=[_run_out(one) for one in page.items], next=page.next)


@router.get(
    "/exports/{export}/runs/{run}/files/{name}",
    auth=ApiKey("exports.read"),
    operation_id="get_export_file",
    openapi_extra={
        "responses": {
            200: {
                "description": "The file.",
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        }
    },
)
def get_file(request: HttpRequest, export: str, run: sources.Number, name: str) -> FileSent:
    """One file of a run."""
    found = exports.file(export=_number(export), run=run, name=name)
    return FileSent(found.open("rb"), as_attachment=True, filename=found.name)


def _number(export: str) -> int:
    return exports.by_public_id(export).id


def _out(one: Export) -> ExportOut:
    return ExportOut(
        id=one.public_id,
        name=one.name,
        tables=list(one.tables),
        kind=one.kind,
        cadence=CadenceOut(
            round=one.cadence.round, hour=one.cadence.hour, weekday=one.cadence.weekday, day=one.cadence.day
        ),
        keep=one.keep,
        state=one.state,
        due_at=one.due_at,
        made_at=one.made_at,
    )


def _run_out(run: Run) -> RunOut:
    told: dict[str, Any] = {
        field: getattr(run, field)
        for field in ("id", "state", "wanted_at", "started_at", "finished_at", "folder", "problem")
    }
    files = [
        FileOut(table=one.table, name=one.name, rows=one.rows, size=one.size, sha256=one.sha256) for one in run.files
    ]
    return RunOut(**told, files=files)
