"""What may be said of products, and what is said of one."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.commerce import attributes, catalogue
from regulars.runtime.database import clock

router = Router(tags=["catalogue and stock"])

Code = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=300)]


class AttributeIn(exact.Told):
    """What may be said of products. Its kind stays, and so do its choices."""

    kind: attributes.Kind
    titles: dict[Annotated[str, Field(max_length=20)], Text] = {}
    choices: Annotated[list[Text], Field(max_length=attributes.MOST_CHOICES)] = Field(
        default=[], description="Of the kind choice alone."
    )


class AttributeOut(exact.Shown):
    """What may be said of products."""

    code: str
    kind: str
    titles: dict[str, str]
    choices: list[str]


class AttributesOut(exact.Shown):
    """All that are declared, by code."""

    items: list[AttributeOut]


class ValuesIn(exact.Told):
    """What is said of a product; null takes one back, and what is not named stays."""

    values: Annotated[dict[Code, Text | bool | None], Field(max_length=100)]


class ValuesOut(exact.Shown):
    """All that is said of a product. Numbers and days are text."""

    values: dict[str, str | bool]


@router.get("/attributes", auth=ApiKey("catalogue.read"), response=AttributesOut, operation_id="list_attributes")
def list_attributes(request: HttpRequest) -> AttributesOut:
    """What may be said of products, by code."""
    return AttributesOut(items=[_shown(one) for one in attributes.every()])


@router.put(
    "/attributes/{code}", auth=ApiKey("catalogue.write"), response=AttributeOut, operation_id="define_attribute"
)
def define_attribute(request: HttpRequest, code: str, body: AttributeIn) -> AttributeOut:
    """Declare an attribute, or name it anew and give it more choices."""
    made = attributes.define(
        code=code, kind=body.kind, titles=body.titles, choices=body.choices, at=clock.now(), by=caller(request)
    )
    return _shown(made)


@router.get(
    "/products/{product}/attributes", auth=ApiKey("catalogue.read"), response=ValuesOut, operation_id="get_attributes"
)
def get_attributes(request: HttpRequest, product: str) -> ValuesOut:
    """What is said of one product."""
    number = catalogue.by_public_id(product).id
    return ValuesOut(values=attributes.of_products([number])[number])


@router.patch(
    "/products/{product}/attributes",
    auth=ApiKey("catalogue.write"),
    response=ValuesOut,
    operation_id="describe_product",
)
def describe_product(request: HttpRequest, product: str, body: ValuesIn) -> ValuesOut:
    """Say something of one product."""
    number = catalogue.by_public_id(product).id
    told = attributes.describe(product=number, values=body.values, at=clock.now(), by=caller(request))
    return ValuesOut(values=told)


def _shown(one: attributes.Attribute) -> AttributeOut:
    return AttributeOut(code=one.code, kind=one.kind, titles=dict(one.titles), choices=list(one.choices))
