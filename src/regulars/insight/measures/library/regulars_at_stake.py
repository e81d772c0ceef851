"""How many regulars there are, how many slip away, and what those spent in the year up to their last visit."""

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir

from regulars.insight.measures.intervals import share
from regulars.insight.measures.library.typical_gap import ten_thousandths
from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Scope


def counts(scope: Scope) -> ir.Table:
    people = scope.people()
    return people.aggregate(
        customers=people.count(),
        regulars=people.is_regular.cast("int64").sum().fill_null(0),
        regulars_spend_minor=people.spend_minor.sum(where=people.is_regular).fill_null(0),
        lapsing=people.is_lapsing.cast("int64").sum().fill_null(0),
        at_stake_minor=people.at_stake_minor.sum().fill_null(0),
        shop_gap_days=ten_thousandths(people.own_gap_days).sum() / people.own_gap_days.count() / 10_000,
    )


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    [row] = rows
    gap = row["shop_gap_days"]
    return {
        "regulars": share(row["regulars"], row["customers"]),
        "regulars_spend_minor": row["regulars_spend_minor"],
        "lapsing": share(row["lapsing"], row["regulars"]),
        "at_stake_minor": row["at_stake_minor"],
        "shop_gap_days": None if gap is None else round(gap, 2),
    }


MEASURE = ShopMeasure(
    name="regulars_at_stake",
    en=Words("Regulars", "How many regulars the shop has, how many are slipping away, and what they spent a year."),
    zh=Words("回头客概况", "店里有多少回头客，多少正在流失，他们一年的消费是多少。"),
    grain="shop",
    tables=("orders", "returns"),
    expression=counts,
    value=value,
)
