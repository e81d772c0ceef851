"""Two people beside each other, field by field: said alike, nearly alike, differently, or by one of them only.

What differs is told from the plain texts; what is shown is masked, unless somebody asks to see it and says why.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import polars as pl
from django.db import transaction

from regulars.facts.customers import customers, likeness, persons, profiles, suggesting, traits
from regulars.facts.customers._comparing import NAMES, compare
from regulars.facts.customers.profiles import Purpose
from regulars.kit.actors import Actor

#: All names together, as one field.
NAME = "name"
_NAMES = ("given_name", "family_name", "display_name")
How = Literal["same", "alike", "different", "one_sided"]


@dataclass(frozen=True)
class Compared:
    """One field of two people, in the form it is kept in; empty where one says nothing. `signs` say how it is alike."""

    field: str
    one: str
    other: str
    how: How
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Every field that one of two tells, and all signs of likeness, as `likeness` names them. The record numbers are
    those of the people."""

    one: int
    other: int
    fields: tuple[Compared, ...]
    signs: tuple[str, ...]
    is_plain: bool


def of(*, one: int, other: int) -> Comparison:
    """Two people or their records, masked. About ten queries."""
    return _compared(one, other, is_plain=False)


def reveal(*, one: int, other: int, purpose: Purpose, at: datetime, by: Actor) -> Comparison:
    """The same in plain text. A line in the trail of each. Whoever calls it checked that `by` may `contacts.reveal`."""
    with transaction.atomic():
        found = _compared(one, other, is_plain=True)
        for person in (found.one, found.other):
            profiles.reveal(customer=person, fields=profiles.SEALED, purpose=purpose, at=at, by=by)
    return found


def _compared(one: int, other: int, *, is_plain: bool) -> Comparison:
    person = persons.of_many([one, other])
    mine, theirs = person[one], person[other]
    opened = profiles.opened([mine, theirs], profiles.SEALED)
    told = _told([mine, theirs], opened)
    hidden = {
        *profiles.SEALED,
        NAME,
        *(trait.field for trait in traits.every(with_retired=True).values() if trait.is_personal),
    }
    levels = _levels(opened.get(mine, {}), opened.get(theirs, {}))
    signs = tuple(f"{field}:{level}" for field, level in levels.items())
    fields = []
    for name in _ordered({*told[mine], *told[theirs]}):
        left, right = told[mine].get(name, ""), told[theirs].get(name, "")
        how, why = _how(name, left, right, levels)
        if name in hidden and not is_plain:
            left, right = profiles.masked_text(name, left), profiles.masked_text(name, right)
        fields.append(Compared(name, left, right, how, why))
    return Comparison(mine, theirs, tuple(fields), signs, is_plain)


def _told(people: Iterable[int], opened: Mapping[int, Mapping[str, str]]) -> dict[int, dict[str, str]]:
    """Of each person every field that is told, as text; all names as one."""
    numbers = list(people)
    rows = customers.get_many(numbers)
    readable, personal = profiles.readable(numbers), profiles.opened_traits(numbers)
    told: dict[int, dict[str, str]] = {}
    for number in numbers:
        sealed = opened.get(number, {})
        said = {name: text for name, text in sealed.items() if name not in _NAMES}
        said[NAME] = profiles.shown_name(sealed)
        said |= {"country": rows[number].country or "", "language": rows[number].language or ""}
        said |= {
            name: (traits.as_list(one) or "") if isinstance(one, tuple) else one
            for name, one in readable.get(number, {}).items()
        }
        said |= personal.get(number, {})
        told[number] = {name: text for name, text in said.items() if text}
    return told


def _ordered(names: set[str]) -> list[str]:
    known = [NAME, *profiles.FIELDS]
    return [name for name in known if name in names] + sorted(names.difference(known))


def _levels(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """How alike what both tell is, by the field of likeness."""
    schema = dict.fromkeys(likeness.COLUMNS, pl.String)
    records = likeness.Records.of(pl.DataFrame([suggesting.told(one), suggesting.told(other)], schema=schema))
    places = pl.Series([0], dtype=pl.Int64).to_numpy(), pl.Series([1], dtype=pl.Int64).to_numpy()
    [levels] = compare(records.columns, *places)
    assert len(levels) == len(NAMES)
    return {sign.field: sign.level for sign in likeness.signs(levels)}


def _how(name: str, left: str, right: str, levels: Mapping[str, str]) -> tuple[How, tuple[str, ...]]:
    if not left or not right:
        return "one_sided", ()
    if " ".join(left.split()).casefold() == " ".join(right.split()).casefold():
        return "same", ()
    compared = ("given_name", "family_name") if name == NAME else (name,)
    found = {field: levels[field] for field in compared if field in levels}
    if name == "birthday" and not found:
        # One of them left out the year.
        return ("alike" if left[-5:] == right[-5:] else "different"), ()
    signs = tuple(f"{field}:{level}" for field, level in found.items())
    if not found or "different" in found.values():
        return "different", signs
    return ("same" if set(found.values()) == {"same"} else "alike"), signs
