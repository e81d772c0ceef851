"""Setup → Staff → one of them: what they did here, newest first, from the trail."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from regulars.doors.console import people
from regulars.doors.console.member import ACTS as TO_A_MEMBER
from regulars.doors.console.site import me, page
from regulars.facts.company import company
from regulars.facts.customers.consent_words import REASONS
from regulars.facts.customers.profiles import PURPOSE_LABELS, Purpose
from regulars.facts.customers.purposes import Reason
from regulars.facts.sources import sources
from regulars.kit import paging
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires
from regulars.runtime.staff.roles import Role
from regulars.runtime.trail import trail
from regulars.runtime.trail.trail import Entry

SHOWN = 50
#: How the verbs of the trail are told. What has no words here is shown as the trail has it.
ACTS = TO_A_MEMBER | {
    "alarms.end": gettext_lazy("ended an alarm"),
    "api_keys.make": gettext_lazy("made an API key"),
    "api_keys.revoke": gettext_lazy("revoked an API key"),
    "commerce.goods_returns.record_many": gettext_lazy("recorded returns"),
    "commerce.orders.record_many": gettext_lazy("recorded orders"),
    "company.settle": gettext_lazy("settled the shop's name, currency and zone"),
    "consent.record_many": gettext_lazy("brought in consents"),
    "consent_texts.publish": gettext_lazy("published a text of consent"),
    "customers.describe_many": gettext_lazy("wrote down profiles"),
    "customers.identity.set_rules": gettext_lazy("changed the rules of identity"),
    "events.keep": gettext_lazy("changed how long events are kept"),
    "events.keep.drop": gettext_lazy("took back how long events are kept"),
    "events.orders.retry": gettext_lazy("tried an order's event again"),
    "events.orders.retry_all": gettext_lazy("tried events of orders again"),
    "events.orders.set_aside": gettext_lazy("set an order's event aside"),
    "events.take_over_trait": gettext_lazy("took over what was told of a trait before"),
    "households.add": gettext_lazy("added to a household"),
    "households.form": gettext_lazy("formed a household"),
    "households.leave": gettext_lazy("took out of a household"),
    "insight.refresh": gettext_lazy("computed all readings anew"),
    "jobs.retry": gettext_lazy("tried a job again"),
    "jobs.set_aside": gettext_lazy("set a job aside"),
    "operators.change_password": gettext_lazy("changed the own password"),
    "operators.choose_password": gettext_lazy("chose a password"),
    "operators.claim_first": gettext_lazy("came in by the first link"),
    "operators.deactivate": gettext_lazy("ended somebody's access"),
    "operators.invite": gettext_lazy("invited somebody"),
    "operators.new_password_link": gettext_lazy("made a link for a new password"),
    "operators.reactivate": gettext_lazy("gave access back"),
    "operators.set_language": gettext_lazy("changed the own language"),
    "operators.set_role": gettext_lazy("changed a role"),
    "preferences.write": gettext_lazy("changed a setting"),
    "quarantine.open": gettext_lazy("opened what is in quarantine"),
    "quarantine.restore": gettext_lazy("took back into quarantine"),
    "quarantine.settle": gettext_lazy("settled what was in quarantine"),
    "sources.change": gettext_lazy("changed a source"),
    "sources.make": gettext_lazy("made a source"),
    "sources.retire": gettext_lazy("retired a source"),
    "tags.define": gettext_lazy("defined a tag"),
    "tags.retire": gettext_lazy("retired a tag"),
    "topics.define": gettext_lazy("defined a topic"),
    "topics.retire": gettext_lazy("retired a topic"),
    "traits.define": gettext_lazy("defined a trait"),
    "traits.retire": gettext_lazy("retired a trait"),
    "write_keys.make": gettext_lazy("made a write key"),
    "write_keys.revoke": gettext_lazy("revoked a write key"),
}
#: What kinds of things are called that have no page of their own.
_THINGS = {
    "api_key": gettext_lazy("API key %(number)s"),
    "event": gettext_lazy("Event %(number)s"),
    "import_run": gettext_lazy("Import %(number)s"),
    "job": gettext_lazy("Job %(number)s"),
    "quarantined": gettext_lazy("Quarantined %(number)s"),
    "store": gettext_lazy("Store %(number)s"),
}


@require_safe
@requires("staff.read")
def deeds(request: HttpRequest, operator: int) -> HttpResponseBase:
    """What one of the staff did. Owners see everybody's, others their own."""
    everybody = {one.id: one for one in operators.everybody()}
    asks = everybody.get(me(request))
    if operator not in everybody or asks is None or (asks.role != Role.OWNER and asks.id != operator):
        raise Http404
    who = everybody[operator]
    found = trail.by_actor(operators.actor(operator), before=_before(request), limit=SHOWN + 1)
    shown = found[:SHOWN]
    more = urlencode({"before": paging.encode("deeds", (shown[-1].number,))}) if len(found) > SHOWN else ""
    names = {f"operator:{one.id}": one.name for one in everybody.values()}
    return page(
        request,
        "console/deeds.html",
        title=who.name,
        rows=_rows(shown, names),
        is_first="before" not in request.GET,
        more=f"?{more}" if more else "",
        zone=company.shop().zone,
    )


def _before(request: HttpRequest) -> int | None:
    try:
        (number,) = paging.decode(request.GET["before"], "deeds", int) if request.GET.get("before") else (None,)
    except paging.BadCursor:
        raise Http404 from None
    return number if isinstance(number, int) else None


def _rows(entries: Sequence[Entry], names: dict[str, str]) -> list[dict[str, Any]]:
    members = {int(one.subject.partition(":")[2]) for one in entries if _is_member(one.subject)}
    known = {one.id: one for one in people.shown(sorted(members))}
    of_sources = {f"source:{one.id}": one.name for one in sources.every()}
    names = names | of_sources
    return [
        {
            "at": entry.at,
            "act": ACTS.get(entry.verb) or entry.verb,
            "member": known.get(int(entry.subject.partition(":")[2])) if _is_member(entry.subject) else None,
            "thing": names.get(entry.subject) or _thing(entry.subject),
            "changes": _changes(entry),
            "why": _why(entry.why),
        }
        for entry in entries
    ]


def _is_member(subject: str) -> bool:
    kind, _colon, number = subject.partition(":")
    return kind == "customer" and number.isdigit()


def _thing(subject: str) -> str:
    kind, _colon, number = subject.partition(":")
    return str(_THINGS[kind]) % {"number": number} if kind in _THINGS else number or kind


def _changes(entry: Entry) -> list[tuple[str, object, object]]:
    """What differs, by its name in the trail: before and after."""
    before, after = entry.before or {}, entry.after or {}
    names = [*before, *(name for name in after if name not in before)]
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _why(why: str) -> str:
    if why in set(Reason):
        return str(REASONS[Reason(why)])
    return str(PURPOSE_LABELS[Purpose(why)]) if why in set(Purpose) else why
