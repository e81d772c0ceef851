"""What somebody has, wallet by wallet: what can be spent, what is to come, what is kept, until when. Questions only."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import connection
from django.utils.translation import gettext as _

from regulars.facts.customers import persons
from regulars.kit import ids
from regulars.levers.loyalty._ledger import account_rows, holding, resting
from regulars.levers.loyalty._ledger.answers import PREFIX
from regulars.levers.loyalty._ledger.balances import Balance, balance, balance_as_of
from regulars.levers.loyalty._ledger.holding import HoldView
from regulars.levers.loyalty.models import Account, Act, Currency, Entry
from regulars.levers.loyalty.points import UnknownEntry
from regulars.levers.loyalty.titles import titled

# What is kept by holds whose time ran out by then is free again.
_LOTS = """
SELECT lot.id, entry.public_id, lot.record_id, lot.subject, lot.rule, lot.rule_version, lot.funding, lot.partner,
       lot.original, lot.pending, lot.available + freed.parts, lot.held - freed.parts, lot.owed, lot.earned_at,
       lot.matures_at, lot.expires_on, lot.expires_at, account.rests_since
  FROM loyalty_lot AS lot JOIN loyalty_account AS account ON account.id = lot.account_id
  JOIN loyalty_entry AS entry ON entry.id = lot.origin_entry_id
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(part.amount - part.captured - part.released), 0)::bigint AS parts
      FROM loyalty_hold_lot AS part JOIN loyalty_hold AS hold ON hold.id = part.hold_id
     WHERE lot.held > 0 AND part.lot_id = lot.id AND hold.state = 'open' AND hold.expires_at <= %(at)s) AS freed
 WHERE account.customer_id = %(person)s AND account.currency_id = %(currency)s
   AND (lot.held > freed.parts OR lot.owed > 0
        OR (lot.pending + lot.available + freed.parts > 0
            AND (lot.expires_at IS NULL OR lot.expires_at > least(%(at)s, account.rests_since))))
 ORDER BY lot.expires_at NULLS LAST, lot.id LIMIT %(limit)s
"""

# Of what is over by the clock nobody may have booked it.
_OF_AWARD = """
SELECT lot.id, CASE WHEN over.is_so THEN lot.held ELSE lot.pending + lot.available + lot.held END,
       lot.lapsed + CASE WHEN over.is_so THEN lot.pending + lot.available ELSE 0 END, lot.original, lot.earned_at,
       lot.expires_on
  FROM loyalty_lot AS lot JOIN loyalty_account AS account ON account.id = lot.account_id
 CROSS JOIN LATERAL (
    SELECT coalesce(lot.expires_at <= least(%(at)s, account.rests_since), false) AS is_so) AS over
 WHERE account.customer_id = %(person)s AND account.currency_id = %(currency)s
"""
_AWARD = _OF_AWARD + " AND lot.id = %(lot)s"
_ENDED = (
    _OF_AWARD
    + " AND (lot.lapsed > 0 OR (over.is_so AND lot.pending + lot.available > 0))"
    + " ORDER BY lot.expires_at DESC NULLS LAST, lot.id DESC LIMIT %(limit)s"
)


@dataclass(frozen=True)
class LotView:
    """What is left of one award. `entry` is the public id of its entry, `expires_on` the last day it counts.

    `matures_at` is None of pending points that wait for something to happen, such as delivery.
    """

    id: int
    entry: str
    record: int
    subject: str
    rule: str
    rule_version: int | None
    funding: str
    partner: str
    original: int
    pending: int
    available: int
    held: int
    owed: int
    earned_at: datetime
    matures_at: datetime | None
    expires_on: date | None
    expires_at: datetime | None


@dataclass(frozen=True)
class AwardView:
    """An award of which something ended, or may end: how much could be spent still, is to come or is kept (`left`), and
    how much ended (`ended`); `expires_on` is its last day."""

    lot: int
    left: int
    ended: int
    original: int
    earned_at: datetime
    expires_on: date | None


@dataclass(frozen=True)
class Wallet:
    """What somebody has of one kind of points, in its smallest parts; `scale` is how many decimals those are.

    Of one that a person froze `frozen_for` says why; empty, the books do not agree.
    """

    currency: str
    title: str
    scale: int
    balance: Balance
    frozen_at: datetime | None = None
    frozen_for: str = ""
    is_open: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of points: its code, what it is called in the reader's language, how many decimals it has."""

    currency: str
    title: str
    scale: int


@dataclass(frozen=True)
class Whose:
    """Which entry it is, by its number, of whom and of which kind of points."""

    number: int
    customer: int
    currency: str


