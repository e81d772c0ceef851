from datetime import date, timedelta
from decimal import Decimal

import pytest

from regulars.facts.company import stores
from regulars.facts.customers import explaining, identity, profiles, traits
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.models import Profile as Row
from regulars.facts.customers.profiles import Profile, Purpose, Told
from regulars.facts.customers.survivorship import Because
from regulars.facts.customers.tests.builders import MAREK, MONDAY, THE_IMPORT, a_customer, described
from regulars.facts.customers.traits import BadTrait, BadValue, Kind, Trait
from regulars.kit.refusals import Refusal
from regulars.runtime import rooms
from regulars.runtime.trail import trail

BOTH = {"en": "Shoe size", "zh-hans": "鞋码"}
SKIN = {"dry": {"en": "Dry", "zh-hans": "干性"}, "oily": {"en": "Oily", "zh-hans": "油性"}}

pytestmark = pytest.mark.django_db


def a_trait(code: str = "shoe_size", kind: Kind = Kind.NUMBER, *, is_personal: bool = False, **more: object) -> Trait:
    choices = SKIN if kind is Kind.CHOICE else None
    return traits.define(
        code=code, kind=kind, names=BOTH, is_personal=is_personal, choices=choices, at=MONDAY, by=MAREK
    )


@pytest.mark.parametrize(
    ("kind", "told", "kept"),
    [
        (Kind.NUMBER, "42.50", "42.5"),
        (Kind.NUMBER, 42, "42"),
        (Kind.NUMBER, Decimal("0.1"), "0.1"),
        (Kind.NUMBER, "1e3", "1000"),
        (Kind.NUMBER, "-0", "0"),
        (Kind.YES_NO, "是", "yes"),
        (Kind.YES_NO, False, "no"),
        (Kind.DATE, "2026-03-02T10:00:00Z", "2026-03-02"),
        (Kind.CHOICE, "干性", "dry"),
        (Kind.CHOICE, "OILY", "oily"),
        (Kind.LIST, "茶, 咖啡；tea", '["tea", "咖啡", "茶"]'),
        (Kind.LIST, ["b", "a", "b"], '["a", "b"]'),
        (Kind.LIST, [], ""),
        (Kind.TEXT, "  two words ", "two words"),
        (Kind.TEXT, "", ""),
        (Kind.NUMBER, None, ""),
    ],
)
def test_a_value_is_kept_in_one_form(kind: Kind, told: object, kept: str) -> None:
    trait = Trait("x", kind, BOTH, is_personal=False, choices=SKIN)
    assert traits.check(trait, told) == kept
    assert traits.check(trait, traits.items(kept) if kind is Kind.LIST else kept) == kept


