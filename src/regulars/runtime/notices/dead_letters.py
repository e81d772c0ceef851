"""Notices a listener gave up on, or cannot take yet: to see, to try again, to set aside."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.notices.models import Parked
from regulars.runtime.trail import trail


class NotThere(Refusal):
    code = "notices.not_there"

    def __init__(self) -> None:
        super().__init__(_("This notice no longer waits: it was delivered or set aside meanwhile."))


@dataclass(frozen=True)
class DeadLetter:
    """`id` is its number here, `notice` its number in the stream. `error` names what failed, without its words."""

    id: int
    subscriber: str
    subject: str
    notice: int
    kind: str
    state: str
    attempts: int
    error: str
    next_try_at: datetime
    parked_at: datetime


def dead(*, after: int = 0, limit: int = 50) -> list[DeadLetter]:
    """What was given up on, oldest first, from `id` after `after`. One query."""
    return _listed(Parked.State.DEAD, after, limit)


def waiting(*, after: int = 0, limit: int = 50) -> list[DeadLetter]:
    """What will be tried again, oldest first, from `id` after `after`. One query."""
    return _listed(Parked.State.WAITING, after, limit)


def replay(*, letter: int, at: datetime, by: Actor, why: str = "") -> None:
    """Try it again, at once and with all its tries. Asking twice is harmless. Refuses with NotThere.

    Later notices of its subject have gone on without it; from now on they wait behind it.
    """
    with transaction.atomic():
        found = _locked(letter)
        before, found.state = found.state, Parked.State.WAITING
        found.attempts, found.next_try_at = 0, at
        found.save(update_fields=["state", "attempts", "next_try_at"])
        _told(found, "dead_letters.replay", before=before, after=found.state, at=at, by=by, why=why)


def discard(*, letter: int, at: datetime, by: Actor, why: str) -> None:
    """This listener will never hear of it; those behind it go on. The notice itself stays. Refuses with NotThere."""
    with transaction.atomic():
        found = _locked(letter)
        _told(found, "dead_letters.discard", before=found.state, after="discarded", at=at, by=by, why=why)
        found.delete()


def _listed(state: str, after: int, limit: int) -> list[DeadLetter]:
    rows = Parked.objects.filter(state=state, id__gt=after).select_related("notice").order_by("id")[:limit]
    return [
        DeadLetter(
            id=row.id,
            subscriber=row.subscriber,
            subject=row.subject,
            notice=row.notice_id,
            kind=row.notice.kind,
            state=row.state,
            attempts=row.attempts,
            error=row.error,
            next_try_at=row.next_try_at,
            parked_at=row.parked_at,
        )
        for row in rows
    ]


def _locked(letter: int) -> Parked:
    found = Parked.objects.select_for_update().filter(pk=letter).first()
    if found is None:
        raise NotThere
    return found


def _told(row: Parked, verb: str, *, before: str, after: str, at: datetime, by: Actor, why: str) -> None:
    trail.record(
        by=by,
        verb=verb,
        subject=row.subject,
        at=at,
        before={"subscriber": row.subscriber, "notice": row.notice_id, "state": before},
        after={"state": after},
        why=why,
    )
