"""Any shop that can post JSON, put together. It is never asked anything: who sends must go on until it is answered."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from regulars.doors.connectors.calling import CallFailed
from regulars.doors.connectors.generic.translate import reply, translate
from regulars.doors.connectors.generic.verify import verify
from regulars.doors.connectors.protocol import About, Asking, Field, PageOf, Shop
from regulars.doors.connectors.reading import Document
from regulars.doors.connectors.reports import Report
from regulars.facts.sources.connections import BadConnection


class NobodyToAsk:
    """A client of a shop that only tells."""

    def __init__(self, asking: Asking) -> None:
        self._name = asking.about.name

    def page(self, stream: str, *, since: datetime | None, until: datetime, cursor: str) -> PageOf:
        """There are no streams."""
        raise CallFailed("only_tells", "this shop is not asked: it tells")

    def one(self, stream: str, ref: str) -> Document | None:
        """There are no streams."""
        raise CallFailed("only_tells", "this shop is not asked: it tells")

    def about(self) -> Mapping[str, str]:
        """Its name here."""
        return {"name": self._name}

    def subscribe(self, url: str) -> Sequence[str]:
        """Whoever sends is told where to by hand."""
        raise CallFailed("only_tells", "have your program post to the address that `regulars connection list` shows")


def read(stream: str, item: Document, about: About) -> Sequence[Report]:
    """There are no streams."""
    raise CallFailed("only_tells", "this shop is not asked: it tells")


def check(settings: Mapping[str, str]) -> Mapping[str, Any]:
    """There are none."""
    if settings:
        raise BadConnection(f"{min(settings)}: a generic connection has no settings", field=min(settings))
    return {}


GENERIC = Shop(
    kind="generic",
    label=_("Any shop that posts JSON"),
    streams=(),
    credentials=(Field("secret", _("The secret that signs messages: whsec_ and 32 random bytes in base64")),),
    check=check,
    tells_many=True,
    reply=reply,
    verify=verify,
    translate=translate,
    read=read,
    client=NobodyToAsk,
)
