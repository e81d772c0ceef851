"""Identity review, one question: two people side by side, joined, kept apart and taken back; and on to the next."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import actors, identity_sides, identity_words, likeness_words, people, refused
from regulars.doors.console.identity_list import Wanted, last_decision, wanted_of
from regulars.doors.console.site import may, me, page
from regulars.facts.company import company
from regulars.facts.customers import comparison, customers, decisions, identity, persons, reviews
from regulars.facts.customers.comparison import Comparison
from regulars.facts.customers.profiles import PURPOSE_LABELS, Purpose
from regulars.facts.customers.records import RecordView
from regulars.facts.customers.reviews import Question
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires


@require_safe
@requires("identity.read")
def question(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """One question, both sides beside each other, what joining them would move, and the way to the next."""
    return _question_page(request, _found(public_id))


@require_POST
@requires("identity.read")
def reveal(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Both sides in plain text, on this answer only; who looked and why is written down for both."""
    asked = _found(public_id)
    if asked.kind == "worn":
        raise Http404
    purpose = _purpose(request)
    if purpose is None:
        messages.error(request, _("Say what you need it for first."))
        return redirect(f"{reverse('console:question', args=[asked.public_id])}?{wanted_of(request)[0].query}")
    told = _revealed(request, asked.one, asked.other, purpose)
    return _question_page(request, asked, told, PURPOSE_LABELS[purpose])


def _question_page(
    request: HttpRequest, asked: Question, compared: Comparison | None = None, purpose: Promise | str = ""
) -> HttpResponseBase:
    wanted, _cursor = wanted_of(request)
    about_two = asked.kind != "worn"
    context: dict[str, Any] = (
        _sides(request, asked.one, asked.other, compared, purpose, asked.asks[0].kind) if about_two else {}
    )
    before, after = reviews.neighbours(of=asked, **wanted.narrowing)
    return page(
        request,
        "console/identity_question.html",
        title=_("The same person?") if about_two else _("A contact of many"),
        asked=asked,
        whys=identity_words.asks(asked),
        likely=likeness_words.likely(asked.likeness.score) if asked.likeness else None,
        state=reviews.STATES[asked.state],
        **({} if about_two else _used(asked)),
        address=reverse("console:question-answer", args=[asked.public_id]),
        reveal_address=reverse("console:question-reveal", args=[asked.public_id]),
        is_open=asked.state == "open",
        may_decide=may(request, "identity.decide"),
        may_rule=may(request, "identity.rules"),
        reasons=identity_words.REASONS,
        key=uuid4().hex,
        wanted=wanted,
        before=before,
        after=after,
        count=reviews.count_open(wanted.kind),
        counted=reviews.COUNTED,
        **last_decision(request),
        **context,
    )


