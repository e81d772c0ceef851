"""When two orders look like one sale that was told twice. Pure: whether they are, somebody decides."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

#: How two orders are alike: by the `number` people read, told by two `sources`, or told by one `source` twice.
Like = Literal["number", "sources", "source"]
LIKE: tuple[Like, ...] = ("number", "sources", "source")
#: A source knows its own sales apart: only what it tells as good as at once is looked at.
OF_ONE_SOURCE = timedelta(minutes=1)


@dataclass(frozen=True)
class Sale:
    """What is compared of an order. `store` is None where none is told; `goods_minor` what its goods come to."""

    order: int
    customer: int
    namespace: str
    number: str
    store: int | None
    placed_at: datetime
    currency: str
    goods_minor: int


def alike(one: Sale, other: Sale, *, within: timedelta) -> Like | None:
    """How the two are alike: of one customer, with goods of one sum, in one store as far as told, placed within so
    long of each other. None: they are two sales."""
    apart = abs(one.placed_at - other.placed_at)
    if (one.customer, one.currency, one.goods_minor) != (other.customer, other.currency, other.goods_minor):
        return None
    if None not in (one.store, other.store) and one.store != other.store:
        return None
    if one.goods_minor <= 0 or apart > within:
        return None
    if one.namespace == other.namespace:
        return "source" if apart <= OF_ONE_SOURCE else None
    number = _bare(one.number)
    return "number" if number and number == _bare(other.number) else "sources"


def _bare(number: str) -> str:
    return number.strip().lstrip("#").casefold()
