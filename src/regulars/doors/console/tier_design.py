"""Loyalty → Tiers → Design the levels: a form of one set of tiers. It changes the text of its programme's file in
memory, shows who would move, and keeps it as a draft; approving and activating are on the programme's page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from regulars.doors.console import trials
from regulars.doors.console.site import me, page
from regulars.doors.console.tiers import NONE_COLOUR
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import programmes, tier_words, tier_writing, tiers
from regulars.levers.loyalty.programmes import Change, Programme
from regulars.levers.loyalty.rules.reasons import event
from regulars.levers.loyalty.rules.tier_periods import KINDS
from regulars.levers.loyalty.rules.tier_sets import MOST_LEVELS
from regulars.levers.loyalty.tier_writing import LevelTold, Row, SetTold
from regulars.runtime.database import clock
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

LONGEST = 120
PERIODS: Mapping[str, Any] = {
    "calendar_year": gettext_lazy("a calendar year"),
    "calendar_quarter": gettext_lazy("a calendar quarter"),
    "anniversary": gettext_lazy("a year since they joined"),
    "rolling": gettext_lazy("the last months"),
    "ever": gettext_lazy("all that ever was"),
}
COUNTS: Mapping[str, Any] = {
    "spend": gettext_lazy("Money spent, in %(currency)s"),
    "orders": gettext_lazy("Orders"),
    "points": gettext_lazy("Points earned"),
    "categories": gettext_lazy("Categories bought from"),
    "visits": gettext_lazy("Visits to a store"),
    "stores": gettext_lazy("Stores visited"),
    "tenure": gettext_lazy("Months with us"),
    "events": gettext_lazy("Times: %(of)s"),
}
SPENT_ON = gettext_lazy("Money spent on %(of)s, in %(currency)s")
#: What counts, for whoever asks.
HINTS: Mapping[str, Any] = {
    "spend": gettext_lazy("paid with money and not paid back; without shipping, points and gift cards"),
    "orders": gettext_lazy("orders of which something was kept"),
    "points": gettext_lazy("points that were given and not taken back, spent or not"),
    "categories": gettext_lazy("different ones, of goods that were kept"),
    "visits": gettext_lazy("days on which they bought in a store, or a visit was told of"),
    "stores": gettext_lazy("different ones"),
    "tenure": gettext_lazy("whole months since they were seen first"),
}


@dataclass(frozen=True)
class FieldShown:
    """A field of the form."""

    name: str
    value: str
    label: str = ""
    hint: str = ""
    error: str = ""


@dataclass(frozen=True)
class AskShown:
    """A line of what a level asks: a threshold, or what joins those below it."""

    depth: int
    joins: str
    field: FieldShown | None


@dataclass(frozen=True)
class LevelShown:
    """A level in the form, numbered from the lowest. `people`: who is on it now, None where nobody can be yet."""

    place: int
    id: str
    like: str
    title: str
    colour: str
    people: int | None
    english: FieldShown
    chinese: FieldShown
    asks: tuple[AskShown, ...]
    is_added: bool


@require_http_methods(["GET", "HEAD", "POST"])
@requires("points.manage")
def design(request: HttpRequest, code: str, name: str) -> HttpResponseBase:
    """The form; what is told is shown with who would move, or kept as a draft."""
    versions = programmes.versions(code)
    asked = request.POST.get("version") or request.GET.get("version") or ""
    number = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 9 else 0
    base = next((one for one in versions if one.number == number or not asked), None)
    if base is None:
        raise Http404
    try:
        there = tier_writing.told(base.text, name) if name in tier_writing.sets(base.text) else None
    except Refusal as refused:
        messages.error(request, refused.message)
        return redirect(reverse("console:programme", args=[code]))
    if there is None:
        raise Http404
    form = _Form(request, code, name, base.number, versions[0].number, base.text, there)
    if request.method != "POST":
        return form.shown(there)
    wanted = _told(request.POST, there, form.rows)
    act, _dash, place = request.POST.get("act", "").partition("-")
    at = int(place) if place.isascii() and place.isdecimal() and len(place) < 3 else len(wanted.levels)
    if act == "add" and at < len(wanted.levels) < MOST_LEVELS:
        return form.shown(tier_writing.one_more(wanted, at), added=at + 1)
    if act == "remove" and at < len(wanted.levels) > 1:
        return form.shown(replace(wanted, levels=(*wanted.levels[:at], *wanted.levels[at + 1 :])))
    if act == "keep":
        return form.kept(wanted)
    return form.seen(wanted)


class _Form:
    """What a form begins with, and what becomes of what is told."""

    def __init__(
        self, request: HttpRequest, code: str, name: str, number: int, latest: int, text: str, there: SetTold
    ) -> None:
        self._request, self._code, self._name = request, code, name
        self._number, self._latest, self._text, self._there = number, latest, text, there
        self.rows = tier_writing.rows(text, name)

    def seen(self, wanted: SetTold) -> HttpResponseBase:
        """Who would move; nothing is written."""
        changed, errors = "", dict[str, str]()
        try:
            changed = tier_writing.written(self._text, self._name, wanted)
            if changed == self._text:
                return self.shown(wanted, is_tried=True)
            said = programmes.validate(changed)
            tried = trials.look(said, operators.actor(me(self._request)))
        except Refusal as refused:
            errors = self._places(changed, refused)
            return self.shown(wanted, errors=errors, status=422)
        return self.shown(wanted, tried=tried, changes=programmes.diff(self._text, changed), is_tried=True)

    def kept(self, wanted: SetTold) -> HttpResponseBase:
        """A draft of it, approved and activated on its programme's page."""
        told_latest = self._request.POST.get("latest", "")
        changed = ""
        try:
            changed = tier_writing.written(self._text, self._name, wanted)
            if changed == self._text:
                return self.shown(wanted, errors={"": _("Nothing is changed yet.")}, status=422)
            if told_latest != str(self._latest):
                problem = _("Somebody kept version %(number)s meanwhile. Look at it; kept now, this comes after it.")
                return self.shown(wanted, errors={"": problem % {"number": self._latest}}, status=409)
            made = programmes.draft(text=changed, at=clock.now(), by=operators.actor(me(self._request)))
        except Refusal as refused:
            return self.shown(wanted, errors=self._places(changed, refused), status=422)
        messages.success(
            self._request, _("Version %(number)s is kept. It is not active yet.") % {"number": made.number}
        )
        return redirect(f"{reverse('console:programme', args=[made.programme])}?version={made.number}")

    def shown(
        self,
        wanted: SetTold,
        *,
        added: int = -1,
        errors: Mapping[str, str] | None = None,
        tried: Any = None,
        changes: list[Change] | None = None,
        is_tried: bool = False,
        status: int = 200,
    ) -> HttpResponseBase:
        """The page, its errors at their fields; what is at none of them stands above (``""``)."""
        errors = errors or {}
        said = _read(self._text)
        now = timezone.now()
        force = next((one.number for one in programmes.active(now) if one.programme.code == self._code), None)
        people = tiers.on_levels(at=now).get(f"{self._code}.{self._name}") if force else None
        levels = [
            self._level(place, level, wanted, said, people, added, errors)
            for place, level in reversed(list(enumerate(wanted.levels)))
        ]
        return page(
            self._request,
            "console/tier_design.html",
            title=_("Design the levels"),
            status=status,
            code=self._code,
            number=self._number,
            latest=self._latest,
            active=force,
            set_title=self._title(said),
            levels=levels,
            may_add=len(levels) < MOST_LEVELS,
            may_remove=len(levels) > 1,
            periods=[(kind, PERIODS[kind], kind == wanted.kind) for kind in KINDS],
            period_error=errors.get("kind", ""),
            months=FieldShown("months", wanted.months, error=errors.get("months", "")),
            keeps=FieldShown("keeps", wanted.keeps, error=errors.get("keeps", "")),
            grace=FieldShown("grace_days", wanted.grace_days, error=errors.get("grace_days", "")),
            every=FieldShown("every_days", wanted.every_days, error=errors.get("every_days", "")),
            one_step=wanted.one_step,
            problem=errors.get("", ""),
            wrong=next((name or "problem" for name in errors), ""),
            tried=tried,
            is_tried=is_tried,
            changes=changes or [],
        )

    def _level(
        self,
        place: int,
        level: LevelTold,
        wanted: SetTold,
        said: Programme | None,
        people: Mapping[str, int] | None,
        added: int,
        errors: Mapping[str, str],
    ) -> LevelShown:
        known = {one.id: one for each in (said.tiers if said else ()) if each.id == self._name for one in each.levels}
        colour = known[level.id].colour if level.id in known else NONE_COLOUR
        title = tier_words.in_words({"en": level.english, "zh": level.chinese}) or _("A new level")
        money, numbers = said.money if said else "", iter(level.asks)
        asks = []
        for row in _rows(self.rows, level):
            if row.joins:
                words = _("all of these") if row.joins == "all" else _("one of these is enough")
                asks.append(AskShown(min(row.depth, 3), words, None))
                continue
            name = f"asks-{place}-{row.number}"
            field = FieldShown(
                name, next(numbers, ""), _label(row, money), str(HINTS.get(row.what, "")), errors.get(name, "")
            )
            asks.append(AskShown(min(row.depth, 3), "", field))
        return LevelShown(
            place,
            level.id,
            level.like,
            title,
            colour,
            people.get(level.id, 0) if people is not None and not level.like else None,
            FieldShown(f"en-{place}", level.english, error=errors.get(f"en-{place}", "")),
            FieldShown(f"zh-{place}", level.chinese, error=errors.get(f"zh-{place}", "")),
            tuple(asks),
            place == added,
        )

    def _title(self, said: Programme | None) -> str:
        return next(
            (tier_words.in_words(one.titles) for one in (said.tiers if said else ()) if one.id == self._name),
            self._name,
        )

    def _places(self, changed: str, refused: Refusal) -> dict[str, str]:
        """The refusal at its field, above the form where it has none there."""
        field = str(refused.facts.get("field", ""))
        name = tier_writing.fields(changed, self._name).get(field, "") if changed else ""
        value = str(refused.facts.get("value", ""))
        if name.startswith("asks") and not value.replace(".", "", 1).isdecimal():
            # What a file is told to write has quotes that a form does not.
            return {name: _("write a number, such as 300 or 1.50")}
        return {name: str(refused.facts.get("mend") or refused.message) if name else refused.message}


