"""Writing a run's files: into a hidden folder that gets its name when all is on disk, so nobody reads half of it.

exports/<export>/<due>-<run>/orders.csv …, manifest.json
exports/<export>/latest.json    the newest whole run's manifest, with the name of its folder
"""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection as database

from regulars.insight.warehouse import exporting, publishing
from regulars.kit.problems import named
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound.models import Export, ExportRun
from regulars.runtime import disk
from regulars.runtime.database import clock
from regulars.runtime.jobs.tasks import task

#: A folder of the operator's, such as a mounted share, in place of `exports` in the home.
SETTING = "REGULARS_EXPORTS"
#: The first half of the locks' two-part name.
_LOCKS = 1_870_098_021
_LOG = logging.getLogger(__name__)


def root() -> Path:
    """The folder of all exports."""
    return Path(os.environ.get(SETTING) or settings.REGULARS_HOME / "exports").resolve()


@task("outbound.write_export", lock="outbound.write_export")
def write(run: int) -> None:
    written_now(run)


def written_now(run: int) -> None:
    """Write the run's files; harmless when they are written already, or when it was killed at any moment before.

    What was published is brought up to date first. A refusal or an error stands on the run, and is raised. Who comes
    while another writes it (`regulars export run --here` beside the job) waits, and finds it written.
    """
    with _alone(run):
        _write(run)


@contextmanager
def _alone(run: int) -> Iterator[None]:
    """Nobody else writes this run's files; kept as long as the database's connection lives."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCKS, run])
    try:
        yield
    finally:
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCKS, run])


def _write(run: int) -> None:
    row = ExportRun.objects.select_related("export").get(id=run)
    if row.state == "done":
        return
    ExportRun.objects.filter(id=run).update(state="running", started_at=clock.now(), finished_at=None, problem="")
    try:
        folder, files = _written(row, row.export)
    except Exception as problem:
        said = problem.message if isinstance(problem, Refusal) else named(problem)
        ExportRun.objects.filter(id=run).update(state="failed", finished_at=clock.now(), problem=said[:200])
        raise
    ExportRun.objects.filter(id=run).update(state="done", finished_at=clock.now(), folder=folder, files=files)
    sweep(row.export_id)


def sweep(export: int) -> None:
    """Remove the files of runs beyond those the export keeps. Folders of others' making are left alone."""
    keep = Export.objects.get(id=export).keep
    whole = ExportRun.objects.filter(export_id=export, state="done").exclude(folder="").order_by("-id")
    for row in whole[keep:]:
        try:
            shutil.rmtree(root() / row.folder)
        except FileNotFoundError:
            pass
        except OSError:
            # Left on record, so that it is tried again after the next run: files nobody knows of would fill the disk.
            _LOG.exception("The files of run %s could not be removed.", row.id)
            continue
        ExportRun.objects.filter(id=row.id).update(folder="")


def _written(row: ExportRun, export: Export) -> tuple[str, list[dict[str, Any]]]:
    publishing.publish(settings.REGULARS_HOME, at=clock.now())
    above = root() / export.name
    above.mkdir(parents=True, exist_ok=True)
    name = f"{row.wanted_at:%Y-%m-%dT%H%M%SZ}-{row.id}"
    half = above / f".{name}"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    written = exporting.write(
        settings.REGULARS_HOME,
        tables=export.tables or exporting.names(),
        kind="csv" if export.kind == "csv" else "parquet",
        into=half,
    )
    manifest = _manifest(export, row, name, exporting.as_of(settings.REGULARS_HOME), written)
    disk.write_whole(half / "manifest.json", manifest)
    for file in half.iterdir():
        with file.open("rb") as one:
            os.fsync(one.fileno())
    disk.sync_folder(half)
    # Of a run that was killed between here and its note in the database, the folder is there already.
    shutil.rmtree(above / name, ignore_errors=True)
    half.rename(above / name)
    disk.sync_folder(above)
    disk.write_whole(above / "latest.json", manifest)
    files = [
        {"table": one.table, "name": one.file, "rows": one.rows, "size": one.size, "sha256": one.sha256}
        for one in written
    ]
    return f"{export.name}/{name}", files


def _manifest(export: Export, row: ExportRun, folder: str, as_of: str, written: list[exporting.Written]) -> str:
    told = {
        "export": export.name,
        "folder": folder,
        "due_at": _iso(row.wanted_at),
        "as_of": as_of,
        "money": "whole minor units",
        "times": "UTC",
        "files": [
            {
                "table": one.table,
                "file": one.file,
                "rows": one.rows,
                "bytes": one.size,
                "sha256": one.sha256,
                "columns": dict(one.columns),
            }
            for one in written
        ],
    }
    return json.dumps(told, indent=1)


def _iso(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
