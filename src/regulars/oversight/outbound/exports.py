"""Exports: published tables written to files by the clock or by hand, for other people's programs."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, cast

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.company import company
from regulars.insight.warehouse import exporting
from regulars.insight.warehouse.exporting import Kind
from regulars.kit import civil, ids
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import _export_files
from regulars.oversight.outbound.cadence import Cadence, Round
from regulars.oversight.outbound.models import Export as Row
from regulars.oversight.outbound.models import ExportRun
from regulars.runtime.trail import trail

PREFIX = "exp"
LONGEST_NAME = 60
MOST = 50
#: Runs whose files are kept, unless said otherwise, and at most.
KEEP, MOST_KEPT = 14, 400
State = Literal["on", "paused", "retired"]
RunState = Literal["waiting", "running", "done", "failed"]
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)


@dataclass(frozen=True)
class Export:
    """One export. All published tables, those of later versions too, where `tables` is empty.

    The files of the last `keep` runs are kept.
    """

    id: int
    public_id: str
    name: str
    tables: tuple[str, ...]
    kind: Kind
    cadence: Cadence
    keep: int
    state: State
    due_at: datetime
    made_at: datetime


@dataclass(frozen=True)
class File:
    """One file of a run. `size` in bytes; `sha256` in hexadecimal."""

    table: str
    name: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Run:
    """One writing. `folder` is beneath `folder()`; "" before it is whole and after it was swept."""

    id: int
    export: int
    key: str
    state: RunState
    wanted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    folder: str
    files: Sequence[File]
    problem: str


class BadExportName(Refusal):
    """Not a short name in small letters."""

    code = "exports.bad_name"


class ExportNameTaken(Refusal):
    """Another export has or had the name."""

    code = "exports.name_taken"


class UnknownExport(Refusal):
    """No such export."""

    code = "exports.unknown"


class ExportRetired(Refusal):
    """It was retired; nothing is written any more."""

    code = "exports.retired"


class TooManyExports(Refusal):
    """So many are no use to anybody."""

    code = "exports.too_many"


class BadKeep(Refusal):
    """Not a number of runs that can be kept."""

    code = "exports.bad_keep"


class NoSuchFile(Refusal):
    """The run wrote no such file, or it was swept."""

    code = "exports.no_such_file"


def make(
    *,
    name: str,
    tables: Collection[str] = (),
    kind: Kind,
    cadence: Cadence,
    keep: int = KEEP,
    at: datetime,
    by: Actor,
) -> Export:
    """A new export, first written when its cadence next comes round. The name makes a repeat harmless.

    Refuses a name with other content, tables nobody publishes, and more than MOST exports.
    """
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise BadExportName(
            _("name: use at most %(longest_name)s small letters, digits, dots, dashes and underscores")
            % {"longest_name": LONGEST_NAME},
            field="name",
        )
    _check(tables, keep)
    wanted = sorted(set(tables))
    clock = {"round": cadence.round, "hour": cadence.hour, "weekday": cadence.weekday, "day": cadence.day}
    told = {"tables": wanted, "kind": kind, "keep": keep, **clock}
    with transaction.atomic():
        # One after another: so two of one name meet, and the count holds.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('outbound.exports'))")
        if (row := Row.objects.filter(name=name).first()) is not None:
            if {field: getattr(row, field) for field in told} != told:
                raise ExportNameTaken(
                    _("name: %(name)r is or was another export's; choose a new name") % {"name": name},
                    field="name",
                    value=name,
                )
            return _export(row)
        if Row.objects.exclude(state="retired").count() >= MOST:
            raise TooManyExports(
                _("name: there are %(most)s exports already; retire one") % {"most": MOST}, field="name"
            )
        row = Row.objects.create(name=name, **told, due_at=_due(cadence, at), made_at=at, changed_at=at)
        row.refresh_from_db()
        _record(row, "exports.make", at, by, after={"name": name, **told})
    return _export(row)


def change(
    *,
    export: int,
    tables: Collection[str] | None = None,
    kind: Kind | None = None,
    cadence: Cadence | None = None,
    keep: int | None = None,
    at: datetime,
    by: Actor,
) -> Export:
    """What is given is changed, from the next run on. Again changes nothing."""
    _check(tables or (), keep if keep is not None else KEEP)
    given: dict[str, object | None] = {
        "tables": None if tables is None else sorted(set(tables)),
        "kind": kind,
        "keep": keep,
    }
    if cadence is not None:
        given |= {"round": cadence.round, "hour": cadence.hour, "weekday": cadence.weekday, "day": cadence.day}
    with transaction.atomic():
        row = _alive(export)
        changed = {name: value for name, value in given.items() if value is not None and getattr(row, name) != value}
        if changed:
            before = {name: getattr(row, name) for name in changed}
            for name, value in changed.items():
                setattr(row, name, value)
            if cadence is not None:
                row.due_at = _due(cadence, at)
            row.changed_at = at
            row.save(update_fields=[*changed, "due_at", "changed_at"])
            _record(row, "exports.change", at, by, before=before, after=changed)
    return _export(row)


def pause(*, export: int, at: datetime, by: Actor) -> Export:
    """Nothing is written by the clock. Again changes nothing."""
    return _put(export, "paused", at, by)


def resume(*, export: int, at: datetime, by: Actor) -> Export:
    """It is written by the clock again, from the next time on. Again changes nothing."""
    return _put(export, "on", at, by)


def retire(*, export: int, at: datetime, by: Actor) -> Export:
    """Nothing is written any more, for good; files that are there stay. Again changes nothing."""
    return _put(export, "retired", at, by)


def run_now(*, export: int, key: str, at: datetime, by: Actor) -> Run:
    """Have it written beside its cadence, as soon as a worker is free. The key makes a repeat harmless."""
    with transaction.atomic():
        row = _alive(export)
        run, is_new = ExportRun.objects.get_or_create(
            export_id=row.id, key=f"asked:{key}"[:80], defaults={"wanted_at": at}
        )
        if is_new:
            _export_files.write.defer(run=run.id)
            _record(row, "exports.run_now", at, by, after={"run": run.id})
    return _run(run)


def write(run: int) -> Run:
    """Write a run's files here and now; harmless when they are written. Brings the warehouse up to date first.

    A refusal or an error stands on the run as its problem, and is raised. Not to be called within a transaction.
    """
    _export_files.written_now(run)
    return _run(ExportRun.objects.get(id=run))


def start_due(*, at: datetime) -> int:
    """Have every export written that is due, each once; of times that passed unattended, one. Returns how many."""
    started = 0
    with transaction.atomic():
        rows = Row.objects.select_for_update(no_key=True, skip_locked=True)
        for row in rows.filter(state="on", due_at__lte=at).order_by("id"):
            run, is_new = ExportRun.objects.get_or_create(
                export_id=row.id, key=f"due:{row.due_at.isoformat()}", defaults={"wanted_at": row.due_at}
            )
            row.due_at = _due(_cadence(row), at)
            row.save(update_fields=["due_at"])
            if is_new:
                _export_files.write.defer(run=run.id)
                started += 1
    return started


def every() -> list[Export]:
    """All exports by name, retired ones too. One query."""
    return [_export(row) for row in Row.objects.order_by("name")]


def get(export: int) -> Export:
    """One export. Refused when there is none."""
    return _export(_found(Row.objects.filter(id=export).first(), str(export)))


def by_public_id(text: str) -> Export:
    """One export by `exp_…` as people type it."""
    return _export(_found(Row.objects.filter(public_id=ids.parse(text, PREFIX)).first(), text.strip()[:40]))


def by_name(name: str) -> Export:
    """One export by its name."""
    return _export(_found(Row.objects.filter(name=name).first(), name[:LONGEST_NAME]))


def runs(export: int, *, before: int | None = None, limit: int = 50) -> list[Run]:
    """Its runs, newest first, those before the number `before`. One query."""
    rows = ExportRun.objects.filter(export_id=export)
    rows = rows if before is None else rows.filter(id__lt=before)
    return [_run(row) for row in rows.order_by("-id")[:limit]]


def last_runs() -> dict[int, Run]:
    """Each export's newest run. One query."""
    return {row.export_id: _run(row) for row in ExportRun.objects.order_by("export", "-id").distinct("export")}


