"""Computes all readings anew and stores what changed."""

import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.csv as pa_csv
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from regulars.facts.company import company
from regulars.facts.customers.relation import CUSTOMERS
from regulars.insight.measures import (
    catalogue,
    computing,
    estimates,
    exploring,
    keeping,
    moving,
    published,
    readings,
    runs,
    series,
    tables,
)
from regulars.insight.measures._written import write
from regulars.insight.measures.exploring import Explored
from regulars.insight.measures.figures import FIGURES
from regulars.insight.measures.models import FigureReading, ShopReading
from regulars.insight.measures.notices import ReadingsComputed
from regulars.insight.measures.published import COLUMNS
from regulars.insight.measures.scope import Scope
from regulars.insight.measures.told import cuts_of_shop, told
from regulars.insight.warehouse import publishing
from regulars.insight.warehouse.session import LARGE_MEMORY, Session
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.runtime.notices.outbox import announce

_FRESH = "_fresh_readings"
#: So many readings or more keep the database busy while figures are computed here. Of fewer nobody who is joined to
#: another shall wait for figures, because their reading is written and not yet committed.
BESIDE_FROM = 10_000
#: By how much what is computed beside the writing gives way to it.
_GIVES_WAY = 5
_COLUMNS = ("customer_id", *(measure.name for measure in catalogue.STORED))
Tell = Callable[[str], None]
#: What is done now, and how much of all is, from 0 to 1, as far as one can tell.
Hear = Callable[[str, float], None]
#: Where each part begins, of a first refresh of a large shop.
_COMPUTING, _COUNTING, _MOVING, _STORING = 0.5, 0.6, 0.8, 0.95


@dataclass(frozen=True)
class Refreshed:
    """What a refresh found and wrote; `changed` and `removed` count rows of readings, `run` is its number."""

    as_of: date
    currency: str
    customers: int
    changed: int
    removed: int
    shop: Mapping[str, Mapping[str, Any]]
    run: int


def refresh(
    *,
    at: datetime,
    by: Actor,
    as_of: date | None = None,
    tell: Tell = lambda _: None,
    hear: Hear = lambda *_: None,
) -> Refreshed:
    """Publish what changed, compute every measure of the catalogue, and store the readings that differ.

    Harmless to repeat: with nothing new, nothing is computed, and nothing written but a run, and when the shop's
    readings were computed.
    Readings change in one transaction, so nobody sees half of them. Two at once run one after the other. Not to be
    called within a transaction. Killed, it stores nothing; tables that were read by then are not read again, but for
    what changed. `as_of` looks back at an earlier day; otherwise it is the last day with a purchase
    (`computing.as_of_day`).
    """
    shop = company.shop()
    home = Path(settings.REGULARS_HOME)
    with _one_at_a_time():
        tell("Publishing what changed")
        published_now = publishing.publish(
            home,
            at=at,
            tell=lambda done: tell(f"  {done.name}: {done.changed:,} changed, {done.rows:,} in all"),
            hear=lambda table, share: hear(table, share * _COMPUTING),
        )
        with Session.from_published(home, memory=LARGE_MEMORY) as session:
            tell("Computing the measures")
            hear("Computing the measures", _COMPUTING)
            zone = civil.zone(shop.zone)
            day = computing.as_of_day(session, today=civil.day_of(at, zone), asked=as_of)
            scope = Scope(session.table, day, shop.currency, cuts=cuts_of_shop(), told=told(shop.currency))
            basis = _basis(session, scope, shop.zone)
            [came] = [one for one in published_now if one.name == published.TABLE.name]
            if (last := _came_to(basis, readings_now=came.rows, changed=came.changed)) is not None:
                tell("Nothing is new")
                return _again(last, at=at, by=by)
            with keeping.facts(session, scope, zone, home) as kept:
                done = _refreshed(session, kept, basis, at=at, by=by, tell=tell, hear=hear)
    return done