@require_POST
@requires("identity.decide")
def answer(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Join, keep apart, take back; or of a contact of many: block it, leave it. On to the next question."""
    asked, (wanted, _cursor) = _found(public_id), wanted_of(request)
    told: dict[str, Any] = {"review": asked, "at": timezone.now(), "by": operators.actor(me(request))}
    act, why = request.POST.get("act", ""), identity_words.reason(request.POST.get("why", ""))
    if act == "block" and not may(request, "identity.rules"):
        raise PermissionDenied
    is_done = False
    try:
        if act == "block":
            messages.success(request, identity_words.came_to(reviews.block(**told)))
            is_done = True
        elif act == "set_aside":
            reviews.set_aside(**told)
            messages.success(request, _("It is left as it is."))
            is_done = True
        elif why is None:
            messages.error(request, _("Say why first."))
        elif verb := {"join": reviews.join, "apart": reviews.keep_apart, "undo": reviews.undo}.get(act):
            changed = verb(**told, why=why, key=_key(request, act))
            messages.success(request, identity_words.came_to(changed))
            is_done = act != "undo"
    except Refusal as refusal:
        messages.error(request, refused.words(refusal))
    return _onward(asked, wanted) if is_done else _to(asked, wanted.said)


def _onward(asked: Question, wanted: Wanted) -> HttpResponseBase:
    """To the next question of the list, from its beginning again after the last, with the way to take this one back."""
    said = {**wanted.said, "done": asked.public_id}
    _before, after = reviews.neighbours(of=asked, **wanted.narrowing)
    if after is None:
        after = next((one for one in reviews.listed(**wanted.narrowing, limit=2) if one.id != asked.id), None)
    if after is None:
        return redirect(f"{reverse('console:identity')}?{urlencode(said)}")
    return _to(after, said)


def _to(asked: Question, said: Mapping[str, str]) -> HttpResponseBase:
    path = reverse("console:question", args=[asked.public_id])
    return redirect(f"{path}?{urlencode(said)}" if said else path)


@require_safe
@requires("identity.decide")
def beside(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Any two people beside each other, for who knows that they are one."""
    return _beside_page(request, public_id, request.GET.get("other", ""))


@require_POST
@requires("identity.decide")
def reveal_beside(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """As `reveal`, of two people that nothing asked about."""
    other = request.POST.get("other", "")
    purpose = _purpose(request)
    if purpose is None:
        messages.error(request, _("Say what you need it for first."))
        return redirect(f"{reverse('console:beside', args=[public_id])}?{urlencode({'other': other})}")
    told = _revealed(request, _person(public_id), _person(other), purpose)
    return _beside_page(request, public_id, other, told, PURPOSE_LABELS[purpose])


def _beside_page(
    request: HttpRequest, public_id: str, typed: str, compared: Comparison | None = None, purpose: Promise | str = ""
) -> HttpResponseBase:
    one, other = _person(public_id), _person(typed)
    if one == other:
        messages.info(request, _("They are one person already."))
        return redirect("console:standing", public_id=customers.get(one).public_id)
    return page(
        request,
        "console/identity_question.html",
        title=_("The same person?"),
        asked=None,
        address=reverse("console:beside-answer", args=[public_id]),
        reveal_address=reverse("console:beside-reveal", args=[public_id]),
        other=typed,
        is_open=True,
        may_decide=True,
        reasons=identity_words.REASONS,
        key=uuid4().hex,
        **_sides(request, one, other, compared, purpose),
    )


@require_POST
@requires("identity.decide")
def answer_beside(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Join two people, or keep them apart, that nothing asked about; or take back what was decided of them."""
    one, other = _person(public_id), _person(request.POST.get("other", ""))
    why, act = identity_words.reason(request.POST.get("why", "")), request.POST.get("act", "")
    if why is None:
        messages.error(request, _("Say why first."))
        back = urlencode({"other": request.POST.get("other", "")})
        return redirect(f"{reverse('console:beside', args=[public_id])}?{back}")
    verb = {"join": identity.join, "apart": identity.keep_apart, "undo": reviews.undo_between}.get(act)
    if verb is None:
        raise Http404
    try:
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
        messages.error(request, refused.words(refusal))
    return redirect("console:standing", public_id=customers.get(one).public_id)


def _used(asked: Question) -> dict[str, Any]:
    """The identifier that too many use, and who does."""
    used = reviews.users_of(asked)
    return {
        "identifier": identity_words.kind(asked.identifier_kind),
        "contact": used.shown,
        "used_by": used.count,
        "users": people.shown(used.people),
        "others": used.count - len(used.people),
    }


def _sides(
    request: HttpRequest, one: int, other: int, compared: Comparison | None, purpose: Promise | str, asked_by: str = ""
) -> dict[str, Any]:
    found = reviews.sides(one=one, other=other)
    decided = decisions.between(one, other)
    by = actors.told(told.by for told in decided)
    is_one = persons.of(one) == persons.of(other)
    preview = None if is_one else identity.preview_join(one=one, other=other, at=timezone.now())
    if compared is None and not is_one:
        compared = comparison.of(one=one, other=other)
    return {
        "sides": [_side(found.one), *([] if is_one else [_side(found.other)])],
        "in_common": _in_common(found.in_common, asked_by),
        "decided": identity_words.decided(decided, identity_words.names([*found.one, *found.other]), by),
        "is_kept_apart": not is_one and any(told.verdict == "apart" for told in decided),
        "preview": preview,
        "effects": identity_words.counted(preview) if preview else [],
        "signs": likeness_words.signs(compared.signs) if compared else [],
        "parts": identity_sides.parts(compared) if compared else [],
        "purpose": purpose,
        "purposes": [(one.value, words) for one, words in PURPOSE_LABELS.items()],
        "may_reveal": compared is not None and not compared.is_plain and may(request, "contacts.reveal"),
        "zone": company.shop().zone,
    }


def _in_common(kinds: Sequence[str], asked_by: str) -> str:
    told = [_("No contact and no evidence in common.")]
    if kinds:
        named = formats.listed([identity_words.kind(name) for name in kinds])
        told = [_("Both have the same: %(kinds)s.") % {"kinds": named}]
    if asked_by == "claim":
        told.append(_("A family may share it, or it has a new owner: look before you join."))
    elif asked_by == "torn":
        told.append(_("A twin or a child of the same name may have told it: ask for the missing name or birthday."))
    return formats.sentences(told)


def _side(of: tuple[RecordView, ...]) -> dict[str, Any]:
    [shown] = people.shown([of[0].id])
    return {"shown": shown, "records": identity_words.told(of)}


def _purpose(request: HttpRequest) -> Purpose | None:
    told = request.POST.get("purpose", "")
    return Purpose(told) if told in set(Purpose) else None


def _revealed(request: HttpRequest, one: int, other: int, purpose: Purpose) -> Comparison:
    if not may(request, "contacts.reveal"):
        raise PermissionDenied
    return comparison.reveal(one=one, other=other, purpose=purpose, at=timezone.now(), by=operators.actor(me(request)))


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
