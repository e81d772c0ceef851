"""Points: a whole number of the smallest part a programme knows."""

from dataclasses import dataclass
from decimal import Decimal

from regulars.kit._exact import NotExact, refuse_too_large, scaled, unscaled
from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _

MOST_DECIMALS = 6


class MixedScales(Refusal):
    """Points of two programmes with different decimals in one sum or comparison."""

    code = "points.mixed_scales"


class BadScale(Refusal):
    """A scale is a number of decimals from 0 to 6."""

    code = "points.bad_scale"


@dataclass(frozen=True)
class Points:
    """`parts` of 10 to the minus `scale` points each: Points(125, 1) is 12.5 points, Points(125, 0) is 125."""

    parts: int
    scale: int = 0

    def __post_init__(self) -> None:
        if type(self.scale) is not int or not 0 <= self.scale <= MOST_DECIMALS:
            raise BadScale(
                _("scale: %(value)r is no number of decimals; use 0 to %(most)s")
                % {"value": self.scale, "most": MOST_DECIMALS},
                field="scale",
                value=repr(self.scale),
            )
        if type(self.parts) is not int:
            raise NotExact(
                f"parts: {self.parts!r} is no whole number; use Points.of for points with a point",
                field="parts",
                value=repr(self.parts),
            )
        refuse_too_large(self.parts, "parts")

    @classmethod
    def of(cls, amount: str | Decimal, scale: int = 0) -> "Points":
        """Exactly `amount` points; refused when it has more than `scale` decimals, or is a float."""
        return cls(scaled(amount, cls(0, scale).scale, "points"), scale)

    @property
    def decimal(self) -> Decimal:
        """Points with exactly `scale` decimals."""
        return unscaled(self.parts, self.scale)

    def __str__(self) -> str:
        return str(self.decimal)

    def __bool__(self) -> bool:
        return self.parts != 0

    def __add__(self, other: "Points") -> "Points":
        return Points(self.parts + self._alike(other), self.scale)

    def __sub__(self, other: "Points") -> "Points":
        return Points(self.parts - self._alike(other), self.scale)

    def __neg__(self) -> "Points":
        return Points(-self.parts, self.scale)

    def __lt__(self, other: "Points") -> bool:
        return self.parts < self._alike(other)

    def __le__(self, other: "Points") -> bool:
        return self.parts <= self._alike(other)

    def __gt__(self, other: "Points") -> bool:
        return self.parts > self._alike(other)

    def __ge__(self, other: "Points") -> bool:
        return self.parts >= self._alike(other)

    def at_scale(self, scale: int) -> "Points":
        """The same points in parts of another size; refused when a part would be lost."""
        return Points.of(self.decimal, scale)

    def _alike(self, other: "Points") -> int:
        if not isinstance(other, Points):
            raise NotExact(
                f"{other!r} is no Points; add and compare points with points only",
                field="other",
                value=repr(other)[:60],
            )
        if other.scale != self.scale:
            raise MixedScales(
                _("scale: points with %(other)s and with %(own)s decimals do not mix; use at_scale first")
                % {"other": other.scale, "own": self.scale},
                field="scale",
                value=other.scale,
            )
        return other.parts
