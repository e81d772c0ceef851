"""Where a shop cuts its RFM scores: by its customers' places among each other, or at days and amounts of its own.

The five scores and the groups named from them stay; what changes is from which value on a score is given. A score of
frequency is 1 for one day with a purchase and 2 for two, whatever the shop says: the groups' names rest on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from regulars.facts.company import company
from regulars.insight.measures import computing, jobs, walking
from regulars.insight.measures.cutting import Cuts
from regulars.insight.measures.moving import WANTED
from regulars.insight.measures.scope import PEOPLE, Scope
from regulars.insight.measures.told import CUTS, cuts_of_shop
from regulars.insight.warehouse.session import Session
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.runtime.preferences import preferences


@dataclass(frozen=True)
class Preview:
    """Who would be in which group: `moves` from the group of now to that of then, everybody in one of them."""

    customers: int
    moves: Mapping[tuple[str, str], int]

    @property
    def moved(self) -> int:
        return sum(count for (before, after), count in self.moves.items() if before != after)


def complaints(cuts: Cuts) -> dict[str, str]:
    """What is wrong with each part, by its name; nothing where all is well."""
    found = {name: of.check(getattr(cuts, name)) for name, of in CUTS.items()}
    return {name: complaint for name, complaint in found.items() if complaint}


def change(*, cuts: Cuts, at: datetime, by: Actor) -> None:
    """Cut so from the next refresh on, which is asked for. The same again changes nothing; refuses with `BadValue`."""
    with transaction.atomic():
        before = cuts_of_shop()
        for each in fields(cuts):
            preferences.write(CUTS[each.name], getattr(cuts, each.name), at=at, by=by)
        if before != cuts_of_shop():
            jobs.refresh_soon()


def preview(cuts: Cuts, *, at: datetime) -> Preview:
    """Everybody grouped both ways, over what was last published. Seconds at a million customers; writes nothing."""
    shop = company.shop()
    today = civil.day_of(at, civil.zone(shop.zone))
    with Session.from_published(Path(settings.REGULARS_HOME)) as session:
        as_of = computing.as_of_day(session, today=today)
        scope = Scope(table=session.table, as_of=as_of, currency=shop.currency, cuts=cuts_of_shop())
        walking.walk(session, scope)
        computing.sum_days(session, scope)
        computing.people(session, scope, wanted=WANTED)
        session.keep("_before", scope.people().select("customer_id", "segment"))
        computing.people(session, replace(scope, cuts=cuts), wanted=WANTED)
        before, after = session.table("_before"), session.table(PEOPLE)
        joined = before.join(after, "customer_id").select(source=before.segment, target=after.segment)
        grouped = joined.filter(joined.source.notnull())
        counted = grouped.group_by("source", "target").agg(customers=grouped.count())
        rows = session.rows(counted)
    return Preview(
        sum(row["customers"] for row in rows), {(row["source"], row["target"]): row["customers"] for row in rows}
    )
