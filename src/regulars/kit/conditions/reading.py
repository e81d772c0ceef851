"""From what is stored or typed (plain JSON) to a checked condition. Every refusal names the node and the mend."""

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, cast, get_args

from regulars.kit import civil, money
from regulars.kit.conditions.moments import Gap, Period, Span, Unit
from regulars.kit.conditions.nodes import (
    All,
    Among,
    Any,
    Check,
    Condition,
    Counted,
    Did,
    Has,
    Member,
    Node,
    Not,
    Sequence,
    Some,
    Step,
    Test,
    Type,
    Value,
    Which,
)
from regulars.kit.conditions.vocabulary import Asked, Collection, Vocabulary
from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _

VERSION: Final = 1
MOST_NODES, DEEPEST, MOST_VALUES, MOST_STEPS = 200, 12, 1000, 5
#: Longer than any shop's history; keeps days within the calendar.
MOST_BACK: Final[Mapping[str, int]] = {"hours": 24 * 366, "days": 36_600, "weeks": 5_200, "months": 1_200}
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_NUMBERS: Final = ("is", "is_not", "in", "not_in", "at_least", "at_most", "more_than", "less_than")
TESTS: Final[Mapping[Type, tuple[Test, ...]]] = {
    "int64": (*_NUMBERS, "is_known"),
    "decimal": (*_NUMBERS, "is_known"),
    "money": (*_NUMBERS, "is_known"),
    "text": ("is", "is_not", "in", "not_in", "starts_with", "contains", "is_known"),
    "texts": ("has_any", "has_all", "is_known"),
    "date": ("is", "before", "from", "during", "anniversary_within_days", "is_known"),
    "timestamp": ("before", "from", "during", "is_known"),
    "bool": ("is", "is_known"),
}
_ALL_TESTS: Final = frozenset(test for tests in TESTS.values() for test in tests)
_OF_NUMBERS: Final = ("is", "is_not", "at_least", "at_most", "more_than", "less_than")
_BRANCHES: Final = ("all", "any", "not")
_LEAVES: Final = ("field", "did", "sequence", "audience")


class BadCondition(Refusal):
    """It cannot be asked. `facts`: `node`, its id or place in the tree; `field`, the word that is wrong; `value`;
    `mend`, what to write instead."""

    code = "condition.bad"


def read(told: object, vocabulary: Vocabulary, *, predictions: bool = True) -> Condition:
    """The condition that `told` (decoded JSON) says, checked against what can be asked.

    `{"version": 1, "zone": "Asia/Shanghai", "if": NODE}`; README.md has the whole of it. `predictions=False` refuses
    fields that a model guessed: what someone is owed may not rest on them. Raises `BadCondition`.
    """
    tree = _mapping(told, "condition", ("version", "zone", "if"))
    if tree.get("version") != VERSION:
        raise _bad(
            "condition",
            "version",
            tree.get("version"),
            _("this is version %(version)s; write that") % {"version": VERSION},
        )
    zone = tree.get("zone")
    try:
        clocks = civil.zone(zone if isinstance(zone, str) else "")
    except civil.UnknownZone as unknown:
        raise _bad("condition", "zone", zone, unknown.message.rpartition("; ")[2]) from unknown
    reader = _Reader(vocabulary, predictions=predictions)
    return Condition(VERSION, clocks, reader.node(tree.get("if"), "if", 1))


