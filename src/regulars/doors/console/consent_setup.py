"""Setup → Consent and topics: the texts people agree to, what needs no yes, and what the shop writes about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import consent_limits
from regulars.doors.console.site import may, me, page
from regulars.facts.company import company
from regulars.facts.customers import consent_rules, consent_texts, topics
from regulars.facts.customers.consent_rules import ConsentRules, Preview
from regulars.facts.customers.consent_texts import Text
from regulars.kit import languages
from regulars.kit.refusals import Refusal
from regulars.runtime.preferences.preferences import BadValue
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

_CODE = {"class": "input mono", "autocapitalize": "none", "spellcheck": "false"}
SAID: Mapping[str, Promise] = {
    "consent.bad_text": gettext_lazy("This text cannot be kept: it is too long, or has a letter that will not do."),
    "consent.text_taken": gettext_lazy("Somebody published that version just now. Look at it, and try again."),
    "consent.bad_topic": gettext_lazy("This topic cannot be kept: the code or a name has a letter that will not do."),
}


class TextForm(forms.Form):
    code = forms.RegexField(
        r"^[a-z0-9][a-z0-9._-]{0,63}$",
        label=gettext_lazy("Code"),
        help_text=gettext_lazy(
            "Small letters and digits, such as newsletter. A code that is there gets its next version."
        ),
        widget=forms.TextInput(attrs={**_CODE, "list": "known-texts"}),
    )
    en = forms.CharField(
        label=gettext_lazy("Words in English"),
        required=False,
        max_length=consent_texts.LONGEST,
        widget=forms.Textarea(attrs={"class": "input", "rows": 5}),
    )
    zh = forms.CharField(
        label=gettext_lazy("Words in Chinese"),
        required=False,
        max_length=consent_texts.LONGEST,
        widget=forms.Textarea(attrs={"class": "input", "rows": 5}),
    )

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or self.cleaned_data
        if not told.get("en") and not told.get("zh"):
            raise forms.ValidationError(_("Write it in one language at least."))
        return told


class TopicForm(forms.Form):
    code = forms.RegexField(
        r"^[a-z0-9][a-z0-9._-]{0,39}$",
        label=gettext_lazy("Code"),
        help_text=gettext_lazy("Small letters and digits, such as new-arrivals. It stays."),
        widget=forms.TextInput(attrs=_CODE),
    )
    en = forms.CharField(
        label=gettext_lazy("Name in English"),
        max_length=topics.LONGEST_NAME,
        widget=forms.TextInput(attrs={"class": "input"}),
    )
    zh = forms.CharField(
        label=gettext_lazy("Name in Chinese"),
        max_length=topics.LONGEST_NAME,
        widget=forms.TextInput(attrs={"class": "input"}),
    )


@dataclass(frozen=True)
class Version:
    """One version of a text in all its languages."""

    number: int
    published_at: datetime
    words: list[tuple[str, str]]


@dataclass(frozen=True)
class Published:
    """A text by its code, the newest version first."""

    code: str
    versions: list[Version]


@require_safe
@requires("consent.read")
def setup(request: HttpRequest) -> HttpResponseBase:
    """All on one page."""
    return _page(request, TextForm(prefix="text"), TopicForm(prefix="topic"))


@require_POST
@requires("preferences.change")
def decide(request: HttpRequest) -> HttpResponseBase:
    """What needs no yes, and the age of consent. Saved only where exactly these were tried and seen."""
    at, told = timezone.now(), consent_limits.told(request)
    seen = consent_limits.seal(told)
    texts, listed = TextForm(prefix="text"), TopicForm(prefix="topic")
    try:
        if request.POST.get("act") == "save" and request.POST.get("seen") == seen:
            consent_rules.change(rules=told, at=at, by=operators.actor(me(request)))
            messages.success(request, _("The rules count from now on."))
            return redirect("console:consent-setup")
        preview = consent_rules.what_if(told, at=at)
    except BadValue as refusal:
        messages.error(request, refusal.message.partition(": ")[2])
        return _page(request, texts, listed, told=(told, None, ""), status=422)
    return _page(request, texts, listed, told=(told, preview, seen))


@require_POST
@requires("consent.manage")
def publish(request: HttpRequest) -> HttpResponseBase:
    """The next version of a text. What was shown before stays as it was; the same words again publish nothing."""
    form = TextForm(request.POST, prefix="text")
    if form.is_valid():
        code = form.cleaned_data["code"]
        words = {language: text for language, text in _spoken(form).items() if text}
        newest = [text for text in consent_texts.every() if text.code == code]
        newest = [text for text in newest if text.version == newest[0].version]
        if newest and {text.language: text.words for text in newest} == words:
            messages.info(
                request, _("These are the words of version %(version)s already.") % {"version": newest[0].version}
            )
            return redirect("console:consent-setup")
        version = newest[0].version + 1 if newest else 1
        try:
            consent_texts.publish(
                code=code, version=version, words=words, at=timezone.now(), by=operators.actor(me(request))
            )
        except Refusal as refusal:
            form.add_error(None, str(SAID.get(refusal.code, refusal.message)))
        else:
            messages.success(request, _("Published as version %(version)s.") % {"version": version})
            return redirect("console:consent-setup")
    return _page(request, form, TopicForm(prefix="topic"), status=422)


@require_POST
@requires("consent.manage")
def define_topic(request: HttpRequest) -> HttpResponseBase:
    """A topic is put on the list, or named anew."""
    form = TopicForm(request.POST, prefix="topic")
    if form.is_valid():
        try:
            topics.define(
                code=form.cleaned_data["code"],
                names=_spoken(form),
                at=timezone.now(),
                by=operators.actor(me(request)),
            )
        except Refusal as refusal:
            form.add_error(None, str(SAID.get(refusal.code, refusal.message)))
        else:
            messages.success(request, _("Written down."))
            return redirect("console:consent-setup")
    return _page(request, TextForm(prefix="text"), form, status=422)


@require_POST
@requires("consent.manage")
def retire_topic(request: HttpRequest) -> HttpResponseBase:
    """A topic is taken off the list; what customers said of it stays."""
    try:
        topics.retire(code=request.POST.get("topic", ""), at=timezone.now(), by=operators.actor(me(request)))
    except Refusal as refusal:
        messages.error(request, str(SAID.get(refusal.code, refusal.message)))
    return redirect("console:consent-setup")


def _spoken(form: forms.Form) -> dict[str, str]:
    # As they are kept, so that the same words are known again.
    return {"en": _plain(form.cleaned_data["en"]), "zh-hans": _plain(form.cleaned_data["zh"])}


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _page(
    request: HttpRequest,
    text_form: TextForm,
    topic_form: TopicForm,
    *,
    told: tuple[ConsentRules, Preview | None, str] | None = None,
    status: int = 200,
) -> HttpResponseBase:
    rules, preview, seen = told or (consent_rules.now(), None, "")
    return page(
        request,
        "console/consent_setup.html",
        title=_("Consent and topics"),
        status=status,
        texts=_published(consent_texts.every()),
        topics=topics.every(),
        text_form=text_form,
        topic_form=topic_form,
        zone=company.shop().zone,
        may_manage=may(request, "consent.manage"),
        may_decide=may(request, "preferences.change"),
        limits=consent_limits.card(rules, preview),
        seen=seen,
    )


def _published(texts: list[Text]) -> list[Published]:
    by_code: dict[str, dict[int, Version]] = {}
    for text in texts:
        version = by_code.setdefault(text.code, {}).setdefault(
            text.version, Version(text.version, text.published_at, [])
        )
        version.words.append((languages.NAMES.get(text.language, text.language), text.words))
    return [Published(code, list(versions.values())) for code, versions in by_code.items()]
