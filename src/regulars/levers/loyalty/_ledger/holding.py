"""Holds: their rows, and how much of each lot they keep."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _

from regulars.kit import ids
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty._ledger.order_spend_rows import OrderNamed
from regulars.levers.loyalty._ledger.wallet import Move
from regulars.levers.loyalty.models import Hold

PREFIX = "phd"
_ROWS = Hold.objects.select_related("account__currency")
_HOLD = """
WITH hold AS (
  INSERT INTO loyalty_hold (act_id, account_id, amount, owner, held_at, expires_at, order_namespace, order_ref)
  VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id, public_id
), parts AS (
  INSERT INTO loyalty_hold_lot (hold_id, lot_id, amount)
  SELECT hold.id, told.lot, told.amount FROM hold, unnest(%s::bigint[], %s::bigint[]) AS told(lot, amount)
)
SELECT id, public_id FROM hold
"""
_RECORDS = """
SELECT part.lot_id, lot.record_id FROM loyalty_hold_lot AS part JOIN loyalty_lot AS lot ON lot.id = part.lot_id
 WHERE part.hold_id = %s
"""
# By where the lots are: joined, they are on another account than the one that the hold was made on.
_OPEN = """
WITH mine AS MATERIALIZED (
  SELECT account.id FROM loyalty_account AS account
    JOIN loyalty_currency AS currency ON currency.id = account.currency_id
   WHERE account.customer_id = %s AND currency.code = %s
), kept AS MATERIALIZED (
  SELECT DISTINCT part.hold_id FROM loyalty_lot AS lot JOIN loyalty_hold_lot AS part ON part.lot_id = lot.id
    JOIN loyalty_hold AS hold ON hold.id = part.hold_id AND hold.state = 'open'
   WHERE lot.account_id IN (SELECT id FROM mine) AND lot.held > 0 AND part.amount > part.captured + part.released
)
SELECT part.hold_id, sum(part.amount), sum(part.captured), sum(part.released)
  FROM kept JOIN loyalty_hold_lot AS part ON part.hold_id = kept.hold_id
  JOIN loyalty_lot AS lot ON lot.id = part.lot_id AND lot.account_id IN (SELECT id FROM mine)
 GROUP BY part.hold_id
"""


class HoldIsOver(Refusal):
    """It was captured or released, or its time ran out."""

    code = "points.hold_is_over"


class UnknownHold(Refusal):
    """No such hold."""

    code = "points.unknown_hold"


@dataclass(frozen=True)
class HoldView:
    """Points kept for somebody. `state`: open, captured, released or expired, as far as it is booked."""

    id: int
    public_id: str
    amount: int
    captured: int
    released: int
    owner: str
    held_at: datetime
    expires_at: datetime | None
    state: str
    currency: str
    order: OrderNamed | None = None

    @property
    def open(self) -> int:
        """What it still keeps."""
        return self.amount - self.captured - self.released

    def as_of(self, at: datetime) -> "HoldView":
        """What the clock has made of it by then: nobody needs to have booked that its time ran out."""
        if self.state != "open" or self.expires_at is None or self.expires_at > at:
            return self
        return replace(self, state="expired", released=self.amount - self.captured)


def keep(
    *,
    act: int,
    account: int,
    moves: Sequence[Move],
    owner: str,
    at: datetime,
    expires_at: datetime | None,
    currency: str,
    order: OrderNamed | None = None,
) -> HoldView:
    """Write a hold of what these postings set aside."""
    amount = sum(move.amount for move in moves)
    with connection.cursor() as cursor:
        cursor.execute(
            _HOLD,
            [
                act,
                account,
                amount,
                owner,
                at,
                expires_at,
                order.namespace if order else "",
                order.ref if order else "",
                [move.lot for move in moves],
                [move.amount for move in moves],
            ],
        )
        [(number, public_id)] = cursor.fetchall()
    return HoldView(number, ids.public(PREFIX, public_id), amount, 0, 0, owner, at, expires_at, "open", currency, order)


def as_made(act: int) -> HoldView:
    """The hold of an act, as it was when it was made. One query."""
    return replace(_view(_ROWS.filter(act_id=act).first(), str(act)), captured=0, released=0, state="open")


def get(hold: int) -> HoldView:
    """One hold, as it is booked. One query; refused when there is none."""
    return _view(_ROWS.filter(id=hold).first(), str(hold))


def by_public_id(text: str) -> HoldView:
    """One hold by `phd_…` as people type it. One query; refused when there is none."""
    return _view(_ROWS.filter(public_id=ids.parse(text, PREFIX)).first(), text.strip()[:40])


def open_of(person: int, currency: str) -> list[HoldView]:
    """What is held of a person's points and nothing has ended yet, as far as it is booked, the latest first: of a hold
    that keeps others' too, their part. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [person, currency])
        theirs = {hold: [int(part) for part in parts] for hold, *parts in cursor.fetchall()}
    views = [_view(row, "") for row in _ROWS.filter(id__in=theirs).order_by("-id")]
    return [
        replace(view, amount=amount, captured=captured, released=released)
        for view in views
        for amount, captured, released in (theirs[view.id],)
    ]


def records(hold: int) -> list[int]:
    """The customer records whose lots it keeps of. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS, [hold])
        return sorted({record for _lot, record in cursor.fetchall()})


def over(view: HoldView, at: datetime) -> HoldIsOver:
    """The refusal of what comes too late, though nobody may have booked yet that its time ran out."""
    state = view.as_of(at).state
    return HoldIsOver(
        _("hold: it is over already (%(state)s); hold the points anew") % {"state": state},
        field="hold",
        value=state,
    )


def _view(row: Hold | None, asked: str) -> HoldView:
    if row is None:
        raise UnknownHold(
            _("hold: there is no %(shown)s; look it up again") % {"shown": asked}, field="hold", value=asked
        )
    return HoldView(
        row.id,
        ids.public(PREFIX, row.public_id),
        row.amount,
        row.captured,
        row.released,
        row.owner,
        row.held_at,
        row.expires_at,
        row.state,
        row.account.currency.code,
        OrderNamed(row.order_namespace, row.order_ref) if row.order_ref else None,
    )
