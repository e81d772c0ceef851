"""The textbook lifetime value, every factor shown:

    average order * orders a year * years * margin

    average order   bought over orders in the 365 days
    orders a year   orders over buyers in the 365 days
    years           1 / (1 - kept), kept being the share of those who bought in the 365 days before who bought again in
                    these 365 days (Wilson): the mean of a geometric number of years
    margin          what the shop told; where it told none, 1, and the value is revenue and not margin

It takes everybody for alike and every year for equal to the last, which they are not: it is what a book tells, beside
which a fitted model can be held. Two years of records are needed.
"""

from regulars.insight.measures.estimates import Estimate, product, ratio, share, unknown
from regulars.insight.measures.figure import Figure, Sums, count, total
from regulars.insight.measures.figure import product as products
from regulars.insight.measures.figures.retention import at_start
from regulars.insight.measures.measure import Words


def years(kept: Estimate) -> Estimate:
    """How long a customer stays, from the share that stays a year."""
    if kept.value is None or kept.low is None or kept.high is None:
        return unknown("too_short", "years", "customers", n=kept.n, kept=kept)
    if kept.high >= 1:
        return unknown("nobody_left", "years", "customers", n=kept.n, kept=kept)
    value, low, high = (1 / (1 - end) for end in (kept.value, kept.low, kept.high))
    return Estimate(value, kept.n, low, high, "years", "customers", factors={"kept": kept})


def estimate(s: Sums) -> Estimate:
    n = s["n"]
    factors = {
        "average_order": ratio(s["g"], s["gg"], s["o"], s["oo"], s["go"], n, "money", "buyers", least=0),
        "orders_a_year": ratio(s["o"], s["oo"], n, n, s["o"], n, "number", "buyers", least=1.0),
        "years": years(share(s["kept"], s["start"], "customers")),
    }
    if s.told.margin is not None:
        factors["margin"] = Estimate(s.told.margin, n, s.told.margin, s.told.margin, "share", "buyers", is_exact=True)
    return product(factors, "money", "customers")


FIGURE = Figure(
    name="lifetime_value",
    en=Words(
        "Lifetime value, by the textbook",
        "Average order times orders a year times years a customer stays, times the margin where the shop told one.",
    ),
    zh=Words("顾客终身价值（教科书公式）", "客单价 × 每年订单数 × 顾客停留年数，店铺填写了毛利率时再乘以毛利率。"),
    unit="money",
    of="customers",
    source="standing",
    sums=lambda c: {
        "n": count(c.in_home_orders > 0),
        "g": total(c.in_gross_minor),
        "gg": products(c.in_gross_minor, c.in_gross_minor),
        "o": total(c.in_home_orders),
        "oo": products(c.in_home_orders, c.in_home_orders),
        "go": products(c.in_gross_minor, c.in_home_orders),
        "start": count(at_start(c)),
        "kept": count(at_start(c) & (c.in_orders > 0)),
    },
    estimate=estimate,
    of_years=True,
)
