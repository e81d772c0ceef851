"""Today: what needs attention, money first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import (
    backups,
    came_in,
    connections,
    exports,
    people,
    setting_aside,
    tracking_plan,
    webhooks,
)
from regulars.doors.console.insight import share
from regulars.doors.console.site import may, me, page
from regulars.doors.console.sources import health as how_they_do
from regulars.facts.commerce import doubles
from regulars.facts.customers import reviews
from regulars.facts.events import following, orders
from regulars.facts.sources import sources
from regulars.insight.measures import readings
from regulars.insight.measures.readings import CustomerReading
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import adjustments, order_spends, rewards
from regulars.runtime.jobs import jobs
from regulars.runtime.notices import dead_letters
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

LAPSING_SHOWN = 10
RUNS_SHOWN = 5
LETTERS_SHOWN = 10


@dataclass(frozen=True)
class Leaving:
    """A regular who is slipping away."""

    person: people.Shown
    reading: CustomerReading


@require_safe
@requires("today.read")
def today(request: HttpRequest) -> HttpResponseBase:
    """Each part is shown to those who may see it; a pinned number of queries."""
    overview, regulars = readings.overview(), readings.regulars_at_stake()
    context: dict[str, Any] = {}
    if overview and regulars:
        leaving = readings.lapsing(LAPSING_SHOWN)
        named = {person.id: person for person in people.shown([reading.customer_id for reading in leaving])}
        context |= {
            "as_of": overview.as_of,
            "computed_at": overview.computed_at,
            "money_in": overview.currency,
            "leaving": [Leaving(named[one.customer_id], one) for one in leaving if one.customer_id in named],
            "lapsing": share(regulars.value["lapsing"]),
            "regulars": share(regulars.value["regulars"]),
            "at_stake_minor": regulars.value["at_stake_minor"],
        }
    if may(request, "imports.read"):
        context["runs"] = came_in.recent(RUNS_SHOWN)
    if may(request, "identity.read"):
        context["identity_open"] = reviews.count_open()
    if may(request, "orders.write"):
        context["doubles_open"] = doubles.count_waiting()
    if may(request, "points.manage"):
        context["points_asked"] = adjustments.count_waiting()
        context["spends_wrong"] = order_spends.count_wrong()
        context["rewards_low"] = rewards.running_low()
    if may(request, "sources.read"):
        senders = sources.every()
        health, alarms = how_they_do(senders, timezone.now()), tracking_plan.going_on(senders)
        untold_of = orders.open_each()
        alarmed = {alarm.source.id for alarm in alarms}
        context |= {
            "alarms": alarms,
            "silent": [one for one in health if one.state == "silent" and one.source.id not in alarmed],
            "sending": sum(one.state == "sends" for one in health),
            "orders_open": [(one, untold_of[one.id]) for one in senders if one.id in untold_of],
            "held_back": sum(one.waiting for one in health),
        }
    if may(request, "operations.read"):
        context |= {
            "failed_jobs": jobs.failed(limit=LETTERS_SHOWN),
            "dead": dead_letters.dead(limit=LETTERS_SHOWN),
            "waiting": dead_letters.waiting(limit=LETTERS_SHOWN),
            "parked": following.parked_count(),
            "backup": backups.of_today(),
            "may_mend": may(request, "operations.mend"),
            "reasons": setting_aside.REASONS.items(),
        }
    context["outside"] = _outside(request)
    return page(request, "console/today.html", title=_("Today"), has_readings=bool(overview), **context)


def _outside(request: HttpRequest) -> dict[str, Sequence[Any]]:
    """Shops, webhooks and exports that somebody should look at; empty where all is well. Eight queries at most."""
    found: dict[str, Sequence[Any]] = {}
    if may(request, "sources.read"):
        found["shops"] = [one for one in connections.health() if one.wants_somebody]
    if may(request, "webhooks.read"):
        found["webhooks"] = [
            one
            for one in webhooks.health()
            if one.endpoint.state == "off"
            or (one.endpoint.state == "on" and (one.endpoint.failing_since or one.is_late))
        ]
    if may(request, "exports.read"):
        found["exports"] = [
            one for one in exports.health() if one.export.state == "on" and one.run and one.run.state == "failed"
        ]
    return {name: some for name, some in found.items() if some}


@require_POST
@requires("operations.mend")
def replay(request: HttpRequest, letter: int) -> HttpResponseBase:
    """A notice nobody could take is tried again."""
    try:
        dead_letters.replay(letter=letter, at=timezone.now(), by=operators.actor(me(request)))
        messages.success(request, _("It is being tried again."))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("console:index")


@require_POST
@requires("operations.mend")
def retry(request: HttpRequest, job: int) -> HttpResponseBase:
    """A job that failed is run again."""
    try:
        jobs.retry(job=job, at=timezone.now(), by=operators.actor(me(request)))
        messages.success(request, _("It is being tried again."))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("console:index")


@require_POST
@requires("operations.mend")
def set_aside(request: HttpRequest, job: int) -> HttpResponseBase:
    """A failed job that nobody wants any more leaves the list."""
    return _aside(request, lambda why, by: jobs.set_aside(job=job, at=timezone.now(), by=by, why=why))


@require_POST
@requires("operations.mend")
def discard(request: HttpRequest, letter: int) -> HttpResponseBase:
    """A notice its listener gave up on leaves the list."""
    return _aside(request, lambda why, by: dead_letters.discard(letter=letter, at=timezone.now(), by=by, why=why))


def _aside(request: HttpRequest, act: Callable[[str, Actor], None]) -> HttpResponseBase:
    why = setting_aside.chosen(request.POST.get("why", ""))
    if why is None:
        messages.error(request, _("Say why first."))
        return redirect("console:index")
    try:
        act(why, operators.actor(me(request)))
        messages.success(request, _("It is set aside."))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("console:index")
