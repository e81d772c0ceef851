"""What products are like, and what categories are called, said in the console."""

import polars as pl
import pytest

from regulars.doors.console.tests.builders import MONDAY, signed_in
from regulars.facts.commerce import attributes, catalogue, categories
from regulars.kit.actors import SYSTEM
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db

FABRIC = {"code": "fabric", "kind": "text", "en": "Fabric", "zh": "面料", "choices": ""}


@pytest.fixture
def coat() -> str:
    """Its public id; a coat in two sizes, with something of each kind that may be said."""
    for code, kind, choices in (
        ("fabric", "text", ()),
        ("length", "number", ()),
        ("washable", "yes_no", ()),
        ("new_on", "day", ()),
        ("fit", "choice", ("slim", "wide")),
    ):
        attributes.define(
            code=code, kind=kind, titles={"en": code.title(), "zh-hans": "某"}, choices=choices, at=MONDAY, by=SYSTEM
        )
    done = catalogue.record_many(
        namespace="till",
        told=pl.DataFrame([{"ref": "coat", "title": "Coat", "category": "Coats > Long"}], schema=catalogue.PRODUCTS),
        forms=pl.DataFrame(
            [{"ref": f"coat-{size}", "product_ref": "coat", "title": size} for size in ("S", "M")],
            schema=catalogue.VARIANTS,
        ),
        at=MONDAY,
        by=SYSTEM,
        origin="history",
    )
    [number] = done.products.ids.values()
    return catalogue.get_many([number])[number].public_id


def said(**values: str) -> dict[str, str]:
    return {f"said-{code}": value for code, value in values.items()}


def test_an_attribute_is_declared_named_anew_and_given_choices():
    ana = signed_in("manager")
    assert "No attribute yet" in ana.get("/console/catalogue/attributes").content.decode()
    assert ana.post("/console/catalogue/attributes/define", FABRIC).status_code == 302
    fit = {"code": "fit", "kind": "choice", "en": "Fit", "zh": "版型", "choices": "slim\n\nwide\n"}
    assert ana.post("/console/catalogue/attributes/define", fit).status_code == 302
    assert [(one.code, one.choices) for one in attributes.every()] == [("fabric", ()), ("fit", ("slim", "wide"))]
    page = ana.get("/console/catalogue/attributes?code=fit").content.decode()
    assert 'value="版型"' in page
    assert "slim\nwide" in page
    late = ana.post("/console/catalogue/attributes/define", fit | {"choices": "slim"})
    assert late.status_code == 422
    assert [line.verb for line in trail.of("attribute:fit", limit=5)] == ["commerce.attributes.define"]


@pytest.mark.parametrize("wrong", [{"code": "Fabric"}, {"en": ""}, {"choices": "slim"}, {"kind": "colour"}])
def test_what_cannot_be_declared_is_said(wrong):
    answer = signed_in("manager").post("/console/catalogue/attributes/define", FABRIC | wrong)
    assert answer.status_code == 422
    assert 'class="errorlist"' in answer.content.decode() or 'role="alert"' in answer.content.decode()
    assert attributes.every() == []


