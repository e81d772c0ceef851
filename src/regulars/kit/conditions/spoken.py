"""A condition in plain words, Chinese or English: what an operator reads before saving, and a shop assistant asks for.

The vocabulary brings the words of fields and collections in the reader's language; the grammar around them is here.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from regulars.kit import money
from regulars.kit.conditions.moments import Gap, Span
from regulars.kit.conditions.nodes import (
    All,
    Among,
    Any,
    Check,
    Condition,
    Did,
    Has,
    Member,
    Node,
    Not,
    Sequence,
    Some,
    Step,
    Value,
    Which,
)
from regulars.kit.conditions.vocabulary import Asked, Collection, Vocabulary
from regulars.kit.languages import Language

_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "and": " and ",
        "or": " or ",
        "list_or": ", ",
        "not": "not ({0})",
        "group": "({0})",
        "is": "{0} is {1}",
        "is_not": "{0} is not {1}",
        "in": "{0} is one of {1}",
        "not_in": "{0} is none of {1}",
        "starts_with": "{0} starts with {1}",
        "contains": "{0} contains {1}",
        "has_any": "{0} has any of {1}",
        "has_all": "{0} has all of {1}",
        "at_least": "{0} is at least {1}",
        "at_most": "{0} is at most {1}",
        "more_than": "{0} is more than {1}",
        "less_than": "{0} is less than {1}",
        "before": "{0} is before {1}",
        "from": "{0} is {1} or later",
        "during": "{0} is {1}",
        "anniversary_within_days": "{0} comes round within {1} days",
        "known": "{0} is known",
        "unknown": "{0} is not known",
        "yes": "{0}: yes",
        "no": "{0}: no",
        "highest": "{0} is among the highest {1} %",
        "lowest": "{0} is among the lowest {1} %",
        "audience": "is in “{0}”",
        "rows": "{0}",
        "rows_where": "{0} where {1}",
        "some": "one of the {0} has {1}",
        "some_any": "it has {0}",
        "each": "{1} in {0}",
        "each_where": "{1} where {2}, in {0}",
        "did": "{0}",
        "did_where": "{0}: {1}",
        "none_of": "no {0}",
        "count": "the number of {0}",
        "sum": "the sum of {1} over {0}",
        "distinct": "the number of different {1} over {0}",
        "when": "{0}, {1}",
        "step": "{0}",
        "then": "then {0}",
        "then_within": "then, within {1}, {0}",
        "then_missing": "then, within {1}, no {0}",
        "sequence": "{0}",
        "steps": "; ",
        "last": "in the last {0} {1}",
        "hours": "hours",
        "days": "days",
        "weeks": "weeks",
        "months": "months",
        "between": "from {0} up to but not including {1}",
        "this_day": "today",
        "this_week": "in this week",
        "this_month": "in this month",
        "this_quarter": "in this quarter",
        "this_year": "in this year",
        "ago_day": "on the day {0} days ago",
        "ago_week": "in the week {0} weeks ago",
        "ago_month": "in the month {0} months ago",
        "ago_quarter": "in the quarter {0} quarters ago",
        "ago_year": "in the year {0} years ago",
        "since": "since the last {0}",
        "true": "yes",
        "false": "no",
    },
    "zh": {
        "and": "，且",
        "or": "，或",
        "list_or": "、",
        "not": "并非（{0}）",
        "group": "（{0}）",
        "is": "{0}为 {1}",
        "is_not": "{0}不为 {1}",
        "in": "{0}为 {1} 之一",
        "not_in": "{0}不为 {1} 中任何一个",
        "starts_with": "{0}以 {1} 开头",
        "contains": "{0}包含 {1}",
        "has_any": "{0}含有 {1} 中任意一个",
        "has_all": "{0}含有全部 {1}",
        "at_least": "{0}不少于 {1}",
        "at_most": "{0}不多于 {1}",
        "more_than": "{0}多于 {1}",
        "less_than": "{0}少于 {1}",
        "before": "{0}早于 {1}",
        "from": "{0}不早于 {1}",
        "during": "{0}在{1}",
        "anniversary_within_days": "{0}将在 {1} 天内到来",
        "known": "{0}已知",
        "unknown": "{0}未知",
        "yes": "{0}：是",
        "no": "{0}：否",
        "highest": "{0}位于最高的 {1}%",
        "lowest": "{0}位于最低的 {1}%",
        "audience": "属于人群“{0}”",
        "rows": "{0}",
        "rows_where": "{1}的{0}",
        "some": "其中一个{0}满足：{1}",
        "some_any": "其中有{0}",
        "each": "{0}中的{1}",
        "each_where": "{0}中满足“{2}”的{1}",
        "did": "{0}",
        "did_where": "{0}：{1}",
        "none_of": "没有{0}",
        "count": "{0}的次数",
        "sum": "{0}的{1}合计",
        "distinct": "{0}中不同{1}的个数",
        "when": "{1}，{0}",
        "step": "{0}",
        "then": "随后{0}",
        "then_within": "随后 {1} 内{0}",
        "then_missing": "随后 {1} 内没有{0}",
        "sequence": "{0}",
        "steps": "；",
        "last": "最近 {0} {1}",
        "hours": "小时",
        "days": "天",
        "weeks": "周",
        "months": "个月",
        "between": "{0} 至 {1}（不含当天）之间",
        "this_day": "今天",
        "this_week": "本周",
        "this_month": "本月",
        "this_quarter": "本季度",
        "this_year": "今年",
        "ago_day": "{0} 天前那一天",
        "ago_week": "{0} 周前那一周",
        "ago_month": "{0} 个月前那个月",
        "ago_quarter": "{0} 个季度前那个季度",
        "ago_year": "{0} 年前那一年",
        "since": "自上一个{0}以来",
        "true": "是",
        "false": "否",
    },
}


def describe(condition: Condition, vocabulary: Vocabulary, language: Language) -> str:
    """The whole in one sentence."""
    return _Speaker(condition.zone, vocabulary, language).node(condition.root)


def of_nodes(condition: Condition, vocabulary: Vocabulary, language: Language) -> dict[str, str]:
    """Each node's own words by its id: what stands beside its verdict."""
    speaker = _Speaker(condition.zone, vocabulary, language)
    return {node.id: speaker.node(node) for node in condition.nodes()}


