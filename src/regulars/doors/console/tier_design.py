"""Loyalty → Tiers → Design the levels: a form of one set of tiers. It changes the text of its programme's file in
memory, shows who would move, and keeps it as a draft; approving and activating are on the programme's page."""

import re
from collections.abc import Callable, Mapping
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
from regulars.doors.console.programmes import number_asked, readable
from regulars.doors.console.site import me, page
from regulars.doors.console.tiers import NONE_COLOUR
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import programmes, tier_words, tier_writing, tiers
from regulars.levers.loyalty.programmes import Change, Programme
from regulars.levers.loyalty.rules.tier_periods import KINDS
from regulars.levers.loyalty.rules.tier_sets import MOST_LEVELS, WHATS
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
    "spend": gettext_lazy("Spent, in %(currency)s"),
    "orders": gettext_lazy("Orders"),
    "points": gettext_lazy("Points earned"),
    "categories": gettext_lazy("Categories bought"),
    "visits": gettext_lazy("Visits to a store"),
    "stores": gettext_lazy("Stores visited"),
    "tenure": gettext_lazy("Months with us"),
    "events": gettext_lazy("Times of an event"),
}
#: Lines of a level, as a form says how they hang together: g1 joins those below it, w2 is a threshold, each how deep.
SHAPE, MOST_ASKS = re.compile(r"(?:[gw][0-9](?: [gw][0-9]){0,39})?"), 20
#: What it is counted of.
OF: Mapping[str, Any] = {
    "spend": gettext_lazy("Of category"),
    "events": gettext_lazy("Event"),
}
#: What may become of what a level asks.
ASKED: Mapping[str, Callable[[LevelTold, int], LevelTold]] = {
    "ask": tier_writing.one_ask_more,
    "group": tier_writing.one_group_more,
    "drop": tier_writing.one_ask_less,
}
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
    """A line of what a level asks: a threshold of `what`, or what joins those below it; `number` in the form."""

    depth: int
    number: int
    joins: str
    what: str
    of: FieldShown | None
    field: FieldShown | None
    called: str = ""
    hint: str = ""


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
    shape: str
    problem: str
    may_ask: bool
    is_added: bool


@require_http_methods(["GET", "HEAD", "POST"])
@requires("points.manage")
def design(request: HttpRequest, code: str, name: str) -> HttpResponseBase:
    """The form; what is told is shown with who would move, or kept as a draft."""
    versions = programmes.versions(code)
    number = number_asked(request.POST.get("version") or request.GET.get("version") or "")
    base = next((one for one in versions if number is None or one.number == number), None)
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
    wanted = _told(request.POST, there)
    act, *places = request.POST.get("act", "").split("-")
    at, number = [*(_number(one) for one in places), -1, -1][:2]
    at = at if 0 <= at < len(wanted.levels) else len(wanted.levels)
    if act == "add" and at < len(wanted.levels) < MOST_LEVELS:
        return form.shown(tier_writing.one_more(wanted, at), added=at + 1)
    if act == "remove" and at < len(wanted.levels) > 1:
        return form.shown(replace(wanted, levels=(*wanted.levels[:at], *wanted.levels[at + 1 :])))
    if act in ASKED and at < len(wanted.levels):
        level = ASKED[act](wanted.levels[at], number)
        if len(level.asks) <= MOST_ASKS:
            wanted = replace(wanted, levels=(*wanted.levels[:at], level, *wanted.levels[at + 1 :]))
        return form.shown(wanted)
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
        said, _refusal = readable(self._text)
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
            whats=[(what, str(COUNTS[what] % {"currency": said.money if said else ""})) for what in WHATS],
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
        groups, numbers = iter(range(100)), iter(enumerate(level.asks))
        asks = []
        for row in level.rows:
            if row.joins:
                asks.append(AskShown(min(row.depth, 3), next(groups), row.joins, "", None, None))
                continue
            number, ask = next(numbers)
            name, of = f"asks-{place}-{number}", f"of-{place}-{number}"
            asks.append(
                AskShown(
                    min(row.depth, 3),
                    number,
                    "",
                    row.what,
                    FieldShown(of, row.of, OF.get(row.what, OF["events"]), error=errors.get(of, "")),
                    FieldShown(name, ask, _("At least"), error=errors.get(name, "")),
                    tier_words.in_words(dict(row.name)) if isinstance(row.name, Mapping) else str(row.name or ""),
                    str(HINTS.get(row.what, "")),
                )
            )
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
            " ".join(f"{'g' if row.joins else 'w'}{min(row.depth, 9)}" for row in level.rows),
            errors.get(f"asked-{place}", ""),
            len(level.asks) < MOST_ASKS,
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


def _told(post: QueryDict, there: SetTold) -> SetTold:
    """What the form tells; of levels that the file does not have nothing is believed."""
    known = {one.id: one for one in there.levels}
    levels = []
    for place in range(MOST_LEVELS):
        level, like = post.get(f"id-{place}", ""), post.get(f"like-{place}", "")
        if (like or level) not in known:
            continue
        new = LevelTold("" if like else level, _text(post, f"en-{place}"), _text(post, f"zh-{place}"), (), like)
        rows = _asked(post, place, _begun(known[like or level], new))
        many = sum(1 for row in rows if not row.joins)
        asks = tuple(_text(post, f"asks-{place}-{number}") for number in range(many))
        plain, asks = tier_writing.shaped(rows, asks)
        levels.append(replace(new, asks=asks, rows=plain))
    said = {key: _text(post, key) for key in ("kind", "months", "keeps", "grace_days", "every_days")}
    return SetTold(tuple(levels), **said, one_step=post.get("one_step") == "yes")


def _begun(level: LevelTold, new: LevelTold) -> tuple[Row, ...]:
    # A copy of what asks nothing asks something: only the lowest may be everybody's.
    return level.rows or ((Row(0, what="spend", number=0),) if new.like else ())


def _asked(post: QueryDict, place: int, there: tuple[Row, ...]) -> tuple[Row, ...]:
    """What a level asks, line by line; as it is there where the form says nothing of it."""
    shape = post.get(f"shape-{place}")
    if shape is None or not SHAPE.fullmatch(shape):
        return there
    before = [row for row in there if not row.joins]
    found, groups, numbers = list[Row](), iter(range(100)), iter(range(100))
    for token in shape.split():
        deep = token[1]
        if token[0] == "g":
            joins = "any" if post.get(f"joins-{place}-{next(groups)}") == "any" else "all"
            found.append(Row(int(deep), joins))
            continue
        number = next(numbers)
        what = post.get(f"what-{place}-{number}", "")
        what = what if what in WHATS else "orders"
        of = _text(post, f"of-{place}-{number}") if what in OF else ""
        # What members call it stays with it, wherever it stands now.
        at = before[number : number + 1] + before
        name = next((row.name for row in at if (row.what, row.of) == (what, of)), None)
        found.append(Row(int(deep), "", what, of, name, number))
    return tuple(found)


def _number(place: str) -> int:
    return int(place) if place.isascii() and place.isdecimal() and len(place) < 3 else -1


def _text(post: QueryDict, key: str) -> str:
    # One more than may be: what is too long is refused, not cut.
    return " ".join(post.get(key, "").split())[: LONGEST + 1]
