"""What goes with what: pairs of products in one basket, or in one customer's hands.

    support(A, B)      baskets with both / baskets
    confidence(A > B)  baskets with both / baskets with A
    lift(A, B)         support(A, B) / (support(A) * support(B)): 1 where one says nothing of the other

(Agrawal, Imielinski & Swami 1993, SIGMOD; lift is Brin et al.'s interest, 1997). Support and confidence are shares with
Wilson's interval. The interval of lift is the delta method's on its logarithm, of counts n, a, b and both that are
multinomial: variance = 1/both - 1/a - 1/b + (2 lift - 1)/n. Pairs are ranked by the lower end of their lift: a pair
seen five times must not stand above one seen five hundred times.

Bounded: among the `together.WARES` products in most baskets, pairs in at least `LEAST` baskets; `PAIRS` are kept.
"""

from collections.abc import Callable, Mapping
from math import exp, sqrt
from typing import Any

import ibis
import ibis.expr.types as ir

from regulars.insight.measures import estimates
from regulars.insight.measures.estimates import Basis, Estimate
from regulars.insight.measures.intervals import Z95
from regulars.insight.measures.scope import Scope
from regulars.insight.measures.together import PAIRS_IN

LEAST, PAIRS = 5, 50
#: Pairs in most baskets, from which those kept are chosen.
_LOOKED_AT = 2_000


def pairs(scope: Scope, basket: str) -> ir.Table:
    """a, b, both, of_a, of_b, baskets, a_title, b_title. `basket` is the column that says what lies together; the
    session holds what `walking` keeps with goods."""
    seen = scope.table(PAIRS_IN[basket])
    seen = seen.filter(seen.both >= LEAST).order_by(ibis.desc("both"), "a", "b").limit(_LOOKED_AT)
    titles = scope.table("products").select("product_id", "title")
    found = seen.left_join(titles.select(a="product_id", a_title="title"), "a").drop("a_right")
    return found.left_join(titles.select(b="product_id", b_title="title"), "b").drop("b_right")


def lift(both: int, of_a: int, of_b: int, n: int, of: Basis) -> Estimate:
    """How many times as often as if one had nothing to do with the other."""
    value = both * n / (of_a * of_b)
    half = Z95 * sqrt(max(0.0, 1 / both - 1 / of_a - 1 / of_b + (2 * value - 1) / n))
    return Estimate(value, n, value * exp(-half), value * exp(half), "times", of)


def value(of: Basis) -> Callable[[list[dict[str, Any]], Scope], Mapping[str, Any]]:
    """Each pair once, told from the rarer product to the commoner one: so the confidence is the larger of the two."""

    def told(rows: list[dict[str, Any]], _: Scope) -> Mapping[str, Any]:
        found = []
        for row in rows:
            n, both = row["baskets"], row["both"]
            sides = sorted(("a", "b"), key=lambda side: (row[f"of_{side}"], row[side]))
            raised = lift(both, row["of_a"], row["of_b"], n, of)
            assert raised.low is not None
            pair = {
                "wares": [{"product": row[side], "title": row[f"{side}_title"] or ""} for side in sides],
                "support": estimates.share(both, n, of),
                "confidence": estimates.share(both, row[f"of_{sides[0]}"], of),
                "lift": raised,
            }
            found.append((-raised.low, row["a"], row["b"], pair))
        kept = [pair for *_order, pair in sorted(found, key=lambda one: one[:3])[:PAIRS]]
        return {"baskets": rows[0]["baskets"] if rows else 0, "pairs": kept}

    return told
