"""Points brought along from the system a shop used before: what each member has, each part with its own end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from uuid import uuid4

from django.db import connection, transaction

from regulars.facts.company import company
from regulars.facts.customers import persons
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.levers.loyalty import points
from regulars.levers.loyalty._ledger import account_rows
from regulars.levers.loyalty._ledger.books import MIGRATION
from regulars.levers.loyalty.expiring import lapses_at
from regulars.levers.loyalty.points import NewLot
from regulars.levers.loyalty.reasons import Reason

__all__ = ("Brought", "Opening", "bring", "subject")

_KNOWN = """
SELECT lot.subject, lot.record_id, lot.original, lot.expires_on
  FROM loyalty_lot AS lot WHERE lot.subject = ANY(%s) AND lot.subject <> '' AND lot.earning_id IS NULL
"""


@dataclass(frozen=True)
class Opening:
    """Points of a customer under a `ref` that means them and no others in their source; in the smallest parts.

    They were earned at `earned_at` and can be spent to the end of the day `expires_on`; None: they stay.
    """

    ref: str
    customer: int
    amount: int
    earned_at: datetime
    expires_on: date | None = None


@dataclass(frozen=True)
class Brought:
    """How many were new and how many on record already; `conflicts` are the refs under which something else is,
    `frozen` those of members whose points are frozen: they can come when these go on."""

    new: int
    same: int
    conflicts: tuple[str, ...]
    frozen: tuple[str, ...] = ()


def bring(*, told: Sequence[Opening], source: str, at: datetime, by: Actor, currency: str = "points") -> Brought:
    """Put points on record that were given elsewhere: each ref once, whatever is told again.

    What is there with other content stays as it is, and is named; so are members whose points are frozen, who are left
    out. Greets nobody. One transaction; some ten statements.
    """
    zone = civil.zone(account_rows.currency(currency).zone or company.shop().zone)
    mine = {subject("opening", source, currency, one.ref): one for one in told}
    with transaction.atomic():
        people = persons.held(one.customer for one in told)
        with connection.cursor() as cursor:
            # Of two imports of one source the second sees what the first has written.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('loyalty.opening'), hashtext(%s))", [source])
            cursor.execute(_KNOWN, [list(mine)])
            known = {name: (record, content) for name, record, *content in cursor.fetchall()}
        there = persons.of_many({record for record, _content in known.values()})
        conflicts = tuple(
            one.ref
            for name, one in mine.items()
            if name in known
            and (there[known[name][0]], known[name][1]) != (people[one.customer], [one.amount, one.expires_on])
        )
        waiting = account_rows.frozen({one.customer for one in told}, currency)
        frozen = tuple(one.ref for name, one in mine.items() if name not in known and one.customer in waiting)
        new = {name: one for name, one in mine.items() if name not in known and one.customer not in waiting}
        if new:
            points.award_many(
                lots=[
                    NewLot(
                        record=one.customer,
                        amount=one.amount,
                        reason=Reason("brought_along"),
                        expires_on=one.expires_on,
                        expires_at=lapses_at(one.expires_on, zone),
                        funding=MIGRATION,
                        subject=name,
                    )
                    for name, one in new.items()
                ],
                earned_at=[one.earned_at for one in new.values()],
                currency=currency,
                key=f"opening:{uuid4()}",
                at=at,
                by=by,
                origin="history",
            )
    return Brought(len(new), len(mine) - len(new) - len(conflicts) - len(frozen), conflicts, frozen)


def subject(kind: str, source: str, currency: str, ref: str) -> str:
    """Refs may hold a member's number: a hash of it stands in the ledger."""
    return f"{kind}:" + blake2b(f"{source}\x1f{currency}\x1f{ref}".encode(), digest_size=16).hexdigest()