@pytest.mark.parametrize(
    ("kind", "told", "mend"),
    [
        (Kind.NUMBER, "many", "write a number like 12.5"),
        (Kind.NUMBER, "nan", "write a number"),
        (Kind.NUMBER, "1e400", "write a number"),
        (Kind.NUMBER, True, "write a number"),
        (Kind.YES_NO, "perhaps", "give yes or no"),
        (Kind.DATE, "2026-02-30", "write a day like 2026-03-02"),
        (Kind.CHOICE, "normal", "choose from dry, oily"),
        (Kind.LIST, ["x" * 81], "up to 50 texts of up to 80 characters"),
        (Kind.TEXT, "x" * 501, "give up to 500 characters"),
        (Kind.TEXT, {"a": 1}, "give up to"),
        (Kind.TEXT, "a\x00b", "give up to"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_the_mend(kind: Kind, told: object, mend: str) -> None:
    with pytest.raises(BadValue, match=mend) as refused:
        traits.check(Trait("x", kind, BOTH, is_personal=False, choices=SKIN), told)
    assert refused.value.facts["field"] == "traits.x"
    with pytest.raises(BadValue) as hidden:
        traits.check(Trait("x", kind, BOTH, is_personal=True, choices=SKIN), told)
    assert hidden.value.facts["value"] == "(hidden)"


def test_a_trait_is_told_by_several_sources_as_every_field_is() -> None:
    a_trait()
    li = a_customer("li")
    described(li, Profile(traits={"shoe_size": "41"}))
    profiles.describe_each(
        told=[Told(li, Profile(traits={"shoe_size": 42, "other": "x"}), "e", MONDAY + timedelta(1), "app")],
        by=THE_IMPORT,
        origin="live",
    )
    why = explaining.explain(customer=li, field="trait.shoe_size")
    assert (why.text, why.because, [word.source for word in why.words]) == ("42", Because.NEWEST, ["app", "staff"])
    assert profiles.readable([li]) == {li: {"trait.shoe_size": "42"}}
    assert rooms.fields()["customers.trait.shoe_size"].read([li]) == {li: Decimal(42)}
    with pytest.raises(Refusal, match="has no such trait; define it first"):
        described(li, Profile(traits={"hat_size": "7"}), key="hat")


def test_a_trait_that_nobody_defined_is_left_out_by_name_of_what_a_stream_tells() -> None:
    a_trait()
    li = a_customer("li")
    done = profiles.describe_each(
        told=[Told(li, Profile(note="kept", traits={"hat": "7", "shoe_size": "huge"}), "e", MONDAY)],
        by=THE_IMPORT,
        origin="live",
    )
    assert sorted(done.left_out) == [("e", "trait.hat"), ("e", "trait.shoe_size")]
    assert profiles.opened([li], ["note"])[li] == {"note": "kept"}


def test_a_personal_trait_is_sealed_masked_and_revealed() -> None:
    a_trait("allergy", Kind.TEXT, is_personal=True)
    li = a_customer("li")
    described(li, Profile(traits={"allergy": "walnuts"}))
    row = Row.objects.get(customer_id=li)
    assert row.traits == {}
    assert b"walnuts" not in bytes(row.sealed_traits or b"")
    assert explaining.explain(customer=li, field="trait.allergy").text == "***"
    shown = explaining.reveal_explained(
        customer=li, fields=["trait.allergy"], purpose=Purpose.SERVICE, at=MONDAY, by=MAREK
    )
    assert shown[0].text == "walnuts"
    field = rooms.fields()["customers.trait.allergy"]
    assert field.is_personal
    assert field.read([li]) == {li: "walnuts"}
    described(li, Profile(traits={"allergy": ""}), key="gone")
    assert field.read([li]) == {}


def test_what_a_trait_takes_is_said_once() -> None:
    a_trait()
    a_trait()
    assert [line.verb for line in trail.of("trait:shoe_size")] == ["traits.define"]
    with pytest.raises(BadTrait, match="is there as number; define another"):
        a_trait(kind=Kind.TEXT)
    a_trait("skin", Kind.CHOICE)
    with pytest.raises(BadTrait, match="keep it among them"):
        traits.define(code="skin", kind=Kind.CHOICE, names=BOTH, choices={"dry": SKIN["dry"]}, at=MONDAY, by=MAREK)
    for code, names in (("Shoe Size", BOTH), ("x", {}), ("x", {"fr": "taille"}), ("x", {"en": "a" * 81})):
        with pytest.raises(BadTrait):
            traits.define(code=code, kind=Kind.TEXT, names=names, at=MONDAY, by=MAREK)
    traits.retire(code="shoe_size", at=MONDAY, by=MAREK)
    assert list(traits.every()) == ["skin"]


def test_declared_things_stand_readable_and_part_again() -> None:
    app, till = a_customer("app"), a_customer("till")
    stores.resolve_many(codes=["shanghai-1"], at=MONDAY, by=MAREK)
    described(app, Profile(interests=("咖啡", "茶"), preferred_store="shanghai-1"))
    described(till, Profile(values=("organic",), is_employee=True, lunar_birthday="1987-L06-15"))
    before = profiles.readable([app, till])
    identity.join(one=app, other=till, why=Reason.ASKED, key="join", at=MONDAY, by=MAREK)
    assert profiles.readable([app, till]) == {
        app: {
            "interests": ("咖啡", "茶"),
            "preferred_store": "shanghai-1",
            "values": ("organic",),
            "is_employee": "yes",
        }
    }
    fields = rooms.fields()
    assert fields["customers.is_employee"].read([app]) == {app: True}
    assert fields["customers.interests"].read([app]) == {app: ("咖啡", "茶")}
    assert isinstance(fields["customers.next_birthday"].read([app])[app], date)
    identity.undecide(one=app, other=till, why=Reason.MISTAKE, key="part", at=MONDAY, by=MAREK)
    assert profiles.readable([app, till]) == before
    described(app, Profile(interests=()), key="none")
    assert profiles.readable([app]) == {app: {"preferred_store": "shanghai-1"}}


@pytest.mark.parametrize("told", ["call 13812345678", "li@example.cn", ["tea", "li@example.cn"]])
def test_a_contact_stands_in_no_trait_that_is_readable(told: object) -> None:
    kind = Kind.LIST if isinstance(told, list) else Kind.TEXT
    with pytest.raises(BadValue) as refused:
        traits.check(Trait("x", kind, BOTH, is_personal=False, choices={}), told)
    assert "li@" not in refused.value.message
    assert traits.check(Trait("x", kind, BOTH, is_personal=True, choices={}), told)
    with pytest.raises(profiles.Unreadable):
        described(a_customer(), Profile(interests=("tea", "li@example.cn")))
