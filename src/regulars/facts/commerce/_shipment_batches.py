"""Writing many shipments at once: decide what counts, add the carriers' events, and say where each stands."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import polars as pl

from regulars.facts.commerce import _changes, _copying, _deciding, _documents, _waiting, shipment_reports
from regulars.facts.commerce.models import CarrierEvent as EventRow
from regulars.facts.commerce.models import Shipment, ShipmentLine
from regulars.facts.commerce.notices import ShipmentMoved
from regulars.facts.commerce.outcome import Outcome
from regulars.facts.commerce.shipment_reports import SHIPMENT_STATES, CarrierEvent, ShipmentReport
from regulars.facts.company import stores
from regulars.facts.customers import persons
from regulars.kit.actors import Actor, Origin
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.outbox import announce_many
from regulars.runtime.trail import trail

_CONTENT = (
    *("order_ref", "state", "mode", "store", "carrier", "tracking", "shipped_at", "promised_from", "promised_until"),
    *("expected_at", "ready_at", "arrived_at"),
)
_KNOWN = pl.Schema({**_deciding.KNOWN, "known_stage": pl.Int64()})
_TOLD = pl.Schema(
    {
        "ref": pl.String(),
        "fingerprint": pl.Binary(),
        "source_updated_at": pl.Datetime("us", "UTC"),
        "version": pl.Int64(),
        "stage": pl.Int64(),
    }
)
_WRITTEN = pl.Schema(
    {
        **dict.fromkeys(("id", "order_id", "store_id", "version"), pl.Int64()),
        **dict.fromkeys(("order_ref", "mode", "told_state", "state", "carrier", "tracking"), pl.String()),
        **dict.fromkeys(
            (
                *("shipped_at", "promised_from", "promised_until", "told_expected_at", "ready_at", "told_arrived_at"),
                *("source_updated_at", "arrived_at", "expected_at"),
            ),
            pl.Datetime("us", "UTC"),
        ),
        "fingerprint": pl.Binary(),
    }
)
_MADE = pl.Schema({"ref": pl.String(), "id": pl.Int64()})


def write(reports: Sequence[ShipmentReport], *, at: datetime, by: Actor, origin: Origin) -> Outcome:
    """`shipments.record` for many of one source, each once, without its transaction."""
    [namespace] = {report.namespace for report in reports}
    told = {report.ref: report for report in reports}
    named = sorted({report.order_ref for report in reports})
    persons.held(_waiting.orders(namespace, named)["order_customer"].drop_nulls())
    sales = {row["order_ref"]: row for row in _waiting.settled_orders(namespace, named).iter_rows(named=True)}
    codes = sorted({report.store for report in reports if report.store is not None})
    store = stores.resolve_many(codes=codes, at=at, by=by)
    rows = {
        row.ref: row
        for row in Shipment.objects.select_for_update().filter(namespace=namespace, ref__in=told).order_by("id")
    }
    before = {ref: row.state for ref, row in rows.items()}
    sorted_out = _sorted_out(reports, rows)
    fresh: list[Shipment] = []
    for ref, verdict in sorted_out.select("ref", "verdict").iter_rows():
        if verdict == "new":
            rows[ref] = Shipment(namespace=namespace, ref=ref, origin=origin)
            fresh.append(rows[ref])
        if verdict in ("new", "newer"):
            _fill(rows[ref], told[ref], sales, store)
        elif verdict == "again":
            rows[ref].source_updated_at, rows[ref].version = told[ref].source_updated_at, told[ref].version
    written = [rows[ref] for ref in sorted_out.filter(pl.col("verdict").is_in(["new", "newer"]))["ref"]]
    for row, number in zip(fresh, _copying.reserve_ids("commerce_shipment_id_seq", len(fresh)), strict=True):
        row.id = number
    said, new_events = _said(rows, reports)
    touched = {row.ref for row in written} | {event.shipment.ref for event in new_events}
    for ref in touched:
        row = rows[ref]
        row.state, row.arrived_at, row.expected_at = shipment_reports.standing(
            row.told_state, row.source_updated_at, row.told_arrived_at, row.told_expected_at, said.get(row.id, ())
        )
    Shipment.objects.bulk_create(fresh)
    known = {*touched, *sorted_out.filter(verdict="again")["ref"]} - {row.ref for row in fresh}
    _overwrite([rows[ref] for ref in sorted(known)])
    _put_lines(written, told)
    EventRow.objects.bulk_create(new_events, ignore_conflicts=True)
    moved = [rows[ref] for ref in sorted(touched) if before.get(ref) != rows[ref].state]
    _changes.write(_of_orders(moved, before, told, at), by=by)
    _tell([rows[ref] for ref in sorted(touched)], sales, origin, at, by)
    made = pl.DataFrame([(row.ref, row.id) for row in fresh], schema=_MADE, orient="row")
    return _deciding.outcome(sorted_out, made)


def _overwrite(rows: Sequence[Shipment]) -> None:
    if rows:
        found = [[getattr(row, name) for name in _WRITTEN] for row in rows]
        frame = pl.DataFrame(found, schema=_WRITTEN, orient="row")
        _documents.overwrite("commerce_shipment", frame.with_columns(_documents.bytea(pl.col("fingerprint"))))


def _sorted_out(reports: Sequence[ShipmentReport], rows: dict[str, Shipment]) -> pl.DataFrame:
    incoming = pl.DataFrame(
        [
            (report.ref, _fingerprint(report), report.source_updated_at, report.version, _stage(report.state))
            for report in reports
        ],
        schema=_TOLD,
        orient="row",
    )
    known = pl.DataFrame(
        [
            (row.ref, row.id, bytes(row.fingerprint), row.source_updated_at, row.version, _stage(row.told_state))
            for row in rows.values()
        ],
        schema=_KNOWN,
        orient="row",
    )
    return _deciding.sort_out(incoming, known, further=("stage",))


def _fingerprint(report: ShipmentReport) -> bytes:
    content = [_text(getattr(report, name)) for name in _CONTENT]
    content += [f"{number}:{quantity.normalize():f}" for number, quantity in sorted(report.lines)]
    return blake2b("\x1f".join(content).encode(), digest_size=16).digest()


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return str(round(value.timestamp() * 1_000_000))
    return "\x00" if value is None else str(value)


def _stage(state: str) -> int:
    return SHIPMENT_STATES.index(state)


def _fill(row: Shipment, report: ShipmentReport, sales: dict[str, dict[str, Any]], store: dict[str, int]) -> None:
    sale = sales.get(report.order_ref)
    row.order_id = None if sale is None else sale["order_id"]
    row.store_id = None if report.store is None else store[report.store]
    row.told_state, row.told_arrived_at = report.state, report.arrived_at
    for name in ("order_ref", "mode", "carrier", "tracking", "shipped_at", "promised_from", "promised_until"):
        setattr(row, name, getattr(report, name))
    row.told_expected_at, row.ready_at = report.expected_at, report.ready_at
    row.source_updated_at, row.version = report.source_updated_at, report.version
    row.fingerprint = _fingerprint(report)


def _put_lines(written: Sequence[Shipment], told: dict[str, ShipmentReport]) -> None:
    if not written:
        return
    kept = {(row.id, number): quantity for row in written for number, quantity in told[row.ref].lines}
    gone = ShipmentLine.objects.filter(shipment__in=written, quantity__gt=0)
    emptied = [line.id for line in gone if (line.shipment_id, line.of_line) not in kept]
    ShipmentLine.objects.filter(id__in=emptied).update(quantity=Decimal(0))
    ShipmentLine.objects.bulk_create(
        [ShipmentLine(shipment_id=row, of_line=number, quantity=quantity) for (row, number), quantity in kept.items()],
        update_conflicts=True,
        unique_fields=["shipment", "of_line"],
        update_fields=["quantity"],
    )


def _said(
    rows: Mapping[str, Shipment], reports: Sequence[ShipmentReport]
) -> tuple[dict[int, list[CarrierEvent]], list[EventRow]]:
    """All that is said of each shipment, with what these reports add to it; and that alone."""
    said: dict[int, list[CarrierEvent]] = {}
    for one in EventRow.objects.filter(shipment__in=rows.values()):
        said.setdefault(one.shipment_id, []).append(CarrierEvent(one.at, one.code, one.expected_at))
    added = []
    for report in reports:
        row = rows[report.ref]
        known = said.setdefault(row.id, [])
        for event in report.events:
            if event not in known:
                known.append(event)
                added.append(EventRow(shipment=row, at=event.at, code=event.code, expected_at=event.expected_at))
    return said, added


def _of_orders(
    moved: Sequence[Shipment], before: Mapping[str, str], told: Mapping[str, ShipmentReport], at: datetime
) -> pl.DataFrame:
    found = []
    for row in moved:
        what = _changes.OF_SHIPMENTS.get(row.state)
        was = _changes.OF_SHIPMENTS.get(before.get(row.ref, ""))
        if row.order_id is not None and what is not None and what != was:
            since = row.arrived_at or row.shipped_at or row.source_updated_at or at
            found.append((row.order_id, what, since, None, None, told[row.ref].delivery, False))
    return pl.DataFrame(found, schema=_changes.ROWS, orient="row")


def _tell(
    touched: Sequence[Shipment], sales: Mapping[str, dict[str, Any]], origin: Origin, at: datetime, by: Actor
) -> None:
    verb = "commerce.shipments.record"
    if origin == "history":
        if touched:
            trail.record(by=by, verb=verb, subject="commerce:shipments", at=at, after={"count": len(touched)})
        return
    told: list[tuple[Notice, dict[str, object]]] = [
        (
            ShipmentMoved(
                shipment=row.id,
                order=row.order_id,
                customer=sales.get(row.order_ref, {}).get("order_customer"),
                state=row.state,
                at=at,
                origin=origin,
            ),
            {"state": row.state},
        )
        for row in touched
    ]
    announce_many(told, by=by, verb=verb)
