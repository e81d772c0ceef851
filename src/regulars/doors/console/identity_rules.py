"""The rules of identity in words: read, tried on everybody, and only then changed; and what is nobody's."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import identity_words, refused
from regulars.doors.console.site import may, me, page
from regulars.facts.customers import blocking, identity, rules
from regulars.facts.customers.kinds import EVIDENCE_LABELS, KINDS
from regulars.facts.customers.rules import IdentityRules, KindRule
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

WHOLE = ("most_records", "most_people_a_device")


@dataclass(frozen=True)
class Shown:
    """The rule of one kind: as a sentence, and as the fields of the form."""

    name: str
    title: str
    words: str
    joins_from: str
    most_a_person: str
    most_people: str
    lasts_days: str
    is_handed_on: bool
    alone_from: str
    alone_days: str


@require_safe
@requires("identity.read")
def rules_page(request: HttpRequest) -> HttpResponseBase:
    """What counts now."""
    return _page(request, identity.rules())


@require_POST
@requires("identity.rules")
def change(request: HttpRequest) -> HttpResponseBase:
    """Tried on all the evidence there is; saved only where exactly that was tried and seen."""
    now = identity.rules()
    try:
        told = rules.from_json(_told(request), base=now)
    except Refusal as refusal:
        messages.error(request, refused.words(refusal, _names()))
        return _page(request, now, status=422)
    seen = _seal(told)
    if request.POST.get("act") == "save" and request.POST.get("seen") == seen:
        changed = identity.set_rules(rules=told, at=timezone.now(), by=operators.actor(me(request)))
        messages.success(
            request, formats.sentences([_("The rules count from now on."), identity_words.came_to(changed)])
        )
        return redirect("console:identity-rules")
    preview = identity.what_if(told)
    return _page(request, told, preview=preview, effects=identity_words.effects(preview), seen=seen)


@require_POST
@requires("identity.rules")
def block(request: HttpRequest) -> HttpResponseBase:
    """An identifier is nobody's from now on; what was typed is kept as a keyed hash alone."""
    told = {name: request.POST.get(name, "").strip()[:200] for name in ("kind", "namespace", "value")}
    try:
        digest = identity.digest(told["kind"], told["namespace"], told["value"]).digest
        changed = blocking.block(digest=digest, at=timezone.now(), by=operators.actor(me(request)))
        messages.success(request, formats.sentences([_("It is blocked."), identity_words.came_to(changed)]))
    except Refusal as refusal:
        messages.error(request, refused.words(refusal))
    return redirect("console:identity-rules")


@require_POST
@requires("identity.rules")
def unblock(request: HttpRequest) -> HttpResponseBase:
    """It may be evidence again."""
    try:
        changed = blocking.unblock(
            digest=request.POST.get("digest", ""), at=timezone.now(), by=operators.actor(me(request))
        )
        messages.success(
            request, formats.sentences([_("It is not blocked any more."), identity_words.came_to(changed)])
        )
    except Refusal as refusal:
        messages.error(request, refused.words(refusal))
    return redirect("console:identity-rules")


def _page(request: HttpRequest, shown: IdentityRules, *, status: int = 200, **context: Any) -> HttpResponseBase:
    now = identity.rules()
    return page(
        request,
        "console/identity_rules.html",
        title=_("Rules of identity"),
        status=status,
        shown=[_shown(name, shown.of(name)) for name in rules.DEFAULTS],
        now=[_shown(name, now.of(name)) for name in rules.DEFAULTS],
        whole={name: getattr(shown, name) for name in WHOLE},
        most_records=formats.number(now.most_records),
        most_people_a_device=formats.number(now.most_people_a_device),
        evidence=[(name, words) for name, words in EVIDENCE_LABELS.items() if name != "told"],
        blocked=[(one, identity_words.kind(one.kind) if one.kind else "") for one in blocking.listed()],
        kinds=[(name, KINDS[name].label) for name in rules.DEFAULTS],
        may_change=may(request, "identity.rules"),
        **context,
    )


