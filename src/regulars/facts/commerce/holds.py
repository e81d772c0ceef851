"""Holds: goods kept for a basket or for who picks them up, all of them or none, until sold or time runs out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal
from hashlib import blake2b

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy

from regulars.facts.commerce import bundles, variants
from regulars.facts.commerce.models import Hold as Row
from regulars.facts.commerce.models import HoldLine, Stock, StockMovement
from regulars.facts.commerce.notices import HoldEnded, StockHeld
from regulars.facts.company import stores
from regulars.kit import ids
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.notices.outbox import announce

PREFIX = "hld"
MOST_LINES = 100
_AT_ONCE = 200


@dataclass(frozen=True)
class Wanted:
    """So many of a variant from one store."""

    variant: int
    store: int
    quantity: Decimal


@dataclass(frozen=True)
class Hold:
    """What is kept, and until when. `state`: held, captured, released or expired. Of a bundle its parts are held."""

    id: int
    public_id: str
    purpose: str
    state: str
    lines: Sequence[Wanted]
    held_at: datetime
    expires_at: datetime
    ended_at: datetime | None


class NotEnough(Refusal):
    """Less can be had there than is wanted."""

    code = "holds.not_enough"


class BadHold(Refusal):
    """Nothing to hold, too much at once, or an end that is past."""

    code = "holds.bad"


class KeyReused(Refusal):
    """The key is another hold's."""

    code = "holds.key_reused"


class HoldIsOver(Refusal):
    """It has ended already."""

    code = "holds.over"


class UnknownHold(Refusal):
    """No such hold."""

    code = "holds.unknown"


def hold(
    *, wanted: Sequence[Wanted], key: str, expires_at: datetime, at: datetime, by: Actor, purpose: str = "basket"
) -> Hold:
    """Keep these goods until `expires_at`: all of them, or none and `NotEnough` says of what and how much there is.

    Never more than is there beside others who hold at the same moment, but where a stock may be oversold. The same key
    with the same goods gives the first answer, whatever became of it; with others it is refused with `KeyReused`.
    """
    goods = _checked(wanted, key, expires_at, at, purpose)
    fingerprint = blake2b(f"{purpose} {sorted(goods.items())}".encode(), digest_size=16).digest()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"commerce.hold {key}"])
        if known := Row.objects.filter(key=key).first():
            if bytes(known.fingerprint) != fingerprint:
                raise KeyReused(
                    gettext_lazy("key: %(key)r holds other goods; use a new one") % {"key": key[:40]},
                    field="key",
                    value=key[:40],
                )
            return _view(known)
        parts = _in_parts(goods)
        rows = _locked(parts, at, by)
        for pair, quantity in sorted(parts.items()):
            row = rows.get(pair)
            free = Decimal(0) if row is None else row.on_hand - row.reserved - row.held
            if row is None or (free < quantity and not row.may_oversell):
                raise NotEnough(
                    gettext_lazy(
                        "quantity: %(quantity)s of %(variant)s are wanted and %(free)s can be had in %(store)s;"
                        " hold fewer, or elsewhere"
                    )
                    % {
                        "quantity": f"{quantity.normalize():f}",
                        "variant": variants.get_many([pair[0]])[pair[0]].ref,
                        "free": f"{max(free, Decimal(0)).normalize():f}",
                        "store": stores.get(pair[1]).code,
                    },
                    field="quantity",
                    value=str(quantity),
                    variant=pair[0],
                    store=pair[1],
                    available=str(max(free, Decimal(0))),
                )
        made = Row.objects.create(
            key=key, fingerprint=fingerprint, purpose=purpose, held_at=at, expires_at=expires_at, state="held"
        )
        HoldLine.objects.bulk_create(
            HoldLine(hold=made, stock=rows[pair], quantity=quantity) for pair, quantity in sorted(parts.items())
        )
        _held_by(made.id, "held + line.quantity")
        announce(
            StockHeld(hold=made.id, at=at),
            by=by,
            verb="commerce.holds.hold",
            after={"purpose": purpose, "lines": len(parts)},
        )
        made.refresh_from_db()
        return _view(made)


