"""What may be said of products beyond their names, declared here; and the fields in which it is said of one."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.catalogue import in_language
from regulars.doors.console.site import may, me, page
from regulars.facts.commerce import attributes
from regulars.facts.commerce.attributes import Attribute, Value
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

KINDS: dict[str, Any] = {
    "text": gettext_lazy("Text"),
    "number": gettext_lazy("Number"),
    "yes_no": gettext_lazy("Yes or no"),
    "day": gettext_lazy("Day"),
    "choice": gettext_lazy("One of several"),
}
YES, NO = "yes", "no"
_YES_NO = (("", "–"), (YES, gettext_lazy("is so")), (NO, gettext_lazy("is not so")))


class Declaration(forms.Form):
    code = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,63}$",
        label=gettext_lazy("Code"),
        help_text=gettext_lazy("Small letters, digits and underscores, such as shoe_size. It stays."),
        widget=forms.TextInput(attrs={"class": "input mono", "autocapitalize": "none", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("What it takes"), choices=list(KINDS.items()), widget=forms.Select(attrs={"class": "input"})
    )
    en = forms.CharField(
        label=gettext_lazy("Name in English"), max_length=300, widget=forms.TextInput(attrs={"class": "input"})
    )
    zh = forms.CharField(
        label=gettext_lazy("Name in Chinese"), max_length=300, widget=forms.TextInput(attrs={"class": "input"})
    )
    choices = forms.CharField(
        label=gettext_lazy("Choices"),
        required=False,
        help_text=gettext_lazy("One a line, only for one of several. Those that are there stay."),
        widget=forms.Textarea(attrs={"class": "input", "rows": 3}),
    )


class Said(forms.Form):
    """What is said of one product or of one of its forms: a field for each attribute; an empty one takes it back."""

    prefix = "said"

    def __init__(self, declared: Mapping[str, Attribute], data: Mapping[str, Any] | None = None, **more: Any) -> None:
        super().__init__(data, **more)
        self.declared = declared
        for code, one in declared.items():
            self.fields[code] = _field(one)

    def values(self) -> dict[str, Value | None]:
        """As the verb takes them; what was not sent is not named."""
        sent = {name: told for name, told in self.cleaned_data.items() if self.add_prefix(name) in self.data}
        return {name: _value(self.declared[name], told) for name, told in sent.items()}


@require_safe
@requires("catalogue.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """All on one page; `?code=` puts one of them into the form."""
    declared = declared_here()
    one = declared.get(request.GET.get("code", ""))
    initial = one and {
        "code": one.code,
        "kind": one.kind,
        "en": one.titles.get("en", ""),
        "zh": one.titles.get("zh-hans", ""),
        "choices": "\n".join(one.choices),
    }
    return _page(request, Declaration(initial=initial or None))


@require_POST
@requires("catalogue.write")
def define(request: HttpRequest) -> HttpResponseBase:
    """An attribute is declared, named anew, or given more choices."""
    form = Declaration(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        try:
            attributes.define(
                code=told["code"],
                kind=told["kind"],
                titles={"en": told["en"], "zh-hans": told["zh"]},
                choices=[line for line in told["choices"].splitlines() if line.strip()],
                at=timezone.now(),
                by=operators.actor(me(request)),
            )
        except Refusal as refusal:
            field = str(refusal.facts.get("field", ""))
            form.add_error(field if field in form.fields else None, refusal.message)
        else:
            messages.success(request, _("Written down."))
            return redirect("console:attributes")
    return _page(request, form, status=422)


def declared_here() -> dict[str, Attribute]:
    """What may be said, by code. One query."""
    return {one.code: one for one in attributes.every()}


def name_of(code: str, declared: Mapping[str, Attribute]) -> str:
    """What an attribute is called in the reader's language, else its code."""
    return in_language(declared[code].titles, code) if code in declared else code


def written(values: Mapping[str, object]) -> dict[str, object]:
    """Values as they stand in the fields of `Said`."""
    return {code: (YES if told else NO) if isinstance(told, bool) else told for code, told in values.items()}


def _page(request: HttpRequest, form: Declaration, status: int = 200) -> HttpResponseBase:
    every = declared_here()
    return page(
        request,
        "console/attributes.html",
        title=_("What products are like"),
        status=status,
        form=form,
        attributes=[(one, in_language(one.titles, one.code), KINDS[one.kind]) for one in every.values()],
        may_change=may(request, "catalogue.write"),
    )


def _field(one: Attribute) -> forms.Field:
    label, input_ = in_language(one.titles, one.code), {"class": "input"}
    match one.kind:
        case "yes_no":
            return forms.ChoiceField(
                label=label, choices=_YES_NO, required=False, widget=forms.Select(attrs={"class": "input"})
            )
        case "choice":
            choices = [("", "–"), *((choice, choice) for choice in one.choices)]
            return forms.ChoiceField(
                label=label, choices=choices, required=False, widget=forms.Select(attrs={"class": "input"})
            )
        case "day":
            day = forms.DateInput(attrs={**input_, "type": "date"}, format="%Y-%m-%d")
            return forms.DateField(label=label, required=False, widget=day)
        case "number":
            number = forms.TextInput(attrs={**input_, "inputmode": "decimal"})
            return forms.CharField(label=label, max_length=60, required=False, widget=number)
    return forms.CharField(label=label, max_length=300, required=False, widget=forms.TextInput(attrs=input_))


def _value(one: Attribute, told: Any) -> Value | None:
    if told in ("", None):
        return None
    if one.kind == "yes_no":
        return bool(told == YES)
    return str(told.isoformat() if one.kind == "day" else told)
