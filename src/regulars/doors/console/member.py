"""One member: who it is (masked), what they did, bought and brought back, and what was concluded, with its sums."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import actors, consents, people, places
from regulars.doors.console.site import fragment, may, me, page, shop_of
from regulars.doors.console.words import measure_words, segment_words
from regulars.facts.customers import consent_words, customers, profiles, sheets
from regulars.facts.customers.customers import Customer
from regulars.facts.customers.profiles import PURPOSE_LABELS, Purpose
from regulars.facts.customers.purposes import Reason
from regulars.facts.customers.sheets import Sheet
from regulars.facts.events import events
from regulars.facts.events.events import Summary
from regulars.facts.sources import sources
from regulars.facts.sources.sources import Source
from regulars.insight.measures import readings
from regulars.insight.measures.library.lapsing import PATIENCE
from regulars.insight.measures.library.regular import REGULAR_DAYS
from regulars.insight.measures.readings import CustomerReading
from regulars.kit.paging import BadCursor
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.oversight.timeline import phrases, timeline
from regulars.oversight.timeline.timeline import Moment
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires
from regulars.runtime.trail import trail

SIZE = 20
LINES_SHOWN = 30
LOOKS_SHOWN = 8
DOINGS_SHOWN = 6
PRODUCTS_SHOWN = 5
#: What is sealed and may be revealed, in the order it is read.
FIELD_NAMES = {
    "display_name": gettext_lazy("Name"),
    "given_name": gettext_lazy("Given name"),
    "family_name": gettext_lazy("Family name"),
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Phone"),
    "birthday": gettext_lazy("Birthday"),
    "lunar_birthday": gettext_lazy("Lunar birthday"),
    "address": gettext_lazy("Address"),
    "note": gettext_lazy("Note"),
}
#: How the trail's verbs about a member are told.
ACTS = {
    "customers.reveal": gettext_lazy("looked at the contacts"),
    "customers.describe": gettext_lazy("wrote down the profile"),
    "loyalty.adjustments.propose": gettext_lazy("asked to change the points by hand"),
    "loyalty.adjustments.approved": gettext_lazy("approved a change of the points"),
    "loyalty.adjustments.turned_down": gettext_lazy("turned a change of the points down"),
    "loyalty.adjustments.withdrawn": gettext_lazy("took a wish to change the points back"),
    "loyalty.inheriting.pass_on": gettext_lazy("passed points on to an heir"),
    "loyalty.inheriting.pass_back": gettext_lazy("took points back from an heir"),
    "loyalty.freezing.freeze": gettext_lazy("froze the points"),
    "loyalty.freezing.thaw": gettext_lazy("let the points go on"),
    "loyalty.tiers.requalify": gettext_lazy("settled the status"),
    "loyalty.tiers.freeze": gettext_lazy("froze the status"),
    "loyalty.tiers.thaw": gettext_lazy("let the status fall again"),
    "loyalty.benefits.use": gettext_lazy("used a benefit"),
    "loyalty.benefits.give_back": gettext_lazy("gave the use of a benefit back"),
    "loyalty.benefits.give": gettext_lazy("gave a benefit"),
    "loyalty.benefits.withdraw": gettext_lazy("ended a benefit that was given"),
    "loyalty.missions.settle": gettext_lazy("settled the missions"),
    "loyalty.missions.join": gettext_lazy("joined a mission for them"),
    "loyalty.missions.leave": gettext_lazy("took them out of a mission"),
    "loyalty.memberships.joined": gettext_lazy("joined a paid plan"),
    "loyalty.memberships.began": gettext_lazy("a paid period began"),
    "loyalty.memberships.renewed": gettext_lazy("a paid period began"),
    "loyalty.memberships.reminded": gettext_lazy("was reminded of a payment"),
    "loyalty.memberships.due": gettext_lazy("money was asked for"),
    "loyalty.memberships.paid": gettext_lazy("a membership was paid"),
    "loyalty.memberships.failed": gettext_lazy("a payment failed"),
    "loyalty.memberships.refunded": gettext_lazy("money of a membership goes back"),
    "loyalty.memberships.paused": gettext_lazy("let the membership rest"),
    "loyalty.memberships.resumed": gettext_lazy("let the membership go on"),
    "loyalty.memberships.cancelled": gettext_lazy("cancelled the membership"),
    "loyalty.memberships.kept": gettext_lazy("kept the membership"),
    "loyalty.memberships.switch_asked": gettext_lazy("chose another plan"),
    "loyalty.memberships.switch_lapsed": gettext_lazy("the other plan was not paid in time"),
    "loyalty.memberships.switched": gettext_lazy("the membership became another"),
    "loyalty.memberships.ended": gettext_lazy("the membership ended"),
    "customers.sign_in_links.issue": gettext_lazy("made a link to the member's card"),
    "consent.give": gettext_lazy("wrote down a consent"),
    "consent.withdraw": gettext_lazy("wrote down a refusal"),
    "preferences.change": gettext_lazy("wrote down how they want to be talked to"),
    "customers.identity.settle": gettext_lazy("joined or parted records"),
    "customers.identity.observe": gettext_lazy("told evidence of who it is"),
    "customers.identity.revoke": gettext_lazy("took evidence back"),
    "customers.identity.join": gettext_lazy("decided that two are one person"),
    "customers.identity.apart": gettext_lazy("decided that two are two people"),
    "customers.identity.open": gettext_lazy("took a decision back"),
    "customers.describe_each": gettext_lazy("wrote down the profile"),
    "tags.tell_many": gettext_lazy("changed the tags"),
    "commerce.orders.record": gettext_lazy("recorded an order"),
    "commerce.orders.cancel": gettext_lazy("cancelled an order"),
    "commerce.goods_returns.record": gettext_lazy("recorded a return"),
}


@dataclass(frozen=True)
class Told:
    """A reading as a person reads it: its name, its value, and what it means."""

    name: str
    value: str
    meaning: str


@require_safe
@requires("members.read")
def member(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A pinned number of queries: see the tests."""
    if request.headers.get("HX-Target") == "older":
        who = _found(public_id)
        _before, moments = _moments(request, who.id, sources.every())
        return fragment(request, "console/member_moments.html", **moments)
    sheet = _sheet(request, public_id)
    if sheet.person.public_id != public_id:
        return redirect("console:member", public_id=sheet.person.public_id)  # a joined record: ids are for ever
    return _page(request, sheet)


