"""Setup → Webhooks: which programs outside hear what happens here, and how it goes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.site import may, me, page
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import catalogue, deliveries, endpoints
from regulars.oversight.outbound.deliveries import Delivery
from regulars.oversight.outbound.endpoints import Endpoint, Made, Waiting
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SHOWN = 25
#: From when on what waits is called late.
LATE = timedelta(minutes=15)

#: What went wrong, by its code.
WENT_WRONG: dict[str, Any] = {
    "timeout": gettext_lazy("it did not answer in 15 seconds"),
    "tls": gettext_lazy("its certificate is not trusted, or belongs to another name"),
    "redirect": gettext_lazy("it answered with a redirect, which is never followed"),
    "gone": gettext_lazy("it said that it is gone (410)"),
    "status": gettext_lazy("it answered with an error"),
    "refused_address": gettext_lazy("its name stands for a private address, which is never called"),
    "unknown_host": gettext_lazy("its name is not known"),
    "no_connection": gettext_lazy("nobody answers at its address"),
    "reset": gettext_lazy("it broke the connection off"),
    "bad_answer": gettext_lazy("its answer is no HTTP"),
    "too_long": gettext_lazy("its answer was endless"),
    "unreadable": gettext_lazy("the message could not be written: what it tells of is not kept any more"),
    "ours": gettext_lazy("something broke on our side"),
}
DELIVERY_STATES: dict[str, Any] = {
    "waiting": gettext_lazy("waits"),
    "delivered": gettext_lazy("delivered"),
    "given_up": gettext_lazy("given up"),
    "set_aside": gettext_lazy("set aside"),
}
#: Refusals in the reader's language, by their codes; the others say themselves what to mend.
SAID: dict[str, Any] = {
    "webhooks.bad_name": gettext_lazy(
        "Use small letters, digits, dots, dashes and underscores, and begin with a letter or digit."
    ),
    "webhooks.name_taken": gettext_lazy("Another endpoint has or had this name; choose a new one."),
    "webhooks.bad_url": gettext_lazy(
        "Write it as https://example.com/hooks: a public host, port 443 or 8443, no user, no password."
    ),
    "webhooks.too_many": gettext_lazy("There are too many endpoints; retire one first."),
    "webhooks.bad_description": gettext_lazy("Write one line of at most 200 characters."),
}


class NewEndpoint(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("What it is called"),
        max_length=endpoints.LONGEST_NAME,
        help_text=gettext_lazy("Small letters, digits, dots and dashes, such as erp or mail-tool."),
        widget=forms.TextInput(attrs={"class": "input", "autocapitalize": "none", "spellcheck": "false"}),
    )
    url = forms.CharField(
        label=gettext_lazy("Where it listens"),
        max_length=2000,
        help_text=gettext_lazy("An address that begins with https://."),
        widget=forms.TextInput(
            attrs={"class": "input", "inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    description = forms.CharField(
        label=gettext_lazy("What it is for"),
        max_length=endpoints.LONGEST_DESCRIPTION,
        required=False,
        widget=forms.TextInput(attrs={"class": "input"}),
    )
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("It hears"),
        required=False,
        choices=[(kind.name, kind.words) for kind in catalogue.KINDS.values()],
        help_text=gettext_lazy("Everything, when nothing is ticked."),
        widget=forms.CheckboxSelectMultiple,
    )
    wants_history = forms.BooleanField(
        label=gettext_lazy("Also what is imported of the past"),
        required=False,
    )


@dataclass(frozen=True)
class Shown:
    """One endpoint and how it does. `trouble` is "" after a success."""

    endpoint: Endpoint
    waiting: Waiting
    trouble: str
    is_late: bool


@dataclass(frozen=True)
class Sent:
    """One message in words."""

    delivery: Delivery
    words: Any
    state: Any
    trouble: str


def health() -> list[Shown]:
    """How every endpoint does. Two queries."""
    waiting, now = endpoints.waiting(), timezone.now()
    found = []
    for one in endpoints.every():
        waits = waiting.get(one.id, Waiting())
        is_late = waits.since is not None and now - waits.since > LATE
        found.append(Shown(one, waits, trouble(one.last_error, one.last_status), is_late))
    return found


def trouble(error: str, status: int | None) -> str:
    """What went wrong in words, with the status where it says more; "" for nothing."""
    if not error:
        return ""
    words = str(WENT_WRONG.get(error, error))
    return f"{words} ({status})" if error in {"status", "redirect"} and status is not None else words


@require_safe
@requires("webhooks.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Every endpoint with its health."""
    return _list(request, NewEndpoint())