def _read(text: str) -> Programme | None:
    """What was valid once may not be any more: its form is shown all the same."""
    try:
        return programmes.validate(text)
    except Refusal:
        return None


def _rows(rows: Mapping[str, tuple[Row, ...]], level: LevelTold) -> tuple[Row, ...]:
    found = rows.get(level.like or level.id, ())
    # A copy of what asks nothing asks something: only the lowest may be everybody's.
    return found or ((Row(0, what="spend", number=0),) if level.like else ())


def _told(post: QueryDict, there: SetTold, rows: Mapping[str, tuple[Row, ...]]) -> SetTold:
    """What the form tells; of levels that the file does not have nothing is believed."""
    known = {one.id for one in there.levels}
    levels = []
    for place in range(MOST_LEVELS):
        level, like = post.get(f"id-{place}", ""), post.get(f"like-{place}", "")
        if (like or level) not in known:
            continue
        new = LevelTold("" if like else level, _text(post, f"en-{place}"), _text(post, f"zh-{place}"), (), like)
        many = sum(1 for row in _rows(rows, new) if not row.joins)
        levels.append(replace(new, asks=tuple(_text(post, f"asks-{place}-{number}") for number in range(many))))
    said = {key: _text(post, key) for key in ("kind", "months", "keeps", "grace_days", "every_days")}
    return SetTold(tuple(levels), **said, one_step=post.get("one_step") == "yes")


def _text(post: QueryDict, key: str) -> str:
    # One more than may be: what is too long is refused, not cut.
    return " ".join(post.get(key, "").split())[: LONGEST + 1]


def _label(row: Row, money: str) -> str:
    names = row.name if isinstance(row.name, Mapping) else {"en": row.name, "zh": row.name}
    of = tier_words.in_words(dict(names)) if row.name else (event(row.of) if row.what == "events" else row.of)
    words = SPENT_ON if row.what == "spend" and row.of else COUNTS[row.what]
    return str(words % {"of": of, "currency": money})
