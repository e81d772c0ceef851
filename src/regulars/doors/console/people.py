"""How members are named in lists: by what we may show of them, masked, and never more."""

from collections.abc import Sequence
from dataclasses import dataclass

from regulars.facts.customers import customers
from regulars.kit.refusals import Refusal


@dataclass(frozen=True)
class Shown:
    """One member as lists show them. `shown_name` is masked, or the end of their number where no name is known."""

    id: int
    public_id: str
    shown_name: str
    country: str
    language: str


def find(asked: str, *, limit: int) -> list[int]:
    """The numbers of the members `asked` names: `cus_…`, or a source's own reference."""
    try:
        return [customers.by_public_id(asked).id]
    except Refusal:
        return customers.find_by_ref(ref=asked)[:limit]


def shown(numbers: Sequence[int]) -> list[Shown]:
    """The members of these numbers in this order; those that no longer exist are left out."""
    found = customers.get_many(numbers)
    return [
        Shown(c.id, c.public_id, "…" + c.public_id[-6:], c.country or "", c.language or "")
        for c in (found[number] for number in numbers if number in found)
    ]
