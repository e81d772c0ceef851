"""Member → Profile: every value with its source and why it is shown, mended by staff; tags with undo; the household."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import actors, people, refused, told_of
from regulars.doors.console.site import fragment, may, me, page
from regulars.facts.company import company, stores
from regulars.facts.customers import consent_words, customers, explaining, households, persons, profiles, tags, traits
from regulars.facts.customers.customers import Customer
from regulars.facts.customers.explaining import Explanation
from regulars.facts.customers.households import ROLE_LABELS, Household, Role
from regulars.facts.customers.profiles import PURPOSE_LABELS, Profile, Purpose
from regulars.facts.customers.purposes import Channel
from regulars.facts.customers.survivorship import Because, Standing
from regulars.facts.customers.traits import Kind, Trait
from regulars.kit import ids
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

STEPS_SHOWN = 6
FIELD_NAMES: Mapping[str, Promise] = {
    "display_name": gettext_lazy("Name"),
    "given_name": gettext_lazy("Given name"),
    "family_name": gettext_lazy("Family name"),
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Phone"),
    "birthday": gettext_lazy("Birthday"),
    "lunar_birthday": gettext_lazy("Lunar birthday"),
    "address": gettext_lazy("Address"),
    "note": gettext_lazy("Note"),
    "country": gettext_lazy("Country"),
    "language": gettext_lazy("Language"),
    "preferred_store": gettext_lazy("Preferred store"),
    "preferred_channel": gettext_lazy("Preferred channel"),
    "is_employee": gettext_lazy("Works here"),
    "cared_by": gettext_lazy("Looked after by"),
    "interests": gettext_lazy("Interests"),
    "values": gettext_lazy("Values"),
}
#: Nobody types these: a word that is none of a list would stand there for ever.
CHOSEN = ("preferred_store", "preferred_channel", "cared_by", "is_employee")
HINTS: Mapping[str, Promise] = {
    "birthday": gettext_lazy("Like 1990-12-31, or --12-31 without the year."),
    "lunar_birthday": gettext_lazy("Like 1990-08-15, a leap month like 1990-L06-15, or --08-15."),
    "country": gettext_lazy("Two letters, such as CN or GB."),
    "interests": gettext_lazy("With commas between them."),
    "values": gettext_lazy("With commas between them."),
}
BECAUSE: Mapping[Because, Promise] = {
    Because.ONLY: gettext_lazy("the only one who said something"),
    Because.AGREED: gettext_lazy("all say the same"),
    Because.NEWEST: gettext_lazy("said last"),
    Because.SUREST: gettext_lazy("the surer source"),
    Because.WITHDRAWN: gettext_lazy("taken back"),
    Because.NOTHING: gettext_lazy("nothing was said"),
}
STANDINGS: Mapping[Standing, Promise] = {
    Standing.SHOWN: pgettext_lazy("a value", "shown"),
    Standing.OLDER: pgettext_lazy("a value", "older"),
    Standing.OUTRANKED: pgettext_lazy("a value", "a less sure source"),
    Standing.WITHDRAWN: pgettext_lazy("a value", "taken back later"),
    Standing.NOTHING: pgettext_lazy("a value", "took it back"),
}
SOURCES: Mapping[str, Promise] = {
    "staff": gettext_lazy("Staff"),
    "member": gettext_lazy("The member"),
    "api": gettext_lazy("A program"),
    "import": gettext_lazy("A file"),
    "orders": gettext_lazy("The order system"),
    "earlier": gettext_lazy("Known from before"),
    "system": gettext_lazy("Regulars itself"),
}
SAID: Mapping[str, Promise] = {
    "console.not_on_the_list": gettext_lazy("Choose one of the list."),
    "customers.bad_email": gettext_lazy("This is no e-mail address."),
    "customers.bad_phone": gettext_lazy("This is no phone number; write it with its country's code."),
    "customers.bad_birthday": gettext_lazy("This is no birthday; write it like 1990-12-31 (lunar: 1990-08-15)."),
    "customers.bad_language": gettext_lazy("This is no language; write it like zh-Hans or en."),
    "customers.too_long": gettext_lazy("This is too long."),
    "traits.bad_value": gettext_lazy("This is not what the trait takes."),
    "tags.bad_tag": gettext_lazy("This is no tag: up to 40 characters, without commas."),
    "households.in_another": gettext_lazy("They live in another household; let them leave it first."),
    "country.bad": gettext_lazy("This is no country; write its two letters, such as CN or GB."),
    "customers.unknown": gettext_lazy("There is no such member; look the number up again."),
}


def said(refusal: Refusal) -> str:
    """A refusal of a profile, a trait or a tag in the words of its pages."""
    return str(SAID[refusal.code]) if refusal.code in SAID else refused.words(refusal, FIELD_NAMES)


class NotOnTheList(Refusal):
    """Not one of what can be chosen."""

    code = "console.not_on_the_list"


@dataclass(frozen=True)
class Word:
    """One source's word as people read it."""

    text: str
    source: str
    at: datetime | None
    by: str
    standing: str


