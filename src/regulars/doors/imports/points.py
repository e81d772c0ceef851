"""Points that members had in another system, from a file into the ledger: each part with its own end."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path

import polars as pl

from regulars.doors.imports import outcomes, point_files, rejects
from regulars.doors.imports.mapping import FileMapping
from regulars.doors.imports.point_files import NOBODY, OTHERWISE, SEVERAL, Walk
from regulars.doors.imports.walking import Progress
from regulars.facts.company import company
from regulars.facts.customers import contact_holders, customers, persons
from regulars.facts.sources import import_runs
from regulars.kit.actors import Actor
from regulars.levers.loyalty import opening, wallets
from regulars.levers.loyalty.opening import Opening

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
    """What an import of points came to."""

    rows: Came = field(default_factory=Came)

    @property
    def came(self) -> Mapping[str, int]:
        """Rows, by what became of them."""
        return {"new": self.rows.new, "changed": 0, "same": self.rows.same, "conflicts": self.rows.conflicts}

    def recorded(self) -> Mapping[str, object]:
        """What became of the rows."""
        return {"points": asdict(self.rows)}


def import_points(
    path: Path,
    wanted: FileMapping | None,
    *,
    at: datetime,
    by: Actor,
    currency: str = "points",
    dry_run: bool = False,
    reject_file: Path | None = None,
    source: str | None = None,
    zone: str | None = None,
    progress: Progress = lambda *_: None,
) -> Imported:
    """Bring in what members had, with origin `history`, so that nobody is greeted.

    A row is known by its reference, else by its customer, its last day and when it was earned: the same file again
    changes nothing, so one that was interrupted is simply started anew; a row that says another amount stays out. Each
    batch of some thousands is a transaction. With `dry_run` nothing is written but a reject file that was asked for.
    """
    began = time.monotonic()
    rejects_go = None if dry_run and reject_file is None else rejects.place(path, reject_file)
    shop = company.shop()
    with point_files.walk(
        path,
        wanted,
        zone=shop.zone,
        zone_told=zone,
        region=shop.country,
        now=at,
        scale=wallets.scale(currency),
        progress=progress,
    ) as file:
        namespace = source or file.columns.mapping.source

        def bring_in(run: int | None) -> Imported:
            came = Came()
            file.read()
            for part in file.parts():
                for rows in part.iter_slices(BATCH):
                    _take(file, rows, namespace, currency, run, came, at, by)
                if run is not None:
                    import_runs.progress(
                        run=run, rows_read=file.rows_read, rows_good=file.rows_good, rejects=file.left_out.rows_bad
                    )
            return Imported(
                **outcomes.ended(file, run, file.totals(), rejects_go),
                rows=came,
                seconds=round(time.monotonic() - began, 3),
            )

        if dry_run:
            return bring_in(None)
        return outcomes.on_record("points", namespace, path, file, bring_in, at=at, by=by)


def _take(
    file: Walk,
    rows: pl.DataFrame,
    namespace: str,
    currency: str,
    run: int | None,
    came: Came,
    at: datetime,
    by: Actor,
) -> None:
    whose = _whose(rows, namespace)
    count = pl.Series([len(found) for found in whose], dtype=pl.Int64)
    refs = [_ref(row) for row in rows.iter_rows(named=True)]
    told: dict[str, Opening] = {}
    twice: set[str] = set()
    for row, ref, found in zip(rows.iter_rows(named=True), refs, whose, strict=True):
        if len(found) == 1 and row["parts"]:
            one = Opening(ref, found[0], row["parts"], row["earned_at"] or at, row["expires_on"])
            before = told.setdefault(ref, one)
            if (before.customer, before.amount, before.expires_on) != (one.customer, one.amount, one.expires_on):
                twice.add(ref)
    for ref in twice:
        del told[ref]
    conflicts = set(twice)
    if run is not None and told:
        done = opening.bring(told=list(told.values()), source=namespace, at=at, by=by, currency=currency)
        came.new += done.new
        came.same += done.same
        conflicts |= set(done.conflicts)
    came.conflicts += len(conflicts)
    is_otherwise = pl.Series([ref in conflicts for ref in refs], dtype=pl.Boolean)
    file.taken(
        rows.filter((count == 1) & ~is_otherwise),
        {
            NOBODY[0]: (NOBODY[1], rows.filter(count == 0)),
            SEVERAL[0]: (SEVERAL[1], rows.filter(count > 1)),
            OTHERWISE[0]: (OTHERWISE[1], rows.filter(is_otherwise & (count == 1))),
        },
    )


def _ref(row: Mapping[str, object]) -> str:
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
