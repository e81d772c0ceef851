"""The builder: an audience made by choosing and writing, without JSON. The form carries its whole state."""

import json
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import builder_draft, people
from regulars.doors.console.builder_draft import Draft
from regulars.doors.console.builder_view import View
from regulars.doors.console.site import fragment, me, page, shop_of
from regulars.insight.audiences import audiences, previewing, vocabulary
from regulars.insight.audiences.audiences import Audience
from regulars.insight.warehouse.session import NothingPublished
from regulars.kit.conditions import spoken
from regulars.kit.conditions.vocabulary import Vocabulary
from regulars.kit.languages import Language
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

OVERLAPS_SHOWN = 8


def language() -> Language:
    """The reader's, as conditions are said in it."""
    return "zh" if (get_language() or "").startswith("zh") else "en"


@require_safe
@requires("audiences.manage")
def new(request: HttpRequest) -> HttpResponseBase:
    """A new audience, nothing asked yet."""
    draft = builder_draft.empty()
    return _draw(request, draft, told={"key": str(uuid4())}, is_first=True)


@require_safe
@requires("audiences.manage")
def edit(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """What an audience asks, to be changed."""
    one = found(public_id)
    draft = builder_draft.from_condition(one.condition)
    told = {"key": str(uuid4()), "name": one.name, "meaning": one.meaning, "zone": one.condition.get("zone", "")}
    return _draw(request, draft, told=told, one=one)


@require_POST
@requires("audiences.manage")
def build(request: HttpRequest, public_id: str = "") -> HttpResponseBase:
    """One press of a button: a part more or less, count, read JSON, save. Nothing that was typed is lost."""
    one = found(public_id) if public_id else None
    draft = builder_draft.read_form(request.POST)
    told = {name: request.POST.get(name, "")[:600] for name in ("key", "name", "meaning", "zone")}
    what = request.POST.get("act", "")
    if what == "json":
        return _read_json(request, draft, told, one)
    if what == "save":
        return _save(request, draft, told, one)
    if what == "count":
        return _draw(request, draft, told=told, one=one, is_counted=True)
    builder_draft.act(draft, what)
    return _draw(request, draft, told=told, one=one)


def found(public_id: str) -> Audience:
    """One by its public id, or the page that says there is none."""
    try:
        return audiences.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def _save(request: HttpRequest, draft: Draft, told: dict[str, str], one: Audience | None) -> HttpResponseBase:
    words, zone, by = vocabulary.current(), _zone(request, told), operators.actor(me(request))
    view = View(words, zone, language())
    view.look(draft)
    if view.errors:
        return _draw(request, draft, told=told, one=one, problem=_("Something is still to be mended below."))
    try:
        condition = builder_draft.condition(draft, words, zone)
        more: dict[str, Any] = {"name": told["name"], "meaning": told["meaning"], "condition": condition}
        more |= {"key": f"console:{told['key'][:60]}", "at": timezone.now(), "by": by}
        saved = audiences.define(**more) if one is None else audiences.change(audience=one.number, **more)
    except Refusal as refusal:
        return _draw(request, draft, told=told, one=one, problem=_said(refusal))
    messages.success(request, _("It is saved. Who is in is being found; look again in a moment."))
    where = reverse("console:audience", args=[saved.id])
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": where})
    return redirect(where)


def _read_json(request: HttpRequest, draft: Draft, told: dict[str, str], one: Audience | None) -> HttpResponseBase:
    text = request.POST.get("json", "")[:100_000]
    try:
        condition = json.loads(text)
        audiences.read(condition)
        return _draw(
            request, builder_draft.from_condition(condition), told={**told, "zone": condition["zone"]}, one=one
        )
    except (ValueError, RecursionError):
        problem = _("This is not JSON.")
    except Refusal as refusal:
        problem = refusal.message
    return _draw(request, draft, told=told, one=one, problem=problem, json_text=text)


def _draw(
    request: HttpRequest,
    draft: Draft,
    *,
    told: dict[str, str],
    one: Audience | None = None,
    is_counted: bool = False,
    is_first: bool = False,
    problem: str = "",
    json_text: str = "",
) -> HttpResponseBase:
    words, zone = vocabulary.current(), _zone(request, told)
    view = View(words, zone, language())
    view.look(draft)
    context: dict[str, Any] = {"problem": problem, "json_text": json_text}
    condition = None
    if not view.errors:
        try:
            condition = builder_draft.condition(draft, words, zone)
            context["said"] = spoken.describe(audiences.read(condition, words), words, view.language)
            context["json_text"] = json_text or json.dumps(condition, ensure_ascii=False, indent=2)
            if is_counted:
                context |= _counted(condition, view, one, words)
        except Refusal as refusal:
            context["problem"] = problem or _said(refusal)
    elif is_counted:
        context["problem"] = _("Something is still to be mended below.")
    if is_first:
        view.errors.clear()
    context |= {
        "root": view.part(draft, is_root=True),
        "draft": json.dumps(draft, ensure_ascii=False),
        "told": {**told, "zone": zone},
        "one": one,
        "where": reverse("console:audience-change", args=[one.id]) if one else reverse("console:audience-build"),
        "kinds": [
            ("field", _("something known of them")),
            ("did", _("something they did")),
            ("sequence", _("one thing after another")),
            ("share", _("the highest or lowest share")),
            ("audience", _("another audience")),
            ("group", _("a group")),
        ],
    }
    if request.headers.get("HX-Request"):
        return fragment(request, "console/builder.html", **context)
    title = _("Change an audience") if one else _("A new audience")
    status = 422 if context["problem"] else 200
    return page(request, "console/audience_builder.html", title=title, status=status, **context)


def _counted(condition: dict[str, Any], view: View, one: Audience | None, words: Vocabulary) -> dict[str, Any]:
    try:
        seen = previewing.preview(condition)
    except NothingPublished:
        return {"problem": _("Nothing can be counted yet: the facts are published by the next refresh of the insight.")}
    view.counts = seen.by_node
    names = {other.number: other for other in audiences.every()}
    overlaps = sorted(seen.overlap.items(), key=lambda pair: -pair[1])
    stay = seen.overlap.get(one.number, 0) if one else 0
    return {
        "seen": seen,
        "sample": people.shown(seen.sample),
        "overlaps": [(names[n], count) for n, count in overlaps if n in names and (one is None or n != one.number)][
            :OVERLAPS_SHOWN
        ],
        "come": seen.members - stay,
        "leave": one.members - stay if one else 0,
    }


def _zone(request: HttpRequest, told: dict[str, str]) -> str:
    return told.get("zone") or shop_of(request).zone


def _said(refusal: Refusal) -> str:
    match refusal.code:
        case "audiences.name_taken":
            return _("Another audience is called so; choose another name.")
        case "audiences.bad" if refusal.facts.get("field") == "name":
            return _("Give it a name of 1 to %(most)s characters.") % {"most": audiences.LONGEST_NAME}
    return refusal.message