@dataclass(frozen=True)
class Line:
    """One field: what it is called, what is shown and why, and what else was said."""

    field: str
    name: str
    text: str
    because: str
    shown: Word | None
    others: Sequence[Word]
    hint: str
    is_nobodys: bool
    choices: Sequence[tuple[str, str]]


@require_safe
@requires("members.read")
def profile(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """The whole page, or its card for the member's page."""
    return _shown(request, _found(public_id), public_id)


@require_POST
@requires("contacts.reveal")
def reveal(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Every value in plain text, on this answer only; who looked and why is written down."""
    who = _found(public_id)
    try:
        purpose = Purpose(request.POST.get("purpose", ""))
    except ValueError:
        messages.error(request, _("Say what you need it for first."))
        return redirect("console:member-profile", public_id=who.public_id)
    told = explaining.reveal_explained(
        customer=who.id,
        fields=[one.field for one in explaining.explain_all(customer=who.id)],
        purpose=purpose,
        at=timezone.now(),
        by=operators.actor(me(request)),
    )
    return _shown(request, who, public_id, told=told, purpose=PURPOSE_LABELS[purpose])


@require_POST
@requires("members.edit")
def tell(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Staff write down one field, or that there is nothing. What other sources said stays beside it."""
    record, field = told_of.number(public_id), request.POST.get("field", "")
    text = "" if "nothing" in request.POST else request.POST.get("value", "").strip()
    if text or "nothing" in request.POST:
        try:
            told = _told(field, text)
            done = profiles.describe(
                customer=record,
                profile=told,
                key=_key(request, field, text),
                at=timezone.now(),
                by=operators.actor(me(request)),
            )
        except Refusal as refusal:
            messages.error(request, said(refusal))
        else:
            if done.changed:
                messages.success(request, _("Written down."))
            else:
                messages.info(request, _("Kept beside what is shown: a surer source, or the same, was there already."))
    return redirect("console:member-profile", public_id=public_id)


@require_POST
@requires("members.edit")
def tag(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A tag is set, or taken off: `off` says which."""
    record, at, by = told_of.number(public_id), timezone.now(), operators.actor(me(request))
    code, is_off = request.POST.get("tag", ""), "off" in request.POST
    key = _key(request, "tag", code, str(is_off))
    try:
        if is_off:
            tags.untag(customer=record, tag=code, key=key, at=at, by=by)
        else:
            if may(request, "sources.manage"):
                _on_the_list(code, at, me(request))
            tags.tag(customer=record, tag=code, key=key, at=at, by=by)
    except Refusal as refusal:
        messages.error(request, said(refusal))
    return redirect("console:member-profile", public_id=public_id)


@require_POST
@requires("members.edit")
def household(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Somebody comes to live with the member, or the member leaves."""
    record, at, by = told_of.number(public_id), timezone.now(), operators.actor(me(request))
    try:
        if "leave" in request.POST:
            households.leave(customer=record, key=_key(request, "leave"), at=at, by=by)
        else:
            role = Role(request.POST.get("role", ""))
            other = customers.by_public_id(request.POST.get("other", ""))
            if persons.of(record) == other.id:
                raise households.SamePerson(_("other: is this person; give the number of another"), field="other")
            home, key = households.of(record), _key(request, "lives with", str(other.id), role)
            if home is None:
                households.form(members={record: Role.HEAD, other.id: role}, key=key, at=at, by=by)
            else:
                # The first click may have formed it.
                place = f"{key}:{home.public_id}"
                households.add(household=home.public_id, customer=other.id, role=role, key=place, at=at, by=by)
    except ids.BadId:
        messages.error(request, _("This is no member's number; it begins with cus_."))
    except (Refusal, ValueError) as problem:
        messages.error(request, said(problem) if isinstance(problem, Refusal) else _("Choose a role."))
    return redirect("console:member-profile", public_id=public_id)


def _key(request: HttpRequest, *told: str) -> str:
    """Of what one page said: two clicks are one act, and another word on the same page is another."""
    page_key = request.POST.get("key", "")[:64] or secrets.token_hex(12)
    said_there = hashlib.sha256("\x00".join((page_key, request.path, *told)).encode()).hexdigest()
    return f"console:{me(request)}:{said_there}"


def _on_the_list(code: str, at: datetime, operator: int) -> None:
    if tags.check_code(code) not in tags.every():
        tags.define(code=code, at=at, by=operators.actor(operator))


def _shown(
    request: HttpRequest, who: Customer, opened_by: str, *, told: list[Explanation] | None = None, purpose: Any = ""
) -> HttpResponseBase:
    explained = explaining.explain_all(customer=who.id) if told is None else told
    own = {trait.field: trait for trait in traits.every().values()}
    there = {one.field for one in explained}
    is_card = request.headers.get("HX-Target") == "profile"
    context: dict[str, Any] = {
        "who": who,
        "told_of": opened_by,
        "lines": _lines(explained, own, choices(there, own)),
        "tags": tags.of_many([who.id]).get(who.id, []),
        "zone": company.shop().zone,
        "may_edit": may(request, "members.edit"),
        "is_card": is_card,
        "key": secrets.token_hex(12),
    }
    if is_card:
        return fragment(request, "console/member_profile_card.html", **context)
    masked = profiles.masked([who.id])[who.id]
    mine = persons.records_of(who.id)
    return page(
        request,
        "console/member_profile.html",
        title=masked.name or people.nameless(who.public_id),
        told_of_name=told_of.name(opened_by, mine),
        records=len(mine),
        purpose=purpose,
        purposes=[(one.value, words) for one, words in PURPOSE_LABELS.items()],
        may_reveal=may(request, "contacts.reveal") and told is None,
        fields=_fields(there, own),
        to_choose=_to_choose(there, own),
        may_see_stores=may(request, "company.write"),
        steps=_steps(who.id),
        known_tags=list(tags.every().values()),
        home=_home(who.id),
        left_homes=[_names(home) for home in households.left_by_joining(who.id)],
        roles=list(ROLE_LABELS.items()),
        **context,
    )


def choices(fields: Iterable[str], own: Mapping[str, Trait]) -> dict[str, dict[str, str]]:
    """What may be chosen of those fields that are chosen from a list: what is kept, and how people read it. A query for
    stores and one for staff, where they are asked for."""
    found: dict[str, dict[str, str]] = {}
    for field in fields:
        if field == "preferred_store":
            found[field] = {store.code: store.name for store in stores.every()}
        elif field == "preferred_channel":
            found[field] = {channel.value: str(consent_words.CHANNELS[channel]) for channel in Channel}
        elif field == "cared_by":
            found[field] = {str(person.id): person.name for person in operators.everybody() if person.active}
        elif field == "is_employee" or (field in own and own[field].kind is Kind.YES_NO):
            found[field] = {"yes": _("yes"), "no": _("no")}
        elif field in own and own[field].kind is Kind.CHOICE:
            found[field] = {code: traits.said(names) for code, names in own[field].choices.items()}
    return found


def _lines(
    explained: Sequence[Explanation], own: Mapping[str, Trait], chosen: Mapping[str, Mapping[str, str]]
) -> list[Line]:
    names = actors.told(word.by for one in explained for word in one.words if word.by)
    lines = []
    for one in explained:
        if not one.words:
            continue
        words = [
            Word(
                text_of(one.field, word.text, own, chosen),
                str(SOURCES.get(word.source, word.source)),
                word.at,
                names.get(word.by, ""),
                str(STANDINGS[word.standing]),
            )
            for word in one.words
        ]
        is_shown = one.words[0].standing is Standing.SHOWN
        name = own[one.field].name if one.field in own else str(FIELD_NAMES.get(one.field, one.field))
        lines.append(
            Line(
                one.field,
                name,
                text_of(one.field, one.text, own, chosen),
                str(BECAUSE[one.because]),
                words[0] if is_shown else None,
                words[1:] if is_shown else words,
                str(HINTS.get(one.field, "")),
                one.is_nobodys,
                list(chosen.get(one.field, {}).items()),
            )
        )
    return lines


def text_of(field: str, text: str, own: Mapping[str, Trait], chosen: Mapping[str, Mapping[str, str]]) -> str:
    """A kept value as people read it; what is masked stays so. `chosen` is what `choices` says of the fields there."""
    if not text or text == "***":
        return text
    if field in profiles.LISTS:
        return traits.shown_list(text)
    if field in chosen:
        return chosen[field].get(text, text)
    if field == "language":
        return formats.language(text)
    if field == "country":
        return formats.country(text)
    return own[field].shown(text) if field in own else text


def _fields(there: set[str], own: Mapping[str, Trait]) -> list[tuple[str, str]]:
    """What nothing was said of yet and is written, not chosen."""
    fields = [(name, str(words)) for name, words in FIELD_NAMES.items() if name not in {*there, *CHOSEN}]
    return fields + [
        (trait.field, trait.name)
        for trait in own.values()
        if trait.field not in there and trait.kind not in (Kind.YES_NO, Kind.CHOICE)
    ]


def _to_choose(there: set[str], own: Mapping[str, Trait]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """What nothing was said of yet and is chosen from a list: field, name, and the list. The list of stores may be
    empty: the page says where they come from."""
    wanted = [name for name in [*CHOSEN, *own] if name not in there]
    return [
        (field, own[field].name if field in own else str(FIELD_NAMES[field]), list(one.items()))
        for field, one in choices(wanted, own).items()
        if one or field == "preferred_store"
    ]


def _told(field: str, text: str) -> Profile:
    if field in CHOSEN and text and text not in choices([field], {})[field]:
        raise NotOnTheList(_("%(field)s: choose one of the list") % {"field": field}, field=field)
    if field.startswith(traits.PREFIX):
        return Profile(traits={field.removeprefix(traits.PREFIX): text})
    if field not in FIELD_NAMES:
        raise Http404
    if field in profiles.LISTS:
        items: dict[str, Any] = {field: tuple(traits.split(text))}
        return Profile(**items)
    if field == "is_employee":
        return Profile(is_employee=text == "yes")
    plain: dict[str, Any] = {field: text}
    return Profile(**plain)


def _steps(customer: int) -> list[dict[str, Any]]:
    """The last steps of the tags, each with whether it can be undone: it is the last word on its tag."""
    steps = tags.history(customer, limit=STEPS_SHOWN)
    names = actors.told(step.by for step in steps)
    now = {tag.code for tag in tags.of_many([customer]).get(customer, [])}
    seen: set[str] = set()
    told = []
    for step in steps:
        is_last = step.tag.code not in seen and step.is_on == (step.tag.code in now)
        seen.add(step.tag.code)
        told.append(
            {"step": step, "by": names[step.by], "source": SOURCES.get(step.source, step.source), "is_last": is_last}
        )
    return told


def _home(customer: int) -> list[tuple[people.Shown, Promise]]:
    home = households.of(customer)
    if home is None:
        return []
    found = {one.id: one for one in people.shown(list(home.members))}
    return [(found[record], ROLE_LABELS[role]) for record, role in home.members.items() if record in found]


def _names(home: Household) -> str:
    """Who lives there, as far as they have a name."""
    return formats.listed([one.name for one in people.shown(list(home.members))]) or _("nobody else")


def _found(public_id: str) -> Customer:
    try:
        return customers.by_public_id(public_id)
    except Refusal:
        raise Http404 from None
