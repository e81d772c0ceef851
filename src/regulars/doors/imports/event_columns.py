"""Each row or line of a file of events as the message it tells, and what is wrong with the rest. Pure."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

import msgspec
import polars as pl
from django.utils.translation import gettext, gettext_noop

from regulars.doors.imports.checking import PROBLEMS, Problems
from regulars.doors.imports.columns import Columns
from regulars.doors.imports.event_mapping import EventMapping, path_of
from regulars.doors.imports.mapping import Column
from regulars.doors.imports.parsing import tidy
from regulars.doors.imports.row_frames import FAULT
from regulars.doors.imports.settling import Reads, are_strays
from regulars.facts.events import messages, times
from regulars.facts.events.messages import Envelope, Message, Rejected, Sender
from regulars.facts.events.times import Why

_EARLIEST = times.EARLIEST.date()
_OF_PEOPLE = frozenset(("identify", "group"))
#: A number as JSON writes it; what begins with nought is somebody's number.
_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_NUMBER_COMMA = r"^-?(0|[1-9][0-9]*)(,[0-9]+)?$"
_TRUTH = ("true", "false")
#: Columns that name something: what they hold is text, also where it looks like a number.
_NAMES_A_THING = re.compile(
    r"(^|[\W_])(id|ids|sku|code|no|nr|number|zip|postcode|phone|mobile|tel|barcode|ean|upc|isbn|version|order|receipt)$"
    r"|[a-z](Id|ID|Ids|Sku|SKU|Code|No|Number)$|(号|编号|编码|号码|条码|手机|电话|邮编|ID)$"
)
_SPOKEN = {"userId": "user", "anonymousId": "anonymous", "messageId": "message_id", "event": "event", "type": "type"}
_WRONG: Mapping[str, str] = {
    "not_json": gettext_noop("is no JSON object"),
    "too_large": gettext_noop("is too large"),
    "no_type": gettext_noop("is no call"),
    "no_identifier": gettext_noop("names nobody"),
    "no_event": gettext_noop("is no event's name"),
    "bad_id": gettext_noop("is no id"),
    "bad_name": gettext_noop("is no event's name"),
    "unstorable": gettext_noop("cannot be kept"),
}
_MENDS = {
    "no_identifier": gettext_noop("fill in the user's or the anonymous id, or leave the row out"),
    "bad_id": gettext_noop("send text of at most 200 characters"),
}
_WHEN: Mapping[Why, tuple[str, str]] = {
    Why.NOTHING_TOLD: (gettext_noop("is empty"), gettext_noop("fill in when it happened")),
    Why.UNREADABLE: (gettext_noop("is no time that can be read"), gettext_noop("write it like 2024-05-31T14:05:00Z")),
    Why.WAS_IN_THE_FUTURE: (
        gettext_noop("is in the future"),
        gettext_noop("correct it; only what has happened is imported"),
    ),
    Why.WAS_BEFORE_2000: (
        gettext_noop("is before %(n)s") % {"n": _EARLIEST},
        gettext_noop("correct it, or leave the row out"),
    ),
}
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class _Kind(NamedTuple):
    """What the texts of a property's column are; numbers in a file with a few other values have strays."""

    is_number: bool = False
    is_truth: bool = False


@dataclass
class _Cells:
    """What the texts of one property's column look like so far."""

    numbers: int = 0
    truths: int = 0
    others: int = 0

    def kind(self) -> _Kind:
        if self.truths and not (self.numbers or self.others):
            return _Kind(is_truth=True)
        rest = self.others + self.truths
        return _Kind(is_number=self.numbers > 0 and (not rest or bool(are_strays(self.numbers, rest))))


class Told(NamedTuple):
    """One message and where it stands in its file."""

    row: int
    line_in_file: int
    message: Message


