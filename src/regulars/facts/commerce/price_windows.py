"""Which price applied when, and which was the lowest. Pure: rows in, prices out.

A row holds for its product or one variant of it, in one store, by one channel or everywhere, from its start up to its
end or on. Of rows with the same scope and start the one told last counts. Of a scope's rows at one moment the one that
started last applies, so an open price ends where the next begins, and a price with an end lies on top of it. Of several
scopes the place decides first (the store's, then the channel's, then everybody's), then the variant before the product.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from regulars.kit.windows import Window


@dataclass(frozen=True)
class Row:
    """One price as one source told it; a scope's part is None where it does not matter. Minor units."""

    id: int
    product: int
    variant: int | None
    store: int | None
    channel: int | None
    currency: str
    list_minor: int
    sale_minor: int | None
    valid_from: datetime
    valid_until: datetime | None
    is_withdrawn: bool
    told_at: datetime

    @property
    def minor(self) -> int:
        """What a customer pays: the sale's price where there is one."""
        return self.list_minor if self.sale_minor is None else self.sale_minor

    @property
    def scope(self) -> tuple[int, int | None, int | None, int | None, str]:
        """What the row is a price of."""
        return self.product, self.variant, self.store, self.channel, self.currency


@dataclass(frozen=True)
class Asked:
    """Whose price is asked for, and where; None where it does not matter, and only rows without it count."""

    product: int
    currency: str
    variant: int | None = None
    store: int | None = None
    channel: int | None = None


@dataclass(frozen=True)
class Piece:
    """One row applied in this window."""

    window: Window[datetime]
    row: Row


@dataclass(frozen=True)
class Lowest:
    """The lowest price that applied in a window, since when it first did there, and how much of it is known.

    `known_from` is the first moment of the window for which a price is on record; `is_whole` says that there is one
    for all of it.
    """

    minor: int
    currency: str
    since: datetime
    known_from: datetime
    is_whole: bool


def newest(rows: Iterable[Row]) -> list[Row]:
    """Of each scope and start the row told last, those that were withdrawn left out."""
    last: dict[tuple[object, ...], Row] = {}
    for row in rows:
        key = (*row.scope, row.valid_from)
        if key not in last or (last[key].told_at, last[key].id) < (row.told_at, row.id):
            last[key] = row
    return [row for row in last.values() if not row.is_withdrawn]


def at(rows: Iterable[Row], asked: Asked, when: datetime) -> Row | None:
    """The row of `rows` (as `newest` gives them) that applied at that moment."""
    there = [
        row
        for row in rows
        if row.valid_from <= when and (row.valid_until is None or when < row.valid_until) and _concerns(row, asked)
    ]
    return max(there, key=_weight, default=None)


def pieces(rows: Sequence[Row], asked: Asked, window: Window[datetime]) -> Iterator[Piece]:
    """The window cut where another row begins to apply; moments without a price are left out."""
    near = [row for row in rows if _concerns(row, asked) and row.valid_from < window.end]
    ends = [row.valid_until for row in near if row.valid_until is not None]
    cuts = sorted({window.start, *(cut for cut in (*(row.valid_from for row in near), *ends) if cut in window)})
    begun: Piece | None = None
    for start, end in zip(cuts, [*cuts[1:], window.end], strict=True):
        row = at(near, asked, start)
        if begun is not None and row == begun.row:
            begun = Piece(Window(begun.window.start, end), begun.row)
            continue
        if begun is not None:
            yield begun
        begun = Piece(Window(start, end), row) if row is not None and start < end else None
    if begun is not None:
        yield begun


def lowest(rows: Sequence[Row], asked: Asked, window: Window[datetime]) -> Lowest | None:
    """The lowest price that applied in the window; None where none is on record for any of it."""
    found = list(pieces(rows, asked, window))
    if not found:
        return None
    best = min(found, key=lambda piece: (piece.row.minor, piece.window.start))
    is_whole = (
        found[0].window.start == window.start
        and found[-1].window.end == window.end
        and all(earlier.window.end == later.window.start for earlier, later in pairwise(found))
    )
    return Lowest(best.row.minor, asked.currency, best.window.start, found[0].window.start, is_whole)


def _concerns(row: Row, asked: Asked) -> bool:
    return (
        row.product == asked.product
        and row.currency == asked.currency
        and row.variant in {None, asked.variant}
        and row.store in {None, asked.store}
        and row.channel in {None, asked.channel}
    )


def _weight(row: Row) -> tuple[bool, bool, bool, datetime]:
    return row.store is not None, row.channel is not None, row.variant is not None, row.valid_from
