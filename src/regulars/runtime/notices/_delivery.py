"""One listener's next step. Effect and checkpoint commit together; what fails is parked with its subject."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from regulars.kit.problems import named
from regulars.runtime.notices._tries import MOST_TRIES, wait_after
from regulars.runtime.notices.models import Parked, Recorded, Subscriber
from regulars.runtime.notices.notice import Notice, Told, read
from regulars.runtime.notices.subscriptions import Subscription

SMALLEST_BATCH, LARGEST_BATCH = 20, 1000
#: Seconds a batch should take: reactions may announce, and what they announce holds the stream back until they commit.
_BATCH_TIME = 0.5
#: A listener for whom nothing came writes its checkpoint this often (seconds), so quiet listeners cost no writes.
_QUIET_CHECKPOINT = 30.0
#: Seconds between looks for parked notices whose time has come.
_RETRY_LOOK = 1.0
#: Processes that died while reading a listener before its notices are parked first and tried one by one.
STARTS_BEFORE_CARE = 5


@dataclass
class Seen:
    """What one process remembers of one listener between steps. Losing it costs nothing."""

    has_begun: bool = False
    # Below every number, so that the first look clears the mark of a start also where no notice was ever told.
    quiet_up_to: int = -1
    written_at: float = field(default_factory=time.monotonic)
    retries_looked_at: float = 0.0
    batch: int = 100


def after(subscription: Subscription, position: int, horizon: int, most: int) -> list[Recorded]:
    """The listener's notices in (position, horizon], in order."""
    found = Recorded.objects.filter(id__gt=position, id__lte=horizon, kind__in=subscription.kinds)
    if not subscription.history:
        found = found.filter(origin="live")
    return list(found.order_by("id")[:most])


def value(row: Recorded) -> Notice:
    """The notice in a row. Raises what `notice.read` raises."""
    return read(row.kind, row.version, row.body, at=row.at, origin=row.origin)


def heard(subscription: Subscription, rows: Sequence[Recorded]) -> list[Notice] | list[Told]:
    """The rows as the listener takes them."""
    if subscription.numbered:
        return [Told(row.id, row.recorded_at, value(row)) for row in rows]
    return [value(row) for row in rows]


def step(subscription: Subscription, horizon: int, seen: Seen) -> int:
    """Deliver a batch, and what is due of the parked. How many notices were taken; 0 if none, or if another reads."""
    if not seen.has_begun and not _begin(subscription, seen):
        return 0
    return _retry(subscription, seen) + _go_on(subscription, horizon, seen)


def _begin(subscription: Subscription, seen: Seen) -> bool:
    """Leave a mark before the first batch. Only a finished batch takes it away, so marks count processes that died."""
    with transaction.atomic():
        if (row := _locked(subscription)) is None:
            return False
        row.unfinished_starts += 1
        row.save(update_fields=["unfinished_starts"])
    seen.has_begun = True
    return True


def _go_on(subscription: Subscription, horizon: int, seen: Seen) -> int:
    if horizon <= seen.quiet_up_to:
        return 0
    began = time.monotonic()
    with transaction.atomic():
        if (row := _locked(subscription)) is None:
            return 0
        rows = after(subscription, row.position, horizon, seen.batch)
        if rows and row.unfinished_starts > STARTS_BEFORE_CARE:
            _park(subscription, rows)
        elif rows:
            _deliver(subscription, rows)
        is_all = len(rows) < seen.batch
        position = horizon if is_all else rows[-1].id
        if rows or began - seen.written_at > _QUIET_CHECKPOINT or row.unfinished_starts:
            Subscriber.objects.filter(pk=row.pk).update(
                position=max(position, row.position),
                handled=F("handled") + len(rows),
                unfinished_starts=0,
                moved_at=timezone.now(),
            )
            seen.written_at = began
    if is_all:
        seen.quiet_up_to = horizon
    if rows:
        took = max(time.monotonic() - began, 0.001)
        seen.batch = max(SMALLEST_BATCH, min(LARGEST_BATCH, seen.batch * 2, int(len(rows) * _BATCH_TIME / took)))
    return len(rows)


