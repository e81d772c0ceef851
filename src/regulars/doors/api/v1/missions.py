"""Missions: what is asked for which prize, how far somebody is, who joins, and badges."""

from datetime import date, datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.identity_shown import key_of
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import IdempotencyKey
from regulars.facts.customers import customers
from regulars.kit import money
from regulars.levers.loyalty import mission_words, missions, tier_words
from regulars.levers.loyalty.missions import MissionView, Progress
from regulars.levers.loyalty.rules.rule import points_text
from regulars.runtime.database import clock

router = Router(tags=["missions"])
Code = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")]


class MissionPrizeOut(exact.Shown):
    """What it gives, each where there is one: points, a badge, a reward by its code."""

    points: str | None
    currency: str | None
    badge: str | None
    reward: str | None


class MissionOut(exact.Shown):
    """A mission in force. `repeat`: once, or every day, week, month, quarter or year anew. `people_at_step`: of the
    present round, by how many steps they have reached. Surprises are for the shop's eyes: no member is told of one
    before it is theirs; `one_in` says for how many it is by chance, and only those are counted."""

    programme: str
    mission: str
    title: str
    about: str
    repeat: str
    opens_on: date | None
    ends_on: date | None = Field(description="The first day on which it cannot be done any more.")
    asks_to_join: bool
    in_order: bool
    is_surprise: bool
    one_in: int
    steps: list[str]
    prize: MissionPrizeOut
    people_at_step: list[int]
    people_done: int
    people_joined: int | None


class MissionsOut(exact.Shown):
    """Every mission in force. `counted_at`: when people were counted, of very many at most ten minutes ago."""

    counted_at: datetime
    items: list[MissionOut]


class MissionStepOut(exact.Shown):
    """How far somebody is with one step; `has` and `at_least` in units of what is counted."""

    words: str
    has: str
    at_least: str
    is_reached: bool
    missing: str | None


class MissionProgressOut(exact.Shown):
    """How far somebody is in the present round. `until` is its last day; `joined` is null where nobody has to.
    A surprise is here only once it is done."""

    programme: str
    mission: str
    title: str
    round: str | None
    since: date
    until: date | None
    days_left: int | None
    share: int
    is_done: bool
    is_surprise: bool
    done_at: datetime | None
    times_done: int
    joined: bool | None
    steps: list[MissionStepOut]
    prize: MissionPrizeOut


class MissionProgressesOut(exact.Shown):
    """How far the customer's person is with every mission that is for them."""

    customer: str
    as_of: datetime
    items: list[MissionProgressOut]


class BadgeOut(exact.Shown):
    """A badge; `since` is null of one that they do not have."""

    programme: str
    badge: str
    title: str
    about: str
    since: date | None
    times: int


class BadgesOut(exact.Shown):
    """The badges they have, the latest first, and those there are to have."""

    customer: str
    items: list[BadgeOut]


@router.get("/missions", auth=ApiKey("points.read"), response=MissionsOut, operation_id="list_missions")
def get_missions(request: HttpRequest) -> MissionsOut:
    """The missions in force, with how many people are at which step."""
    now = clock.now()
    counted = missions.at_steps(at=now)
    counts = counted.by_mission
    return MissionsOut(
        counted_at=counted.as_of,
        items=[
            MissionOut(
                programme=view.programme,
                mission=view.mission.id,
                title=mission_words.title(view),
                about=mission_words.about(view),
                repeat=view.mission.repeat,
                opens_on=view.mission.starts_on,
                ends_on=view.mission.ends_on,
                asks_to_join=view.mission.asks_to_join,
                in_order=view.mission.in_order,
                is_surprise=view.mission.is_surprise,
                one_in=view.mission.one_in,
                steps=[mission_words.asked(goal, view, money.text) for goal in view.mission.goals],
                prize=_prize(view),
                people_at_step=list(counts[view.key].at),
                people_done=counts[view.key].done,
                people_joined=counts[view.key].joined,
            )
            for view in missions.every(at=now)
        ],
    )


