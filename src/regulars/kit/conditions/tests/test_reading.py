"""What can be asked, and what is refused with the node and the mend."""

import json
from decimal import Decimal

import pytest

from regulars.kit.conditions import reading
from regulars.kit.conditions.nodes import All, Did, Has, Sequence
from regulars.kit.conditions.reading import BadCondition
from regulars.kit.conditions.tests.builders import SHOP


def asked(node, **more):
    return reading.read({"version": 1, "zone": "Asia/Shanghai", "if": node} | more, SHOP)


def test_a_tree_of_everything_is_read_and_every_node_has_a_name():
    condition = asked(
        {
            "all": [
                {"id": "who", "any": [{"field": "country", "in": ["CN", "GB"]}, {"field": "tags", "has_any": ["vip"]}]},
                {"not": {"audience": "aud_1"}},
                {"did": "orders", "where": [{"column": "channel", "is": "web"}], "during": {"last": {"days": 30}}},
                {"did": "orders", "each": "lines", "sum": "amount", "amount": {"at_least": "99.50"}},
                {"field": "spend", "highest": {"percent": "10"}},
                {
                    "id": "cart",
                    "sequence": [
                        {"did": "events", "where": [{"column": "name", "is": "Cart Viewed"}]},
                        {"did": "orders", "within": {"days": 2}, "missing": True},
                    ],
                },
            ]
        }
    )

    assert [node.id for node in condition.nodes()] == ["n1", "who", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "cart"]
    assert isinstance(condition.root, All)
    assert condition.fields == {"country", "tags", "spend"}
    assert condition.collections == {"orders", "events"}
    assert condition.audiences == {"aud_1"}
    sums = next(node for node in condition.nodes() if isinstance(node, Did) and node.counted == "sum")
    assert sums.amount[0].than == 9950
    cart = next(node for node in condition.nodes() if isinstance(node, Sequence))
    assert cart.last_is_missing