def capture(*, hold: int, at: datetime, by: Actor) -> Hold:
    """The goods are sold: they leave the stock. Again gives the first answer; `HoldIsOver` when it ended otherwise."""
    return _end(hold, "captured", at, by)


def release(*, hold: int, at: datetime, by: Actor) -> Hold:
    """Nobody wants them any more. Again, or after its time, changes nothing; `HoldIsOver` when they are sold."""
    return _end(hold, "released", at, by)


def expire_due(*, at: datetime, by: Actor) -> int:
    """End what nobody came for. Harmless beside everything else; returns how many."""
    count = 0
    while due := list(Row.objects.filter(state="held", expires_at__lte=at).order_by("expires_at")[:_AT_ONCE]):
        for row in due:
            count += _end(row.id, "expired", at, by).state == "expired"
    return count


def get(hold: int) -> Hold:
    """One hold; refused when there is none. Two queries."""
    row = Row.objects.filter(id=hold).first()
    if row is None:
        raise UnknownHold(
            gettext_lazy("hold: there is no number %(hold)s; look it up again") % {"hold": hold},
            field="hold",
            value=hold,
        )
    return _view(row)


def by_public_id(text: str) -> Hold:
    """One hold by `hld_…` as people type it; refused when there is none. Two queries."""
    row = Row.objects.filter(public_id=ids.parse(text, PREFIX)).first()
    if row is None:
        shown = text.strip()[:40]
        raise UnknownHold(
            gettext_lazy("hold: there is no %(shown)s; look it up again") % {"shown": shown}, field="hold", value=shown
        )
    return _view(row)


def _checked(
    wanted: Sequence[Wanted], key: str, expires_at: datetime, at: datetime, purpose: str
) -> dict[tuple[int, int], Decimal]:
    goods: dict[tuple[int, int], Decimal] = {}
    for one in wanted:
        if not one.quantity.is_finite() or one.quantity <= 0 or one.quantity != one.quantity.quantize(Decimal("0.001")):
            raise BadHold(
                gettext_lazy("quantity: %(quantity)s is none; give more than zero, with up to three decimals")
                % {"quantity": one.quantity},
                field="quantity",
                value=str(one.quantity),
            )
        goods[one.variant, one.store] = goods.get((one.variant, one.store), Decimal(0)) + one.quantity
    if not 1 <= len(goods) <= MOST_LINES:
        raise BadHold(
            gettext_lazy("lines: %(goods)s are not from 1 to %(most_lines)s; hold fewer at once")
            % {"goods": len(goods), "most_lines": MOST_LINES},
            field="lines",
            value=len(goods),
        )
    if expires_at <= at:
        raise BadHold(
            gettext_lazy("expires_at: %(expires_at)s is past; give a later moment")
            % {"expires_at": expires_at.isoformat()},
            field="expires_at",
            value=expires_at.isoformat(),
        )
    if purpose not in {"basket", "pickup"}:
        raise BadHold(
            gettext_lazy("purpose: %(purpose)r is none; say basket or pickup") % {"purpose": purpose[:20]},
            field="purpose",
            value=purpose[:20],
        )
    if not key or len(key) > 200:
        raise BadHold(gettext_lazy("key: give 1 to 200 characters"), field="key", value=key[:40])
    return goods


def _in_parts(goods: dict[tuple[int, int], Decimal]) -> dict[tuple[int, int], Decimal]:
    """Goods with bundles taken apart: what is in stock are the parts."""
    parts = bundles.parts_of_many({variant for variant, _ in goods})
    apart: dict[tuple[int, int], Decimal] = {}
    for (variant, store), quantity in goods.items():
        for part, many in parts.get(variant, {variant: Decimal(1)}).items():
            of_it = (quantity * many).quantize(Decimal("0.001"), rounding=ROUND_UP)
            apart[part, store] = apart.get((part, store), Decimal(0)) + of_it
    return apart


