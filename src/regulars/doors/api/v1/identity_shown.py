"""Who is who, as the API shows it: what acts came to, what would change, records with their evidence, masked."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from pydantic import Field, StringConstraints

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import caller
from regulars.facts.customers import records
from regulars.facts.customers.identity import Changed, LinkView, Preview
from regulars.facts.customers.records import RecordView

Why = Literal["asked", "confirmed", "document", "recognised", "family", "new_owner", "mistake"]
Verdict = Literal["join", "apart", "open"]
CustomerId = Annotated[str, StringConstraints(max_length=64)]
Namespace = Annotated[str, StringConstraints(max_length=64)]
Value = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Few = Annotated[int, Field(ge=1, le=100_000)]


class MoveOut(exact.Shown):
    """A record that came to a person, or left one."""

    record: str
    person: str


class RegroupedOut(exact.Shown):
    """What an act came to. `conflicts` is how many questions it left for somebody."""

    joined: list[MoveOut]
    parted: list[MoveOut]
    conflicts: int


class EffectOut(exact.Shown):
    """So many things of a kind would move."""

    what: str
    count: int


class PreviewOut(exact.Shown):
    """What would change. Nothing was written."""

    joined: list[MoveOut]
    parted: list[MoveOut]
    effects: list[EffectOut]
    people_before: int
    people_after: int
    conflicts: int


class LinkOut(exact.Shown):
    """A piece of evidence. `value` is null for a contact; `counts` is false where it was taken back."""

    number: int
    record: str
    kind: str
    namespace: str
    value: str | None
    evidence: str
    source: str
    at: datetime
    by: str
    counts: bool


class CalledOut(exact.Shown):
    """What a source calls a record; `ref` is null where it is a contact."""

    namespace: str
    ref: str | None
    since: datetime


class RecordOut(exact.Shown):
    """A record: somebody as one source calls them. Masked."""

    id: str
    origin: str
    country: str | None
    first_seen_at: datetime | None
    joined_at: datetime | None
    called: list[CalledOut]
    masked_name: str
    masked_email: str
    masked_phone: str
    links: list[LinkOut]


def key_of(request: HttpRequest, told: str) -> str:
    """Two programs that choose the same key mean two acts."""
    return f"{caller(request)}:{told}"


def _moves(of: Iterable[Any], ids: dict[int, str]) -> list[MoveOut]:
    return [MoveOut(record=ids[move.record], person=ids[move.person]) for move in of]


def _ids_of(told: Changed | Preview) -> dict[int, str]:
    return records.public_ids(n for move in (*told.joined, *told.parted) for n in (move.record, move.person))


def changed(told: Changed) -> RegroupedOut:
    ids = _ids_of(told)
    return RegroupedOut(joined=_moves(told.joined, ids), parted=_moves(told.parted, ids), conflicts=len(told.conflicts))


def previewed(told: Preview) -> PreviewOut:
    ids = _ids_of(told)
    return PreviewOut(
        joined=_moves(told.joined, ids),
        parted=_moves(told.parted, ids),
        effects=[EffectOut(what=str(effect.what), count=effect.count) for effect in told.effects],
        people_before=told.people_before,
        people_after=told.people_after,
        conflicts=told.conflicts,
    )


def links_shown(of: Iterable[LinkView], ids: dict[int, str]) -> list[LinkOut]:
    return [
        LinkOut(
            number=link.id,
            record=ids[link.record],
            kind=link.kind,
            namespace=link.namespace,
            value=link.value,
            evidence=link.evidence,
            source=link.source,
            at=link.at,
            by=link.by,
            counts=link.counts,
        )
        for link in of
    ]


def records_shown(of: Iterable[RecordView]) -> list[RecordOut]:
    return [
        RecordOut(
            id=one.public_id,
            origin=one.origin,
            country=one.country,
            first_seen_at=one.first_seen_at,
            joined_at=one.joined_at,
            called=[CalledOut(namespace=told.namespace, ref=told.ref, since=told.since) for told in one.called],
            masked_name=one.masked.name,
            masked_email=one.masked.email,
            masked_phone=one.masked.phone,
            links=links_shown(one.links, {one.id: one.public_id}),
        )
        for one in of
    ]