class _Reader:
    def __init__(self, vocabulary: Vocabulary, *, predictions: bool) -> None:
        self._vocabulary = vocabulary
        self._predictions = predictions
        self._ids: set[str] = set()
        self._count = 0

    def node(self, told: object, where: str, depth: int) -> Node:
        self._count += 1
        if self._count > MOST_NODES:
            raise _bad(
                where,
                "if",
                "",
                _("a condition has at most %(most)s parts; make audiences of some of them") % {"most": MOST_NODES},
            )
        if depth > DEEPEST:
            raise _bad(
                where,
                "if",
                "",
                _("it is nested deeper than %(most)s; make an audience of the inner part") % {"most": DEEPEST},
            )
        if not isinstance(told, Mapping):
            raise _bad(where, "if", told, _('write an object such as {"field": …} or {"all": […]}'))
        kinds = [kind for kind in (*_BRANCHES, *_LEAVES) if kind in told]
        if len(kinds) != 1:
            mend = _("write one of %(words)s in each part") % {"words": ", ".join((*_BRANCHES, *_LEAVES))}
            raise _bad(where, " and ".join(kinds) or "if", _shown(told), mend)
        here = self._id(told, where)
        kind = kinds[0]
        if kind in ("all", "any"):
            _only(told, here, ("id", kind))
            of = told[kind]
            if not isinstance(of, list) or not of:
                raise _bad(here, kind, of, _("write a list with at least one part"))
            parts = tuple(self.node(one, f"{where}.{kind}[{place}]", depth + 1) for place, one in enumerate(of))
            return All(here, parts) if kind == "all" else Any(here, parts)
        if kind == "not":
            _only(told, here, ("id", "not"))
            return Not(here, self.node(told["not"], f"{where}.not", depth + 1))
        if kind == "field":
            return self._field(told, here)
        if kind == "did":
            return self._did(told, here)
        if kind == "sequence":
            return self._sequence(told, here)
        return self._audience(told, here)

    def _id(self, told: Mapping[str, object], where: str) -> str:
        given = told.get("id")
        if given is None:
            given = f"n{self._count}"
            while given in self._ids:
                given += "_"
        elif not isinstance(given, str) or not _ID.fullmatch(given):
            raise _bad(where, "id", given, _("use letters, digits, dashes and underscores, at most 40"))
        elif given in self._ids:
            raise _bad(where, "id", given, _("another part has this id; give each its own"))
        self._ids.add(given)
        return given

    # --- what the customer is

    def _field(self, told: Mapping[str, object], here: str) -> Node:
        asked = self._asked(told["field"], self._vocabulary.fields, here, "field")
        among = [word for word in ("highest", "lowest") if word in told]
        if among:
            _only(told, here, ("id", "field", *among))
            if len(among) == 2 or asked.type not in ("int64", "decimal", "money"):
                raise _bad(here, among[0], told[among[0]], _("ask for the highest or the lowest percent of a number"))
            percent = _decimal(_mapping(told[among[0]], here, ("percent",)).get("percent"), here, "percent")
            if not 0 < percent <= 100:
                raise _bad(here, "percent", percent, _("write a number above 0, up to 100"))
            return Among(here, asked.name, among[0] == "highest", percent)
        return Has(here, asked.name, self._checks(told, asked, here, ("id", "field")))

    def _audience(self, told: Mapping[str, object], here: str) -> Member:
        _only(told, here, ("id", "audience"))
        wanted = told["audience"]
        if not isinstance(wanted, str) or wanted not in self._vocabulary.audiences:
            raise _bad(here, "audience", wanted, _("there is no such audience; choose one of the list"))
        return Member(here, wanted)

    # --- what the customer did

    def _did(self, told: Mapping[str, object], here: str) -> Did:
        counted = [word for word in ("count", "sum", "distinct") if word in told]
        if len(counted) > 1:
            raise _bad(
                here,
                counted[1],
                _shown(told[counted[1]]),
                _("ask for one of %(words)s in one part") % {"words": ", ".join(counted)},
            )
        how = counted[0] if counted else "count"
        _only(told, here, ("id", "did", "where", "some", "during", "each", "of_each", how, "amount"))
        collection, which = self._which(told, here)
        each, columns = None, collection.columns
        if "each" in told:
            each, columns = self._parts(told["each"], collection, here, "each")
        elif "of_each" in told:
            raise _bad(here, "of_each", "", _("say with `each` which parts are counted"))
        column: Asked | None = None
        if how != "count":
            column = self._asked(told[how], columns, here, how)
            if how == "sum" and column.type not in ("int64", "decimal", "money"):
                raise _bad(here, "sum", column.name, _("only numbers and amounts can be added up"))
            if how == "distinct" and column.type == "texts":
                raise _bad(here, "distinct", column.name, _("count different values of a column with one value each"))
        elif "amount" in told:
            raise _bad(here, "amount", "", _("write the tests of a count under `count`"))
        amount_told = told.get("count" if how == "count" else "amount", {"at_least": 1} if how == "count" else {})
        measured = Asked(how, column.type if column is not None and how == "sum" else "int64", how)
        tests = _mapping(amount_told, here, _OF_NUMBERS)
        if not tests:
            raise _bad(here, "amount", "", _('say how many, such as {"at_least": 3}'))
        return Did(
            id=here,
            which=which,
            during=self._span(told.get("during"), here),
            counted=cast("Counted", how),
            column=None if column is None else column.name,
            each=each,
            of_each=self._where(told.get("of_each", []), columns, here, "of_each"),
            amount=self._checks(tests, measured, here, ()),
        )

    def _sequence(self, told: Mapping[str, object], here: str) -> Sequence:
        _only(told, here, ("id", "sequence", "during"))
        steps_told = told["sequence"]
        if not isinstance(steps_told, list) or not 2 <= len(steps_told) <= MOST_STEPS:
            raise _bad(here, "sequence", "", _("write 2 to %(most)s steps") % {"most": MOST_STEPS})
        steps, last_is_missing = [], False
        for place, one in enumerate(steps_told):
            where = f"{here}, step {place + 1}"
            step = _mapping(one, where, ("did", "where", "some", "within", "missing"))
            which = self._which(step, where)[1]
            within = None
            if place and "within" in step:
                within = _gap(step["within"], where)
            elif "within" in step:
                raise _bad(where, "within", "", _("the first step follows none; say `within` at a later one"))
            if step.get("missing", False) not in (True, False):
                raise _bad(where, "missing", step["missing"], _("write true, or leave it out"))
            if step.get("missing"):
                last_is_missing = True
                if place + 1 != len(steps_told) or within is None:
                    raise _bad(where, "missing", True, _("only the last step can be missing, and it needs `within`"))
            steps.append(Step(which, within))
        return Sequence(here, tuple(steps), self._span(told.get("during"), here), last_is_missing)

    def _which(self, told: Mapping[str, object], here: str) -> tuple[Collection, Which]:
        name = told.get("did")
        collection = self._vocabulary.collections.get(name) if isinstance(name, str) else None
        if collection is None:
            raise _bad(here, "did", name, _choose(name, self._vocabulary.collections))
        checks = self._where(told.get("where", []), collection.columns, here, "where")
        some_told = told.get("some", [])
        if not isinstance(some_told, list):
            raise _bad(here, "some", some_told, _('write a list such as [{"of": "lines", "where": […]}]'))
        some = []
        for one in some_told:
            part = _mapping(one, here, ("of", "where"))
            parts, columns = self._parts(part.get("of"), collection, here, "of")
            some.append(Some(parts, self._where(part.get("where", []), columns, here, "where")))
        return collection, Which(collection.name, checks, tuple(some))

    def _parts(self, name: object, collection: Collection, here: str, word: str) -> tuple[str, Mapping[str, Asked]]:
        if not isinstance(name, str) or name not in collection.parts:
            raise _bad(here, word, name, _choose(name, collection.parts))
        return name, collection.parts[name]

    # --- tests of values

    def _where(self, told: object, columns: Mapping[str, Asked], here: str, word: str) -> tuple[Check, ...]:
        if not isinstance(told, list):
            raise _bad(here, word, told, _('write a list such as [{"column": …, "is": …}]'))
        found: list[Check] = []
        for one in told:
            if not isinstance(one, Mapping) or "column" not in one:
                raise _bad(here, word, _shown(one), _("name the column of each test with `column`"))
            asked = self._asked(one["column"], columns, here, "column")
            found.extend(self._checks(one, asked, here, ("column",)))
        return tuple(found)

    def _asked(self, name: object, known: Mapping[str, Asked], here: str, word: str) -> Asked:
        found = known.get(name) if isinstance(name, str) else None
        if found is None:
            raise _bad(here, word, name, _choose(name, known))
        if found.is_personal:
            raise _bad(here, word, name, _("it is personal and sealed; conditions may not ask it"))
        if found.kind == "prediction" and not self._predictions:
            raise _bad(here, word, name, _("it is a prediction; what someone is owed rests on facts: ask an audience"))
        return found

    def _checks(
        self, told: Mapping[str, object], asked: Asked, here: str, beside: tuple[str, ...]
    ) -> tuple[Check, ...]:
        found = []
        for word, than in told.items():
            if word in beside:
                continue
            if word not in TESTS[asked.type]:
                mend = _("%(name)s is %(kind)s; use one of %(words)s") % {
                    "name": asked.name,
                    "kind": _kinds()[asked.type],
                    "words": ", ".join(TESTS[asked.type]),
                }
                raise _bad(here, word, _shown(than), mend)
            test: Test = word
            found.append(Check(asked.name, asked.type, test, self._than(test, than, asked, here)))
        if not found:
            raise _bad(
                here, asked.name, "", _("say what of it: one of %(words)s") % {"words": ", ".join(TESTS[asked.type])}
            )
        return tuple(found)

    def _than(self, test: Test, than: object, asked: Asked, here: str) -> Value | tuple[Value, ...] | Span:
        if test == "is_known":
            return _bool(than, here, test)
        if test == "during":
            span = self._span(than, here)
            if span is None or span.since is not None:
                raise _bad(here, test, _shown(than), _("write one of last, between, calendar"))
            return span
        if test == "anniversary_within_days":
            return _whole(than, here, test, 1, 366)
        if test in ("in", "not_in", "has_any", "has_all"):
            if not isinstance(than, list) or not 1 <= len(than) <= MOST_VALUES:
                raise _bad(here, test, _shown(than), _("write a list of 1 to %(most)s values") % {"most": MOST_VALUES})
            return tuple(self._value(one, asked, here, test) for one in than)
        return self._value(than, asked, here, test)

    def _value(self, told: object, asked: Asked, here: str, word: str) -> Value:
        kind = asked.type
        if kind in ("text", "texts"):
            if not isinstance(told, str):
                raise _bad(here, word, told, _("write a text"))
            if not _is_whole_text(told):
                raise _bad(here, word, told, _("leave out halves of characters and the one called NUL"))
            if asked.choices and word not in ("starts_with", "contains") and told not in asked.choices:
                raise _bad(here, word, told, _choose(told, asked.choices))
            return told
        if kind == "bool":
            return _bool(told, here, word)
        if kind == "int64":
            return _whole(told, here, word, -(2**63), 2**63 - 1)
        if kind == "decimal":
            return _decimal(told, here, word)
        if kind == "money":
            return self._minor(told, here, word)
        if kind == "date":
            return _day(told, here, word)
        return _instant(told, here, word)

    def _minor(self, told: object, here: str, word: str) -> int:
        amount = _decimal(told, here, word)
        minor = amount.scaleb(money.exponent(self._vocabulary.currency))
        if minor != minor.to_integral_value():
            digits = money.exponent(self._vocabulary.currency)
            mend = _("%(currency)s has %(digits)s digits after the point") % {
                "currency": self._vocabulary.currency,
                "digits": digits,
            }
            raise _bad(here, word, told, mend)
        return int(minor)

    def _span(self, told: object, here: str) -> Span | None:
        if told is None:
            return None
        span = _mapping(told, here, ("last", "between", "calendar", "ago", "since"))
        if len(span.keys() - {"ago"}) != 1:
            raise _bad(here, "during", _shown(told), _("write one of last, between, calendar, since"))
        if "last" in span:
            last = _mapping(span["last"], here, get_args(Unit))
            if len(last) != 1:
                raise _bad(
                    here, "last", _shown(last), _('write one of hours, days, weeks, months, such as {"days": 30}')
                )
            unit, count = next(iter(last.items()))
            return Span(count=_whole(count, here, unit, 1, MOST_BACK[unit]), unit=cast("Unit", unit))
        if "between" in span:
            ends = span["between"]
            if not isinstance(ends, list) or len(ends) != 2:
                raise _bad(here, "between", _shown(ends), _("write two days; the second is not part of it"))
            start, end = (_day(one, here, "between") for one in ends)
            if end <= start:
                raise _bad(here, "between", _shown(ends), _("the second day must come after the first"))
            return Span(start=start, end=end)
        if "calendar" in span:
            period = span["calendar"]
            if period not in get_args(Period):
                raise _bad(
                    here, "calendar", period, _("write one of %(words)s") % {"words": ", ".join(get_args(Period))}
                )
            return Span(period=cast("Period", period), ago=_whole(span.get("ago", 0), here, "ago", 0, 1000))
        asked = self._asked(span["since"], self._vocabulary.fields, here, "since")
        if asked.type != "date":
            raise _bad(here, "since", asked.name, _("name a field that is a day"))
        return Span(since=asked.name)


