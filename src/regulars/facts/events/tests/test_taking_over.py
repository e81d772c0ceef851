"""Traits that programs told before the shop defined them."""

from datetime import timedelta

import pytest

from regulars.facts.customers import customers, explaining, traits
from regulars.facts.customers.traits import Kind
from regulars.facts.events import _taking_over
from regulars.facts.events.following import follow_everything
from regulars.facts.events.models import Parked
from regulars.facts.events.tests.shoppers import MONDAY, a_source, identify, sent
from regulars.kit.actors import Actor

MAREK = Actor("operator", "7")
pytestmark = pytest.mark.django_db


def shown(ref: str, code: str) -> str:
    (found,) = customers.find_by_ref(ref=ref, namespace="shop")
    told = explaining.explain(customer=found, field=f"trait.{code}")
    return f"{told.text} by {told.words[0].source}" if told.words else ""


def test_what_was_told_before_a_trait_was_defined_counts_from_then_on():
    web, app = a_source(), a_source("app")
    sent(web, identify("li", {"Shoe-Size": 41, "likes": ["tea", "jazz"]}), identify("ana", {"shoe_size": "large"}))
    sent(web, identify("li", {"Shoe-Size": 42}), at=MONDAY + timedelta(days=1))
    sent(app, identify("li", {"shoeSize": 39}), at=MONDAY - timedelta(days=1))
    sent(web, identify("bo", {"plan": "gold"}))
    follow_everything()
    assert shown("li", "shoe_size") == ""

    size = {"code": "shoe_size", "kind": Kind.NUMBER, "names": {"en": "Shoe size"}, "at": MONDAY, "by": MAREK}
    traits.define(**size)
    traits.define(code="likes", kind=Kind.LIST, names={"en": "Likes"}, at=MONDAY, by=MAREK)
    assert _taking_over.take_over("shoe_size") == 2
    assert shown("li", "shoe_size") == "42 by web", "the newest word, whatever its spelling"
    assert shown("ana", "shoe_size") == ""
    assert Parked.objects.get(is_note=True).problem == "left out: trait.shoe_size"
    assert (_taking_over.take_over("likes"), shown("li", "likes")) == (1, '["jazz", "tea"] by web')

    profiles_before = shown("li", "shoe_size")
    _taking_over.take_over("shoe_size")
    assert shown("li", "shoe_size") == profiles_before
    traits.retire(code="shoe_size", at=MONDAY, by=MAREK)
    assert _taking_over.take_over("shoe_size") == 0
