"""The tracking plan: what a source is expected to send. Learned from its first days, then edited by people.

`learning` counts what comes; `watching` also counts what differs from the plan; `blocking` turns it away at the door.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import cast
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils.translation import gettext_lazy

from regulars.facts.sources import expectations, shapes, sources
from regulars.facts.sources import models as rows
from regulars.facts.sources.expectations import Code, Counted, Event, Expected, Plan, Presence
from regulars.facts.sources.shapes import Kind, Shape
from regulars.facts.sources.sources import LEARNS_FOR, Source
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

#: Events of one source by name, and properties of one event, that are told apart. Beyond them it is only counted that
#: there are too many: whoever makes names of numbers must not fill the tables.
MOST_NAMES = 300
MOST_PROPERTIES = shapes.MOST_PROPERTIES
#: Calls whose event is known by its name; of the others there is one event each.
NAMED_CALL = "track"
CALLS = ("track", "page", "screen", "identify", "group")
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Came:
    """One event that came, as the stream tells it. `at` is when it arrived."""

    id: int
    source: int
    event: Event
    shape: Shape
    at: datetime


@dataclass(frozen=True)
class Property:
    """One property, or with the path "" the event: what is expected of it (None: nothing), and what came of it."""

    path: str
    expected: Expected | None
    is_by_hand: bool
    came: int
    kinds: Mapping[Kind, int]
    last_at: datetime | None


@dataclass(frozen=True)
class Tracked:
    """One event of a source, with its properties by path; the first is the event itself."""

    event: Event
    properties: Sequence[Property]

    @property
    def itself(self) -> Property:
        """What is expected and what came of the event as a whole."""
        return self.properties[0]


@dataclass(frozen=True)
class Differing:
    """How often a source's event was not as planned in one way on one day of its zone; `example` is such an event."""

    source: int
    day: date
    code: Code
    event: Event
    path: str
    said: str
    count: int
    first_at: datetime
    last_at: datetime
    example: int


class UnknownInPlan(Refusal):
    """The plan has no such event or property."""

    code = "plan.unknown"


class BadEvent(Refusal):
    """No event or property that a plan can have."""

    code = "plan.bad_event"


class BadExpectation(Refusal):
    """Not a way to expect something."""

    code = "plan.bad_expectation"


class NothingExpected(Refusal):
    """A plan without events cannot watch or block: everything would differ from it."""

    code = "plan.empty"


class TooMany(Refusal):
    """The plan is full."""

    code = "plan.too_many"


def observe(*, told: Sequence[Came]) -> None:
    """Count what came, and what differs from the plans, in the caller's transaction: once for each event.

    Three statements, one more each where something came for the first time and where something differs.
    """
    if not told:
        return
    known = {row.id: row for row in rows.Source.objects.filter(id__in={one.source for one in told})}
    dropped = _count(told)
    plans = _plans([row for row in known.values() if row.plan != "learning"])
    if not plans and not dropped:
        return
    found: dict[tuple[object, ...], _Tally] = {}
    for one in told:
        row = known[one.source]
        day = civil.day_of(one.at, civil.zone(row.zone))
        call, name = one.event
        differing: list[tuple[str, str, str, str]] = []
        if (one.source, one.event, "") in dropped:
            differing.append(("too_many_names", "", "", ""))
        elif one.source in plans:
            for way in expectations.compare(plans[one.source], one.event, one.shape):
                if (one.source, one.event, way.path) in dropped:
                    differing.append(("too_many_properties", name, "", ""))
                else:
                    differing.append((way.code, name, way.path, way.said))
        for code, shown, path, said in dict.fromkeys(differing):
            _add(found, (one.source, day, code, call, shown, path, said), one)
    _write_deviations(found)


