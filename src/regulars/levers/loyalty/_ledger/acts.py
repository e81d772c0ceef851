"""Keys: an act is inserted before anything else is done, and whoever finds its key taken reads what it told then."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from django.db import connection
from django.utils.translation import gettext as _

from regulars.kit.actors import Actor, Origin
from regulars.kit.refusals import Refusal
from regulars.runtime.database.prepared import Row, Statement

LONGEST_KEY = 200
_ACT = """
INSERT INTO loyalty_act (key, told, verb, at, by, origin)
VALUES (%s, %s::bytea, %s, %s::timestamptz, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING id
"""


class KeyUsedOtherwise(Refusal):
    """The key told something else before."""

    code = "points.key_used_otherwise"


class BadKey(Refusal):
    """No key, or too long a one."""

    code = "points.bad_key"


@dataclass(frozen=True)
class Told:
    """What somebody told: the verb, its key and all its arguments but the moment, which a retry says anew."""

    verb: str
    key: str
    at: datetime
    by: Actor
    what: Mapping[str, object]
    origin: Origin = "live"

    def digest(self) -> bytes:
        """A hash of verb and arguments."""
        text = json.dumps([self.verb, self.what], default=str, sort_keys=True)
        return blake2b(text.encode(), digest_size=16).digest()


def begin(told: Told) -> tuple[int, bool]:
    """The act's number, and whether it is told for the first time. One statement, two where it is not.

    Raises `KeyUsedOtherwise`. Two of one key at the same moment: the second waits for the first to end.
    """
    with connection.cursor() as cursor:
        cursor.execute(*statement(told))
        return begun(told, cursor.fetchall())


def statement(told: Told) -> Statement:
    """What inserts the act. Raises `BadKey`."""
    if not told.key or len(told.key) > LONGEST_KEY:
        raise BadKey(
            _("key: give 1 to %(longest_key)s characters, not %(length)s")
            % {"longest_key": LONGEST_KEY, "length": len(told.key)},
            field="key",
            value=len(told.key),
        )
    return _ACT, [told.key, told.digest(), told.verb, told.at, str(told.by), told.origin]


def begun(told: Told, inserted: Sequence[Row]) -> tuple[int, bool]:
    """`begin`, by what the statement answered: one more where it is told again."""
    if inserted:
        return int(inserted[0][0]), True
    digest = told.digest()
    with connection.cursor() as cursor:
        # Read again, always: a conflict that does nothing counts as no read, whatever the isolation.
        cursor.execute("SELECT id, told FROM loyalty_act WHERE key = %s", [told.key])
        [(number, before)] = cursor.fetchall()
    check_same(told.key, bytes(before), digest)
    return int(number), False


def is_new(told: Told) -> bool:
    """Write the act down; False where it was told before, and nothing is to be done. Raises as `begin`."""
    return begin(told)[1]


def check_same(key: str, before: bytes, digest: bytes) -> None:
    """What stands under a key told the same. Raises `KeyUsedOtherwise`."""
    if before != digest:
        raise KeyUsedOtherwise(
            _("key: %(key)r told something else; give each act its own key") % {"key": key[:40]},
            field="key",
            value=key[:40],
        )
