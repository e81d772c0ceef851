"""Consents from a file into the ledger, effective at once: opt-outs and opt-ins of customers, and opt-outs of addresses
that nobody has yet."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from regulars.doors.imports import consent_files, outcomes, reading, rejects
from regulars.doors.imports.consent_files import Walk
from regulars.doors.imports.mapping import CONTACTS, FileMapping
from regulars.doors.imports.walking import Progress
from regulars.facts.company import brands, company
from regulars.facts.customers import consent, contact_holders, customers, kept_nos
from regulars.facts.customers.consent import Told
from regulars.facts.customers.kept_nos import KeptNo
from regulars.facts.sources import import_runs
from regulars.kit.actors import Actor
from regulars.runtime.secrets import lookup

#: Answers in one transaction.
BATCH = 4_000


@dataclass
class Came:
    """How many answers were a new yes, a new no, or on record already; `kept` nos wait for who has the address."""

    given: int = 0
    withdrawn: int = 0
    same: int = 0
    kept: int = 0


@dataclass(frozen=True, kw_only=True)
class Imported(outcomes.Imported):
    """What an import of consents came to."""

    answers: Came = field(default_factory=Came)

    @property
    def came(self) -> Mapping[str, int]:
        """Answers, by what became of them."""
        new = self.answers.given + self.answers.withdrawn + self.answers.kept
        return {"new": new, "changed": 0, "same": self.answers.same}

    def recorded(self) -> Mapping[str, object]:
        """What became of the answers."""
        return {"answers": asdict(self.answers)}


def import_consents(
    path: Path,
    wanted: FileMapping | None,
    *,
    at: datetime,
    by: Actor,
    told: Mapping[str, str] | None = None,
    dry_run: bool = False,
    reject_file: Path | None = None,
    source: str | None = None,
    zone: str | None = None,
    progress: Progress = lambda *_: None,
) -> Imported:
    """Bring in what customers agreed to and refused. `told` has purpose, channel and decision for columns that are not.

    A yes counts from when it was given, a no that tells no time from `at`. A no counts for everybody who is known by
    the address or number, now or later, a yes for one. The same file again changes nothing. Who is not known stays
    out, unless it is a no of an address. With `dry_run` nothing is written but a reject file that was asked for.
    """
    began = time.monotonic()
    rejects_go = None if dry_run and reject_file is None else rejects.place(path, reject_file)
    shop = company.shop()
    with consent_files.walk(
        path,
        wanted,
        zone=shop.zone,
        zone_told=zone,
        region=shop.country,
        now=at,
        brands={brand.code: brand.id for brand in brands.every()},
        told=told or {},
        progress=progress,
    ) as file:
        namespace = source or file.columns.mapping.source
        if dry_run:
            return _bring_in(file, namespace, None, rejects_go, began, at, by)
        return outcomes.on_record(
            "consents",
            namespace,
            path,
            file,
            lambda run: _bring_in(file, namespace, run, rejects_go, began, at, by),
            at=at,
            by=by,
        )


def _bring_in(
    file: Walk, namespace: str, run: int | None, reject_file: Path | None, began: float, at: datetime, by: Actor
) -> Imported:
    came = Came()
    file.read()
    told_in = reading.digest(file.source.path)
    for part in file.parts():
        for rows in part.iter_slices(BATCH):
            whose = _whose(rows, namespace)
            known = pl.Series([bool(customers) for customers in whose], dtype=pl.Boolean)
            waits = rows.select(~pl.col("is_granted") & pl.any_horizontal(pl.col(*CONTACTS).is_not_null())).to_series()
            if run is not None:
                # Also of those whom somebody has: another may come with the same address.
                kept_nos.keep_many(told=_nos(rows.filter(waits & known), namespace, told_in, at), by=by)
                came.kept += kept_nos.keep_many(told=_nos(rows.filter(waits & ~known), namespace, told_in, at), by=by)
                told = [
                    _told(row, customer, namespace, told_in, at)
                    for row, found in zip(rows.iter_rows(named=True), whose, strict=True)
                    for customer in found
                ]
                done = consent.record_many(told=_once(told), by=by, origin="history")
                came.given += done.given
                came.withdrawn += done.withdrawn
                came.same += done.same
            file.taken(rows.filter(known | waits), rows.filter(~known & ~waits))
        if run is not None:
            import_runs.progress(
                run=run, rows_read=file.rows_read, rows_good=file.rows_good, rejects=file.left_out.rows_bad
            )
    return Imported(
        **outcomes.ended(file, run, file.totals(), reject_file),
        answers=came,
        seconds=round(time.monotonic() - began, 3),
    )


def _whose(rows: pl.DataFrame, namespace: str) -> list[list[int]]:
    """Each row's customers: of a no everybody who is known by what the row tells, of a yes the first."""
    by_ref = customers.find_many(namespace=namespace, refs=rows["ref"].drop_nulls().unique().to_list())
    emails = contact_holders.by_email(rows["email"].drop_nulls().unique().to_list())
    phones = contact_holders.by_phone(rows["phone"].drop_nulls().unique().to_list())
    whose = []
    for row in rows.iter_rows(named=True):
        found = [by_ref[row["ref"]]] if row["ref"] in by_ref else []
        found += [*emails.get(row["email"], ()), *phones.get(row["phone"], ())]
        found = list(dict.fromkeys(found))
        whose.append(found[:1] if row["is_granted"] else found)
    return whose


def _told(row: Mapping[str, object], customer: int, namespace: str, told_in: str, at: datetime) -> Told:
    """The row as an answer. Its key is a keyed hash of what it says and when; where it does not say when, of its file,
    so that the same file changes nothing twice and the next one counts."""
    answered = row["answered_at"]
    when = answered if isinstance(answered, datetime) else at
    content = (row["purpose"], row["channel"], row["is_granted"], row["brand"])
    said = when.isoformat() if answered is not None else told_in
    key = lookup.digest("imported consent", "\x00".join(map(str, (namespace, customer, *content, said)))).hex()[:40]
    brand = row["brand"]
    return Told(
        customer=customer,
        purpose=str(row["purpose"]),
        channel=str(row["channel"]),
        is_granted=bool(row["is_granted"]),
        place=str(row["place"]),
        at=when,
        key=f"file:{key}",
        brand=brand if isinstance(brand, int) else None,
        proof=str(row["proof"]),
        source=namespace,
    )


def _nos(rows: pl.DataFrame, namespace: str, told_in: str, at: datetime) -> list[KeptNo]:
    """The rows' nos for each address they tell, once each, with keys as `_told` makes them."""
    nos: dict[str, KeptNo] = {}
    for row in rows.iter_rows(named=True):
        answered, brand = row["answered_at"], row["brand"]
        when = answered if isinstance(answered, datetime) else at
        said = when.isoformat() if answered is not None else told_in
        for kind in CONTACTS:
            value = row[kind]
            if not isinstance(value, str):
                continue
            content = "\x00".join(map(str, (namespace, kind, value, row["purpose"], row["channel"], brand, said)))
            key = f"file:{lookup.digest('imported consent', content).hex()[:40]}"
            nos[key] = KeptNo(
                kind=kind,
                value=value,
                purpose=str(row["purpose"]),
                channel=str(row["channel"]),
                place=str(row["place"]),
                at=when,
                key=key,
                brand=brand if isinstance(brand, int) else None,
                source=namespace,
            )
    return list(nos.values())


def _once(told: list[Told]) -> list[Told]:
    """Rows that repeat each other are one answer."""
    return list({one.key: one for one in told}.values())