class _Speaker:
    def __init__(self, zone: ZoneInfo, vocabulary: Vocabulary, language: Language) -> None:
        self._zone, self._vocabulary, self._words = zone, vocabulary, _WORDS[language]

    def _say(self, word: str, *parts: object) -> str:
        return self._words[word].format(*parts)

    def node(self, node: Node) -> str:
        match node:
            case All(of=of) | Any(of=of):
                joined = [self._inner(one) for one in of]
                return self._words["and" if isinstance(node, All) else "or"].join(joined)
            case Not(of=inner):
                return self._say("not", self.node(inner))
            case Has():
                return self._checks(node.checks, self._vocabulary.fields)
            case Among():
                label = self._vocabulary.fields[node.field].label
                return self._say("highest" if node.highest else "lowest", label, f"{node.percent.normalize():f}")
            case Member():
                return self._say("audience", self._vocabulary.audiences[node.audience])
            case Did():
                return self._did(node)
            case Sequence():
                return self._sequence(node)

    def _inner(self, node: Node) -> str:
        said = self.node(node)
        return self._say("group", said) if isinstance(node, All | Any) and len(node.of) > 1 else said

    # --- rows

    def _did(self, node: Did) -> str:
        collection = self._vocabulary.collections[node.which.collection]
        rows, columns = self._rows(node.which, collection), collection.columns
        if node.counted == "count" and node.each is None and _is_never(node.amount):
            return self._when(self._say("none_of", rows), node.during)
        if node.counted == "count" and node.each is None and _is_ever(node.amount):
            which = self._which(node.which, collection)
            said = self._say("did_where", collection.did, which) if which else self._say("did", collection.did)
            return self._when(said, node.during)
        if node.each is not None:
            columns, parts = collection.parts[node.each], collection.part_labels.get(node.each, node.each)
            checks = self._checks(node.of_each, columns)
            rows = self._say("each_where", rows, parts, checks) if checks else self._say("each", rows, parts)
        column = columns[node.column] if node.column is not None else None
        asked = self._say(node.counted, rows, column.label if column is not None else "")
        is_money = column is not None and column.type == "money" and node.counted == "sum"
        measured = Asked(node.counted, "money" if is_money else "int64", asked)
        return self._when(self._checks(node.amount, {node.counted: measured}), node.during)

    def _rows(self, which: Which, collection: Collection) -> str:
        asked = self._which(which, collection)
        return self._say("rows_where", collection.label, asked) if asked else collection.label

    def _which(self, which: Which, collection: Collection) -> str:
        parts = [self._checks(which.checks, collection.columns)] if which.checks else []
        parts += [self._some(some, collection) for some in which.some]
        return self._words["and"].join(parts)

    def _some(self, some: Some, collection: Collection) -> str:
        label = collection.part_labels.get(some.parts, some.parts)
        if not some.checks:
            return self._say("some_any", label)
        return self._say("some", label, self._checks(some.checks, collection.parts[some.parts]))

    def _sequence(self, node: Sequence) -> str:
        steps = [self._step(step, place, node) for place, step in enumerate(node.steps)]
        return self._when(self._words["steps"].join(steps), node.during)

    def _step(self, step: Step, place: int, node: Sequence) -> str:
        rows = self._rows(step.which, self._vocabulary.collections[step.which.collection])
        if not place:
            return self._say("step", rows)
        if step.within is None:
            return self._say("then", rows)
        is_missing = node.last_is_missing and place == len(node.steps) - 1
        return self._say("then_missing" if is_missing else "then_within", rows, self._gap(step.within))

    def _gap(self, gap: Gap) -> str:
        unit = "days" if gap.hours % 24 == 0 else "hours"
        return f"{gap.hours // 24 if unit == 'days' else gap.hours} {self._words[unit]}"

    def _when(self, said: str, during: Span | None) -> str:
        return said if during is None else self._say("when", said, self._span(during))

    def _span(self, span: Span) -> str:
        if span.since is not None:
            return self._say("since", self._vocabulary.fields[span.since].label)
        if span.unit is not None:
            return self._say("last", span.count, self._words[span.unit])
        if span.period is not None:
            return self._say(f"ago_{span.period}", span.ago) if span.ago else self._words[f"this_{span.period}"]
        return self._say("between", span.start, span.end)

    # --- tests

    def _checks(self, checks: Iterable[Check], known: Mapping[str, Asked]) -> str:
        return self._words["and"].join(self._check(check, known[check.asked]) for check in checks)

    def _check(self, check: Check, asked: Asked) -> str:
        if check.test == "is_known":
            return self._say("known" if check.than else "unknown", asked.label)
        if asked.type == "bool":
            return self._say("yes" if check.than else "no", asked.label)
        if isinstance(check.than, Span):
            return self._say("during", asked.label, self._span(check.than))
        if isinstance(check.than, tuple):
            shown = self._words["list_or"].join(self._value(one, asked) for one in check.than)
            return self._say(check.test, asked.label, shown)
        return self._say(check.test, asked.label, self._value(check.than, asked))

    def _value(self, value: Value, asked: Asked) -> str:
        if asked.type == "money" and isinstance(value, int):
            return f"{money.Money(value, self._vocabulary.currency).decimal} {self._vocabulary.currency}"
        if isinstance(value, datetime):
            return f"{value.astimezone(self._zone):%Y-%m-%d %H:%M}"
        if isinstance(value, str):
            return asked.choices.get(value) or f"“{value}”"
        if isinstance(value, Decimal):
            return f"{value:f}"
        return value.isoformat() if isinstance(value, date) else str(value)


def _is_ever(amount: tuple[Check, ...]) -> bool:
    return [(check.test, check.than) for check in amount] in ([("at_least", 1)], [("more_than", 0)])


def _is_never(amount: tuple[Check, ...]) -> bool:
    return [(check.test, check.than) for check in amount] in ([("is", 0)], [("at_most", 0)], [("less_than", 1)])
