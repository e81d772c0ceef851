"""A set of tiers as a programme's file says it: its levels from the lowest up, what each asks, in what time, and how
somebody comes down. Pure; `tier_standing` says who stands where."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Literal

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.rule import Terms, read_money, read_points
from regulars.levers.loyalty.rules.tier_periods import KINDS, WITH_ENDS, Period
from regulars.levers.loyalty.rules.told import Told

What = Literal["spend", "orders", "points", "categories", "visits", "tenure", "events", "stores"]
WHATS: tuple[What, ...] = ("spend", "orders", "points", "categories", "visits", "tenure", "events", "stores")
#: What a spend may be narrowed to, and what an event has to be called.
_OF: Mapping[str, str] = {"spend": "category", "events": "event"}
MOST_SETS, MOST_LEVELS, DEEPEST, MOST_WAYS = 5, 12, 3, 64
COLOURS = ("#8b979f", "#c79a3a", "#5b6f8f", "#7a5ea8", "#2f7d4f", "#1d2420")


@dataclass(frozen=True)
class Need:
    """So much of something. Money in minor units of the programme's, points in parts, tenure in whole months; `of` is
    the category of a spend and the name of an event; `called` is what members call that, in English and Chinese."""

    what: What
    at_least: int
    of: str = ""
    # What a set rests on is known again by how it is written: names are no part of that.
    called: tuple[str, str] = field(default=("", ""), repr=False)

    @cached_property
    def counter(self) -> str:
        """What is counted for it."""
        return f"{self.what}:{self.of}"


@dataclass(frozen=True)
class Every:
    """All of them."""

    parts: tuple["Criterion", ...]


@dataclass(frozen=True)
class AnyOf:
    """One of them is enough."""

    parts: tuple["Criterion", ...]


Criterion = Need | Every | AnyOf


def ways(criterion: Criterion) -> tuple[tuple[Need, ...], ...]:
    """Every way to meet it, each all of some needs."""
    if isinstance(criterion, Need):
        return ((criterion,),)
    inner = [ways(part) for part in criterion.parts]
    if isinstance(criterion, AnyOf):
        return tuple(way for some in inner for way in some)
    return tuple(tuple(need for way in choice for need in way) for choice in product(*inner))


def needs(criterion: Criterion) -> Iterator[Need]:
    """All that it asks, in the order of the file."""
    if isinstance(criterion, Need):
        yield criterion
    else:
        for part in criterion.parts:
            yield from needs(part)


@dataclass(frozen=True)
class Look:
    """What a brand calls a level, and the picture it shows; empty where it is as everywhere."""

    titles: Mapping[str, str] | None
    image: str


@dataclass(frozen=True)
class Level:
    """One level. Without `asks` it is everybody's. `image` is the name of a picture, `brands` how some of the company's
    brands have it otherwise, by their codes."""

    id: str
    titles: Mapping[str, str]
    colour: str
    asks: Criterion | None
    # How it looks is no rule: by `repr` sets are told apart whose rules are others.
    image: str = field(default="", repr=False)
    brands: Mapping[str, Look] = field(default_factory=dict, repr=False)

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """All that it asks."""
        return () if self.asks is None else tuple(needs(self.asks))

    @cached_property
    def ways(self) -> tuple[tuple[Need, ...], ...]:
        """Every way to it; one that asks nothing, where it is everybody's."""
        return ((),) if self.asks is None else ways(self.asks)

    def of_brand(self, brand: str) -> "Level":
        """As a brand shows it."""
        look = self.brands.get(brand)
        if look is None:
            return self
        return replace(self, titles=look.titles or self.titles, image=look.image or self.image)

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True)
class Down:
    """How somebody comes down: after `grace_days`, all the way or (`one_step`) by one level each `every_days`."""

    grace_days: int = 0
    one_step: bool = False
    every_days: int = 90


@dataclass(frozen=True)
class TierSet:
    """`levels` from the lowest up."""

    id: str
    titles: Mapping[str, str]
    period: Period
    down: Down
    levels: tuple[Level, ...]

    def __hash__(self) -> int:
        return hash((self.id, self.period, self.down))

    def of_brand(self, brand: str) -> "TierSet":
        """As a brand shows it."""
        return replace(self, levels=tuple(one.of_brand(brand) for one in self.levels)) if brand else self

    def rank(self, level: str) -> int:
        """From 1 for the lowest; 0 for none, and for one that it does not have."""
        return next((place for place, one in enumerate(self.levels, 1) if one.id == level), 0)

    def level(self, rank: int) -> Level | None:
        """The level of a rank; None for 0."""
        return self.levels[rank - 1] if rank else None

    @cached_property
    def everybodys(self) -> int:
        """The highest rank that asks nothing; 0 where the first asks something."""
        return max((place for place, one in enumerate(self.levels, 1) if one.asks is None), default=0)

    @cached_property
    def needs(self) -> list[Need]:
        """All that any level asks."""
        return [need for one in self.levels for need in one.needs]

    @cached_property
    def counters(self) -> dict[str, Need]:
        """What has to be counted of a customer, once each."""
        return {need.counter: need for need in self.needs}


