"""The tree of categories, and what its branches are called."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.wares import Path
from regulars.facts.commerce import categories
from regulars.runtime.database import clock

router = Router(tags=["catalogue and stock"])

Titles = Annotated[dict[str, exact.Title], Field(max_length=40)]


class CategoryIn(exact.Told):
    """What a branch is called, by language."""

    path: Path
    titles: Titles


class CategoryOut(exact.Shown):
    """One branch of the tree; `products` are right in it."""

    path: str
    parent: str
    name: str
    titles: dict[str, str]
    products: int


class CategoriesOut(exact.Shown):
    """The tree, those above before those below."""

    items: list[CategoryOut]


@router.get("/categories", auth=ApiKey("catalogue.read"), response=CategoriesOut, operation_id="list_categories")
def list_categories(request: HttpRequest) -> CategoriesOut:
    """The tree of categories, with how many products are right in each."""
    return CategoriesOut(
        items=[
            CategoryOut(path=one.path, parent=one.parent, name=one.name, titles=dict(one.titles), products=one.products)
            for one in categories.tree()
        ]
    )


@router.put("/categories", auth=ApiKey("catalogue.write"), response=CategoriesOut, operation_id="name_category")
def name_category(request: HttpRequest, body: CategoryIn) -> CategoriesOut:
    """Say what a branch is called, by language. Again changes nothing."""
    categories.name(path=body.path.replace("\x00", ""), titles=body.titles, at=clock.now(), by=caller(request))
    return list_categories(request)