def _shown(name: str, rule: KindRule) -> Shown:
    return Shown(
        name=name,
        title=identity_words.kind(name),
        words=formats.sentences(
            [*_sentences(rule), *(_alone(rule) if KINDS[name].is_handed_on and rule.joins_from else ())]
        ),
        joins_from=rule.joins_from or "",
        most_a_person=str(rule.most_a_person),
        most_people=str(rule.most_people),
        lasts_days="" if rule.lasts_days is None else str(rule.lasts_days),
        is_handed_on=KINDS[name].is_handed_on,
        alone_from=rule.alone_from or "",
        alone_days="" if rule.alone_days is None else str(rule.alone_days),
    )


def _sentences(rule: KindRule) -> list[str]:
    if rule.joins_from is None:
        return [_("Never joins anybody.")]
    told = [
        _("Makes two records one person when it was %(evidence)s, or better.")
        % {"evidence": identity_words.evidence(rule.joins_from)},
        ngettext("A person has %(count)s at most.", "A person has %(count)s at most.", rule.most_a_person)
        % {"count": formats.number(rule.most_a_person)},
        ngettext(
            "Once more than %(count)s person proves the same one, it joins nobody.",
            "Once more than %(count)s people prove the same one, it joins nobody.",
            rule.most_people,
        )
        % {"count": formats.number(rule.most_people)},
    ]
    if rule.lasts_days is not None:
        told.append(
            ngettext(
                "Proved again by somebody else after more than %(days)s day, it is a question.",
                "Proved again by somebody else after more than %(days)s days, it is a question.",
                rule.lasts_days,
            )
            % {"days": formats.number(rule.lasts_days)}
        )
    return told


def _alone(rule: KindRule) -> list[str]:
    told = [_("Another name or another birthday is a question; the same name or birthday has to speak for it.")]
    if rule.alone_from is None:
        return told
    words = {"evidence": identity_words.evidence(rule.alone_from)}
    if rule.alone_days is None:
        return [*told, _("Where neither is known it has to be %(evidence)s, or better, on both sides.") % words]
    return [
        *told,
        ngettext(
            "Where neither is known it has to be %(evidence)s, or better, on both sides within %(days)s day.",
            "Where neither is known it has to be %(evidence)s, or better, on both sides within %(days)s days.",
            rule.alone_days,
        )
        % (words | {"days": formats.number(rule.alone_days)}),
    ]


def _told(request: HttpRequest) -> dict[str, Any]:
    """The form as rules in JSON; what is no number goes on as it is, to be refused by name."""
    kinds: dict[str, dict[str, Any]] = {}
    for name in rules.DEFAULTS:
        parts: dict[str, Any] = {
            part: request.POST.get(f"{name}.{part}") or None for part in ("joins_from", "alone_from")
        }
        for part in rules.NUMBERS:
            text = request.POST.get(f"{name}.{part}", "").strip()
            parts[part] = int(text) if text.isascii() and text.isdigit() else text or None
        for part in ("most_a_person", "most_people"):
            if parts[part] is None:
                parts[part] = ""
        kinds[name] = parts
    whole = {part: request.POST.get(part, "").strip() for part in WHOLE}
    return {
        "kinds": kinds,
        **{part: int(text) if text.isascii() and text.isdigit() else text for part, text in whole.items()},
    }


def _names() -> dict[str, str]:
    """What the form calls each of its fields."""
    parts = {
        "joins_from": _("Joins from"),
        "most_a_person": _("Most a person"),
        "most_people": _("Most people"),
        "lasts_days": _("Lasts, days"),
        "alone_from": _("Alone from"),
        "alone_days": _("Alone, days"),
    }
    return {
        "most_records": _("Most records a person"),
        "most_people_a_device": _("Most people a device"),
        **{
            f"{name}.{part}": f"{identity_words.kind(name)} · {words}"
            for name in rules.DEFAULTS
            for part, words in parts.items()
        },
    }


def _seal(told: IdentityRules) -> str:
    """Names exactly these rules, so that nobody saves others than those whose effect they saw."""
    return hashlib.sha256(json.dumps(rules.to_json(told), sort_keys=True).encode()).hexdigest()
