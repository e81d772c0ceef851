"""Setup → Backups: what could be brought back, when that was last tried, and for how long backups are kept."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.site import may, me, page
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.runtime.backup import health, proving, shelf
from regulars.runtime.backup.health import Health
from regulars.runtime.backup.keeping import KEEP_DAYS
from regulars.runtime.backup.shelf import Base
from regulars.runtime.preferences import preferences
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SHOWN = 12


class Days(forms.Form):
    days = forms.IntegerField(
        label=gettext_lazy("Days"),
        min_value=1,
        max_value=365,
        help_text=gettext_lazy("Any moment of so many days can be brought back, 1 to 365."),
        widget=forms.NumberInput(attrs={"class": "input"}),
    )


@dataclass(frozen=True)
class Shown:
    """A base, and how far its log brings it. `missing` names the first file of the log that is gone."""

    base: Base
    reaches: datetime
    missing: str


def of_today() -> Health | None:
    """For Today; None where the database is somebody else's. Two queries."""
    found = health.look(home=Path(settings.REGULARS_HOME), at=timezone.now())
    return None if found.is_external else found


@require_safe
@requires("operations.read")
def backups(request: HttpRequest) -> HttpResponseBase:
    """Read from the folder's names and small files; a few queries."""
    return _page(request, Days(initial={"days": preferences.read(KEEP_DAYS)}))


@require_POST
@requires("operations.mend")
def keep(request: HttpRequest) -> HttpResponseBase:
    """Backups are kept for so many days."""
    form = Days(request.POST)
    if form.is_valid():
        days = form.cleaned_data["days"]
        try:
            preferences.write(KEEP_DAYS, days, at=timezone.now(), by=operators.actor(me(request)))
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            words = ngettext(
                "Any moment of the last %(n)s day can be brought back from now on.",
                "Any moment of the last %(n)s days can be brought back from now on.",
                days,
            )
            messages.success(request, words % {"n": formats.number(days)})
            return redirect("console:backups")
    return _page(request, form, status=422)


def _page(request: HttpRequest, form: Days, *, status: int = 200) -> HttpResponseBase:
    found = health.look(home=Path(settings.REGULARS_HOME), at=timezone.now())
    return page(
        request,
        "console/backups.html",
        title=_("Backups"),
        status=status,
        backup=found,
        bases=_shown(found),
        proofs=proving.recent(SHOWN),
        form=form,
        may_keep=may(request, "operations.mend"),
    )


def _shown(found: Health) -> list[Shown]:
    if found.folder is None:
        return []
    logs = {line: shelf.segments(found.folder, line) for line in {one.line for one in found.bases}}
    return [
        Shown(one, shelf.reaches(one, logs[one.line]), shelf.unbroken_from(one, logs[one.line])[1])
        for one in found.bases[:SHOWN]
    ]
