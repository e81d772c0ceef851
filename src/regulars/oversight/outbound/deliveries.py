"""Deliveries: what went to whom and how it ended; sending again, replaying, trying out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import uuid4

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.kit import ids
from regulars.kit.actors import SYSTEM, Actor
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import _queues, _schedule
from regulars.oversight.outbound._calling import Answer
from regulars.oversight.outbound.catalogue import KINDS, TRIAL
from regulars.oversight.outbound.endpoints import EndpointRetired, UnknownEndpoint
from regulars.oversight.outbound.models import Delivery as Row
from regulars.oversight.outbound.models import Endpoint as EndpointRow
from regulars.oversight.outbound.notices import EndpointSwitchedOff
from regulars.runtime.notices import stream
from regulars.runtime.notices.notice import Told
from regulars.runtime.notices.outbox import announce
from regulars.runtime.trail import trail

#: How long it is known what became of a message that has ended.
KEEP = timedelta(days=30)
#: Notices planned in one step of a replay.
REPLAYED_AT_ONCE = 1_000
State = Literal["waiting", "delivered", "given_up", "set_aside"]


@dataclass(frozen=True)
class Try:
    """One try: how long it took, the status if there was one, and what went wrong ("" for nothing)."""

    at: datetime
    took_ms: int
    status: int | None
    error: str


@dataclass(frozen=True)
class Delivery:
    """One message for one endpoint. `message_id` is its webhook-id, the same however often it is sent."""

    id: int
    endpoint: int
    message_id: str
    kind: str
    state: State
    attempts: int
    wanted_at: datetime
    tried_at: datetime | None
    ended_at: datetime | None
    status: int | None
    error: str
    tries: tuple[Try, ...]


class UnknownDelivery(Refusal):
    """No such message, or not any more."""

    code = "webhooks.unknown_delivery"


class NotWaiting(Refusal):
    """It has ended already."""

    code = "webhooks.not_waiting"


def of_endpoint(
    endpoint: int, *, state: State | None = None, before: int | None = None, limit: int = 50
) -> list[Delivery]:
    """An endpoint's messages, newest first; the page before number `before`. One query."""
    found = Row.objects.filter(endpoint_id=endpoint)
    if state is not None:
        found = found.filter(state=state)
    if before is not None:
        found = found.filter(id__lt=before)
    return [_delivery(row) for row in found.order_by("-id")[:limit]]


def get(*, endpoint: int, message_id: str) -> Delivery:
    """One message. Refused when the endpoint has none of this id."""
    wanted = _whole(message_id)
    return _delivery(_found(Row.objects.filter(endpoint_id=endpoint, message_id=wanted).first(), wanted))


def send_again(*, endpoint: int, message_id: str, at: datetime, by: Actor) -> Delivery:
    """Send it at once, with all its tries, whether it waits, was delivered or given up. Its id stays the same.

    It goes before later messages of its subject that still wait.
    """
    with transaction.atomic():
        _alive(endpoint)
        row = _locked(endpoint, message_id, at)
        before, row.state, row.attempts, row.wanted_at, row.ended_at = row.state, "waiting", 0, at, None
        row.save(update_fields=["state", "attempts", "wanted_at", "ended_at"])
        _queues.put(endpoint, row.subject, at=at)
        _record(endpoint, "webhooks.send_again", at, by, before={"message": message_id, "state": before})
    return _delivery(row)


def set_aside(*, endpoint: int, message_id: str, at: datetime, by: Actor) -> Delivery:
    """A message that waits is never sent; those behind it go on. Refused when it has ended."""
    with transaction.atomic():
        _alive(endpoint)
        row = _locked(endpoint, message_id, at)
        if row.state != "waiting":
            raise NotWaiting(
                _("message: %(message_id)s does not wait any more") % {"message_id": message_id},
                field="message",
                value=message_id,
            )
        row.state, row.ended_at = "set_aside", at
        row.save(update_fields=["state", "ended_at"])
        _queues.put(endpoint, row.subject, at=at)
        _record(endpoint, "webhooks.set_aside", at, by, before={"message": message_id, "state": "waiting"})
    return _delivery(row)


def send_trial(*, endpoint: int, at: datetime, by: Actor) -> Delivery:
    """A message that says nothing but that messages arrive. Each call sends another."""
    with transaction.atomic():
        _alive(endpoint)
        message_id = ids.public(_queues.MESSAGE, uuid4())
        _queues.put(endpoint, message_id, at=at)
        row = Row.objects.create(
            endpoint_id=endpoint, message_id=message_id, kind=TRIAL, subject=message_id, wanted_at=at
        )
        _record(endpoint, "webhooks.send_trial", at, by, after={"message": message_id})
    return _delivery(row)


def replay(*, endpoint: int, since: datetime, at: datetime, by: Actor) -> None:
    """Send everything again that the endpoint wants and that was told at `since` or later, with the ids it had.

    Planned in steps by the sender, each customer's in order; what is told meanwhile goes its usual way, so it may come
    before older messages. Asking again starts over from the new point.
    """
    with transaction.atomic():
        row = _alive(endpoint)
        row.replay_position, row.replay_until = stream.before(since), stream.last_number()
        row.save(update_fields=["replay_position", "replay_until"])
        after = {"since": since.isoformat(), "position": row.replay_position, "until": row.replay_until}
        _record(endpoint, "webhooks.replay", at, by, after=after)