def _refreshed(
    session: Session, kept: keeping.Kept, basis: str, *, at: datetime, by: Actor, tell: Tell, hear: Hear
) -> Refreshed:
    scope = kept.scope
    computing.people(session, scope)
    moved = readings.shop("moves")

    def rest() -> tuple[Explored, dict[str, Mapping[str, Any]]]:
        by_month = kept.rest()
        tell("Computing the figures, month by month")
        hear("Computing the figures, month by month", _COUNTING)
        explored = exploring.of_groups(session, scope, by_month=by_month)
        tell("Computing what goes together and who moved")
        hear("Computing what goes together and who moved", _MOVING)
        return explored, {
            **computing.of_shop(session, scope),
            **computing.deeper(session, scope),
            **moving.all_of(session, scope, None if moved is None else moved.value),
        }

    with transaction.atomic(), ThreadPoolExecutor(1, initializer=_give_way) as beside:
        customers, differing = _stage(session)
        behind = beside.submit(rest)
        if differing < BESIDE_FROM:
            wait([behind])
        changed, removed = _store()
        explored, shop_values = behind.result()
        tell(f"Storing readings as of {scope.as_of}")
        hear("Storing readings", _STORING)
        _store_shop(scope, shop_values, at)
        series.store(explored, currency=scope.currency, at=at)
        run = runs.keep(
            explored,
            currency=scope.currency,
            customers=customers,
            changed=changed,
            totals=estimates.kept(shop_values["overview"]),
            basis=basis,
            at=at,
        )
        done = Refreshed(scope.as_of, scope.currency, customers, changed, removed, shop_values, run)
        _announce(done, at=at, by=by)
    return done


def _give_way() -> None:
    # The database writes in one process what takes longest; three threads on two cores would let it have two thirds of
    # one. Threads that this one starts give way too. Where threads have no priority of their own nothing is done.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _GIVES_WAY)


def _announce(done: Refreshed, *, at: datetime, by: Actor) -> None:
    announce(
        ReadingsComputed(run=done.run, changed=done.changed + done.removed, at=at),
        by=by,
        verb="insight.refresh",
        after={
            "as_of": done.as_of.isoformat(),
            "customers": done.customers,
            "changed": done.changed,
            "removed": done.removed,
            "run": done.run,
        },
    )


def _basis(session: Session, scope: Scope, zone: str) -> str:
    """A hash of all that is computed from: facts as they are published, the day, what the shop told, and the code."""
    mark = session.mark()
    facts = {name: mark["tables"].get(name) for name in sorted({*tables.NEEDED, *tables.FIGURES_NEED})}
    how = (runs.engine(), _code(), scope.as_of, scope.currency, zone, scope.cuts, scope.told)
    return hashlib.sha256(repr((how, mark["database"], facts)).encode()).hexdigest()


@cache
def _code() -> str:
    folder = Path(__file__).parent
    files = sorted(one for one in folder.rglob("*.py") if "tests" not in one.relative_to(folder).parts)
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _came_to(basis: str, *, readings_now: int, changed: int) -> runs.Run | None:
    """The last run, where it rests on the same and what it stored is all there, as it wrote it: `changed` readings
    differ from those published before it."""
    last = next(iter(runs.latest(1)), None)
    if last is None or last.basis != basis or (readings_now, changed) != (last.customers, last.changed):
        return None
    stored = {one.name for one in (*catalogue.SHOP, *catalogue.DEEPER)} | set(moving.NAMES)
    figures = {one.name for one in FIGURES}
    there = [
        set(model.objects.filter(as_of=last.as_of).values_list("name", flat=True))
        for model in (ShopReading, FigureReading)
    ]
    return last if [stored, figures] == there else None


def _again(last: runs.Run, *, at: datetime, by: Actor) -> Refreshed:
    with transaction.atomic():
        values = {one.name: estimates.found(one.value) for one in ShopReading.objects.all()}
        for model in (ShopReading, FigureReading):
            model.objects.update(computed_at=at)
        run = runs.keep_again(last, at=at)
        done = Refreshed(last.as_of, last.currency, last.customers, 0, 0, values, run)
        _announce(done, at=at, by=by)
    return done


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('insight.refresh'))")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('insight.refresh'))")


