"""Who is who, in words: why records are one person, what happened to them, what an act came to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from regulars.facts.customers.decisions import Decided
from regulars.facts.customers.identity import REASON_LABELS, Changed, LinkView, Preview, Reason, Step
from regulars.facts.customers.kinds import EVIDENCE_LABELS, KINDS, Evidence
from regulars.facts.customers.looking import Look
from regulars.facts.customers.projecting import Join
from regulars.facts.customers.records import RecordView
from regulars.facts.customers.reviews import KINDS as KINDS_OF_QUESTIONS
from regulars.facts.customers.reviews import Question
from regulars.oversight.reporting import formats

#: What one may choose from, code and words.
REASONS = [(reason.value, words) for reason, words in REASON_LABELS.items()]


def kind(name: str) -> str:
    """A kind of identifier as people call it."""
    return str(KINDS[name].label) if name in KINDS else name


def evidence(name: Evidence) -> str:
    """How well something is known."""
    return str(EVIDENCE_LABELS[name])


def reason(text: str) -> Reason | None:
    """The reason that was chosen; None where none was."""
    return Reason(text) if text in set(Reason) else None


def why(text: str) -> str:
    """A reason in words; as it stands where it is none of ours."""
    known = reason(text)
    return str(REASON_LABELS[known]) if known else text


def record(one: RecordView) -> str:
    """How a record is named: by what its source calls it, else by the end of its public id."""
    readable = next((called for called in one.called if called.ref), None)
    return f"{readable.namespace} · {readable.ref}" if readable else "…" + one.public_id[-6:].upper()


def joins(told: Sequence[Join], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Why records are one person, a line each."""
    lines = []
    for join in told:
        pair = {"one": names.get(join.one, ""), "other": names.get(join.other, "")}
        if join.identifier is None:
            words = _("%(one)s and %(other)s: somebody decided that they are one person.") % pair
        else:
            words = _("%(one)s and %(other)s have the same %(kind)s: %(evidence)s.") % {
                **pair,
                "kind": kind(join.identifier.kind),
                "evidence": evidence(join.evidence),
            }
        lines.append({"words": words, "at": join.at})
    return lines


def step(one: Step, names: Mapping[int, str]) -> str:
    """What happened to a record at one time."""
    told = {"record": names.get(one.record, ""), "why": _because(one.because)}
    if one.after != one.record:
        return _("%(record)s was joined. %(why)s") % told
    return _("%(record)s left. %(why)s") % told


def _because(because: Mapping[str, str | int]) -> str:
    name = kind(str(because.get("kind", "")))
    match because.get("act"):
        case "observed":
            return _("New evidence: %(kind)s.") % {"kind": name}
        case "revoked":
            return _("Evidence was taken back: %(kind)s.") % {"kind": name}
        case "join":
            return _("Somebody decided that two are one person.")
        case "apart":
            return _("Somebody decided that two are two people.")
        case "open":
            return _("A decision was taken back.")
        case "rules":
            return _("The rules of identity changed.")
        case "told":
            return _("Names or birthdays that were told speak for it, or against it.")
        case "asked":
            return _("Everybody was worked out anew.")
    return ""


def came_to(changed: Changed) -> str:
    """What an act came to, for the note above the page."""
    told = []
    if count := len(changed.joined):
        told.append(
            ngettext("%(count)s record was joined.", "%(count)s records were joined.", count)
            % {"count": formats.number(count)}
        )
    if count := len(changed.parted):
        told.append(
            ngettext("%(count)s record left its person.", "%(count)s records left their person.", count)
            % {"count": formats.number(count)}
        )
    return formats.sentences(told) or _("It is written down. Nobody was joined or parted by it.")


def decided(of: Iterable[Decided], names: Mapping[int, str], by: Mapping[str, str]) -> list[dict[str, Any]]:
    """What somebody decided of two records, a line each; `by` names who."""
    return [
        {
            "words": (
                _("%(by)s decided: %(mine)s and %(theirs)s are one person. %(why)s.")
                if one.verdict == "join"
                else _("%(by)s decided: %(mine)s and %(theirs)s are two people. %(why)s.")
            )
            % {
                "by": by[one.by],
                "mine": names.get(one.one, ""),
                "theirs": names.get(one.other, ""),
                "why": why(one.why),
            },
            "at": one.at,
            "pair": f"{one.one}-{one.other}",
        }
        for one in of
    ]


def looked(look: Look, zone: str) -> str:
    """What a look for likely duplicates came to."""
    ended = formats.instant(look.ended_at, zone) if look.ended_at else ""
    profiles = ngettext("%(count)s profile", "%(count)s profiles", look.opened) % {"count": formats.number(look.opened)}
    told = [
        _("Looked %(at)s: %(profiles)s.") % {"at": ended, "profiles": profiles},
        ngettext("%(count)s pair is alike.", "%(count)s pairs are alike.", look.alike)
        % {"count": formats.number(look.alike)},
        ngettext("%(count)s new question.", "%(count)s new questions.", look.asked)
        % {"count": formats.number(look.asked)},
    ]
    if look.gone:
        told.append(
            ngettext("%(count)s asks no more.", "%(count)s ask no more.", look.gone)
            % {"count": formats.number(look.gone)}
        )
    return formats.sentences(told)


def asks(question: Question) -> list[str]:
    """All that asks about two people, a sentence for each reason, the most urgent first."""
    by: dict[str, list[str]] = {}
    for one in question.asks:
        by.setdefault(one.kind, []).extend([kind(one.identifier_kind)] if one.identifier_kind else [])
    told = []
    for name, of in by.items():
        words = str(KINDS_OF_QUESTIONS.get(name, name))
        named = formats.listed(list(dict.fromkeys(of)))
        told.append(_("%(why)s: %(kind)s") % {"why": words, "kind": named} if named else words)
    return told


def effects(preview: Preview) -> list[tuple[str | Promise, int]]:
    """What would move, and how much of it."""
    return [(effect.what, effect.count) for effect in preview.effects]


def counted(preview: Preview) -> list[str]:
    """The same with its number each, for a sentence."""
    return [
        _("%(what)s (%(count)s)") % {"what": what, "count": formats.number(count)} for what, count in effects(preview)
    ]


def names(of: Iterable[RecordView]) -> dict[int, str]:
    """Each record's name."""
    return {one.id: record(one) for one in of}


def told(of: Iterable[RecordView]) -> list[tuple[str, RecordView, list[tuple[str, str, LinkView]]]]:
    """Records for people to read: the name of each, and its evidence with its kind and how well it is known."""
    return [(record(one), one, [(kind(link.kind), evidence(link.evidence), link) for link in one.links]) for one in of]
