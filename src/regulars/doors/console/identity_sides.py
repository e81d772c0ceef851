"""Two people beside each other as the console shows them: a line for each thing one of them tells, did or allowed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from regulars.doors.console import likeness_words
from regulars.doors.console.member_profile import FIELD_NAMES, choices, text_of
from regulars.facts.company import company
from regulars.facts.customers import comparison, consent, consent_words, households, tags, traits
from regulars.facts.customers.comparison import Compared, Comparison, How
from regulars.facts.customers.consent import Standing
from regulars.facts.customers.consenting import Decision
from regulars.facts.customers.households import Household
from regulars.facts.customers.purposes import MESSAGES, Channel, Purpose
from regulars.facts.events import events
from regulars.facts.events.events import Summary
from regulars.insight.measures import readings
from regulars.insight.measures.readings import CustomerReading
from regulars.oversight.reporting import formats

HOW: Mapping[How, tuple[Promise, str]] = {
    "same": (gettext_lazy("the same"), "good"),
    "alike": (gettext_lazy("nearly the same"), "good"),
    "different": (gettext_lazy("different"), "care"),
    "one_sided": (gettext_lazy("only one tells"), ""),
}
_ANSWERS = {Decision.GRANTED: gettext_lazy("yes"), Decision.WITHDRAWN: gettext_lazy("no")}


@dataclass(frozen=True)
class Line:
    """One thing of both, and what to make of it: `tone` is for the mark. `how` is empty where nothing follows."""

    name: str
    one: str
    other: str
    how: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Part:
    """Lines of one sort under a heading."""

    title: str
    lines: Sequence[Line]


def parts(compared: Comparison) -> list[Part]:
    """All there is to compare, in the order people look at it. About thirty queries."""
    pair = (compared.one, compared.other)
    found = [
        Part(_("Who they are"), [*_profile(compared), *_marks(pair), *_home(pair)]),
        Part(_("What they bought"), _bought([readings.of(number) for number in pair])),
        Part(_("What they did online"), _online([events.summary(number) for number in pair])),
        Part(_("What they allowed"), _allowed(pair)),
    ]
    return [part for part in found if part.lines]


def _profile(compared: Comparison) -> list[Line]:
    own = traits.every(with_retired=True)
    named = {trait.field: trait for trait in own.values()}
    chosen = choices([one.field for one in compared.fields], named)
    lines = []
    for one in compared.fields:
        if one.field in named:
            name = named[one.field].name
        else:
            name = _("Name") if one.field == comparison.NAME else str(FIELD_NAMES.get(one.field, one.field))
        how, tone = HOW[one.how]
        mine, theirs = (text_of(one.field, text, named, chosen) for text in (one.one, one.other))
        lines.append(Line(name, mine, theirs, _words(one, how), tone))
    return lines


def _words(one: Compared, how: Promise) -> str:
    """By which sign they are alike; how, where there is no sign."""
    signs = [str(likeness_words.SIGNS[sign]) for sign in one.signs if sign in likeness_words.SIGNS]
    return formats.listed(signs) or str(how)


def _marks(pair: tuple[int, int]) -> list[Line]:
    found = tags.of_many(pair)
    mine, theirs = ([tag.name for tag in found.get(number, [])] for number in pair)
    if not mine and not theirs:
        return []
    return [_plain(_("Tags"), formats.listed(mine), formats.listed(theirs))]


def _home(pair: tuple[int, int]) -> list[Line]:
    mine, theirs = (households.of(number) for number in pair)
    if mine is None and theirs is None:
        return []
    told = [_size(home) if home else "" for home in (mine, theirs)]
    if mine is not None and theirs is not None and mine.public_id == theirs.public_id:
        # Two roles in one home speak for two people.
        return [Line(_("Household"), told[0], told[1], _("they live together"), "care")]
    return [_plain(_("Household"), told[0], told[1])]


def _size(home: Household) -> str:
    count = len(home.members)
    return ngettext("%(count)s person", "%(count)s people", count) % {"count": formats.number(count)}


def _bought(of: Sequence[CustomerReading | None]) -> list[Line]:
    if not any(one is not None and one.orders for one in of):
        return []

    def line(name: str, told: Callable[[CustomerReading], str]) -> Line:
        mine, theirs = (told(one) if one is not None and one.orders else "" for one in of)
        return Line(name, mine, theirs)

    return [
        line(_("Orders"), lambda one: formats.number(one.orders)),
        line(_("First purchase"), lambda one: formats.day(one.first_on) if one.first_on else ""),
        line(_("Last purchase"), lambda one: formats.day(one.last_on) if one.last_on else ""),
        line(_("Spent, returns taken out"), lambda one: formats.money(one.spend_minor, one.currency)),
    ]


def _online(of: Sequence[Summary | None]) -> list[Line]:
    if not any(of):
        return []
    zone = company.shop().zone

    def line(name: str, told: Callable[[Summary], str]) -> Line:
        mine, theirs = (told(one) if one else "" for one in of)
        return Line(name, mine, theirs)

    return [
        line(_("Devices and sign-ins"), lambda one: formats.number(one.visitors)),
        line(_("Events"), lambda one: formats.number(one.events)),
        line(_("Last seen"), lambda one: formats.instant(one.last_seen_at, zone)),
    ]


def _allowed(pair: tuple[int, int]) -> list[Line]:
    now = timezone.now()
    standings = [consent.standing(customer=number, at=now) for number in pair]
    lines = []
    for purpose in MESSAGES:
        told = [_answers(standing, purpose, now) for standing in standings]
        if any(told):
            lines.append(_plain(str(consent_words.PURPOSES[purpose]), *told))
    return lines


def _answers(standing: Standing, purpose: Purpose, now: datetime) -> str:
    said = []
    for channel in Channel:
        decision = standing.state(purpose, channel, now).decision
        if decision in _ANSWERS:
            said.append(
                _("%(channel)s: %(answer)s")
                % {"channel": consent_words.CHANNELS[channel], "answer": _ANSWERS[decision]}
            )
    return formats.listed(said)


def _plain(name: str, one: str, other: str) -> Line:
    """The same or not, where there is no measure of likeness."""
    how: How = "one_sided" if not one or not other else "same" if one == other else "different"
    words, tone = HOW[how]
    return Line(name, one, other, str(words), tone)
