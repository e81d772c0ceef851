"""Audiences: who is in which, what they ask in words, who came and went and why; archived, taken away, explained."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import actors, people
from regulars.doors.console.audience_builder import found, language
from regulars.doors.console.site import fragment, may, me, page, shop_of
from regulars.facts.customers import customers
from regulars.insight.audiences import audiences, members, ready_made, vocabulary
from regulars.insight.audiences.audiences import Audience
from regulars.insight.audiences.members import Explained, Step
from regulars.kit.conditions import spoken
from regulars.kit.conditions.vocabulary import Vocabulary
from regulars.kit.paging import BadCursor
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import member_files
from regulars.oversight.reporting import formats
from regulars.runtime.serving.files import FileSent
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SHOWN, LATELY = 25, timedelta(days=7)
FILE_KINDS: Mapping[member_files.Kind, str] = {"csv": "CSV", "xlsx": "XLSX", "parquet": "Parquet"}
BECAUSE: dict[str, Any] = {
    "facts": gettext_lazy("something happened"),
    "time": gettext_lazy("time went by"),
    "joined": gettext_lazy("records were joined"),
    "refreshed": gettext_lazy("readings were computed anew"),
    "proof": gettext_lazy("the nightly proof put it right"),
}


@dataclass(frozen=True)
class Shown:
    """One audience in the reader's language. `words` are empty where it cannot be asked any more."""

    audience: Audience
    words: str
    entered: int = 0
    left: int = 0


@dataclass(frozen=True)
class Came:
    """Somebody came in or left, with what was found of each node in words."""

    who: people.Shown | None
    step: Step
    because: str
    found: tuple[tuple[str, bool, str], ...]


