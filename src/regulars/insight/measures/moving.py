"""How customers move between groups from month to month, and what became of each group afterwards.

Groups are those of RFM, computed as they would have been on each day, from what had happened until then. A shop too
small to be grouped has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import ibis

from regulars.insight.measures import catalogue, computing, estimates, segments
from regulars.insight.measures.library import lately, rfm
from regulars.insight.measures.scope import Scope
from regulars.insight.warehouse.session import Session
from regulars.kit.civil import add_months, month_of

#: Moves from month to month that are told.
MONTHS = 6
#: A group is looked at so many days back, and its purchases counted from then on.
AFTER_DAYS = 90
#: Who had not bought yet.
NOT_YET = ""
_UNTIL, _THEN = "_days_until", "_people_then"
#: What a customer's group rests on: of eight days, so that what is not needed would be computed eight times.
_NOT_FOR_GROUPS = frozenset(
    {
        "gross_minor",
        "returned_minor",
        "spend_minor",
        "foreign_orders",
        "average_order_minor",
        "at_stake_minor",
        "spend_minor_place",
        "m",
        *(one.name for one in lately.MEASURES),
    }
)
WANTED = tuple(
    one for one in catalogue.CUSTOMER[: catalogue.CUSTOMER.index(rfm.SEGMENT) + 1] if one.name not in _NOT_FOR_GROUPS
)


def all_of(session: Session, scope: Scope) -> dict[str, Mapping[str, Any]]:
    """Both, under the names they are stored by; of a shop too small to be grouped, both empty."""
    people = scope.people()
    [row] = session.rows(people.aggregate(customers=people.count()))
    if row["customers"] < rfm.GROUPED_FROM:
        return {"moves": {"months": []}, "afterwards": {"segments": []}}
    return {"moves": moves(session, scope), "afterwards": afterwards(session, scope)}


def moves(session: Session, scope: Scope) -> Mapping[str, Any]:
    """Of each of the last months that are over: how many went from which group to which, as they stood at its ends.

    `rows` say from, to, customers and the share of those who were in `from`; new customers come from `NOT_YET`.
    """
    ends = month_ends(scope.as_of, MONTHS + 1)
    tables = [_groups_on(session, scope, end) for end in ends]
    told = []
    for place in range(1, len(ends)):
        before, after = session.table(tables[place - 1]), session.table(tables[place])
        joined = after.left_join(before, "customer_id").select(
            source=before.segment.fill_null(NOT_YET), target=after.segment
        )
        counted = joined.group_by("source", "target").agg(customers=joined.count())
        rows = session.rows(counted.order_by("source", "target"))
        if rows:
            told.append({"month": month_of(ends[place]).isoformat(), "rows": _shared(rows)})
    return {"months": told}


def afterwards(session: Session, scope: Scope) -> Mapping[str, Any]:
    """Of each group as it stood `AFTER_DAYS` ago, how many bought since: share, n and Wilson's interval."""
    then = scope.as_of - timedelta(days=AFTER_DAYS)
    groups = session.table(_groups_on(session, scope, then))
    days = scope.kept_days()
    since = days.filter(days.orders > 0, days.day > ibis.literal(then)).select("customer_id").distinct()
    since = since.mutate(bought=ibis.literal(1, "int64"))
    joined = groups.left_join(since, "customer_id")
    counted = joined.group_by("segment").agg(customers=joined.count(), bought=joined.bought.sum().fill_null(0))
    found = {row["segment"]: row for row in session.rows(counted)}
    return {
        "as_of": then.isoformat(),
        "days": AFTER_DAYS,
        "segments": [
            {
                "segment": name,
                "bought": estimates.share(found[name]["bought"], found[name]["customers"], "customers"),
            }
            for name in segments.NAMES
            if name in found
        ],
    }


def month_ends(as_of: date, most: int) -> list[date]:
    """The last days of the last `most` months that are over, oldest first."""
    begin = month_of(as_of + timedelta(days=1))
    return [add_months(begin, -back) - timedelta(days=1) for back in range(most - 1, -1, -1)]


def _groups_on(session: Session, scope: Scope, day: date) -> str:
    """Keeps customer_id and segment as of `day`, and gives the table's name."""
    days = scope.kept_days()
    session.keep(_UNTIL, days.filter(days.day <= ibis.literal(day)))
    computing.people(session, replace(scope, as_of=day), wanted=WANTED, of=_UNTIL, into=_THEN)
    kept = session.table(_THEN)
    name = f"_groups_{day:%Y%m%d}"
    session.keep(name, kept.filter(kept.segment.notnull()).select("customer_id", "segment"))
    return name


def _shared(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    of: dict[str, int] = {}
    for row in rows:
        of[row["source"]] = of.get(row["source"], 0) + row["customers"]
    return [
        {
            "from": row["source"],
            "to": row["target"],
            "customers": row["customers"],
            "share": estimates.share(row["customers"], of[row["source"]], "customers"),
        }
        for row in rows
    ]
