"""Points that were spent for an order, beside what became of the order: those for one that never came, is off, or was
paid with points twice are somebody's to look at, and given back to the awards they came from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import kept
from regulars.facts.commerce.kept import Kept
from regulars.kit import ids, paging
from regulars.kit.actors import Actor
from regulars.kit.paging import Page
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import points
from regulars.levers.loyalty._ledger.books import SPENT
from regulars.levers.loyalty._ledger.order_spend_rows import OPEN, WRONG, OrderNamed, OrderSpend, State
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.rules.spend_fate import Fate, SpendSeen, fate
from regulars.runtime.preferences.preferences import Preference, between, read
from regulars.runtime.trail import trail

__all__ = (
    "STATES_TO_LOOK_AT",
    "WITHIN_HOURS",
    "NothingWrong",
    "OrderNamed",
    "OrderSpendView",
    "State",
    "UnknownOrderSpend",
    "by_public_id",
    "count_wrong",
    "give_back",
    "leave",
    "listed",
    "look_again",
    "look_again_at_all",
    "settle",
)

PREFIX = "osp"
#: So long after points were spent for it an order may come.
WITHIN_HOURS = Preference("points.order_within_hours", int, default=24, check=between(1, 24 * 60))
STATES_TO_LOOK_AT = WRONG
#: What stands longer is not looked at again without being told of.
LOOKED_AGAIN = timedelta(days=60)
COUNTED = 1_000
AT_ONCE = 1_000
_LIST = "order_spends"


class UnknownOrderSpend(Refusal):
    """No such spend."""

    code = "points.unknown_order_spend"


class NothingWrong(Refusal):
    """Its order came and stands, or may still come."""

    code = "points.order_stands"


@dataclass(frozen=True)
class OrderSpendView:
    """Points spent for an order. `state`: waiting, stands, missing, off, twice, given_back or left as it is; `parts` of
    them nobody gave back, with so many decimals as `scale`. `order` is its number, None while it is not on record."""

    id: int
    public_id: str
    customer: int
    currency: str
    scale: int
    parts: int
    spent: int
    named: OrderNamed
    order: int | None
    spent_at: datetime
    state: State
    decided_at: datetime | None
    decided_by: str


# --- looking


def settle(*, at: datetime, most: int = 20_000) -> int:
    """Look at what is open: how many are another way than they were. Harmless to repeat and beside another."""
    changed, looked = 0, 0
    while looked < most:
        rows = list(
            OrderSpend.objects.filter(state__in=OPEN)
            .exclude(looked_at__gte=at)
            .order_by(F("looked_at").asc(nulls_first=True), "id")[:AT_ONCE]
        )
        if not rows:
            break
        fates = _fates(rows, at)
        for state in sorted(set(fates.values())):
            mine = [row for row in rows if fates[row.id] == state]
            # Who decided one meanwhile has the word.
            some = OrderSpend.objects.filter(id__in=[row.id for row in mine], state__in=OPEN)
            some.update(state=state, looked_at=at)
            changed += sum(row.state != state for row in mine)
        looked += len(rows)
    return changed


def look_again(*, orders: Collection[int]) -> None:
    """Something became of these orders: what was spent for them is open again. Two queries."""
    named = list(kept.names(orders).values())
    if named:
        with connection.cursor() as cursor:
            cursor.execute(_AGAIN, [[one for one, _ref in named], [ref for _one, ref in named]])


def look_again_at_all(*, at: datetime) -> None:
    """What was spent lately is open again, for what nobody told of. One statement."""
    OrderSpend.objects.filter(state="stands", spent_at__gte=at - LOOKED_AGAIN).update(state="waiting", looked_at=None)


def _fates(rows: Sequence[OrderSpend], at: datetime) -> dict[int, Fate]:
    """What is to be said of each. Four queries."""
    found = kept.named({(row.namespace, row.ref) for row in rows})
    told = kept.of(found.values())
    within = timedelta(hours=read(WITHIN_HOURS))
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, {"spends": [row.id for row in rows], "spent": list(SPENT)})
        stood = {spend: (left, before) for spend, left, before in cursor.fetchall()}
    fates: dict[int, Fate] = {}
    for row in rows:
        order = told.get(found.get((row.namespace, row.ref), 0))
        left, before = stood[row.id]
        is_there = order is not None and order.kind != "draft"
        seen = SpendSeen(left, row.spent_at, is_there, order is not None and _is_off(order), before)
        fates[row.id] = fate(seen, at=at, within=within)
    return fates


def _is_off(order: Kept) -> bool:
    """Cancelled, or nothing of it was kept. What a second channel told of one sale does not end the sale."""
    all_came_back = bool(order.lines) and all(line.kept <= 0 for line in order.lines)
    return not order.is_double and (order.is_off or all_came_back)


# --- asking


def listed(*, states: Collection[str] = WRONG, cursor: str | None = None, limit: int = 50) -> Page[OrderSpendView]:
    """Those that somebody has to look at, or of other states, the latest first. Two queries."""
    size = paging.check_size(limit)
    where = "WHERE spend.state = ANY(%s)"
    values: list[Any] = [list(SPENT), list(states)]
    if cursor:
        where += " AND spend.id < %s"
        values += paging.decode(cursor, _LIST, int)
    found = _views(f"{where} ORDER BY spend.id DESC LIMIT %s", [*values, size + 1])
    return paging.cut(found, size, of=_LIST, key=lambda one: (one.id,))


def count_wrong() -> int:
    """How many wait for somebody, up to COUNTED. One query."""
    return OrderSpend.objects.filter(state__in=WRONG)[:COUNTED].count()


def by_public_id(text: str) -> OrderSpendView:
    """One by `osp_…`. Two queries; refused when there is none."""
    found = _views("WHERE spend.public_id = %s", [list(SPENT), ids.parse(text, PREFIX)])
    if not found:
        raise _unknown(text.strip()[:40])
    return found[0]


# --- deciding


def give_back(*, spend: int, at: datetime, by: Actor) -> OrderSpendView:
    """What is left of it goes to the awards it came from; what of those has ended meanwhile stays ended. Again changes
    nothing.

    Raises `UnknownOrderSpend`, `NothingWrong` where the order came or stands by now, and what `points.reverse` raises.
    """
    with transaction.atomic():
        row = _held(spend)
        now = _fates([row], at)[row.id]
        if now not in (*WRONG, "given_back"):
            raise _nothing_wrong()
        if now in WRONG:
            reason = Reason(f"order_{now}", {"order": row.ref})
            for entry in _entries(row):
                key = f"order-spend/{row.id}/{entry}"
                points.reverse(entry=entry, key=key, at=at, by=by, reason=reason)
        if row.state != "given_back":
            _decide(row, "given_back", at, by)
    return _view(spend)


def leave(*, spend: int, at: datetime, by: Actor) -> OrderSpendView:
    """It is right as it is, whatever became of the order. Again changes nothing. Raises `UnknownOrderSpend` and
    `NothingWrong` of what nobody has to look at."""
    with transaction.atomic():
        row = _held(spend)
        if row.state in WRONG:
            _decide(row, "left", at, by)
        elif row.state != "left":
            raise _nothing_wrong()
    return _view(spend)


def _held(spend: int) -> OrderSpend:
    row = OrderSpend.objects.select_for_update().filter(id=spend).first()
    if row is None:
        raise _unknown(str(spend))
    return row


def _entries(row: OrderSpend) -> list[int]:
    """The entries of it of which something is left."""
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, {"act": row.act_id, "spent": list(SPENT)})
        return [entry for (entry,) in cursor.fetchall()]


def _decide(row: OrderSpend, state: str, at: datetime, by: Actor) -> None:
    before = {"state": row.state}
    row.state, row.decided_at, row.decided_by = state, at, str(by)[:100]
    row.save(update_fields=["state", "decided_at", "decided_by"])
    trail.record(
        by=by,
        verb=f"loyalty.order_spends.{'leave' if state == 'left' else 'give_back'}",
        subject=f"order_spend:{row.id}",
        at=at,
        before=before,
        after={"state": state},
    )


def _nothing_wrong() -> NothingWrong:
    return NothingWrong(_("spend: its order stands, or may still come; there is nothing to give back"), field="spend")


def _unknown(shown: str) -> UnknownOrderSpend:
    return UnknownOrderSpend(
        _("spend: there is no %(shown)s; look it up again") % {"shown": shown}, field="spend", value=shown
    )


def _view(spend: int) -> OrderSpendView:
    [found] = _views("WHERE spend.id = %s", [list(SPENT), spend])
    return found


def _views(where: str, values: Sequence[Any]) -> list[OrderSpendView]:
    with connection.cursor() as cursor:
        cursor.execute(_VIEWS + where, values)
        rows = cursor.fetchall()
    orders = kept.named({(row[7], row[8]) for row in rows}) if rows else {}
    return [
        OrderSpendView(
            number,
            ids.public(PREFIX, uuid),
            customer,
            currency,
            scale,
            parts,
            spent,
            OrderNamed(namespace, ref),
            orders.get((namespace, ref)),
            *rest,
        )
        for number, uuid, customer, currency, scale, parts, spent, namespace, ref, *rest in rows
    ]


# Of each entry of an act that spent: how much, and how much of it was given back.
_MOVED = """
SELECT entry.id, account.customer_id, account.currency_id,
       COALESCE((SELECT sum(posting.amount) FROM loyalty_posting AS posting
                  WHERE posting.entry_id = entry.id AND posting.to_book = ANY({spent})), 0)::bigint AS spent,
       COALESCE((SELECT sum(posting.amount) FROM loyalty_entry AS back
                   JOIN loyalty_posting AS posting ON posting.entry_id = back.id
                  WHERE back.reverses_id = entry.id AND posting.from_book = ANY({spent})), 0)::bigint AS back
  FROM loyalty_entry AS entry JOIN loyalty_account AS account ON account.id = entry.account_id
 WHERE entry.act_id = {act} AND entry.kind IN ('redeem', 'capture')