def accept(*, source: int, at: datetime, by: Actor) -> Source:
    """Expect what has come, from now on: what the plan does not say yet is added, what it says stays. Ends learning.

    Refused where nothing has come. Again adds what came since.
    """
    with transaction.atomic():
        row = _locked(source)
        stands = {(one.call, one.name, one.path) for one in rows.Expectation.objects.filter(source=row)}
        forbidden = {
            (one.call, one.name) for one in rows.Expectation.objects.filter(source=row, path="", presence="forbidden")
        }
        added = [
            rows.Expectation(
                source=row,
                call=event[0],
                name=event[1],
                path=path,
                presence=one.presence,
                kinds=sorted(one.kinds),
                is_by_hand=False,
                changed_at=at,
            )
            for event, paths in proposal(source).items()
            if event not in forbidden
            for path, one in paths.items()
            if (*event, path) not in stands
        ]
        if not added and not stands:
            raise NothingExpected(
                gettext_lazy(
                    "plan: nothing has come from %(name)s yet; let it send for some days, or add its events by hand"
                )
                % {"name": row.name},
                field="plan",
            )
        if added or row.plan == "learning":
            rows.Expectation.objects.bulk_create(added)
            _touch(row)
            after: dict[str, object] = {"events": sum(not one.path for one in added), "added": len(added)}
            _record(row, "plan.accept", at, by, after)
        if row.plan == "learning":
            sources.change(source=source, plan="watching", at=at, by=by)
    return sources.get(source)


def learn_again(*, source: int, at: datetime, by: Actor) -> Source:
    """Forget what came and what was expected, and learn for another week. What differed stays on record."""
    with transaction.atomic():
        row = _locked(source)
        removed, _ = rows.Expectation.objects.filter(source=row).delete()
        rows.Observed.objects.filter(source=row).delete()
        row.learns_until = at + LEARNS_FOR
        row.save(update_fields=["learns_until"])
        _touch(row)
        _record(row, "plan.learn_again", at, by, {"removed": removed})
        return sources.change(source=source, plan="learning", at=at, by=by)


def set_mode(*, source: int, mode: str, at: datetime, by: Actor) -> Source:
    """`watching` or `blocking`. Refused while nothing is expected."""
    if mode not in ("watching", "blocking"):
        raise BadExpectation(
            gettext_lazy("mode: %(mode)r is none; use watching or blocking") % {"mode": mode[:20]},
            field="mode",
            value=mode[:20],
        )
    with transaction.atomic():
        row = _locked(source)
        if not rows.Expectation.objects.filter(source=row, path="").exclude(presence="forbidden").exists():
            raise NothingExpected(
                gettext_lazy("mode: nothing is expected of %(name)s; accept what came, or add its events first")
                % {"name": row.name},
                field="mode",
                value=mode,
            )
        return sources.change(source=source, plan=cast(sources.Plan, mode), at=at, by=by)


def expect_event(*, source: int, event: Event, at: datetime, by: Actor, forbidden: bool = False) -> None:
    """Expect this event, with its properties as they came; or, forbidden, say that it must not come."""
    event = _checked(event)
    presence: Presence = "forbidden" if forbidden else "optional"
    with transaction.atomic():
        row = _locked(source)
        stands = {one.path: one for one in rows.Expectation.objects.filter(source=row, call=event[0], name=event[1])}
        if "" in stands and stands[""].presence == presence:
            return
        if "" not in stands:
            names = rows.Expectation.objects.filter(source=row, path="").count()
            if names >= MOST_NAMES:
                raise TooMany(
                    gettext_lazy("event: the plan has %(most_names)s events already; remove some first")
                    % {"most_names": MOST_NAMES},
                    field="event",
                )
        proposed = {} if forbidden else proposal(source, event).get(event, {})
        for path, one in {**proposed, "": Expected(presence, frozenset(["object"]))}.items():
            if path and path in stands:
                continue
            _put(row, event, path, one, at, is_by_hand=not path)
        _touch(row)
        _record(row, "plan.expect_event", at, by, {"call": event[0], "event": event[1], "presence": presence})