def test_a_product_and_a_form_of_it_are_said_to_be_like_something(coat):
    ana = signed_in("manager")
    told = said(fabric=" wool ", length="41.50", washable="no", new_on="2026-03-02", fit="slim")
    assert ana.post(f"/console/catalogue/{coat}/say", {"of": "", **told}).status_code == 302
    ware = catalogue.by_public_id(coat)
    like = {"fabric": "wool", "length": "41.5", "washable": False, "new_on": "2026-03-02", "fit": "slim"}
    assert ware.attributes == like
    assert trail.of(f"product:{ware.id}", limit=1)[0].verb == "commerce.attributes.describe"
    small = next(one for one in catalogue.variants_of(ware.id) if one.title == "S")
    page = ana.get(f"/console/catalogue/{coat}/?of={small.public_id}").content.decode()
    assert f'name="of" value="{small.public_id}"' in page
    # What is not sent stays; what is sent empty is taken back.
    assert ana.post(f"/console/catalogue/{coat}/say", {"of": small.public_id, **said(length="40")}).status_code == 302
    assert ana.post(f"/console/catalogue/{coat}/say", {"of": "", **said(fit="", washable="yes")}).status_code == 302
    after = catalogue.by_public_id(coat).attributes
    assert after == {code: value for code, value in {**like, "washable": True}.items() if code != "fit"}
    assert [one.attributes for one in catalogue.variants_of(ware.id)] == [{}, {"length": "40"}]
    shown = ana.get(f"/console/catalogue/{coat}/").content.decode()
    assert '<dt>Length <span class="small">(S)</span></dt><dd>40</dd>' in shown
    assert "<dt>Washable</dt><dd>is so</dd>" in shown


@pytest.mark.parametrize(("code", "value"), [("length", "long"), ("new_on", "someday"), ("fit", "baggy")])
def test_what_it_cannot_be_is_said_beside_its_field_and_kept_in_it(coat, code, value):
    answer = signed_in("manager").post(f"/console/catalogue/{coat}/say", {"of": "", **said(**{code: value})})
    assert answer.status_code == 422
    assert "errorlist" in answer.content.decode()
    assert catalogue.by_public_id(coat).attributes == {}


def test_who_may_only_look_is_offered_nothing_to_change(coat):
    cho = signed_in("shop_assistant")
    for path in (f"/console/catalogue/{coat}/", "/console/catalogue/attributes", "/console/catalogue/categories"):
        assert ">Save<" not in cho.get(path).content.decode()
    for path in (f"{coat}/say", "attributes/define", "categories/name"):
        assert cho.post(f"/console/catalogue/{path}", {}).status_code == 403
    assert signed_in("manager").post(f"/console/catalogue/{coat}/say", {"of": "var_nobody"}).status_code == 404


def test_a_category_is_named_in_both_languages_and_its_source_s_name_comes_back():
    ana = signed_in("manager")
    catalogue.record_many(
        namespace="till",
        told=pl.DataFrame([{"ref": "coat", "title": "Coat", "category": "Coats > Long"}], schema=catalogue.PRODUCTS),
        forms=pl.DataFrame(schema=catalogue.VARIANTS),
        at=MONDAY,
        by=SYSTEM,
        origin="history",
    )
    told = {"path": "Coats > Long", "title-en": "Long coats", "title-zh-hans": "长大衣"}
    assert ana.post("/console/catalogue/categories/name", told).status_code == 302
    [_, long] = categories.tree()
    assert long.titles == {"en": "Long coats", "zh-hans": "长大衣"}
    assert ">Long coats<" in ana.get("/console/catalogue/categories").content.decode()
    ana.cookies["django_language"] = "zh-hans"
    assert (
        '<option value="Coats &gt; Long">Coats &gt; 长大衣</option>' in ana.get("/console/catalogue/").content.decode()
    )
    assert ">长大衣<" in ana.get("/console/catalogue/categories").content.decode()
    assert ana.post("/console/catalogue/categories/name", {"path": "Coats > Long"}).status_code == 302
    assert categories.tree()[1].titles == {}


@pytest.mark.parametrize(
    "told", [{"path": "Hats", "title-en": "Hats"}, {"path": "Coats", "title-en": "x" * 301}, {"path": ""}]
)
def test_a_category_that_cannot_be_named_so_is_said(told):
    categories.ensure_many(["Coats"])
    answer = signed_in("manager").post("/console/catalogue/categories/name", told)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()


def test_a_category_that_only_orders_told_of_can_be_named(coat):
    assert (
        signed_in("manager")
        .post("/console/catalogue/categories/name", {"path": "Coats > Long", "title-en": "Long"})
        .status_code
        == 302
    )
