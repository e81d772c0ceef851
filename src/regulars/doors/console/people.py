"""How members are named in lists: by what we may show of them, masked, and never more."""

from collections.abc import Sequence
from dataclasses import dataclass

from regulars.facts.customers import customers, profiles


@dataclass(frozen=True)
class Shown:
    """One member as lists show them. `name` is masked; where none is known, what their source calls them."""

    id: int
    public_id: str
    name: str
    contact: str
    country: str


def shown(numbers: Sequence[int]) -> list[Shown]:
    """The members of these numbers in this order; those that no longer exist are left out. Four queries."""
    found = customers.get_many(numbers)
    known = profiles.masked([one.id for one in found.values()])
    refs = customers.refs_of_many([one.id for one in found.values() if not known[one.id].name])
    return [
        Shown(
            id=one.id,
            public_id=one.public_id,
            name=known[one.id].name or refs.get(one.id) or nameless(one.public_id),
            contact=known[one.id].email or known[one.id].phone,
            country=one.country or "",
        )
        for one in (found[number] for number in numbers if number in found)
    ]


def nameless(public_id: str) -> str:
    """What stands for somebody without a name or a reference: the end of the number, enough to tell two apart."""
    return "…" + public_id[-6:].upper()
