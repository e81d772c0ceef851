"""A number as every screen, file and program gets it: with what it rests on and how sure it is.

    exact      counted or summed whole: n says of how many, and there is nothing to be unsure of
    share      of n, with Wilson's interval (`intervals.wilson`)
    mean       of n, with the normal interval of the sample mean
    ratio      of two sums over n customers, with the interval of the delta method: what one customer buys hangs
               together, so that customers are the units and not their orders (Deng, Knoblich & Lu 2018, "Applying the
               Delta Method in Metric Analytics", KDD)
    median     with the interval between two order statistics, which asks for no shape of the distribution
    product    of factors, with the interval of Zou & Donner (2008, Statistics in Medicine 27, 1693-1702) on logarithms,
               the factors taken for independent

All intervals are of 95 %. Nothing is drawn at random: the same facts give the same interval. Statistics come in as
whole numbers, and money goes out as whole minor units, rounded half away from nought.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import exp, log, sqrt
from typing import Any, Literal, Self, TypeVar

from regulars.insight.measures.intervals import Z95, wilson

#: `times` is a plain ratio ("2.3 times"), `number` a mean of things counted.
Unit = Literal["count", "money", "share", "days", "months", "years", "number", "times"]
#: What n counts.
Basis = Literal["customers", "buyers", "orders", "gaps", "lines", "baskets", "messages"]
#: Why there is no value.
Lack = Literal["nobody", "too_few", "too_short", "nobody_left", "no_margin_told", "not_paid_back"]

Number = int | float


@dataclass(frozen=True)
class Estimate:
    """`value` between `low` and `high`, from `n` of `of`; None with the reason in `lack`.

    Money is in whole minor units, a share between 0 and 1. Of an exact number both ends are the value itself.
    `is_open`: it may be more than `high` as well, for nothing was watched for longer.
    `factors` are the numbers it was made of, by name.
    """

    value: Number | None
    n: int
    low: Number | None
    high: Number | None
    unit: Unit
    of: Basis
    is_exact: bool = False
    is_open: bool = False
    lack: Lack | None = None
    factors: Mapping[str, "Estimate"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.value is None or self.low is None or self.high is None:
            if self.lack is None or (self.value, self.low, self.high) != (None, None, None):
                raise ValueError("a value has its interval, and what has none says why")
        elif self.lack is not None or not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value} is not between {self.low} and {self.high}, or lacks something")

    @property
    def count(self) -> int:
        """Of a share: how many of the `n` it is."""
        return round((self.value or 0) * self.n)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as they are kept; `from_json` reads them."""
        told: dict[str, Any] = {"value": self.value, "n": self.n, "low": self.low, "high": self.high}
        told |= {"unit": self.unit, "of": self.of}
        if self.is_exact:
            told["exact"] = True
        if self.is_open:
            told["open"] = True
        if self.lack:
            told["lack"] = self.lack
        if self.factors:
            told["factors"] = {name: one.as_json() for name, one in self.factors.items()}
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        return cls(
            told["value"],
            told["n"],
            told["low"],
            told["high"],
            told["unit"],
            told["of"],
            is_exact=told.get("exact", False),
            is_open=told.get("open", False),
            lack=told.get("lack"),
            factors={name: Estimate.from_json(one) for name, one in told.get("factors", {}).items()},
        )


def unknown(lack: Lack, unit: Unit, of: Basis, *, n: int = 0, **factors: Estimate) -> Estimate:
    """No value, and why."""
    return Estimate(None, n, None, None, unit, of, lack=lack, factors=factors)


def exact(value: int, n: int, unit: Unit, of: Basis, **factors: Estimate) -> Estimate:
    """Everybody was counted."""
    return Estimate(value, n, value, value, unit, of, is_exact=True, factors=factors)


def share(count: int, of: int, basis: Basis) -> Estimate:
    """`count` of `of`."""
    if not of:
        return unknown("nobody", "share", basis)
    low, high = wilson(count, of)
    return Estimate(count / of, of, min(low, count / of), max(high, count / of), "share", basis)


def mean(total: int, squares: int, n: int, unit: Unit, of: Basis, *, least: Number | None = None) -> Estimate:
    """Of n values with that sum and that sum of squares; a single one says nothing of how they spread.

    `least` is the smallest the mean can be: the interval does not go below it.
    """
    return ratio(total, squares, n, n, total, n, unit, of, least=least)


