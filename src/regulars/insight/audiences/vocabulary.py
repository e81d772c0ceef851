"""What conditions may ask in this shop, in the reader's language: what the rooms offer, and the audiences there are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from django.utils.functional import Promise

from regulars.facts.company import company
from regulars.insight.audiences import _ready_made
from regulars.insight.audiences.models import Audience
from regulars.kit import ids
from regulars.kit.conditions import vocabulary as kit
from regulars.kit.conditions.vocabulary import Asked, Vocabulary
from regulars.runtime import rooms
from regulars.runtime.database.offered import Collection, Column, Field

PREFIX = "aud"

T = TypeVar("T")


def current() -> Vocabulary:
    """All that can be asked now. Personal fields are in it, so that a condition that asks one is told why it may not.

    Two queries, and a dozen once it is looked at: what operators define, such as traits, tags and stores, is asked of
    the database.
    """
    rows = Audience.objects.filter(archived_at=None).order_by("name", "id")
    names = rows.values_list("public_id", "ready_made", "name")
    return Vocabulary(
        fields=_Later(_fields),
        collections=_Later(_collections),
        currency=company.shop().currency,
        audiences={ids.public(PREFIX, uuid): _ready_made.called(code, name) for uuid, code, name in names},
    )


class _Later(Mapping[str, T]):
    """Put together by who first looks at it. Most rules of programmes ask nothing of customers."""

    def __init__(self, make: Callable[[], Mapping[str, T]]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Mapping[str, T]:
        return self._make()

    def __getitem__(self, name: str) -> T:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def _fields() -> dict[str, Asked]:
    return {name: _field(field) for name, field in rooms.fields().items() if field.everyone or field.is_personal}


def _collections() -> dict[str, kit.Collection]:
    return {name: _collection(one) for name, one in rooms.collections().items()}


def _field(field: Field) -> Asked:
    return Asked(field.name, field.type, str(field.label), field.kind, _choices(field.choices), field.is_personal)


def _collection(one: Collection) -> kit.Collection:
    return kit.Collection(
        name=one.name,
        label=str(one.label),
        did=str(one.did),
        columns=_columns(one.columns),
        parts={part.name: _columns(part.columns) for part in one.parts},
        part_labels={part.name: str(part.label) for part in one.parts},
    )


def _columns(columns: Sequence[Column]) -> dict[str, Asked]:
    return {
        column.name: Asked(column.name, column.type, str(column.label), choices=_choices(column.choices))
        for column in columns
    }


def _choices(choices: Callable[[], Sequence[tuple[str, str | Promise]]] | None) -> Mapping[str, str]:
    return {} if choices is None else {code: str(words) for code, words in choices()}
