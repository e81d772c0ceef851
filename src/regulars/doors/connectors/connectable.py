"""The shops there are connectors for, as screens and the API know them (`facts/sources/connectable`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from regulars.doors.connectors import jobs, polling, shops, taking
from regulars.doors.connectors.calling import Caller, CallFailed, Rest
from regulars.doors.connectors.protocol import About, Asking, Shop
from regulars.facts.company import company
from regulars.facts.sources.connectable import Connectable, NotReached
from regulars.facts.sources.connections import Connection, Secrets
from regulars.kit import civil
from regulars.runtime.database import clock

#: What a shop says of itself that is kept with the connection's settings.
WANTED = ("currency",)


def trial(shop: Shop, settings: Mapping[str, Any], credentials: Mapping[str, str], zone: str) -> Mapping[str, str]:
    """What the shop says of itself: shows that the credentials are good. Raises `NotReached`."""
    about = About(0, "trial", "trial", civil.zone(zone), company.shop().country, settings)
    with Caller() as caller:
        try:
            return shop.client(Asking(about, Secrets(credentials), caller, lambda kept: None)).about()
        except (CallFailed, Rest) as failed:
            raise NotReached(why(failed), code=getattr(failed, "code", "rests")) from failed


def subscribe(connection: Connection, url: str) -> Sequence[str]:
    """Have the shop send its messages to `url`; the topics that are new. Raises `NotReached`."""
    with Caller() as caller:
        try:
            return taking.client_of(connection, caller, clock.now()).subscribe(url)
        except (CallFailed, Rest) as failed:
            raise NotReached(why(failed), code=getattr(failed, "code", "rests")) from failed


def backfill(connection: Connection, at: datetime) -> Sequence[str]:
    """Read everything, beside the jobs; the streams that begin."""
    return _go(connection, polling.begin_backfill(connection=connection, at=at))


def poll(connection: Connection, at: datetime) -> Sequence[str]:
    """Read what changed, beside the jobs; the streams that begin."""
    return _go(connection, polling.begin_polls(connection=connection, at=at))


def why(failed: CallFailed | Rest) -> str:
    """What went wrong, in words."""
    if isinstance(failed, Rest):
        return f"The shop wants to be left alone for {failed.lasts}; try again then."
    if failed.code == "no_webhooks":
        return f"The shop sends nothing by itself: {failed.why}"
    return f"The shop could not be asked: {failed.code}. {failed.why}".strip()


def _go(connection: Connection, streams: Sequence[str]) -> Sequence[str]:
    for stream in streams:
        jobs.go_on(connection.id, stream)
    return streams


def _connectable(shop: Shop) -> Connectable:
    return Connectable(
        kind=shop.kind,
        label=shop.label,
        settings=shop.settings,
        credentials=shop.credentials,
        streams={one.name: one.label for one in shop.streams},
        every={one.name: one.every for one in shop.streams if one.every},
        wanted_of_trial=WANTED,
        can_be_asked=bool(shop.streams),
        can_write=shop.writer is not None,
        check=shop.check,
        trial=lambda settings, credentials, zone: trial(shop, settings, credentials, zone),
        backfill=backfill,
        poll=poll,
        subscribe=subscribe,
    )


CONNECTABLE: tuple[Connectable, ...] = tuple(_connectable(shop) for shop in shops.SHOPS.values())
