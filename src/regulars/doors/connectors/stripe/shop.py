"""Stripe, as far as money of paid memberships goes: it tells, and is asked nothing."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from regulars.doors.connectors.generic.shop import NobodyToAsk, read
from regulars.doors.connectors.protocol import Field, Shop
from regulars.doors.connectors.stripe.translate import translate
from regulars.doors.connectors.stripe.verify import verify
from regulars.facts.sources.connections import BadConnection


def check(settings: Mapping[str, str]) -> Mapping[str, Any]:
    """Whether money of its test mode counts."""
    left = set(settings) - {"test"}
    if left:
        raise BadConnection(f"{min(left)}: a connection to Stripe has no such setting", field=min(left))
    told = settings.get("test", "")
    if told not in ("", "yes", "no"):
        raise BadConnection("test: write yes or no", field="test", value=told[:20])
    return {"test": True} if told == "yes" else {}


STRIPE = Shop(
    kind="stripe",
    label=_("Stripe: payments of memberships"),
    streams=(),
    credentials=(Field("secret", _("The signing secret of the webhook endpoint: whsec_…")),),
    settings=(Field("test", _("Let money of its test mode count: yes or no"), is_required=False),),
    check=check,
    verify=verify,
    translate=translate,
    read=read,
    client=NobodyToAsk,
)
