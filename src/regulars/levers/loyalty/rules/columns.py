"""Very many orders at once: what a rule looks at and answers, a column each. What a rule says of one order and of many
is the same, and stands in the same file; tests ask both of the same orders.

All of it is whole numbers. Where they could be larger than 64 bits hold, it is refused, and asked order by order.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.object_]

_MOST = 2**62


class TooLarge(ArithmeticError):
    """Numbers that 64 bits might not hold."""


@dataclass(frozen=True)
class Seen:
    """What can be asked of lines and of the orders they are on, as `LineView` and `OrderView` have it. Of each line its
    `goods` (product, category, brand and SKU, one after the other with `BETWEEN` between them) and `quantity` in
    thousandths; `placed_at` in microseconds since 1970. All of them are in the programme's money.
    """

    goods: Texts
    quantity: Numbers
    amount_minor: Numbers
    placed_at: Numbers
    channel: Texts
    store: Texts
    fulfilment: Texts
    currency: str


BETWEEN = "\x1c"


@dataclass(frozen=True)
class OrderColumns:
    """Orders as they stand, as `OrderView` has each. `placed_on`: days since 1970. `number`: which order of its
    customer's each is. Its lines stand from `begins[n]` until before `begins[n + 1]`.

    What counts of them is as `Basis` has it: of each line `weights`, of each order `whole` of them, one of which is
    worth `over` of `under` minor units of the programme's money. `items`: thousandths of what was kept of each line.
    `runs`: period to how many of them in a row its customer had bought by each order, 0 where its own had one already.
    `member`, `seed`, `tiers` and `birthdays` are as `Context` has them, empty texts for what it has not.
    """

    placed_on: Numbers
    number: Numbers
    member: Numbers
    begins: Numbers
    line: Numbers
    items: Numbers
    weights: Numbers
    whole: Numbers
    over: Numbers
    under: Numbers
    seen: Seen
    runs: Mapping[str, Numbers] = field(default_factory=dict)
    seed: str = ""
    tiers: Mapping[str, Texts] = field(default_factory=dict)
    birthdays: Mapping[str, Texts] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.placed_on)

    def of_lines(self, fit: Flags) -> "OrderColumns":
        """The same where only these lines count."""
        weights = np.where(fit, self.weights, 0)
        return replace(self, weights=weights, whole=sums(weights, self.begins))

    def take(self, rows: Numbers) -> tuple["OrderColumns", Numbers]:
        """Some of the orders, and which of the lines are theirs."""
        many = np.diff(self.begins)[rows]
        begins = np.concatenate((np.zeros(1, np.int64), np.cumsum(many)))
        lines = np.repeat(self.begins[rows] - begins[:-1], many) + np.arange(begins[-1])
        seen = replace(
            self.seen,
            **{name: getattr(self.seen, name)[lines] for name in ("goods", "quantity", "amount_minor")},
            **{name: getattr(self.seen, name)[rows] for name in ("placed_at", "channel", "store", "fulfilment")},
        )
        found = replace(
            self,
            begins=begins,
            seen=seen,
            **{name: getattr(self, name)[rows] for name in ("placed_on", "number", "member", "whole", "over", "under")},
            **{name: getattr(self, name)[lines] for name in ("line", "items", "weights")},
            runs={name: one[rows] for name, one in self.runs.items()},
            tiers={name: one[rows] for name, one in self.tiers.items()},
            birthdays={name: one[rows] for name, one in self.birthdays.items()},
        )
        return found, lines

    @property
    def of(self) -> Numbers:
        """The order of each line."""
        return np.repeat(np.arange(len(self)), np.diff(self.begins))

    @property
    def floor(self) -> Numbers:
        """The money that counts, in whole minor units of the programme's."""
        fits(self.whole, self.over)
        return self.whole * self.over // self.under


