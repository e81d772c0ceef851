"""The rewards of a programme's file brought into the catalogue: made as drafts, or changed, by their code. What there
is of each, whether it is open, and its pool of codes are the shop's own and stay."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.money import Money
from regulars.levers.loyalty import programmes, rewards
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rewards import RewardView, Terms
from regulars.levers.loyalty.rules.reward_terms import RewardTold

__all__ = ("Brought", "bring", "differences")


@dataclass(frozen=True)
class Brought:
    """What becomes of a reward of the file: new, changed or the same; `fields` are those that differ."""

    code: str
    what: Literal["new", "changed", "same"]
    fields: tuple[str, ...] = ()


def differences(programme: Programme) -> list[Brought]:
    """What bringing its rewards would do. Writes nothing; two queries."""
    there = {one.code: one for one in rewards.every()}
    return [_compared(told, there.get(told.id), programme) for told in programme.rewards]


def bring(*, programme: str, at: datetime, by: Actor, is_open: bool = False) -> list[Brought]:
    """Bring the rewards of the version that is active into the catalogue; with `is_open` open those that are drafts.

    Harmless to repeat. Raises `NotActive`, and `BadReward` of terms that cannot be.
    """
    says = programmes.active_one(programme, at).programme
    there = {one.code: one for one in rewards.every()}
    found = []
    for told in says.rewards:
        before = there.get(told.id)
        found.append(_compared(told, before, says))
        now = rewards.put(code=told.id, terms=_terms(told, before, says), keeps_stock=True, at=at, by=by)
        if is_open and now.state == "draft":
            rewards.set_state(code=told.id, state="open", at=at, by=by)
    return found


def _compared(told: RewardTold, before: RewardView | None, says: Programme) -> Brought:
    if before is None:
        return Brought(told.id, "new")
    after = _terms(told, before, says)
    fields = tuple(name for name in Terms.__dataclass_fields__ if getattr(after, name) != getattr(before.terms, name))
    return Brought(told.id, "changed" if fields else "same", fields)


def _terms(told: RewardTold, before: RewardView | None, says: Programme) -> Terms:
    return Terms(
        kind=told.kind,
        handed=told.handed,
        titles=dict(told.titles),
        about=dict(told.about),
        price=told.price,
        currency=says.currency.code,
        level_prices={f"{says.code}.{level}": price for level, price in told.level_prices.items()},
        from_level=f"{says.code}.{told.from_level}" if told.from_level else "",
        cash=Money(told.cash_minor, says.money) if told.cash_minor else None,
        stock=told.stock if before is None else before.terms.stock,
        low_at=told.low_at,
        most=told.most,
        per=told.per,
        opens_at=_begins(told.opens_on, says),
        closes_at=_begins(told.ends_on, says),
        cancel_days=told.cancel_days,
        partner=told.partner,
        owed=Money(told.owed_minor, says.money) if told.owed_minor else None,
    )


def _begins(day: date | None, says: Programme) -> datetime | None:
    return None if day is None else civil.start_of_day(day, civil.zone(says.zone))
