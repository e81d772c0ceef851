"""Insight → Figures: the margin the shop tells, without which there is neither margin nor lifetime value."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from regulars.doors.console.site import me, page
from regulars.insight.measures import margins
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires


class MarginForm(forms.Form):
    percent = forms.DecimalField(
        label=gettext_lazy("Margin in per cent of net revenue"),
        help_text=gettext_lazy("From 0 to 100, such as 42.5. Empty: no margin is told, and none is guessed."),
        min_value=0,
        max_value=100,
        max_digits=6,
        decimal_places=3,
        required=False,
        widget=forms.NumberInput(attrs={"class": "input", "inputmode": "decimal", "step": "any"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires("insight.refresh")
def margin(request: HttpRequest) -> HttpResponseBase:
    """Told, it counts from the next refresh on."""
    told: dict[str, Any] = {"initial": {"percent": margins.told_percent()}}
    form = MarginForm(request.POST) if request.method == "POST" else MarginForm(**told)
    if request.method != "POST" or not form.is_valid():
        status = 422 if form.is_bound else 200
        return page(request, "console/margin.html", title=_("The shop's margin"), form=form, status=status)
    margins.tell(percent=form.cleaned_data["percent"], at=timezone.now(), by=operators.actor(me(request)))
    messages.success(request, _("Margins are reckoned so from the next refresh on, which is asked for."))
    return redirect(reverse("console:explore") + "?figure=margin")
