"""How a draft is drawn: each part with its inputs, its sentence, its count, and what is wrong with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from regulars.doors.console import builder_draft
from regulars.doors.console.builder_draft import Draft
from regulars.kit.conditions import reading, spoken
from regulars.kit.conditions.vocabulary import Asked, Collection, Vocabulary
from regulars.kit.languages import Language
from regulars.kit.refusals import Refusal

Option = tuple[str, object]

TESTS: dict[str, Any] = {
    "is": gettext_lazy("is"),
    "is_not": gettext_lazy("is not"),
    "in": gettext_lazy("is one of"),
    "not_in": gettext_lazy("is none of"),
    "starts_with": gettext_lazy("starts with"),
    "contains": gettext_lazy("contains"),
    "has_any": gettext_lazy("has any of"),
    "has_all": gettext_lazy("has all of"),
    "at_least": gettext_lazy("is at least"),
    "at_most": gettext_lazy("is at most"),
    "more_than": gettext_lazy("is more than"),
    "less_than": gettext_lazy("is less than"),
    "before": gettext_lazy("is before"),
    "from": gettext_lazy("is on or after"),
    "during": gettext_lazy("is within"),
    "anniversary_within_days": gettext_lazy("comes round within days"),
    "is_known": gettext_lazy("is known"),
}
SPANS: dict[str, Any] = {
    "": gettext_lazy("at any time"),
    "last:hours": gettext_lazy("in the last … hours"),
    "last:days": gettext_lazy("in the last … days"),
    "last:weeks": gettext_lazy("in the last … weeks"),
    "last:months": gettext_lazy("in the last … months"),
    "calendar:day": gettext_lazy("on the calendar day"),
    "calendar:week": gettext_lazy("in the calendar week"),
    "calendar:month": gettext_lazy("in the calendar month"),
    "calendar:quarter": gettext_lazy("in the calendar quarter"),
    "calendar:year": gettext_lazy("in the calendar year"),
    "between": gettext_lazy("between two days"),
}
ROOMS: dict[str, Any] = {
    "customers": gettext_lazy("Who they are"),
    "consent": gettext_lazy("What they agree to"),
    "commerce": gettext_lazy("What they bought"),
    "events": gettext_lazy("What they did"),
    "measures": gettext_lazy("What was concluded"),
}


@dataclass
class View:
    """A draft looked at: `errors` and `said` by part."""

    words: Vocabulary
    zone: str
    language: Language
    errors: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def look(self, draft: Draft) -> None:
        """Reads each part by itself, so that one that is wrong hides nothing of the others."""
        for part in builder_draft.walk(draft):
            if part["kind"] and part["kind"] != "group":
                self._look_at(part)
        for part in builder_draft.walk(draft):
            if part["kind"] == "group" and not part["of"]:
                self.errors[part["id"]] = _("Nothing is asked here yet: add a part.")

    def _look_at(self, part: Draft) -> None:
        try:
            told = builder_draft.node(part, self.words, self.zone)
            read = reading.read({"version": reading.VERSION, "zone": self.zone, "if": told}, self.words)
        except builder_draft.Unfinished as unfinished:
            self.errors[part["id"]] = unfinished.message
        except Refusal as refusal:
            self.errors[part["id"]] = str(refusal.facts.get("mend", "")) or refusal.message
        else:
            self.said[part["id"]] = spoken.describe(read, self.words, self.language)

    def part(self, one: Draft, *, is_root: bool = False) -> dict[str, Any]:
        """What the template draws of one part."""
        number, kind = one["id"], one["kind"]
        drawn: dict[str, Any] = {
            "id": number,
            "kind": kind,
            "is_root": is_root,
            "error": self.errors.get(number, ""),
            "said": self.said.get(number, ""),
            "count": self.counts.get(number),
        }
        match kind:
            case "group":
                hows = [("all", _("all of these")), ("any", _("any of these")), ("none", _("none of these"))]
                drawn["how"] = _select(one, "how", _("Holds when"), hows)
                drawn["of"] = [self.part(inner) for inner in one["of"]]
            case "field":
                drawn["name"] = self._fields(one, self.words.fields.values())
                if asked := self.words.fields.get(one["name"]):
                    drawn["check"] = self._check(one, asked)
            case "share":
                numbers = [f for f in self.words.fields.values() if f.type in builder_draft.NUMBERS]
                drawn["name"] = self._fields(one, numbers)
                whiches = [("highest", _("among the highest")), ("lowest", _("among the lowest"))]
                drawn["which"] = _select(one, "which", _("Which end"), whiches)
                drawn["percent"] = _input(one, "percent", _("Percent of everyone"), inputmode="decimal")
            case "audience":
                whiches = [("in", _("is in")), ("out", _("is not in"))]
                drawn["which"] = _select(one, "which", _("In or not"), whiches)
                options: list[Option] = [("", _("Choose an audience")), *self.words.audiences.items()]
                drawn["audience"] = _select(one, "audience", _("Audience"), options)
            case "did":
                drawn["which_rows"] = self._which(one)
                drawn |= self._measured(one)
                drawn["span"] = self._span(one)
            case "sequence":
                drawn["steps"] = [self._step(step, place) for place, step in enumerate(one["steps"])]
                missing = [("", _("it happened")), ("yes", _("it did not happen in its time"))]
                drawn["missing"] = _select(one, "missing", _("The last step"), missing)
                drawn["span"] = self._span(one)
                drawn["is_full"] = len(one["steps"]) >= reading.MOST_STEPS
        return drawn

    def _fields(self, one: Draft, known: Iterable[Asked]) -> dict[str, Any]:
        groups: dict[str, list[Option]] = {}
        for asked in sorted(known, key=lambda asked: asked.label):
            if not asked.is_personal:
                room = asked.name.partition(".")[0]
                groups.setdefault(str(ROOMS.get(room, room)), []).append((asked.name, asked.label))
        return {**_select(one, "name", _("What is asked"), [("", _("Choose"))]), "groups": list(groups.items())}

    def _which(self, row: Draft) -> dict[str, Any]:
        options: list[Option] = [("", _("Choose")), *((c.name, c.label) for c in self.words.collections.values())]
        collection = self.words.collections.get(row["collection"])
        drawn: dict[str, Any] = {
            "id": row["id"],
            "collection": _select(row, "collection", _("What they did"), options),
            "has_parts": bool(collection and collection.parts),
        }
        if collection is not None:
            drawn["where"] = [self._row(one, collection.columns) for one in row["where"]]
            drawn["some"] = [self._some(one, collection) for one in row["some"]]
        return drawn

    def _some(self, one: Draft, collection: Collection) -> dict[str, Any]:
        part = one["part"] if one["part"] in collection.parts else next(iter(collection.parts), "")
        options: list[Option] = [(name, collection.part_labels.get(name, name)) for name in collection.parts]
        columns = collection.parts.get(part, {})
        return {
            "id": one["id"],
            "part": _select(one, "part", _("One alone of its"), options),
            "where": [self._row(row, columns) for row in one["where"]],
        }

    def _row(self, row: Draft, columns: Mapping[str, Asked]) -> dict[str, Any]:
        options: list[Option] = [("", _("Choose")), *((c.name, c.label) for c in columns.values())]
        asked = columns.get(row["column"])
        return {
            "id": row["id"],
            "column": _select(row, "column", _("What of it"), options),
            "check": None if asked is None else self._check(row, asked),
        }

    def _measured(self, one: Draft) -> dict[str, Any]:
        collection = self.words.collections.get(one["collection"])
        if collection is None:
            return {}
        columns = collection.parts.get(one["each"], collection.columns)
        options: list[Option] = [("some", _("at least once")), ("never", _("never")), ("count", _("so many times"))]
        options += [
            (f"sum:{c.name}", _("the sum of: %(what)s") % {"what": c.label})
            for c in columns.values()
            if c.type in builder_draft.NUMBERS
        ]
        options += [
            (f"distinct:{c.name}", _("different: %(what)s") % {"what": c.label})
            for c in columns.values()
            if c.type != "texts"
        ]
        drawn: dict[str, Any] = {"measure": _select(one, "measure", _("How much"), options)}
        if one["measure"].partition(":")[0] in builder_draft.COUNTED:
            tests = [(test, TESTS[test]) for test in ("at_least", "at_most", "more_than", "less_than", "is")]
            drawn["amount_test"] = _select(one, "test", _("Compared"), tests)
            drawn["amount"] = _input(one, "value", _("Number"), inputmode="decimal")
            if collection.parts:
                each: list[Option] = [("", collection.label)]
                each += [(name, collection.part_labels.get(name, name)) for name in collection.parts]
                drawn["each"] = _select(one, "each", _("Counted in"), each)
                if one["each"] in collection.parts:
                    drawn["each_where"] = [self._row(row, columns) for row in one["each_where"]]
                    drawn["has_each"] = True
        return drawn

    def _step(self, step: Draft, place: int) -> dict[str, Any]:
        units = [("hours", _("hours")), ("days", _("days"))]
        return {
            "place": place + 1,
            "can_go": place > 1,
            "id": step["id"],
            "which_rows": self._which(step),
            "within": _input(step, "within", _("Within, at most"), inputmode="numeric") if place else None,
            "within_unit": _select(step, "within_unit", _("Unit"), units) if place else None,
        }

    def _span(self, row: Draft, *, is_value: bool = False) -> dict[str, Any]:
        options: list[Option] = [(value, words) for value, words in SPANS.items() if value or not is_value]
        if is_value:
            options.insert(0, ("", _("Choose")))
        else:
            options += [
                (f"since:{asked.name}", _("since the last: %(day)s") % {"day": asked.label})
                for asked in self.words.fields.values()
                if asked.type == "date" and not asked.is_personal
            ]
        drawn: dict[str, Any] = {"select": _select(row, "span", _("When"), options)}
        kind = row["span"].partition(":")[0]
        if kind == "last":
            drawn["count"] = _input(row, "span_count", _("How many"), inputmode="numeric")
        elif kind == "calendar":
            drawn["count"] = _input(row, "span_count", _("How many ago; empty is the present one"), inputmode="numeric")
        elif kind == "between":
            drawn["start"] = _input(row, "span_from", _("From"), type="date")
            drawn["end"] = _input(row, "span_to", _("Up to, not including"), type="date")
        return drawn

    def _check(self, row: Draft, asked: Asked) -> dict[str, Any]:
        known = reading.TESTS[asked.type]
        test = row["test"] if row["test"] in known else known[0]
        tests: list[Option] = [(one, TESTS[one]) for one in known]
        drawn: dict[str, Any] = {"test": {**_select(row, "test", _("How it is tested"), tests), "value": test}}
        yes_no: list[Option] = [("yes", _("yes")), ("no", _("no"))]
        if test == "is_known" or asked.type == "bool":
            drawn["choice"] = _select(row, "value", _("Value"), yes_no)
        elif test == "during":
            drawn["span"] = self._span(row, is_value=True)
        elif asked.choices and test in builder_draft.MANY:
            drawn["many"] = {
                "name": f"{row['id']}.values",
                "options": [(code, words, code in row["values"]) for code, words in asked.choices.items()],
            }
        elif asked.choices and test in ("is", "is_not"):
            drawn["choice"] = _select(row, "value", _("Value"), [("", _("Choose")), *asked.choices.items()])
        elif test in builder_draft.MANY:
            drawn["value"] = _input(row, "value", _("Values, with commas between"))
        elif asked.type in ("date", "timestamp") and test != "anniversary_within_days":
            value = _input(row, "value", _("Day"), type="date")
            drawn["value"] = {**value, "value": row["value"][:10]}
        elif asked.type == "money":
            label = _("Amount, %(currency)s") % {"currency": self.words.currency}
            drawn["value"] = _input(row, "value", label, inputmode="decimal")
        else:
            mode = "text" if asked.type in ("text", "texts") else "decimal"
            drawn["value"] = _input(row, "value", _("Value"), inputmode=mode)
        return drawn


def _select(row: Draft, key: str, label: str, options: Iterable[Option]) -> dict[str, Any]:
    return {"name": f"{row['id']}.{key}", "label": label, "value": row[key], "options": list(options), "groups": []}


def _input(row: Draft, key: str, label: str, *, type: str = "text", inputmode: str = "text") -> dict[str, Any]:
    return {"name": f"{row['id']}.{key}", "label": label, "value": row[key], "type": type, "inputmode": inputmode}
