"""Points that activity keeps: spending some keeps the rest, as earning does (`earning`)."""

from datetime import datetime

from regulars.facts.company import company
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.levers.loyalty._earning.longer import extend, kept_longer
from regulars.levers.loyalty._ledger import account_rows, acting
from regulars.levers.loyalty._ledger.acts import Told

__all__ = ("keep",)


def keep(*, customer: int, currency: str, done_at: datetime, key: str, at: datetime, by: Actor) -> int:
    """What activity keeps of a customer's points stays longer, for they spent some at `done_at`: each lot by the terms
    it was given with. What lapsed since then, before anybody looked, is valid again. Harmless to repeat.

    How many lots. Three queries where there are none. Raises `AccountFrozen` and `NoSuchCurrency`.
    """
    zone = civil.zone(account_rows.currency(currency).zone or company.shop().zone)
    longer = kept_longer(customer, currency, civil.day_of(done_at, zone), zone)
    if not longer:
        return 0
    told = Told("keep", key, at, by, {"customer": customer, "currency": currency, "done_at": done_at})
    with acting.act(told, customers=[customer], currency=currency, lots=[one.lot for one in longer]) as work:
        if work.is_new:
            for one in longer:
                extend(work.wallet(customer), one, at)
    return len(longer)
