"""The shop's figures of those who are in an audience, over the last 365 days and month by month.

They are counted when somebody wants them, and again after each refresh while somebody does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from regulars.insight.audiences import jobs
from regulars.insight.audiences.models import Figures
from regulars.insight.measures import runs, series
from regulars.insight.measures.series import Series
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

#: Figures that nobody looked for in so long are not counted after refreshes any more.
WANTED_FOR = timedelta(days=60)
#: Whoever wants them after so long has them asked for anew: what was to count them is gone.
_LOST = timedelta(minutes=15)


class NothingRefreshed(Refusal):
    """Figures are as of a refresh, and there was none yet."""

    code = "audiences.nothing_refreshed"


@dataclass(frozen=True)
class Explored:
    """The figures of an audience's members, none before they were first counted. `members`: of how many.

    `is_counting`: newer ones are on their way.
    """

    figures: Sequence[Series]
    members: int
    is_counting: bool


def of(audience: int) -> Explored | None:
    """What was last counted; None where nobody wanted it. One indexed row."""
    row = Figures.objects.filter(audience=audience).first()
    if row is None:
        return None
    if row.value is None or row.as_of is None or row.currency is None or row.computed_at is None:
        return Explored([], 0, is_counting=True)
    found = series.from_json(row.value, as_of=row.as_of, currency=row.currency, computed_at=row.computed_at)
    return Explored(found, row.members, is_counting=row.wanted_at > row.computed_at)


def want(*, audience: int, at: datetime, by: Actor) -> None:
    """Have them counted, of those who are in now, as of the last refresh; and again after each while somebody looks.

    Refuses with `NothingRefreshed`. To want again what is being counted does nothing.
    """
    if not runs.latest(1):
        raise NothingRefreshed(_("nothing was computed yet; refresh the insight first, then look again"))
    with transaction.atomic():
        row, is_new = Figures.objects.select_for_update().get_or_create(
            audience_id=audience, defaults={"wanted_at": at}
        )
        is_counting = not is_new and (row.computed_at is None or row.wanted_at > row.computed_at)
        if is_counting and at - row.wanted_at < _LOST:
            return
        Figures.objects.filter(audience=audience).update(wanted_at=at)
        trail.record(by=by, verb="audiences.figures", subject=f"audience:{audience}", at=at)
        jobs.count.defer(audience=audience)


def count_wanted(*, at: datetime) -> None:
    """After a refresh: ask for every audience's that somebody looked for lately; those of the others go."""
    with transaction.atomic():
        Figures.objects.filter(wanted_at__lt=at - WANTED_FOR).delete()
        for audience in Figures.objects.order_by("audience").values_list("audience", flat=True):
            jobs.count.defer(audience=audience)