def _locked(pairs: Collection[tuple[int, int]], at: datetime, by: Actor) -> dict[tuple[int, int], Stock]:
    """The stock rows of `pairs`, locked, with what ran out on them given back.

    A hold that ran out may be on other rows too: all are locked in one order, for whoever takes rows later one by one
    would wait in a circle with who does the same.
    """
    wanted = {variant for variant, _ in pairs}
    places = {store for _, store in pairs}
    mine = dict.fromkeys(
        row.id
        for row in Stock.objects.filter(variant_id__in=wanted, store_id__in=places)
        if (row.variant_id, row.store_id) in pairs
    )
    due = list(
        HoldLine.objects.filter(stock_id__in=mine, hold__state="held", hold__expires_at__lte=at)
        .order_by("hold_id")
        .values_list("hold_id", flat=True)
        .distinct()
    )
    others = HoldLine.objects.filter(hold_id__in=due).values_list("stock_id", flat=True)
    every = {*mine, *others}
    list(Stock.objects.select_for_update().filter(id__in=every).order_by("id").values_list("id"))
    for one in due:
        _end_locked(one, "expired", at, by)
    return {(row.variant_id, row.store_id): row for row in Stock.objects.filter(id__in=mine)}


def _end(hold: int, state: str, at: datetime, by: Actor) -> Hold:
    with transaction.atomic():
        lines = HoldLine.objects.filter(hold_id=hold).values_list("stock_id", flat=True)
        # Stock before holds, and in the order of its numbers, as everybody does.
        list(Stock.objects.select_for_update().filter(id__in=list(lines)).order_by("id").values_list("id"))
        return _end_locked(hold, state, at, by)


def _end_locked(hold: int, state: str, at: datetime, by: Actor) -> Hold:
    row = Row.objects.select_for_update().filter(id=hold).first()
    if row is None:
        raise UnknownHold(
            gettext_lazy("hold: there is no number %(hold)s; look it up again") % {"hold": hold},
            field="hold",
            value=hold,
        )
    if row.state != "held":
        if state == "expired" or row.state == state or (state, row.state) == ("released", "expired"):
            return _view(row)
        raise HoldIsOver(
            gettext_lazy("hold: it was %(state)s already; hold the goods anew") % {"state": row.state},
            field="hold",
            value=row.state,
        )
    if state == "captured" and row.expires_at <= at:
        raise HoldIsOver(gettext_lazy("hold: its time has run out; hold the goods anew"), field="hold", value="expired")
    _held_by(hold, "held - line.quantity")
    if state == "captured":
        _take(hold, at)
    row.state, row.ended_at = state, at
    row.save(update_fields=["state", "ended_at"])
    announce(
        HoldEnded(hold=hold, state=state, at=at),
        by=by,
        verb=f"commerce.holds.{ {'captured': 'capture', 'released': 'release', 'expired': 'expire'}[state] }",
        after={"state": state},
    )
    return _view(row)


def _held_by(hold: int, held: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE commerce_stock AS stock SET held = {held} FROM commerce_hold_line AS line"
            " WHERE line.stock_id = stock.id AND line.hold_id = %s",
            [hold],
        )


def _take(hold: int, at: datetime) -> None:
    """What is sold leaves the stock, but where its source told the level for a later moment and knows already."""
    lines = HoldLine.objects.filter(hold_id=hold).order_by("stock_id").values_list("stock_id", "quantity")
    for stock, quantity in lines:
        Stock.objects.filter(id=stock, told_at__lte=at).update(on_hand=F("on_hand") - quantity)
        left = Stock.objects.values_list("on_hand", flat=True).get(id=stock)
        StockMovement.objects.create(
            stock_id=stock, why="captured", change=-quantity, on_hand=left, at=at, source=f"hold:{hold}"
        )


def _view(row: Row) -> Hold:
    lines = HoldLine.objects.filter(hold_id=row.id).select_related("stock").order_by("stock_id")
    return Hold(
        row.id,
        ids.public(PREFIX, row.public_id),
        row.purpose,
        row.state,
        tuple(Wanted(line.stock.variant_id, line.stock.store_id, line.quantity) for line in lines),
        row.held_at,
        row.expires_at,
        row.ended_at,
    )