def _stage(session: Session) -> tuple[int, int]:
    """Bring what differs from the readings as they were published (`readings`) into tables of this transaction, so that
    the database hears of those alone; how many customers have a reading now, and how many of them another one."""
    fresh, known = session.keep(_FRESH, computing.stored_of(session)), session.table(published.TABLE.name)
    [row] = session.rows(fresh.aggregate(customers=fresh.count()))
    with connection.cursor() as cursor:

        def bring(statement: LiteralString, batches: Iterator[pa.RecordBatch]) -> int:
            brought = 0
            with cursor.copy(sql.SQL(statement).format(all=_listed(_COLUMNS))) as copy:
                for batch in batches:
                    copy.write(_as_csv(batch))
                    brought += len(batch)
            return brought

        _run(
            cursor, "CREATE TEMP TABLE fresh_reading ON COMMIT DROP AS SELECT {all} FROM measures_reading WITH NO DATA"
        )
        _run(cursor, "CREATE TEMP TABLE gone_reading (customer_id bigint) ON COMMIT DROP")
        differing = bring(
            "COPY fresh_reading ({all}) FROM STDIN (FORMAT csv)",
            # By what they spent, as they lie in most indexes: each new entry then goes beside the one before. Those of
            # a first refresh lie so in the table too, and a page of it is read and written once.
            session.batches(
                _differing(fresh, known).select(_COLUMNS).order_by(ibis.desc("spend_minor"), ibis.desc("customer_id"))
            ),
        )
        bring(
            "COPY gone_reading (customer_id) FROM STDIN (FORMAT csv)",
            session.batches(known.anti_join(fresh, "customer_id").select("customer_id")),
        )
    return int(row["customers"]), differing


def _store() -> tuple[int, int]:
    """Write what was staged: how many readings were written, how many removed."""
    with connection.cursor() as cursor:
        # A table last looked at while it was empty is taken for empty while it grows: joined row by row, each of a
        # million readings would walk all those before it. Whole tables are joined here, never a few rows.
        _run(cursor, "SET LOCAL enable_nestloop = off")
        _run(cursor, "ANALYZE fresh_reading")
        # A customer erased since the publish has no row to hang a reading on; somebody joined since then is read with
        # their person, from the next refresh on.
        changed = _run(
            cursor,
            "INSERT INTO measures_reading AS old ({all}) SELECT {all} FROM fresh_reading AS fresh"
            " WHERE EXISTS (SELECT 1 FROM {customers} AS customer"
            " WHERE customer.id = fresh.customer_id AND customer.person_id IS NULL)"
            " ON CONFLICT (customer_id) DO UPDATE SET ({values}) = ROW ({excluded})"
            " WHERE ({old_values}) IS DISTINCT FROM ({excluded})",
        )
        # Here, beside what is computed: left to the end, that there is a customer to each new one would be looked up
        # while nothing else is done.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        removed = _run(
            cursor,
            "DELETE FROM measures_reading AS old USING gone_reading AS gone WHERE gone.customer_id = old.customer_id",
        )
    return changed, removed


def _run(cursor: CursorWrapper, statement: LiteralString) -> int:
    names = {
        "all": _listed(_COLUMNS),
        "values": _listed(_COLUMNS[1:]),
        "old_values": _listed(_COLUMNS[1:], "old"),
        "excluded": _listed(_COLUMNS[1:], "excluded"),
        "customers": sql.Identifier(CUSTOMERS),
    }
    cursor.execute(sql.SQL(statement).format(**names))
    return int(cursor.rowcount)


def _differing(fresh: ir.Table, known: ir.Table) -> ir.Table:
    """Readings of who had none, or another one."""
    told = known.select("customer_id", **{f"{name}_known": known[column] for column, (name, *_) in COLUMNS.items()})
    joined = fresh.left_join(told, "customer_id")
    differs = [told.customer_id.isnull()]
    for name, _, kind in COLUMNS.values():
        value = joined[name].cast("decimal(38, 6)") if kind == "decimal" else joined[name]
        differs.append(~value.identical_to(joined[f"{name}_known"]))
    return joined.filter(ibis.or_(*differs))


def _listed(columns: Sequence[str], table: str = "") -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(table, column) if table else sql.Identifier(column) for column in columns)


def _as_csv(batch: pa.RecordBatch) -> bytes:
    out = io.BytesIO()
    pa_csv.write_csv(batch, out, pa_csv.WriteOptions(include_header=False))
    return out.getvalue()


def _store_shop(scope: Scope, values: Mapping[str, Mapping[str, Any]], at: datetime) -> None:
    plain = {name: estimates.kept(value) for name, value in values.items()}
    write(ShopReading, plain, as_of=scope.as_of, currency=scope.currency, at=at)
    ShopReading.objects.exclude(name__in=values).delete()
