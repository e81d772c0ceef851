"""Small shops, as a report gets them."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import pyarrow as pa

from regulars.insight.measures import computing, tables
from regulars.insight.warehouse.session import Session
from regulars.kit.languages import Language
from regulars.oversight.reporting.shop_report import FileNotes, LapsingRegular, ShopReport


def bought(who: int | None, on: str, minor: int = 1000, **differently: Any) -> dict[str, Any]:
    order = {
        "customer_id": who,
        "kind": "purchase",
        "placed_on": date.fromisoformat(on),
        "currency": "GBP",
        "goods_minor": minor,
        "discount_minor": 0,
        "is_cancelled": False,
    }
    return order | differently


@lru_cache
def _computed(orders: tuple[tuple[tuple[str, Any], ...], ...], as_of: str | None) -> tuple[Any, list[dict[str, Any]]]:
    """Once for what many tests ask of the same shop: it takes longer than what they look at."""
    frames = {}
    if orders:
        frames["orders"] = pa.Table.from_pylist([{"order_id": n, **dict(order)} for n, order in enumerate(orders)])
    with Session.from_frames(tables.shaped(frames), threads=1) as session:
        asked = None if as_of is None else date.fromisoformat(as_of)
        computed = computing.compute(session, currency="GBP", today=date(2026, 11, 21), as_of=asked)
        return computed, computed.lapsing(100)


def a_report(
    orders: Sequence[dict[str, Any]],
    *,
    language: Language = "en",
    names: dict[int, str] | None = None,
    file: FileNotes | None = None,
    as_of: str | None = None,
) -> ShopReport:
    computed, rows = _computed(tuple(tuple(order.items()) for order in orders), as_of)
    lapsing = [
        LapsingRegular(
            (names or {}).get(row["customer_id"], str(row["customer_id"])),
            row["last_on"],
            row["typical_gap_days"],
            row["recency_days"],
            row["at_stake_minor"],
        )
        for row in rows
    ]
    return ShopReport(
        file=file or FileNotes("orders.csv", rows=len(orders)),
        language=language,
        zone="Europe/London",
        shop=computed.shop,
        lapsing=lapsing,
        made_on=date(2026, 11, 21),
        is_as_of_asked=as_of is not None,
    )
