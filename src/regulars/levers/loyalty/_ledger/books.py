"""The books between which points move, and what each move does to a lot and to an account. Pure.

A posting moves an amount from one book to another, so the sum over all books is zero whatever is posted. What a lot or
an account stands at is the sum of its postings by the rules below; the columns that hold it are caches of that sum.
"""

from typing import Final

PENDING, AVAILABLE, HELD, DEBT = "pending", "available", "held", "debt"
ISSUANCE, GOODWILL, PARTNER, MIGRATION = "issuance", "goodwill", "partner", "migration"
REDEEMED, DONATION, WITHDRAWN = "redeemed", "donation", "withdrawn"
BREAKAGE, TRANSIT = "breakage", "transit"

#: What JavaScript holds exactly, and a little less.
MOST: Final = 9 * 10**15
#: Where points come from, by who pays for them, and where they go back to when they are taken back.
SOURCES: Final = (ISSUANCE, GOODWILL, PARTNER, MIGRATION)
#: What spent points bought. *withdrawn* are those taken away by hand: were they taken back to where they came from, an
#: award could be reversed for more than it gave.
SPENT: Final = (REDEEMED, DONATION, WITHDRAWN)
#: What a member has or owes.
MEMBERS: Final = (PENDING, AVAILABLE, HELD, DEBT)
BOOKS: Final = (*MEMBERS, *SOURCES, *SPENT, BREAKAGE, TRANSIT)

KINDS: Final = (
    "award",
    "activate",
    "hold",
    "capture",
    "release",
    "redeem",
    "reverse",
    "expire",
    "extend",
    "reinstate",
    "adjust",
    "merge_out",
    "merge_in",
    "settle",
    "write_off",
)


def _in(column: str, books: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(book) for book in books)})"


def _moved(into: str, out_of: str) -> str:
    return f"coalesce(sum(amount) FILTER (WHERE {into}), 0) - coalesce(sum(amount) FILTER (WHERE {out_of}), 0)"


#: Column of a lot or account -> the sum of a set of postings, in SQL. `owed` goes by `coalesce(for_lot_id, lot_id)`.
BY_POSTINGS: Final = {
    "pending": _moved("to_book = 'pending'", "from_book = 'pending'"),
    "available": _moved("to_book = 'available'", "from_book = 'available'"),
    "held": _moved("to_book = 'held'", "from_book = 'held'"),
    "spent": _moved(_in("to_book", SPENT), _in("from_book", SPENT)),
    "lapsed": _moved("to_book = 'breakage'", "from_book = 'breakage'"),
    "settled": _moved("from_book = 'available' AND to_book = 'debt'", "from_book = 'debt' AND to_book = 'available'"),
    # Of an award itself what came in counts against it: its lot's `original` is to be added.
    "taken_back": _moved(
        _in("to_book", SOURCES) + " AND from_book <> 'debt'", _in("from_book", SOURCES) + " AND to_book <> 'debt'"
    ),
    "short": _moved("from_book = 'debt' AND " + _in("to_book", SOURCES), "false"),
}
OWED: Final = _moved("from_book = 'debt'", "to_book = 'debt'")
