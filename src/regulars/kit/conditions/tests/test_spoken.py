"""A condition says itself in both languages."""

import pytest

from regulars.kit.conditions import reading, spoken
from regulars.kit.conditions.tests.builders import SHOP


@pytest.mark.parametrize(
    ("node", "en", "zh"),
    [
        ({"field": "country", "is": "CN"}, "country is China", "country为 China"),
        (
            {"field": "country", "in": ["CN", "GB"]},
            "country is one of China, Great Britain",
            "China、Great Britain 之一",
        ),
        ({"field": "city", "is_known": False}, "city is not known", "city未知"),
        ({"field": "is_member", "is": False}, "is a member: no", "is a member：否"),
        ({"field": "spend", "at_least": "99.5"}, "spend is at least 99.50 CNY", "spend不少于 99.50 CNY"),
        ({"field": "spend", "highest": {"percent": "10"}}, "among the highest 10 %", "位于最高的 10%"),
        (
            {"field": "last_seen", "before": "2026-03-01T12:00:00+00:00"},
            "last seen is before 2026-03-01 20:00",
            "last seen早于 2026-03-01 20:00",
        ),
        (
            {"did": "orders", "count": {"at_least": 2}, "during": {"last": {"days": 30}}},
            "the number of orders is at least 2, in the last 30 days",
            "最近 30 天，orders的次数不少于 2",
        ),
        ({"did": "orders", "during": {"last": {"days": 30}}}, "ordered, in the last 30 days", "最近 30 天，ordered"),
        (
            {"did": "orders", "count": {"is": 0}, "during": {"last": {"days": 30}}},
            "no orders, in the last 30 days",
            "最近 30 天，没有orders",
        ),
        (
            {"did": "orders", "where": [{"column": "channel", "is": "web"}]},
            "ordered: channel is web shop",
            "ordered：channel为 web shop",
        ),
        (
            {"did": "orders", "each": "lines", "of_each": [{"column": "category", "is": "tea"}], "sum": "amount"}
            | {"amount": {"at_least": "100"}},
            "the sum of amount over lines where category is “tea”, in orders is at least 100.00 CNY",
            "orders中满足“category为 “tea””的lines的amount合计不少于 100.00 CNY",
        ),
        (
            {"sequence": [{"did": "events"}, {"did": "orders", "within": {"days": 2}, "missing": True}]},
            "events; then, within 2 days, no orders",
            "events；随后 2 天 内没有orders",
        ),
        (
            {"all": [{"audience": "aud_1"}, {"any": [{"field": "orders", "is": 1}, {"field": "orders", "is": 2}]}]},
            "is in “Tea lovers” and (orders is 1 or orders is 2)",
            "属于人群“Tea lovers”，且（orders为 1，或orders为 2）",
        ),
        ({"did": "orders", "during": {"calendar": "month", "ago": 2}}, "in the month 2 months ago", "2 个月前那个月"),
        ({"did": "orders", "during": {"since": "birthday"}}, "since the last birthday", "自上一个birthday以来"),
    ],
)
def test_in_both_languages(node, en, zh):
    condition = reading.read({"version": 1, "zone": "Asia/Shanghai", "if": node}, SHOP)

    assert en in spoken.describe(condition, SHOP, "en")
    assert zh in spoken.describe(condition, SHOP, "zh")
    assert set(spoken.of_nodes(condition, SHOP, "en")) == {one.id for one in condition.nodes()}


def test_both_languages_know_the_same_words():
    assert spoken._WORDS["en"].keys() == spoken._WORDS["zh"].keys()
