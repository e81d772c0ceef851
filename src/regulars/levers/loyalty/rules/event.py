"""Points for something done: a review, a sign-up, a birthday, a visit to a store, a survey, sharing."""

from dataclasses import dataclass
from typing import ClassVar

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules import asking
from regulars.levers.loyalty.rules.grants import Answer, Grant, Reason
from regulars.levers.loyalty.rules.rule import Rule, Terms, read_points, shared
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Context, EventView

#: What the house itself tells, and what it means.
BIRTHDAY, SIGN_UP = "birthday", "sign_up"
ONCE = ("about", "day", "week", "month", "year", "ever")
#: Events that points make: to earn by them would never end.
OF_POINTS = ("points_awarded", "points_redeemed", "points_expired", "reward_redeemed")


@dataclass(frozen=True, kw_only=True)
class Event(Rule):
    """`points` parts for an event called `event`, `once` for each thing it is about, each day … or ever."""

    kind: ClassVar[str] = "event"
    of = "event"

    event: str
    points: int
    once: str

    def of_event(self, event: EventView, context: Context, terms: Terms) -> Answer:
        """All of it or nothing; how often, whoever posts it sees by `subject`."""
        if event.name != self.event:
            return self.missed("other_event", event=event.name[:60])
        if (late := self.out_of_time(event.on)) is not None:
            return late
        if not context.fits.get(self.id, True):
            return self.missed("not_for_them")
        if self.where is not None and not asking.event_fits(self.where, event):
            return self.missed("event_does_not_fit")
        return Grant(self.id, self.points, {0: self.points}, Reason("event", {"event": self.event}), self.funding)

    def subject(self, event: EventView, member: str) -> str:
        """What it is given for, which is given for once."""
        iso = event.on.isocalendar()
        when = {
            "about": event.about,
            "day": event.on.isoformat(),
            "week": f"{iso.year}-W{iso.week:02}",
            "month": f"{event.on:%Y-%m}",
            "year": str(event.year or event.on.year),
            "ever": "",
        }[self.once]
        return f"event:{self.event}:{member}:{when}"


def read(told: Told, terms: Terms) -> Event:
    """From the file: `points` for `event`, `once` per what."""
    event = told.text("event", longest=60)
    if event in OF_POINTS:
        raise told.bad("event", _("points make this event themselves: it would never end; choose another"))
    once = told.one_of("once", ONCE, {BIRTHDAY: "year", SIGN_UP: "ever"}.get(event))
    if event in (BIRTHDAY, SIGN_UP) and once not in ("year", "ever"):
        raise told.bad("once", _("this comes once a year at most; write year or ever"))
    return Event(**shared(told, terms, Event), event=event, points=read_points(told, "points", terms), once=once)
