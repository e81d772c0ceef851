"""A file of events, walked without a database: its messages laid aside, and given back in batches."""

import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import msgspec
import polars as pl
from django.utils.translation import gettext

from regulars.doors.imports import event_mapping, json_lines, reading, walking
from regulars.doors.imports.checking import PROBLEMS
from regulars.doors.imports.documents import CONFLICTS
from regulars.doors.imports.event_columns import EventColumns, Told
from regulars.doors.imports.event_mapping import EventMapping, bind
from regulars.doors.imports.walking import Aside, Progress
from regulars.facts.events import messages
from regulars.facts.events.intake import Verdict
from regulars.facts.events.messages import Message, Sender
from regulars.kit import civil

#: Events of one transaction, and bytes: what the room for events takes at once.
BATCH = 10_000
_BATCH_BYTES = 32 * 1024**2
_PACKER = msgspec.msgpack.Encoder()
_LENGTH = struct.Struct("<I")
_MOST_APART = 8


class Walk(walking.Walk):
    """One file of events on its way in: messages laid aside in the order of the file, given back in batches.

    `kept_from` has, by kind and name ("" for all others of the kind), the month from which on events are kept.
    """

    def __init__(
        self,
        source: reading.Source,
        columns: EventColumns,
        aside: Aside,
        kept_from: Mapping[tuple[str, str], date],
        progress: Progress,
    ) -> None:
        super().__init__(source, columns, aside.left_out, progress)
        self.names: Counter[str] = Counter()
        self.of_users = 0
        self.conflicts = 0
        self.past = 0
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None
        self._told = columns
        self._file = aside.folder / "messages"
        self._kept_from = kept_from
        self._visitors: list[pl.Series] = []
        self._out: BinaryIO | None = None

    def read(self) -> None:
        """To the end of the file. Nothing has come in anywhere when this raises."""
        with self._file.open("wb") as self._out:
            super().read()

    def _take(self, raw: pl.DataFrame) -> pl.DataFrame:
        assert self._out is not None
        good, bad = self._told.chunk(raw)
        for told in good:
            packed = _PACKER.encode(told)
            self._out.write(_LENGTH.pack(len(packed)) + packed)
        return bad

    def parts(self) -> Iterator[list[Told]]:
        """The good messages, at most `BATCH` at once, in the order of the file. Say `came` of each part."""
        unpack = msgspec.msgpack.Decoder(Told).decode
        part: list[Told] = []
        size = 0
        with self._file.open("rb") as file:
            while head := file.read(_LENGTH.size):
                length = _LENGTH.unpack(head)[0]
                part.append(unpack(file.read(length)))
                size += length
                if len(part) == BATCH or size > _BATCH_BYTES:
                    yield part
                    part, size = [], 0
        if part:
            yield part

    def came(self, part: Sequence[Told], verdicts: Sequence[Verdict] | None) -> None:
        """What became of a part; None where nothing was recorded and all of it would come in."""
        good = list(part)
        if verdicts is not None:
            said = list(zip(part, verdicts, strict=True))
            self.repeated += sum(verdict.said == "duplicate" for _, verdict in said)
            good = [told for told, verdict in said if verdict.said in {"accepted", "duplicate"}]
            self._set_aside(
                [(told, verdict) for told, verdict in said if verdict.said not in {"accepted", "duplicate"}]
            )
        self.names.update(told.message.name for told in good)
        self.of_users += sum(told.message.user_ref is not None or told.message.device is not None for told in good)
        self.past += sum(self._is_past(told.message) for told in good)
        times_ = [told.message.occurred_at for told in good]
        self.first_at = min([*times_, *filter(None, [self.first_at])], default=None)
        self.last_at = max([*times_, *filter(None, [self.last_at])], default=None)
        halves = pl.Series([told.message.visitor.int >> 64 for told in good], dtype=pl.UInt64)
        self._visitors.append(halves.unique())
        if len(self._visitors) > _MOST_APART:
            self._visitors = [pl.concat(self._visitors).unique()]
        self._recorded(len(good))

    def said(self) -> list[str]:
        """What was found out about the file, for the person who imports it; whole after all its parts."""
        notes = super().said()
        if self.past:
            notes.append(
                gettext(
                    "%(n)s events happened longer ago than events of their kind are kept: the next night removes them,"
                    " unless `regulars events keep` says longer before."
                )
                % {"n": f"{self.past:,}"}
            )
        return notes

    def _is_past(self, message: Message) -> bool:
        kind = messages.NAMES_OF_KINDS[message.kind]
        since = self._kept_from.get((kind, message.name)) or self._kept_from.get((kind, ""))
        return since is not None and message.occurred_at.date() < since

    def totals(self) -> dict[str, object]:
        """The control totals; whole after all parts. Visitors are told apart by eight bytes each."""
        visitors = pl.concat(self._visitors).n_unique() if self._visitors else 0
        return {
            "rows": self.rows_read,
            "events": self.rows_good,
            "with_user": self.of_users,
            "visitors": visitors,
            "event_names": len(self.names),
            "first_at": self._clock(self.first_at),
            "last_at": self._clock(self.last_at),
            "rejected_rows": self.left_out.rows_bad + self.left_out.rows_held,
        }

    def _clock(self, instant: datetime | None) -> str | None:
        zone = self._told.zone
        return instant.astimezone(zone).replace(tzinfo=None).isoformat(sep=" ") if instant else None

    def _set_aside(self, said: Sequence[tuple[Told, Verdict]]) -> None:
        if not said:
            return
        self.conflicts += sum(verdict.said == "conflict" for _, verdict in said)
        rows = [told.row for told, _ in said]
        mend = gettext("give it a message id of its own, or leave it out")
        why = pl.DataFrame(
            {
                "row": rows,
                "why": [verdict.why.rpartition("; ")[0] for _, verdict in said],
                "mend": [
                    mend if verdict.said == "conflict" else verdict.why.rpartition("; ")[2] for _, verdict in said
                ],
            }
        )
        conflicts = pl.DataFrame(
            {
                "ref": [told.message.message_id for told, _ in said],
                "row": rows,
                "line_in_file": [told.line_in_file for told, _ in said],
                "column": [self._told.spoken("message_id")] * len(rows),
                "kept": ["what came first"] * len(rows),
                "left_out": [told.message.name for told, _ in said],
            },
            schema=CONFLICTS,
        )
        self.left_out.add_late(pl.DataFrame(schema=PROBLEMS), why, conflicts)


