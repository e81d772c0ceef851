"""Trials of a programme on more orders and events than anybody waits for: asked for, run aside, looked at when
through."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from regulars.facts.commerce import kept
from regulars.kit import problems
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import programmes, trying
from regulars.levers.loyalty.models import TrialRun
from regulars.levers.loyalty.trying import Trial
from regulars.runtime.database import clock
from regulars.runtime.jobs.tasks import task

__all__ = ("KEPT", "TrialView", "UnknownTrial", "ask", "drop_old", "get", "of", "run", "try_out")

#: Seconds after which it says again how far it is.
TOLD_EVERY_S = 1.0
#: What came of a trial is kept so long; a file that was tried before is tried again on newer orders.
KEPT = timedelta(days=90)


class UnknownTrial(Refusal):
    """There is no such trial."""

    code = "programmes.unknown_trial"


@dataclass(frozen=True)
class TrialView:
    """A trial that is waiting, running, done or stopped, and how far it is. `trial` is what came of it, once it is
    done; `problem` why it stopped."""

    id: int
    text: str
    state: str
    #: Orders, and events that rules are for.
    orders_read: int
    orders_expected: int
    trial: Trial | None
    problem: str
    asked_at: datetime
    ended_at: datetime | None

    @property
    def is_going_on(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")


def ask(*, text: str, since: datetime, until: datetime, at: datetime, by: Actor) -> TrialView:
    """Try this file on the orders and events from `since` until before `until`, aside. While one of the same file waits
    or runs, that one is the answer. Writes nothing but the trial. Refuses what `programmes.validate` refuses."""
    programmes.validate(text)
    digest = _digest(text)
    expected = kept.count(since=since, until=until)
    try:
        with transaction.atomic():
            row = TrialRun.objects.create(
                digest=digest,
                text=text,
                since=since,
                until=until,
                orders_expected=expected,
                asked_by=str(by),
                asked_at=at,
            )
            try_out.defer(trial=row.id)
    except IntegrityError:
        # One of the same file goes on, or has ended since: the table takes one at a time.
        return _view(TrialRun.objects.filter(digest=digest).latest("id"))
    return _view(row)


def get(trial: int) -> TrialView:
    """The trial of that number. One query. Refuses with `UnknownTrial`."""
    row = TrialRun.objects.filter(id=trial).first()
    if row is None:
        raise UnknownTrial(_("trial: %(value)s is none") % {"value": trial}, field="trial", value=trial)
    return _view(row)


def of(text: str) -> TrialView | None:
    """The last trial of exactly this file. One query."""
    row = TrialRun.objects.filter(digest=_digest(text)).order_by("-id").first()
    return None if row is None else _view(row)


def run(trial: int) -> None:
    """Do it. Begun again, it begins anew; done, nothing."""
    rows = TrialRun.objects.filter(id=trial)
    row = rows.exclude(state="done").first()
    if row is None:
        return
    rows.update(state="running", orders_read=0, problem="", ended_at=None)

    told_at = time.monotonic()

    def went_on(done: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TOLD_EVERY_S:
            told_at = time.monotonic()
            rows.update(orders_read=done)

    try:
        said = programmes.validate(row.text)
        rows.update(orders_expected=trying.expected(said, since=row.since, until=row.until))
        tried = trying.simulate(said, since=row.since, until=row.until, progress=went_on)
    except Refusal as refused:
        rows.update(state="stopped", problem=refused.message, ended_at=clock.now())
        return
    except BaseException as problem:
        # Whatever ended it: who asked would look at a bar that stands still.
        rows.update(state="stopped", problem=problems.named(problem), ended_at=clock.now())
        raise
    rows.update(
        state="done",
        orders_read=tried.looked_at,
        result=msgspec.to_builtins(tried, str_keys=True),
        ended_at=clock.now(),
    )


@task("loyalty.try_out", lock="loyalty.try_out")
def try_out(trial: int) -> None:
    """A trial that was asked for. Harmless to repeat."""
    run(trial)


def drop_old(*, at: datetime) -> int:
    """Forget trials that ended longer ago than `KEPT`. How many."""
    gone, _of = TrialRun.objects.filter(ended_at__lt=at - KEPT).delete()
    return gone


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _view(row: TrialRun) -> TrialView:
    return TrialView(
        id=row.id,
        text=row.text,
        state=row.state,
        orders_read=row.orders_read,
        orders_expected=row.orders_expected,
        trial=None if row.result is None else msgspec.convert(row.result, Trial),
        problem=row.problem,
        asked_at=row.asked_at,
        ended_at=row.ended_at,
    )
