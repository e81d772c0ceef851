"""Customers from a file into the database: who they are, sealed, each once; what cannot be is listed with its mend."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from regulars.doors.imports import outcomes, reading, rejects
from regulars.doors.imports.customer_files import Walk, walk
from regulars.doors.imports.mapping import FileMapping
from regulars.doors.imports.walking import Progress
from regulars.facts.company import company
from regulars.facts.customers import customers, profiles, tags, traits
from regulars.facts.customers.profiles import Profile, Told
from regulars.facts.sources import import_runs
from regulars.kit.actors import Actor
from regulars.runtime.secrets import lookup

#: Customers in one transaction: others who meet the same new ones wait for its end.
BATCH = 4_000


@dataclass
class Came:
    """How many customers were new, changed, known already as the file tells them, or known from later than that.

    `shared` counts contacts by which somebody else is known already.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    older: int = 0
    shared: int = 0


@dataclass(frozen=True, kw_only=True)
class Imported(outcomes.Imported):
    """What an import of customers came to."""

    rows_outdated: int
    customers: Came = field(default_factory=Came)

    @property
    def came(self) -> Mapping[str, int]:
        """Customers, by what became of them."""
        return asdict(self.customers)

    def recorded(self) -> Mapping[str, object]:
        """What became of the customers."""
        return {"customers": asdict(self.customers)}


def import_customers(
    path: Path,
    wanted: FileMapping | None,
    *,
    at: datetime,
    by: Actor,
    dry_run: bool = False,
    reject_file: Path | None = None,
    source: str | None = None,
    zone: str | None = None,
    progress: Progress = lambda *_: None,
) -> Imported:
    """Bring in who the customers of a file are, with origin `history`.

    The same file again changes nothing, so an import that was interrupted is simply started anew. What another file
    tells of a known customer counts from its update time on, or from `at` where it tells none; what was told after
    that stays. An empty cell clears nothing. Each batch of some thousands is a transaction. With `dry_run` nothing is
    written but a reject file that was asked for. `source` and `zone` override the mapping's.
    """
    began = time.monotonic()
    rejects_go = None if dry_run and reject_file is None else rejects.place(path, reject_file)
    shop = company.shop()
    with walk(
        path,
        wanted,
        zone=shop.zone,
        zone_told=zone,
        region=shop.country,
        now=at,
        progress=progress,
        defined=traits.every(),
    ) as file:
        namespace = source or file.columns.mapping.source
        if dry_run:
            file.read()
            for _ in file.parts():
                pass
            return _end(file, None, Came(), rejects_go, began)
        return outcomes.on_record(
            "customers",
            namespace,
            path,
            file,
            lambda run: _bring_in(file, namespace, run, rejects_go, began, at, by),
            at=at,
            by=by,
        )


def _bring_in(
    file: Walk, namespace: str, run: int, reject_file: Path | None, began: float, at: datetime, by: Actor
) -> Imported:
    came = Came()
    file.read()
    told_in = reading.digest(file.source.path)
    for part in file.parts():
        for rows in part.iter_slices(BATCH):
            _record(rows.to_dicts(), namespace, told_in, came, at, by)
        import_runs.progress(
            run=run, rows_read=file.rows_read, rows_good=file.rows_good, rejects=file.left_out.rows_bad
        )
    return _end(file, run, came, reject_file, began)


def _record(
    rows: Sequence[Mapping[str, object]], namespace: str, told_in: str, came: Came, at: datetime, by: Actor
) -> None:
    refs = [str(row["ref"]) for row in rows]
    with transaction.atomic():
        known = customers.find_many(namespace=namespace, refs=refs)
        numbers = customers.resolve_many(namespace=namespace, refs=refs, at=at, by=by, origin="history")
        told = [_told(row, numbers[ref], namespace, told_in, at) for ref, row in zip(refs, rows, strict=True)]
        done = profiles.describe_each(told=told, by=by, origin="history")
        marks = [mark for row, one in zip(rows, told, strict=True) for mark in _tags(row, one)]
        tagged = tags.tell_many(told=marks, by=by, origin="history", source=namespace)
        seen = {numbers[ref]: row["first_seen_at"] for ref, row in zip(refs, rows, strict=True)}
        customers.note_many(
            at=at,
            by=by,
            first_seen={customer: when for customer, when in seen.items() if isinstance(when, datetime)},
        )
    came.shared += len(done.shared)
    for ref, one in zip(refs, told, strict=True):
        if ref not in known:
            came.new += 1
        elif one.customer in done.whose or one.customer in tagged:
            came.changed += 1
        elif one.key in done.late:
            came.older += 1
        else:
            came.same += 1


def _told(row: Mapping[str, object], customer: int, namespace: str, told_in: str, at: datetime) -> Told:
    """What the row tells, from when. Its key is a keyed hash: of what it says where it says when that was so, else of
    the file, so that the same file changes nothing twice and the next one counts."""
    text = {name: value for name, value in row.items() if isinstance(value, str) and name != "ref"}
    updated = row["updated_at"]
    when = updated if isinstance(updated, datetime) else at
    content = "\x00".join(f"{name}={value}" for name, value in sorted(text.items()))
    said = f"{when.isoformat()}\x00{content}" if updated is not None else told_in
    key = lookup.digest("imported customer", f"{namespace}\x00{customer}\x00{said}").hex()[:40]
    plain = ("given_name", "family_name", "email", "phone", "birthday", "address", "note", "country", "language")
    as_told: dict[str, Any] = {name: text.get(name) for name in plain}
    profile = Profile(
        display_name=text.get("name"),
        **as_told,
        traits={code: one for code, one in json.loads(text.get("traits", "{}")).items() if one is not None},
    )
    return Told(customer, profile, f"file:{key}", when, namespace)


def _tags(row: Mapping[str, object], told: Told) -> list[tags.Told]:
    """The tags of the row, from when it was so. A file sets tags; it takes none off, for it may not know them all."""
    found = traits.split(text) if isinstance(text := row["tags"], str) else []
    return [tags.Told(told.customer, code, True, f"{told.key}:{place}", told.at) for place, code in enumerate(found)]


def _end(file: Walk, run: int | None, came: Came, reject_file: Path | None, began: float) -> Imported:
    return Imported(
        **outcomes.ended(file, run, file.totals(), reject_file),
        rows_outdated=file.outdated,
        customers=came,
        seconds=round(time.monotonic() - began, 3),
    )
