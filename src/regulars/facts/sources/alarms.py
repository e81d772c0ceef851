"""Alarms about sources: raised and ended by looking every few minutes; people say that they saw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from django.db import transaction
from django.db.models import Max, Min
from django.utils.translation import gettext_lazy as _

from regulars.facts.sources import models as rows
from regulars.facts.sources import silence
from regulars.facts.sources.notices import PlanBroken, SourceFellSilent, SourceSpokeAgain
from regulars.facts.sources.silence import Heard, Silence
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.notices import outbox
from regulars.runtime.trail import trail

Kind = Literal["silence", "plan"]
#: Messages that are not as planned, from which on it is no slip of one client.
BROKEN_FROM = 10
#: How long one deviation keeps an alarm going.
RECENT = timedelta(hours=24)
_BLOCKED = "blocked_by_plan"


@dataclass(frozen=True)
class Alarm:
    """That something is wrong with a source since `since_at`. `facts` for silence: expected, got, hours, weeks,
    chance; for the plan: messages (that differ), blocked. `noted_at`: somebody saw it; `was_meant`: it is no fault.
    """

    id: int
    source: int
    kind: Kind
    since_at: datetime
    raised_at: datetime
    ended_at: datetime | None
    facts: Mapping[str, Any]
    noted_at: datetime | None
    was_meant: bool


class UnknownAlarm(Refusal):
    """No such alarm."""

    code = "alarms.unknown"


def look(*, at: datetime, by: Actor) -> None:
    """Raise and end alarms as things stand at `at`. Everything that came by then must have been counted."""
    sources = list(rows.Source.objects.order_by("id"))
    heard = _heard([row for row in sources if row.retired_at is None], at)
    for row in sources:
        with transaction.atomic():
            # Two who look at once take turns, so that an alarm is raised once.
            row = rows.Source.objects.select_for_update().get(id=row.id)
            if row.retired_at is not None:
                for alarm in rows.Alarm.objects.filter(source=row, ended_at=None):
                    _end(alarm, at, by)
                continue
            if row.id in heard:
                _look_for_silence(row, heard[row.id], at, by)
            _look_for_deviations(row, at, by)


def note(*, alarm: int, was_meant: bool, at: datetime, by: Actor) -> Alarm:
    """Somebody saw it. With `was_meant` it ends and counts as custom: a shop that was closed. Again changes nothing.

    An alarm about the plan ends in any case: what differs from now on raises another.
    """
    with transaction.atomic():
        row = rows.Alarm.objects.select_for_update().filter(id=alarm).first()
        if row is None:
            raise UnknownAlarm(
                _("alarm: there is no number %(alarm)s; look at the list") % {"alarm": alarm},
                field="alarm",
                value=alarm,
            )
        if row.noted_at is not None and row.was_meant == was_meant:
            return _told(row)
        row.noted_at, row.was_meant = row.noted_at or at, was_meant
        row.save(update_fields=["noted_at", "was_meant"])
        trail.record(
            by=by,
            verb="alarms.note",
            subject=f"source:{row.source_id}",
            at=at,
            after={"alarm": row.id, "meant": was_meant},
        )
        if row.ended_at is None and (was_meant or row.kind == "plan"):
            _end(row, at, by)
    return _told(row)


def going_on(source: int | None = None) -> list[Alarm]:
    """Alarms that have not ended, the oldest first. One query."""
    found = rows.Alarm.objects.filter(ended_at=None).order_by("since_at", "id")
    if source is not None:
        found = found.filter(source_id=source)
    return [_told(row) for row in found]


def recent(source: int, *, limit: int = 10) -> list[Alarm]:
    """The last alarms about a source, the newest first. One query."""
    return [_told(row) for row in rows.Alarm.objects.filter(source_id=source).order_by("-id")[:limit]]


def _look_for_silence(row: rows.Source, heard: Heard, at: datetime, by: Actor) -> None:
    alarm = rows.Alarm.objects.filter(source=row, kind="silence", ended_at=None).first()
    if alarm is not None:
        if silence.speaks(heard, at=at):
            _end(alarm, at, by)
        return
    before = rows.Alarm.objects.filter(source=row, kind="silence").order_by("-id").first()
    ended = heard.first_at if before is None or before.ended_at is None else before.ended_at
    if before is not None and before.was_meant and heard.last_at <= ended:
        # Somebody said so, and it has not opened again.
        return
    found = silence.judge(heard, at=at, listens_from=max(heard.first_at, ended))
    if found is not None:
        _raise(row, "silence", found.since_at, _facts(found), at, by)


def _look_for_deviations(row: rows.Source, at: datetime, by: Actor) -> None:
    alarm = rows.Alarm.objects.filter(source=row, kind="plan", ended_at=None).first()
    ended = rows.Alarm.objects.filter(source=row, kind="plan").aggregate(last=Max("ended_at"))["last"]
    changed = rows.Expectation.objects.filter(source=row).aggregate(last=Max("changed_at"))["last"]
    if row.plan == "learning":
        if alarm is not None:
            _end(alarm, at, by)
        return
    since = max(one for one in (at - RECENT, ended, changed) if one is not None)
    differ = rows.Deviation.objects.filter(
        source=row, day__gte=civil.day_of(since, civil.zone(row.zone)), last_at__gt=since
    )
    blocked = rows.Quarantined.objects.filter(source=row, code=_BLOCKED, arrived_at__gt=since)
    first = [
        one
        for one in (
            differ.aggregate(first=Min("first_at"))["first"],
            blocked.aggregate(first=Min("arrived_at"))["first"],
        )
        if one is not None
    ]
    if alarm is not None:
        if not first:
            _end(alarm, at, by)
        return
    messages, turned_away = sum(differ.values_list("count", flat=True)), blocked.count()
    if messages + turned_away >= BROKEN_FROM:
        _raise(row, "plan", max(since, min(first)), {"messages": messages, "blocked": turned_away}, at, by)


def _heard(sources: Sequence[rows.Source], at: datetime) -> dict[int, Heard]:
    """What is known of those that ever sent. Three queries."""
    until = silence.hour_of(at) + silence.HOUR
    since = until - (silence.WEEKS + 1) * silence.WEEK - 2 * silence.HOUR
    counted: dict[int, dict[datetime, int]] = {}
    last: dict[int, datetime] = {}
    # Whatever became of them: a source whose messages are all refused is in trouble, but not silent.
    for row in rows.Traffic.objects.filter(hour__gte=since, hour__lt=until, count__gt=0):
        hours = counted.setdefault(row.source_id, {})
        hours[row.hour] = hours.get(row.hour, 0) + row.count
        last[row.source_id] = max(row.last_at, last.get(row.source_id, row.last_at))
    first = dict(
        rows.Traffic.objects.filter(count__gt=0)
        .values_list("source_id")
        .annotate(first=Min("hour"))
        .values_list("source_id", "first")
    )
    unusual: dict[int, list[tuple[datetime, datetime]]] = {}
    for alarm in rows.Alarm.objects.filter(kind="silence", was_meant=False, raised_at__gte=since):
        unusual.setdefault(alarm.source_id, []).append((alarm.since_at, alarm.ended_at or at))
    return {
        row.id: Heard(
            counted[row.id],
            # The first hour was not a whole one.
            first[row.id] + silence.HOUR,
            last[row.id],
            civil.zone(row.zone),
            unusual.get(row.id, ()),
        )
        for row in sources
        if row.id in counted
    }


def _facts(found: Silence) -> dict[str, Any]:
    return {
        "expected": round(found.expected, 1),
        "got": found.got,
        "hours": found.hours,
        "weeks": found.weeks,
        "chance": found.chance,
    }


def _raise(row: rows.Source, kind: Kind, since: datetime, facts: Mapping[str, Any], at: datetime, by: Actor) -> None:
    alarm = rows.Alarm.objects.create(source=row, kind=kind, since_at=since, raised_at=at, facts=dict(facts))
    notice = SourceFellSilent if kind == "silence" else PlanBroken
    outbox.announce(
        notice(source=row.id, alarm=alarm.id, at=at), by=by, verb="alarms.raise", after={"alarm": alarm.id, **facts}
    )


def _end(alarm: rows.Alarm, at: datetime, by: Actor) -> None:
    alarm.ended_at = max(at, alarm.since_at)
    alarm.save(update_fields=["ended_at"])
    if alarm.kind == "silence":
        notice = SourceSpokeAgain(source=alarm.source_id, alarm=alarm.id, at=at)
        outbox.announce(notice, by=by, verb="alarms.end", after={"alarm": alarm.id})
    else:
        trail.record(by=by, verb="alarms.end", subject=f"source:{alarm.source_id}", at=at, after={"alarm": alarm.id})


def _told(row: rows.Alarm) -> Alarm:
    return Alarm(
        row.id,
        row.source_id,
        cast(Kind, row.kind),
        row.since_at,
        row.raised_at,
        row.ended_at,
        row.facts,
        row.noted_at,
        row.was_meant,
    )
