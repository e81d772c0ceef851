"""What others are told of an act's entries: a notice and a line of the trail each, of the past one for all."""

from collections.abc import Mapping

from regulars.levers.loyalty._acts import Told
from regulars.levers.loyalty._wallet import Wallet
from regulars.levers.loyalty._writing import Written
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
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.outbox import announce, announce_many

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


def tell(told: Told, people: Mapping[int, Wallet], written: Written, currency: str, act: int) -> None:
    """Announce what was written, in the caller's transaction; last in an act."""
    verb = f"loyalty.points.{told.verb}"
    if told.origin == "history":
        if written.entries:
            count = sum(map(len, written.entries.values()))
            past = PointsOfThePast(
                act=act, currency=currency, accounts=len(written.entries), entries=count, at=told.at, origin="history"
            )
            announce(past, by=told.by, verb=verb, after={"entries": count})
        return
    notices: list[tuple[Notice, Mapping[str, object]]] = [
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
    if len(notices) == 1:
        [(notice, after)] = notices
        announce(notice, by=told.by, verb=verb, after=after)
    else:
        announce_many(notices, by=told.by, verb=verb)