def plan(told: Sequence[Told], *, at: datetime) -> None:
    """What was told becomes messages for every endpoint that wants it and is on or paused. For the listener."""
    for row in EndpointRow.objects.filter(state__in=["on", "paused"]).order_by("id"):
        if wanted := [one for one in told if _wants(row, one)]:
            _queues.plan(wanted, row.id, row.public_id, at=at)


def go_on_replaying(*, at: datetime) -> bool:
    """One step of one replay. Whether there was one. For the sender."""
    with transaction.atomic():
        row = (
            EndpointRow.objects.select_for_update(no_key=True, skip_locked=True)
            .filter(replay_until__isnull=False)
            .order_by("id")
            .first()
        )
        if row is None or row.replay_position is None or row.replay_until is None:
            return False
        told = stream.after(
            position=row.replay_position,
            until=row.replay_until,
            kinds=row.kinds or list(KINDS),
            history=row.wants_history,
            most=REPLAYED_AT_ONCE,
        )
        _queues.plan(told, row.id, row.public_id, at=at, again=True)
        if len(told) < REPLAYED_AT_ONCE:
            row.replay_position = row.replay_until = None
        else:
            row.replay_position = told[-1].number
        row.save(update_fields=["replay_position", "replay_until"])
        return True


def settle(one: _queues.Claimed, answer: Answer, *, at: datetime) -> None:
    """Write what came of a try, and switch off an endpoint that is gone or has failed for days. For the sender."""
    with transaction.atomic():
        settled = _queues.settle(one, answer, at=at)
        if settled is None:
            return
        why = ""
        if answer.error == "gone":
            why = "gone"
        elif settled.failing_since is not None and at - settled.failing_since >= _schedule.OFF_AFTER:
            why = "failing"
        switched = why and EndpointRow.objects.filter(id=one.endpoint, state="on").update(
            state="off", state_why=why, changed_at=at, replay_position=None, replay_until=None
        )
        if switched:
            announce(
                EndpointSwitchedOff(endpoint=one.endpoint, why=why, at=at),
                by=SYSTEM,
                verb="webhooks.switch_off",
                before={"state": "on"},
                after={"state": "off", "why": why},
            )


def forget_old(*, at: datetime, most: int = 10_000) -> int:
    """Remove at most `most` messages that ended longer than KEEP ago. How many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM outbound_delivery WHERE id IN (SELECT id FROM outbound_delivery WHERE ended_at < %s LIMIT %s)",
            [at - KEEP, most],
        )
        return int(cursor.rowcount)


def _wants(row: EndpointRow, one: Told) -> bool:
    return (not row.kinds or one.notice.kind in row.kinds) and (row.wants_history or one.notice.origin == "live")


def _alive(endpoint: int) -> EndpointRow:
    row = EndpointRow.objects.select_for_update(no_key=True).filter(id=endpoint).first()
    if row is None:
        raise UnknownEndpoint(
            _("endpoint: there is no number %(endpoint)s; look at the list") % {"endpoint": endpoint}, field="endpoint"
        )
    if row.state == "retired":
        raise EndpointRetired(
            _("endpoint: %(name)s is retired; make another one") % {"name": row.name}, field="endpoint", value=row.name
        )
    return row


def _whole(message_id: str) -> str:
    """The id as it is stored. Refused when it cannot be one."""
    return ids.public(_queues.MESSAGE, ids.parse(message_id, _queues.MESSAGE))


def _locked(endpoint: int, message_id: str, at: datetime) -> Row:
    message_id = _whole(message_id)
    found = Row.objects.filter(endpoint_id=endpoint, message_id=message_id).first()
    if found is not None:
        # The lane before the message, like everybody who locks both.
        _queues.hold(endpoint, found.subject, at=at)
    return _found(
        Row.objects.select_for_update(no_key=True).filter(endpoint_id=endpoint, message_id=message_id).first(),
        message_id,
    )


def _found(row: Row | None, message_id: str) -> Row:
    if row is None:
        shown = message_id[:40]
        raise UnknownDelivery(
            _("message: the endpoint has no %(shown)s; look at its list") % {"shown": shown},
            field="message",
            value=shown,
        )
    return row


def _record(
    endpoint: int,
    verb: str,
    at: datetime,
    by: Actor,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    trail.record(by=by, verb=verb, subject=f"webhook_endpoint:{endpoint}", at=at, before=before, after=after)


def _delivery(row: Row) -> Delivery:
    return Delivery(
        id=row.id,
        endpoint=row.endpoint_id,
        message_id=row.message_id,
        kind=row.kind,
        state=cast("State", row.state),
        attempts=row.attempts,
        wanted_at=row.wanted_at,
        tried_at=row.tried_at,
        ended_at=row.ended_at,
        status=row.status,
        error=row.error,
        tries=tuple(Try(datetime.fromisoformat(at), took, status, error) for at, took, status, error in row.tries),
    )
