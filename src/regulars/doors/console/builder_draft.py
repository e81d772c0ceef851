"""What somebody is building: a draft of a condition that may be unfinished, as the form of the builder sends it.

A draft is plain JSON. Every part, row and step has an `id`, by which the form names its inputs (`id.key`); a part keeps
its id as the node of the condition, so that words, counts and errors find it again. What the builder cannot show, such
as a condition written by a program, stays as it is in a part of the kind `json`.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils.translation import gettext as _

from regulars.kit.conditions import reading
from regulars.kit.conditions.vocabulary import Asked, Collection, Vocabulary
from regulars.kit.refusals import Refusal

Draft = dict[str, Any]

#: What the form may say of a part, a row or a step.
KEYS = frozenset(
    {
        *("how", "name", "test", "value", "collection", "measure", "each", "which", "percent", "audience", "missing"),
        *("column", "within", "within_unit", "span", "span_count", "span_from", "span_to", "part", "text"),
    }
)
LISTS = frozenset({"values"})
NESTED = ("of", "where", "some", "each_where", "steps")
MOST_PARTS, LONGEST = 60, 400
COUNTED = ("count", "sum", "distinct")
NUMBERS = ("int64", "decimal", "money")
MANY = ("in", "not_in", "has_any", "has_all")
_SPAN = {"span": "", "span_count": "", "span_from": "", "span_to": ""}
_CHECK = {"test": "", "value": "", "values": []}


class Unfinished(Refusal):
    """Something is still to be chosen or written; `node` says where."""

    code = "audiences.unfinished"


def empty() -> Draft:
    """Nothing is asked yet."""
    return {"id": "g1", "kind": "group", "how": "all", "of": []}


def walk(draft: Draft) -> Iterator[Draft]:
    """Every dict with an id: parts, rows and steps."""
    waiting: list[Any] = [draft]
    while waiting:
        one = waiting.pop(0)
        if "id" in one:
            yield one
        for key in NESTED:
            waiting.extend(part for part in one.get(key, []) if isinstance(part, dict))


def read_form(told: QueryDict) -> Draft:
    """The draft that the form carries, with what was typed since. What is no draft of ours is an empty one."""
    try:
        draft = _tidy(json.loads(told.get("draft", "")), 0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return empty()
    if draft.get("kind") != "group":
        return empty()
    parts = list(walk(draft))
    by_id = {one["id"]: one for one in parts}
    for name in told:
        number, _dot, key = name.rpartition(".")
        if number not in by_id:
            continue
        if key in KEYS:
            by_id[number][key] = told.getlist(name)[-1].strip()[:LONGEST]
        elif key in LISTS:
            by_id[number][key] = [value[:LONGEST] for value in told.getlist(name) if value][: reading.MOST_VALUES]
    return draft


def _tidy(told: dict[str, Any], depth: int) -> Draft:
    """The keys we know, as texts and lists: somebody may send anything."""
    if depth > reading.DEEPEST + 3:
        raise ValueError
    found: Draft = {"id": str(told["id"])[:40], "kind": str(told.get("kind", ""))}
    found |= {key: str(told.get(key, ""))[: None if key == "text" else LONGEST] for key in KEYS}
    found |= {key: [str(one)[:LONGEST] for one in told.get(key, [])] for key in LISTS}
    return found | {key: [_tidy(one, depth + 1) for one in told.get(key, [])] for key in NESTED}


def act(draft: Draft, what: str) -> None:
    """One press of a button: `add:ID:KIND`, `drop:ID`, `row:ID:LIST`."""
    verb, _colon, rest = what.partition(":")
    number, _colon, kind = rest.partition(":")
    target = next((one for one in walk(draft) if one["id"] == number), None)
    if target is None:
        return
    if verb == "drop":
        for one in walk(draft):
            for key in NESTED:
                if key in one:
                    one[key] = [part for part in one[key] if part.get("id") != number]
    elif len(list(walk(draft))) < MOST_PARTS * 3:
        if verb == "add" and target.get("kind") == "group" and (made := _new(draft, kind)) is not None:
            target["of"].append(made)
        elif verb == "row" and kind in ("where", "some", "each_where", "steps"):
            target.setdefault(kind, []).append(_row(draft, kind))


def _fresh(draft: Draft, letter: str) -> str:
    taken = {one["id"] for one in walk(draft)}
    number = len(taken) + 1
    while f"{letter}{number}" in taken:
        number += 1
    return f"{letter}{number}"


def _new(draft: Draft, kind: str) -> Draft | None:
    number = _fresh(draft, "p")
    match kind:
        case "group":
            return {"id": number, "kind": "group", "how": "any", "of": []}
        case "field":
            return {"id": number, "kind": "field", "name": "", **_CHECK, **_SPAN}
        case "did":
            return {**_did(number), "kind": "did"}
        case "sequence":
            steps = [{**_step(), "id": f"{number}s1"}, {**_step(), "id": f"{number}s2"}]
            return {"id": number, "kind": "sequence", "steps": steps, "missing": "", **_SPAN}
        case "share":
            return {"id": number, "kind": "share", "name": "", "which": "highest", "percent": "10"}
        case "audience":
            return {"id": number, "kind": "audience", "which": "in", "audience": ""}
    return None


def _did(number: str) -> Draft:
    return {
        "id": number,
        "collection": "",
        "where": [],
        "some": [],
        "measure": "some",
        "each": "",
        "each_where": [],
        "test": "at_least",
        "value": "",
        **_SPAN,
    }


def _step() -> Draft:
    return {"collection": "", "where": [], "some": [], "within": "", "within_unit": "days"}


def _row(draft: Draft, kind: str) -> Draft:
    number = _fresh(draft, "r")
    if kind == "steps":
        return {**_step(), "id": number}
    if kind == "some":
        return {"id": number, "part": "", "where": [{"id": f"{number}w", "column": "", **_CHECK}]}
    return {"id": number, "column": "", **_CHECK}


# --- to a condition


def condition(draft: Draft, words: Vocabulary, zone: str) -> dict[str, Any]:
    """What the draft asks, as JSON. Refuses what is unfinished, with the part."""
    return {"version": reading.VERSION, "zone": zone, "if": node(draft, words, zone)}


def node(part: Draft, words: Vocabulary, zone: str) -> dict[str, Any]:
    """One part of a condition."""
    told = {"id": part["id"]}
    match part["kind"]:
        case "group":
            of = [node(one, words, zone) for one in part["of"]]
            if not of:
                raise _unfinished(part, _("Add a part here, or take the group out."))
            if part["how"] == "none":
                return {**told, "not": {"id": f"{part['id']}_of", "any": of}}
            return {**told, "any" if part["how"] == "any" else "all": of}
        case "field":
            asked = words.fields.get(part["name"])
            if asked is None:
                raise _unfinished(part, _("Choose what is asked."))
            return {**told, "field": asked.name, **_check(part, part, asked, zone)}
        case "share":
            if part["name"] not in words.fields:
                raise _unfinished(part, _("Choose what is asked."))
            return {**told, "field": part["name"], part["which"]: {"percent": _number(part, part["percent"])}}
        case "audience":
            if part["audience"] not in words.audiences:
                raise _unfinished(part, _("Choose an audience."))
            if part["which"] == "out":
                return {**told, "not": {"id": f"{part['id']}_of", "audience": part["audience"]}}
            return {**told, "audience": part["audience"]}
        case "did":
            return {**told, **_did_node(part, words, zone)}
        case "sequence":
            steps = [_step_node(part, step, words, zone, place) for place, step in enumerate(part["steps"])]
            if part["missing"]:
                steps[-1]["missing"] = True
            return {**told, "sequence": steps, **_span(part, part)}
    return json_part(part)


def json_part(part: Draft) -> dict[str, Any]:
    """A part that only JSON can say."""
    try:
        told = json.loads(part["text"])
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise _unfinished(part, _("This is not JSON."))
    return told


def _which(part: Draft, row: Draft, words: Vocabulary, zone: str) -> tuple[Collection, dict[str, Any]]:
    collection = words.collections.get(row["collection"])
    if collection is None:
        raise _unfinished(part, _("Choose what they did."))
    told: dict[str, Any] = {"did": collection.name}
    if where := _where(part, row["where"], collection.columns, zone):
        told["where"] = where
    some = []
    for one in row["some"]:
        if one["part"] not in collection.parts:
            one["part"] = next(iter(collection.parts), "")
        some.append({"of": one["part"], "where": _where(part, one["where"], collection.parts[one["part"]], zone)})
    return collection, {**told, **({"some": some} if some else {})}


def _did_node(part: Draft, words: Vocabulary, zone: str) -> dict[str, Any]:
    collection, told = _which(part, part, words, zone)
    columns = collection.columns
    how, _colon, column = part["measure"].partition(":")
    if part["each"] in collection.parts and how in COUNTED:
        columns = collection.parts[part["each"]]
        told["each"] = part["each"]
        if of_each := _where(part, part["each_where"], columns, zone):
            told["of_each"] = of_each
    match how:
        case "never":
            told["count"] = {"at_most": 0}
        case "count":
            told["count"] = {part["test"]: _whole(part, part["value"])}
        case "sum" | "distinct":
            asked = columns.get(column)
            if asked is None:
                raise _unfinished(part, _("Choose what is added up or counted."))
            is_whole = how == "distinct" or asked.type == "int64"
            than = _whole(part, part["value"]) if is_whole else _number(part, part["value"])
            told |= {how: column, "amount": {part["test"]: than}}
    return {**told, **_span(part, part)}


def _step_node(part: Draft, step: Draft, words: Vocabulary, zone: str, place: int) -> dict[str, Any]:
    _collection, told = _which(part, step, words, zone)
    if place and step["within"]:
        told["within"] = {step["within_unit"]: _whole(part, step["within"])}
    return told


def _where(part: Draft, rows: list[Draft], columns: Mapping[str, Asked], zone: str) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        asked = columns.get(row["column"])
        if asked is None:
            raise _unfinished(part, _("Choose what of it is asked, or take the line out."))
        found.append({"column": asked.name, **_check(part, row, asked, zone)})
    return found


def _check(part: Draft, row: Draft, asked: Asked, zone: str) -> dict[str, Any]:
    test, value = row["test"], row["value"]
    if test not in reading.TESTS[asked.type]:
        test = row["test"] = reading.TESTS[asked.type][0]
    if test == "is_known" or asked.type == "bool":
        return {test: value != "no"}
    if test == "during":
        return {test: _span(part, row)["during"] if row.get("span") else _missing(part)}
    if test in MANY:
        values = row["values"] if asked.choices else _several(value)
        if not values:
            raise _unfinished(part, _("Choose or write at least one value."))
        return {test: [_value(part, one, asked, zone) for one in values]}
    if test == "anniversary_within_days":
        return {test: _whole(part, value)}
    return {test: _value(part, value, asked, zone)}


def _value(part: Draft, value: str, asked: Asked, zone: str) -> object:
    if not value:
        raise _unfinished(part, _("Write or choose a value."))
    if asked.type == "int64":
        return _whole(part, value)
    if asked.type in ("decimal", "money"):
        return _number(part, value)
    if asked.type == "timestamp" and len(value) == 10:
        try:
            return datetime.fromisoformat(value).replace(tzinfo=ZoneInfo(zone)).isoformat()
        except ValueError:
            return value
    return value


def _several(value: str) -> list[str]:
    for mark in "，、;；\n":
        value = value.replace(mark, ",")
    return [one.strip() for one in value.split(",") if one.strip()]


def _span(part: Draft, row: Draft) -> dict[str, Any]:
    span = row.get("span", "")
    kind, _colon, unit = span.partition(":")
    match kind:
        case "last":
            return {"during": {"last": {unit: _whole(part, row["span_count"])}}}
        case "calendar":
            ago = row["span_count"]
            return {"during": {"calendar": unit, **({"ago": _whole(part, ago)} if ago else {})}}
        case "between":
            if not row["span_from"] or not row["span_to"]:
                raise _unfinished(part, _("Write both days."))
            return {"during": {"between": [row["span_from"], row["span_to"]]}}
        case "since":
            return {"during": {"since": unit}}
    return {}


def _missing(part: Draft) -> object:
    raise _unfinished(part, _("Choose when."))


def _whole(part: Draft, text: str) -> int:
    tidy = text.replace(",", "").replace(" ", "")
    if not tidy.removeprefix("-").isdecimal() or not tidy.isascii() or len(tidy) > 18:
        raise _unfinished(part, _("Write a whole number, such as 2."))
    return int(tidy)


def _number(part: Draft, text: str) -> str:
    tidy = text.replace(" ", "").replace(",", "")
    if not tidy.isascii() or not tidy.removeprefix("-").replace(".", "", 1).isdecimal():
        raise _unfinished(part, _("Write a number, such as 12.50."))
    return tidy


def _unfinished(part: Draft, words: str) -> Unfinished:
    return Unfinished(words, node=part["id"])


# --- from a condition


def from_condition(told: Mapping[str, Any]) -> Draft:
    """A draft of what is stored. It says the same: what the builder has no inputs for stays JSON."""
    numbers = _Numbers()
    root = _part(told["if"], numbers)
    return root if root["kind"] == "group" else {"id": numbers.next(), "kind": "group", "how": "all", "of": [root]}


class _Numbers:
    def __init__(self) -> None:
        self._last = 0

    def next(self) -> str:
        """An id that no other part has."""
        self._last += 1
        return f"q{self._last}"


def _part(told: Mapping[str, Any], numbers: _Numbers) -> Draft:
    number = numbers.next()
    try:
        made = _shown(told, number, numbers)
    except (KeyError, TypeError, ValueError, AttributeError):
        made = None
    return made or {"id": number, "kind": "json", "text": json.dumps({**told, "id": number}, ensure_ascii=False)}


def _shown(told: Mapping[str, Any], number: str, numbers: _Numbers) -> Draft | None:
    rest = {key: value for key, value in told.items() if key != "id"}
    for how in ("all", "any"):
        if how in rest:
            return {"id": number, "kind": "group", "how": how, "of": [_part(one, numbers) for one in rest[how]]}
    if "not" in rest:
        inner = {key: value for key, value in rest["not"].items() if key != "id"}
        if set(inner) == {"any"}:
            return {"id": number, "kind": "group", "how": "none", "of": [_part(one, numbers) for one in inner["any"]]}
        if set(inner) == {"audience"}:
            return {"id": number, "kind": "audience", "which": "out", "audience": inner["audience"]}
        return {"id": number, "kind": "group", "how": "none", "of": [_part(rest["not"], numbers)]}
    if set(rest) == {"audience"}:
        return {"id": number, "kind": "audience", "which": "in", "audience": rest["audience"]}
    if "field" in rest:
        for which in ("highest", "lowest"):
            if which in rest:
                percent = str(rest[which]["percent"])
                return {"id": number, "kind": "share", "name": rest["field"], "which": which, "percent": percent}
        row = _shown_check({key: value for key, value in rest.items() if key != "field"})
        return row and {"id": number, "kind": "field", "name": rest["field"], **row}
    if "sequence" in rest:
        steps = [_shown_step(step, numbers) for step in rest["sequence"]]
        missing = "yes" if rest["sequence"][-1].get("missing") else ""
        span = _shown_span(rest.get("during"))
        if None in steps or span is None:
            return None
        return {"id": number, "kind": "sequence", "steps": steps, "missing": missing, **span}
    return _shown_did(rest, number, numbers)


def _shown_did(rest: dict[str, Any], number: str, numbers: _Numbers) -> Draft | None:
    made = {**_did(number), "kind": "did", "collection": rest["did"]}
    where, some = _shown_where(rest.get("where", []), numbers), _shown_some(rest.get("some", []), numbers)
    each_where, span = _shown_where(rest.get("of_each", []), numbers), _shown_span(rest.get("during"))
    amount = rest.get("amount", rest.get("count", {}))
    if where is None or some is None or each_where is None or span is None or len(amount) > 1:
        return None
    made |= {"where": where, "some": some, "each": rest.get("each", ""), "each_where": each_where, **span}
    if "sum" in rest or "distinct" in rest:
        how = "sum" if "sum" in rest else "distinct"
        made["measure"] = f"{how}:{rest[how]}"
    elif amount == {"at_most": 0} and "each" not in rest:
        return {**made, "measure": "never"}
    elif amount or "each" in rest:
        made["measure"] = "count"
    [(test, value)] = amount.items() or [("at_least", 1)]
    return {**made, "test": test, "value": str(value)}


def _shown_step(step: Mapping[str, Any], numbers: _Numbers) -> Draft | None:
    where, some = _shown_where(step.get("where", []), numbers), _shown_some(step.get("some", []), numbers)
    if where is None or some is None:
        return None
    made = {**_step(), "id": numbers.next(), "collection": step["did"], "where": where, "some": some}
    for unit, count in step.get("within", {}).items():
        made |= {"within": str(count), "within_unit": unit}
    return made


def _shown_some(told: list[Mapping[str, Any]], numbers: _Numbers) -> list[Draft] | None:
    found = []
    for one in told:
        where = _shown_where(one.get("where", []), numbers)
        if where is None:
            return None
        found.append({"id": numbers.next(), "part": one["of"], "where": where})
    return found


def _shown_where(told: list[Mapping[str, Any]], numbers: _Numbers) -> list[Draft] | None:
    found = []
    for one in told:
        row = _shown_check({key: value for key, value in one.items() if key != "column"})
        if row is None:
            return None
        found.append({"id": numbers.next(), "column": one["column"], **row})
    return found


def _shown_check(told: dict[str, Any]) -> Draft | None:
    if len(told) != 1:
        return None
    [(test, than)] = told.items()
    row: Draft = {**_CHECK, **_SPAN, "test": test}
    if test == "during":
        span = _shown_span(than)
        return span and {**row, **span}
    if isinstance(than, bool):
        return {**row, "value": "yes" if than else "no"}
    if isinstance(than, list):
        return {**row, "values": [str(one) for one in than], "value": ", ".join(str(one) for one in than)}
    return {**row, "value": str(than)}


def _shown_span(told: Mapping[str, Any] | None) -> Draft | None:
    if told is None:
        return dict(_SPAN)
    if "last" in told:
        [(unit, count)] = told["last"].items()
        return {**_SPAN, "span": f"last:{unit}", "span_count": str(count)}
    if "calendar" in told:
        return {**_SPAN, "span": f"calendar:{told['calendar']}", "span_count": str(told.get("ago", "") or "")}
    if "between" in told:
        start, end = told["between"]
        return {**_SPAN, "span": "between", "span_from": start, "span_to": end}
    return {**_SPAN, "span": f"since:{told['since']}"}
