"""Who did what to which thing, before and after, and why. Lines are added, never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from regulars.kit.actors import Actor
from regulars.runtime.trail import only_ids
from regulars.runtime.trail.models import Line
from regulars.runtime.trail.requests import request_id


@dataclass(frozen=True)
class Entry:
    """One act as it was recorded. `number` grows with time and is the cursor for the page before it."""

    number: int
    by: str
    verb: str
    subject: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    why: str
    request_id: str
    at: datetime
    recorded_at: datetime


@dataclass(frozen=True)
class Act:
    """One of many acts that are recorded together."""

    subject: str
    at: datetime
    after: Mapping[str, object] | None = None


def record(
    *,
    by: Actor,
    verb: str,
    subject: str,
    at: datetime,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    why: str = "",
) -> None:
    """Add one line, in the caller's transaction: it stands or falls with the act it tells of.

    `subject` is `<kind>:<id>`; `before` and `after` hold ids, numbers and short codes (or flat lists of them).
    Raises `NotForTheTrail` (a bug in the verb) for anything that could be personal data or is not plain JSON.
    """
    _line(by, verb, subject, at, before, after, why).save(force_insert=True)


def record_many(*, by: Actor, verb: str, acts: Sequence[Act]) -> None:
    """`record` for many acts of one verb, in order. One statement."""
    Line.objects.bulk_create([_line(by, verb, act.subject, act.at, None, act.after, "") for act in acts])


def _line(
    by: Actor,
    verb: str,
    subject: str,
    at: datetime,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
    why: str,
) -> Line:
    return Line(
        by_kind=by.kind,
        by_id=only_ids.text("by", by.id),
        verb=verb,
        subject=only_ids.text("subject", subject),
        before=only_ids.mapping("before", before),
        after=only_ids.mapping("after", after),
        why=only_ids.text("why", why),
        request_id=request_id.get()[:64],
        at=at,
    )


def of(subject: str, *, before: int | None = None, limit: int = 50) -> list[Entry]:
    """What happened to `subject`, newest first; the page before entry number `before`. One indexed query."""
    lines = Line.objects.filter(subject=subject)
    if before is not None:
        lines = lines.filter(id__lt=before)
    return [_entry(line) for line in lines.order_by("-id")[:limit]]


def by_actor(actor: Actor, *, before: int | None = None, limit: int = 50) -> list[Entry]:
    """What `actor` did, newest first; the page before entry number `before`. One indexed query."""
    lines = Line.objects.filter(by_kind=actor.kind, by_id=actor.id)
    if before is not None:
        lines = lines.filter(id__lt=before)
    return [_entry(line) for line in lines.order_by("-id")[:limit]]


def _entry(line: Line) -> Entry:
    return Entry(
        number=line.id,
        by=f"{line.by_kind}:{line.by_id}",
        verb=line.verb,
        subject=line.subject,
        before=line.before,
        after=line.after,
        why=line.why,
        request_id=line.request_id,
        at=line.at,
        recorded_at=line.recorded_at,
    )