def open_file(path: Path, hints: EventMapping) -> tuple[reading.Source, EventMapping]:
    """JSON Lines, or whatever else is a table, and its columns tied."""
    if path.is_file() and json_lines.is_one(path):
        source = json_lines.open_file(path, encoding=hints.encoding)
        return source, bind(hints, source.columns)
    return walking.opened(path, hints, lambda columns: bind(hints, columns))


@contextmanager
def walk(
    path: Path,
    wanted: EventMapping | None,
    *,
    zone: str,
    sender: Callable[[EventMapping], Sender],
    now: datetime,
    kept_from: Mapping[tuple[str, str], date] = MappingProxyType({}),
    progress: Progress = lambda *_: None,
    zone_told: str | None = None,
) -> Iterator[Walk]:
    """Open `path`, tie the mapping to its columns, and walk. `sender` gives the source for the mapping that fits.

    `zone` is the shop's, `zone_told` instead of the mapping's; `kept_from` as Walk has it.
    """
    hints = wanted or event_mapping.load("generic")
    source, chosen = open_file(path, hints)
    chosen = replace(chosen, zone=zone_told or chosen.zone)
    columns = EventColumns(
        source=source,
        mapping=chosen,
        zone=civil.zone(zone),
        now=now.astimezone(UTC),
        sender=sender(chosen),
        notes=[]
        if source.kind == "jsonl"
        else walking.how_it_is_read(wanted, chosen, source.columns, (chosen.properties or {}).values()),
    )
    with walking.aside() as place:
        yield Walk(source, columns, place, kept_from, progress)