def drop_event(*, source: int, event: Event, at: datetime, by: Actor) -> None:
    """Expect this event no longer. It counts as unexpected when it comes. Refused when the plan does not have it."""
    _refuse_nul(event)
    with transaction.atomic():
        row = _locked(source)
        removed, _ = rows.Expectation.objects.filter(source=row, call=event[0], name=event[1]).delete()
        if not removed:
            raise _unknown(event)
        _touch(row)
        _record(row, "plan.drop_event", at, by, {"call": event[0], "event": event[1]})


def expect_property(
    *, source: int, event: Event, path: str, presence: str, kinds: Collection[str], at: datetime, by: Actor
) -> None:
    """What to expect of one property of an event that the plan has; without `kinds` any kind will do."""
    if presence not in expectations.PRESENCES:
        raise BadExpectation(
            gettext_lazy("presence: %(presence)r is none; use one of %(presences)s")
            % {"presence": presence[:20], "presences": ", ".join(expectations.PRESENCES)},
            field="presence",
            value=presence[:20],
        )
    if wrong := [kind for kind in kinds if kind not in shapes.KINDS]:
        raise BadExpectation(
            gettext_lazy("kinds: %(wrong)r is no kind of value; use some of %(kinds)s")
            % {"wrong": wrong[0][:20], "kinds": ", ".join(shapes.KINDS)},
            field="kinds",
            value=wrong[0][:20],
        )
    _refuse_nul(event)
    _check_text("path", path)
    wanted = Expected(presence, cast(frozenset[Kind], frozenset(kinds)))
    with transaction.atomic():
        row = _locked(source)
        stands = {one.path: one for one in rows.Expectation.objects.filter(source=row, call=event[0], name=event[1])}
        if "" not in stands:
            raise _unknown(event)
        before = _expected(stands[path]) if path in stands else None
        if before == wanted:
            return
        if before is None and len(stands) > MOST_PROPERTIES:
            raise TooMany(
                gettext_lazy("path: the event has %(most_properties)s properties already; remove some first")
                % {"most_properties": MOST_PROPERTIES},
                field="path",
                value=path,
            )
        _put(row, event, path, wanted, at, is_by_hand=True)
        _touch(row)
        told: dict[str, object] = {"call": event[0], "event": event[1], "path": path}
        _record(
            row,
            "plan.expect_property",
            at,
            by,
            told | {"presence": presence, "kinds": sorted(kinds)},
            before=None if before is None else {"presence": before.presence, "kinds": sorted(before.kinds)},
        )


def drop_property(*, source: int, event: Event, path: str, at: datetime, by: Actor) -> None:
    """Say nothing about this property any more. Refused when the plan does not have it."""
    _refuse_nul(event, path)
    with transaction.atomic():
        row = _locked(source)
        removed, _ = (
            rows.Expectation.objects.filter(source=row, call=event[0], name=event[1], path=path)
            .exclude(path="")
            .delete()
        )
        if not removed:
            raise _unknown(event, path)
        _touch(row)
        _record(row, "plan.drop_property", at, by, {"call": event[0], "event": event[1], "path": path})


def proposal(source: int, event: Event | None = None) -> Mapping[Event, Mapping[str, Expected]]:
    """What to expect of the source (or of one event of it) going by what came, whatever its plan says. One query."""
    return {one: expectations.propose(paths) for one, paths in _counted(source, event).items()}


def of(source: int) -> list[Tracked]:
    """What is expected and what came, by event: planned ones first, by name. Two queries."""
    expected: dict[Event, dict[str, rows.Expectation]] = {}
    for row in rows.Expectation.objects.filter(source_id=source):
        expected.setdefault((row.call, row.name), {})[row.path] = row
    counted, last = _counted(source), _last(source)
    events = sorted({*expected, *counted}, key=lambda one: (one not in expected, one[0] != NAMED_CALL, one))
    return [
        Tracked(
            event,
            [
                _property(path, planned.get(path), came.get(path), last.get((event, path)))
                for path in sorted({"", *planned, *came})
                if not path.endswith("[]")
            ],
        )
        for event in events
        for planned, came in [(expected.get(event, {}), counted.get(event, {}))]
    ]


