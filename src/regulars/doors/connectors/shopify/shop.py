"""Shopify, put together."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from regulars.doors.connectors.protocol import Field, Shop, Stream
from regulars.doors.connectors.shopify.client import VERSION, ShopifyClient
from regulars.doors.connectors.shopify.translate import read, translate
from regulars.doors.connectors.shopify.verify import verify
from regulars.doors.connectors.shopify.writing import ShopifyWriter
from regulars.facts.sources.connections import BadConnection

_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com", re.ASCII)
_VERSION = re.compile(r"20\d\d-(01|04|07|10)|unstable", re.ASCII)
_KNOWN = frozenset({"shop", "api_version", "address", "currency", "channel", "stores"})


def check(settings: Mapping[str, str]) -> Mapping[str, Any]:
    """The settings in one form, with what is left out filled in; refused where they cannot be."""
    if unknown := sorted(settings.keys() - _KNOWN):
        raise BadConnection(
            f"{unknown[0]}: is no setting of Shopify; use {', '.join(sorted(_KNOWN))}", field=unknown[0]
        )
    shop = settings.get("shop", "").strip().lower()
    if not _DOMAIN.fullmatch(shop):
        raise BadConnection("shop: write the shop's own domain, such as leafy-teas.myshopify.com", field="shop")
    version = settings.get("api_version", VERSION)
    if not _VERSION.fullmatch(version):
        raise BadConnection(f"api_version: write one such as {VERSION}", field="api_version", value=version[:20])
    found: dict[str, Any] = {**settings, "shop": shop, "api_version": version}
    return {name: value for name, value in found.items() if value}


SHOPIFY = Shop(
    kind="shopify",
    label=_("Shopify"),
    streams=(
        Stream("stores", _("Locations"), is_told=False),
        Stream("products", _("Products")),
        Stream("stock", _("Stock")),
        Stream("customers", _("Customers")),
        Stream("orders", _("Orders")),
    ),
    credentials=(
        Field("client_secret", _("The app's client secret, which signs its messages")),
        Field("client_id", _("The app's client ID"), is_required=False),
        Field("access_token", _("An access token, where the app has one that does not end"), is_required=False),
    ),
    settings=(
        Field("shop", _("The shop's own domain, such as leafy-teas.myshopify.com")),
        Field("api_version", _("The version of the Admin API"), is_required=False),
        Field("channel", _("The channel its online orders are counted for"), is_required=False),
    ),
    signs_with="client_secret",
    tick=timedelta(seconds=1),
    # What is searched by update time appears there a little later than it changes.
    settles_for=timedelta(seconds=60),
    check=check,
    looks={"products": "product", "orders": "order", "customers": "customer"},
    verify=verify,
    translate=translate,
    read=read,
    client=ShopifyClient,
    writer=ShopifyWriter,
)
