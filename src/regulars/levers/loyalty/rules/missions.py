"""A mission as a programme's file says it: its steps, in which time, for whom, and what it gives. Pure; `mission_walk`
says how far somebody is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Literal

from regulars.kit import civil
from regulars.kit.conditions.moments import Span
from regulars.kit.conditions.nodes import All, Condition, Did, Node
from regulars.kit.conditions.nodes import Any as AnyOf
from regulars.kit.conditions.nodes import Sequence as Following
from regulars.kit.texts import translated as _
from regulars.levers.loyalty._earning.event_names import called
from regulars.levers.loyalty.rules import asking
from regulars.levers.loyalty.rules.rule import Terms, read_money, read_points
from regulars.levers.loyalty.rules.tier_periods import FIRST, LAST, Window
from regulars.levers.loyalty.rules.tier_sets import Need, What
from regulars.levers.loyalty.rules.told import Told

Repeat = Literal["once", "day", "week", "month", "quarter", "year"]
REPEATS: tuple[Repeat, ...] = ("once", "day", "week", "month", "quarter", "year")
#: What is counted. Points are not: what a mission gives would count for it.
WHATS: tuple[What, ...] = ("spend", "orders", "categories", "visits", "stores", "events")
IN_A_ROW = ("day", "week", "month")
EVENTS = "events.events"
MOST_MISSIONS, MOST_STEPS, MOST_BADGES, MOST_RESTS = 40, 12, 60, 4
MOST_ONE_IN = 100_000
_OF: Mapping[str, str] = {"spend": "category", "events": "event"}


_GROWS = ("at_least", "more_than")
#: What is asked of a row by the moment at which it is asked: what passed may not pass later.
_OF_NOW = ("during", "anniversary_within_days")


def _only_grows(node: Node) -> bool:
    match node:
        case All() | AnyOf():
            return all(_only_grows(each) for each in node.of)
        case Did():
            asked = (*node.which.checks, *(check for some in node.which.some for check in some.checks), *node.of_each)
            return (
                node.during is None
                and node.counted in ("count", "distinct")
                and all(check.test in _GROWS for check in node.amount)
                and not any(check.test in _OF_NOW or isinstance(check.than, Span) for check in asked)
            )
        case _:
            return False


@dataclass(frozen=True)
class Goal:
    """One step: so much of something; of something in so many days, weeks or months in a row, of which up to `rests`
    may be left out; or a condition that has to hold."""

    titles: Mapping[str, str]
    need: Need | None = None
    in_a_row: str = ""
    rests: int = 0
    asks: Condition | None = None

    @property
    def at_least(self) -> int:
        """So many of it."""
        return self.need.at_least if self.need is not None else 1

    @property
    def is_kept(self) -> bool:
        """Whether it asks what has no past to look at: when it was seen to hold is kept then."""
        return self.asks is not None and bool(self.asks.fields or self.asks.audiences)

    @property
    def only_grows(self) -> bool:
        """Whether a condition that held once goes on holding, whatever is done after: it asks for at least so many."""
        return self.asks is not None and _only_grows(self.asks.root)

    @property
    def many(self) -> int:
        """How many a condition asks for that counts alone; 1 of any other."""
        root = None if self.asks is None else self.asks.root
        if isinstance(root, Did) and root.counted == "count" and len(root.amount) == 1:
            [check] = root.amount
            if check.test == "at_least" and isinstance(check.than, int) and check.than > 0:
                return check.than
        return 1

    def __hash__(self) -> int:
        return hash((self.need, self.in_a_row, self.rests))


@dataclass(frozen=True)
class Prize:
    """What it gives: parts of points, a badge, a reward, each where there is one."""

    points: int = 0
    badge: str = ""
    reward: str = ""


@dataclass(frozen=True)
class Badge:
    """Something to be proud of. `sign` is what stands in it."""

    id: str
    titles: Mapping[str, str]
    about: Mapping[str, str]
    colour: str
    sign: str

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True)
class Round:
    """One time that it can be done: the days from `since` to before `until`, under a name among all of its rounds."""

    name: str
    since: int
    until: int


@dataclass(frozen=True)
class Mission:
    """`goals` in any order or, with `in_order`, each after the one before. `starts_on` is its first day and `ends_on`
    the first that is none of its. With `asks_to_join` what somebody did before they joined does not count. A surprise
    is told to nobody before it is theirs; with `one_in` above 1 it is for so many only, drawn from `seed`."""

    id: str
    titles: Mapping[str, str]
    about: Mapping[str, str]
    goals: tuple[Goal, ...]
    prize: Prize
    in_order: bool = False
    repeat: Repeat = "once"
    starts_on: date | None = None
    ends_on: date | None = None
    asks_to_join: bool = False
    only_if: Condition | None = None
    is_surprise: bool = False
    one_in: int = 1
    seed: str = ""

    def __hash__(self) -> int:
        return hash(self.id)

    def is_for_one_of(self, records: Iterable[int], round_: str) -> bool:
        """Whether a person of these records is among those whom a round is for: always the same, whatever they do. Who
        is one in ten is one in five as well. Two who are joined keep what either of them drew."""
        if self.one_in == 1:
            return True
        return any(self._draw(record, round_) * self.one_in < 1 << 64 for record in records)

    def _draw(self, record: int, round_: str) -> int:
        told = f"{self.seed}/{self.id}/{round_}/{record}"
        return int.from_bytes(sha256(told.encode()).digest()[:8], "big")

    @property
    def needs(self) -> Iterator[Need]:
        """All that it counts."""
        return (goal.need for goal in self.goals if goal.need is not None)

    @property
    def conditions(self) -> Iterator[Condition]:
        """All that it asks in the one language."""
        yield from (goal.asks for goal in self.goals if goal.asks is not None)
        if self.only_if is not None:
            yield self.only_if

    def round_of(self, day: int, begun: int) -> Round | None:
        """The round that a day is in; None before the mission begins and after it ends. `begun`: the day it came into
        force, from which one that is done once counts where the file names no day; others count from the beginning of
        their round."""
        first = begun if self.starts_on is None else self.starts_on.toordinal()
        last = LAST if self.ends_on is None else self.ends_on.toordinal()
        if self.repeat == "once":
            return Round("", first, last) if first <= day < last else None
        since, until = period(date.fromordinal(day), self.repeat)
        least = FIRST if self.starts_on is None else first
        here = Window(max(since.toordinal(), least), min(until.toordinal(), last))
        return Round(named(since, self.repeat), here.since, here.until) if here.since <= day < here.until else None


def events_of(condition: Condition) -> set[str]:
    """The events that it asks for by name."""
    which = [node.which for node in condition.nodes() if isinstance(node, Did)]
    which += [step.which for node in condition.nodes() if isinstance(node, Following) for step in node.steps]
    checks = [check for one in which if one.collection == EVENTS for check in one.checks if check.asked == "name"]
    named = [each for check in checks for each in (check.than if isinstance(check.than, tuple) else (check.than,))]
    return {called(each) for each in named if isinstance(each, str)}


def period(day: date, repeat: Repeat) -> tuple[date, date]:
    """The first day of the time it is in, and the first after it. Weeks begin on Mondays."""
    if repeat == "day":
        return day, day + timedelta(days=1)
    if repeat == "week":
        since = day - timedelta(days=day.weekday())
        return since, since + timedelta(days=7)
    months = {"month": 1, "quarter": 3, "year": 12}[repeat]
    since = date(day.year, (day.month - 1) // months * months + 1, 1)
    return since, civil.add_months(since, months)


def named(since: date, repeat: Repeat) -> str:
    """What a round is called: 2026-03-02, 2026-W10, 2026-03, 2026-Q1, 2026."""
    if repeat == "day":
        return since.isoformat()
    if repeat == "week":
        year, week, _day = since.isocalendar()
        return f"{year}-W{week:02}"
    if repeat == "quarter":
        return f"{since.year}-Q{(since.month + 2) // 3}"
    return f"{since:%Y-%m}" if repeat == "month" else f"{since.year:04}"


def read_badges(told: Sequence[Told]) -> tuple[Badge, ...]:
    """The badges of a file, checked."""
    found: dict[str, Badge] = {}
    for one in told:
        badge = one.name()
        if badge in found:
            raise one.bad("id", _("another badge has this id; give each its own"))
        sign = one.text("sign", "★", longest=2)
        titles, about = one.titles("name", badge), one.titles("about", "")
        found[badge] = Badge(badge, titles, about, _colour(one), sign)
        one.done()
    if len(found) > MOST_BADGES:
        raise told[MOST_BADGES].bad("id", _("write at most %(most)s badges") % {"most": MOST_BADGES})
    return tuple(found.values())


def read(told: Sequence[Told], terms: Terms, badges: Sequence[Badge], seed: str) -> tuple[Mission, ...]:
    """The missions of a file, checked. What they ask of customers is not looked at where `terms` does not know it.
    `seed`: what whom a surprise is for is drawn from."""
    found: dict[str, Mission] = {}
    for one in told:
        made = _mission(one, terms, {badge.id for badge in badges}, seed)
        if made.id in found:
            raise one.bad("id", _("another mission has this id; give each its own"))
        found[made.id] = made
    if len(found) > MOST_MISSIONS:
        raise told[MOST_MISSIONS].bad("id", _("write at most %(most)s missions") % {"most": MOST_MISSIONS})
    return tuple(found.values())


def _mission(told: Told, terms: Terms, badges: set[str], seed: str) -> Mission:
    mission = told.name()
    starts_on, ends_on = told.day("from"), told.day("until")
    if starts_on is not None and ends_on is not None and ends_on <= starts_on:
        raise told.bad("until", _("write a day after `from`; it is the first day without the mission"))
    steps = told.each("steps")
    if not 0 < len(steps) <= MOST_STEPS:
        raise told.bad("steps", _("write 1 to %(most)s steps") % {"most": MOST_STEPS})
    repeat = told.one_of("repeat", REPEATS, "once")
    is_surprise, asks_to_join = told.yes("surprise"), told.yes("join")
    if is_surprise and asks_to_join:
        raise told.bad("join", _("nobody joins what they are not told of; leave out `join` or `surprise`"))
    one_in = told.number("one_in", 1, least=2, most=MOST_ONE_IN)
    if one_in > 1 and not is_surprise:
        raise told.bad("one_in", _("only a surprise is for some by chance; write `surprise: true` as well"))
    found = Mission(
        id=mission,
        titles=told.titles("name", mission),
        about=told.titles("about", ""),
        goals=tuple(_goal(one, terms) for one in steps),
        prize=_prize(told, terms, badges),
        in_order=told.yes("in_order"),
        repeat=next(one for one in REPEATS if one == repeat),
        starts_on=starts_on,
        ends_on=ends_on,
        asks_to_join=asks_to_join,
        only_if=_asked(told, "only_if", terms),
        is_surprise=is_surprise,
        one_in=one_in,
        seed=seed if one_in > 1 else "",
    )
    told.done()
    return found


def _goal(told: Told, terms: Terms) -> Goal:
    titles = told.titles("name", "")
    if told.has("asks"):
        if not titles["en"]:
            raise told.bad("name", _("say in words what it asks"))
        found = Goal(titles, asks=_asked(told, "asks", terms))
        told.done()
        return found
    chosen = told.one_of("what", WHATS)
    what = next(one for one in WHATS if one == chosen)
    of = ""
    if (key := _OF.get(what)) is not None and (what == "events" or told.has(key)):
        of = told.text(key, longest=80)
    row = told.one_of("in_a_row", IN_A_ROW, "")
    if row and what not in ("orders", "visits", "events"):
        raise told.bad("in_a_row", _("only orders, visits and events come in a row"))
    if what == "spend":
        at_least = read_money(told, "at_least", terms)
    else:
        at_least = told.number("at_least", least=2 if row else 1, most=1_000 if row else 100_000)
    rests = told.number("rests", 0, most=MOST_RESTS) if row else 0
    told.done()
    return Goal(titles, Need(what, at_least, of), row, rests)


def _prize(told: Told, terms: Terms, badges: set[str]) -> Prize:
    under = told.under("prize")
    found = Prize(
        points=read_points(under, "points", terms) if under.has("points") else 0,
        badge=under.one_of("badge", sorted(badges), "") if under.has("badge") else "",
        reward=under.text("reward", longest=40) if under.has("reward") else "",
    )
    under.done()
    if found == Prize():
        raise told.bad("prize", _("say what it gives: points, a badge or a reward"))
    return found


def _asked(told: Told, key: str, terms: Terms) -> Condition | None:
    if terms.customers is None:
        told.has(key)
        return None
    return asking.read(told, key, terms.customers, terms.zone)


def _colour(told: Told) -> str:
    colour = told.text("colour", "#2f7d4f", longest=7).lower()
    if len(colour) != 7 or colour[0] != "#" or any(sign not in "0123456789abcdef" for sign in colour[1:]):
        raise told.bad("colour", _('write a colour such as "#c79a3a"'))
    return colour
