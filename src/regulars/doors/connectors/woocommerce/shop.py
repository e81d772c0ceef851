"""WooCommerce, put together."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from regulars.doors.connectors.calling import SETTING
from regulars.doors.connectors.protocol import Answer, Answers, Field, Shop, Stream
from regulars.doors.connectors.woocommerce.client import WooCommerceClient
from regulars.doors.connectors.woocommerce.translate import read, translate
from regulars.doors.connectors.woocommerce.verify import verify
from regulars.doors.connectors.woocommerce.writing import WooCommerceWriter
from regulars.facts.sources.connections import BadConnection
from regulars.kit import money
from regulars.oversight.outbound import addresses

_KNOWN = frozenset({"address", "currency", "channel", "store", "statuses", "personalised"})
_STATUS = re.compile(r"[a-z0-9_-]{1,40}=(draft|placed|completed|cancelled)", re.ASCII)


def check(settings: Mapping[str, str]) -> Mapping[str, Any]:
    """The settings in one form; refused where they cannot be."""
    if unknown := sorted(settings.keys() - _KNOWN):
        raise BadConnection(
            f"{unknown[0]}: is no setting of WooCommerce; use {', '.join(sorted(_KNOWN))}", field=unknown[0]
        )
    address = settings.get("address", "").strip().rstrip("/").removesuffix("/wp-json")
    if "?" in address or "#" in address:
        raise BadConnection("address: write where the shop begins, such as https://teas.example", field="address")
    addresses.target(address, own=addresses.own_hosts(SETTING))
    for pair in filter(None, settings.get("statuses", "").split(",")):
        if not _STATUS.fullmatch(pair.strip()):
            raise BadConnection(
                "statuses: write the shop's own statuses as status=draft, placed, completed or cancelled",
                field="statuses",
            )
    found: dict[str, Any] = {**settings, "address": address}
    if code := settings.get("currency"):
        money.exponent(code)
    return {name: value for name, value in found.items() if value}


WOOCOMMERCE = Shop(
    kind="woocommerce",
    label=_("WooCommerce"),
    streams=(
        Stream("products", _("Products")),
        # What is sold changes no update time: all of it is read, and now and then is enough.
        Stream("stock", _("Prices and stock"), is_told=False, every=timedelta(hours=1)),
        # They cannot be asked for by update time either.
        Stream("customers", _("Customers"), every=timedelta(hours=6)),
        Stream("orders", _("Orders")),
    ),
    credentials=(
        Field("consumer_key", _("The key of the REST API, which begins with ck_")),
        Field("consumer_secret", _("Its secret, which begins with cs_")),
        Field("secret", _("The secret that signs webhooks: any long text")),
    ),
    settings=(
        Field("address", _("Where the shop begins, such as https://teas.example")),
        Field("channel", _("The channel its online orders are counted for"), is_required=False),
        Field("store", _("The store whose stock it tells, by its code"), is_required=False),
        Field("statuses", _("What the shop's own statuses mean, such as packed=placed"), is_required=False),
        Field("personalised", _("Fields of lines that a customer fills in, with commas between"), is_required=False),
    ),
    tick=timedelta(seconds=1),
    # An update time is the second in which a request began; it can be found when the request is over.
    settles_for=timedelta(seconds=60),
    # It never sends twice, and switches a webhook off after five answers that are not 2xx: what we could not keep,
    # the next poll finds.
    answers=Answers(busy=Answer(200)),
    check=check,
    looks={"products": "product", "orders": "order", "customers": "customer"},
    verify=verify,
    translate=translate,
    read=read,
    client=WooCommerceClient,
    writer=WooCommerceWriter,
)
