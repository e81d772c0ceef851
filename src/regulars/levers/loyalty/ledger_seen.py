"""The whole ledger: how much is in each book, whether that agrees, the last entries, what is frozen. Questions only."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection

from regulars.kit import civil, paging
from regulars.kit.paging import Page
from regulars.levers.loyalty import freezes
from regulars.levers.loyalty._ledger import account_rows
from regulars.levers.loyalty._ledger.books import BOOKS, KINDS, MEMBERS
from regulars.levers.loyalty._ledger.statements import LINES, Line, lines_of
from regulars.levers.loyalty.models import Account

__all__ = ("KINDS", "BookTotal", "Frozen", "Totals", "frozen", "latest", "postings", "totals")

_LIST = "points.latest"
# One statement, so one snapshot: what is posted meanwhile is in both or in neither. Postings are read once: each is out
# of one book and into another.
_TOTALS = """
WITH moved AS (
  SELECT posting.from_book, posting.to_book, sum(posting.amount)
    FROM loyalty_posting AS posting JOIN loyalty_lot AS lot ON lot.id = posting.lot_id
    JOIN loyalty_account AS account ON account.id = lot.account_id
   WHERE account.currency_id = %(currency)s GROUP BY 1, 2
), stands AS (
  SELECT count(*), coalesce(sum(pending), 0), coalesce(sum(available), 0), coalesce(sum(held), 0),
         coalesce(sum(debt), 0)
    FROM loyalty_account WHERE currency_id = %(currency)s
)
SELECT moved.*, NULL::bigint, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric FROM moved
 UNION ALL SELECT NULL, NULL, NULL, stands.* FROM stands
"""
_POSTINGS = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'loyalty_posting'::regclass"
_LATEST = """
 WHERE account.currency_id = %(currency)s AND entry.id < %(before)s
   AND (%(kind)s = '' OR entry.kind = %(kind)s)
   AND (%(from)s::timestamptz IS NULL OR entry.recorded_at >= %(from)s)
   AND (%(to)s::timestamptz IS NULL OR entry.recorded_at < %(to)s)
 ORDER BY entry.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True)
class BookTotal:
    """How much is in a book: above zero where points are, below zero where they came from."""

    book: str
    amount: int


@dataclass(frozen=True)
class Totals:
    """All books of one kind of points. `total` is the sum of all, zero whatever was posted; `agrees` whether what
    members have by the books is what their accounts say. `differs` names the books where it does not."""

    books: tuple[BookTotal, ...]
    accounts: int
    total: int
    differs: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether everything that can be added up in two ways came to the same."""
        return not self.total and not self.differs


@dataclass(frozen=True)
class Frozen:
    """An account that takes no verb, by its number, and since when. `by_hand` is why a person froze it, `found` what
    does not agree of its books, both in the reader's language; one of them may be empty."""

    account: int
    customer: int
    currency: str
    at: datetime
    by_hand: str
    found: str


def totals(currency: str = "points") -> Totals:
    """Adds up every posting: a second for a few million. Two queries."""
    kind = account_rows.currency(currency)
    amounts = dict.fromkeys(BOOKS, 0)
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, {"currency": kind.id})
        rows = cursor.fetchall()
    for from_book, to_book, amount, *_stands in rows:
        if from_book is not None:
            amounts[from_book] -= int(amount)
            amounts[to_book] += int(amount)
    [(accounts, *stands)] = [row[3:] for row in rows if row[0] is None]
    by_accounts = {book: int(amount) for book, amount in zip(MEMBERS, stands, strict=True)}
    # What is owed stands on the other side: the book has given more than it got.
    by_accounts["debt"] = -by_accounts["debt"]
    return Totals(
        books=tuple(BookTotal(book, amount) for book, amount in amounts.items()),
        accounts=accounts,
        total=sum(amounts.values()),
        differs=tuple(book for book in MEMBERS if by_accounts[book] != amounts[book]),
    )


def postings() -> int:
    """About how many postings there are, as the database's statistics say. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_POSTINGS)
        return int(cursor.fetchall()[0][0])


def latest(
    *,
    currency: str = "points",
    kind: str = "",
    on: date | None = None,
    zone: str = "UTC",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Line]:
    """Entries of everybody, the latest first: of one kind, of those written on one day in `zone`. Two queries, and one
    where rewards are among them."""
    paging.check_size(limit)
    before = 2**63 - 1
    if cursor is not None:
        [place] = paging.decode(cursor, _LIST, int)
        assert isinstance(place, int)
        before = place
    clock = civil.zone(zone)
    with connection.cursor() as rows:
        rows.execute(
            LINES + _LATEST,
            {
                "currency": account_rows.currency(currency).id,
                "before": before,
                "kind": kind,
                "from": None if on is None else civil.start_of_day(on, clock),
                "to": None if on is None else civil.start_of_day(on + timedelta(days=1), clock),
                "limit": limit + 1,
            },
        )
        found = rows.fetchall()
    lines = lines_of(found)
    return paging.cut(lines, limit, of=_LIST, key=lambda line: (line.id,))


def frozen(limit: int = 50, *, person: int | None = None) -> list[Frozen]:
    """Accounts whose books do not agree or that somebody froze, of everybody or of one person, the latest first. One
    query."""
    rows = Account.objects.filter(frozen_at__isnull=False).order_by("-frozen_at", "id")
    if person is not None:
        rows = rows.filter(customer_id=person)
    told = rows.values_list("id", "customer_id", "currency__code", "frozen_at", "frozen_for", "frozen_why")[:limit]
    return [
        Frozen(account, customer, currency, at, freezes.said(by_hand) if by_hand else "", freezes.found(found))
        for account, customer, currency, at, by_hand, found in told
        if at is not None
    ]