@require_POST
@requires("contacts.reveal")
def reveal(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Shows what is sealed, on this answer only, and writes down who looked and why."""
    who = _found(public_id)
    try:
        purpose = Purpose(request.POST.get("purpose", ""))
    except ValueError:
        messages.error(request, _("Say what you need it for first."))
        return redirect("console:member", public_id=who.public_id)
    opened = profiles.reveal(
        customer=who.id, fields=FIELD_NAMES, purpose=purpose, at=timezone.now(), by=operators.actor(me(request))
    )
    shown = [(FIELD_NAMES[field], value) for field, value in opened.items() if value]
    return _page(request, _sheet(request, who.public_id), opened=shown, purpose=PURPOSE_LABELS[purpose])


def _moments(request: HttpRequest, customer: int, known: Sequence[Source]) -> tuple[str | None, dict[str, Any]]:
    """The timeline's part of the page, each document with the name of its place; and before what it was asked for."""
    zone, cursor = shop_of(request).zone, request.GET.get("before") or None
    try:
        found = timeline.of(customer, cursor, size=SIZE, zone=zone, known=known)
    except BadCursor:
        cursor, found = None, timeline.of(customer, size=SIZE, zone=zone, known=known)
    words = places.told(moment.place for moment in found.items if isinstance(moment, Moment))
    return cursor, {
        "moments": [
            (moment, words[moment.place] if isinstance(moment, Moment) else ", ".join(moment.sources))
            for moment in found.items
        ],
        "older": f"?before={found.next}#timeline" if found.next else "",
        "lines_shown": LINES_SHOWN,
        "zone": zone,
    }


def _found(public_id: str) -> Customer:
    try:
        return customers.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def _sheet(request: HttpRequest, public_id: str) -> Sheet:
    try:
        return sheets.by_public_id(public_id, at=timezone.now(), shop=shop_of(request))
    except Refusal:
        raise Http404 from None


def _page(request: HttpRequest, sheet: Sheet, **context: Any) -> HttpResponseBase:
    who, refs = sheet.person, sheet.refs
    known = sources.every()
    cursor, moments = _moments(request, who.id, known)
    reading = readings.of(who.id)
    return page(
        request,
        "console/member.html",
        may_audiences=may(request, "insight.read"),
        may_points=may(request, "points.read"),
        title=sheet.masked.name or (refs[0][1] if refs else people.nameless(who.public_id)),
        who=who,
        masked=sheet.masked,
        refs=refs,
        reading=reading,
        as_of=reading.as_of if reading else None,
        told=_told(reading) if reading else [],
        group=segment_words(reading.segment) if reading and reading.segment else None,
        why_group=_why_group(reading) if reading and reading.segment else "",
        state=_state(reading) if reading else None,
        standing={"records": len(sheet.records), "asked": sheet.questions} if may(request, "identity.read") else None,
        may_reveal=may(request, "contacts.reveal"),
        may_see_orders=may(request, "orders.read"),
        purposes=[(purpose.value, words) for purpose, words in PURPOSE_LABELS.items()],
        doings=_doings(events.summary(who.id), known),
        consent=consents.card(sheet.consent, timezone.now()),
        looks=_looks(who.id) if may(request, "trail.read") else None,
        first=f"/console/members/{who.public_id}/#timeline" if cursor else "",
        **moments,
        **context,
    )


def _doings(found: Summary | None, known: Sequence[Source]) -> dict[str, Any] | None:
    """When they were here last, what they do most, and the products they looked at and bought."""
    if found is None:
        return None
    named = {source.id: source.name for source in known}
    most = [
        (phrases.told(name, ""), formats.number(count))
        for name, count in found.counts.items()
        if not name.startswith(":") or name in (phrases.PAGE, phrases.SCREEN)
    ]
    return {
        "last_seen_at": found.last_seen_at,
        "last_source": named.get(found.last_source, ""),
        "most": most[:DOINGS_SHOWN],
        "viewed": found.viewed[:PRODUCTS_SHOWN],
        "bought": found.bought[:PRODUCTS_SHOWN],
    }


def _told(reading: CustomerReading) -> list[Told]:
    def days(count: float) -> str:
        return ngettext("%(days)s day", "%(days)s days", round(count)) % {"days": formats.number(round(count))}

    values = {
        "spend_minor": formats.money(reading.spend_minor, reading.currency),
        "orders": formats.number(reading.orders),
        "average_order_minor": _money(reading.average_order_minor, reading.currency),
        "returned_minor": formats.money(reading.returned_minor, reading.currency) if reading.returned_minor else "",
        "first_on": formats.day(reading.first_on) if reading.first_on else "",
        "last_on": formats.day(reading.last_on) if reading.last_on else "",
        "typical_gap_days": "" if reading.typical_gap_days is None else days(reading.typical_gap_days),
        "at_stake_minor": formats.money(reading.at_stake_minor, reading.currency) if reading.is_lapsing else "",
    }
    found = []
    for name, value in values.items():
        if value:
            words = measure_words(name)
            found.append(Told(words.name, value, words.meaning))
    return found


def _money(minor: int | None, currency: str) -> str:
    return "" if minor is None else formats.money(minor, currency)


def _why_group(reading: CustomerReading) -> str:
    scores = {"r": reading.r, "f": reading.f, "m": reading.m}
    if reading.is_lapsing:
        told = _("Slipping away, which decides; by scores: recency %(r)s of 5, frequency %(f)s of 5, money %(m)s of 5.")
        return told % scores
    return _("Recency %(r)s of 5, frequency %(f)s of 5, money %(m)s of 5, compared with all customers.") % scores


def _state(reading: CustomerReading) -> Mapping[str, str]:
    """Whether a regular is slipping away, and the sum that says so."""
    if not reading.orders:
        return {"tone": "", "name": _("has not bought yet"), "why": ""}
    if not reading.is_regular:
        why = ngettext(
            "Bought on %(days)s day; a regular on %(needed)s.",
            "Bought on %(days)s days; a regular on %(needed)s.",
            reading.purchase_days,
        ) % {"days": formats.number(reading.purchase_days), "needed": REGULAR_DAYS}
        return {"tone": "", "name": _("not a regular yet"), "why": why}
    gap = reading.typical_gap_days or 0.0
    sums = {
        "away": formats.number(reading.recency_days or 0),
        "patience": PATIENCE,
        "gap": formats.number(gap, 1),
        "limit": formats.number(PATIENCE * gap, 1),
    }
    if reading.is_lapsing:
        return {
            "tone": "care",
            "name": _("slipping away"),
            "why": _("Away for %(away)s days, more than %(patience)s × %(gap)s = %(limit)s days.") % sums,
        }
    return {
        "tone": "good",
        "name": _("regular"),
        "why": _("Days since the last purchase: %(away)s, within %(patience)s × %(gap)s = %(limit)s.") % sums,
    }


def _looks(customer: int) -> list[dict[str, Any]]:
    """Who looked at this member or changed something, newest first."""
    lines = trail.of(f"customer:{customer}", limit=LOOKS_SHOWN)
    names = actors.told(entry.by for entry in lines)
    return [
        {
            "at": entry.at,
            "by": names[entry.by],
            "act": ACTS.get(entry.verb) or _("changed something"),
            "why": _purpose(entry.why),
        }
        for entry in lines
    ]


def _purpose(why: str) -> str:
    if why in set(Reason):
        return str(consent_words.REASONS[Reason(why)])
    return str(PURPOSE_LABELS[Purpose(why)]) if why in set(Purpose) else why
