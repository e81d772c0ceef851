"""What a member agreed to and refused, how they want to be talked to, and whether we may send them something."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import actors, people, told_of
from regulars.doors.console.site import may, me, page
from regulars.facts.company import brands, company
from regulars.facts.customers import consent, consent_texts, consent_words, customers, preferences, profiles, topics
from regulars.facts.customers.consent import Line, Standing, Verdict
from regulars.facts.customers.consenting import Decision, State
from regulars.facts.customers.customers import Customer
from regulars.facts.customers.purposes import ANY, MESSAGES, USES, Channel, Place, Purpose, Reason
from regulars.facts.customers.wishing import TOPIC, BadWish, Wishes
from regulars.kit import civil, languages
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

_TONES = {Decision.GRANTED: "good", Decision.WITHDRAWN: "bad", Decision.UNKNOWN: ""}


@dataclass(frozen=True)
class Told:
    """One purpose by one channel, in words: what holds, since when, where and how it was answered."""

    purpose: str
    channel: str
    purpose_words: str
    channel_words: str
    tone: str
    state: str
    since: datetime | None
    where: str
    text: str
    by: str


def card(standing: Standing, now: datetime) -> dict[str, Any]:
    """What the member's page shows of it: purposes with their channels, and what is paused."""
    return {
        "purposes": [
            (
                consent_words.PURPOSES[purpose],
                [_chip(standing, purpose, channel, now) for channel in Channel],
            )
            for purpose in MESSAGES
        ],
        "uses": [_use(standing, purpose, now) for purpose in USES],
        "wishes": _wishes_told(standing.known.wishes, now),
    }


