"""Shops in memory with all that figures read: channels, stores, lines."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from regulars.insight.measures import computing, tables
from regulars.insight.measures.scope import Scope
from regulars.insight.measures.tests.builders import bought, frames, gave_back
from regulars.insight.warehouse.session import Session

LONDON = ZoneInfo("Europe/London")
FIRST, DAYS = date(2024, 3, 10), 620


@dataclass
class Shop:
    """Orders with their lines, returns, and who came by, as the published tables have them."""

    orders: list[dict[str, Any]]
    returns: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    #: Who came by, when, and the name of what they did; a visitor has their customer's number.
    came: list[tuple[int, datetime, str]] = field(default_factory=list)
    shared: set[int] = field(default_factory=set)

    def frames(self) -> dict[str, pa.Table]:
        plain = frames(self.orders, self.returns)
        orders = [{"order_id": n, "channel": "web", "store": None, **order} for n, order in enumerate(self.orders, 1)]
        given = {**plain, "orders": pa.Table.from_pylist(orders)}
        if self.lines:
            given["lines"] = pa.Table.from_pylist([{"line_id": n, **line} for n, line in enumerate(self.lines, 1)])
            wares = sorted({line["product_id"] for line in self.lines})
            given["products"] = pa.Table.from_pylist(
                [{"product_id": ware, "title": f"Tea {ware}", "category": f"c{ware % 3}"} for ware in wares]
            )
        if self.came:
            given["events"] = pa.Table.from_pylist(
                [
                    {"visitor_id": who, "occurred_at": at.astimezone(UTC).replace(tzinfo=None), "name": name}
                    for who, at, name in self.came
                ]
            )
            given["visitors"] = pa.Table.from_pylist(
                [
                    {"visitor_id": who, "customer_id": who, "is_shared": who in self.shared}
                    for who in sorted({who for who, _, _ in self.came})
                ]
            )
        return tables.shaped(given, with_figures=True)


@contextmanager
def session_of(shop: Shop, as_of: date | None = None) -> Iterator[tuple[Session, Scope]]:
    with Session.from_frames(shop.frames()) as session:
        computed = computing.compute(session, currency="GBP", today=date(2030, 1, 1), as_of=as_of)
        yield session, Scope(table=session.table, as_of=computed.as_of, currency="GBP")


def a_random_shop(seed: int) -> Shop:
    chance = random.Random(seed)
    shop = Shop([])
    for number in range(1, 400):
        on = (FIRST + timedelta(days=chance.randrange(DAYS))).isoformat()
        shop.orders.append(
            bought(
                chance.choice([None, None, *range(1, 60)]),
                on,
                chance.randrange(1, 9000),
                currency=chance.choice(["GBP"] * 12 + ["EUR"]),
                is_cancelled=chance.random() < 0.05,
                kind=chance.choice(["purchase"] * 20 + ["giveaway"]),
                channel=chance.choice(["web", "till", "app"]),
                store=chance.choice([None, "high street", "station"]),
            )
        )
        shop.lines += [
            {"order_id": number, "product_id": chance.randrange(1, 9), "amount_minor": 100}
            for _ in range(chance.randrange(3))
        ]
    for _ in range(60):
        on = (FIRST + timedelta(days=chance.randrange(DAYS))).isoformat()
        minor = chance.randrange(1, 3000)
        shop.returns.append(gave_back(chance.choice([None, *range(1, 62)]), on, minor, matched=minor // 2))
    for _ in range(300):
        at = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(hours=chance.randrange(24 * DAYS))
        shop.came.append((chance.randrange(1, 70), at, chance.choice(["Page Viewed", "Store Visited"])))
    return shop