@router.get(
    "/customers/{customer}/missions",
    auth=ApiKey("points.read"),
    response=MissionProgressesOut,
    operation_id="get_customer_missions",
)
def get_progress(
    request: HttpRequest,
    customer: str,
    as_of: Annotated[
        exact.Instant | None, Query(description="Past: by what was kept until then. To come: if nothing else happens.")
    ] = None,
) -> MissionProgressesOut:
    """How far somebody is, in the language asked for with `Accept-Language`: by what they kept, so what comes back
    moves them back."""
    who, at = customers.by_public_id(customer), as_of or clock.now()
    found = missions.of(customer=who.id, at=at)
    return MissionProgressesOut(customer=who.public_id, as_of=at, items=[_progress(one) for one in found])


@router.get(
    "/customers/{customer}/badges", auth=ApiKey("points.read"), response=BadgesOut, operation_id="get_customer_badges"
)
def get_badges(request: HttpRequest, customer: str) -> BadgesOut:
    """The badges they have, and those there are to have."""
    who = customers.by_public_id(customer)
    return BadgesOut(
        customer=who.public_id,
        items=[
            BadgeOut(
                programme=one.programme,
                badge=one.badge.id,
                title=tier_words.in_words(one.badge.titles),
                about=tier_words.in_words(one.badge.about),
                since=one.since,
                times=one.times,
            )
            for one in missions.badges(customer=who.id, at=clock.now())
        ],
    )


@router.post(
    "/customers/{customer}/missions/{programme}/{name}/join",
    auth=ApiKey("points.manage"),
    response=MissionProgressesOut,
    operation_id="join_mission",
)
def join(
    request: HttpRequest, customer: str, programme: Code, name: Code, idempotency_key: IdempotencyKey
) -> MissionProgressesOut:
    """They take part: what they do from now on counts. Who is in it already stays in it.

    The `Idempotency-Key` is kept for ever: told late again, it brings nobody back who left since.
    """
    who = customers.by_public_id(customer)
    missions.join(
        customer=who.id,
        programme=programme,
        mission=name,
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return get_progress(request, customer)


@router.post(
    "/customers/{customer}/missions/{programme}/{name}/leave",
    auth=ApiKey("points.manage"),
    response=MissionProgressesOut,
    operation_id="leave_mission",
)
def leave(
    request: HttpRequest, customer: str, programme: Code, name: Code, idempotency_key: IdempotencyKey
) -> MissionProgressesOut:
    """They take no more part. What it gave stays theirs. Of who is not in it nothing changes."""
    who = customers.by_public_id(customer)
    missions.leave(
        customer=who.id,
        programme=programme,
        mission=name,
        key=key_of(request, idempotency_key),
        at=clock.now(),
        by=caller(request),
    )
    return get_progress(request, customer)


def _prize(view: MissionView) -> MissionPrizeOut:
    told = view.mission.prize
    return MissionPrizeOut(
        points=points_text(told.points, view.scale) if told.points else None,
        currency=view.currency if told.points else None,
        badge=told.badge or None,
        reward=told.reward or None,
    )


def _progress(one: Progress) -> MissionProgressOut:
    view = one.view
    return MissionProgressOut(
        programme=view.programme,
        mission=view.mission.id,
        title=mission_words.title(view),
        round=one.round or None,
        since=one.since,
        until=one.until,
        days_left=one.days_left,
        share=one.share,
        is_done=one.is_done,
        is_surprise=view.mission.is_surprise,
        done_at=one.done_at,
        times_done=one.times,
        joined=one.has_joined,
        steps=[
            MissionStepOut(
                words=mission_words.asked(goal, view, money.text),
                has=_amount(goal.need is not None and goal.need.what == "spend", seen.has, view),
                at_least=_amount(goal.need is not None and goal.need.what == "spend", seen.at_least, view),
                is_reached=seen.met_us is not None,
                missing=None if seen.met_us is not None else mission_words.missing(goal, seen, view, money.text),
            )
            for goal, seen in one.steps
        ],
        prize=_prize(view),
    )


def _amount(is_money: bool, many: int, view: MissionView) -> str:
    return str(money.Money(many, view.money).decimal) if is_money else str(many)
