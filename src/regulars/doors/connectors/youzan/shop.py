"""Youzan, put together."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from regulars.doors.connectors.protocol import Answer, Answers, Field, Shop, Stream
from regulars.doors.connectors.youzan.client import YouzanClient
from regulars.doors.connectors.youzan.translate import read, translate
from regulars.doors.connectors.youzan.verify import verify
from regulars.doors.connectors.youzan.writing import YouzanWriter
from regulars.facts.sources.connections import BadConnection

_KNOWN = frozenset(
    {
        "kdt_id",
        "client_id",
        "address",
        "channel",
        "currency",
        "opened_on",
        "stores",
        "store",
        "deliveries",
        "points",
        "tags",
    }
)
_JSON = "application/json"


def check(settings: Mapping[str, str]) -> Mapping[str, Any]:
    """The settings in one form; refused where they cannot be."""
    if unknown := sorted(settings.keys() - _KNOWN):
        raise BadConnection(f"{unknown[0]}: is no setting of Youzan; use {', '.join(sorted(_KNOWN))}", field=unknown[0])
    found = {name: value.strip() for name, value in settings.items() if value.strip()}
    kdt = found.get("kdt_id", "")
    if not (kdt.isascii() and kdt.isdigit() and len(kdt) <= 20):
        raise BadConnection("kdt_id: write the shop's number at Youzan, digits only", field="kdt_id")
    client = found.get("client_id", "")
    if not (client.isascii() and client.isalnum() and len(client) <= 64):
        raise BadConnection("client_id: write the app's client ID", field="client_id")
    if "opened_on" in found:
        try:
            date.fromisoformat(found["opened_on"])
        except ValueError:
            raise BadConnection("opened_on: write a day such as 2019-05-01", field="opened_on") from None
    if found.get("deliveries", "yes") not in {"yes", "no"}:
        raise BadConnection("deliveries: write yes or no", field="deliveries")
    return found


YOUZAN = Shop(
    kind="youzan",
    label=_("Youzan"),
    streams=(
        Stream("products", _("Products")),
        # What is sold need not change a product's update time: all of it is read, and now and then is enough.
        Stream("stock", _("Prices and stock"), is_told=False, every=timedelta(hours=6)),
        # They have no update time.
        Stream("customers", _("Customers"), every=timedelta(hours=6)),
        Stream("orders", _("Orders")),
        Stream("refunds", _("Refunds")),
    ),
    credentials=(
        Field("client_secret", _("The app's client secret, which signs its messages")),
        Field("access_token", _("An access token, where the app has one that does not end"), is_required=False),
    ),
    settings=(
        Field("kdt_id", _("The shop's number at Youzan; of a chain the headquarters'")),
        Field("client_id", _("The app's client ID")),
        Field("channel", _("The channel its online orders are counted for"), is_required=False),
        Field("opened_on", _("The day from which its history is read, such as 2019-05-01"), is_required=False),
        Field("store", _("The store whose stock it tells, by its code"), is_required=False),
        Field("tags", _("Which of our values become tags of its customers, with commas between"), is_required=False),
        Field("points", _("Which of our values its points are set to"), is_required=False),
        Field("deliveries", _("Write no to save one call for each order that was sent"), is_required=False),
    ),
    signs_with="client_secret",
    tick=timedelta(seconds=1),
    # Lists and details are said to be up to half a minute behind.
    settles_for=timedelta(seconds=90),
    answers=Answers(
        taken=Answer(200, b'{"code":0,"msg":"success"}', _JSON),
        forged=Answer(401, b'{"code":0,"msg":"failed"}', _JSON),
        busy=Answer(503, b'{"code":0,"msg":"failed"}', _JSON),
    ),
    check=check,
    looks={"products": "product"},
    verify=verify,
    translate=translate,
    read=read,
    client=YouzanClient,
    writer=YouzanWriter,
)
