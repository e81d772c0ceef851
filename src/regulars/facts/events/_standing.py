"""What is known of a visitor, and how one event after the other changes it. Reading them again gives the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from django.db import connection

from regulars.facts.events import spec
from regulars.facts.events.messages import DECODER, KINDS, NAMES_OF_KINDS
from regulars.facts.events.stream import Event
from regulars.facts.events.traits import MOST_TRAITS
from regulars.runtime.database import arrays, instants

#: Names that are counted apart, for each visitor; what comes beyond is counted together, under this name.
MOST_NAMES = 60
OTHERS = ":others"
#: Products kept of each sort.
MOST_PRODUCTS = 10
#: Of which events the products are kept, and as what.
_SORTS = {"Product Viewed": "viewed", "Order Completed": "bought", "Till Sale": "bought"}

Kind = Literal["user", "device"]
JSON = msgspec.json.Encoder(decimal_format="number", order="deterministic")

_LOAD = f"""
SELECT id, namespace, kind, ref, customer_id, {instants.told("linked_at")}, {instants.told("first_seen_at")},
       {instants.told("last_seen_at")}, events, last_source, CASE WHEN id = ANY(%s::uuid[]) THEN counts::text END,
       CASE WHEN id = ANY(%s::uuid[]) THEN products::text END, CASE WHEN id = ANY(%s::uuid[]) THEN traits::text END
  FROM events_visitor WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608 - of constants
_TOLD = """jsonb_to_recordset(%s::jsonb) AS told(id uuid, namespace text, kind text, ref text, customer bigint,
       linked_at timestamptz, first_seen_at timestamptz, last_seen_at timestamptz, events bigint, counts jsonb,
       products jsonb, traits jsonb, last_source bigint)
"""
_ADD = f"""
INSERT INTO events_visitor (id, namespace, kind, ref, customer_id, linked_at, first_seen_at, last_seen_at, events,
       counts, products, traits, last_source)
SELECT id, namespace, kind, ref, customer, linked_at, first_seen_at, last_seen_at, events, counts, products, traits,
       last_source
  FROM {_TOLD}
"""  # noqa: S608 - of constants
_CHANGE = f"""
UPDATE events_visitor AS visitor SET ref = told.ref, customer_id = told.customer, linked_at = told.linked_at,
       first_seen_at = told.first_seen_at, last_seen_at = told.last_seen_at, events = told.events,
       counts = COALESCE(told.counts, visitor.counts), products = COALESCE(told.products, visitor.products),
       traits = COALESCE(told.traits, visitor.traits), last_source = told.last_source
  FROM {_TOLD} WHERE visitor.id = told.id
"""  # noqa: S608 - of constants


