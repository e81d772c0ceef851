"""The shop itself."""

from django.http import HttpRequest
from ninja import Router

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey
from regulars.facts.company import company

router = Router(tags=["shop"])


class ShopOut(exact.Shown):
    """Whose house this is. `is_settled` is false until somebody has said so."""

    name: str
    currency: str
    zone: str
    language: str
    country: str
    is_settled: bool


@router.get("/shop", auth=ApiKey("company.read"), response=ShopOut, operation_id="get_shop")
def get_shop(request: HttpRequest) -> ShopOut:
    """The shop's name, money, clock, language and country."""
    shop = company.shop()
    return ShopOut(
        name=shop.name,
        currency=shop.currency,
        zone=shop.zone,
        language=shop.language,
        country=shop.country,
        is_settled=shop.is_settled,
    )
