"""What events look like, what is learned of them, and how one differs."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from regulars.facts.sources import expectations, shapes
from regulars.facts.sources.expectations import Counted, Deviation, Expected, Plan
from regulars.facts.sources.shapes import Kind, Shape
from tests.often import often

VIEWED = ("track", "Product Viewed")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "nothing"),
        ("", "nothing"),
        ([], "nothing"),
        (True, "boolean"),
        (0, "integer"),
        (-7, "integer"),
        (Decimal("12.50"), "number"),
        ("12.50", "numeric_text"),
        ("1,299.00", "numeric_text"),
        (" 7 ", "numeric_text"),
        ("12.50 GBP", "text"),
        ("2026-11-22", "date_text"),
        ("2026-11-22T09:30:00.123Z", "date_text"),
        ("2026-11-22 09:30:00+08:00", "date_text"),
        ("2026-13-01", "text"),
        ("20261122", "numeric_text"),
        ("回头客", "text"),
        ("1" * 50, "text"),
        ({}, "object"),
        (["a"], "list"),
    ],
)
def test_what_kind_a_value_is(value: object, kind: Kind) -> None:
    assert shapes.kind_of(value) == kind


def test_properties_within_objects_and_lists_have_paths() -> None:
    shape = shapes.of(
        {
            "order_id": "A-1",
            "cart": {"value": 12},
            "products": [{"sku": "x", "price": Decimal("1.5")}, {"sku": "y", "price": None}],
            "coupon": "",
            "a.b": True,
        },
        hidden=["cart.email", "products.0.recipient"],
    )

    assert {path: sorted(seen.kinds) for path, seen in shape.properties.items()} == {
        "": ["object"],
        "order_id": ["text"],
        "cart": ["object"],
        "cart.value": ["integer"],
        "cart.email": ["personal"],
        "products": ["list"],
        "products[]": ["object"],
        "products[].sku": ["text"],
        "products[].price": ["number"],
        "products[].recipient": ["personal"],
        "a·b": ["boolean"],
    }
    assert shape.properties["products[].sku"].is_whole
    assert not shape.properties["products[].price"].is_whole, "one of two products has no price"


def test_of_an_event_with_hundreds_of_properties_a_hundred_are_looked_at_and_the_rest_counted() -> None:
    told = {f"property {number:03}": number for number in range(250)}

    shape = shapes.of(told)

    assert (len(shape.properties), shape.too_many) == (101, 150)
    assert shape == shapes.of(dict(reversed(told.items())))


def test_the_deepest_message_is_looked_at_down_to_a_depth() -> None:
    deep: dict[str, Any] = {"a": 1}
    for _ in range(300):
        deep = {"a": deep, "b": [[deep]]}

    assert len(shapes.of(deep).properties) < 100


PLAN = Plan(
    {
        VIEWED: {
            "": Expected("optional", frozenset(["object"])),
            "product_id": Expected("required", frozenset(["text"])),
            "price": Expected("required", frozenset(["number"])),
            "position": Expected("optional", frozenset(["integer"])),
            "seen_on": Expected("optional", frozenset(["date_text"])),
            "anything": Expected("optional"),
            "session": Expected("forbidden"),
            "variants": Expected("optional", frozenset(["list"])),
            "variants[].sku": Expected("required", frozenset(["text"])),
        },
        ("track", "Order Completed"): {"": Expected("optional")},
        ("track", "Old Event"): {"": Expected("forbidden")},
        ("page", ""): {"": Expected("optional")},
    }
)
GOOD: dict[str, Any] = {"product_id": "A-1", "price": Decimal("9.99")}


@pytest.mark.parametrize(
    ("event", "told", "found"),
    [
        (VIEWED, GOOD, []),
        (VIEWED, GOOD | {"price": 10}, []),
        (VIEWED, GOOD | {"product_id": "7001", "anything": [1]}, []),
        (VIEWED, GOOD | {"position": None, "seen_on": ""}, []),
        (VIEWED, GOOD | {"price": "9.99"}, [Deviation("wrong_type", "price", "numeric_text")]),
        (VIEWED, GOOD | {"position": Decimal("1.5")}, [Deviation("wrong_type", "position", "number")]),
        (VIEWED, GOOD | {"seen_on": "yesterday"}, [Deviation("wrong_type", "seen_on", "text")]),
        (VIEWED, {"price": 1}, [Deviation("missing_property", "product_id")]),
        (
            VIEWED,
            {"price": 1, "productId": "A-1"},
            [Deviation("unexpected_property", "productId", "product_id"), Deviation("missing_property", "product_id")],
        ),
        (VIEWED, GOOD | {"session": "x"}, [Deviation("forbidden_property", "session")]),
        (VIEWED, GOOD | {"new": {"a": 1, "b": 2}}, [Deviation("unexpected_property", "new")]),
        (VIEWED, GOOD | {"variants": [{"sku": "s"}]}, []),
        (
            VIEWED,
            GOOD | {"variants": [{"sku": "s"}, {"colour": "red"}]},
            [
                Deviation("unexpected_property", "variants[].colour"),
                Deviation("missing_property", "variants[].sku"),
            ],
        ),
        (("track", "product viewed"), GOOD, [Deviation("unexpected_event", "", "Product Viewed")]),
        (("track", "product_viewed"), GOOD, [Deviation("unexpected_event", "", "Product Viewed")]),
        (("track", "Product Veiwed"), GOOD, [Deviation("unexpected_event", "", "Product Viewed")]),
        (("track", "Produkt angesehen"), GOOD, [Deviation("unexpected_event")]),
        (("track", "Old Event"), {}, [Deviation("unexpected_event")]),
        (("page", ""), {}, []),
        (("identify", ""), {}, [Deviation("unexpected_event")]),
    ],
)
def test_how_an_event_differs(event: tuple[str, str], told: dict[str, Any], found: list[Deviation]) -> None:
    assert sorted(expectations.compare(PLAN, event, shapes.of(told))) == sorted(found)


def test_what_was_taken_out_as_personal_is_there_and_of_no_kind_anybody_asks_for() -> None:
    plan = Plan({("identify", ""): {"": Expected("optional"), "email": Expected("required", frozenset(["personal"]))}})

    assert expectations.compare(plan, ("identify", ""), shapes.of({}, hidden=["email"])) == []
    assert expectations.compare(plan, ("identify", ""), shapes.of({})) == [Deviation("missing_property", "email")]


def test_of_too_many_properties_none_is_missed() -> None:
    told = {f"a{number:03}": number for number in range(150)} | GOOD

    found = expectations.compare(PLAN, VIEWED, shapes.of(told))

    assert "missing_property" not in {one.code for one in found}
    assert Deviation("too_many_properties") in found


def _counted(came: list[Shape]) -> dict[str, Counted]:
    whole: dict[str, int] = {}
    kinds: dict[str, dict[Kind, int]] = {}
    for shape in came:
        for path, seen in shape.properties.items():
            whole[path] = whole.get(path, 0) + seen.is_whole
            for kind in seen.kinds:
                kinds.setdefault(path, {})[kind] = kinds.setdefault(path, {}).get(kind, 0) + 1
    return {path: Counted(whole[path], kinds[path]) for path in kinds}


def test_what_always_came_is_required_and_ids_and_amounts_are_left_room() -> None:
    came = [
        shapes.of({"product_id": str(7000 + number), "price": 20, "skuCode": "1", "amount": "9.50"} | extra)
        for number in range(30)
        for extra in [{"coupon": "A"} if number == 3 else {}]
    ]

    assert expectations.propose(_counted(came)) == {
        "": Expected("optional", frozenset(["object"])),
        "product_id": Expected("required", frozenset(["text"])),
        "skuCode": Expected("required", frozenset(["text"])),
        "price": Expected("required", frozenset(["number"])),
        "amount": Expected("required", frozenset(["numeric_text"])),
        "coupon": Expected("optional", frozenset(["text"])),
    }


def test_what_came_a_few_times_only_is_required_of_nobody() -> None:
    proposed = expectations.propose(_counted([shapes.of({"price": 1})] * (expectations.ENOUGH - 1)))

    assert proposed["price"].presence == "optional"


_VALUES = some.recursive(
    some.one_of(
        some.none(),
        some.booleans(),
        some.integers(-5, 5),
        some.decimals(-5, 5, places=2),
        some.sampled_from(["", "1", "1.5", "2026-01-01", "red", "@"]),
    ),
    lambda inner: some.one_of(
        some.lists(inner, max_size=3), some.dictionaries(some.sampled_from(["a", "b", "id", "a.b"]), inner, max_size=3)
    ),
    max_leaves=8,
)
_EVENTS = some.dictionaries(some.sampled_from(["a", "b", "price", "order_id"]), _VALUES, max_size=4)


@settings(max_examples=often(30), deadline=None)
@given(some.lists(_EVENTS, min_size=1, max_size=40), some.randoms(use_true_random=False))
def test_nothing_differs_from_the_plan_that_was_learned_from_it_in_any_order(
    events: list[dict[str, Any]], chance: Any
) -> None:
    # As often as it takes for some properties to be required.
    came = [shapes.of(one) for one in events] * expectations.ENOUGH
    turned = list(came)
    chance.shuffle(turned)

    proposed = expectations.propose(_counted(came))

    assert proposed == expectations.propose(_counted(turned))
    plan = Plan({VIEWED: proposed})
    for shape in came:
        assert expectations.compare(plan, VIEWED, shape) == [], json.dumps(shape.properties, default=str)
