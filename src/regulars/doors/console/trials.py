"""A programme tried on the last year's orders and events: at once where a page can wait for it, else aside, with how
far it is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from regulars.doors.console.points_words import shown
from regulars.doors.console.site import fragment
from regulars.doors.console.tiers import NARROW, WIDE, Drawing, drawn
from regulars.facts.commerce import kept
from regulars.facts.events import stream
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import benefit_words, programmes, tier_flow, tier_words, trials, trying
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import reasons
from regulars.levers.loyalty.rules.grants import Reason
from regulars.levers.loyalty.tier_flow import BenefitCost, Flow
from regulars.levers.loyalty.tier_flow import Trial as TierTrial
from regulars.levers.loyalty.tiers import SetView
from regulars.levers.loyalty.trials import TrialView
from regulars.levers.loyalty.trying import Trial
from regulars.oversight.reporting import estimates, formats
from regulars.oversight.reporting.estimates import Written
from regulars.runtime.staff.policy import requires

YEAR, A_DAY = timedelta(days=365), timedelta(days=1)
#: Orders, and events of any kind, that a page waits for; more of them are tried aside.
MOST_TRIED = 20_000
MOST_EVENTS = 100_000
KINDS: Mapping[str, Any] = {
    "spend": gettext_lazy("for money spent"),
    "item": gettext_lazy("for each item"),
    "first_order": gettext_lazy("for the first order"),
    "nth_order": gettext_lazy("for the n-th order"),
    "event": gettext_lazy("for something done"),
    "streak": gettext_lazy("for coming again and again"),
    "window_bonus": gettext_lazy("more during some days"),
    "surprise": gettext_lazy("now and then, by luck"),
    "audience_bonus": gettext_lazy("more for a group"),
    "partner": gettext_lazy("paid by a partner"),
    "donation": gettext_lazy("a share for a good cause"),
    "tier_bonus": gettext_lazy("more on higher levels"),
    "birthday_bonus": gettext_lazy("more around the birthday"),
}


@dataclass(frozen=True)
class RuleShown:
    """A rule in words, `says` what the file says of it, and what a trial says."""

    id: str
    kind: str
    says: str = ""
    points: str = ""
    orders: int = 0
    points_now: str = ""
    missed: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class EventTried:
    """A rule for events in words, and what a trial says."""

    id: str
    event: str
    points: str
    found: int
    times: int
    people: int
    points_now: str
    missed: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Tried:
    """A trial as people read it; while it goes on, and where it stopped, `run` alone says how far it came."""

    trial: Trial | None
    run: TrialView | None = None
    given: str = ""
    rules: tuple[RuleShown, ...] = ()
    at: datetime | None = None
    moves: tuple["MovesShown", ...] = ()
    missions: tuple["MissionTried", ...] = ()
    #: By the version in force, for the same orders; empty where none is, or it says the same.
    given_now: str = ""
    costs: tuple["CostShown", ...] = ()
    #: Of all benefits whose cost is known, a year, at once and in the end.
    at_once: Written | None = None
    in_the_end: Written | None = None
    events: tuple[EventTried, ...] = ()


@dataclass(frozen=True)
class MissionTried:
    """What a mission would have given. `joins`: if everybody had taken part."""

    title: str
    times: int
    people: int
    points: str
    joins: bool


@dataclass(frozen=True)
class MovesShown:
    """Who would stand elsewhere in a set of tiers: so many in words, at once and after the grace."""

    title: str
    stays: int
    at_once: tuple[str, ...]
    later: tuple[str, ...]
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True)
class CostShown:
    """A benefit of a level that another number of people would have, and what that costs a year; where nobody had it
    there yet, nobody knows."""

    benefit: str
    level: str
    now: int
    then: int
    later: int
    uses: int
    is_known: bool
    each: Written
    at_once: Written
    in_the_end: Written


@require_safe
@requires("points.read")
def trial(request: HttpRequest, number: int) -> HttpResponseBase:
    """How far a trial is, or what came of it."""
    try:
        found = trials.get(number)
        said = programmes.validate(found.text)
    except Refusal:
        raise Http404 from None
    return fragment(request, "console/programme_tried.html", tried=_of(said, found))


def look(said: Programme, by: Actor, *, at_most: timedelta = timedelta(0)) -> Tried:
    """The last year's orders and events under it: at once, or one that was done in the last `at_most`, or one that was
    asked for just now and goes on aside."""
    now = timezone.now()
    is_short = kept.count(since=now - YEAR, until=now) <= MOST_TRIED
    if is_short and trying.asks_of_events(said):
        is_short = stream.count(since=now - YEAR, until=now, most=MOST_EVENTS + 1) <= MOST_EVENTS
    if is_short:
        return _shown(said, trying.simulate(said, since=now - YEAR, until=now))
    found = trials.of(said.text)
    is_good = found is not None and (
        found.is_going_on or (found.ended_at is not None and found.state == "done" and now - found.ended_at <= at_most)
    )
    if found is None or not is_good:
        found = trials.ask(text=said.text, since=now - YEAR, until=now, at=now, by=by)
    return _of(said, found)


def there_is(said: Programme | None, text: str) -> Tried | None:
    """The last trial of a file that went on aside; None where there is none."""
    found = None if said is None else trials.of(text)
    return None if said is None or found is None else _of(said, found)


def _of(said: Programme, found: TrialView) -> Tried:
    return Tried(None, found) if found.trial is None else _shown(said, found.trial, found)


def _shown(said: Programme, trial: Trial, run: TrialView | None = None) -> Tried:
    scale, kinds = said.currency.scale, {rule.id: str(KINDS[rule.kind]) for rule in said.rules}
    return Tried(
        trial,
        run,
        shown(trial.parts, scale),
        tuple(
            RuleShown(
                one.rule,
                kinds[one.rule],
                "",
                shown(one.parts, scale),
                one.orders,
                missed=_missed(one.missed),
                points_now="" if one.parts_now is None else shown(one.parts_now, scale),
            )
            for one in trial.rules
        ),
        None if run is None else run.ended_at,
        tuple(_moves(said, one) for one in trial.tiers),
        _missions(said, trial),
        "" if trial.parts_now is None else shown(trial.parts_now, scale),
        tuple(_cost(said, one) for one in trial.benefits),
        *_sums(said, trial),
        _events(said, trial),
    )


def _missed(told: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((_why_not(code), times) for code, times in Counter(told).most_common())


def _events(said: Programme, trial: Trial) -> tuple[EventTried, ...]:
    called, scale = {rule.id: reasons.event(rule.event) for rule in said.of_events}, said.currency.scale
    return tuple(
        EventTried(
            one.rule,
            called[one.rule],
            shown(one.parts, scale),
            one.found,
            one.times,
            one.people,
            "" if one.parts_now is None else shown(one.parts_now, scale),
            _missed(one.missed),
        )
        for one in trial.events
    )


def _cost(said: Programme, one: BenefitCost) -> CostShown:
    titles = {benefit.id: benefit_words.title(benefit.titles) for benefit in said.benefits}
    level = one.level.partition(".")[2]
    levels = {each.id: tier_words.in_words(each.titles) for tiers in said.tiers for each in tiers.levels}
    return CostShown(
        titles.get(one.benefit, one.benefit),
        levels.get(level, level),
        one.now,
        one.then,
        one.then_later,
        one.uses,
        one.a_year.value is not None,
        estimates.written(one.a_year, said.money),
        estimates.written(one.at_once, said.money),
        estimates.written(one.in_the_end, said.money),
    )


def _sums(said: Programme, trial: Trial) -> tuple[Written | None, Written | None]:
    """Nothing where the cost of none is known."""
    if not any(one.a_year.value is not None for one in trial.benefits):
        return None, None
    at_once = tier_flow.all_of([one.at_once for one in trial.benefits])
    in_the_end = tier_flow.all_of([one.in_the_end for one in trial.benefits])
    return estimates.written(at_once, said.money), estimates.written(in_the_end, said.money)


def _missions(said: Programme, trial: Trial) -> tuple[MissionTried, ...]:
    titles = {one.id: tier_words.in_words(one.titles) for one in said.missions}
    return tuple(
        MissionTried(titles[one.mission], one.times, one.people, shown(one.parts, said.currency.scale), one.joins)
        for one in trial.missions
    )


def _moves(said: Programme, one: TierTrial) -> MovesShown:
    titles = {level.id: tier_words.in_words(level.titles) for each in said.tiers for level in each.levels}
    sets = {each.id: tier_words.in_words(each.titles) for each in said.tiers}

    def words(flow: Flow) -> str:
        return _("%(people)s from %(before)s to %(after)s") % {
            "people": formats.number(flow.people),
            "before": titles.get(flow.before, flow.before) or _("no level"),
            "after": titles.get(flow.after, flow.after) or _("no level"),
        }

    return MovesShown(
        sets.get(one.tiers, one.tiers),
        one.stays,
        tuple(map(words, one.at_once)),
        tuple(map(words, one.later)),
        _drawings(said, one),
    )


def _drawings(said: Programme, one: TierTrial) -> tuple[Drawing, ...]:
    """Where everybody comes from and to; none where nobody moves."""
    drafted = next((each for each in said.tiers if each.id == one.tiers), None)
    if drafted is None or not (one.at_once or one.later) or not one.flows:
        return ()
    view = SetView(said.code, drafted, said.money, said.zone, said.currency.scale, said.currency.titles)
    return tuple(drawn(view, one.flows, wide) for wide in (WIDE, NARROW))


#: Reasons why not name amounts of one order each; of many together the kind of reason is told.
_WHY_NOT: Mapping[str, Any] = {
    "spend_for_points": gettext_lazy("a little more money would have given some"),
    "spend_more": gettext_lazy("below what it begins at"),
    "no_rate": gettext_lazy("nobody knows what the currency was worth"),
    "not_begun": gettext_lazy("before its time"),
    "is_over": gettext_lazy("after its time"),
    "not_first": gettext_lazy("not the first order"),
    "not_nth_yet": gettext_lazy("not yet that many orders"),
    "past_nth": gettext_lazy("past that number of orders"),
    "nth_given": gettext_lazy("given for these orders already"),
    "streak_day": gettext_lazy("not yet so many days in a row"),
    "streak_week": gettext_lazy("not yet so many weeks in a row"),
    "streak_month": gettext_lazy("not yet so many months in a row"),
    "no_luck": gettext_lazy("no luck"),
}


def _why_not(code: str) -> str:
    return str(_WHY_NOT[code]) if code in _WHY_NOT else reasons.said(Reason(code, {}))
