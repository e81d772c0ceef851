"""Events that earn points, read from the stream: of customers, as they happen, each once for what it is given for."""

from collections.abc import Sequence

from regulars.facts.events import events, following, stream
from regulars.facts.events.stream import Event, Reader
from regulars.kit.actors import Actor
from regulars.levers.loyalty import earning, missions, programmes, tiers
from regulars.levers.loyalty._earning import happened
from regulars.levers.loyalty._earning.event_names import called
from regulars.runtime.database import clock

READER = "loyalty"
_BY = Actor("system", "loyalty.events")


def listen() -> bool:
    """One step through the stream, where a programme that is active wants events. Whether there was anything to read.

    Without such a programme the place stays: what happened until one is activated was promised to nobody.
    """
    if not any(one.programme.events for one in programmes.active()):
        return False
    reader = Reader(READER, take=take, after=following.PROFILES)
    settled = stream.horizon().advance()
    stream.register([reader], at=stream.end_of(settled))
    before = stream.step(reader, settled)
    return before is not None and before < stream.end_of(settled)


def take(slice_: Sequence[Event]) -> None:
    """What these events earn. Those of history, and of nobody known, earn nothing."""
    wanted = {name for one in programmes.active() for name in one.programme.events}
    mine = [event for event in slice_ if event.origin == "live" and called(event.name) in wanted]
    if not mine:
        return
    whose = events.customers_of({event.visitor for event in mine})
    now, counted = clock.now(), set[int]()
    for event in mine:
        if (customer := whose.get(event.visitor)) is not None:
            earning.award_for_event(customer=customer, event=happened.seen(event), at=now, by=_BY)
            counted.add(customer)
    for customer in sorted(counted):
        missions.settle(customer=customer, at=now, by=_BY)
        tiers.requalify(customer=customer, at=now, by=_BY)
