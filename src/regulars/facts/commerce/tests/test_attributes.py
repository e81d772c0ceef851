import pytest

from regulars.facts.commerce import attributes, orders
from regulars.facts.commerce.tests.builders import MAREK, MONDAY, an_order

pytestmark = pytest.mark.django_db


def define(code, kind, choices=()):
    return attributes.define(code=code, kind=kind, titles={"en": "Of it"}, choices=choices, at=MONDAY, by=MAREK)


def say(product, **values):
    return attributes.describe(product=product, values=values, at=MONDAY, by=MAREK)


@pytest.fixture
def coat():
    for code, kind, choices in (
        ("fabric", "text", ()),
        ("length", "number", ()),
        ("washable", "yes_no", ()),
        ("new_on", "day", ()),
        ("size", "choice", ("S", "M")),
    ):
        define(code, kind, choices)
    return orders.record(report=an_order(), at=MONDAY, by=MAREK).lines[0].product_id


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"fabric": " wool "}, "wool"),
        ({"length": "41.50"}, "41.5"),
        ({"length": "-0.000001"}, "-0.000001"),
        ({"washable": False}, False),
        ({"new_on": "2026-03-02"}, "2026-03-02"),
        ({"size": "M"}, "M"),
    ],
)
def test_a_value_of_its_kind_is_kept(coat, told, kept):
    assert list(say(coat, **told).values()) == [kept]
    assert attributes.of_products([coat]) == {coat: {next(iter(told)): kept}}


@pytest.mark.parametrize(
    "told",
    [
        {"fabric": ""},
        {"fabric": True},
        {"length": "long"},
        {"length": "NaN"},
        {"length": "1e400"},
        {"washable": "yes"},
        {"new_on": "yesterday"},
        {"size": "XL"},
    ],
)
def test_another_is_refused(coat, told):
    with pytest.raises(attributes.BadValue):
        say(coat, **told)


def test_what_is_not_named_stays_and_none_takes_back(coat):
    say(coat, fabric="wool", size="S")
    assert say(coat, size=None, length="1") == {"fabric": "wool", "length": "1"}
    with pytest.raises(attributes.UnknownAttribute):
        say(coat, colour="red")


def test_kinds_and_choices_stay(coat):
    assert define("size", "choice", ("S", "M", "L")).choices == ("S", "M", "L")
    for kind, choices in (("text", ()), ("choice", ("S",))):
        with pytest.raises(attributes.KindIsSettled):
            define("size", kind, choices)
    for code, kind, choices in (("Size", "text", ()), ("a", "colour", ()), ("b", "choice", ()), ("c", "text", ("S",))):
        with pytest.raises(attributes.BadAttribute):
            define(code, kind, choices)
