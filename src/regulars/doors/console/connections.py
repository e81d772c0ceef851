"""Setup → Connections: the shop systems that tell us what happens there, how that goes, and what is written to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import inbox_words, shop_words
from regulars.doors.console.site import may, me, page
from regulars.facts.company import company
from regulars.facts.sources import connectable, connections, cursors, inbox, privacy_requests
from regulars.facts.sources.connectable import Connectable
from regulars.facts.sources.connections import Connection
from regulars.facts.sources.cursors import Cursor
from regulars.facts.sources.inbox import Counts, Delivery
from regulars.kit import civil
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import writing
from regulars.oversight.outbound.writing import Right, Writing
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SHOWN = 25
#: From when on a stream is called behind, beyond how seldom it is polled: most are polled every five minutes.
BEHIND, _ALWAYS = timedelta(minutes=30), timedelta(0)

STATES: dict[str, Any] = {
    "waiting": gettext_lazy("waits"),
    "done": gettext_lazy("taken"),
    "repeated": gettext_lazy("told nothing new"),
    "not_understood": gettext_lazy("not understood"),
    "set_aside": gettext_lazy("set aside"),
}
RIGHT_STATES: dict[str, Any] = {
    "waiting": gettext_lazy("waiting"),
    "written": gettext_lazy("written"),
    "refused": gettext_lazy("refused by the shop"),
    "unsupported": gettext_lazy("the shop cannot say it"),
    "dropped": gettext_lazy("nobody to say it of"),
}
REQUESTS: dict[str, Any] = {
    "data_request": gettext_lazy("wants to know what is stored of them"),
    "redact": gettext_lazy("wants to be forgotten"),
    "shop_redact": gettext_lazy("everybody of this shop is to be forgotten"),
    "deleted": gettext_lazy("was deleted in the shop: forget them here too, or leave them"),
}
SAID: dict[str, Any] = {
    "connections.name_taken": gettext_lazy("Another connection has or had this name; choose a new one."),
    "civil.unknown_zone": gettext_lazy("Write a zone such as Asia/Shanghai or Europe/London."),
}


class NewConnection(forms.Form):
    """What every kind is asked; the kind's own settings (`set_…`) and credentials (`key_…`) are added to it."""

    name = forms.CharField(
        label=gettext_lazy("What it is called"),
        max_length=connections.LONGEST_NAME,
        help_text=gettext_lazy("Small letters, digits, dots and dashes, such as tmall or web-shop."),
        widget=forms.TextInput(attrs={"class": "input", "autocapitalize": "none", "spellcheck": "false"}),
    )
    zone = forms.CharField(
        label=gettext_lazy("Its time zone"),
        max_length=60,
        widget=forms.TextInput(attrs={"class": "input", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, kind: Connectable, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.kind = kind
        for field in kind.settings:
            self.fields[f"set_{field.name}"] = forms.CharField(
                label=str(field.says),
                required=field.is_required,
                help_text="" if field.is_required else gettext_lazy("May be left empty."),
                max_length=500,
                widget=forms.TextInput(attrs={"class": "input", "autocapitalize": "none", "spellcheck": "false"}),
            )
        for field in kind.credentials:
            self.fields[f"key_{field.name}"] = forms.CharField(
                label=str(field.says),
                required=field.is_required,
                help_text="" if field.is_required else gettext_lazy("May be left empty."),
                max_length=connections.LONGEST_SECRET,
                widget=forms.PasswordInput(attrs={"class": "input", "autocomplete": "off"}),
            )

    def told(self, prefix: str) -> dict[str, str]:
        """What was filled in of one sort."""
        return {
            name.removeprefix(prefix): value
            for name, value in self.cleaned_data.items()
            if name.startswith(prefix) and value
        }

    def say(self, refusal: Refusal) -> None:
        """Say what was refused beside its field, where it has one here."""
        field = str(refusal.facts.get("field", ""))
        known = [name for name in (field, f"set_{field}", f"key_{field}") if name in self.fields]
        self.add_error(known[0] if known else None, str(SAID.get(refusal.code, refusal.message)))


@dataclass(frozen=True)
class Line:
    """One stream in words."""

    cursor: Cursor
    label: Any
    trouble: str
    is_behind: bool
    share: int | None


@dataclass(frozen=True)
class Shown:
    """One connection and how it does. `streams` are in the order in which they are read."""

    connection: Connection
    label: Any
    counts: Mapping[str, int]
    streams: Sequence[Line]
    refused: str
    writing: Writing | None
    can_be_asked: bool
    is_told: bool

    @property
    def not_understood(self) -> int:
        return self.counts.get("not_understood", 0)

    @property
    def waiting(self) -> int:
        return self.counts.get("waiting", 0)

    @property
    def gaps(self) -> int:
        return sum(line.cursor.gaps_found for line in self.streams)

    @property
    def is_failing(self) -> bool:
        return any(line.trouble for line in self.streams)

    @property
    def is_behind(self) -> bool:
        return any(line.is_behind for line in self.streams)

    @property
    def was_cut_off(self) -> bool:
        """Whether it is paused, and by nobody here: such as when the app was removed in the shop."""
        return self.connection.state == "paused" and self.connection.state_why != "by_hand"

    @property
    def wants_somebody(self) -> bool:
        """Whether somebody should look at it."""
        if self.connection.state != "on":
            return self.was_cut_off
        return bool(self.is_failing or self.refused or self.is_behind or self.not_understood)


def health(only: int | None = None) -> list[Shown]:
    """How every connection does, or one. Four queries."""
    every = [one for one in connections.every() if only in (None, one.id)]
    counts, streams = inbox.counts(), cursors.of_many([one.id for one in every])
    written = {one.connection: one for one in writing.every()}
    kinds, now = connectable.kinds(), timezone.now()
    return [
        _shown(one, kinds.get(one.kind), counts.get(one.id, Counts({})), streams[one.id], written.get(one.id), now)
        for one in every
    ]


def _state(one: Delivery) -> Any:
    is_gone = one.state == "not_understood" and one.code == inbox.GONE
    return _("gone from the shop") if is_gone else STATES[one.state]


@require_safe
@requires("sources.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Every connection with its health."""
    return page(
        request,
        "console/connections.html",
        title=_("Connections"),
        rows=health(),
        kinds=sorted(connectable.kinds().values(), key=lambda one: str(one.label)),
        may_manage=may(request, "sources.manage"),
    )


@require_safe
@requires("sources.manage")
def begin(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The questions of one kind of shop."""
    return _form(request, NewConnection(_kind(kind), initial={"zone": company.shop().zone}))


@require_POST
@requires("sources.manage")
def connect(request: HttpRequest, kind: str) -> HttpResponseBase:
    """A new connection, once the shop has said who it is."""
    found = _kind(kind)
    form = NewConnection(found, request.POST)
    if not form.is_valid():
        return _form(request, form, status=422)
    try:
        civil.zone(form.cleaned_data["zone"])
        settings, credentials = dict(found.check(form.told("set_"))), form.told("key_")
        if not request.POST.get("without_trial"):
            answer = found.trial(settings, credentials, form.cleaned_data["zone"])
            settings = {name: answer[name] for name in found.wanted_of_trial if name in answer} | settings
        made = connections.connect(
            name=form.cleaned_data["name"],
            kind=kind,
            zone=form.cleaned_data["zone"],
            credentials=credentials,
            settings=settings,
            at=timezone.now(),
            by=operators.actor(me(request)),
        )
    except Refusal as refusal:
        form.say(refusal)
        return _form(request, form, status=422, is_unreached=refusal.code == connectable.NotReached.code)
    messages.success(
        request,
        _("The shop is connected. Bring its history in next, and have it send its messages.")
        if found.can_be_asked
        else _("The shop is connected. Have it send its messages to the address below.")
        if found.is_told
        else _("The folder is watched. Files that are left in it are taken within a minute."),
    )
    return redirect("console:connection", public_id=made.public_id)


@require_safe
@requires("sources.read")
def connection(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """One connection: its streams, what came, what is written to it."""
    return _page(request, _found(public_id))


@require_POST
@requires("sources.manage")
def act(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Bring the history in, poll, pause, resume, disconnect, have it send its messages."""
    found, now, by = _alive(public_id), timezone.now(), operators.actor(me(request))
    kind = _kind(found.kind)
    match request.POST.get("act"):
        case "backfill":
            with transaction.atomic():
                begun = kind.backfill(found, now)
            messages.success(
                request,
                _("Its history is being read, as history: nobody is greeted.")
                if begun
                else _("Its history is being read already."),
            )
        case "poll":
            with transaction.atomic():
                begun = kind.poll(found, now)
            messages.success(
                request,
                _("What changed is being read.")
                if begun
                else _("There is nothing to read: it is being read already, or its history was not brought in yet."),
            )
        case "pause":
            connections.pause(connection=found.id, at=now, by=by)
            messages.success(request, _("Nothing is asked there now. What it tells is kept and waits."))
        case "resume":
            connections.resume(connection=found.id, at=now, by=by)
            messages.success(request, _("It is asked again, and what waits is taken within two minutes."))
        case "disconnect":
            connections.disconnect(connection=found.id, at=now, by=by)
            messages.success(request, _("The shop is disconnected and its secrets are forgotten. What it told stays."))
        case "subscribe":
            return _subscribe(request, found, kind)
        case _:
            raise Http404
    return redirect("console:connection", public_id=public_id)


@require_POST
@requires("sources.manage")
def rotate(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """New credentials; for a day messages signed with the old secret are believed, too."""
    found = _alive(public_id)
    told = {
        field.name: value
        for field in _kind(found.kind).credentials
        if (value := request.POST.get(f"key_{field.name}", "").strip())
    }
    try:
        _kind(found.kind).check_credentials(told, is_new=False)
        connections.rotate_secret(
            connection=found.id, credentials=told, at=timezone.now(), by=operators.actor(me(request))
        )
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The new ones count. For 24 hours messages signed with the old secret do, too."))
    return redirect("console:connection", public_id=public_id)


@require_POST
@requires("sources.manage")
def allow(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """What may be written to the shop."""
    writing.allow(
        connection=_alive(public_id).id,
        codes="codes" in request.POST,
        attributes="attributes" in request.POST,
        at=timezone.now(),
        by=operators.actor(me(request)),
    )
    messages.success(request, _("Saved. What is wanted already is written within a minute."))
    return redirect("console:connection", public_id=public_id)


@require_POST
@requires("sources.manage")
def write_again(request: HttpRequest, public_id: str, right: int) -> HttpResponseBase:
    """One right at once, with all its tries."""
    found = _alive(public_id)
    if not any(one.id == right for one in writing.of_connection(found.id, before=right + 1, limit=1)):
        raise Http404
    writing.again(right=right, at=timezone.now(), by=operators.actor(me(request)))
    messages.success(request, _("It is written again."))
    return redirect("console:connection", public_id=public_id)


@require_POST
@requires("sources.manage")
def settle(request: HttpRequest, public_id: str, delivery: int) -> HttpResponseBase:
    """Take a delivery again, or set it aside."""
    found, now, by = _found(public_id), timezone.now(), operators.actor(me(request))
    try:
        if inbox.get(delivery).connection != found.id:
            raise Http404
        if request.POST.get("act") == "replay":
            inbox.replay(number=delivery, at=now, by=by)
            messages.success(request, _("It is taken again within two minutes."))
        else:
            inbox.set_aside(number=delivery, at=now, by=by)
            messages.success(request, _("It is set aside. It can be taken again while it is kept."))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("console:connection", public_id=public_id)


@require_POST
@requires("sources.manage")
def replay_all(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Everything that was not understood is taken again, such as after an update of this program."""
    count = inbox.replay_all(connection=_alive(public_id).id, at=timezone.now(), by=operators.actor(me(request)))
    messages.success(
        request,
        ngettext(
            "%(count)s message is taken again within two minutes.",
            "%(count)s messages are taken again within two minutes.",
            count,
        )
        % {"count": count},
    )
    return redirect("console:connection", public_id=public_id)


@require_POST
@requires("sources.manage")
def answer_request(request: HttpRequest, public_id: str, number: int) -> HttpResponseBase:
    """A person's request was done."""
    found = _found(public_id)
    if not any(one.id == number and one.connection == found.id for one in privacy_requests.still_open()):
        raise Http404
    how = request.POST.get("how", "").strip()
    if not how or len(how) > 200:
        messages.error(request, _("Write in a few words what was done."))
    else:
        privacy_requests.settle(request=number, how=how, at=timezone.now(), by=operators.actor(me(request)))
        messages.success(request, _("The request is settled."))
    return redirect("console:connection", public_id=public_id)


def _subscribe(request: HttpRequest, found: Connection, kind: Connectable) -> HttpResponseBase:
    try:
        made = kind.subscribe(found, request.build_absolute_uri(_path(found)))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(
            request,
            _("The shop sends its messages here now: %(topics)s") % {"topics": ", ".join(made)}
            if made
            else _("The shop sends all its messages here already."),
        )
    return redirect("console:connection", public_id=found.public_id)


def _path(one: Connection) -> str:
    return f"/hooks/{one.kind}/{one.public_id}"


def _kind(kind: str) -> Connectable:
    try:
        return connectable.of(kind)
    except Refusal:
        raise Http404 from None


def _found(public_id: str) -> Connection:
    try:
        return connections.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def _alive(public_id: str) -> Connection:
    found = _found(public_id)
    if found.state == "retired":
        raise Http404
    return found


def _shown(
    one: Connection,
    kind: Connectable | None,
    counts: Counts,
    streams: Sequence[Cursor],
    written: Writing | None,
    now: datetime,
) -> Shown:
    labels = dict(kind.streams) if kind is not None else {}
    apart = kind.every if kind is not None else {}
    order = list(labels)
    lines = [
        Line(
            cursor,
            labels.get(cursor.stream, cursor.stream),
            shop_words.trouble(cursor.problem),
            one.state == "on"
            and cursor.seen_until is not None
            and now - cursor.seen_until > BEHIND + apart.get(cursor.stream, _ALWAYS),
            None if not cursor.walk or not cursor.expected else min(100, 100 * cursor.walk_seen // cursor.expected),
        )
        for cursor in sorted(
            streams,
            key=lambda cursor: (
                cursor.stream not in order,
                order.index(cursor.stream) if cursor.stream in order else 0,
            ),
        )
    ]
    is_refused = one.refused_at is not None and (one.heard_at is None or one.heard_at < one.refused_at)
    return Shown(
        one,
        kind.label if kind is not None else one.kind,
        counts.by_state,
        lines,
        shop_words.refused(one.refused_why) if is_refused else "",
        written,
        kind is None or kind.can_be_asked,
        kind is None or kind.is_told,
    )


def _form(
    request: HttpRequest, form: NewConnection, status: int = 200, *, is_unreached: bool = False
) -> HttpResponseBase:
    return page(
        request,
        "console/connection_new.html",
        title=_("Connect %(shop)s") % {"shop": form.kind.label},
        status=status,
        form=form,
        kind=form.kind,
        is_unreached=is_unreached,
    )


def _page(request: HttpRequest, found: Connection) -> HttpResponseBase:
    [shown] = health(found.id)
    kind = connectable.kinds().get(found.kind)
    is_filtered = request.GET.get("state") == "not_understood"
    before = request.GET.get("before", "")
    came: list[Delivery] = inbox.search(
        connection=found.id,
        state="not_understood" if is_filtered else None,
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
        limit=SHOWN + 1,
    )
    older, came = came[SHOWN - 1].id if len(came) > SHOWN else None, came[:SHOWN]
    stuck: list[Right] = writing.of_connection(found.id, state="refused", limit=SHOWN)
    is_alive = found.state != "retired"
    return page(
        request,
        "console/connection.html",
        title=found.name,
        one=shown,
        kind=kind,
        came=[(one, _state(one), *inbox_words.reason(one, shop_words.trouble(one.code))) for one in came],
        is_filtered=is_filtered,
        older=older,
        requests=[(one, REQUESTS[one.kind]) for one in privacy_requests.still_open() if one.connection == found.id],
        rights=[(RIGHT_STATES[state], count) for state, count in sorted(writing.counts(found.id).items())],
        stuck=[(one, shop_words.trouble(one.error, one.error_why)) for one in stuck],
        writing_trouble=shop_words.trouble(shown.writing.problem) if shown.writing else "",
        address=request.build_absolute_uri(_path(found)),
        may_manage=may(request, "sources.manage") and is_alive and kind is not None,
    )