@dataclass(kw_only=True)
class EventColumns(Columns[EventMapping]):
    """Reads the chunks of one file of events. `sender` is the source they come in under, in the file's zone."""

    sender: Sender
    _kinds: dict[str, _Kind] = field(default_factory=dict)
    _cells: dict[str, _Cells] = field(default_factory=dict)

    reads: ClassVar[Reads] = Reads(instants=("time",), ids=("user", "anonymous", "message_id"))
    texts: ClassVar[tuple[str, ...]] = ("event", "user", "anonymous", "message_id", "type")
    longest: ClassVar[dict[str, int]] = {"user": 200, "anonymous": 200, "message_id": 200, "event": 600, "type": 20}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mapping.earliest < _EARLIEST:
            self.mapping = replace(self.mapping, earliest=_EARLIEST)
        self.sender = msgspec.structs.replace(self.sender, zone=self.zone)

    def chunk(self, raw: pl.DataFrame) -> tuple[list[Told], pl.DataFrame]:
        """The chunk's messages and problems (PROBLEMS)."""
        if "message" in self.mapping.columns:
            return self._lines(self._unescaped(raw))
        told, faults = self._told(raw)
        found = self._problems()
        read = told.with_columns(*self._texts()).with_columns(*self._instants(told))
        self._check_texts(found)
        self._check_happened("time", read, found, empty="fill in when it happened")
        if "type" not in self.mapping.columns:
            found.where(pl.col("event").is_null(), "event", "is empty", "fill in what happened")
        here = [name for name in ("user", "anonymous") if name in self.mapping.columns]
        found.where(
            pl.all_horizontal(pl.col(name).is_null() for name in here),
            here[0],
            "is empty, and nothing else tells who it was",
            "fill in the user's or the anonymous id, or leave the row out",
        )
        texts = [name for name in self._own() if raw.schema[name] == pl.String]
        cells = self._unescaped(raw).select("@row", *self._own()).with_columns(tidy(pl.col(texts)).name.keep())
        strays = self._strays(cells, raw)
        bad = found.found(read, faults)
        strays = strays.join(faults, on="row", how="anti")
        bad = pl.concat([bad, strays]).sort("row", maintain_order=True)
        wrong = bad["row"].unique().implode()
        return self._rows(read.filter(~pl.col("@row").is_in(wrong)), cells.filter(~pl.col("@row").is_in(wrong)), bad)

    def _own(self) -> list[str]:
        """The columns that are properties, each once."""
        return list(dict.fromkeys((self.mapping.properties or {}).values()))

    def _look(self, raw: pl.DataFrame) -> bool:
        asked = [
            name
            for name in self._own()
            if raw.schema[name] == pl.String and name not in self.mapping.texts and not _NAMES_A_THING.search(name)
        ]
        for name in asked:
            told = raw.select(tidy(pl.col(name)).alias("told")).drop_nulls()
            number, truth = told["told"].str.contains(self._number()), told["told"].str.to_lowercase().is_in(_TRUTH)
            seen = self._cells.setdefault(name, _Cells())
            seen.numbers += int(number.sum())
            seen.truths += int(truth.sum())
            seen.others += int((~number & ~truth).sum())
        # A damaged end of the file is found here, before anything has come in.
        return True

    def _settle(self) -> None:
        self._kinds = {name: seen.kind() for name, seen in self._cells.items()}
        numbers = [name for name, kind in self._kinds.items() if kind.is_number]
        if numbers:
            self.notes.append(
                gettext("Read as numbers: %(names)s; `texts:` in the mapping says otherwise.")
                % {"names": ", ".join(numbers)}
            )

    def _number(self) -> str:
        return _NUMBER_COMMA if self.mapping.decimal == "," else _NUMBER

    def _strays(self, cells: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
        """PROBLEMS: texts in columns of numbers."""
        if not any(kind.is_number for kind in self._kinds.values()):
            return pl.DataFrame(schema=PROBLEMS)
        columns = {name: Column(names=(name,)) for name in self._own()}
        found = Problems(replace(self.mapping, columns=columns), {})
        lined = cells.with_columns(raw["@line"])
        for name, kind in self._kinds.items():
            if kind.is_number:
                found.where(
                    ~pl.col(name).str.contains(self._number()),
                    name,
                    "is no number, as the column's other values are",
                    "write digits and nothing else but one decimal sign, leave it empty, or say `texts: [the column]`"
                    " in the mapping",
                )
        return found.found(lined, pl.DataFrame(schema=PROBLEMS))

    # --- rows of a table

    def _rows(self, read: pl.DataFrame, cells: pl.DataFrame, bad: pl.DataFrame) -> tuple[list[Told], pl.DataFrame]:
        stamp = pl.col("time_read").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        whole = read.select(
            "@row", "@line", "event", "type", "user", "anonymous", "message_id", stamp.alias("time")
        ).rows()
        objects = read["properties"].to_list() if "properties" in self.mapping.columns else [None] * len(whole)
        put = [
            (path_of(name), cells[column].to_list(), self._value(column, cells.schema[column]))
            for name, column in (self.mapping.properties or {}).items()
        ]
        good: list[Told] = []
        worse: list[dict[str, object]] = []
        for place, (row, line, event, type_, user, anonymous, message_id, time) in enumerate(whole):
            kind = type_.lower() if type_ else "track"
            told: dict[str, Any] = {"type": kind, "userId": user, "anonymousId": anonymous, "timestamp": time}
            told["event" if kind == "track" else "name"] = event
            if message_id is not None:
                told["messageId"] = message_id
            part = "traits" if kind in _OF_PEOPLE else "properties"
            if (objects[place]) is not None:
                object_ = _object(objects[place])
                if object_ is None:
                    worse.append(
                        self._problem(
                            row, line, "properties", "", _WRONG["not_json"], gettext_noop("write it like {…}")
                        )
                    )
                    continue
                told[part] = object_
            for path, values, value in put:
                if (cell := values[place]) is not None:
                    _set(told, (part, *path[1:]) if path[0] == "properties" else path, value(cell))
            answer = self._read(_ENCODER.encode(told), told, self.now)
            if isinstance(answer, Message):
                good.append(Told(row, line, answer))
            else:
                worse.append(self._problem(row, line, *answer))
        return good, _with(bad, worse)

    def _value(self, column: str, kind: pl.DataType) -> Callable[[Any], Any]:
        """How a cell of the column is written in JSON."""
        if kind != pl.String:
            return _plain
        told = self._kinds.get(column, _Kind())
        if told.is_truth:
            return lambda text: text.lower() == "true"
        if told.is_number:
            return lambda text: msgspec.Raw(text.replace(",", ".").encode())
        return lambda text: text

    # --- lines of JSON

    def _lines(self, raw: pl.DataFrame) -> tuple[list[Told], pl.DataFrame]:
        faults = self._faults(raw)
        good: list[Told] = []
        worse: list[dict[str, object]] = []
        column = self.mapping.columns["message"].names[0]
        for row, line, text in raw.filter(pl.col(FAULT).is_null()).select("@row", "@line", column).iter_rows():
            sent = (text or "").strip().encode()
            told, arrived = self._as_it_was(sent)
            answer = self._read(_ENCODER.encode(told) if told is not None else sent, told or {}, arrived)
            if isinstance(answer, Message):
                good.append(Told(row, line, answer))
            else:
                worse.append(self._problem(row, line, *answer))
        return good, _with(faults, worse)

    def _as_it_was(self, sent: bytes) -> tuple[dict[str, Any] | None, datetime]:
        """The message, and when it arrived where it was first sent to: only against that says its clock anything.

        Without that its time stands as it was told, or as whoever kept it has settled it.
        """
        try:
            told = messages.DECODER.decode(messages.with_whole_characters(sent))
        except Exception:
            # Whatever is wrong with it, the reader of messages says it.
            return None, self.now
        if not isinstance(told, dict):
            return None, self.now
        arrived, _ = times.read(told.pop("receivedAt", None), self.zone)
        if arrived is not None and times.EARLIEST <= arrived <= self.now:
            return told, arrived
        told.pop("sentAt", None)
        if told.get("timestamp"):
            told.pop("originalTimestamp", None)
        return told, self.now

    # --- both

    def _read(self, sent: bytes, told: Mapping[str, Any], arrived: datetime) -> Message | tuple[str, str, str, str]:
        """The message; or its field, the value as it may be shown, what is wrong and the mend."""
        answer = messages.read(
            sent, envelope=Envelope(context={}, sent_at=None, received_at=arrived), sender=self.sender
        )
        if isinstance(answer, Rejected):
            value = messages.shown(told.get(answer.field)) if answer.field else ""
            why, _, mend = answer.why.rpartition("; ")
            problem = _WRONG.get(answer.code, gettext_noop("cannot be taken"))
            problem += f": {why}" if answer.code == "unstorable" else ""
            return answer.field, value, problem, _MENDS.get(answer.code, mend)
        if (why_then := _WHEN.get(Why(answer.why_then))) is not None:
            stamp = told.get("originalTimestamp") or told.get("timestamp")
            return "timestamp", messages.shown(stamp), *why_then
        # What it was sent as is for the quarantine, and what is not taken of a file is in the reject file.
        return msgspec.structs.replace(answer, body=None)

    def _problem(self, row: int, line: int, name: str, value: str, problem: str, mend: str) -> dict[str, object]:
        is_message = "message" in self.mapping.columns
        known = {"timestamp": "time", **_SPOKEN}.get(name, name)
        column = name if is_message and name else self.spoken(known or "message")
        return {
            "row": row,
            "line_in_file": line,
            "column": column,
            "value": value[:200],
            "problem": problem,
            "mend": mend,
        }


def _with(bad: pl.DataFrame, worse: list[dict[str, object]]) -> pl.DataFrame:
    if not worse:
        return bad
    return pl.concat([bad, pl.DataFrame(worse, schema=PROBLEMS)]).sort("row", maintain_order=True)


def _object(told: object) -> dict[str, Any] | None:
    if isinstance(told, dict):
        return {name: _plain(value) for name, value in told.items() if value is not None}
    if not isinstance(told, str):
        return None
    try:
        found = messages.DECODER.decode(messages.with_whole_characters(told.encode()))
    except Exception:
        # Not JSON, nested too deeply, or a number without end: it is told as one problem.
        return None
    return found if isinstance(found, dict) else None


def _set(told: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *parents, name = path
    for parent in parents:
        inner = told.get(parent)
        if not isinstance(inner, dict):
            inner = told[parent] = {}
        told = inner
    told[name] = value


def _plain(value: Any) -> Any:
    """A value of a typed file as JSON has it: numbers to the digit, instants as text."""
    if isinstance(value, Decimal):
        return msgspec.Raw(format(value, "f").encode()) if value.is_finite() else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one is not None}
    return value if isinstance(value, str | int | bool) else str(value)