@require_safe
@requires("members.read")
def consents(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Each purpose and channel with what it rests on, every answer, the wishes, and an answer to "may we?"."""
    who, now = _found(public_id), timezone.now()
    standing = consent.standing(customer=who.id, at=now)
    named = {brand.id: brand.name for brand in brands.every()}
    texts = consent_texts.of_many(line.text for line in standing.lines if line.text is not None)
    by = actors.told({line.by for line in standing.lines})
    told = [_told(standing, purpose, channel, now, texts, by) for purpose in MESSAGES for channel in Channel]
    told += [_told(standing, purpose, None, now, texts, by) for purpose in USES]
    masked = profiles.masked([who.id])[who.id]
    wishes, listed = standing.known.wishes, topics.every()
    return page(
        request,
        "console/consents.html",
        title=_("Consent"),
        who=who,
        told_of=public_id,
        told_of_name=told_of.name(public_id, standing.records),
        records=len(standing.records),
        name=masked.name or people.nameless(who.public_id),
        told=told,
        history=[_line(line, named, texts, by) for line in standing.lines],
        verdict=_asked(request, standing, now),
        asked=request.GET,
        wishes=wishes,
        quiet=wishes.quiet[0] if wishes.quiet else None,
        paused_on=wishes.paused_until and civil.day_of(wishes.paused_until, standing.known.zone),
        topics=[(topic, wishes.topics.get(topic.code, True)) for topic in listed],
        shown=json.dumps(_held(wishes, [topic.code for topic in listed], standing.known.zone)),
        wishes_told=_wishes_told(wishes, now),
        brands=sorted(named.items(), key=lambda pair: pair[1]),
        texts=consent_texts.every(),
        message_purposes=[(purpose, consent_words.PURPOSES[purpose]) for purpose in MESSAGES],
        purposes=list(consent_words.PURPOSES.items()),
        channels=[(channel, consent_words.CHANNELS[channel]) for channel in Channel],
        any_channel=(ANY, consent_words.CHANNELS[ANY]),
        reasons=list(consent_words.REASONS.items()),
        languages=_languages(wishes.language),
        zone=company.shop().zone,
        may_edit=may(request, "members.edit"),
        key=uuid.uuid4().hex,
    )


@require_POST
@requires("members.edit")
def answer(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Writes down what the member said, with the reason and who wrote it."""
    record, sent = told_of.number(public_id), request.POST
    is_yes = sent.get("answer") == "yes"
    if sent.get("answer") not in ("yes", "no"):
        messages.error(request, _("That was not understood. Choose from the lists and try again."))
        return _back(public_id)
    if not sent.get("reason"):
        messages.error(request, _("Say why you write it down first."))
        return _back(public_id)
    told: dict[str, Any] = {
        "customer": record,
        "purpose": sent.get("purpose", ""),
        "channel": sent.get("channel", ""),
        "place": Place.STORE if sent["reason"] == Reason.ASKED_IN_STORE else Place.STAFF,
        "reason": sent["reason"],
        "brand": _number(sent.get("brand")),
        "text": _number(sent.get("text")),
        "proof": sent.get("proof", "").strip(),
        "source": "console",
        "key": f"console:{sent.get('key', '')[:60] or uuid.uuid4().hex}",
        "at": timezone.now(),
        "by": operators.actor(me(request)),
    }
    try:
        if told["brand"] is not None and told["brand"] not in {brand.id for brand in brands.every()}:
            raise Http404
        if told["text"] is not None and not consent_texts.of_many([told["text"]]):
            raise Http404
        if is_yes:
            consent.give(**told, is_by_guardian=bool(sent.get("by_guardian")))
        else:
            consent.withdraw(**told, of_person=True)
    except Refusal as refusal:
        messages.error(request, _refused(refusal))
        return _back(public_id)
    messages.success(
        request, _("Written down: yes. It counts from now on.") if is_yes else _("Written down: no. It counts at once.")
    )
    return _back(public_id)


@require_POST
@requires("members.edit")
def prefer(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Writes down those wishes of the form that differ from what it showed; what the member said meanwhile stays."""
    who, now = _found(public_id), timezone.now()
    known = consent.standing(customer=who.id, at=now).known
    codes = [topic.code for topic in topics.every()]
    shown, held = _shown(request), _held(known.wishes, codes, known.zone)
    try:
        wanted = _wanted(request, codes, known.zone)
    except Refusal as refusal:
        messages.error(request, _refused(refusal))
        return _back(public_id)
    if shown is None:
        messages.error(request, _("They said otherwise meanwhile; look again."))
        return _back(public_id)
    meant = {name for name, value in wanted.items() if name in shown and value != shown[name]}
    changes = {name: wanted[name] for name in wanted if name in meant and wanted[name] != held[name]}
    if any(held[name] != shown[name] for name in changes):
        messages.error(request, _("They said otherwise meanwhile; look again."))
        return _back(public_id)
    try:
        if changes:
            preferences.change(
                customer=told_of.number(public_id),
                wishes=changes,
                place=Place.STAFF,
                key=f"console:{request.POST.get('key', '')[:60] or uuid.uuid4().hex}",
                at=now,
                by=operators.actor(me(request)),
                source="console",
                of_person=True,
            )
    except Refusal as refusal:
        messages.error(request, _refused(refusal))
        return _back(public_id)
    messages.success(request, _("Kept. It counts from now on.") if changes else _("Nothing changed."))
    return _back(public_id)


def _shown(request: HttpRequest) -> dict[str, object] | None:
    """What the form showed when it was opened; None where it does not say."""
    try:
        shown = json.loads(request.POST.get("shown", ""))
    except (ValueError, RecursionError):
        return None
    return shown if isinstance(shown, dict) else None


def _wanted(request: HttpRequest, codes: list[str], zone: ZoneInfo) -> dict[str, object]:
    sent = request.POST
    start, end = sent.get("quiet_from", ""), sent.get("quiet_to", "")
    most = sent.get("most_per_week", "").strip()
    ticked = set(sent.getlist("topics"))
    wanted: dict[str, object] = {
        "quiet": f"{start}-{end}" if start or end else None,
        "most_per_week": (_number(most) or 0) if most else None,
        "paused_until": _pause(sent.get("paused_until", "").strip(), zone),
        "is_personalised": None if sent.get("is_personalised") else False,
        "language": sent.get("language") or None,
        "channel": sent.get("channel") or None,
    }
    return wanted | {f"{TOPIC}{code}": code in ticked for code in codes}


def _languages(held: str | None) -> list[tuple[str, str]]:
    """Those to choose from; one that is held and not among them stays, else keeping the form would take it back."""
    known: dict[str, str] = {str(code): str(name) for code, name in languages.NAMES.items()}
    return list((known if not held or held in known else known | {held: formats.language(held)}).items())


def _pause(text: str, zone: ZoneInfo) -> str | None:
    """The first instant of the day that was typed; None takes a pause back, what is no day is refused."""
    try:
        day = parse_date(text) if text else None
        if text and day is None:
            raise ValueError
        return civil.start_of_day(day, zone).isoformat() if day else None
    except (ValueError, OverflowError):
        raise BadWish(
            _("paused_until: %(value)r is no day; write it like 2026-03-05") % {"value": text[:40]},
            field="paused_until",
            value=text[:40],
        ) from None


def _held(wishes: Wishes, codes: list[str], zone: ZoneInfo) -> dict[str, object]:
    """What holds, in the form in which it comes back where nobody touches it."""
    until = wishes.paused_until
    held: dict[str, object] = {
        "quiet": str(wishes.quiet[0]) if wishes.quiet else None,
        "most_per_week": wishes.most_per_week,
        "paused_until": civil.start_of_day(civil.day_of(until, zone), zone).isoformat() if until else None,
        "is_personalised": None if wishes.is_personalised else False,
        "language": wishes.language,
        "channel": wishes.channel,
    }
    return held | {f"{TOPIC}{code}": wishes.topics.get(code, True) for code in codes}


def _asked(request: HttpRequest, standing: Standing, now: datetime) -> dict[str, Any] | None:
    """May we send …? Now, or at the hour the reader names today."""
    purpose, channel = request.GET.get("purpose", ""), request.GET.get("channel", "")
    if purpose not in set(MESSAGES) or channel not in set(Channel):
        return None
    brand, topic = _number(request.GET.get("brand")), request.GET.get("topic") or None
    at = _at(request.GET.get("at", ""), now, standing)
    verdict = standing.may(purpose, channel, at, brand, topic)
    line = standing.line(verdict.consent)
    return {
        "tone": "good" if verdict else "care" if verdict.until else "bad",
        "words": _words(verdict),
        "line": line,
        "where": consent_words.PLACES[Place(line.place)] if line else "",
        "until": verdict.until,
    }


def _at(text: str, now: datetime, standing: Standing) -> datetime:
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        return now
    zone = standing.known.zone
    return civil.instant_of(civil.day_of(now, zone), clock, zone)


def _words(verdict: Verdict) -> str:
    return consent_words.why(verdict.code)


def _chip(standing: Standing, purpose: Purpose, channel: Channel, now: datetime) -> dict[str, Any]:
    verdict = standing.may(purpose, channel, now)
    tone = "good" if verdict else "care" if verdict.until else ""
    if verdict.code == "consent.withdrawn":
        tone = "bad"
    return {"name": consent_words.CHANNELS[channel], "tone": tone, "why": _words(verdict)}


def _use(standing: Standing, purpose: Purpose, now: datetime) -> dict[str, Any]:
    verdict = standing.may(purpose, None, now)
    return {"name": consent_words.PURPOSES[purpose], "is_allowed": bool(verdict), "why": _words(verdict)}


def _wishes_told(wishes: Wishes, now: datetime) -> list[tuple[str, str]]:
    """The wishes that hold, by their name."""
    told = []
    if wishes.paused_until and wishes.paused_until > now:
        until = formats.instant(wishes.paused_until, company.shop().zone)
        told.append((_("Pause"), _("until %(until)s") % {"until": until}))
    if wishes.most_per_week:
        told.append((_("At most a week"), formats.number(wishes.most_per_week)))
    if wishes.quiet:
        told.append((_("Quiet hours"), ", ".join(str(quiet) for quiet in wishes.quiet)))
    if not wishes.is_personalised:
        told.append((_("Personalisation"), _("wants none")))
    if wishes.language:
        told.append((_("Language"), formats.language(wishes.language)))
    if wishes.channel:
        told.append((_("Favourite channel"), str(consent_words.CHANNELS[Channel(wishes.channel)])))
    return told


def _told(
    standing: Standing,
    purpose: Purpose,
    channel: Channel | None,
    now: datetime,
    texts: dict[int, consent_texts.Text],
    by: dict[str, str],
) -> Told:
    state = standing.state(purpose, channel, now)
    line = standing.line(state.entry.number) if state.entry else None
    return Told(
        purpose=purpose,
        channel=channel or ANY,
        purpose_words=str(consent_words.PURPOSES[purpose]),
        channel_words=str(consent_words.CHANNELS[channel]) if channel else "",
        tone=_TONES[state.decision],
        state=_state_words(state, standing, purpose, channel, now),
        since=line.at if line else None,
        where=str(consent_words.PLACES[Place(line.place)]) if line else "",
        text=_text_words(line, texts) if line else "",
        by=by[line.by] if line else "",
    )


def _state_words(state: State, standing: Standing, purpose: Purpose, channel: Channel | None, now: datetime) -> str:
    if state.decision is Decision.GRANTED:
        return _("agreed")
    if state.decision is Decision.WITHDRAWN:
        return _("refused")
    code = standing.may(purpose, channel, now).code
    if code == "consent.needs_guardian":
        return _("a guardian has to agree")
    return _("never asked") if code == "consent.not_asked" else _("not objected")


def _line(
    line: Line, named: dict[int, str], texts: dict[int, consent_texts.Text], by: dict[str, str]
) -> dict[str, Any]:
    return {
        "number": line.number,
        "at": line.at,
        "is_granted": line.is_granted,
        "purpose": consent_words.PURPOSES[line.purpose],
        "channel": consent_words.CHANNELS[line.channel],
        "brand": named.get(line.brand or 0, ""),
        "where": consent_words.PLACES[Place(line.place)],
        "why": consent_words.REASONS[Reason(line.reason)] if line.reason else "",
        "text": _text_words(line, texts),
        "words": texts[line.text].words if line.text in texts else "",
        "proof": line.proof,
        "by": by[line.by],
        "is_by_guardian": line.is_by_guardian,
    }


def _text_words(line: Line, texts: dict[int, consent_texts.Text]) -> str:
    text = texts.get(line.text) if line.text is not None else None
    return _("%(code)s, version %(version)s") % {"code": text.code, "version": text.version} if text else ""


def _refused(refusal: Refusal) -> str:
    """In the reader's language where it is a mistake people make."""
    field = str(refusal.facts.get("field", ""))
    words = {
        "proof": _("What shows it: name a form, a receipt or a recording; leave out addresses and telephone numbers."),
        "quiet": _("Quiet hours: give both hours, and let them differ."),
        "most_per_week": _("At most a week: give a number from 1 to 100."),
        "paused_until": _("Pause until: give a day of the calendar, or none."),
        "language": _("Language: write it like en or zh-Hans."),
        "key": _("This was written down already."),
    }
    return words.get(field) or _("That was not understood. Choose from the lists and try again.")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _found(public_id: str) -> Customer:
    try:
        return customers.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def _back(public_id: str) -> HttpResponseBase:
    return redirect("console:member-consents", public_id=public_id)
