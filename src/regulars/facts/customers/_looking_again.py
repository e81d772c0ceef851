"""What somebody tells of their name or birthday may speak for or against evidence there is: it is looked at again.

In the background, for who writes profiles holds rows that whoever settles identity waits for.
"""

from collections.abc import Collection

from django.utils import timezone

from regulars.facts.customers import identity
from regulars.facts.customers.models import Link
from regulars.kit.actors import SYSTEM
from regulars.runtime.jobs.tasks import task

#: Records settled in one transaction: everybody else who settles waits.
_LOT = 500


@task("customers.look_again")
def look_again(records: list[int]) -> None:
    """Decide anew who these records are. Harmless to repeat."""
    identity.look_again(records=records, at=timezone.now(), by=SYSTEM)


def defer(told: Collection[int]) -> None:
    """Look again at those of these records of whom there is evidence, once this transaction is over. One query."""
    if not told:
        return
    proved = sorted(set(Link.objects.filter(record_id__in=told).values_list("record_id", flat=True)))
    for start in range(0, len(proved), _LOT):
        look_again.defer(records=proved[start : start + _LOT])