@dataclass
class Answers:
    """What a rule answers to each order: `parts` where it grants some, over the lines by `shares`, and why, or why not:
    a `code`, and its `facts` as JSON."""

    parts: Numbers
    shares: Numbers
    code: Texts
    facts: Texts
    #: Those that are not answered yet.
    is_open: Flags = field(init=False)
    #: What it would give where no cap kept anything.
    wanted: Numbers = field(init=False)

    def __post_init__(self) -> None:
        self.is_open = np.ones(len(self.parts), np.bool_)
        self.wanted = self.parts

    @classmethod
    def to(cls, orders: OrderColumns) -> "Answers":
        """None answered yet."""
        many, lines = len(orders), len(orders.line)
        return cls(
            np.zeros(many, np.int64), np.zeros(lines, np.int64), np.full(many, "", object), np.full(many, "{}", object)
        )

    def miss(self, which: Flags, code: str, **facts: object) -> None:
        """Nothing for those of the open ones, and why. A fact is one for all of them, or a function of which."""
        mine = self.is_open & which
        self._say(mine, code, facts)

    def grant(self, parts: Numbers, code: str, **facts: object) -> None:
        """So many parts for those of the open ones where they are any."""
        mine = self.is_open & (parts > 0)
        self.parts[mine] = parts[mine]
        self._say(mine, code, facts)

    def cap(self, granted: Numbers, begins: Numbers, said: Callable[[int], str]) -> None:
        """So much of what it would give and no more; `said` is how a reason keeps points."""
        less = granted < self.parts
        if not less.any():
            return
        self.wanted = self.parts.copy()
        of = np.repeat(less, np.diff(begins))
        shares = split(np.where(less, granted, 0), np.where(of, self.shares, 0), begins)
        self.shares = np.where(of, shares, self.shares)
        for place in np.flatnonzero(less).tolist():
            told = f'"uncapped":"{said(int(self.parts[place]))}"}}'
            if granted[place]:
                facts = self.facts[place][:-1]
                self.facts[place] = f"{facts}{',' if len(facts) > 1 else ''}{told}"
            else:
                self.code[place], self.facts[place] = "cap_reached", "{" + told
        self.parts[less] = granted[less]

    def _say(self, mine: Flags, code: str, facts: Mapping[str, object]) -> None:
        self.is_open &= ~mine
        which = np.flatnonzero(mine)
        if not len(which):
            return
        self.code[which] = code
        if facts:
            told = {name: fact(which) if callable(fact) else fact for name, fact in facts.items()}
            self.facts[which] = _as_json(told, len(which))

    def more(self, others: Sequence["Answers"], more: Fraction, begins: Numbers, code: str, **facts: object) -> None:
        """As many times of what others gave as `more` says, to the open ones, over the lines that they stand on."""
        multiplied = sum((one.parts for one in others), np.zeros(len(self.parts), np.int64))
        fits(multiplied, more.numerator)
        parts = np.where(self.is_open, multiplied * more.numerator // more.denominator, 0)
        self.grant(parts, code, **facts)
        weights = sum((one.shares for one in others), np.zeros(len(self.shares), np.int64))
        self.shares = self.shares + split(parts, weights, begins)


Fact = Callable[[NDArray[np.intp]], Sequence[str] | Sequence[int]]


def _as_json(facts: Mapping[str, object], many: int) -> list[str]:
    """The same names for all of them, and values of each."""
    pieces, columns = "", []
    for name, value in facts.items():
        pieces += f"{',' if pieces else ''}{_percent(json.dumps(name))}:"
        if isinstance(value, list):
            # Texts here are numbers, money and days: nothing in them wants escaping.
            pieces += '"%s"' if value and isinstance(value[0], str) else "%s"
            columns.append(value)
        else:
            pieces += _percent(json.dumps(value))
    form = "{" + pieces + "}"
    if not columns:
        return [form % ()] * many
    return [form % one for one in zip(*columns, strict=True)]


def _percent(text: str) -> str:
    return text.replace("%", "%%")


def fits(*factors: Numbers | int) -> None:
    """Raises `TooLarge` where a product of these may be more than 64 bits hold."""
    most = 1
    for one in factors:
        most *= max(abs(int(one.max(initial=0))), abs(int(one.min(initial=0)))) if isinstance(one, np.ndarray) else one
    if most >= _MOST:
        raise TooLarge


def sums(values: Numbers, begins: Numbers) -> Numbers:
    """Of each order, of its lines."""
    until = np.concatenate((np.zeros(1, np.int64), np.cumsum(values)))
    found: Numbers = until[begins[1:]] - until[begins[:-1]]
    return found


def split(parts: Numbers, weights: Numbers, begins: Numbers) -> Numbers:
    """`grants.split` of each order's parts over its lines; every order with parts has a weight above zero."""
    fits(parts, weights)
    of = np.repeat(np.arange(len(parts)), np.diff(begins))
    total = sums(weights, begins)
    mine, whole = parts[of] * weights, np.maximum(total, 1)[of]
    shares, rest = np.divmod(mine, whole)
    left = parts - sums(shares, begins)
    some = np.flatnonzero((left > 0)[of])
    if len(some):
        # Of each order the largest remainders first, earlier lines before later ones.
        some = some[np.lexsort((-rest[some], of[some]))]
        first = np.concatenate(([True], of[some][1:] != of[some][:-1]))
        place = np.arange(len(some)) - np.maximum.accumulate(np.where(first, np.arange(len(some)), 0))
        shares[some] += place < left[of[some]]
    return shares
