"""How customers spread over recency and frequency scores, told apart by how often they come to a store.

Of the last `DAYS` days; a day on which somebody bought in a store or was seen to visit one counts once.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from regulars.insight.measures import segments, visiting
from regulars.insight.measures.library.rfm import GROUPED_FROM
from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Scope

DAYS = 365
#: From so many days in a store on somebody comes often.
OFTEN = 3
BINS = ("never", "sometimes", "often")


def cells(scope: Scope) -> ir.Table:
    people = scope.people()
    since = ibis.literal(scope.as_of - timedelta(days=DAYS))
    told = people.left_join(visiting.store_days(scope, since=since), "customer_id")
    days = told.store_days.fill_null(0)
    binned = told.select(
        "r",
        "f",
        "segment",
        "spend_minor",
        visits=ibis.ifelse(days == 0, BINS[0], ibis.ifelse(days < OFTEN, BINS[1], BINS[2])),
    )
    counted = binned.group_by("visits", "r", "f", "segment").agg(
        customers=binned.count(), spend_minor=binned.spend_minor.sum()
    )
    return counted.order_by("visits", "r", "f", "segment")


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    everybody = sum(row["customers"] for row in rows)
    return {
        "days": DAYS,
        "often": OFTEN,
        "is_too_small": everybody < GROUPED_FROM,
        "bins": {}
        if everybody < GROUPED_FROM
        else {name: _bin([r for r in rows if r["visits"] == name]) for name in BINS},
    }


def _bin(rows: list[dict[str, Any]]) -> dict[str, Any]:
    def part(cells: list[dict[str, Any]]) -> dict[str, int]:
        return {key: sum(cell[key] for cell in cells) for key in ("customers", "spend_minor")}

    return {
        **part(rows),
        "cells": [
            {"r": r, "f": f, "segment": name, **part([row for row in rows if (row["r"], row["f"]) == (r, f)])}
            for (r, f), name in segments.BY_SCORES.items()
        ],
        "segments": [
            {"segment": name, **part([row for row in rows if row["segment"] == name])} for name in segments.NAMES
        ],
    }


MEASURE = ShopMeasure(
    name="rfm_by_visits",
    en=Words(
        "Groups of customers by store visits",
        "Customers by how recently and how often they bought, apart by how often they came to a store in a year.",
    ),
    zh=Words("按到店次数划分的客群分布", "按最近购买时间和频次划分的顾客，再按一年内到店次数区分。"),
    grain="shop",
    tables=("orders", "events"),
    expression=cells,
    value=value,
)
