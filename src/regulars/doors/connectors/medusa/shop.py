"""Medusa, put together."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from regulars.doors.connectors.medusa.client import MedusaClient
from regulars.doors.connectors.medusa.translate import read, translate
from regulars.doors.connectors.medusa.verify import verify
from regulars.doors.connectors.medusa.writing import MedusaWriter
from regulars.doors.connectors.protocol import Field, Shop, Stream
from regulars.facts.sources.connections import BadConnection

_KNOWN = frozenset({"address", "channel", "currency", "payment_days", "stores"})
_MOST_DAYS = 3660


def check(settings: Mapping[str, str]) -> Mapping[str, Any]:
    """The settings in one form; refused where they cannot be."""
    if unknown := sorted(settings.keys() - _KNOWN):
        raise BadConnection(f"{unknown[0]}: is no setting of Medusa; use {', '.join(sorted(_KNOWN))}", field=unknown[0])
    address = settings.get("address", "").strip().rstrip("/")
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment or parts.username:
        raise BadConnection("address: write where its server is, such as https://shop.example.com", field="address")
    days = settings.get("payment_days", "")
    if days and not (days.isascii() and days.isdigit() and 1 <= int(days) <= _MOST_DAYS):
        raise BadConnection(f"payment_days: write a number of days from 1 to {_MOST_DAYS}", field="payment_days")
    found: dict[str, Any] = {**settings, "address": address}
    return {name: value for name, value in found.items() if value}


MEDUSA = Shop(
    kind="medusa",
    label=_("Medusa"),
    streams=(
        Stream("stores", _("Locations"), is_told=False),
        Stream("products", _("Products")),
        Stream("stock", _("Stock")),
        Stream("customers", _("Customers")),
        Stream("orders", _("Orders")),
    ),
    credentials=(
        Field("api_key", _("A secret API key of the shop, from its settings")),
        Field("secret", _("The secret that our module in the shop signs with")),
    ),
    settings=(
        Field("address", _("Where its server is, such as https://shop.example.com")),
        Field("channel", _("The channel its online orders are counted for"), is_required=False),
        Field("payment_days", _("For how many days after a payment a refund of it is looked for"), is_required=False),
    ),
    signs_with="secret",
    # Its times are told in whole milliseconds.
    tick=timedelta(milliseconds=1),
    settles_for=timedelta(seconds=30),
    check=check,
    looks={"products": "product", "customers": "customer"},
    verify=verify,
    translate=translate,
    read=read,
    client=MedusaClient,
    writer=MedusaWriter,
)
