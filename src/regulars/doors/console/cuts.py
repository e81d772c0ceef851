"""Insight → Groups: where scores are cut, and who would move if they were cut otherwise."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from regulars.doors.console.groups import table_of_moves
from regulars.doors.console.site import me, page, shop_of
from regulars.insight.measures import cuts
from regulars.insight.measures.cutting import Cuts
from regulars.insight.measures.told import cuts_of_shop
from regulars.kit.money import exponent
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires


class Steps(forms.CharField):
    """Numbers with commas between them; nothing for none."""

    def __init__(self, **told: Any) -> None:
        widget = forms.TextInput(attrs={"class": "input", "inputmode": "numeric", "autocomplete": "off"})
        super().__init__(required=False, max_length=80, widget=widget, **told)

    def clean(self, value: Any) -> tuple[Decimal, ...]:
        text = super().clean(value).replace("，", ",").replace("、", ",")
        try:
            found = tuple(Decimal(part.strip()) for part in text.split(",") if part.strip())
        except ArithmeticError:
            found = (Decimal("NaN"),)
        if not all(one.is_finite() and abs(one) < 10**15 for one in found):
            raise forms.ValidationError(_("Write plain numbers with commas between them, such as 30, 90, 180, 365."))
        return found


class CutsForm(forms.Form):
    recency_days = Steps(
        label=gettext_lazy("Days since the last purchase"),
        help_text=gettext_lazy("Four, rising. Who stayed away longer scores 4, 3, 2, 1. Empty: by place among all."),
    )
    regular_days = Steps(
        label=gettext_lazy("Days with a purchase, of regulars"),
        help_text=gettext_lazy("Two, from 4 up: from then on the score is 4, and 5. Empty: by place among regulars."),
    )
    money_minor = Steps(
        label=gettext_lazy("Net spend"),
        help_text=gettext_lazy("Four amounts, rising: from there the score is 2, 3, 4, 5. Empty: by place among all."),
    )

    def __init__(self, *given: Any, places: int, **told: Any) -> None:
        super().__init__(*given, **told)
        self._places = places

    def cuts(self) -> Cuts | None:
        """What was asked for; None with the complaints at their fields."""
        if not self.is_valid():
            return None
        told = {name: self.cleaned_data[name] for name in self.fields}
        told["money_minor"] = tuple(one.scaleb(self._places) for one in told["money_minor"])
        if any(one != one.to_integral_value() for steps in told.values() for one in steps):
            self.add_error(None, _("Days are whole numbers, and amounts have no more decimals than the shop's money."))
            return None
        asked = Cuts(**{name: tuple(int(one) for one in steps) for name, steps in told.items()})
        for name, complaint in cuts.complaints(asked).items():
            self.add_error(name, complaint)
        return None if self.errors else asked


@require_http_methods(["GET", "HEAD", "POST"])
@requires("insight.refresh")
def cutting(request: HttpRequest) -> HttpResponseBase:
    """Asked with `preview`, it shows who would move; without, the change is made and a refresh asked for."""
    places = exponent(shop_of(request).currency)
    if request.method != "POST":
        return _page(request, CutsForm(places=places, initial=_initial(cuts_of_shop(), places)))
    form = CutsForm(request.POST, places=places)
    asked = form.cuts()
    if asked is None:
        return _page(request, form, status=422)
    now = timezone.now()
    if "preview" in request.POST:
        try:
            return _page(request, form, preview=cuts.preview(asked, at=now))
        except Refusal:
            form.add_error(None, _("Nothing was computed yet, so nobody can be shown to move."))
            return _page(request, form, status=422)
    try:
        cuts.change(cuts=asked, at=now, by=operators.actor(me(request)))
    except Refusal as refusal:
        form.add_error(None, refusal.message)
        return _page(request, form, status=422)
    messages.success(request, _("Scores are cut so from the next refresh on, which is asked for."))
    return redirect("console:groups")


def _initial(now: Cuts, places: int) -> dict[str, str]:
    def said(steps: tuple[int, ...], scale: int = 0) -> str:
        return ", ".join(str(Decimal(one).scaleb(-scale)) for one in steps)

    return {
        "recency_days": said(now.recency_days),
        "regular_days": said(now.regular_days),
        "money_minor": said(now.money_minor, places),
    }


def _page(
    request: HttpRequest, form: CutsForm, *, preview: cuts.Preview | None = None, status: int = 200
) -> HttpResponseBase:
    moves = None if preview is None else table_of_moves(preview.moves)
    return page(
        request,
        "console/cuts.html",
        title=_("How scores are cut"),
        status=status,
        form=form,
        preview=preview,
        moves=moves,
    )
