"""A reward as a programme's file says it: what points of the programme buy. Pure; `catalogues` brings it into the
catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.rule import Terms, read_money, read_points
from regulars.levers.loyalty.rules.told import Told

Kind = Literal["goods", "coupon", "service", "experience", "charity", "partner"]
KINDS: tuple[Kind, ...] = ("goods", "coupon", "service", "experience", "charity", "partner")
HANDED = ("sent", "code", "done")
PER = ("ever", "year", "month", "week", "day")
MOST_REWARDS, LONGEST_ABOUT = 100, 2_000


@dataclass(frozen=True)
class RewardTold:
    """A reward. `price` in parts of the programme's points; `cash_minor` and `owed_minor` in its money. `level_prices`
    and `from_level` name levels as "set.level". `stock` is of a new one: of one that is there it says nothing."""

    id: str
    kind: str
    handed: str
    titles: Mapping[str, str]
    about: Mapping[str, str]
    price: int
    level_prices: Mapping[str, int]
    from_level: str = ""
    cash_minor: int = 0
    stock: int | None = None
    low_at: int = 0
    most: int | None = None
    per: str = "ever"
    opens_on: date | None = None
    ends_on: date | None = None
    cancel_days: int = 0
    partner: str = ""
    owed_minor: int = 0

    def __hash__(self) -> int:
        return hash(self.id)


def read(told: Sequence[Told], terms: Terms) -> tuple[RewardTold, ...]:
    """The rewards of a file, checked."""
    found: dict[str, RewardTold] = {}
    for one in told:
        made = _reward(one, terms)
        if made.id in found:
            raise one.bad("id", _("another reward has this id; give each its own"))
        found[made.id] = made
    if len(found) > MOST_REWARDS:
        raise told[MOST_REWARDS].bad("id", _("write at most %(most)s rewards") % {"most": MOST_REWARDS})
    return tuple(found.values())


def _reward(told: Told, terms: Terms) -> RewardTold:
    name = told.name()
    starts_on, ends_on = told.day("from"), told.day("until")
    if starts_on is not None and ends_on is not None and ends_on <= starts_on:
        raise told.bad("until", _("write a day after `from`; it is the first day without the reward"))
    prices = told.under("level_prices")
    levels = [f"{tiers}.{level}" for tiers, some in terms.tiers.items() for level in some]
    level_prices = {level: read_points(prices, level, terms) for level in levels if prices.has(level)}
    prices.done(also=levels)
    found = RewardTold(
        id=name,
        kind=told.one_of("kind", KINDS),
        handed=told.one_of("handed", HANDED),
        titles=told.titles("name", name),
        about={} if not told.has("about") else told.titles("about", ""),
        price=read_points(told, "price", terms) if told.has("price") and told.raw("price") != 0 else 0,
        level_prices=level_prices,
        from_level=told.one_of("from_level", levels, "") if told.has("from_level") else "",
        cash_minor=read_money(told, "cash", terms, 0),
        stock=told.number("stock", most=1_000_000) if told.has("stock") else None,
        low_at=told.number("low_at", 0),
        most=told.number("most", least=1, most=1_000) if told.has("most") else None,
        per=told.one_of("per", PER, "ever"),
        opens_on=starts_on,
        ends_on=ends_on,
        cancel_days=told.number("cancel_days", 0, most=366),
        partner=told.text("partner", "", longest=60),
        owed_minor=read_money(told, "owed", terms, 0),
    )
    told.done()
    if found.kind == "partner" and not found.partner:
        raise told.bad("partner", _("name the partner, as a short code"))
    if found.handed == "code" and found.cancel_days:
        raise told.bad("cancel_days", _("a code that was read cannot be given back; leave the days out"))
    if not min([found.price, *found.level_prices.values()]) and not found.cash_minor and found.most is None:
        raise told.bad("most", _("what costs nothing needs a limit for each person"))
    return found