def names() -> set[str]:
    """What things done are called: every name that came from any source or is expected of one. Two queries."""
    return {
        name
        for of in (rows.Observed, rows.Expectation)
        for name in of.objects.filter(call=NAMED_CALL, path="").values_list("name", flat=True).distinct()
    }


def deviations(*, source: int | None = None, since: date, limit: int = 200) -> list[Differing]:
    """What differed from the plan since that day, the latest first. One query."""
    found = rows.Deviation.objects.filter(day__gte=since).order_by("-day", "-count", "id")
    if source is not None:
        found = found.filter(source_id=source)
    return [
        Differing(
            row.source_id,
            row.day,
            cast(Code, row.code),
            (row.call, row.name),
            row.path,
            row.said,
            row.count,
            row.first_at,
            row.last_at,
            row.example,
        )
        for row in found[:limit]
    ]


def blocking() -> Mapping[int, Plan]:
    """The plans of sources whose door turns away what differs. Two queries, one where nothing changed."""
    return _plans(rows.Source.objects.filter(plan="blocking", retired_at=None))


class _Tally:
    __slots__ = ("count", "example", "first", "last")

    def __init__(self, one: Came) -> None:
        self.count, self.first, self.last, self.example = 0, one.at, one.at, one.id


def _add(found: dict[tuple[object, ...], _Tally], key: tuple[object, ...], one: Came) -> None:
    tally = found.get(key)
    if tally is None:
        tally = found[key] = _Tally(one)
    tally.count += 1
    tally.first, tally.last, tally.example = min(tally.first, one.at), max(tally.last, one.at), one.id


def _add_all(found: dict[tuple[object, ...], _Tally], key: tuple[object, ...], more: _Tally) -> None:
    tally = found.get(key)
    if tally is None:
        tally = found[key] = copy(more)
        return
    tally.count += more.count
    tally.first, tally.last = min(tally.first, more.first), max(tally.last, more.last)
    tally.example = max(tally.example, more.example)


_ADD = (
    "UPDATE sources_observed AS had SET count = had.count + told.count, first_at = least(had.first_at, told.first),"
    " last_at = greatest(had.last_at, told.last), example = told.example"
    " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[],"
    " %s::timestamptz[], %s::bigint[]) AS told(source, call, name, path, kind, count, first, last, example)"
    " WHERE had.source_id = told.source AND had.call = told.call AND had.name = told.name"
    " AND had.path = told.path AND had.kind = told.kind"
    " RETURNING told.source, told.call, told.name, told.path, told.kind"
)
_BEGIN = (
    "INSERT INTO sources_observed (source_id, call, name, path, kind, count, first_at, last_at, example)"
    " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],"
    " %s::timestamptz[], %s::timestamptz[], %s::bigint[])"
)


def _count(told: Sequence[Came]) -> set[tuple[int, Event, str]]:
    """Add to what came. What is new and too many is left out and returned, by its path; "" is the whole event."""
    # Most look like another: those that do, which is one value, are counted before what they look like is.
    alike: dict[tuple[object, ...], _Tally] = {}
    shapes_of: dict[int, Shape] = {}
    for one in told:
        shapes_of[id(one.shape)] = one.shape
        _add(alike, (one.source, one.event, id(one.shape)), one)
    found: dict[tuple[object, ...], _Tally] = {}
    for (source, event, shape), tally in cast(dict[tuple[int, Event, int], _Tally], alike).items():
        for path, seen in shapes_of[shape].properties.items():
            at = (source, *event, path)
            if seen.is_whole:
                _add_all(found, (*at, ""), tally)
            for kind in seen.kinds:
                _add_all(found, (*at, kind), tally)
    with connection.cursor() as cursor:
        cursor.execute(_ADD, _columns(found))
        for key in cursor.fetchall():
            del found[key]
    if not found:
        return set()
    dropped = _too_many(found)
    kept = {
        key: tally for key, tally in found.items() if not {(key[0], key[1:3], ""), (key[0], key[1:3], key[3])} & dropped
    }
    if kept:
        with connection.cursor() as cursor:
            cursor.execute(_BEGIN, _columns(kept))
    return cast(set[tuple[int, Event, str]], dropped)