@require_safe
@requires("insight.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """All of them, and those that most shops want."""
    with_archived = request.GET.get("archived") == "with"
    words, lately = vocabulary.current(), members.lately(since=timezone.now() - LATELY)
    rows = [
        Shown(one, _said(one.condition, words), *lately.get(one.number, (0, 0)))
        for one in audiences.every(with_archived=with_archived)
    ]
    return page(
        request,
        "console/audiences.html",
        title=_("Audiences"),
        rows=rows,
        with_archived=with_archived,
        ready=[(one.code, one.names[language()], one.meanings[language()]) for one in ready_made.offered()],
        may_manage=may(request, "audiences.manage"),
    )


@require_POST
@requires("audiences.manage")
def adopt(request: HttpRequest) -> HttpResponseBase:
    """Make one of those that most shops want."""
    try:
        made = ready_made.take(
            code=request.POST.get("code", ""),
            language=language(),
            at=timezone.now(),
            by=operators.actor(me(request)),
        )
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("console:audiences")
    messages.success(request, _("It is made. Who is in is being found; look again in a moment."))
    return redirect("console:audience", public_id=made.id)


@require_safe
@requires("insight.read")
def audience(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """One: who is in, what it asked, who came and went, how it was proved, and whom it shares with others."""
    one, words = found(public_id), vocabulary.current()
    try:
        inside = members.page(one.number, cursor=request.GET.get("after") or None, size=SHOWN)
    except BadCursor:
        inside = members.page(one.number, size=SHOWN)
    versions = audiences.versions(one.number)
    names = actors.told({version.by for version in versions})
    steps = members.steps(audience=one.number, limit=SHOWN)
    who = {shown.id: shown for shown in people.shown([step.customer for step in steps])}
    said = {version.number: _said_by_node(version.condition, words) for version in versions}
    since = {row.customer: row.since_at for row in inside.items}
    others = [other for other in audiences.every() if other.number != one.number]
    return page(
        request,
        "console/audience.html",
        title=one.name,
        one=Shown(one, _said(one.condition, words)),
        inside=[(shown, since[shown.id]) for shown in people.shown([row.customer for row in inside.items])],
        next=inside.next,
        file_kinds=FILE_KINDS.items(),
        versions=[(version, names[version.by], _said(version.condition, words)) for version in versions],
        came=[Came(who.get(step.customer), step, str(BECAUSE[step.because]), _evidence(step, said)) for step in steps],
        proofs=members.proofs(one.number),
        others=others,
        **_overlap(request, one, others),
        may_manage=may(request, "audiences.manage"),
        may_export=may(request, "members.export"),
    )


@require_POST
@requires("audiences.manage")
def act(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Archive it, or take it back into use."""
    one, now, by = found(public_id), timezone.now(), operators.actor(me(request))
    try:
        match request.POST.get("act"):
            case "archive":
                audiences.archive(audience=one.number, at=now, by=by)
                messages.success(request, _("It is archived: nobody is in it any more."))
            case "restore":
                audiences.restore(audience=one.number, at=now, by=by)
                messages.success(request, _("It is in use again. Who is in is being found; look again in a moment."))
            case _:
                raise Http404
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("console:audience", public_id=public_id)


@require_safe
@requires("members.export")
def taken_away(request: HttpRequest, public_id: str, kind: str) -> HttpResponseBase:
    """Who is in, as a file."""
    one = found(public_id)
    chosen = next((known for known in member_files.CONTENT_TYPES if known == kind), None)
    if chosen is None:
        raise Http404
    try:
        file = member_files.write(audience=one, kind=chosen, at=timezone.now(), by=operators.actor(me(request)))
    except member_files.TooLongForASheet:
        messages.error(request, _("A spreadsheet holds no more rows than a million; take CSV or Parquet."))
        return redirect("console:audience", public_id=public_id)
    return FileSent(file, as_attachment=True, filename=f"{one.id}.{kind}")


@require_safe
@requires("insight.read")
def of_member(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """The card on a member's page: the audiences they are in, and a question about any."""
    who = _customer(public_id)
    known = {one.number: one for one in audiences.every()}
    inside = [(known[row.audience], row) for row in members.of_customer(who.id) if row.audience in known]
    return fragment(
        request,
        "console/member_audiences.html",
        who=who,
        inside=inside,
        others=[one for one in known.values() if one.number not in {row.audience for _one, row in inside}],
        zone=shop_of(request).zone,
    )


@require_safe
@requires("insight.read")
def why(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Why somebody is in an audience, or not: node by node, looked at now."""
    who, one = _customer(public_id), found(request.GET.get("audience", ""))
    try:
        told = members.explain(audience=one.number, customer=who.id, language=language())
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("console:audience", public_id=one.id)
    [shown] = people.shown([who.id])
    return page(
        request,
        "console/audience_why.html",
        title=one.name,
        one=one,
        who=shown,
        told=told,
        root=_drawn(told.root, shop_of(request).zone, shop_of(request).currency),
    )


def _customer(public_id: str) -> customers.Customer:
    try:
        return customers.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def _said(condition: Mapping[str, Any], words: Vocabulary) -> str:
    try:
        return spoken.describe(audiences.read(condition, words), words, language())
    except Refusal:
        return ""


def _said_by_node(condition: Mapping[str, Any], words: Vocabulary) -> dict[str, str]:
    try:
        return spoken.of_nodes(audiences.read(condition, words), words, language())
    except Refusal:
        return {}


def _evidence(step: Step, said: Mapping[int, Mapping[str, str]]) -> tuple[tuple[str, bool, str], ...]:
    words = said.get(step.definition, {})
    seen = step.evidence or {}
    return tuple(
        (words[number], bool(held), "" if value is None else str(value))
        for number, (held, value) in seen.items()
        if number in words
    )


def _overlap(request: HttpRequest, one: Audience, others: list[Audience]) -> dict[str, Any]:
    """The matrix of those that were ticked, with this one; without a choice, of the largest few."""
    asked = request.GET.getlist("with")
    chosen = [other for other in others if other.id in asked][: members.MOST_COMPARED - 1]
    if not chosen:
        chosen = sorted(others, key=lambda other: -other.members)[:3]
    if not chosen or one.archived_at is not None:
        return {"matrix": [], "chosen": []}
    all_of = [one, *chosen]
    counts = members.overlap([other.number for other in all_of])
    return {
        "chosen": all_of,
        "ticked": {other.id for other in chosen},
        "matrix": [(row, [_cell(row, column, counts) for column in all_of]) for row in all_of],
    }


def _cell(row: Audience, column: Audience, counts: Mapping[tuple[int, int], int]) -> dict[str, Any]:
    both, whole = counts.get((row.number, column.number), 0), counts.get((row.number, row.number), 0)
    share = round(100 * both / whole) if whole else 0
    return {"count": both, "share": share, "is_own": row.number == column.number}


def _drawn(one: Explained, zone: str, currency: str) -> dict[str, Any]:
    return {
        "words": one.words,
        "kind": one.kind,
        "holds": one.holds,
        "seen": _seen(one, zone, currency),
        "of": [_drawn(inner, zone, currency) for inner in one.of],
    }


def _seen(one: Explained, zone: str, currency: str) -> str:
    value = one.seen
    if value is None:
        return _("nothing is known") if one.kind == "part" and one.type is not None else ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return formats.money(value, currency) if one.type == "money" else formats.number(value)
    if isinstance(value, tuple):
        return formats.listed([str(part) for part in value])
    if one.type == "timestamp":
        return formats.instant(value, zone)  # type: ignore[arg-type]  # the type says so
    if one.type == "date":
        return formats.day(value)  # type: ignore[arg-type]  # the type says so
    return str(value)
