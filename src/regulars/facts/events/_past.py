"""The walk over events of orders that came before their source was the order feed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.events import orders, stream
from regulars.facts.events.models import Reader
from regulars.facts.sources import sources
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal

#: The name under which `following` knows the reader of orders; what lies ahead of it is not past.
READER: Final = "orders"
_LOT = 200
#: Not known to `orders`, and read by its reader when the source was no feed.
CONDITION: Final = (
    f"event.source = %(source)s AND event.id > %(after)s AND event.id <= %(upto)s AND {orders.ONLY}"
    " AND NOT EXISTS (SELECT FROM events_order_event AS known WHERE known.event = event.id)"
)


class NotTheFeed(Refusal):
    """The source's events of orders stay behaviour."""

    code = "events.not_the_order_feed"


def check(source: int) -> None:
    """Refuses a source that is not the order feed."""
    known = sources.get(source)
    if not known.is_order_feed:
        raise NotTheFeed(
            _("source: %(name)s is not the order feed; let its orders count first") % {"name": known.name},
            field="source",
            value=known.name,
        )


def walk(*, source: int, at: datetime, by: Actor) -> int:
    """Put them on record as history, oldest first, a transaction for each 200. How many were looked at."""
    check(source)
    until, after, looked_at = upto(), 0, 0
    while lot := _lot(source, after, until):
        with transaction.atomic():
            orders.take(lot, origin="history", at=at, by=by)
        after, looked_at = lot[-1].id, looked_at + len(lot)
    return looked_at


def upto() -> int:
    """Up to which event the reader of orders has read."""
    return Reader.objects.filter(name=READER).values_list("position", flat=True).first() or 0


def _lot(source: int, after: int, until: int) -> Sequence[stream.Event]:
    return stream.matching(CONDITION, {"source": source, "after": after, "upto": until}, limit=_LOT)
