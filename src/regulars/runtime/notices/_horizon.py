"""How far the notices may be read: the database room's horizon over the locks that notices take."""

from regulars.runtime.database import horizon
from regulars.runtime.database.horizon import Horizon

#: First half of the two-part advisory lock key; the trigger in migrations/0001 uses the same.
LOCK_CLASS = 7263
_SEQUENCE = "notices_notice_number"


def last_number() -> int:
    """The last number drawn, whether or not its transaction has ended."""
    return horizon.last_number(_SEQUENCE)


def of_notices() -> Horizon:
    """A fresh one."""
    return Horizon(_SEQUENCE, LOCK_CLASS)
