"""Setup → Traits and tags: what the shop wants to know of people, the tags it sets, and whose word counts more."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.member_profile import FIELD_NAMES, SOURCES, said
from regulars.doors.console.site import may, me, page
from regulars.facts.customers import tags, traits, trust
from regulars.facts.customers.traits import Kind
from regulars.kit.refusals import Refusal
from regulars.runtime.preferences import preferences
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

KINDS = {
    Kind.TEXT: gettext_lazy("Text"),
    Kind.NUMBER: gettext_lazy("Number"),
    Kind.YES_NO: gettext_lazy("Yes or no"),
    Kind.DATE: gettext_lazy("Day"),
    Kind.CHOICE: gettext_lazy("One of several"),
    Kind.LIST: gettext_lazy("List"),
}


class TraitForm(forms.Form):
    code = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,39}$",
        label=gettext_lazy("Code"),
        help_text=gettext_lazy("Small letters, digits and underscores, such as shoe_size. It stays."),
        widget=forms.TextInput(attrs={"class": "input mono", "autocapitalize": "none", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("What it takes"), choices=list(KINDS.items()), widget=forms.Select(attrs={"class": "input"})
    )
    en = forms.CharField(
        label=gettext_lazy("Name in English"),
        max_length=traits.LONGEST_NAME,
        widget=forms.TextInput(attrs={"class": "input"}),
    )
    zh = forms.CharField(
        label=gettext_lazy("Name in Chinese"),
        max_length=traits.LONGEST_NAME,
        widget=forms.TextInput(attrs={"class": "input"}),
    )
    choices = forms.CharField(
        label=gettext_lazy("Choices"),
        required=False,
        help_text=gettext_lazy("One a line: code, English, Chinese, with commas between. Only for one of several."),
        widget=forms.Textarea(attrs={"class": "input", "rows": 3}),
    )
    is_personal = forms.BooleanField(
        label=gettext_lazy("Tells who somebody is: keep it sealed and masked"), required=False
    )


@require_safe
@requires("sources.read")
def own_traits(request: HttpRequest) -> HttpResponseBase:
    """All on one page."""
    return _page(request, TraitForm())


@require_POST
@requires("sources.manage")
def define(request: HttpRequest) -> HttpResponseBase:
    """A trait is defined, or named anew."""
    form = TraitForm(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        try:
            traits.define(
                code=told["code"],
                kind=Kind(told["kind"]),
                names={"en": told["en"], "zh-hans": told["zh"]},
                is_personal=told["is_personal"],
                choices=_choices(told["choices"]),
                at=timezone.now(),
                by=operators.actor(me(request)),
            )
        except Refusal as refusal:
            form.add_error(None, said(refusal))
        else:
            messages.success(request, _("Written down."))
            return redirect("console:own-traits")
    return _page(request, form, status=422)


@require_POST
@requires("sources.manage")
def retire(request: HttpRequest) -> HttpResponseBase:
    """A trait or a tag is taken off the list; what was told of it stays."""
    at, by = timezone.now(), operators.actor(me(request))
    try:
        if "trait" in request.POST:
            traits.retire(code=request.POST["trait"], at=at, by=by)
        else:
            tags.retire(code=request.POST.get("tag", ""), at=at, by=by)
    except Refusal as refusal:
        messages.error(request, said(refusal))
    return redirect("console:own-traits")


@require_POST
@requires("preferences.change")
def trust_more(request: HttpRequest) -> HttpResponseBase:
    """Which sources count more, the surest first."""
    codes = {str(words).casefold(): code for code, words in SOURCES.items()}
    wanted = [codes.get(part.casefold(), part.casefold()) for part in traits.split(request.POST.get("sources", ""))]
    try:
        if request.POST.get("act") == "try":
            return _page(request, TraitForm(), tried=trust.what_if(wanted), wanted=wanted)
        trust.set_surer_sources(sources=wanted, at=timezone.now(), by=operators.actor(me(request)))
    except preferences.BadValue as refusal:
        messages.error(request, refusal.message.partition(": ")[2])
    else:
        messages.success(request, _("What is shown of people follows in the background."))
    return redirect("console:own-traits")


def _choices(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        code, *names = traits.split(line) or [""]
        if code:
            spoken = dict(zip(("en", "zh-hans"), names, strict=False)) or {"en": code}
            found[code.casefold()] = spoken
    return found


def _page(
    request: HttpRequest,
    form: TraitForm,
    *,
    status: int = 200,
    tried: trust.Preview | None = None,
    wanted: Sequence[str] | None = None,
) -> HttpResponseBase:
    own = traits.every()
    surer = trust.surer_sources() if wanted is None else wanted
    context: dict[str, Any] = {
        "form": form,
        "traits": [(trait, KINDS[trait.kind]) for trait in own.values()],
        "tags": list(tags.every().values()),
        "surer": [str(SOURCES.get(source, source)) for source in surer],
        "tried": tried,
        "tried_fields": [
            (
                own[field.removeprefix(traits.PREFIX)].name
                if field.removeprefix(traits.PREFIX) in own
                else FIELD_NAMES.get(field, field),
                count,
            )
            for field, count in (tried.fields if tried else {}).items()
        ],
        "sources_known": [str(words) for code, words in SOURCES.items() if code != "orders"],
        "may_manage": may(request, "sources.manage"),
        "may_trust": may(request, "preferences.change"),
    }
    return page(request, "console/own_traits.html", title=_("Traits and tags"), status=status, **context)
