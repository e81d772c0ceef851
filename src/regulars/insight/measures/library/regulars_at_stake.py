"""How many regulars there are, how many slip away, and what those spent in the year up to their last visit."""

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir

from regulars.insight.measures.estimates import ratio, share
from regulars.insight.measures.figure import count, product, total
from regulars.insight.measures.library.typical_gap import ten_thousandths
from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Scope

#: A gap is counted in these, so that it is a whole number.
_A_DAY = 10_000


def counts(scope: Scope) -> ir.Table:
    people = scope.people()
    regulars_spend = people.is_regular.ifelse(people.spend_minor, 0)
    gap = ten_thousandths(people.own_gap_days).fill_null(0)
    return people.aggregate(
        customers=people.count(),
        regulars=count(people.is_regular),
        spend_minor=total(people.spend_minor),
        spend_squares=product(people.spend_minor, people.spend_minor),
        regulars_spend_minor=total(regulars_spend),
        regulars_spend_squares=product(regulars_spend, regulars_spend),
        lapsing=count(people.is_lapsing),
        at_stake_minor=total(people.at_stake_minor),
        gaps=people.own_gap_days.count(),
        gap=total(gap),
        gap_squares=product(gap, gap),
    )


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    [row] = [{name: int(value) for name, value in row.items()} for row in rows]
    n, theirs = row["customers"], row["regulars_spend_squares"]
    spent = (row["regulars_spend_minor"], theirs, row["spend_minor"], row["spend_squares"], theirs, n)
    rhythm = (row["gap"], row["gap_squares"], _A_DAY * row["gaps"], _A_DAY**2 * row["gaps"], _A_DAY * row["gap"])
    return {
        "regulars": share(row["regulars"], n, "customers"),
        "share_of_spend": ratio(*spent, "share", "customers", least=0.0, most=1.0),
        "lapsing": share(row["lapsing"], row["regulars"], "customers"),
        "at_stake_minor": row["at_stake_minor"],
        "shop_gap": ratio(*rhythm, row["gaps"], "days", "customers", least=0.0),
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