def _kinds() -> Mapping[Type, str]:
    """What a value is, in words."""
    return {
        "int64": _("a whole number"),
        "decimal": _("a number"),
        "money": _("an amount"),
        "text": _("a text"),
        "texts": _("a list of texts"),
        "date": _("a day"),
        "timestamp": _("a moment"),
        "bool": _("true or false"),
    }


def _bad(node: str, word: str, value: object, mend: str) -> BadCondition:
    shown, word = _shown(value), _shown(word)
    message = _("%(node)s: %(word)s %(shown)s cannot be asked; %(mend)s") % {
        "node": node,
        "word": word,
        "shown": shown,
        "mend": mend,
    }
    return BadCondition(message, node=node, field=word, value=shown, mend=mend)


def _shown(value: object) -> str:
    """Half a character, which JSON may spell, would break whatever writes the refusal down."""
    return str(value)[:80].encode("utf-8", "replace").decode()


def _is_whole_text(text: str) -> bool:
    """What a database can hold: JSON may spell what no text is."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def _choose(name: object, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return _("did you mean %(near)s?") % {"near": near[0]}
    return _("use one of %(words)s") % {"words": ", ".join(names[:20])} if names else _("there is none")


def _mapping(told: object, where: str, known: tuple[str, ...]) -> Mapping[str, object]:
    if not isinstance(told, Mapping):
        raise _bad(where, "", told, _("write an object with %(words)s") % {"words": ", ".join(known)})
    _only(told, where, known)
    return told


def _only(told: Mapping[str, object], where: str, known: tuple[str, ...]) -> None:
    for word in told:
        if word not in known:
            raise _bad(where, str(word), "", _choose(word, known))


def _bool(told: object, here: str, word: str) -> bool:
    if not isinstance(told, bool):
        raise _bad(here, word, told, _("write true or false"))
    return told


def _whole(told: object, here: str, word: str, least: int, most: int) -> int:
    if isinstance(told, bool) or not isinstance(told, int):
        raise _bad(here, word, told, _("write a whole number"))
    if not least <= told <= most:
        raise _bad(
            here,
            word,
            told,
            _("write a number from %(least)s to %(most)s") % {"least": f"{least:,}", "most": f"{most:,}"},
        )
    return told


def _decimal(told: object, here: str, word: str) -> Decimal:
    """A text or a whole number: what JSON calls a number with a point may have lost digits on its way."""
    if isinstance(told, bool) or not isinstance(told, int | str):
        raise _bad(here, word, told, _('write the number as a text, such as "12.50"'))
    try:
        found = Decimal(told)
    except InvalidOperation as problem:
        raise _bad(here, word, told, _('write the number as a text, such as "12.50"')) from problem
    if not found.is_finite() or abs(found) >= Decimal(10) ** 15 or found != round(found, 9):
        raise _bad(here, word, told, _("use at most 15 digits before the point and 9 after it"))
    return found


def _day(told: object, here: str, word: str) -> date:
    try:
        return date.fromisoformat(told if isinstance(told, str) and len(told) == 10 else "")
    except ValueError as problem:
        raise _bad(here, word, told, _("write a day such as 2026-01-31")) from problem


def _instant(told: object, here: str, word: str) -> datetime:
    try:
        found = datetime.fromisoformat(told if isinstance(told, str) else "")
    except ValueError as problem:
        raise _bad(here, word, told, _("write a moment such as 2026-01-31T18:00:00+08:00")) from problem
    if found.tzinfo is None:
        raise _bad(here, word, told, _("say its zone, such as 2026-01-31T18:00:00+08:00"))
    return found


def _gap(told: object, here: str) -> Gap:
    gap = _mapping(told, here, ("hours", "days"))
    if len(gap) != 1:
        raise _bad(here, "within", _shown(told), _('write one of hours, days, such as {"days": 7}'))
    unit, count = next(iter(gap.items()))
    hours = _whole(count, here, unit, 1, MOST_BACK[unit]) * (24 if unit == "days" else 1)
    return Gap(hours)
