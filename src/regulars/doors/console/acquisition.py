"""Insight → Acquisition: what was spent to win customers, and how many months until it has come back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.site import may, me, page, shop_of
from regulars.doors.console.words import measure_words
from regulars.facts.company import channels
from regulars.insight.measures import costs, margins, readings
from regulars.insight.measures.scope import Cost
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import estimates, formats
from regulars.oversight.reporting.estimates import Written
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

#: What was told last; the API has all of it.
SHOWN = 12


class CostForm(forms.Form):
    month = forms.DateField(
        label=gettext_lazy("Month"),
        input_formats=["%Y-%m", "%Y-%m-%d"],
        widget=forms.TextInput(attrs={"class": "input", "type": "month", "placeholder": "2026-05"}),
    )
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"),
        required=False,
        widget=forms.Select(attrs={"class": "input"}),
        help_text=gettext_lazy("That they first bought through. None: it was spent for no channel alone."),
    )
    amount = forms.DecimalField(
        label=gettext_lazy("Spent to win customers"),
        help_text=gettext_lazy(
            "In the shop's currency: advertising, commission, gifts for newcomers. 0 takes it back."
        ),
        min_value=0,
        max_digits=15,
        decimal_places=4,
        widget=forms.NumberInput(attrs={"class": "input", "inputmode": "decimal", "step": "any"}),
    )

    def __init__(self, *given: Any, names: Mapping[str, str], **told: Any) -> None:
        super().__init__(*given, **told)
        self.fields["channel"].choices = [("", "–"), *names.items()]  # type: ignore[attr-defined]  # of a ChoiceField


@dataclass(frozen=True)
class Row:
    """Those who first bought in a month; through the channel, or all of them where that is empty."""

    month: date
    channel: str
    cost: Written
    recovered: Written | None
    watched: Written
    payback: Written


@require_safe
@requires("insight.read")
def acquisition(request: HttpRequest) -> HttpResponseBase:
    """From one stored reading and what was told: a handful of queries, however large the shop is."""
    names = _names()
    return _page(request, CostForm(names=names), names)


@require_POST
@requires("insight.refresh")
def tell(request: HttpRequest) -> HttpResponseBase:
    """What was spent in a month counts from the next refresh on."""
    names = _names()
    form = CostForm(request.POST, names=names)
    if not _is_told(request, form):
        return _page(request, form, names, status=422)
    messages.success(request, _("Payback is reckoned so from the next refresh on, which is asked for."))
    return redirect("console:acquisition")


def _names() -> dict[str, str]:
    return {one.code: one.name for one in channels.every()}


def _page(request: HttpRequest, form: CostForm, names: Mapping[str, str], *, status: int = 200) -> HttpResponseBase:
    found, currency = readings.shop("payback"), shop_of(request).currency
    told = costs.told()[::-1]
    return page(
        request,
        "console/acquisition.html",
        title=_("Acquisition"),
        status=status,
        words=measure_words("payback"),
        as_of=None if found is None else found.as_of,
        computed_at=None if found is None else found.computed_at,
        rows=[] if found is None else [_row(one, names, found.currency) for one in found.value["cohorts"]],
        told=[
            (one.month, names.get(one.channel, one.channel), formats.money(one.minor, currency)) for one in told[:SHOWN]
        ],
        many=len(told),
        has_margin=margins.told_percent() is not None,
        form=form if may(request, "insight.refresh") else None,
    )


def _is_told(request: HttpRequest, form: CostForm) -> bool:
    if not form.is_valid():
        return False
    told = form.cleaned_data
    try:
        minor = Money.of(told["amount"], shop_of(request).currency).minor
        cost = Cost(told["month"].replace(day=1), told["channel"], minor)
        costs.tell(costs=[cost], at=timezone.now(), by=operators.actor(me(request)))
    except Refusal as refusal:
        form.add_error(None, refusal.message)
        return False
    return True


def _row(told: Mapping[str, Any], names: Mapping[str, str], currency: str) -> Row:
    payback = told["payback"]
    written = {name: estimates.written(one, currency) for name, one in payback.factors.items()}
    return Row(
        month=date.fromisoformat(told["month"]),
        channel="" if told["channel"] is None else names.get(told["channel"], told["channel"]),
        cost=written["cost"],
        recovered=written.get("recovered"),
        watched=written["watched"],
        payback=estimates.written(payback, currency),
    )