def _deliver(subscription: Subscription, rows: Sequence[Recorded]) -> None:
    waiting = set(
        Parked.objects.filter(
            subscriber=subscription.name, state=Parked.State.WAITING, subject__in={row.subject for row in rows}
        ).values_list("subject", flat=True)
    )
    if waiting:
        _park(subscription, [row for row in rows if row.subject in waiting])
        rows = [row for row in rows if row.subject not in waiting]
    if not rows or _try(subscription, rows) is None:
        return
    # One of them failed and its savepoint took all back; now each subject stands on its own.
    by_subject: dict[str, list[Recorded]] = {}
    for row in rows:
        by_subject.setdefault(row.subject, []).append(row)
    for its in by_subject.values():
        for place, row in enumerate(its):
            if (problem := _try(subscription, [row])) is not None:
                _park(subscription, [row], problem)
                _park(subscription, its[place + 1 :])
                break


def _try(subscription: Subscription, rows: Sequence[Recorded]) -> Exception | None:
    """Hand the rows over in a savepoint. What went wrong, and then nothing of it has happened."""
    try:
        with transaction.atomic():
            subscription.handle(heard(subscription, rows))
    except Exception as problem:
        if connection.connection is None or connection.connection.closed:
            raise
        return problem
    return None


def _park(subscription: Subscription, rows: Sequence[Recorded], problem: Exception | None = None) -> None:
    """Put rows aside: with `problem` after a first try, else behind what their subject waits for."""
    now = timezone.now()
    Parked.objects.bulk_create(
        Parked(
            subscriber=subscription.name,
            subject=row.subject,
            notice_id=row.id,
            state=Parked.State.WAITING,
            attempts=1 if problem else 0,
            next_try_at=now + wait_after(1) if problem else now,
            error=named(problem) if problem else "",
        )
        for row in rows
    )


def _retry(subscription: Subscription, seen: Seen) -> int:
    """Try the first parked notice of each subject whose time has come."""
    if time.monotonic() - seen.retries_looked_at < _RETRY_LOOK:
        return 0
    heads = (
        Parked.objects.filter(subscriber=subscription.name, state=Parked.State.WAITING)
        .order_by("subject", "notice_id")
        .distinct("subject")
    )
    due = Parked.objects.filter(pk__in=heads.values("pk"), next_try_at__lte=timezone.now()).order_by("notice_id")
    taken = sum(_retry_one(subscription, pk) for pk in list(due.values_list("pk", flat=True)[:100]))
    if not taken:
        seen.retries_looked_at = time.monotonic()
    return taken


def _retry_one(subscription: Subscription, pk: int) -> int:
    """The try is counted and committed first: a notice that kills its process runs out of tries like any other."""
    with transaction.atomic():
        head = _head(subscription, pk)
        if head is None:
            return 0
        if head.attempts >= MOST_TRIES and not subscription.strict:
            _give_up(head)
            return 0
        head.attempts += 1
        head.next_try_at = timezone.now() + wait_after(head.attempts)
        head.save(update_fields=["attempts", "next_try_at"])
    with transaction.atomic():
        head = _head(subscription, pk)
        if head is None:
            return 0
        if (problem := _try(subscription, [head.notice])) is not None:
            head.error = named(problem)
            head.save(update_fields=["error"])
            if head.attempts >= MOST_TRIES and not subscription.strict:
                _give_up(head)
            return 0
        head.delete()
        behind = list(
            Parked.objects.filter(subscriber=subscription.name, state=Parked.State.WAITING, subject=head.subject)
            .order_by("notice_id")
            .select_related("notice")[:100]
        )
        # Those that have failed before keep their own count and their own waiting time.
        fresh = next((place for place, row in enumerate(behind) if row.attempts), len(behind))
        behind = behind[:fresh]
        if not behind or _try(subscription, [row.notice for row in behind]) is not None:
            return 1
        Parked.objects.filter(pk__in=[row.pk for row in behind]).delete()
        return 1 + len(behind)


def _head(subscription: Subscription, pk: int) -> Parked | None:
    """The parked notice, with the listener's lock held; None if another reads, or it was discarded meanwhile."""
    if _locked(subscription) is None:
        return None
    return (
        Parked.objects.select_for_update(of=("self",))
        .select_related("notice")
        .filter(pk=pk, state=Parked.State.WAITING)
        .first()
    )


def _give_up(head: Parked) -> None:
    head.state = Parked.State.DEAD
    head.save(update_fields=["state"])


def _locked(subscription: Subscription) -> Subscriber | None:
    return Subscriber.objects.select_for_update(skip_locked=True).filter(name=subscription.name).first()