def of(*, customer: int, at: datetime, known: bool = False) -> list[Wallet]:
    """The wallets of the customer's person, by code: of each kind of points there is, empty ones too.

    `at` may be past or to come: as of then; with `known` what the books say of a past moment, not what the clock has
    made of it since. Six queries for each wallet at most.
    """
    person = persons.of(customer)
    accounts = {one.currency_id: one for one in Account.objects.filter(customer_id=person)}
    wallets = []
    for kind in Currency.objects.order_by("code"):
        account = accounts.get(kind.id)
        stands = Balance()
        if account is not None and known:
            stands = balance_as_of(customer=customer, currency=kind.code, as_of=at)
        elif account is not None:
            stands = balance(customer=customer, currency=kind.code, at=at)
        wallets.append(
            Wallet(
                currency=kind.code,
                title=titled(kind.code, kind.titles),
                scale=kind.scale,
                balance=stands,
                frozen_at=None if account is None else account.frozen_at,
                frozen_for="" if account is None else account.frozen_for,
                is_open=account is not None,
            )
        )
    return wallets


def kinds() -> list[Kind]:
    """Every kind of points there is. One query."""
    rows = Currency.objects.order_by("code").values_list("code", "titles", "scale")
    return [Kind(code, titled(code, titles), scale) for code, titles, scale in rows]


def scale(currency: str) -> int:
    """How many decimals a kind of points has. Raises `NoSuchCurrency`."""
    return account_rows.currency(currency).terms.scale


def lots(*, customer: int, at: datetime, currency: str = "points", limit: int = 500) -> list[LotView]:
    """What is open of the person's awards at `at`, what ends first first, what has no end last. Three queries."""
    kind = account_rows.currency(currency)
    with connection.cursor() as cursor:
        cursor.execute(_LOTS, {"person": persons.of(customer), "currency": kind.id, "at": at, "limit": limit})
        found = [(LotView(row[0], ids.public(PREFIX, row[1]), *row[2:-1]), row[-1]) for row in cursor.fetchall()]
    return [_as_of(_rested(one, since, at, kind), at) for one, since in found]


def ended(*, customer: int, at: datetime, currency: str = "points", limit: int = 50) -> list[AwardView]:
    """Awards of the person of which something ended unspent, what ended last first. Three queries."""
    return _awards(_ENDED, customer, currency, {"at": at, "limit": limit})


def award(*, customer: int, lot: int, at: datetime, currency: str = "points") -> AwardView:
    """One award of the person. Three queries; raises `UnknownEntry` of any other."""
    for one in _awards(_AWARD, customer, currency, {"at": at, "lot": lot}):
        return one
    raise UnknownEntry(_("lot: %(lot)s is no award of theirs; look it up again") % {"lot": lot}, field="lot", value=lot)


def _awards(query: str, customer: int, currency: str, told: dict[str, datetime | int]) -> list[AwardView]:
    kind = account_rows.currency(currency)
    with connection.cursor() as cursor:
        cursor.execute(query, {**told, "person": persons.of(customer), "currency": kind.id})
        return [AwardView(*row) for row in cursor.fetchall()]


def _rested(one: LotView, since: datetime | None, at: datetime, kind: account_rows.Kind) -> LotView:
    """With the end it would have if the account went on now."""
    if since is None or at <= since or one.expires_on is None or one.expires_at is None or one.expires_at <= since:
        return one
    on, until = resting.later(one.expires_on, one.expires_at, since=since, at=at, zone=resting.zone_of(kind))
    return replace(one, expires_on=on, expires_at=until)


def _as_of(one: LotView, at: datetime) -> LotView:
    """What the clock has made of it: nobody needs to have booked it."""
    if one.expires_at is not None and one.expires_at <= at:
        return replace(one, pending=0, available=0)
    if one.pending and one.matures_at is not None and one.matures_at <= at:
        return replace(one, pending=0, available=one.available + one.pending)
    return one


def holds(*, customer: int, at: datetime, currency: str = "points") -> list[HoldView]:
    """What is kept of the person's points for purchases at `at`, the latest first. Three queries."""
    open_ones = holding.open_of(persons.of(customer), currency)
    return [one for one in open_ones if one.expires_at is None or one.expires_at > at]


def hold(public_id: str, *, at: datetime) -> HoldView:
    """One hold by `phd_…`, as it stands at `at`. One query; raises `UnknownHold`, and `BadId` of what can be none."""
    return holding.by_public_id(public_id).as_of(at)


def entry(public_id: str) -> Whose:
    """One entry by `ent_…`. One query; raises `UnknownEntry`, and `BadId` of what can be none."""
    row = Entry.objects.filter(public_id=ids.parse(public_id, PREFIX))
    found = row.values_list("id", "account__customer_id", "account__currency__code").first()
    if found is None:
        raise UnknownEntry(
            _("entry: there is no %(entry)s; look it up again") % {"entry": public_id[:40]},
            field="entry",
            value=public_id[:40],
        )
    return Whose(*found)


def was_told(key: str) -> bool:
    """Whether a verb was told something under this key. One query."""
    return Act.objects.filter(key=key).exists()