@dataclass
class Standing:
    """One visitor, while a slice of the stream is read. `contact` is the reference where it must not be stored.

    `counts`, `products` and `traits` are None where nothing in the slice touches them; they stay as they are."""

    id: UUID
    namespace: str
    kind: Kind
    ref: str | None
    customer: int | None
    linked_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    events: int
    last_source: int
    counts: dict[str, int] | None
    products: dict[str, list[dict[str, Any]]] | None
    traits: dict[str, Any] | None
    contact: str | None = field(default=None, compare=False)
    is_new: bool = field(default=False, compare=False)

    @staticmethod
    def new(id: UUID, namespace: str, kind: Kind, ref: str | None, event: Event) -> "Standing":
        at = event.occurred_at
        return Standing(id, namespace, kind, ref, None, None, at, at, 0, event.source, {}, {}, {}, is_new=True)

    def seen(self, event: Event) -> None:
        """It was there. An event of which the client said that nobody was active moves only the beginning."""
        at = event.occurred_at
        self.first_seen_at = min(self.first_seen_at, at)
        context = event.data.get("context")
        if at >= self.last_seen_at and not (isinstance(context, dict) and context.get("active") is False):
            self.last_seen_at, self.last_source = at, event.source

    def did(self, event: Event) -> None:
        """It did this: counted by name, with the products it was about."""
        self.events += 1
        is_track = event.kind == KINDS["track"]
        name = spec.canonical(event.name) if is_track else f":{NAMES_OF_KINDS[event.kind]}"
        if is_track and name in _SORTS:
            self._about(_SORTS[name], event)
        assert self.counts is not None
        if name not in self.counts and len(self.counts) >= MOST_NAMES:
            name = OTHERS
        self.counts[name] = self.counts.get(name, 0) + 1

    def told(self, traits: Mapping[str, Any]) -> None:
        """Traits of the shop's own making; null removes one, empty text is a value."""
        assert self.traits is not None
        for name, value in traits.items():
            if value is None:
                self.traits.pop(name, None)
            elif name in self.traits or len(self.traits) < MOST_TRAITS:
                self.traits[name] = value

    def _about(self, sort: str, event: Event) -> None:
        assert self.products is not None
        kept = {one["ref"]: one for one in self.products.get(sort, [])}
        at = event.occurred_at.astimezone(UTC).isoformat()
        properties = event.data.get("properties")
        for told, title in spec.named(event.name, properties) if isinstance(properties, dict) else ():
            ref = told or title
            if ref not in kept or _latest(kept[ref]) <= (at, event.id):
                kept[ref] = {"ref": ref, "title": title, "at": at, "event": event.id}
        # Whoever was told in one event stands in the order in which it was told.
        self.products[sort] = sorted(kept.values(), key=_latest, reverse=True)[:MOST_PRODUCTS]


def _latest(one: Mapping[str, Any]) -> tuple[str, int]:
    return one["at"], one["event"]


def load(visitors: Iterable[UUID], events: Iterable[Event]) -> dict[UUID, Standing]:
    """Those of the visitors that were met before, locked, with what these events touch of them. One query."""
    counted, shown, telling = set(), set(), set()
    for event in events:
        counted.add(event.visitor)
        if event.kind == KINDS["identify"]:
            telling.add(event.visitor)
        elif event.kind == KINDS["track"] and spec.canonical(event.name) in _SORTS:
            shown.add(event.visitor)
    touched = [arrays.of_uuids(some) for some in (counted, shown, telling)]
    with connection.cursor() as cursor:
        cursor.execute(_LOAD, [*touched, arrays.of_uuids(sorted(visitors))])
        return {row[0]: _standing(row) for row in cursor.fetchall()}


def _standing(row: tuple[Any, ...]) -> Standing:
    *plain, linked, first, last, events, last_source, counts, products, traits = row
    seen = instants.read_if_any(linked), instants.read(first), instants.read(last)
    told = (None if one is None else DECODER.decode(one) for one in (counts, products, traits))
    values: tuple[Any, ...] = (*plain, *seen, events, last_source, *told)
    return Standing(*values)


def save(standings: Sequence[Standing]) -> None:
    """All of them as they are now. A statement for those that are new, and one for the others."""
    for statement, some in (
        (_ADD, [one for one in standings if one.is_new]),
        (_CHANGE, [one for one in standings if not one.is_new]),
    ):
        if some:
            with connection.cursor() as cursor:
                # One text: a list for each column takes longer to write than all the rest of a slice.
                cursor.execute(statement, [JSON.encode([_told(one) for one in sorted(some, key=_place)]).decode()])


def _place(one: Standing) -> UUID:
    return one.id


def _told(one: Standing) -> dict[str, Any]:
    return {
        "id": one.id,
        "namespace": one.namespace,
        "kind": one.kind,
        "ref": one.ref,
        "customer": one.customer,
        "linked_at": one.linked_at,
        "first_seen_at": one.first_seen_at,
        "last_seen_at": one.last_seen_at,
        "events": one.events,
        "counts": one.counts,
        "products": one.products,
        "traits": one.traits,
        "last_source": one.last_source,
    }