def _too_many(found: Mapping[tuple[object, ...], _Tally]) -> set[tuple[object, object, str]]:
    """Which of the new events and properties there is no room for: those that came most often come first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT source_id, call, name, path FROM sources_observed WHERE source_id = ANY(%s)",
            [sorted({cast(int, key[0]) for key in found})],
        )
        paths: dict[tuple[int, str, str], set[str]] = {}
        for source, call, name, path in cursor.fetchall():
            paths.setdefault((source, call, name), set()).add(path)
    names: dict[object, int] = {}
    for source, call, _ in paths:
        if call == NAMED_CALL:
            names[source] = names.get(source, 0) + 1
    dropped: set[tuple[object, object, str]] = set()
    for key, _ in sorted(found.items(), key=lambda one: (-one[1].count, cast(tuple[str, ...], one[0]))):
        source, call, name, path, _kind = cast(tuple[int, str, str, str, str], key)
        event = (source, call, name)
        if event not in paths:
            if call == NAMED_CALL and names.get(source, 0) >= MOST_NAMES:
                dropped.add((source, (call, name), ""))
                continue
            paths[event] = set()
            names[source] = names.get(source, 0) + (call == NAMED_CALL)
        if path and path not in paths[event] and len(paths[event] - {""}) >= MOST_PROPERTIES:
            dropped.add((source, (call, name), path))
            continue
        paths[event].add(path)
    return dropped


def _columns(found: Mapping[tuple[object, ...], _Tally]) -> list[list[object]]:
    """The keys' columns and the tallies' as arrays. Sorted, so that the same rows are locked in the same order."""
    told = sorted(found.items(), key=lambda one: cast(tuple[str, ...], one[0]))
    width = len(told[0][0])
    return [[key[place] for key, _ in told] for place in range(width)] + [
        [tally.count for _, tally in told],
        [tally.first for _, tally in told],
        [tally.last for _, tally in told],
        [tally.example for _, tally in told],
    ]


def _write_deviations(found: Mapping[tuple[object, ...], _Tally]) -> None:
    if not found:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sources_deviation"
            " (source_id, day, code, call, name, path, said, count, first_at, last_at, example)"
            " SELECT * FROM unnest(%s::bigint[], %s::date[], %s::text[], %s::text[], %s::text[], %s::text[],"
            " %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::bigint[])"
            " ON CONFLICT (source_id, day, code, call, name, path, said) DO UPDATE SET"
            " count = sources_deviation.count + excluded.count,"
            " first_at = least(sources_deviation.first_at, excluded.first_at),"
            " last_at = greatest(sources_deviation.last_at, excluded.last_at), example = excluded.example",
            _columns(found),
        )


def _counted(source: int, event: Event | None = None) -> dict[Event, dict[str, Counted]]:
    found = rows.Observed.objects.filter(source_id=source)
    if event is not None:
        found = found.filter(call=event[0], name=event[1])
    whole: dict[tuple[Event, str], int] = {}
    kinds: dict[tuple[Event, str], dict[Kind, int]] = {}
    for call, name, path, kind, count in found.values_list("call", "name", "path", "kind", "count"):
        of_path = kinds.setdefault(((call, name), path), {})
        if kind:
            of_path[cast(Kind, kind)] = count
        else:
            whole[(call, name), path] = count
    counted: dict[Event, dict[str, Counted]] = {}
    for (known, path), told in kinds.items():
        counted.setdefault(known, {})[path] = Counted(whole.get((known, path), 0), told)
    return counted


def _last(source: int) -> dict[tuple[Event, str], datetime]:
    last: dict[tuple[Event, str], datetime] = {}
    for call, name, path, at in rows.Observed.objects.filter(source_id=source).values_list(
        "call", "name", "path", "last_at"
    ):
        key = ((call, name), path)
        last[key] = max(at, last.get(key, at))
    return last


def _property(path: str, row: rows.Expectation | None, came: Counted | None, last: datetime | None) -> Property:
    return Property(
        path,
        None if row is None else _expected(row),
        row is not None and row.is_by_hand,
        0 if came is None else came.whole,
        {} if came is None else came.kinds,
        last,
    )


def _expected(row: rows.Expectation) -> Expected:
    return Expected(cast(Presence, row.presence), frozenset(row.kinds))


def _plans(wanted: Iterable[rows.Source]) -> dict[int, Plan]:
    return {row.id: plan for row in wanted if (plan := _read(row.id, row.plan_version)).events}


@lru_cache(maxsize=200)
def _read(source: int, version: UUID) -> Plan:
    """The plan as it is under this version, which is another one after each change."""
    events: dict[Event, dict[str, Expected]] = {}
    for row in rows.Expectation.objects.filter(source_id=source):
        events.setdefault((row.call, row.name), {})[row.path] = _expected(row)
    return Plan(events)


def _put(row: rows.Source, event: Event, path: str, one: Expected, at: datetime, *, is_by_hand: bool) -> None:
    rows.Expectation.objects.update_or_create(
        source=row,
        call=event[0],
        name=event[1],
        path=path,
        defaults={
            "presence": one.presence,
            "kinds": sorted(one.kinds),
            "is_by_hand": is_by_hand,
            "changed_at": at,
        },
    )


def _touch(row: rows.Source) -> None:
    row.plan_version = uuid4()
    row.save(update_fields=["plan_version"])


def _record(
    row: rows.Source,
    verb: str,
    at: datetime,
    by: Actor,
    after: Mapping[str, object],
    *,
    before: Mapping[str, object] | None = None,
) -> None:
    trail.record(by=by, verb=verb, subject=f"source:{row.id}", at=at, before=before, after=after)


def _locked(source: int) -> rows.Source:
    row = rows.Source.objects.select_for_update().filter(id=source).first()
    if row is None:
        raise sources.UnknownSource(
            gettext_lazy("source: there is no number %(source)s; look at the list") % {"source": source},
            field="source",
            value=source,
        )
    return row


def _checked(event: Event) -> Event:
    call, name = event
    if call not in CALLS:
        raise BadEvent(
            gettext_lazy("call: %(call)r is not planned for; use one of %(calls)s")
            % {"call": call[:20], "calls": ", ".join(CALLS)},
            field="call",
            value=call[:20],
        )
    if call != NAMED_CALL:
        return call, ""
    _check_text("name", name)
    return call, name


def _check_text(field: str, text: str) -> None:
    if not text or text != text.strip() or len(text) > LONGEST or not text.isprintable() or "@" in text:
        raise BadEvent(
            gettext_lazy(
                "%(field)s: %(text)r is none; use 1 to %(longest)s characters that can be seen, without an address"
            )
            % {"field": field, "text": text[:40], "longest": LONGEST},
            field=field,
            value=text[:40],
        )


def _refuse_nul(event: Event, path: str = "") -> None:
    """The database keeps no such text, so the plan has none."""
    if "\x00" in "".join((*event, path)):
        raise _unknown(("", ""))


def _unknown(event: Event, path: str = "") -> UnknownInPlan:
    what = " ".join(part for part in (event[0], event[1], path) if part)[:80]
    return UnknownInPlan(
        gettext_lazy("plan: it does not have %(what)r; look at the plan") % {"what": what}, field="event", value=what
    )
