"""Looking at all books, and what follows: an account whose books do not agree is frozen, and the shop goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import celebrating, checkups, freezes, hearing
from regulars.levers.loyalty.models import Account
from regulars.runtime.trail import trail

_LATELY = "SELECT DISTINCT account_id FROM loyalty_entry WHERE recorded_at > %s ORDER BY 1"
#: Accounts of one look.
_SOME = 5_000


class StillBroken(Refusal):
    """Its books do not agree yet."""

    code = "points.still_broken"


class AnothersFreeze(Refusal):
    """It is no look at its books that froze it."""

    code = "points.anothers_freeze"


@dataclass(frozen=True)
class Examined:
    """How many accounts were looked at; of those whose books do not agree, which invariants they break, by number; and
    those that are frozen though their books agree again, until somebody lets them go on."""

    accounts: int
    broken: dict[int, tuple[str, ...]]
    mended: tuple[int, ...] = ()


def examine(*, at: datetime, by: Actor) -> Examined:
    """Look at every account, and freeze those whose books do not agree. Some queries of all rows of the ledger."""
    found: dict[int, tuple[str, ...]] = {}
    for one in checkups.broken():
        found[one.account] = (*found.get(one.account, ()), one.invariant)
    freeze(found, at=at, by=by)
    frozen = Account.objects.filter(frozen_at__isnull=False, frozen_for="").exclude(id__in=found).order_by("id")
    return Examined(Account.objects.count(), found, tuple(frozen.values_list("id", flat=True)))


def examine_lately(*, since: datetime, at: datetime, by: Actor) -> Examined:
    """`examine` for the accounts of which something was written since then, some at a time."""
    found: dict[int, tuple[str, ...]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_LATELY, [since])
        accounts = [account for (account,) in cursor.fetchall()]
    for first in range(0, len(accounts), _SOME):
        for one in checkups.broken(accounts[first : first + _SOME]):
            found[one.account] = (*found.get(one.account, ()), one.invariant)
    freeze(found, at=at, by=by)
    return Examined(len(accounts), found)


def freeze(found: Mapping[int, Sequence[str]], *, at: datetime, by: Actor) -> None:
    """Freeze these accounts, each for the invariants that it breaks, but those that are frozen for some already. What a
    person froze is frozen for that, too."""
    with transaction.atomic():
        for row in Account.objects.select_for_update().filter(id__in=found, frozen_why="").order_by("id"):
            why = ", ".join(found[row.id])
            Account.objects.filter(id=row.id).update(frozen_at=row.frozen_at or at, frozen_why=why)
            note(account=row.id, why=why, at=at, by=by)


def note(*, account: int, why: str, at: datetime, by: Actor) -> None:
    """That it was frozen, for the trail."""
    _record("freeze", account, why, at, by)


def thaw(*, account: int, at: datetime, by: Actor) -> None:
    """Somebody has mended it: it takes verbs again. Raises `StillBroken` and `AnothersFreeze`."""
    with transaction.atomic():
        row = Account.objects.select_for_update().filter(id=account).first()
        if row is not None and row.frozen_for:
            raise AnothersFreeze(
                _("account: a person froze it; it is let go on where that was done, on the member's points"),
                field="account",
                value=account,
            )
        if left := sorted({one.invariant for one in checkups.broken([account])}):
            raise StillBroken(
                _("account: its books do not agree yet (%(left)s); mend them first")
                % {"left": freezes.found(", ".join(left))},
                field="account",
                value=account,
            )
        if row is not None and row.frozen_at is not None:
            Account.objects.filter(id=account).update(frozen_at=None, frozen_why="")
            celebrating.celebrate_late.defer(customer=row.customer_id)
            hearing.hear_late.defer()
            _record("thaw", account, "", at, by)


def _record(verb: str, account: int, why: str, at: datetime, by: Actor) -> None:
    trail.record(by=by, verb=f"loyalty.examination.{verb}", subject=f"account:{account}", at=at, why=why)
