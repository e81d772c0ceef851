"""How far the stream may be read: the number up to which every notice is either visible or will never be.

A transaction takes the lock of its notice's subject before it draws the notice's number, and releases it after its
commit is visible. So when the last number drawn is S and a look at the locks *afterwards* finds the transactions H
holding one, every number up to S belongs to a finished transaction once none of H holds its lock any more.
docs/algorithms/notices.md gives the argument, and what goes wrong with simpler cursors.
"""

from dataclasses import dataclass, field

from django.db import connection

#: First half of the two-part advisory lock key; the trigger in migrations/0001 uses the same.
LOCK_CLASS = 7263


def last_number() -> int:
    """The last number drawn, whether or not its transaction has ended."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM notices_notice_number")
        return int(cursor.fetchone()[0])


def announcing() -> frozenset[str]:
    """The transactions that have announced something and have not ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
            " AND objsubid = 2 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [LOCK_CLASS],
        )
        return frozenset(row[0] for row in cursor.fetchall())


@dataclass
class Horizon:
    """Kept by one process over one connection, outside transactions: a new connection starts a new one."""

    settled: int = 0
    _pending: int = 0
    _in_flight: frozenset[str] = field(default_factory=frozenset)

    def advance(self) -> int:
        """The number up to which the stream may be read now. Never goes back."""
        if self._in_flight:
            self._in_flight &= announcing()
            if self._in_flight:
                return self.settled
            self.settled = self._pending
        # The number first, the locks after: the other way round, a transaction could slip in between the two.
        self._pending = last_number()
        if self._pending > self.settled:
            self._in_flight = announcing()
            if not self._in_flight:
                self.settled = self._pending
        return self.settled
