"""Setup → Exports: published tables that are written to files by the clock, and the files."""

from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.site import may, me, page
from regulars.insight.warehouse import exporting
from regulars.insight.warehouse.exporting import Kind
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import exports
from regulars.oversight.outbound.cadence import Cadence, Round
from regulars.oversight.outbound.exports import Export, Run
from regulars.runtime.serving.files import FileSent
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SHOWN = 25

FORMATS = {"csv": "CSV", "parquet": "Parquet"}
WEEKDAYS: tuple[Any, ...] = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)
RUN_STATES: dict[str, Any] = {
    "waiting": gettext_lazy("waits"),
    "running": gettext_lazy("being written"),
    "done": gettext_lazy("written"),
    "failed": gettext_lazy("failed"),
}
#: Refusals in the reader's language, by their codes; the others say themselves what to mend.
SAID: dict[str, Any] = {
    "exports.bad_name": gettext_lazy(
        "Use small letters, digits, dots, dashes and underscores, and begin with a letter or digit."
    ),
    "exports.name_taken": gettext_lazy("Another export has or had this name; choose a new one."),
    "exports.too_many": gettext_lazy("There are too many exports; retire one first."),
}


class NewExport(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("What it is called"),
        max_length=exports.LONGEST_NAME,
        help_text=gettext_lazy("Small letters, digits, dots and dashes. Its folder is called so too."),
        widget=forms.TextInput(attrs={"class": "input", "autocapitalize": "none", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Files"),
        choices=[
            ("csv", gettext_lazy("CSV, for spreadsheets")),
            ("parquet", gettext_lazy("Parquet, for data tools")),
        ],
        widget=forms.Select(attrs={"class": "input"}),
    )
    round = forms.ChoiceField(
        label=gettext_lazy("How often"),
        choices=[
            ("daily", gettext_lazy("every day")),
            ("weekly", gettext_lazy("every week")),
            ("monthly", gettext_lazy("every month")),
            ("hourly", gettext_lazy("every hour")),
        ],
        widget=forms.Select(attrs={"class": "input"}),
    )
    hour = forms.TypedChoiceField(
        label=gettext_lazy("At"),
        choices=[(hour, f"{hour:02}:00") for hour in range(24)],
        coerce=int,
        initial=3,
        help_text=gettext_lazy("On the shop's clock; hourly ignores it."),
        widget=forms.Select(attrs={"class": "input"}),
    )
    weekday = forms.TypedChoiceField(
        label=gettext_lazy("On, when weekly"),
        choices=list(enumerate(WEEKDAYS, start=1)),
        coerce=int,
        widget=forms.Select(attrs={"class": "input"}),
    )
    day = forms.IntegerField(
        label=gettext_lazy("On the day, when monthly"),
        min_value=1,
        max_value=31,
        initial=1,
        help_text=gettext_lazy("A shorter month has it on its last day."),
        widget=forms.NumberInput(attrs={"class": "input"}),
    )
    keep = forms.IntegerField(
        label=gettext_lazy("Runs kept"),
        min_value=1,
        max_value=exports.MOST_KEPT,
        initial=exports.KEEP,
        help_text=gettext_lazy("Files of older runs are removed."),
        widget=forms.NumberInput(attrs={"class": "input"}),
    )
    tables = forms.MultipleChoiceField(
        label=gettext_lazy("Tables"),
        required=False,
        help_text=gettext_lazy("All of them, when none is ticked. They hold ids and numbers, never personal data."),
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.fields["tables"].choices = [(name, name) for name in exporting.names()]  # type: ignore[attr-defined]  # a field of choices


@dataclass(frozen=True)
class Shown:
    """One export in words, and its newest run."""

    export: Export
    run: Run | None

    @property
    def kind(self) -> str:
        return FORMATS[self.export.kind]

    @property
    def cadence(self) -> str:
        return in_words(self.export.cadence)

    @property
    def state(self) -> str:
        if self.run is None:
            return _("never written")
        if self.run.state != "done":
            return str(RUN_STATES[self.run.state])
        files = len(self.run.files)
        return ngettext("written, %(n)s file", "written, %(n)s files", files) % {"n": files}


@dataclass(frozen=True)
class Ran:
    """One run in words."""

    run: Run
    state: Any
    rows: int


@require_safe
@requires("exports.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Every export with its newest run."""
    return _list(request, NewExport())


@require_POST
@requires("exports.manage")
def make(request: HttpRequest) -> HttpResponseBase:
    """A new export."""
    form = NewExport(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        try:
            made = exports.make(
                name=told["name"],
                tables=told["tables"],
                kind=cast("Kind", told["kind"]),
                cadence=Cadence(cast("Round", told["round"]), told["hour"], told["weekday"], told["day"]),
                keep=told["keep"],
                at=timezone.now(),
                by=operators.actor(me(request)),
            )
        except Refusal as refusal:
            field = str(refusal.facts.get("field", ""))
            form.add_error(field if field in form.fields else None, str(SAID.get(refusal.code, refusal.message)))
        else:
            messages.success(request, _("The export is set up. Write it now, or wait for its time."))
            return redirect("console:export", public_id=made.public_id)
    return _list(request, form, status=422)


@require_safe
@requires("exports.read")
def export(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """One export, its runs and their files."""
    found = _found(public_id)
    ran = [
        Ran(run, RUN_STATES[run.state], sum(one.rows for one in run.files))
        for run in exports.runs(found.id, limit=SHOWN)
    ]
    return page(
        request,
        "console/export.html",
        title=found.name,
        one=Shown(found, ran[0].run if ran else None),
        ran=ran,
        folder=str(exports.folder() / found.name),
        may_manage=may(request, "exports.manage") and found.state != "retired",
    )


@require_POST
@requires("exports.manage")
def act(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Write it now, pause, resume or retire it."""
    found, now, by = _found(public_id), timezone.now(), operators.actor(me(request))
    if found.state == "retired":
        raise Http404
    match request.POST.get("act"):
        case "run":
            exports.run_now(export=found.id, key=str(uuid4()), at=now, by=by)
            messages.success(request, _("It is being written. Look again in a moment."))
        case "pause":
            exports.pause(export=found.id, at=now, by=by)
            messages.success(request, _("The clock does not write it any more until it is resumed."))
        case "resume":
            exports.resume(export=found.id, at=now, by=by)
            messages.success(request, _("The clock writes it again, from its next time on."))
        case "retire":
            exports.retire(export=found.id, at=now, by=by)
            messages.success(request, _("The export is retired. Its files stay."))
        case _:
            raise Http404
    return redirect("console:export", public_id=public_id)


@require_safe
@requires("exports.read")
def download(request: HttpRequest, public_id: str, run: int, name: str) -> HttpResponseBase:
    """One file of a run."""
    try:
        found = exports.file(export=_found(public_id).id, run=run, name=name)
    except Refusal:
        raise Http404 from None
    return FileSent(found.open("rb"), as_attachment=True, filename=found.name)


def in_words(cadence: Cadence) -> str:
    """When it comes round, in the reader's language."""
    told = {"hour": f"{cadence.hour:02}:00", "weekday": WEEKDAYS[cadence.weekday - 1], "day": cadence.day}
    match cadence.round:
        case "hourly":
            return _("every hour")
        case "daily":
            return _("every day at %(hour)s") % told
        case "weekly":
            return _("every %(weekday)s at %(hour)s") % told
        case "monthly":
            return _("on day %(day)s of each month at %(hour)s") % told


def _found(public_id: str) -> Export:
    try:
        return exports.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def health() -> list[Shown]:
    """How every export does. Two queries."""
    last = exports.last_runs()
    return [Shown(one, last.get(one.id)) for one in exports.every()]


def _list(request: HttpRequest, form: NewExport, status: int = 200) -> HttpResponseBase:
    return page(
        request,
        "console/exports.html",
        title=_("Exports"),
        status=status,
        rows=health(),
        form=form,
        may_manage=may(request, "exports.manage"),
    )
