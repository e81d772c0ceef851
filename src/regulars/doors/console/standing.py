"""Who a member is: their records, why these are one person, what happened, and taking a piece of it back."""

from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import actors, identity_words, people, refused
from regulars.doors.console.site import may, me, page
from regulars.facts.customers import customers, decisions, identity, persons, records, reviews, search
from regulars.facts.customers.customers import Customer
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

MOST_FOUND = 10


@require_safe
@requires("identity.read")
def standing(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A person's records side by side, with the evidence of each and the history of joins and partings."""
    who = _found(public_id)
    if who.public_id != public_id:
        return redirect("console:standing", public_id=who.public_id)
    mine = records.of(who.id)
    numbers = [one.id for one in mine]
    told = identity.explain(who.id)
    decided = decisions.of(numbers)
    # Who left, or was kept apart, is somebody else now and still has a name here.
    others = {step.record for step in told.history} | {
        one for told_of in decided for one in (told_of.one, told_of.other)
    }
    elsewhere = records.of_many(sorted(set(persons.of_many(others - set(numbers)).values())))
    names = identity_words.names([*mine, *(one for views in elsewhere.values() for one in views)])
    by = actors.told([*(step.by for step in told.history), *(one.by for one in decided)])
    typed = request.GET.get("q", "").strip()
    found = [one for one in search.find(typed, limit=MOST_FOUND) if persons.of(one) != who.id] if typed else []
    [shown] = people.shown([who.id])
    return page(
        request,
        "console/standing.html",
        title=_("Who %(name)s is") % {"name": shown.name},
        who=who,
        shown=shown,
        records=identity_words.told(mine),
        joins=identity_words.joins(told.joins, names),
        history=[(identity_words.step(step, names), step, by[step.by]) for step in told.history],
        decided=identity_words.decided(decided, names, by),
        asked=[(one, " · ".join(identity_words.asks(one))) for one in reviews.of_records(numbers)],
        typed=typed,
        found=people.shown(found),
        may_decide=may(request, "identity.decide"),
        reasons=identity_words.REASONS,
        key=uuid4().hex,
    )


@require_POST
@requires("identity.decide")
def take_back(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A piece of evidence, or a decision, does not count any more."""
    who = _found(public_id)
    why = identity_words.reason(request.POST.get("why", ""))
    numbers = persons.records_of(who.id)
    key = f"console:{me(request)}:back:{request.POST.get('key', '')[:64] or uuid4().hex}"
    link = next((one for one in identity.links_of(numbers) if str(one.id) == request.POST.get("link")), None)
    pair = request.POST.get("decision")
    chosen = next((one for one in decisions.of(numbers) if f"{one.one}-{one.other}" == pair), None)
    if why is None:
        messages.error(request, _("Say why first."))
        return redirect("console:standing", public_id=who.public_id)
    at, by = timezone.now(), operators.actor(me(request))
    try:
        if link is not None:
            changed = identity.revoke(link=link.id, why=why, key=f"{key}:{link.id}", at=at, by=by)
            messages.success(request, identity_words.came_to(changed))
        elif chosen is not None:
            changed = identity.undecide(one=chosen.one, other=chosen.other, why=why, key=f"{key}:{pair}", at=at, by=by)
            messages.success(request, identity_words.came_to(changed))
        else:
            messages.error(request, _("Somebody was faster: it does not count any more."))
    except Refusal as refusal:
        messages.error(request, refused.words(refusal))
    return redirect("console:standing", public_id=who.public_id)


def _found(public_id: str) -> Customer:
    try:
        return customers.by_public_id(public_id)
    except Refusal:
        raise Http404 from None