@require_POST
@requires("webhooks.manage")
def make(request: HttpRequest) -> HttpResponseBase:
    """A new endpoint; its secret is shown on this answer only."""
    form = NewEndpoint(request.POST)
    if form.is_valid():
        try:
            made = endpoints.make(**form.cleaned_data, at=timezone.now(), by=operators.actor(me(request)))
        except Refusal as refusal:
            field = str(refusal.facts.get("field", ""))
            form.add_error(field if field in form.fields else None, str(SAID.get(refusal.code, refusal.message)))
        else:
            return _page(request, made.endpoint, made=made)
    return _list(request, form, status=422)


@require_safe
@requires("webhooks.read")
def webhook(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """One endpoint: how it does, its last messages."""
    return _page(request, _found(public_id))


@require_POST
@requires("webhooks.manage")
def rotate(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A new secret, which is shown on this answer only."""
    made = endpoints.rotate(endpoint=_alive(public_id).id, at=timezone.now(), by=operators.actor(me(request)))
    return _page(request, made.endpoint, made=made)


@require_POST
@requires("webhooks.manage")
def act(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Pause, resume, retire, or try it out."""
    found, now, by = _alive(public_id), timezone.now(), operators.actor(me(request))
    match request.POST.get("act"):
        case "pause":
            endpoints.pause(endpoint=found.id, at=now, by=by)
            messages.success(request, _("Nothing is sent there now. What is told waits."))
        case "resume":
            endpoints.resume(endpoint=found.id, at=now, by=by)
            messages.success(request, _("Messages go there again, first what waits."))
        case "retire":
            endpoints.retire(endpoint=found.id, at=now, by=by)
            messages.success(request, _("The endpoint is retired. Nothing is sent there any more."))
        case "trial":
            deliveries.send_trial(endpoint=found.id, at=now, by=by)
            messages.success(request, _("A trial message is on its way. Look again in a moment."))
        case _:
            raise Http404
    return redirect("console:webhook", public_id=public_id)


@require_POST
@requires("webhooks.manage")
def replay(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Everything of the last days again."""
    found, now = _alive(public_id), timezone.now()
    days = request.POST.get("days", "")
    if days not in {"1", "7", "30"}:
        raise Http404
    deliveries.replay(endpoint=found.id, since=now - timedelta(days=int(days)), at=now, by=operators.actor(me(request)))
    messages.success(request, _("It is sent again, each customer's in order, with the ids it had."))
    return redirect("console:webhook", public_id=public_id)


@require_POST
@requires("webhooks.manage")
def send_again(request: HttpRequest, public_id: str, message: str) -> HttpResponseBase:
    """One message again, with its id."""
    found = _alive(public_id)
    try:
        deliveries.send_again(endpoint=found.id, message_id=message, at=timezone.now(), by=operators.actor(me(request)))
    except Refusal:
        raise Http404 from None
    messages.success(request, _("The message is on its way again."))
    return redirect("console:webhook", public_id=public_id)


def _found(public_id: str) -> Endpoint:
    try:
        return endpoints.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def _alive(public_id: str) -> Endpoint:
    found = _found(public_id)
    if found.state == "retired":
        raise Http404
    return found


def _list(request: HttpRequest, form: NewEndpoint, status: int = 200) -> HttpResponseBase:
    return page(
        request,
        "console/webhooks.html",
        title=_("Webhooks"),
        status=status,
        rows=health(),
        most=endpoints.MOST_COUNTED,
        form=form,
        may_manage=may(request, "webhooks.manage"),
    )


def _page(request: HttpRequest, found: Endpoint, *, made: Made | None = None) -> HttpResponseBase:
    [shown] = [one for one in health() if one.endpoint.id == found.id]
    sent = [
        Sent(
            one,
            catalogue.KINDS[one.kind].words if one.kind in catalogue.KINDS else _("A trial"),
            DELIVERY_STATES[one.state],
            trouble(one.error, one.status),
        )
        for one in deliveries.of_endpoint(found.id, limit=SHOWN)
    ]
    return page(
        request,
        "console/webhook.html",
        title=found.name,
        one=shown,
        sent=sent,
        most=endpoints.MOST_COUNTED,
        kinds=[catalogue.KINDS[kind].words for kind in found.kinds if kind in catalogue.KINDS],
        secret=made.secret if made else "",
        may_manage=may(request, "webhooks.manage") and found.state != "retired",
    )
