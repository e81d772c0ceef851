"""What an import came to, whatever its rows were about, and its run on record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import polars as pl

from regulars.doors.imports import reading, rejects
from regulars.doors.imports.mapping import FileMapping
from regulars.doors.imports.walking import TooManyProblems, Walk
from regulars.facts.commerce.outcome import Outcome
from regulars.facts.sources import import_runs
from regulars.kit import problems
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock

#: Of things in conflict so many are named.
REFS_TOLD = 20
#: Facts of a refusal that name a place and never a person.
_TELLING = ("field", "line", "most", "reason")


@dataclass
class Came:
    """How many things were new, changed, known already, older than what is known, or in conflict with it; of the last
    some by their references."""

    new: int = 0
    changed: int = 0
    same: int = 0
    stale: int = 0
    conflicts: int = 0
    refs_in_conflict: list[str] = field(default_factory=list)

    def add(self, done: Outcome) -> None:
        """Count one batch more."""
        self.new += done.new
        self.changed += done.changed
        self.same += done.same
        self.stale += len(done.stale)
        self.conflicts += len(done.conflicts)
        self.refs_in_conflict += done.conflicts[: REFS_TOLD - len(self.refs_in_conflict)]

    def facts(self) -> dict[str, object]:
        """By name, as a report in JSON tells them."""
        counts = {name: value for name, value in asdict(self).items() if name != "stale"}
        return {**counts, "older": self.stale}


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import came to. `run` is None for a dry run. `problems` and `conflicts` show the first of each."""

    run: int | None
    mapping: FileMapping
    rows_read: int
    rows_good: int
    rows_bad: int
    rows_held: int
    rows_repeated: int
    totals: Mapping[str, object]
    problems: pl.DataFrame
    conflicts: pl.DataFrame
    reject_file: Path | None
    rows_rejected: int
    notes: Sequence[str]
    seconds: float

    @property
    def is_whole(self) -> bool:
        """Whether every row of the file is on record now."""
        return not self.rows_rejected

    @property
    def came(self) -> Mapping[str, int]:
        """How many documents were `new`, `changed`, `same`, and so on."""
        raise NotImplementedError

    def recorded(self) -> Mapping[str, object]:
        """What became of the documents, by their kind."""
        raise NotImplementedError


_I = TypeVar("_I", bound=Imported)


def ended(file: Walk, run: int | None, totals: Mapping[str, object], reject_file: Path | None) -> dict[str, Any]:
    """What every `Imported` says but its time; writes what was left out to `reject_file`, if there is anything."""
    left_out = file.left_out
    rejected = left_out.rows_bad + left_out.rows_held
    written = None
    if reject_file and rejected:
        _, written = rejects.write(file.source, left_out, reject_file)
    return {
        "run": run,
        "mapping": file.columns.mapping,
        "rows_read": file.rows_read,
        "rows_good": file.rows_good,
        "rows_bad": left_out.rows_bad,
        "rows_held": left_out.rows_held,
        "rows_repeated": file.repeated,
        "totals": totals,
        "problems": left_out.first_problems,
        "conflicts": left_out.first_conflicts,
        "reject_file": written,
        "rows_rejected": rejected,
        "notes": file.said(),
    }


def on_record(
    kind: str, source: str, path: Path, file: Walk, bring_in: Callable[[int], _I], *, at: datetime, by: Actor
) -> _I:
    """What `bring_in` returns for its run's number, the run is on record from its start to its end."""
    run = import_runs.start(
        source=source,
        kind=kind,
        file_name=path.name,
        digest=reading.digest(path),
        mapping=file.columns.mapping.name,
        rows_expected=file.source.rows_expected,
        at=at,
        by=by,
    ).id
    try:
        done = bring_in(run)
    except BaseException as problem:
        import_runs.fail(run=run, **_told(problem, path), at=clock.now(), by=by)
        raise
    import_runs.finish(
        run=run,
        rows_read=done.rows_read,
        rows_good=done.rows_good,
        rejects=done.rows_rejected,
        rejects_file=str(done.reject_file or ""),
        totals=done.totals,
        came=done.came,
        at=clock.now(),
        by=by,
    )
    return done


class _Why(TypedDict):
    problem: str
    code: str
    facts: dict[str, str | int]


def _told(problem: BaseException, path: Path) -> _Why:
    """Why an import ended, without any row's content: what a refusal quotes of one stays out, as does what a database
    says of it."""
    if not isinstance(problem, Refusal):
        return {"problem": problems.named(problem), "code": "", "facts": {}}
    named = ((name, problem.facts.get(name)) for name in _TELLING)
    told = {name: fact for name, fact in named if isinstance(fact, str | int)}
    quotes_a_row = isinstance(problem, TooManyProblems)
    return {
        "problem": problems.named(problem) if quotes_a_row else problem.message,
        "code": problem.code,
        "facts": {"file": path.name, **told},
    }