def folder() -> Path:
    """Where all exports lie: a folder for each export, in it one for each run."""
    return _export_files.root()


def file(*, export: int, run: int, name: str) -> Path:
    """Where one file of a run lies. Refused when the run wrote no such file or it was swept."""
    row = ExportRun.objects.filter(export_id=export, id=run, state="done").first()
    if row is not None and row.folder and any(one["name"] == name for one in row.files):
        found = _export_files.root() / row.folder / name
        if found.is_file():
            return found
    raise NoSuchFile(_("file: the run wrote no such file, or it is not kept any more"), field="file", value=name[:80])


def _check(tables: Collection[str], keep: int) -> None:
    exporting.check(tables)
    if not 1 <= keep <= MOST_KEPT:
        raise BadKeep(
            _("keep: %(keep)s is not from 1 to %(most_kept)s runs") % {"keep": keep, "most_kept": MOST_KEPT},
            field="keep",
            value=keep,
        )


def _due(cadence: Cadence, at: datetime) -> datetime:
    return cadence.after(at, civil.zone(company.shop().zone))


def _put(export: int, state: State, at: datetime, by: Actor) -> Export:
    with transaction.atomic():
        row = _locked(export) if state == "retired" else _alive(export)
        if row.state != state:
            before, row.state, row.changed_at = row.state, state, at
            if state == "on":
                row.due_at = _due(_cadence(row), at)
            row.save(update_fields=["state", "due_at", "changed_at"])
            verb = {"on": "exports.resume", "paused": "exports.pause", "retired": "exports.retire"}[state]
            _record(row, verb, at, by, before={"state": before}, after={"state": state})
    return _export(row)


def _record(
    row: Row,
    verb: str,
    at: datetime,
    by: Actor,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    trail.record(by=by, verb=verb, subject=f"export:{row.id}", at=at, before=before, after=after)


def _found(row: Row | None, shown: str) -> Row:
    if row is None:
        raise UnknownExport(
            _("export: there is no %(shown)s; look at the list") % {"shown": shown}, field="export", value=shown
        )
    return row


def _locked(export: int) -> Row:
    return _found(Row.objects.select_for_update(no_key=True).filter(id=export).first(), str(export))


def _alive(export: int) -> Row:
    row = _locked(export)
    if row.state == "retired":
        raise ExportRetired(
            _("export: %(name)s is retired; make another one") % {"name": row.name}, field="export", value=row.name
        )
    return row


def _cadence(row: Row) -> Cadence:
    return Cadence(cast("Round", row.round), row.hour, row.weekday, row.day)


def _export(row: Row) -> Export:
    return Export(
        id=row.id,
        public_id=ids.public(PREFIX, row.public_id),
        name=row.name,
        tables=tuple(row.tables),
        kind=cast("Kind", row.kind),
        cadence=_cadence(row),
        keep=row.keep,
        state=cast("State", row.state),
        due_at=row.due_at,
        made_at=row.made_at,
    )


def _run(row: ExportRun) -> Run:
    return Run(
        id=row.id,
        export=row.export_id,
        key=row.key,
        state=cast("RunState", row.state),
        wanted_at=row.wanted_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        folder=row.folder,
        files=[File(**one) for one in row.files],
        problem=row.problem,
    )