@pytest.mark.parametrize(
    ("node", "names", "mend"),
    [
        ({"field": "contry", "is": "CN"}, "n1: field contry", "did you mean country?"),
        ({"id": "here", "field": "country", "is": "FR"}, "here: is FR", "use one of CN, GB"),
        ({"field": "country", "at_least": 3}, "n1: at_least", "country is a text; use one of is, is_not"),
        ({"field": "country"}, "n1: country", "say what of it"),
        ({"field": "email", "is": "li@example.com"}, "n1: field email", "it is personal and sealed"),
        ({"field": "orders", "is": 1.5}, "n1: is 1.5", "write a whole number"),
        ({"field": "orders", "is": True}, "n1: is True", "write a whole number"),
        ({"field": "weight", "at_least": 0.1}, "n1: at_least", 'write the number as a text, such as "12.50"'),
        ({"field": "weight", "at_least": "NaN"}, "n1: at_least NaN", "15 digits"),
        ({"field": "spend", "at_least": "1.005"}, "n1: at_least 1.005", "CNY has 2 digits"),
        ({"field": "birthday", "before": "31/01/2020"}, "n1: before", "write a day such as"),
        ({"field": "last_seen", "before": "2026-01-01T00:00:00"}, "n1: before", "say its zone"),
        ({"field": "tags", "has_any": []}, "n1: has_any", "a list of 1 to 1000"),
        ({"field": "city", "highest": {"percent": 5}}, "n1: highest", "of a number"),
        ({"field": "spend", "highest": {"percent": 0}}, "n1: percent 0", "above 0"),
        ({"field": "city", "is": "Yo\0rk"}, "n1: is", "leave out halves of characters"),
        ({"field": "city", "contains": "\ud83d"}, "n1: contains ?", "leave out halves of characters"),
        ({"\udc00": 1, "all": [{"audience": "aud_1"}]}, "n1: ?", "use one of"),
        ({"all": []}, "n1: all", "at least one part"),
        ({"all": [], "any": []}, "if: all and any", "one of all, any"),
        ({"maybe": 1}, "if: if", "one of all, any, not, field"),
        ("CN", "if: if CN", "write an object"),
        ({"all": [{"id": "a", "audience": "aud_1"}, {"id": "a", "audience": "aud_1"}]}, "id a", "give each its own"),
        ({"id": "two words", "audience": "aud_1"}, "id two words", "use letters"),
        ({"audience": "aud_9"}, "n1: audience aud_9", "there is no such audience"),
        ({"did": "order"}, "n1: did order", "did you mean orders?"),
        ({"did": "orders", "where": [{"column": "chanel", "is": "web"}]}, "column chanel", "did you mean channel?"),
        ({"did": "orders", "where": {"channel": "web"}}, "n1: where", "write a list"),
        ({"did": "orders", "sum": "channel", "amount": {"at_least": 1}}, "n1: sum channel", "only numbers"),
        ({"did": "orders", "sum": "total"}, "n1: amount", "say how many"),
        ({"did": "orders", "count": {}}, "n1: amount", "say how many"),
        ({"did": "orders", "count": {"at_least": 1}, "sum": "total"}, "n1: sum", "one of count, sum"),
        ({"did": "orders", "each": "line"}, "n1: each line", "did you mean lines?"),
        ({"did": "orders", "of_each": []}, "n1: of_each", "say with `each`"),
        ({"did": "orders", "during": {"last": {"days": 0}}}, "n1: days 0", "from 1 to 36,600"),
        ({"did": "orders", "during": {"last": {"years": 1}}}, "n1: years", "use one of"),
        ({"did": "orders", "during": {"between": ["2026-02-01", "2026-02-01"]}}, "between", "must come after"),
        ({"did": "orders", "during": {"calendar": "decade"}}, "n1: calendar decade", "day, week, month"),
        ({"did": "orders", "during": {"since": "country"}}, "n1: since country", "a field that is a day"),
        ({"sequence": [{"did": "orders"}]}, "n1: sequence", "2 to 5 steps"),
        ({"sequence": [{"did": "orders", "within": {"days": 1}}, {"did": "orders"}]}, "step 1", "follows none"),
        ({"sequence": [{"did": "orders"}, {"did": "orders", "missing": True}]}, "step 2", "it needs `within`"),
    ],
)
def test_what_means_nothing_is_refused_with_its_place_and_the_mend(node, names, mend):
    with pytest.raises(BadCondition) as refused:
        asked(node)

    assert names in refused.value.message
    assert mend in refused.value.message


@pytest.mark.parametrize(
    ("more", "mend"),
    [
        ({"version": 2}, "this is version 1"),
        ({"zone": "Asia/Shangai"}, "did you mean Asia/Shanghai?"),
        ({"zone": None}, "use an IANA name"),
        ({"iff": 1}, "did you mean if?"),
    ],
)
def test_the_frame_is_looked_at_too(more, mend):
    with pytest.raises(BadCondition, match=mend.replace("?", r"\?")):
        asked({"audience": "aud_1"}, **more)


def test_what_someone_is_owed_may_not_rest_on_a_guess():
    told = {"version": 1, "zone": "Asia/Shanghai", "if": {"field": "p_alive", "less_than": "0.2"}}

    assert isinstance(reading.read(told, SHOP).root, Has)
    with pytest.raises(BadCondition, match="n1: field p_alive cannot be asked; it is a prediction"):
        reading.read(told, SHOP, predictions=False)


def test_neither_depth_nor_width_nor_odd_json_brings_it_down():
    deep = {"audience": "aud_1"}
    for _ in range(500):
        deep = {"not": deep}
    with pytest.raises(BadCondition, match="nested deeper than 12"):
        asked(deep)
    with pytest.raises(BadCondition, match="at most 200 parts"):
        asked({"any": [{"audience": "aud_1"}] * 500})
    for odd in (None, [], 1, "x", {"field": []}, {"did": {}}, {"audience": []}, {"field": "tags", "has_any": [[]]}):
        with pytest.raises(BadCondition):
            asked(odd)


def test_numbers_stay_exact():
    condition = asked(json.loads('{"field": "weight", "is": "0.100000001"}'))

    assert condition.root.checks[0].than == Decimal("0.100000001")
