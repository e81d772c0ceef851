"""Traits that programs told before the shop defined them."""

from datetime import timedelta

import pytest
from django.db import connection

from regulars.facts.customers import customers, explaining, traits
from regulars.facts.customers.profiles import Purpose
from regulars.facts.customers.traits import Kind
from regulars.facts.events import _taking_over
from regulars.facts.events.following import follow_everything
from regulars.facts.events.models import Parked
from regulars.facts.events.tests.shoppers import MONDAY, a_source, identify, sent
from regulars.kit.actors import Actor
from regulars.runtime.trail import trail

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


def test_what_was_sealed_before_a_trait_was_defined_is_taken_over_and_stays_sealed():
    web = a_source()
    sent(web, identify("li", {"partnerName": "Ana"}), identify("bo", {"emergency-contact": "Dora 13812345678"}))
    sent(web, identify("li", {"partner_name": "Anna", "email": "li@example.cn"}), at=MONDAY + timedelta(days=1))
    sent(web, identify("cy", {"partnerName": ["no", "text"]}))
    follow_everything()
    for code, kind in (("partner_name", Kind.TEXT), ("emergency_contact", Kind.TEXT)):
        traits.define(code=code, kind=kind, names={"en": code}, at=MONDAY, by=MAREK, is_personal=True)

    assert _taking_over.take_over("partner_name") == 2
    assert _taking_over.take_over("emergency_contact") == 1
    assert (plain("li", "partner_name"), plain("bo", "emergency_contact")) == ("Anna", "Dora 13812345678")
    assert plain("cy", "partner_name") == "", "not what the trait takes"
    assert Parked.objects.get(is_note=True).problem == "left out: trait.partner_name"
    assert trail.of("trait:partner_name")[0].after == {"customers": 2}
    with connection.cursor() as cursor:
        cursor.execute("SELECT traits::text FROM customers_profile UNION ALL SELECT value FROM customers_value")
        readable = str(cursor.fetchall())
    assert "Ann" not in readable
    assert "Dora" not in readable


def test_a_word_in_clear_that_is_newer_than_a_sealed_one_counts():
    web = a_source()
    sent(web, identify("li", {"best_friend": "write to ana@example.cn"}))
    sent(web, identify("li", {"best_friend": "Ana"}), at=MONDAY + timedelta(days=1))
    follow_everything()
    traits.define(code="best_friend", kind=Kind.TEXT, names={"en": "Friend"}, at=MONDAY, by=MAREK, is_personal=True)
    assert (_taking_over.take_over("best_friend"), plain("li", "best_friend")) == (1, "Ana")


def plain(ref: str, code: str) -> str:
    (found,) = customers.find_by_ref(ref=ref, namespace="shop")
    field = f"trait.{code}"
    (told,) = explaining.reveal_explained(customer=found, fields=[field], purpose=Purpose.SERVICE, at=MONDAY, by=MAREK)
    return told.text
