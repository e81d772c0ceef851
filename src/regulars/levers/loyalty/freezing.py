"""Points that a person freezes: of every kind, they take no verb, and nothing of them ends until they go on.

Going on, each lot has the days left that it had. Orders, birthdays and other events of a member that is frozen
wait with what they earn.
"""

from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.facts.customers import persons
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import celebrating, checkups, freezes, hearing
from regulars.levers.loyalty._ledger import acts, resting
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty.examination import StillBroken
from regulars.levers.loyalty.models import FROZEN_FOR, Account
from regulars.runtime.trail import trail

__all__ = ("AlreadyFrozen", "BadFreeze", "NotFrozen", "StillBroken", "freeze", "thaw")

_OPEN = """
INSERT INTO loyalty_account (customer_id, currency_id)
SELECT %s, id FROM loyalty_currency ORDER BY id ON CONFLICT DO NOTHING
"""
_LOCK = "SELECT id, rests_since FROM loyalty_account WHERE customer_id = %s ORDER BY id FOR UPDATE"
_FREEZE = """
UPDATE loyalty_account SET frozen_at = coalesce(frozen_at, %(at)s), frozen_for = %(why)s, rests_since = %(at)s
 WHERE customer_id = %(person)s AND rests_since IS NULL
"""


class BadFreeze(Refusal):
    """No reason on the list."""

    code = "points.bad_freeze"


class AlreadyFrozen(Refusal):
    """Somebody froze them before."""

    code = "points.already_frozen"


class NotFrozen(Refusal):
    """Nobody froze them."""

    code = "points.not_frozen"


def freeze(*, customer: int, why: str, key: str, at: datetime, by: Actor) -> None:
    """The person's points of every kind take no verb, and none of them end. `why` is of `FROZEN_FOR`.

    Raises `BadFreeze` and `AlreadyFrozen`.
    """
    if why not in FROZEN_FOR:
        raise BadFreeze(
            _("reason: use one of %(names)s") % {"names": ", ".join(FROZEN_FOR)}, field="reason", value=why[:40]
        )
    with transaction.atomic():
        if not acts.is_new(Told("freeze", key, at, by, {"customer": customer, "why": why})):
            return
        person = persons.held([customer])[customer]
        with connection.cursor() as cursor:
            cursor.execute(_OPEN, [person])
            cursor.execute(_LOCK, [person])
            if all(since is not None for _account, since in cursor.fetchall()):
                raise AlreadyFrozen(
                    _("customer: their points are frozen already; let them go on first"), field="customer", value=person
                )
            cursor.execute(_FREEZE, {"person": person, "at": at, "why": why})
        _record("freeze", customer, at, by, {"why": why})


def thaw(*, customer: int, key: str, at: datetime, by: Actor) -> None:
    """They go on, each lot with the days left that it had when they were frozen.

    Raises `NotFrozen`, and `StillBroken` where the books do not agree.
    """
    told = Told("thaw", key, at, by, {"customer": customer})
    with transaction.atomic():
        act, is_new = acts.begin(told)
        if not is_new:
            return
        person = persons.held([customer])[customer]
        # What a record was frozen for before it was joined ends with its person's freeze.
        accounts = resting.resting([*persons.records_of(person), person])
        if not accounts:
            raise _nobody_did(person)
        if left := sorted({one.invariant for one in checkups.broken([one.account for one in accounts])}):
            raise StillBroken(
                _("account: its books do not agree yet (%(left)s); mend them first")
                % {"left": freezes.found(", ".join(left))},
                field="account",
                value=accounts[0].account,
            )
        resting.go_on(accounts, told=told, act=act)
        celebrating.celebrate_late.defer(customer=person)
        hearing.hear_late.defer()
        _record("thaw", customer, at, by, {})


def _nobody_did(person: int) -> NotFrozen:
    found = Account.objects.filter(customer_id=person, frozen_at__isnull=False).order_by("id").first()
    if found is None:
        return NotFrozen(_("customer: nobody froze their points"), field="customer", value=person)
    words = _(
        "customer: nobody froze their points, but their books did not agree; once they are mended,"
        " `regulars doctor ledger --thaw %(account)s` lets them go on"
    )
    return NotFrozen(words % {"account": found.id}, field="customer", value=person)


def _record(verb: str, customer: int, at: datetime, by: Actor, after: dict[str, object]) -> None:
    trail.record(by=by, verb=f"loyalty.freezing.{verb}", subject=f"customer:{customer}", at=at, after=after)
