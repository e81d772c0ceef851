"""How customers and their money spread over recency and frequency scores, and over the named groups.

A cell is everybody with its two scores, under the name those scores give; a group is everybody of that name. They
differ by the regulars slipping away, who are at risk whatever their scores. A shop with fewer customers than `needed`
has neither.
"""

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir

from regulars.insight.measures import segments
from regulars.insight.measures.estimates import ratio, share
from regulars.insight.measures.figure import product
from regulars.insight.measures.library.rfm import GROUPED_FROM
from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Scope


def cells(scope: Scope) -> ir.Table:
    return (
        scope.people()
        .group_by("r", "f", "segment")
        .agg(
            customers=lambda t: t.count(),
            spend_minor=lambda t: t.spend_minor.sum(),
            squares=lambda t: product(t.spend_minor, t.spend_minor),
        )
        .order_by("r", "f", "segment")
    )


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    customers = sum(row["customers"] for row in rows)
    spend, squares = sum(row["spend_minor"] for row in rows), sum(int(row["squares"]) for row in rows)
    is_too_small = customers < GROUPED_FROM

    def part(cells: list[dict[str, Any]]) -> dict[str, Any]:
        count, minor = sum(c["customers"] for c in cells), sum(c["spend_minor"] for c in cells)
        theirs = sum(int(c["squares"]) for c in cells)
        spent = ratio(minor, theirs, spend, squares, theirs, customers, "share", "customers", least=0.0, most=1.0)
        return {
            "customers": count,
            "share": share(count, customers, "customers"),
            "spend_minor": minor,
            "spend_share": spent,
        }

    return {
        "customers": customers,
        "spend_minor": spend,
        "needed": GROUPED_FROM,
        "is_too_small": is_too_small,
        "cells": []
        if is_too_small
        else [
            {"r": r, "f": f, "segment": name, **part([row for row in rows if (row["r"], row["f"]) == (r, f)])}
            for (r, f), name in segments.BY_SCORES.items()
        ],
        "segments": []
        if is_too_small
        else [{"segment": name, **part([row for row in rows if row["segment"] == name])} for name in segments.NAMES],
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
