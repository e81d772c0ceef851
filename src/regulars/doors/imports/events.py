"""Events from a file into the stream: each once, as history; what cannot come in is listed with its mend."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from regulars.doors.imports import outcomes, rejects
from regulars.doors.imports.event_files import Walk, walk
from regulars.doors.imports.event_mapping import EventMapping
from regulars.doors.imports.walking import Progress
from regulars.facts.company import company
from regulars.facts.events import intake, retention
from regulars.facts.events.messages import Sender
from regulars.facts.sources import import_runs, sources
from regulars.facts.sources.sources import Source
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.runtime.secrets import lookup

#: Under which source events come in where nobody names one.
SOURCE = "imported"


@dataclass(frozen=True)
class Came:
    """How many events were new, known already (or twice in the file), or another one under an id that is taken."""

    new: int = 0
    same: int = 0
    conflicts: int = 0


@dataclass(frozen=True, kw_only=True)
class Imported(outcomes.Imported):
    """What an import of events came to. `source` is the name they came in under."""

    source: str
    events: Came

    @property
    def came(self) -> Mapping[str, int]:
        """Events, by what became of them."""
        return asdict(self.events)

    def recorded(self) -> Mapping[str, object]:
        """What became of the events."""
        return {"events": asdict(self.events)}


def import_events(
    path: Path,
    wanted: EventMapping | None,
    *,
    at: datetime,
    by: Actor,
    dry_run: bool = False,
    reject_file: Path | None = None,
    source: str = SOURCE,
    zone: str | None = None,
    progress: Progress = lambda *_: None,
) -> Imported:
    """Bring the events of a file in, with origin `history` and the times they are told with.

    `source` is the source of events they come in under; it is made, of kind other, where there is none. The mapping's
    `source` says whose user ids these are then; one that is there keeps its own. Doing it again changes nothing: an
    event is known by its message id, or by all it says where it has none. Each batch of at most 10,000 is a
    transaction. With `dry_run` nothing is written but a reject file that was asked for. `zone` overrides the mapping's.
    """
    began = time.monotonic()
    rejects_go = None if dry_run and reject_file is None else rejects.place(path, reject_file)
    sources.check_name(source)
    shop = company.shop()
    known = _known(source)
    month = civil.month_of(at.astimezone(UTC).date())
    with walk(
        path,
        wanted,
        zone=known.zone if known else shop.zone,
        zone_told=zone,
        sender=lambda mapping: _sender(known or _made(source, mapping, shop.zone, at, by, dry_run=dry_run), mapping),
        now=at,
        kept_from={(rule.kind, rule.name): civil.add_months(month, -rule.months) for rule in retention.rules()},
        progress=progress,
    ) as file:
        if dry_run:
            file.read()
            for part in file.parts():
                file.came(part, None)
            return _end(file, None, source, rejects_go, began)
        return outcomes.on_record(
            "events", source, path, file, lambda run: _bring_in(file, source, run, rejects_go, began, at), at=at, by=by
        )


def _bring_in(file: Walk, source: str, run: int, reject_file: Path | None, began: float, at: datetime) -> Imported:
    file.read()
    for part in file.parts():
        # The reject file keeps what is not taken: it need not wait in the quarantine, too.
        verdicts = intake.take_many(
            told=[told.message for told in part], received_at=at, origin="history", keep_rejected=False
        )
        file.came(part, verdicts)
        import_runs.progress(
            run=run, rows_read=file.rows_read, rows_good=file.rows_good, rejects=file.left_out.rows_bad
        )
    return _end(file, run, source, reject_file, began)


def _end(file: Walk, run: int | None, source: str, reject_file: Path | None, began: float) -> Imported:
    new = 0 if run is None else file.rows_good - file.repeated
    return Imported(
        **outcomes.ended(file, run, file.totals(), reject_file),
        source=source,
        events=Came(new, file.repeated, file.conflicts),
        seconds=round(time.monotonic() - began, 3),
    )


def _known(name: str) -> Source | None:
    """The source of that name, if there is one; refused when it was retired."""
    try:
        found = sources.by_name(name)
    except sources.UnknownSource:
        return None
    if found.retired_at is not None:
        raise sources.SourceRetired(f"source: {name!r} was retired; choose another name", field="source", value=name)
    return found


def _made(name: str, mapping: EventMapping, zone: str, at: datetime, by: Actor, *, dry_run: bool) -> Source | None:
    """The new source; None in a dry run."""
    if dry_run:
        return None
    return sources.make(name=name, kind="other", namespace=mapping.source, zone=zone, at=at, by=by)


def _sender(source: Source | None, mapping: EventMapping) -> Sender:
    """Who the events come from; number 0 for a source that is not made yet. The file settles its zone."""
    return Sender(
        id=source.id if source else 0,
        namespace=source.namespace if source else mapping.source,
        zone=civil.zone("UTC"),
        keyed=lookup.key_of("events"),
    )