"""
_SEEN = f"""
SELECT spend.id, moved.left_over, EXISTS (
         SELECT FROM loyalty_order_spend AS other
          WHERE other.namespace = spend.namespace AND other.ref = spend.ref AND other.id < spend.id
            AND other.state <> 'given_back' AND COALESCE(other.hold_id, -other.id) <> COALESCE(spend.hold_id, -spend.id)
            AND EXISTS (SELECT FROM loyalty_entry AS entry JOIN loyalty_account AS account
                                 ON account.id = entry.account_id AND account.currency_id = moved.currency
                         WHERE entry.act_id = other.act_id))
  FROM loyalty_order_spend AS spend
  CROSS JOIN LATERAL (SELECT COALESCE(sum(entry.spent - entry.back), 0)::bigint AS left_over,
                             min(entry.currency_id) AS currency
                        FROM ({_MOVED.format(act="spend.act_id", spent="%(spent)s")}) AS entry) AS moved
 WHERE spend.id = ANY(%(spends)s)
"""  # noqa: S608 - of constants
_LEFT = f"SELECT id FROM ({_MOVED.format(act='%(act)s', spent='%(spent)s')}) AS entry WHERE spent > back ORDER BY id"  # noqa: S608 - of constants
_AGAIN = """
UPDATE loyalty_order_spend AS spend SET state = 'waiting', looked_at = NULL
  FROM unnest(%s::text[], %s::text[]) AS told(namespace, ref)
 WHERE spend.namespace = told.namespace AND spend.ref = told.ref AND spend.state = 'stands'
"""
_VIEWS = f"""
SELECT spend.id, spend.public_id, moved.customer, currency.code, currency.scale, moved.left_over, moved.spent,
       spend.namespace, spend.ref, spend.spent_at, spend.state, spend.decided_at, spend.decided_by
  FROM loyalty_order_spend AS spend
  CROSS JOIN LATERAL (SELECT sum(entry.spent - entry.back)::bigint AS left_over, sum(entry.spent)::bigint AS spent,
                             min(entry.customer_id) AS customer, min(entry.currency_id) AS currency
                        FROM (SELECT %s::text[] AS books) AS told
                       CROSS JOIN LATERAL ({_MOVED.format(act="spend.act_id", spent="told.books")}) AS entry) AS moved
  JOIN loyalty_currency AS currency ON currency.id = moved.currency
"""  # noqa: S608 - of constants
