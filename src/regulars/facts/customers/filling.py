"""Tables that came later are filled with what was there before, in the background and in slices."""

from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import transaction

from regulars.facts.customers import _values, profiles
from regulars.facts.customers.models import Customer
from regulars.facts.customers.models import Filling as Row
from regulars.kit.actors import SYSTEM

#: Customers in one transaction.
_LOT = 500


def go_on(*, at: datetime) -> int:
    """Fill what is not full yet. How many slices it took; one query where all is done. Harmless to repeat, and to stop
    at any time."""
    slices = 0
    for name in list(Row.objects.filter(ended_at=None).values_list("name", flat=True)):
        while _slice(name, at):
            slices += 1
    return slices


def _slice(name: str, at: datetime) -> bool:
    with transaction.atomic():
        row = Row.objects.select_for_update().get(name=name)
        if row.ended_at is not None:
            return False
        position = _FILLS[name](row.position, at)
        if position is None:
            row.ended_at = at
        else:
            row.position = position
        row.save(update_fields=["position", "ended_at"])
    return position is not None


def _also_known(after: int, at: datetime) -> int | None:
    """People of several records: what each record told by itself. They are looked over as after a join."""
    joined = Customer.objects.filter(person_id__gt=after).order_by("person_id").values_list("person_id", flat=True)
    people = [person for person in joined.distinct()[:_LOT] if person is not None]
    profiles.refold_many(customers=people, at=at, by=SYSTEM)
    return people[-1] if people else None


def _values_of_profiles(after: int, at: datetime) -> int | None:
    return _values.fill(after, _LOT)


_FILLS: Mapping[str, Callable[[int, datetime], int | None]] = {
    "also_known": _also_known,
    "values": _values_of_profiles,
}
