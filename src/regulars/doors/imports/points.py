"""Points that members had in another system, from a file: what was left, into the ledger, each part with its own end;
and row by row what became of points there, beside it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Generic, TypeVar

import polars as pl

from regulars.doors.imports import outcomes, point_files, rejects
from regulars.doors.imports.mapping import FileMapping
from regulars.doors.imports.point_files import (
    BALANCES,
    FROZEN,
    NOBODY,
    OTHERWISE,
    SEVERAL,
    TWICE,
    UNKNOWN_NUMBER,
    Form,
    Walk,
)
from regulars.doors.imports.point_history_files import HISTORY
from regulars.doors.imports.walking import Progress
from regulars.facts.company import company
from regulars.facts.customers import contact_holders, customers, persons
from regulars.facts.sources import import_runs
from regulars.kit.actors import Actor
from regulars.levers.loyalty import earlier, opening, wallets
from regulars.levers.loyalty.earlier import Movement
from regulars.levers.loyalty.opening import Brought, Opening

#: Rows in one transaction.
BATCH = 2_000


@dataclass
class Came:
    """How many rows brought points along, were on record already, or say something else than what is."""

    new: int = 0
    same: int = 0
    conflicts: int = 0


@dataclass(frozen=True, kw_only=True)
class Imported(outcomes.Imported):
    """What an import of points came to. `unequal`: of how many customers what became of their points there does not
    come to what was brought along for them; None where that was not looked at."""

    rows: Came = field(default_factory=Came)
    unequal: int | None = None

    @property
    def came(self) -> Mapping[str, int]:
        """Rows, by what became of them."""
        return {"new": self.rows.new, "changed": 0, "same": self.rows.same, "conflicts": self.rows.conflicts}

    def recorded(self) -> Mapping[str, object]:
        """What became of the rows."""
        differ = {} if self.unequal is None else {"customers_that_differ": self.unequal}
        return {"points": asdict(self.rows) | differ}


_One = TypeVar("_One", Opening, Movement)


@dataclass(frozen=True)
class _Kind(Generic[_One]):
    """What a kind of file becomes: what its rows are, under what they are known, and the verb that takes them."""

    form: Form
    ref: Callable[[Mapping[str, object]], str]
    one: Callable[[str, int, Mapping[str, object], datetime], _One]
    bring: Callable[[Sequence[_One], str, datetime, Actor, str], Brought]


def import_points(
    path: Path,
    wanted: FileMapping | None,
    *,
    at: datetime,
    by: Actor,
    currency: str = "points",
    is_history: bool = False,
    dry_run: bool = False,
    reject_file: Path | None = None,
    source: str | None = None,
    zone: str | None = None,
    progress: Progress = lambda *_: None,
) -> Imported:
    """Bring in what members had, with origin `history`, so that nobody is greeted; with `is_history` what became of
    their points in the other system, to be read: no points move by it.

    A row is known by its reference, one of a balance without a reference by its customer, its last day and when it was
    earned: the same file again changes nothing, so one that was interrupted is simply started anew; a row that says
    something else stays out. Each batch of some thousands is a transaction. With `dry_run` nothing is written but a
    reject file that was asked for.
    """
    asked = _Asked(path, wanted, at, by, currency, dry_run, reject_file, source, zone, progress)
    if not is_history:
        return _import(asked, _BALANCES)
    done = _import(asked, _HISTORY)
    return done if dry_run else replace(done, unequal=earlier.unequal(currency=currency))


@dataclass(frozen=True)
class _Asked:
    path: Path
    wanted: FileMapping | None
    at: datetime
    by: Actor
    currency: str
    dry_run: bool
    reject_file: Path | None
    source: str | None
    zone: str | None
    progress: Progress


def _import(asked: _Asked, kind: _Kind[_One]) -> Imported:
    began = time.monotonic()
    rejects_go = None if asked.dry_run and asked.reject_file is None else rejects.place(asked.path, asked.reject_file)
    shop = company.shop()
    with point_files.walk(
        asked.path,
        asked.wanted,
        kind.form,
        zone=shop.zone,
        zone_told=asked.zone,
        region=shop.country,
        now=asked.at,
        scale=wallets.scale(asked.currency),
        progress=asked.progress,
    ) as file:
        namespace = asked.source or file.columns.mapping.source

        def bring_in(run: int | None) -> Imported:
            came = Came()
            file.read()
            twice = _known_twice(file, namespace, asked, kind)
            for part in file.parts():
                for rows in part.iter_slices(BATCH):
                    _take(file, rows, namespace, asked, kind, run, came, twice)
                if run is not None:
                    import_runs.progress(
                        run=run, rows_read=file.rows_read, rows_good=file.rows_good, rejects=file.left_out.rows_bad
                    )
            return Imported(
                **outcomes.ended(file, run, file.totals(), rejects_go),
                rows=came,
                seconds=round(time.monotonic() - began, 3),
            )

        if asked.dry_run:
            return bring_in(None)
        return outcomes.on_record("points", namespace, asked.path, file, bring_in, at=asked.at, by=asked.by)


@dataclass(frozen=True)
class _Twice:
    """What rows of a file are known by twice: the `first` row of each. Of `apart` they say different things, of
    `otherwise` they say something else than what is on record; `frozen` are of members whose points are."""

    first: dict[str, int]
    apart: frozenset[str]
    otherwise: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)


def _known_twice(file: Walk, namespace: str, asked: _Asked, kind: _Kind[_One]) -> _Twice:
    told: dict[str, tuple[int, _One]] = {}
    apart: set[str] = set()
    for part in file.known_twice():
        for rows in part.iter_slices(BATCH):
            for row, found in zip(rows.iter_rows(named=True), _whose(rows, namespace), strict=True):
                if len(found) == 1 and row["parts"]:
                    ref = kind.ref(row)
                    one = kind.one(ref, found[0], row, asked.at)
                    if told.setdefault(ref, (row["row"], one))[1] != one:
                        apart.add(ref)
    return _Twice({ref: row for ref, (row, _one) in told.items()}, frozenset(apart))


def _take(
    file: Walk,
    rows: pl.DataFrame,
    namespace: str,
    asked: _Asked,
    kind: _Kind[_One],
    run: int | None,
    came: Came,
    twice: _Twice,
) -> None:
    whose = _whose(rows, namespace)
    count = pl.Series([len(found) for found in whose], dtype=pl.Int64)
    refs = [kind.ref(row) for row in rows.iter_rows(named=True)]
    told: dict[str, _One] = {}
    again: list[bool] = []
    for row, ref, found in zip(rows.iter_rows(named=True), refs, whose, strict=True):
        counts = len(found) == 1 and bool(row["parts"])
        is_first = twice.first.get(ref, row["row"]) == row["row"]
        again.append(counts and not is_first)
        came.conflicts += counts and is_first and ref in twice.apart
        if counts and is_first and ref not in twice.apart:
            told[ref] = kind.one(ref, found[0], row, asked.at)
    if run is not None and told:
        done = kind.bring(list(told.values()), namespace, asked.at, asked.by, asked.currency)
        came.new += done.new
        came.same += done.same
        came.conflicts += len(done.conflicts)
        twice.otherwise.update(done.conflicts)
        twice.frozen.update(done.frozen)
    has_number = rows["customer"].is_not_null()
    is_apart = pl.Series([ref in twice.apart for ref in refs], dtype=pl.Boolean)
    is_otherwise = pl.Series([ref in twice.otherwise for ref in refs], dtype=pl.Boolean)
    is_frozen = pl.Series([ref in twice.frozen for ref in refs], dtype=pl.Boolean)
    is_out = is_apart | is_otherwise | is_frozen
    is_again = pl.Series(again, dtype=pl.Boolean) & ~is_out
    file.taken(
        rows.filter((count == 1) & ~is_out & ~is_again),
        {
            NOBODY[0]: (NOBODY[1], rows.filter((count == 0) & ~has_number)),
            UNKNOWN_NUMBER[0] % {"name": repr(namespace)}: (UNKNOWN_NUMBER[1], rows.filter((count == 0) & has_number)),
            SEVERAL[0]: (SEVERAL[1], rows.filter(count > 1)),
            TWICE[0]: (TWICE[1], rows.filter(is_apart & (count == 1))),
            OTHERWISE[0]: (OTHERWISE[1], rows.filter(is_otherwise & (count == 1))),
            FROZEN[0]: (FROZEN[1], rows.filter(is_frozen & (count == 1))),
        },
        repeated=int(is_again.sum()),
    )


def _ref_of_balance(row: Mapping[str, object]) -> str:
    """What the row is known by for ever."""
    if row["told"]:
        return f"ref\x1f{row['told']}"
    earned, day = row["earned_at"], row["expires_on"]
    parts = (
        row["ref"],
        day.isoformat() if isinstance(day, date) else "",
        earned.isoformat() if isinstance(earned, datetime) else "",
    )
    return "\x1f".join(map(str, parts))


def _whose(rows: pl.DataFrame, namespace: str) -> list[list[int]]:
    """The people each row may mean: by its number, else by its address and phone."""
    by_ref = customers.find_many(namespace=namespace, refs=rows["ref"].drop_nulls().unique().to_list())
    emails = contact_holders.by_email(rows["email"].drop_nulls().unique().to_list())
    phones = contact_holders.by_phone(rows["phone"].drop_nulls().unique().to_list())
    whose: list[list[int]] = []
    for row in rows.iter_rows(named=True):
        if row["ref"] in by_ref:
            whose.append([by_ref[row["ref"]]])
        else:
            whose.append([*emails.get(row["email"], ()), *phones.get(row["phone"], ())])
    person_of = persons.of_many({record for found in whose for record in found})
    return [sorted({person_of[record] for record in found}) for found in whose]


def _opening(ref: str, customer: int, row: Mapping[str, object], at: datetime) -> Opening:
    parts, earned, day = row["parts"], row["earned_at"], row["expires_on"]
    assert isinstance(parts, int)
    return Opening(
        ref,
        customer,
        parts,
        earned if isinstance(earned, datetime) else at,
        day if isinstance(day, date) else None,
    )


def _movement(ref: str, customer: int, row: Mapping[str, object], _at: datetime) -> Movement:
    parts, when = row["parts"], row["happened_at"]
    assert isinstance(parts, int)
    assert isinstance(when, datetime)
    return Movement(ref, customer, str(row["kind"]), parts, when)


def _bring_balances(told: Sequence[Opening], source: str, at: datetime, by: Actor, currency: str) -> Brought:
    return opening.bring(told=told, source=source, at=at, by=by, currency=currency)


def _bring_history(told: Sequence[Movement], source: str, at: datetime, by: Actor, currency: str) -> Brought:
    return earlier.bring(told=told, source=source, at=at, by=by, currency=currency)


_BALANCES = _Kind(BALANCES, _ref_of_balance, _opening, _bring_balances)
_HISTORY = _Kind(HISTORY, lambda row: str(row["told"]), _movement, _bring_history)
