"""Lots that activity keeps: how long each stays when its member did something, by the terms it was given with."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from regulars.levers.loyalty._earning.earned import to_extend
from regulars.levers.loyalty._ledger.wallet import Wallet
from regulars.levers.loyalty.expiring import Expiry, lapses_at
from regulars.levers.loyalty.reasons import Reason


@dataclass(frozen=True)
class Longer:
    """A lot that is kept to another day; `gone` of it had lapsed before what keeps it was done."""

    lot: int
    on: date
    until: datetime
    gone: int


def kept_longer(record: int, currency: str, active_on: date, zone: ZoneInfo) -> list[Longer]:
    """The lots of a record's person that stay longer for what was done on that day. One query."""
    found = []
    for lot, last_day, terms, gone in to_extend(record, currency, active_on):
        later = Expiry.by_activity(terms).extended(last_day, active_on)
        if later is not None and later != last_day:
            instant = lapses_at(later, zone)
            assert instant is not None
            found.append(Longer(lot, later, instant, gone))
    return found


def extend(wallet: Wallet, longer: Longer, at: datetime) -> None:
    """What lapsed only because news came late can be spent again."""
    lot = wallet.lots.get(longer.lot)
    if lot is None:
        return
    why, back = Reason("extended"), lot.lapsed - longer.gone
    if back > 0 and lot.is_over(at) and longer.until > at:
        wallet.reinstate(longer.lot, back, at=at, reason=why, expires_on=longer.on, expires_at=longer.until)
    else:
        wallet.change_dates(longer.lot, at=at, reason=why, expires_on=longer.on, expires_at=longer.until)
