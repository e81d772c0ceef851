"""What a customer spent: bought less returned."""

from regulars.insight.measures.measure import CustomerMeasure, Words

MEASURE = CustomerMeasure(
    name="spend_minor",
    en=Words("Spent", "What this customer spent in all: purchases less returns."),
    zh=Words("净消费", "这位顾客的净消费：购买金额减去退货金额。"),
    tables=("orders", "returns"),
    of_customer=lambda c, _: c.gross_minor - c.returned_minor,
)