def ratio(
    above: int,
    above_squares: int,
    below: int,
    below_squares: int,
    products: int,
    n: int,
    unit: Unit,
    of: Basis,
    *,
    least: Number | None = None,
    most: Number | None = None,
) -> Estimate:
    """sum(x) / sum(y) over n customers, from the sums of x, x², y, y² and xy.

    The variance is that of the residuals x - r·y: with all y 1, that of a mean.
    """
    if not n or below <= 0:
        return unknown("nobody", unit, of, n=n)
    value = _written(Fraction(above, below), unit)
    if n == 1:
        # One alone shows no spread at all: anything may be, within what can be.
        return unknown("too_few", unit, of, n=n)
    # The residuals' sum of squares times below squared: whole numbers to the last step.
    residuals = above_squares * below * below - 2 * above * below * products + above * above * below_squares
    half = Z95 * sqrt(max(0, residuals) * n / ((n - 1) * below**4))
    low, high = _ends(above / below - half, above / below + half, unit)
    if least is not None:
        low = max(low, least)
    if most is not None:
        high = min(high, most)
    return Estimate(value, n, min(low, value), max(high, value), unit, of)


def median(counts: Mapping[int, int], customers: int, unit: Unit, of: Basis) -> Estimate:
    """The middle of values counted, with its quartiles as factors (`lower`, `upper`).

    The ends are the order statistics z·√(p(1-p)/m) to either side, m being the customers behind the values and not the
    values: the visits of one customer resemble each other, so this is rather too wide than too narrow.
    """
    n = sum(counts.values())
    if n < 2 or customers < 2:
        return unknown("nobody" if not n else "too_few", unit, of, n=n)
    ordered = sorted(counts.items())

    def at(share: float) -> int:
        wanted, seen = max(1, min(n, -(-int(share * n * 1_000_000) // 1_000_000))), 0
        for value, count in ordered:
            seen += count
            if seen >= wanted:
                return value
        raise AssertionError("not reached: wanted is at most n")

    def told(share: float, **factors: Estimate) -> Estimate:
        half = Z95 * sqrt(share * (1 - share) / customers)
        ends = at(max(0.0, share - half)), at(min(1.0, share + half))
        return Estimate(at(share), n, *ends, unit, of, factors=factors)

    return told(0.5, lower=told(0.25), upper=told(0.75))


def product(factors: Mapping[str, Estimate], unit: Unit, of: Basis) -> Estimate:
    """The product of numbers above nought; n is the smallest of the factors that are not exact."""
    uncertain = [one for one in factors.values() if not one.is_exact] or list(factors.values())
    n = min(one.n for one in uncertain)
    lacking = next((one.lack for one in factors.values() if one.lack), None)
    if lacking or any((one.value or 0) <= 0 for one in factors.values()):
        return unknown(lacking or "nobody", unit, of, n=n, **factors)
    value, below, above = 1.0, 0.0, 0.0
    is_open = False
    for one in factors.values():
        assert one.value is not None
        assert one.low is not None
        assert one.high is not None
        value *= one.value
        above += log(one.high / one.value) ** 2
        if one.low > 0:
            below += log(one.value / one.low) ** 2
        else:
            is_open = True
    low, high = _ends(0.0 if is_open else value * exp(-sqrt(below)), value * exp(sqrt(above)), unit)
    told = _written(Fraction(value), unit)
    return Estimate(told, n, min(low, told), max(high, told), unit, of, factors=factors)


def _written(value: Fraction, unit: Unit) -> Number:
    if unit != "money":
        return float(value)
    half = Fraction(1, 2)
    return int(value + half) if value >= 0 else -int(-value + half)


def _ends(low: float, high: float, unit: Unit) -> tuple[Number, Number]:
    return (round(low), round(high)) if unit == "money" else (low, high)


#: What an estimate is kept as, and what it may have besides.
_KEPT = frozenset({"value", "n", "low", "high", "unit", "of"})
_MAY_BE_KEPT = _KEPT | {"exact", "open", "lack", "factors"}


def kept(told: Any) -> Any:
    """What a measure tells, as plain JSON; `found` reads it back.

    Whole numbers are counted. A fraction is a rate or a mean, and stands in an `Estimate` or nowhere.
    """
    match told:
        case Estimate():
            return told.as_json()
        case Mapping():
            return {name: kept(one) for name, one in told.items()}
        case list() | tuple():
            return [kept(one) for one in told]
        case float():
            raise TypeError(f"{told} says neither of how many it is nor how sure; tell an Estimate")
    return told


def found(kept: Any) -> Any:
    """What `kept` wrote, with its estimates."""
    if isinstance(kept, list):
        return [found(one) for one in kept]
    if not isinstance(kept, Mapping):
        return kept
    if _KEPT <= kept.keys() <= _MAY_BE_KEPT:
        return Estimate.from_json(kept)
    return {name: found(one) for name, one in kept.items()}


K = TypeVar("K", str, int)


def added(rows: Iterable[Mapping[K, int]]) -> dict[K, int]:
    """Statistics of several groups that have nobody in common, as one's: all of them are sums."""
    total: dict[K, int] = {}
    for row in rows:
        for name, value in row.items():
            total[name] = total.get(name, 0) + value
    return total
