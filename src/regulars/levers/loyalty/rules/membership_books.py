"""Where the money of a membership is: what came is what periods took, what is credit or paid ahead, and what goes or
went back. Nothing is added but by a payment and nothing is ever lost: all else moves from place to place. Pure.
"""

from dataclasses import dataclass, replace
from typing import Literal

#: It pays the present period · a period to come · is credited · is announced to go back · was taken by what is over ·
#: went back.
Place = Literal["period", "ahead", "credit", "back", "taken", "gone"]
PLACES: tuple[Place, ...] = ("period", "ahead", "credit", "back", "taken", "gone")


@dataclass(frozen=True)
class Part:
    """So much of a payment. `slot`: paid ahead, which of the periods to come it pays, the next one first."""

    payment: str
    place: Place
    minor: int
    slot: int = 0


@dataclass(frozen=True)
class Books:
    """The parts of all payments, those that came first first."""

    parts: tuple[Part, ...] = ()

    def at(self, place: Place, *, payment: str | None = None) -> int:
        return sum(one.minor for one in self._found(place, payment, None))

    def left_of(self, payment: str) -> int:
        """What of a payment did not go back."""
        return sum(one.minor for one in self.parts if one.payment == payment and one.place != "gone")

    def slots_of(self, payment: str) -> set[int]:
        """The periods to come that it pays."""
        return {one.slot for one in self._found("ahead", payment, None)}

    def came(self, payment: str, minor: int, place: Place, *, slot: int = 0) -> "Books":
        return self._put(Part(payment, place, minor, slot)) if minor else self

    def moved(
        self,
        source: Place,
        to: Place,
        minor: int | None = None,
        *,
        payment: str | None = None,
        slot: int | None = None,
        to_slot: int = 0,
    ) -> "Books":
        """So much goes from place to place, or all of it; of one payment, of one slot, where they are named."""
        found = self._found(source, payment, slot)
        left = sum(one.minor for one in found) if minor is None else minor
        assert 0 <= left <= sum(one.minor for one in found), "nothing moves that is not there"
        books = self
        for part in found:
            taken = min(part.minor, left)
            if taken:
                books = books._put(replace(part, minor=-taken))._put(Part(part.payment, to, taken, to_slot))
                left -= taken
        return books

    def exchanged(self, payment: str, minor: int) -> "Books":
        """So much of it is what goes back, and what was to go back of others is where that was."""
        books = self
        for mine in [one for one in self.parts if one.payment == payment and one.place not in ("back", "gone")]:
            for other in [one for one in books._found("back", None, None) if one.payment != payment]:
                much = min(minor, mine.minor, other.minor)
                if much:
                    books = books._put(replace(mine, minor=-much))._put(Part(payment, "back", much))
                    books = books._put(replace(other, minor=-much))._put(
                        replace(mine, payment=other.payment, minor=much)
                    )
                    mine, minor = replace(mine, minor=mine.minor - much), minor - much
        return books

    def without_slot(self, slot: int) -> "Books":
        """One period fewer to come is paid: what it was paid with must have moved before."""
        assert not self._found("ahead", None, slot)
        return Books(
            tuple(
                replace(one, slot=one.slot - 1) if one.place == "ahead" and one.slot > slot else one
                for one in self.parts
            )
        )

    def _found(self, place: Place, payment: str | None, slot: int | None) -> list[Part]:
        return [
            one
            for one in self.parts
            if one.place == place and payment in (None, one.payment) and slot in (None, one.slot)
        ]

    def _put(self, part: Part) -> "Books":
        where = (part.payment, part.place, part.slot)
        for nth, one in enumerate(self.parts):
            if (one.payment, one.place, one.slot) == where:
                whole = replace(one, minor=one.minor + part.minor)
                return Books((*self.parts[:nth], *((whole,) if whole.minor else ()), *self.parts[nth + 1 :]))
        return Books((*self.parts, part))


EMPTY = Books()
