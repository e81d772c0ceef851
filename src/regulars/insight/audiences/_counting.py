"""Counts the figures of an audience's members, from what is published."""

from pathlib import Path

import pyarrow as pa
from django.conf import settings
from django.db import connection

from regulars.facts.company import company
from regulars.insight.audiences.models import Figures, Member
from regulars.insight.measures import exploring, runs, series
from regulars.insight.measures.scope import Scope
from regulars.insight.measures.told import cuts_of_shop, told
from regulars.insight.warehouse.session import Session
from regulars.kit import civil


def count(audience: int) -> None:
    """Count them, and keep them. Harmless to repeat. Not to be called within a transaction: it takes a while."""
    last = next(iter(runs.latest(1)), None)
    wanted = Figures.objects.filter(audience=audience).first()
    if last is None or wanted is None:
        return
    with Session.from_published(Path(settings.REGULARS_HOME)) as session:
        scope = Scope(session.table, last.as_of, last.currency, cuts=cuts_of_shop(), told=told(last.currency))
        people = list(Member.objects.filter(audience=audience).values_list("customer_id", flat=True))
        some = session.put("audience-explored", pa.table({"customer_id": pa.array(people, pa.int64())}))
        found = exploring.of_some(session, scope, civil.zone(company.shop().zone), some)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audiences_figures SET value = %s, as_of = %s, currency = %s, members = %s,"
            " computed_at = greatest(clock_timestamp(), wanted_at) WHERE audience_id = %s AND wanted_at = %s",
            [
                Figures._meta.get_field("value").get_db_prep_save(series.as_json(found), connection),
                last.as_of,
                last.currency,
                len(people),
                audience,
                wanted.wanted_at,
            ],
        )
