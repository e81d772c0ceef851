"""What others are told of an act's entries: a notice and a line of the trail each, of the past one for all."""

from collections.abc import Mapping, Sequence

from regulars.levers.loyalty._ledger import writing
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._ledger.wallet import Wallet
from regulars.levers.loyalty._ledger.writing import Written
from regulars.levers.loyalty.notices import (
    PointsAwarded,
    PointsChanged,
    PointsExpired,
    PointsHeld,
    PointsMatured,
    PointsOfThePast,
    PointsRedeemed,
    PointsReversed,
)
from regulars.runtime.database.prepared import at_once
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.outbox import announce, announce_many, announcement

_OF = {
    "award": PointsAwarded,
    "reverse": PointsReversed,
    "hold": PointsHeld,
    "capture": PointsRedeemed,
    "redeem": PointsRedeemed,
    "activate": PointsMatured,
    "expire": PointsExpired,
    "adjust": PointsChanged,
    "reinstate": PointsChanged,
    "release": PointsChanged,
    "extend": PointsChanged,
    "settle": PointsChanged,
    "write_off": PointsChanged,
}


def write_and_tell(
    told: Told,
    people: Mapping[int, Wallet],
    currency: str,
    act: int,
    *,
    entries: Sequence[int] = (),
    lots: Sequence[int] = (),
) -> Written:
    """Write what was decided, and announce it, in the caller's transaction; last in an act. One exchange where it is
    one entry."""
    written, writes = writing.statement(people.values(), act=act, origin=told.origin, entries=entries, lots=lots)
    statements = [] if writes is None else [writes]
    notices = _notices(told, people, written, currency) if told.origin == "live" else []
    verb = f"loyalty.points.{told.verb}"
    if len(notices) == 1:
        [(notice, after)] = notices
        statements.append(announcement(notice, by=told.by, verb=verb, after=after))
    if statements:
        at_once(statements)
    if len(notices) > 1:
        announce_many(notices, by=told.by, verb=verb)
    if told.origin == "history" and written.entries:
        count = sum(map(len, written.entries.values()))
        tell_of_the_past(told, act, currency, accounts=len(written.entries), entries=count)
    return written


def tell_of_the_past(told: Told, act: int, currency: str, *, accounts: int, entries: int) -> None:
    """One notice and one line of the trail for all entries of an act."""
    past = PointsOfThePast(act=act, currency=currency, accounts=accounts, entries=entries, at=told.at, origin="history")
    announce(past, by=told.by, verb=f"loyalty.points.{told.verb}", after={"entries": entries})


def _notices(
    told: Told, people: Mapping[int, Wallet], written: Written, currency: str
) -> list[tuple[Notice, Mapping[str, object]]]:
    return [
        (
            _OF[draft.kind](
                customer=person,
                currency=currency,
                entry=number,
                amount=draft.amount,
                spendable=max(0, draft.after[1] - draft.after[3]),
                at=told.at,
            ),
            {"entry": number, "kind": draft.kind, "amount": draft.amount, "available": draft.after[1]},
        )
        for person, wallet in people.items()
        for draft, number in zip(wallet.drafts, written.entries.get(wallet.account, ()), strict=True)
    ]
