"""How customers move between groups from month to month, and what became of each group afterwards.

Groups are those of RFM, computed as they would have been on each day, from what had happened until then. A shop too
small to be grouped has none.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import ibis

from regulars.insight.measures import catalogue, computing, estimates, runs, segments
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
_HALF = (1 << 32) - 1
_UNTIL, _THEN = "_days_until", "_people_then"
#: What a customer's group rests on: of eight days, so that what is not needed would be computed eight times.
_NOT_FOR_GROUPS = frozenset(
    {
        "orders",
        "gross_minor",
        "returned_minor",
        "spend_minor",
        "foreign_orders",
        "average_order_minor",
        "last_year_minor",
        "at_stake_minor",
        "spend_minor_place",
        "m",
        *(one.name for one in lately.MEASURES),
    }
)
WANTED = tuple(
    one for one in catalogue.CUSTOMER[: catalogue.CUSTOMER.index(rfm.SEGMENT) + 1] if one.name not in _NOT_FOR_GROUPS
)


#: What `all_of` tells.
NAMES = ("moves", "afterwards")


def all_of(session: Session, scope: Scope, known: Mapping[str, Any] | None = None) -> dict[str, Mapping[str, Any]]:
    """Both, under the names they are stored by; of a shop too small to be grouped, both empty. `known` is what `moves`
    told the last time: what nothing happened to since is not computed anew."""
    people = scope.people()
    [row] = session.rows(people.aggregate(customers=people.count()))
    if row["customers"] < rfm.GROUPED_FROM:
        return {"moves": {"months": []}, "afterwards": {"segments": []}}
    return {"moves": moves(session, scope, known), "afterwards": afterwards(session, scope)}


def moves(session: Session, scope: Scope, known: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """Of each of the last months that are over: how many went from which group to which, as they stood at its ends.

    `rows` say from, to, customers and the share of those who were in `from`; new customers come from `NOT_YET`. `basis`
    is a hash of all that it rests on.
    """
    ends = month_ends(scope.as_of, MONTHS + 1)
    grouped = lru_cache(lambda end: session.table(_groups_on(session, scope, end)))
    resting_on = _bases(session, scope, ends)
    kept = {month["basis"]: month for month in (known or {}).get("months", ()) if "basis" in month}
    told: list[Mapping[str, Any]] = []
    for place in range(1, len(ends)):
        if (basis := resting_on[ends[place]]) in kept:
            told.append(kept[basis])
            continue
        before, after = grouped(ends[place - 1]), grouped(ends[place])
        joined = after.left_join(before, "customer_id").select(
            source=before.segment.fill_null(NOT_YET), target=after.segment
        )
        counted = joined.group_by("source", "target").agg(customers=joined.count())
        rows = session.rows(counted.order_by("source", "target"))
        if rows:
            told.append({"month": month_of(ends[place]).isoformat(), "basis": basis, "rows": _shared(rows)})
    return {"months": told}


def afterwards(session: Session, scope: Scope) -> Mapping[str, Any]:
    """Of each group as it stood `AFTER_DAYS` ago, how many bought since: share, n and Wilson's interval."""
    then = scope.as_of - timedelta(days=AFTER_DAYS)
    groups = session.table(_groups_on(session, scope, then))
    people = scope.people()
    joined = groups.join(people.select("customer_id", is_back=people.last_on > ibis.literal(then)), "customer_id")
    counted = joined.group_by("segment").agg(customers=joined.count(), bought=joined.is_back.cast("int64").sum())
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


def _bases(session: Session, scope: Scope, ends: Sequence[date]) -> dict[date, str]:
    """Of each day, a hash of what groups at it and before rest on: all visits until then, and how scores are cut."""
    days = scope.kept_days()
    visits = days.filter(days.visit > 0, days.day <= ibis.literal(ends[-1]))
    key = visits.customer_id * (1 << 22) + visits.day.delta(ibis.date("1970-01-01"), unit="day")
    marked = visits.select(month=visits.day.truncate("M"), mark=key.hash())
    # Sums of halves: of the whole, they would pass what a number holds.
    by_month = marked.group_by("month").agg(
        visits=marked.count(), low=(marked.mark & _HALF).sum(), high=((marked.mark >> 32) & _HALF).sum()
    )
    found = sorted((row["month"], row["visits"], row["low"], row["high"]) for row in session.rows(by_month))
    how = (runs.engine(), MONTHS, [one.name for one in WANTED], scope.cuts.recency_days, scope.cuts.regular_days)
    return {
        end: hashlib.sha256(repr((how, end, [row for row in found if row[0] <= end])).encode()).hexdigest()[:32]
        for end in ends
    }


def _groups_on(session: Session, scope: Scope, day: date) -> str:
    """Keeps customer_id and segment as of `day`, and gives the table's name."""
    days = scope.kept_days()
    then = ibis.literal(day)
    # The last visit until then knows all that groups rest on.
    last = days.filter(days.visit > 0, days.day <= then, days.after_on.isnull() | (days.after_on > then))
    session.keep(
        _UNTIL,
        last.select("customer_id", "first_on", purchase_days=last.visit.cast("int64"), last_on=last.day),
    )
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
