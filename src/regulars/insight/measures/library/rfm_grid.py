"""How customers and their money spread over recency and frequency scores, and over the named groups."""

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir

from regulars.insight.measures import segments
from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Scope


def cells(scope: Scope) -> ir.Table:
    return (
        scope.people()
        .group_by("r", "f", "segment")
        .agg(customers=lambda t: t.count(), spend_minor=lambda t: t.spend_minor.sum())
        .order_by("r", "f")
    )


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    customers = sum(row["customers"] for row in rows)
    spend = sum(row["spend_minor"] for row in rows)
    found = {(row["r"], row["f"]): row for row in rows}

    def part(cells: list[dict[str, Any]]) -> dict[str, Any]:
        count, minor = sum(c["customers"] for c in cells), sum(c["spend_minor"] for c in cells)
        return {
            "customers": count,
            "share": count / customers if customers else None,
            "spend_minor": minor,
            "spend_share": minor / spend if spend > 0 else None,
        }

    return {
        "customers": customers,
        "spend_minor": spend,
        "cells": [
            {"r": r, "f": f, "segment": name, **part([found[r, f]] if (r, f) in found else [])}
            for (r, f), name in segments.BY_SCORES.items()
        ],
        "segments": [
            {"segment": name, **part([row for row in rows if row["segment"] == name])} for name in segments.NAMES
        ],
    }


MEASURE = ShopMeasure(
    name="rfm_grid",
    en=Words("Groups of customers", "Customers by how recently and how often they bought, with what they spent."),
    zh=Words("客群分布", "按最近购买时间和频次划分的顾客及其消费。"),
    grain="shop",
    tables=("orders", "returns"),
    expression=cells,
    value=value,
)
