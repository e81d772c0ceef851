"""Events that earn points, read from the stream: of customers, as they happen, each once for what it is given for. Of
a member whose points are frozen they wait among what is parked, and are decided when these go on."""

from collections.abc import Sequence
from datetime import datetime

from regulars.facts.events import events, following, stream
from regulars.facts.events.following import Tried
from regulars.facts.events.stream import Event, Reader
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.levers.loyalty import earning, missions, programmes, tiers
from regulars.levers.loyalty._earning import happened
from regulars.levers.loyalty._earning.event_names import called
from regulars.runtime.database import clock
from regulars.runtime.jobs.tasks import task

READER = "loyalty"
_BY = Actor("system", "loyalty.events")


def listen() -> bool:
    """One step through the stream, where a programme that was ever in force wants events. Whether there is more to
    read.

    The first step begins with what came in when the first such programme came into force: what was before was promised
    to nobody.
    """
    wanted = programmes.events_wanted(clock.now())
    if not wanted:
        return False
    reader = Reader(READER, take=take, after=following.PROFILES)
    # Who reads now and then never finds a busy shop's stream at rest, as a horizon of its own would have to.
    settled = stream.read_whole(following.PROFILES)
    if not stream.is_registered(READER):
        stream.register([reader], at=stream.place_before(min(wanted.values()), settled=settled))
    place = stream.step(reader)
    return place is not None and place < stream.end_of(settled)


def take(slice_: Sequence[Event]) -> None:
    """What these events earn. Those of history, and of nobody known, earn nothing. Raises `AccountFrozen`."""
    _award(slice_, is_late=False)


def take_late(slice_: Sequence[Event]) -> None:
    """`take` of what was parked: it lasts as long as if it were done now."""
    _award(slice_, is_late=True)


#: Who takes what was parked for this room.
READERS = (Reader(READER, take=take_late, after=following.PROFILES),)


@task("loyalty.hear_late", lock="loyalty.hear")
def hear_late() -> None:
    """Events that waited while somebody's points were frozen. Harmless to repeat."""
    make_up(at=clock.now(), by=_BY)


def make_up(*, at: datetime, by: Actor) -> Tried:
    """Take what was parked, in its order, each in its own transaction; that of who is frozen still stays."""
    return following.try_all_again_for(reader=READER, at=at, by=by)


def _award(slice_: Sequence[Event], *, is_late: bool) -> None:
    now = clock.now()
    wanted = programmes.events_wanted(now)
    mine = [event for event in slice_ if event.origin == "live" and called(event.name) in wanted]
    if not mine:
        return
    whose = events.customers_of({event.visitor for event in mine})
    counted = set[int]()
    for event in mine:
        if (customer := whose.get(event.visitor)) is not None:
            _award_for(customer, event, at=now, is_late=is_late)
            counted.add(customer)
    for customer in sorted(counted):
        missions.settle(customer=customer, at=now, by=_BY)
        tiers.requalify(customer=customer, at=now, by=_BY)


def _award_for(customer: int, event: Event, *, at: datetime, is_late: bool) -> None:
    seen = happened.seen(event)
    if not is_late:
        earning.award_for_event(customer=customer, event=seen, at=at, by=_BY)
        return
    for one in programmes.active(event.occurred_at):
        today = civil.day_of(at, civil.zone(one.programme.zone))
        earning.award_for_event(
            customer=customer, event=seen, at=at, by=_BY, programme=one.programme.code, lasts_from=today
        )
