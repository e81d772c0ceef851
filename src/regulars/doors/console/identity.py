"""Identity review: questions whether two records are one person, side by side, answered and taken back."""

from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import identity_words, likeness_words, people
from regulars.doors.console.site import fragment, may, me, page
from regulars.facts.company import company
from regulars.facts.customers import customers, identity, looking, persons, reviews
from regulars.facts.customers.records import RecordView
from regulars.facts.customers.reviews import Place, Question
from regulars.insight.measures import readings
from regulars.kit import paging
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SIZE = 50
ANY = "any"


ORDERS: dict[str, Promise] = {"newest": gettext_lazy("newest first"), "likeliest": gettext_lazy("likeliest first")}


class Filters(forms.Form):
    """What the list may be narrowed by; what cannot be read is left out."""

    kind = forms.ChoiceField(required=False, choices=[(kind, kind) for kind in reviews.KINDS])
    state = forms.ChoiceField(required=False, choices=[(state, state) for state in (*reviews.STATES, ANY)])
    order = forms.ChoiceField(required=False, choices=[(order, order) for order in ORDERS])
    after = forms.CharField(required=False, max_length=200)


@require_safe
@requires("identity.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Newest or likeliest first, with why each is asked; people masked."""
    wanted, cursor = _wanted(request)
    rows = reviews.listed(**wanted.narrowing, after=_after(cursor), limit=SIZE + 1)
    cut = paging.cut(rows, SIZE, of=reviews.LIST, key=lambda one: one.place.key)
    named = _named([number for one in cut.items for number in (one.one, one.other)])
    return page(
        request,
        "console/identity.html",
        title=_("Identity review"),
        rows=[
            {
                "one": one,
                "why": _why(one),
                "likely": likeness_words.likely(one.score),
                "signs": likeness_words.signs(one.signs),
                "state": reviews.STATES[one.state],
                "sides": [named.get(one.one), named.get(one.other)],
            }
            for one in cut.items
        ],
        kinds=reviews.KINDS,
        states=reviews.STATES,
        orders=ORDERS,
        wanted=wanted,
        count=reviews.count_open(wanted.kind),
        counted=reviews.COUNTED,
        may_rule=may(request, "identity.rules"),
        next=f"?{urlencode({**wanted.said, 'after': cut.next})}" if cut.next else "",
        first=f"?{wanted.query}" if cursor else "",
        **_look(request),
    )


@require_POST
@requires("identity.decide")
def look(request: HttpRequest) -> HttpResponseBase:
    """Ask for a look for likely duplicates, in the background."""
    looking.soon(at=timezone.now(), by=operators.actor(me(request)))
    return redirect(f"{reverse('console:identity')}?{urlencode({'kind': 'likeness'})}")


@require_safe
@requires("identity.read")
def looked(request: HttpRequest) -> HttpResponseBase:
    """How far the look is: the part of the page that keeps itself up to date."""
    return fragment(request, "console/identity_look.html", **_look(request))


@require_safe
@requires("identity.read")
def question(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """One question, both sides beside each other, and what joining them would move."""
    asked = _found(public_id)
    decided = next(
        (one for one in reviews.decisions_of([asked.one]) if (one.one, one.other) == (asked.one, asked.other)), None
    )
    context: dict[str, Any] = {} if asked.kind == "worn" else _sides(asked.one, asked.other)
    return page(
        request,
        "console/identity_question.html",
        title=_("The same person?") if asked.kind != "worn" else _("A contact of many"),
        asked=asked,
        why=_why(asked),
        state=reviews.STATES[asked.state],
        used_by=reviews.used_by(asked) if asked.kind == "worn" else 0,
        identifier=identity_words.kind(asked.identifier_kind),
        decided={"why": identity_words.why(decided.why), "at": decided.at} if decided else None,
        address=reverse("console:question-answer", args=[asked.public_id]),
        is_open=asked.state == "open",
        may_decide=may(request, "identity.decide"),
        may_rule=may(request, "identity.rules"),
        reasons=identity_words.REASONS,
        key=uuid4().hex,
        **context,
    )


@require_POST
@requires("identity.decide")
def answer(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Join, keep apart, take back; or of a contact of many: block it, leave it."""
    asked = _found(public_id)
    told: dict[str, Any] = {"review": asked, "at": timezone.now(), "by": operators.actor(me(request))}
    act, why = request.POST.get("act", ""), identity_words.reason(request.POST.get("why", ""))
    if act == "block" and not may(request, "identity.rules"):
        raise PermissionDenied
    try:
        if act == "block":
            messages.success(request, identity_words.came_to(reviews.block(**told)))
        elif act == "set_aside":
            reviews.set_aside(**told)
            messages.success(request, _("It is left as it is."))
        elif why is None:
            messages.error(request, _("Say why first."))
        elif verb := {"join": reviews.join, "apart": reviews.keep_apart, "undo": reviews.undo}.get(act):
            changed = verb(**told, why=why, key=_key(request, act))
            messages.success(request, identity_words.came_to(changed))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("console:question", public_id=asked.public_id)


@require_safe
@requires("identity.decide")
def beside(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Any two people beside each other, for who knows that they are one."""
    one, other = _person(public_id), _person(request.GET.get("other", ""))
    if one == other:
        messages.info(request, _("They are one person already."))
        return redirect("console:standing", public_id=customers.get(one).public_id)
    return page(
        request,
        "console/identity_question.html",
        title=_("The same person?"),
        asked=None,
        address=reverse("console:beside-answer", args=[public_id]),
        other=request.GET.get("other", ""),
        is_open=True,
        may_decide=True,
        reasons=identity_words.REASONS,
        key=uuid4().hex,
        **_sides(one, other),
    )


@require_POST
@requires("identity.decide")
def answer_beside(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Join two people, or keep them apart, that nothing asked about."""
    one, other = _person(public_id), _person(request.POST.get("other", ""))
    why, act = identity_words.reason(request.POST.get("why", "")), request.POST.get("act", "")
    if why is None:
        messages.error(request, _("Say why first."))
        back = urlencode({"other": request.POST.get("other", "")})
        return redirect(f"{reverse('console:beside', args=[public_id])}?{back}")
    try:
        verb = identity.join if act == "join" else identity.keep_apart
        changed = verb(
            one=one,
            other=other,
            why=why,
            key=_key(request, act),
            at=timezone.now(),
            by=operators.actor(me(request)),
        )
        messages.success(request, identity_words.came_to(changed))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("console:standing", public_id=customers.get(one).public_id)


def _sides(one: int, other: int) -> dict[str, Any]:
    found = reviews.sides(one=one, other=other)
    is_one = persons.of(one) == persons.of(other)
    preview = None if is_one else identity.preview_join(one=one, other=other, at=timezone.now())
    return {
        "sides": [_side(found.one), *([] if is_one else [_side(found.other)])],
        "in_common": [identity_words.kind(name) for name in found.in_common],
        "preview": preview,
        "effects": identity_words.effects(preview) if preview else [],
    }


def _side(of: tuple[RecordView, ...]) -> dict[str, Any]:
    person = of[0]
    [shown] = people.shown([person.id])
    return {
        "shown": shown,
        "records": identity_words.told(of),
        "reading": readings.of(person.id),
    }


def _named(numbers: list[int]) -> dict[int, people.Shown]:
    found = list(dict.fromkeys(numbers))
    person_of = persons.of_many(found)
    shown = {one.id: one for one in people.shown(list(dict.fromkeys(person_of.values())))}
    return {number: shown[person] for number, person in person_of.items() if person in shown}


def _why(asked: Question) -> str:
    words = str(reviews.KINDS.get(asked.kind, asked.kind))
    if not asked.identifier_kind:
        return words
    return _("%(why)s: %(kind)s") % {"why": words, "kind": identity_words.kind(asked.identifier_kind)}


def _key(request: HttpRequest, act: str) -> str:
    """The form's own, so that two clicks are one act."""
    return f"console:{me(request)}:{act}:{request.POST.get('key', '')[:64] or uuid4().hex}"


def _found(public_id: str) -> Question:
    try:
        return reviews.get(public_id)
    except Refusal:
        raise Http404 from None


def _person(public_id: str) -> int:
    try:
        return customers.by_public_id(public_id).id
    except Refusal:
        raise Http404 from None


@dataclass(frozen=True)
class Wanted:
    """Which questions somebody goes through, in which order."""

    kind: str
    state: str
    order: str

    @property
    def narrowing(self) -> dict[str, Any]:
        """As `reviews.listed` takes it."""
        state = None if self.state == ANY else self.state
        return {"kind": self.kind, "state": state, "order": self.order}

    @property
    def said(self) -> dict[str, str]:
        """What of it has to stand in an address."""
        usual = {"kind": "", "state": "open", "order": "newest"}
        return {name: value for name, value in asdict(self).items() if value != usual[name]}

    @property
    def query(self) -> str:
        """The same as an address ends."""
        return urlencode(self.said)

    @property
    def is_narrowed(self) -> bool:
        """Whether some questions are left out that wait."""
        return bool(self.kind or self.state != "open")


def _wanted(request: HttpRequest) -> tuple[Wanted, str]:
    """Which questions are asked for, and the page's cursor."""
    form = Filters(request.GET)
    form.is_valid()
    told = {name: str(form.cleaned_data.get(name) or "") for name in Filters.base_fields}
    return Wanted(told["kind"], told["state"] or "open", told["order"] or "newest"), told["after"]


def _after(cursor: str) -> Place | None:
    try:
        return reviews.place_at(cursor) if cursor else None
    except paging.BadCursor:
        return None


def _look(request: HttpRequest) -> dict[str, Any]:
    last = looking.last(at=timezone.now())
    return {
        "look": last,
        "is_looking": last is not None and last.state in ("waiting", "running"),
        "may_look": may(request, "identity.decide"),
        "zone": company.shop().zone,
    }