def read(told: Sequence[Told], terms: Terms) -> tuple[TierSet, ...]:
    """The sets of a file, checked."""
    found: list[TierSet] = []
    for one in told:
        made = _set(one, terms)
        if any(other.id == made.id for other in found):
            raise one.bad("id", _("another set has this id; give each its own"))
        found.append(made)
    if len(found) > MOST_SETS:
        raise told[MOST_SETS].bad("id", _("write at most %(most)s sets") % {"most": MOST_SETS})
    return tuple(found)


def _set(told: Told, terms: Terms) -> TierSet:
    set_id = told.name()
    titles, period, down = told.titles("name", set_id), _period(told.under("period")), _down(told.under("down"))
    each = told.each("levels")
    if not 0 < len(each) <= MOST_LEVELS:
        raise told.bad("levels", _("write 1 to %(most)s levels, the lowest first") % {"most": MOST_LEVELS})
    levels: list[Level] = []
    for place, one in enumerate(each):
        level = _level(one, place, terms)
        if any(other.id == level.id for other in levels):
            raise one.bad("id", _("another level has this id; give each its own"))
        if level.asks is None and place:
            raise one.bad("all", _("say what it asks under `all` or `any`; only the lowest may be everybody's"))
        levels.append(level)
    told.done()
    return TierSet(set_id, titles, period, down, tuple(levels))


def _period(told: Told) -> Period:
    chosen = told.one_of("kind", KINDS, "calendar_year")
    kind = next(one for one in KINDS if one == chosen)
    months = told.number("months", 12, least=1, most=120) if kind == "rolling" else 0
    keeps = told.number("keeps", 1, most=10) if kind in WITH_ENDS else 0
    told.done()
    return Period(kind, months, keeps)


def _down(told: Told) -> Down:
    found = Down(
        grace_days=told.number("grace_days", 0, most=3660),
        one_step=told.yes("one_step"),
        every_days=told.number("every_days", 90, least=1, most=3660),
    )
    told.done()
    return found


def _level(told: Told, place: int, terms: Terms) -> Level:
    level = told.name()
    colour = told.text("colour", COLOURS[place % len(COLOURS)], longest=7).lower()
    if len(colour) != 7 or colour[0] != "#" or any(sign not in "0123456789abcdef" for sign in colour[1:]):
        raise told.bad("colour", _('write a colour such as "#c79a3a"'))
    titles, asks, brands = told.titles("name", level), _criterion(told, terms, 0), _brands(told)
    found = Level(level, titles, colour, asks, _image(told), brands)
    if len(found.ways) > MOST_WAYS:
        raise told.bad("all", _("there are more than %(most)s ways to meet this; ask less") % {"most": MOST_WAYS})
    told.done()
    return found


def _image(told: Told) -> str:
    name = told.text("image", "", longest=40) if told.has("image") else ""
    if name and (not name.replace("_", "").isalnum() or not name.isascii() or name != name.lower()):
        raise told.bad("image", _("write the name of a picture that is kept here, in small letters"))
    return name


def _brands(told: Told) -> dict[str, Look]:
    found: dict[str, Look] = {}
    for one in told.each("brands"):
        brand = one.text("brand", longest=64)
        if brand in found:
            raise one.bad("brand", _("this brand is listed already; write it once"))
        found[brand] = Look(one.titles("name", "") if one.has("name") else None, _image(one))
        one.done()
    return found


def _criterion(told: Told, terms: Terms, depth: int) -> Criterion | None:
    """What stands under `all` and `any`, all of it."""
    parts: list[Criterion] = []
    for key, kind in (("all", Every), ("any", AnyOf)):
        inner = [_part(one, terms, depth) for one in told.each(key)]
        if inner:
            parts.append(inner[0] if len(inner) == 1 else kind(tuple(inner)))
        elif told.has(key):
            raise told.bad(key, _("list what it asks"))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def _part(told: Told, terms: Terms, depth: int) -> Criterion:
    if told.has("what"):
        found: Criterion | None = _need(told, terms)
    elif depth >= DEEPEST:
        raise told.bad("all", _("this is nested too deep; say it in fewer steps"))
    else:
        found = _criterion(told, terms, depth + 1)
    told.done()
    if found is None:
        raise told.bad("what", _("write `what` and `at_least`, or `all` or `any` with a list"))
    return found


def _need(told: Told, terms: Terms) -> Need:
    chosen = told.one_of("what", WHATS)
    what = next(one for one in WHATS if one == chosen)
    of = ""
    if (key := _OF.get(what)) is not None and (what == "events" or told.has(key)):
        of = told.text(key, longest=80)
    called = ("", "")
    if of:
        titles = told.titles("name", "")
        called = (titles["en"], titles["zh"])
    if what == "spend":
        at_least = read_money(told, "at_least", terms)
    elif what == "points":
        at_least = read_points(told, "at_least", terms)
    else:
        at_least = told.number("at_least", least=1, most=100_000)
    return Need(what, at_least, of, called)
