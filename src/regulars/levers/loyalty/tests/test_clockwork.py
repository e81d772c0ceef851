"""The clock's own doing, booked by one statement for many accounts, is what the wallet decides for one."""

from collections import Counter
from random import Random

import pytest
from django.db import connection

from regulars.levers.loyalty import checkups
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty.tests.builders import DAY, MONDAY, THE_SHOP, a_member, an_award, lots_of, spends

pytestmark = pytest.mark.django_db


def test_what_one_statement_books_is_what_the_wallet_would_have(monkeypatch):
    """Twins with the same lots, one booked each way: entry by entry, posting by posting, lot by lot."""
    chance, seen = Random(7), []
    plans = [
        [
            (chance.randint(1, 90), MONDAY.date() + chance.choice((1, 2, 2, 3, 30)) * DAY)
            for _ in range(chance.randint(1, 7))
        ]
        for _ in range(12)
    ]
    spent = [chance.randint(0, sum(amount for amount, _ in plan)) for plan in plans]
    for name, in_sql in (("sql", True), ("wallet", False)):
        people = [a_member(f"{name}{n}") for n in range(len(plans))]
        for who, plan, gone in zip(people, plans, spent, strict=True):
            for amount, day in plan:
                an_award(who, amount, expires_on=day)
            if gone:
                spends(who, gone)
        with monkeypatch.context() as patched:
            if not in_sql:
                patched.setattr(clockwork, "_lapse_some", lambda *told: Counter())
            done = clockwork.book_due(at=MONDAY + 10 * DAY, by=THE_SHOP)
        assert clockwork.book_due(at=MONDAY + 10 * DAY, by=THE_SHOP) == Counter()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT account.customer_id, entry.sequence, entry.kind, entry.effective_at, entry.reason,"
                " entry.arguments, entry.rule, entry.origin, entry.pending_after, entry.available_after,"
                " entry.held_after, entry.debt_after, posting.number, posting.from_book, posting.to_book,"
                " posting.amount, lot.original, lot.expires_on"
                " FROM loyalty_entry AS entry JOIN loyalty_account AS account ON account.id = entry.account_id"
                " JOIN loyalty_posting AS posting ON posting.entry_id = entry.id JOIN loyalty_lot AS lot"
                " ON lot.id = posting.lot_id WHERE account.customer_id = ANY(%s)"
                " ORDER BY account.customer_id, entry.sequence, posting.number",
                [people],
            )
            rows = [(people.index(row[0]), *row[1:]) for row in cursor.fetchall()]
        seen.append((done, rows, [lots_of(who, at=MONDAY)[0][1:] for who in people]))
        assert list(checkups.broken()) == []
    assert seen[0] == seen[1]
    assert seen[0][0]["expire"] > 5
