"""Import runs: which file came in, how far it got, what it brought, and where its bad rows are.

A run is alive as long as the process that started it holds its lock in the database. A killed process loses the lock
with its connection, so a dead run is known at once and for certain, with no heart beat to wait for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from regulars.facts.sources.models import ImportRun
from regulars.facts.sources.notices import ImportEnded
from regulars.kit.actors import Actor, ActorKind
from regulars.kit.refusals import Refusal
from regulars.runtime.notices.outbox import announce
from regulars.runtime.trail import trail

#: The first half of the locks' two-part name: this table's own space among advisory locks.
_LOCKS = 1_936_681_571
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Run:
    """One walk through one file. `state`: running, done, failed, or interrupted (its process died).

    `came` counts documents that were new, changed, or known already (empty for runs of before). `problem` is a sentence
    in English; `problem_code` with `problem_facts` (file, line, field) is what a reader's language is made of.
    """

    id: int
    source: str
    kind: str
    file_name: str
    digest: str
    mapping: str
    state: str
    rows_expected: int | None
    rows_read: int
    rows_good: int
    rejects: int
    rejects_file: str
    totals: Mapping[str, object]
    came: Mapping[str, int]
    problem: str
    problem_code: str
    problem_facts: Mapping[str, str | int]
    by: Actor
    started_at: datetime
    finished_at: datetime | None


class AlreadyRunning(Refusal):
    """The same file is being imported right now."""

    code = "sources.already_running"


class NotRunning(Refusal):
    """The run has ended already."""

    code = "sources.not_running"


class BadDigest(Refusal):
    """Not the SHA-256 of a file's content in small hexadecimal letters."""

    code = "sources.bad_digest"


def start(
    *,
    source: str,
    kind: str,
    file_name: str,
    digest: str,
    mapping: str = "",
    rows_expected: int | None = None,
    at: datetime,
    by: Actor,
) -> Run:
    """Begin a run of the file whose content has the SHA-256 `digest`.

    Call it outside a transaction, in the process that imports: while its connection lives, the run does.

    Earlier runs of that source and kind whose process has died are set to interrupted. The same content already on its
    way is refused; content that came in before is welcome, the rooms make a repeat harmless.
    """
    if not _DIGEST.fullmatch(digest):
        raise BadDigest(
            _("digest: %(digest)r is no SHA-256; give 64 hexadecimal digits") % {"digest": digest[:64]},
            field="digest",
            value=digest[:64],
        )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCKS + 1, f"{source}/{kind}"])
        for earlier in ImportRun.objects.filter(source=source, kind=kind, state="running").order_by("id"):
            if _is_alive(earlier.id):
                if earlier.digest == digest:
                    raise AlreadyRunning(
                        _("file: %(file_name)r is being imported right now as run %(id)s; wait for it or stop it")
                        % {"file_name": file_name, "id": earlier.id},
                        field="file",
                        value=file_name,
                        run=earlier.id,
                    )
            else:
                ImportRun.objects.filter(id=earlier.id).update(state="interrupted", finished_at=Now())
                trail.record(by=by, verb="sources.import_runs.interrupt", subject=f"import_run:{earlier.id}", at=at)
        row = ImportRun.objects.create(
            source=source,
            kind=kind,
            file_name=file_name[-255:],
            digest=digest,
            mapping=mapping,
            rows_expected=rows_expected,
            by_kind=by.kind,
            by_id=by.id,
            started_at=at,
        )
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCKS, row.id])
        trail.record(
            by=by,
            verb="sources.import_runs.start",
            subject=f"import_run:{row.id}",
            at=at,
            after={"source": source, "kind": kind, "digest": digest},
        )
    return _run(row, alive={row.id})


def progress(*, run: int, rows_read: int, rows_good: int, rejects: int) -> None:
    """How far the run has got. Neither trail nor notice: it is a display, and the end states the result."""
    ImportRun.objects.filter(id=run, state="running").update(rows_read=rows_read, rows_good=rows_good, rejects=rejects)


def finish(
    *,
    run: int,
    rows_read: int,
    rows_good: int,
    rejects: int,
    rejects_file: str = "",
    totals: Mapping[str, object],
    came: Mapping[str, int] | None = None,
    at: datetime,
    by: Actor,
) -> Run:
    """The file has been walked to its end. `totals` are its control totals: JSON numbers, and decimals as text.

    `came` counts its documents: `new`, `changed`, `same`, and so on.
    """
    return _end(
        run,
        at,
        by,
        "done",
        {
            "rows_read": rows_read,
            "rows_good": rows_good,
            "rejects": rejects,
            "rejects_file": rejects_file,
            "totals": dict(totals),
            "came": dict(came or {}),
        },
    )


def fail(
    *,
    run: int,
    problem: str,
    code: str = "",
    facts: Mapping[str, str | int] | None = None,
    at: datetime,
    by: Actor,
) -> Run:
    """The run gave up. `problem` is for the operator: file, line, column and mend; never a row's content.

    `code` is the refusal's, if it was one, and `facts` are what a sentence in any language needs of it.
    """
    told: dict[str, object] = {"problem": problem[:500], "problem_code": code, "problem_facts": dict(facts or {})}
    return _end(run, at, by, "failed", told)


def recent(limit: int = 20) -> list[Run]:
    """The latest runs, newest first; those whose process died show as interrupted. Two queries."""
    rows = list(ImportRun.objects.order_by("-started_at", "-id")[:limit])
    alive = _alive() if any(row.state == "running" for row in rows) else set()
    return [_run(row, alive) for row in rows]


def of(run: int) -> Run | None:
    """One run, or None. Up to two queries."""
    row = ImportRun.objects.filter(id=run).first()
    return _run(row, _alive() if row.state == "running" else set()) if row else None


def _end(run: int, at: datetime, by: Actor, state: str, values: dict[str, object]) -> Run:
    with transaction.atomic():
        row = ImportRun.objects.select_for_update().filter(id=run, state="running").first()
        if row is None:
            raise NotRunning(_("run: %(run)s is not running; start a new one") % {"run": run}, field="run", value=run)
        for column, value in (values | {"state": state, "finished_at": at}).items():
            setattr(row, column, value)
        row.save()
        announce(
            ImportEnded(run=run, what=row.kind, rows_good=row.rows_good, at=at, origin="history"),
            by=by,
            verb=f"sources.import_runs.{'finish' if state == 'done' else 'fail'}",
            after={"state": state, "rows_good": row.rows_good, "rejects": row.rejects},
        )
    with connection.cursor() as cursor:
        # Without effect, but for a warning, when another connection started it: the lock ends with that one.
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCKS, run])
    return _run(row, set())


def _alive() -> set[int]:
    """The runs some living connection to this database holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2"
            " AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [_LOCKS],
        )
        return {number for (number,) in cursor.fetchall()}


def _is_alive(run: int) -> bool:
    return run in _alive()


def _run(row: ImportRun, alive: set[int]) -> Run:
    return Run(
        id=row.id,
        source=row.source,
        kind=row.kind,
        file_name=row.file_name,
        digest=row.digest,
        mapping=row.mapping,
        state="interrupted" if row.state == "running" and row.id not in alive else row.state,
        rows_expected=row.rows_expected,
        rows_read=row.rows_read,
        rows_good=row.rows_good,
        rejects=row.rejects,
        rejects_file=row.rejects_file,
        totals=row.totals,
        came=row.came,
        problem=row.problem,
        problem_code=row.problem_code,
        problem_facts=row.problem_facts,
        by=Actor(cast(ActorKind, row.by_kind), row.by_id),
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
