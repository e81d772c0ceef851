"""How far a stream may be read: the number up to which every row of it is either visible or will never be.

A transaction that writes to the stream takes an advisory lock of the stream's class before it draws its number, and
holds it until its commit is visible. So when the last number drawn is S and a look at the locks *afterwards* finds the
transactions H holding one, every number up to S belongs to a finished transaction once none of H holds its lock any
more. docs/algorithms/notices.md gives the argument, and what goes wrong with simpler cursors.
"""

from dataclasses import dataclass, field

from django.db import connection


def last_number(sequence: str) -> int:
    """The last number drawn from the stream's sequence, whether or not its transaction has ended."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608 - a name of ours
        return int(cursor.fetchone()[0])


def writing(lock_class: int) -> frozenset[str]:
    """The transactions that have written to the stream and have not ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
            " AND objsubid = 2 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [lock_class],
        )
        return frozenset(row[0] for row in cursor.fetchall())


@dataclass
class Horizon:
    """Kept by one process over one connection, outside transactions: a new connection starts a new one.

    `lock_class` is the first half of the two-part advisory locks that writers of the stream take, `sequence` is where
    they draw their numbers.
    """

    sequence: str
    lock_class: int
    settled: int = 0
    _pending: int = 0
    _in_flight: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_waiting(self) -> bool:
        """Whether somebody had not ended at the last look: what they wrote is settled once they have."""
        return bool(self._in_flight)

    def advance(self) -> int:
        """The number up to which the stream may be read now. Never goes back."""
        if self._in_flight:
            self._in_flight &= writing(self.lock_class)
            if self._in_flight:
                return self.settled
            self.settled = self._pending
        # The number first, the locks after: the other way round, a transaction could slip in between the two.
        self._pending = last_number(self.sequence)
        if self._pending > self.settled:
            self._in_flight = writing(self.lock_class)
            if not self._in_flight:
                self.settled = self._pending
        return self.settled
