"""What is shown of a profile and why: every word that was said of a field, by whom, when, and what became of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from regulars.facts.customers import _opening, _statements, customers, kinds, persons, profiles, traits
from regulars.facts.customers.models import CONTACTS, Customer
from regulars.facts.customers.profiles import FIELDS, SEALED, Purpose
from regulars.facts.customers.survivorship import Because, Standing
from regulars.kit.actors import Actor


@dataclass(frozen=True)
class Word:
    """What one source said last of one field, and what became of it. `by` is who wrote it down, as in the trail."""

    text: str
    source: str
    record: int
    at: datetime | None
    by: str
    standing: Standing


@dataclass(frozen=True)
class Explanation:
    """What is shown in a field, why, and all that was said of it: the shown word first, then the newest.

    `is_nobodys`: a contact by which nobody can be known, such as a company's line.
    """

    field: str
    text: str
    because: Because
    words: tuple[Word, ...]
    is_nobodys: bool = False


def explain(*, customer: int, field: str) -> Explanation:
    """What is shown in a field, why, and what every source said of it; what is sealed is masked. A few queries."""
    return explain_all(customer=customer, fields=[field])[0]


def explain_all(*, customer: int, fields: Iterable[str] | None = None) -> list[Explanation]:
    """`explain` for these fields; without them, for every field of which something was said, in the order of FIELDS."""
    wanted = None if fields is None else _opening.asked(fields, FIELDS)
    told = _explained(customer, wanted)
    hidden = {*SEALED, *_personal([one.field for one in told])}
    return [_masked_words(one) if one.field in hidden else one for one in told]


def reveal_explained(
    *, customer: int, fields: Iterable[str], purpose: Purpose, at: datetime, by: Actor
) -> list[Explanation]:
    """`explain_all` in plain text. Leaves a line in the trail, as `reveal` does, and asks the same of its caller."""
    wanted = _opening.asked(fields, FIELDS)
    with transaction.atomic():
        told = _explained(customer, wanted)
        _opening.looked(customer, wanted, Purpose(purpose).value, at, by)
    return told


def _explained(customer: int, fields: Sequence[str] | None) -> list[Explanation]:
    person = persons.of(customer)
    rows = {row.id: row for row in Customer.objects.filter(id=person)}
    if person not in rows:
        raise customers.no_number(customer)
    _, said = _opening.known([person], rows)
    if fields is None:
        there = said.fields(person) | ({"country"} if rows[person].country else set())
        fields = [name for name in FIELDS if name in there] + sorted(there.difference(FIELDS))
    told = []
    for name in fields:
        because, words = said.explained(person, name)
        shown = tuple(
            Word(one.text, one.source, one.record, _statements.instant(one.at), one.by, standing)
            for one, standing in words
        )
        text = said.shown(person, name)
        if not words and text:
            shown = (Word(text, _statements.FROM_ORDERS, person, None, "", Standing.SHOWN),)
            because = Because.ONLY
        is_nobodys = name in CONTACTS and bool(text) and kinds.is_nobodys(name, profiles.compared(name, text))
        told.append(Explanation(name, text, because, shown, is_nobodys))
    return told


def _personal(names: Iterable[str]) -> set[str]:
    """Those of the fields that are personal traits of the shop's own. One query where there are traits at all."""
    if not any(name.startswith(traits.PREFIX) for name in names):
        return set()
    return {trait.field for trait in traits.every(with_retired=True).values() if trait.is_personal}


def _masked_words(told: Explanation) -> Explanation:
    words = tuple(replace(word, text=profiles.masked_text(told.field, word.text)) for word in told.words)
    return replace(told, text=profiles.masked_text(told.field, told.text), words=words)
