"""Sensible orders and returns; a test says only what matters to it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl

from regulars.facts.commerce.goods_returns import LINES as RETURN_LINES
from regulars.facts.commerce.goods_returns import RETURNS, ReturnBatch
from regulars.facts.commerce.orders import LINES, ORDERS, LineReport, OrderBatch, OrderReport
from regulars.kit.actors import Actor

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MAREK = Actor("operator", "7")
THE_SHOP = Actor("connector", "shop")


def an_order(ref="1001", *, customer="priya", at=MONDAY, lines=(("coat", "1", "80.00"),), **more) -> OrderReport:
    return OrderReport(
        namespace="shop",
        ref=ref,
        customer_ref=customer,
        placed_at=at,
        currency="GBP",
        lines=[
            LineReport(n, product, Decimal(quantity), Decimal(price))
            for n, (product, quantity, price) in enumerate(lines, 1)
        ],
        **more,
    )


def a_batch(*reports: OrderReport, origin="history") -> OrderBatch:
    heads, lines = [], []
    for report in reports:
        heads.append(
            {name: getattr(report, name) for name in ORDERS if name != "placed_on"}
            | {"placed_on": report.placed_at.date()}
        )
        lines += [
            {
                "ref": report.ref,
                "number": line.number,
                "product_ref": line.product_ref,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "amount_minor": int(line.quantity * line.unit_price * 100),
                "discount_minor": line.discount_minor,
            }
            for line in report.lines
        ]
    return OrderBatch("shop", pl.DataFrame(heads, schema=ORDERS), pl.DataFrame(lines, schema=LINES), origin)


def a_return_batch(*returns, origin="history") -> ReturnBatch:
    """Each of `returns`: (ref, customer, order_ref, at, [(product, quantity, amount_minor)])."""
    heads = [
        {
            "ref": ref,
            "customer_ref": customer,
            "order_ref": order,
            "returned_at": at,
            "returned_on": at.date(),
            "currency": "GBP",
        }
        for ref, customer, order, at, _ in returns
    ]
    lines = [
        {
            "ref": ref,
            "number": n,
            "product_ref": product,
            "quantity": Decimal(quantity),
            "unit_price": Decimal(amount) / 100 / Decimal(quantity),
            "amount_minor": amount,
        }
        for ref, _, _, _, items in returns
        for n, (product, quantity, amount) in enumerate(items, 1)
    ]
    return ReturnBatch("shop", pl.DataFrame(heads, schema=RETURNS), pl.DataFrame(lines, schema=RETURN_LINES), origin)
