"""Reading what was told: by number, and from any point on. Listeners do not need this; they are called."""

from collections.abc import Collection, Iterable
from datetime import datetime

from regulars.runtime.notices import _horizon
from regulars.runtime.notices.models import Recorded, Subscriber
from regulars.runtime.notices.notice import FromANewerRelease, Told, read


def last_number() -> int:
    """The last number drawn, whether or not its transaction has ended."""
    return _horizon.last_number()


def heard(listener: str) -> int:
    """The number up to which a listener has read. One row."""
    return Subscriber.objects.get(name=listener).position


def before(at: datetime) -> int:
    """The number after which everything told at `at` or later stands. One query by the clock of telling."""
    first = Recorded.objects.filter(recorded_at__gte=at).order_by("id").values_list("id", flat=True).first()
    return last_number() if first is None else first - 1


def after(*, position: int, until: int, kinds: Collection[str], history: bool, most: int) -> list[Told]:
    """At most `most` notices of these kinds with numbers in (position, until], in order. One query."""
    found = Recorded.objects.filter(id__gt=position, id__lte=until, kind__in=kinds)
    if not history:
        found = found.filter(origin="live")
    return _told(found.order_by("id")[:most])


def numbered(numbers: Iterable[int]) -> dict[int, Told]:
    """The notices with these numbers that are still kept and that this release can read. One query."""
    return {one.number: one for one in _told(Recorded.objects.filter(id__in=set(numbers)))}


def _told(rows: Iterable[Recorded]) -> list[Told]:
    found = []
    for row in rows:
        try:
            notice = read(row.kind, row.version, row.body, at=row.at, origin=row.origin)
        except (KeyError, FromANewerRelease):
            continue
        found.append(Told(row.id, row.recorded_at, notice))
    return found
